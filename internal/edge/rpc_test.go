package edge

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// phone is a connected client.
type phone struct {
	f      *fixture
	id     ClientID
	closed chan uint32
}

var lastPhone struct { //state: numbers of connections, unique among all tests
	sync.Mutex
	id ClientID
}

// dial connects as somebody: a token, or the name of a role.
func (f *fixture) dial(who string) *phone {
	f.Helper()
	identity, refusal := f.edge.Authenticate(f.token(who))
	if refusal != nil {
		f.Fatal(refusal)
	}
	lastPhone.Lock()
	lastPhone.id++
	p := &phone{f: f, id: lastPhone.id, closed: make(chan uint32, 1)}
	lastPhone.Unlock()
	f.edge.Connected(p.id, identity, func(code uint32, _ string) { p.closed <- code })
	if identity.Principal.Kind == evenkeel.PrincipalAgent {
		// The session is open when the desk says so.
		f.waitFor("the session of "+who, func(r Reader) bool {
			d, err := r.AgentDesk(identity.Principal)
			return err == nil && d.State.Connected
		})
	}
	return p
}

// waitFor lets the courier work until the desk shows something.
func (f *fixture) waitFor(what string, holds func(r Reader) bool) {
	f.Helper()
	for range 10000 {
		ok := false
		f.cell.View(func(r Reader) { ok = holds(r) })
		if ok {
			return
		}
		// A round trip through the courier.
		if _, err := f.edge.do(f.Context(), &evenkeel.Command{By: evenkeel.System(), Body: &evenkeel.Checkpoint{}}, 0); err != nil {
			f.Fatal(err)
		}
	}
	f.Fatalf("it did not come to %s", what)
}

func (p *phone) call(method, params string) *reply {
	p.f.Helper()
	type outcome struct {
		result []byte
		err    *evenkeel.Error
	}
	came := make(chan outcome, 1)
	p.f.edge.Call(p.id, method, []byte(params), func(b []byte, err *evenkeel.Error) { came <- outcome{b, err} })
	o := <-came
	r := &reply{t: p.f.T, what: method + " " + params, status: 200, body: o.result}
	if o.err != nil {
		r.status = o.err.Code.Info().HTTP
		r.body, _ = json.Marshal(o.err)
	}
	if err := json.Unmarshal(r.body, &r.value); err != nil {
		p.f.Fatalf("%s: the answer is not JSON: %q", method, r.body)
	}
	return r
}

func (r *reply) rejected(code evenkeel.Code, field string) *reply {
	r.t.Helper()
	if r.str("code") != string(code) || r.str("field") != field {
		r.t.Fatalf("%s: got %s, want %s of field %q", r.what, r.body, code, field)
	}
	return r
}

// from sends a request from an address.
func (f *fixture) from(address, method, path, body string) *reply {
	f.Helper()
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	req.RemoteAddr = address
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	f.edge.Handler().ServeHTTP(w, req)
	r := answered(f.T, w)
	r.what = method + " " + path + " " + body
	return r
}

func answered(t testing.TB, w *httptest.ResponseRecorder) *reply {
	t.Helper()
	r := &reply{t: t, status: w.Code, header: w.Header(), body: w.Body.Bytes()}
	if len(r.body) > 0 {
		if err := json.Unmarshal(r.body, &r.value); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// TestChatOverRPC is one chat over two connections.
func TestChatOverRPC(t *testing.T) {
	f := newFixture(t)
	agent, customer := f.dial("agent"), f.dial("customer")
	agent.call("agent.status", `{"id":"s1","status":"online"}`).want(200).equal("agent", "agent", "status", "online", "connected", true)

	started := customer.call("chat.start", `{"id":"c1","message":"hello"}`).want(200).equal("chat.state", "queued", "existing", nil)
	if started.at("index") == nil || started.at("chat.tags") != nil {
		t.Errorf("chat.start: %s", started.body)
	}
	id := started.str("chat.id")
	at := func(rest string) string { return `{"chat":"` + id + `"` + rest + `}` }

	state := agent.call("agent.state", `{}`).want(200)
	state.equal("agent", "agent", "status", "online", "connected", true, "offers.0.chat.id", id)
	if state.str("offers.0.deadline") == "" || state.str("position.epoch") == "" || state.at("chats") == nil {
		t.Errorf("agent.state: %s", state.body)
	}
	agent.call("chat.accept", at(`,"id":"a1","offer":"`+state.str("offers.0.offer")+`"`)).want(200).equal("chat.state", "active", "chat.agent.id", "agent")
	agent.call("chat.accept", at(`,"id":"a2"`)).want(200) // again is a success
	agent.call("chat.send", at(`,"id":"a3","text":"good day"`)).want(200).equal("number", 2)
	agent.call("chat.send", at(`,"id":"a3","text":"good day"`)).want(200).equal("number", 2)
	agent.call("chat.send", at(`,"id":"a4","text":"a regular","kind":"note"`)).want(200).equal("number", 1)
	customer.call("chat.delivered", at(`,"number":2`)).want(200)
	customer.call("chat.seen", at(`,"number":2`)).want(200)
	agent.call("chat.seen", at(`,"number":1`)).want(200)
	f.call("GET", "/v1/chats/"+id, "agent", "").equal("seen.customer", 2, "delivered.customer", 2, "seen.agent", 1)

	customer.call("visitor.state", ``).want(200).equal("chats.0.id", id, "chats.0.state", "active", "chats.0.tags", nil)
	agent.call("chat.close", at(`,"id":"a5"`)).want(200).equal("chat.state", "wrapping", "chat.reason", "by_agent")
	customer.call("visitor.state", `{}`).want(200).equal("chats.0.state", "closed") // wrapping is the staff's affair
	agent.call("chat.wrapup", at(`,"id":"a6","notes":"bye","done":true`)).want(200).equal("chat.state", "closed")
	customer.call("chat.rate", at(`,"id":"c2","score":4`)).want(200).equal("chat.rating.score", 4)
}

func TestRPCRefusals(t *testing.T) {
	f := newFixture(t)
	agent, customer, stranger, service := f.dial("agent"), f.dial("customer"), f.dial(f.call("POST", "/v1/visitors", "", "").str("token")), f.dial("service")
	id := customer.call("chat.start", `{"id":"c1"}`).want(200).str("chat.id")
	for _, c := range []struct {
		who            *phone
		method, params string
		code           evenkeel.Code
		field          string
	}{
		{customer, "chat.fly", `{}`, evenkeel.CodeUnknownMethod, ""},
		{customer, "chat.start", `{"id":"x","queue":"none"}`, evenkeel.CodeNotFound, "queue"},
		{customer, "chat.start", `{"message":"hi"}`, evenkeel.CodeBadRequest, "id"},
		{customer, "chat.start", `{"id":"x","color":"red"}`, evenkeel.CodeBadRequest, "color"},
		{customer, "chat.start", `{"id":"x","message":7}`, evenkeel.CodeBadRequest, "message"},
		{customer, "chat.start", `{"id":"x"`, evenkeel.CodeBadRequest, ""},
		{customer, "chat.start", `[]`, evenkeel.CodeBadRequest, ""},
		{customer, "chat.start", `{"id":"x","priority":1}`, evenkeel.CodeForbidden, "priority"},
		{customer, "chat.send", `{"id":"x","chat":"` + id + `"}`, evenkeel.CodeBadRequest, "text"},
		{customer, "chat.send", `{"id":"x","text":"hi"}`, evenkeel.CodeBadRequest, "chat"},
		{customer, "chat.send", `{"id":"x","chat":"` + id + `","text":"` + strings.Repeat("ü", maxTextRunes+1) + `"}`, evenkeel.CodeTooLarge, "text"},
		{customer, "chat.send", `{"id":"x","chat":"` + id + `","text":"hi","kind":"system"}`, evenkeel.CodeBadRequest, "kind"},
		{customer, "chat.send", `{"id":"x","chat":"` + id + `","text":"hi","kind":"note"}`, evenkeel.CodeForbidden, ""},
		{customer, "chat.send", `{"x":"` + strings.Repeat("x", MaxParams) + `"}`, evenkeel.CodeTooLarge, ""},
		{customer, "chat.accept", `{"id":"x","chat":"` + id + `"}`, evenkeel.CodeForbidden, ""},
		{customer, "agent.state", `{}`, evenkeel.CodeForbidden, ""},
		{customer, "chat.rate", `{"id":"x","chat":"` + id + `","score":6}`, evenkeel.CodeBadRequest, "score"},
		{customer, "chat.seen", `{"chat":"` + id + `","number":0}`, evenkeel.CodeBadRequest, "number"},
		{stranger, "chat.send", `{"id":"x","chat":"` + id + `","text":"hi"}`, evenkeel.CodeNotFound, ""},
		{stranger, "chat.typing", `{"chat":"` + id + `"}`, evenkeel.CodeNotFound, ""},
		{stranger, "chat.close", `{"id":"y","chat":"` + id + `"}`, evenkeel.CodeNotFound, ""},
		{agent, "chat.send", `{"id":"x","chat":"` + id + `","text":"hi"}`, evenkeel.CodeNotFound, ""},
		{agent, "visitor.state", `{}`, evenkeel.CodeForbidden, ""},
		{agent, "visitor.state", `{"x":1}`, evenkeel.CodeBadRequest, "x"},
		{agent, "chat.transfer", `{"id":"x","chat":"` + id + `","queue":"general","agent":"agent"}`, evenkeel.CodeBadRequest, "queue"},
		{agent, "agent.status", `{"id":"x","status":"asleep"}`, evenkeel.CodeBadRequest, "status"},
		{service, "agent.state", `{}`, evenkeel.CodeForbidden, ""},
		{service, "chat.accept", `{"id":"x","chat":"` + id + `","on_behalf_of":{"agent":"nobody"}}`, evenkeel.CodeNotFound, ""},
	} {
		c.who.call(c.method, c.params).rejected(c.code, c.field)
	}
	long := `{"id":"long","chat":"` + id + `","text":"` + strings.Repeat("ü", maxTextRunes) + `"}`
	customer.call("chat.send", long).want(200)
}

// TestPresence: the desk knows agents from their connection on, customers from
// their first command or with a live chat, and forgets both when they go.
func TestPresence(t *testing.T) {
	f := newFixture(t)
	sessions := func(n int64) {
		t.Helper()
		f.waitFor("another number of sessions", func(r Reader) bool { return r.Status().Sessions == n })
	}
	sessions(0)
	agent := f.dial("agent")
	sessions(1)
	looking := f.dial("customer")
	looking.call("visitor.state", `{}`).want(200)
	sessions(1)
	looking.call("chat.start", `{"id":"c1"}`).want(200)
	sessions(2)
	again := f.dial("customer") // has a live chat now
	sessions(3)
	f.edge.Disconnected(again.id)
	f.edge.Disconnected(again.id)
	f.edge.Disconnected(looking.id)
	f.edge.Disconnected(agent.id)
	sessions(0)
	looking.call("visitor.state", `{}`).rejected(evenkeel.CodeNoLeader, "")

	// A chat that was started otherwise makes a visitor present as well.
	token := f.call("POST", "/v1/visitors", "", "").str("token")
	other := f.dial(token)
	sessions(0)
	f.call("POST", "/v1/chats", token, `{}`).want(201)
	sessions(1)
	f.mu.Lock()
	if len(f.present) == 0 || f.present[len(f.present)-1] != other.id {
		t.Errorf("watched more closely: %v, want %d among them", f.present, other.id)
	}
	f.mu.Unlock()
	// A session that the desk ends ends the connection.
	f.must(evenkeel.System(), &evenkeel.NodeLost{Node: "n1", Incarnation: 1})
	if code := <-other.closed; code != 3000 {
		t.Errorf("closed with %d, want 3000", code)
	}
}

// TestConnectionsOfAVisitor: a visitor without a chat, of whom the desk knows
// nothing, has no more connections than one with a chat.
func TestConnectionsOfAVisitor(t *testing.T) {
	f := newFixture(t)
	var phones []*phone
	for range maxVisitorClients {
		phones = append(phones, f.dial("customer"))
	}
	extra := f.dial("customer")
	select {
	case code := <-extra.closed:
		if code != closeTooMany {
			t.Errorf("closed with %d, want %d", code, closeTooMany)
		}
	default:
		t.Fatal("a visitor has as many connections as he likes")
	}
	extra.call("visitor.state", `{}`).rejected(evenkeel.CodeNoLeader, "")
	f.edge.Disconnected(extra.id)
	f.dial(f.call("POST", "/v1/visitors", "", "").str("token")).call("visitor.state", `{}`).want(200)

	f.edge.Disconnected(phones[0].id)
	f.dial("customer").call("visitor.state", `{}`).want(200)
	phones[1].call("chat.start", `{"id":"s1","message":"hello"}`).want(200)
	for _, p := range phones[1:] {
		select {
		case code := <-p.closed:
			t.Errorf("a connection within the limit was closed with %d", code)
		default:
		}
	}
}

// TestCustomersWriteLikePeople: a customer has as much written down as he can
// type, and no more; staff and callers on this machine are spared.
func TestCustomersWriteLikePeople(t *testing.T) {
	f := newFixture(t)
	visitor := f.call("POST", "/v1/visitors", "", "").want(200).str("token")
	token := "Bearer " + visitor
	ask := func(remote, path, body string) int {
		r := httptest.NewRequest("POST", path, strings.NewReader(body))
		r.RemoteAddr = remote
		r.Header.Set("Authorization", token)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		f.edge.Handler().ServeHTTP(w, r)
		return w.Code
	}
	const far = "198.51.100.1:1"
	chat := f.call("POST", "/v1/chats", visitor, `{"message":"hello"}`).want(201).str("chat.id")
	path := "/v1/chats/" + chat + "/messages"
	long := `{"text":"` + strings.Repeat("€", maxTextRunes) + `"}`
	sent := 0
	for ask(far, path, long) == 201 {
		sent++
	}
	if want := writeTokens / writeCost(evenkeel.KindChatSend, len(long)); sent != want {
		t.Errorf("%d of the longest messages were taken at once, want %d", sent, want)
	}
	who, refusal := f.edge.Authenticate(visitor)
	if refusal != nil {
		t.Fatal(refusal)
	}
	f.edge.Connected(1<<40, who, func(uint32, string) {})
	p := &phone{f: f, id: 1 << 40}
	p.call("chat.send", `{"id":"r1","chat":"`+chat+`",`+long[1:]).rejected(evenkeel.CodeTooManyRequests, "")
	p.call("chat.seen", `{"chat":"`+chat+`","number":1}`).want(200) // keeps no text
	if code := ask("127.0.0.1:1", path, long); code != 201 {
		t.Errorf("from this machine: %d", code)
	}
	f.later(writeEvery * 2)
	if code := ask(far, path, `{"text":"a word"}`); code != 201 {
		t.Errorf("a word after a pause: %d", code)
	}
	f.later(writeTokens * writeEvery)
	if code := ask(far, path, long); code != 201 {
		t.Errorf("after a long pause: %d", code)
	}
}

func TestTyping(t *testing.T) {
	f := newFixture(t)
	agent, customer, watcher := f.online("agent"), f.dial("customer"), f.dial("supervisor")
	id := customer.call("chat.start", `{"id":"c1"}`).want(200).str("chat.id")
	agent.call("chat.accept", `{"id":"a1","chat":"`+id+`"}`).want(200)
	typing := func(p *phone, rest string) {
		t.Helper()
		p.call("chat.typing", `{"chat":"`+id+`"`+rest+`}`).want(200)
	}
	typing(customer, `,"preview":"I wou"`)
	typing(customer, `,"preview":"I would like"`) // too soon
	typing(agent, `,"preview":"not for customers"`)
	typing(watcher, ``) // stays unseen
	f.later(typingEvery)
	typing(customer, ``)
	visitor := f.call("GET", "/v1/auth/me", "customer", "").str("id")
	want := []string{
		`staff:` + id + ` {"type":"typing","author":{"kind":"customer","id":"` + visitor + `","name":""},"preview":"I wou"}`,
		`chat:` + id + ` {"type":"typing","author":{"kind":"agent","id":"agent","name":"The agent"}}`,
		`staff:` + id + ` {"type":"typing","author":{"kind":"customer","id":"` + visitor + `","name":""}}`,
	}
	if got := strings.Join(f.typed, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("typing was passed on as\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	customer.call("chat.close", `{"id":"c2","chat":"`+id+`"}`).want(200)
	f.later(typingEvery)
	typing(customer, ``)
	if len(f.typed) != len(want) {
		t.Errorf("typing in a closed chat was passed on: %s", f.typed[len(want):])
	}
}

func TestAuthenticate(t *testing.T) {
	f := newFixture(t)
	agent, err := f.edge.Authenticate(f.tokens[evenkeel.RoleAgent])
	if err != nil || !agent.Present || len(agent.Channels) != 1 || agent.Channels[0] != "agent:agent" || agent.Login == "" || agent.Expires == 0 {
		t.Errorf("an agent: %+v, %v", agent, err)
	}
	customer, err := f.edge.Authenticate(f.tokens[evenkeel.RoleCustomer])
	if err != nil || customer.Present || len(customer.Channels) != 1 || customer.Channels[0] != "visitor:"+customer.Principal.ID || customer.Expires == 0 {
		t.Errorf("a customer: %+v, %v", customer, err)
	}
	id := f.call("POST", "/v1/chats", "customer", `{}`).want(201).str("chat.id")
	if customer, _ = f.edge.Authenticate(f.tokens[evenkeel.RoleCustomer]); !customer.Present {
		t.Error("a customer with a live chat is not watched")
	}
	service, err := f.edge.Authenticate(f.tokens[evenkeel.RoleService])
	if err != nil || len(service.Channels) != 0 || service.Role != evenkeel.RoleService {
		t.Errorf("a service: %+v, %v", service, err)
	}
	for _, token := range []string{"", "ekt_unknown", "ekv1_forged.AAAA", strings.Repeat("x", 1000)} {
		if _, err := f.edge.Authenticate(token); err == nil || err.Code != evenkeel.CodeUnauthenticated {
			t.Errorf("token %.20q: %v, want unauthenticated", token, err)
		}
	}
	if err := f.edge.MaySubscribe(customer.Principal, "chat:"+id); err != nil {
		t.Errorf("a customer may not follow his own chat: %v", err)
	}
	for _, channel := range []string{"staff:" + id, "chat:c999", "agent:agent", "visitor:other", "nonsense", "default/chat:" + id} {
		if err := f.edge.MaySubscribe(customer.Principal, channel); err == nil {
			t.Errorf("a customer may follow %s", channel)
		}
	}
}
