package edge

import (
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/auth"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestExactlyOnceOverHTTP: the Idempotency-Key names a request of one caller on
// one route.
func TestExactlyOnceOverHTTP(t *testing.T) {
	f := newFixture(t)
	first := f.call("POST", "/v1/chats", "customer", `{"message":"hello"}`, "Idempotency-Key", "k1").want(201)
	chat := "/v1/chats/" + first.str("chat.id")
	f.call("POST", "/v1/chats", "customer", `{"message":"hello"}`, "Idempotency-Key", "k1").want(201).equal("chat.id", first.str("chat.id"), "chat.messages", 1)
	f.call("POST", "/v1/chats", "customer", `{"message":"hallo"}`, "Idempotency-Key", "k1").refused(evenkeel.CodeKeyReused, "")
	send := func(who, body, key string) *reply {
		return f.call("POST", chat+"/messages", who, body, "Idempotency-Key", key)
	}
	send("customer", `{"text":"one"}`, "k1").want(201).equal("number", 2) // another route
	send("customer", `{"text":"one"}`, "k1").want(201).equal("number", 2)
	send("customer", `{"text":"two"}`, "k1").refused(evenkeel.CodeKeyReused, "")
	send("supervisor", `{"text":"one"}`, "k1").want(201).equal("number", 3) // another caller
	send("customer", `{"text":"four","id":"m4"}`, "k4").want(201).equal("number", 4)
	send("customer", `{"text":"four","id":"m4"}`, "k5").want(201).equal("number", 4) // the body's id goes before
	send("customer", `{"text":"x"}`, strings.Repeat("k", 256)).refused(evenkeel.CodeBadRequest, "Idempotency-Key")
	send("customer", `{"text":"same"}`, "").want(201).equal("number", 5)
	send("customer", `{"text":"same"}`, "").want(201).equal("number", 6) // two requests without a name
	if id := f.call("GET", chat+"/messages?after=4&limit=1", "customer", "").str("items.0.id"); !strings.HasPrefix(id, "http-") {
		t.Errorf("a message without an id of its own got %q", id)
	}
}

// TestIndex: answers tell what they reflect, and none is older than what its
// caller has seen.
func TestIndex(t *testing.T) {
	f := newFixture(t)
	r := f.call("PUT", "/v1/agents/agent/status", "agent", `{"status":"online"}`).want(200)
	index := r.header.Get("Evenkeel-Index")
	if index == "" || r.at("index") == nil {
		t.Fatalf("no index: %v %s", r.header, r.body)
	}
	f.call("GET", "/v1/agents/agent", "agent", "", "Evenkeel-Index", index).want(200).equal("status", "online")
	f.call("GET", "/v1/agents/agent", "agent", "", "Evenkeel-Index", "yesterday").refused(evenkeel.CodeBadRequest, "Evenkeel-Index")
}

// TestIndexAhead: a replica that lags behind the caller says so after 2 s.
func TestIndexAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newBareFixture(t)
		before := time.Now()
		f.from("198.51.100.1:1", "GET", "/healthz", "").want(200)
		req := httptest.NewRequest("GET", "/healthz", nil)
		req.Header.Set("Evenkeel-Index", "1000")
		w := httptest.NewRecorder()
		f.edge.Handler().ServeHTTP(w, req)
		if w.Code != 503 || time.Since(before) != indexWait {
			t.Errorf("status %d after %s, want 503 after %s", w.Code, time.Since(before), indexWait)
		}
	})
}

// newBareFixture is a fixture without a server, for the time of synctest.
func newBareFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{T: t, cell: newTestCell(t), tokens: map[evenkeel.Role]string{}}
	f.build()
	return f
}

// TestNoLeader: without a leader callers wait, for 4 s at most; a lost result is
// asked for again and nothing is done twice.
func TestNoLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newBareFixture(t)
		token := f.from("198.51.100.1:1", "POST", "/v1/visitors", "").str("token")
		p := f.dial(token)
		noLeader := evenkeel.Errorf(evenkeel.CodeNoLeader, "none")

		// A short pause is not felt.
		f.cell.set(func() { f.cell.fail = noLeader })
		time.AfterFunc(300*time.Millisecond, func() { f.cell.set(func() { f.cell.fail = nil }) })
		before := time.Now()
		id := p.call("chat.start", `{"id":"s1","message":"one"}`).want(200).str("chat.id")
		if took := time.Since(before); took < 300*time.Millisecond || took > 400*time.Millisecond {
			t.Errorf("answered %s after the request, want some 300 ms", took)
		}

		// Results that are lost are asked for again.
		f.cell.set(func() { f.cell.lose = 3 })
		p.call("chat.send", `{"id":"m2","chat":"`+id+`","text":"two"}`).want(200).equal("number", 2)

		// A long one is.
		f.cell.set(func() { f.cell.fail = noLeader })
		before = time.Now()
		p.call("chat.send", `{"id":"m3","chat":"`+id+`","text":"three"}`).rejected(evenkeel.CodeNoLeader, "")
		if took := time.Since(before); took != giveUpAfter {
			t.Errorf("gave up after %s, want %s", took, giveUpAfter)
		}
		f.cell.set(func() { f.cell.fail = nil })
		p.call("chat.send", `{"id":"m3","chat":"`+id+`","text":"three"}`).want(200).equal("number", 3)

		// Other failures are what they are, at once.
		f.cell.set(func() { f.cell.fail = evenkeel.Errorf(evenkeel.CodeDiskFull, "full") })
		p.call("chat.send", `{"id":"m4","chat":"`+id+`","text":"four"}`).rejected(evenkeel.CodeDiskFull, "")
		f.cell.set(func() { f.cell.fail = evenkeel.Errorf(evenkeel.CodeTooManyRequests, "full") })
		p.call("chat.send", `{"id":"m4","chat":"`+id+`","text":"four"}`).rejected(evenkeel.CodeTooManyRequests, "")
		f.cell.set(func() { f.cell.fail = errors.New("something else") })
		p.call("chat.send", `{"id":"m4","chat":"`+id+`","text":"four"}`).rejected(evenkeel.CodeNoLeader, "")
		f.cell.set(func() { f.cell.fail = nil })
		p.call("chat.send", `{"id":"m5","chat":"`+id+`","text":"five"}`).want(200)
	})
}

// TestStop: what waits for an answer gets one.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{T: t, cell: newTestCell(t), tokens: map[evenkeel.Role]string{}}
		f.assemble()
		token := f.from("198.51.100.1:1", "POST", "/v1/visitors", "").str("token")
		p := f.dial(token)
		f.cell.set(func() { f.cell.fail = evenkeel.Errorf(evenkeel.CodeNoLeader, "none") })
		came := make(chan *evenkeel.Error, 2)
		reply := func(_ []byte, err *evenkeel.Error) { came <- err }
		f.edge.Call(p.id, "chat.start", []byte(`{"id":"s1"}`), reply)
		synctest.Wait()
		f.edge.Stop()
		f.edge.Call(p.id, "chat.start", []byte(`{"id":"s2"}`), reply)
		for range 2 {
			if err := <-came; err == nil || err.Code != evenkeel.CodeNoLeader {
				t.Errorf("answered %v, want no_leader", err)
			}
		}
		f.edge.Disconnected(p.id)
	})
}

func TestNewWantsItsParts(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("an edge was made of nothing")
	}
	cell := newTestCell(t)
	_, err := New(Config{
		Cell: cell, Random: &countingReader{}, VisitorKey: func() ([]byte, error) { return nil, nil }, Seal: sealed, Open: opened,
		Ephemeral: func(string, []byte) {}, Spread: func(string, []byte) {}, Listened: func(string) bool { return false }, PasswordCost: auth.Cost{Memory: 1},
	})
	if err == nil {
		t.Error("an edge was made with an unfit password cost")
	}
}

// TestBadRequests: what HTTP itself gets wrong.
func TestBadRequests(t *testing.T) {
	f := newFixture(t)
	f.call("GET", "/v2/chats", "agent", "").refused(evenkeel.CodeNotFound, "")
	f.call("GET", "/", "", "").refused(evenkeel.CodeNotFound, "")
	r := f.call("DELETE", "/v1/chats/c1/messages", "agent", "").want(405)
	if r.str("code") != "unknown_method" || r.header.Get("Allow") != "GET, POST" || r.at("status") != 405.0 {
		t.Errorf("405: %v %s", r.header, r.body)
	}
	f.call("POST", "/v1/chats", "customer", `{}`, "Content-Type", "text/plain").refused(evenkeel.CodeBadRequest, "Content-Type")
	f.call("POST", "/v1/chats", "customer", `{}`, "Content-Type", "application/json; charset=utf-8").want(201)
	f.call("POST", "/v1/chats", "customer", `{"message":"`+strings.Repeat("x", maxBodyBytes)+`"}`).refused(evenkeel.CodeTooLarge, "")
	f.call("POST", "/v1/chats", "customer", `{"message":"`+strings.Repeat("ü", maxTextRunes+1)+`"}`).refused(evenkeel.CodeTooLarge, "message")
	f.call("POST", "/v1/chats", "customer", `{"message":"x"`).refused(evenkeel.CodeBadRequest, "")
	f.call("POST", "/v1/chats", "customer", `{} {}`).refused(evenkeel.CodeBadRequest, "")
	f.call("POST", "/v1/chats", "customer", `{"queue":"general","queue":"general"}`).refused(evenkeel.CodeBadRequest, "queue")
	f.call("POST", "/v1/chats", "customer", `{"Queue":"general"}`).refused(evenkeel.CodeBadRequest, "Queue")
	f.call("POST", "/v1/chats", "customer", `{"attributes":{"a":`+strings.Repeat("[", 40)+strings.Repeat("]", 40)+`}}`).refused(evenkeel.CodeBadRequest, "attributes")
	f.call("POST", "/v1/chats", "customer", `{"attributes":{"a":"`+strings.Repeat("x", maxDocument)+`"}}`).refused(evenkeel.CodeTooLarge, "attributes")
	for _, path := range []string{"/v1/queues?limit=0", "/v1/queues?limit=201", "/v1/queues?limit=x"} {
		f.call("GET", path, "agent", "").refused(evenkeel.CodeBadRequest, "limit")
	}
	f.call("GET", "/v1/queues?cursor=!", "agent", "").refused(evenkeel.CodeBadRequest, "cursor")
	f.call("GET", "/v1/chats?stat=queued", "agent", "").refused(evenkeel.CodeBadRequest, "stat")
	f.call("GET", "/v1/chats?state=lost", "agent", "").refused(evenkeel.CodeBadRequest, "state")
	f.call("GET", "/v1/chats/c999/messages", "agent", "").refused(evenkeel.CodeNotFound, "")
	chat := f.call("POST", "/v1/chats", "customer", `{}`).want(200).str("chat.id")
	f.call("GET", "/v1/chats/"+chat+"/messages?after=1&before=2", "customer", "").refused(evenkeel.CodeBadRequest, "before")
	f.call("GET", "/v1/chats/"+chat+"/messages?after=-1", "customer", "").refused(evenkeel.CodeBadRequest, "after")
	f.call("GET", "/v1/chats/"+chat+"/messages?notes=no", "customer", "").refused(evenkeel.CodeBadRequest, "notes")
	f.call("POST", "/v1/chats/"+chat+"/close", "customer", `{"chat":"c999"}`).refused(evenkeel.CodeBadRequest, "chat")
	f.call("POST", "/v1/chats/"+chat+"/close", "customer", `{"chat":"`+chat+`"}`).want(200)
	// A command that no log can hold would be refused with all that travels
	// with it, other people's too: it does not come that far.
	f.call("POST", "/v1/chats/%ff/close", "customer", `{}`).refused(evenkeel.CodeBadRequest, "chat")
	f.call("PUT", "/v1/agents/%ff/status", "agent", `{"status":"away"}`).refused(evenkeel.CodeBadRequest, "agent")
	f.call("PUT", "/v1/customers/%ff", "supervisor", `{}`).refused(evenkeel.CodeBadRequest, "id")
	for _, list := range []string{"agents", "queues", "api-keys"} {
		f.call("DELETE", "/v1/"+list+"/%ff", "admin", "").refused(evenkeel.CodeBadRequest, "id")
		f.call("DELETE", "/v1/"+list+"/"+strings.Repeat("x", 300), "admin", "").refused(evenkeel.CodeBadRequest, "id")
	}
}

// TestBodiesOfStrangers: nothing is read of what somebody sends who may not ask,
// and little of somebody who is not known.
func TestBodiesOfStrangers(t *testing.T) {
	f := newFixture(t)
	ask := func(path, token string, body io.Reader) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", path, body)
		r.Header.Set("Authorization", "Bearer "+f.token(token))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		f.edge.Handler().ServeHTTP(w, r)
		return w
	}
	for token, want := range map[string]int{"": 401, "ekt_wrong": 401, "customer": 403} {
		if w := ask("/v1/chats/c1/transfer", token, iotest.ErrReader(errors.New("the body was read"))); w.Code != want {
			t.Errorf("with the token %q: %d, want %d: %s", token, w.Code, want, w.Body)
		}
	}
	long := `{"workspace":"` + strings.Repeat("x", maxStrangerBytes) + `"}`
	f.call("POST", "/v1/visitors", "", long).refused(evenkeel.CodeTooLarge, "")
	if w := ask("/v1/visitors", "", io.MultiReader(strings.NewReader(long))); w.Code != 413 { // of a length that is not told
		t.Errorf("%d: %s", w.Code, w.Body)
	}
	r := httptest.NewRequest("POST", "/v1/chats", iotest.ErrReader(errors.New("the body was read")))
	r.ContentLength = maxBodyBytes + 1
	r.Header.Set("Authorization", "Bearer "+f.token("customer"))
	w := httptest.NewRecorder()
	if f.edge.Handler().ServeHTTP(w, r); w.Code != 413 {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
}

// TestEveryCodeIsReachable collects the codes that this package's tests and
// sources name: one that nobody can get has no place in the documentation, and
// one that no test has seen may not work.
func TestEveryCodeIsReachable(t *testing.T) {
	// Answered by the realtime server, which reads channels' histories.
	elsewhere := map[evenkeel.Code]bool{evenkeel.CodeUnrecoverablePosition: true}
	// Kept for If-Match, which no route reads yet.
	elsewhere[evenkeel.CodeVersionConflict] = true
	// Answered by a copy of the archive.
	elsewhere[evenkeel.CodeArchiveUnavailable] = true
	var sources strings.Builder
	for _, name := range []string{"http_test.go", "rpc_test.go", "failure_test.go", "roles_test.go", "codes_test.go"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		sources.Write(b)
	}
	for _, info := range evenkeel.Codes() {
		name := codeName(info.Code)
		// As an argument, or in the row of a table.
		seen := strings.Contains(sources.String(), "refused("+name) || strings.Contains(sources.String(), "rejected("+name) ||
			strings.Contains(sources.String(), name+", \"")
		if !seen && !elsewhere[info.Code] {
			t.Errorf("no test has seen the code %s", info.Code)
		}
	}
}

// codeName is the name of a code's constant: queue_full is CodeQueueFull.
func codeName(code evenkeel.Code) string {
	var b strings.Builder
	b.WriteString("evenkeel.Code")
	for _, word := range strings.Split(string(code), "_") {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}
