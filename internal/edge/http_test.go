package edge

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel"
)

// ready brings an agent online and connected, and returns his connection.
func (f *fixture) online(role string) *phone {
	f.Helper()
	p := f.dial(role)
	f.call("PUT", "/v1/agents/"+role+"/status", role, `{"status":"online"}`).want(200)
	return p
}

// TestChatOverHTTP is one chat from the first word to the rating.
func TestChatOverHTTP(t *testing.T) {
	f := newFixture(t)
	f.online("agent")
	started := f.call("POST", "/v1/chats", "customer", `{"message":"hello","subject":"shoes","attributes":{"page":"/shoes"}}`).want(201)
	started.equal("chat.state", "queued", "chat.subject", "shoes", "chat.messages", 1, "existing", nil)
	if started.at("chat.attributes") != nil || started.at("chat.tags") != nil || started.at("chat.offered_at") != nil {
		t.Errorf("the customer sees what is for staff: %s", started.body)
	}
	id := started.str("chat.id")
	chat := "/v1/chats/" + id
	f.call("POST", "/v1/chats", "customer", `{}`).want(200).equal("existing", true, "chat.id", id)

	f.call("GET", chat, "agent", "").want(200).equal("attributes.page", "/shoes", "state", "offered")
	f.call("POST", chat+"/accept", "agent", "").want(200).equal("chat.state", "active", "chat.agent.id", "agent")
	sent := f.call("POST", chat+"/messages", "agent", `{"id":"a1","text":"good day"}`).want(201).equal("number", 2)
	f.call("POST", chat+"/messages", "agent", `{"id":"a1","text":"good day"}`).want(201).equal("number", 2, "time", sent.str("time"))
	f.call("POST", chat+"/messages", "agent", `{"id":"a1","text":"good night"}`).refused(evenkeel.CodeKeyReused, "")
	f.call("POST", chat+"/messages", "agent", `{"text":"a regular","kind":"note"}`).want(201).equal("number", 1)
	f.call("POST", chat+"/messages", "customer", `{"text":"one pair, please"}`).want(201).equal("number", 3)
	f.call("POST", chat+"/messages", "customer", `{"text":"a note?","kind":"note"}`).refused(evenkeel.CodeForbidden, "")
	f.call("PATCH", chat, "agent", `{"tags":["shoes"],"priority":5}`).want(200).equal("chat.priority", 5, "chat.tags.0", "shoes")

	all := f.call("GET", chat+"/messages", "agent", "").want(200)
	all.equal("items.0.text", "hello", "items.1.text", "good day", "items.2.text", "a regular", "items.2.after", 2,
		"items.3.text", "one pair, please", "next", nil)
	f.call("GET", chat+"/messages", "customer", "").want(200).equal("items.2.text", "one pair, please", "items.3", nil)
	f.call("GET", chat+"/messages?notes=false", "agent", "").want(200).equal("items.2.number", 3)
	page := f.call("GET", chat+"/messages?limit=2", "customer", "").want(200).equal("items.1.number", 2)
	f.call("GET", chat+"/messages?limit=2&cursor="+page.str("next"), "customer", "").want(200).equal("items.0.number", 3, "next", nil)
	f.call("GET", chat+"/messages?before=3&limit=1", "customer", "").want(200).equal("items.0.number", 2, "items.1", nil)

	f.call("GET", chat+"/why", "agent", "").want(200).equal("chosen", "agent", "considered.0.agent", "agent", "considered.1.passed_over", "offline")
	f.call("POST", chat+"/invite", "agent", `{"agent":"supervisor"}`).want(200).equal("chat.participants.0.id", "supervisor")
	f.call("POST", chat+"/leave", "supervisor", "").want(200)
	f.call("POST", chat+"/close", "customer", "").want(200).equal("chat.state", "closed", "chat.reason", "by_customer")
	f.call("POST", chat+"/messages", "customer", `{"text":"wait"}`).refused(evenkeel.CodeChatClosed, "")
	f.call("POST", chat+"/wrapup", "agent", `{"notes":"wants shoes","tags":["sold"],"done":true}`).want(200).equal("chat.state", "closed")
	f.call("POST", chat+"/rating", "customer", `{"score":5,"comment":"quick"}`).want(200).equal("chat.rating.score", 5)
	f.call("POST", chat+"/rating", "agent", `{"score":5}`).refused(evenkeel.CodeForbidden, "")
}

// TestOfferOverHTTP declines, times out, transfers and takes.
func TestOfferOverHTTP(t *testing.T) {
	f := newFixture(t)
	f.online("agent")
	chat := "/v1/chats/" + f.call("POST", "/v1/chats", "customer", `{"message":"hello"}`).want(201).str("chat.id")
	f.call("POST", chat+"/accept", "supervisor", "").refused(evenkeel.CodeNotYourOffer, "")
	f.call("POST", chat+"/decline", "agent", "").want(200)
	f.call("POST", chat+"/take", "supervisor", "").want(200).equal("chat.agent.id", "supervisor")
	f.call("POST", chat+"/transfer", "supervisor", `{"agent":"agent","note":"yours"}`).want(200)
	f.call("GET", chat, "supervisor", "").want(200).equal("state", "offered")
	f.cell.pass(21 * evenkeel.Second)
	f.call("POST", chat+"/accept", "agent", "").refused(evenkeel.CodeOfferExpired, "")
	f.call("GET", "/v1/chats?state=queued", "supervisor", "").want(200).equal("items.0.state", "queued")
	f.call("GET", "/v1/chats?state=active", "supervisor", "").want(200).equal("items.0", nil)
}

func TestLogins(t *testing.T) {
	f := newFixture(t)
	r := f.call("POST", "/v1/auth/login", "", `{"email":" Admin@localhost ","password":"correct horse"}`).want(200)
	r.equal("user.id", "admin", "user.role", "admin", "user.workspace", "default", "must_change_password", true)
	expires, err := time.Parse(time.RFC3339, r.str("expires"))
	if err != nil || time.Until(expires) < 11*time.Hour || time.Until(expires) > 13*time.Hour {
		t.Errorf("the login expires at %v: %v", r.str("expires"), err)
	}
	first := r.str("token")
	f.call("GET", "/v1/auth/me", first, "").want(200).equal("id", "admin", "must_change_password", true)

	second := f.call("POST", "/v1/auth/refresh", first, "").want(200).str("token")
	// The old one lasts for another minute: connections made with it are renewed.
	f.call("GET", "/v1/auth/me", first, "").want(200)
	f.cell.pass(evenkeel.Minute)
	f.call("GET", "/v1/auth/me", first, "").refused(evenkeel.CodeUnauthenticated, "")

	// A one-time password is replaced without being given again, and then no
	// more.
	f.call("POST", "/v1/auth/password", second, `{"new_password":"short"}`).refused(evenkeel.CodeBadRequest, "new_password")
	f.call("POST", "/v1/auth/password", second, `{"new_password":"a better horse"}`).want(204)
	f.call("POST", "/v1/auth/password", second, `{"new_password":"another horse"}`).refused(evenkeel.CodeInvalidCredentials, "")
	f.call("POST", "/v1/auth/password", second, `{"old_password":"a better horse","new_password":"another horse"}`).want(204)
	f.call("GET", "/v1/auth/me", second, "").want(200).equal("must_change_password", false)
	f.call("GET", "/v1/auth/me", f.tokens[evenkeel.RoleAdmin], "").refused(evenkeel.CodeUnauthenticated, "") // ended with the old password
	f.call("POST", "/v1/auth/login", "", `{"email":"admin@localhost","password":"correct horse"}`).refused(evenkeel.CodeInvalidCredentials, "")

	f.call("POST", "/v1/auth/logout", second, "").want(204)
	f.call("GET", "/v1/auth/me", second, "").refused(evenkeel.CodeUnauthenticated, "").header.Get("WWW-Authenticate")
}

func TestStartLink(t *testing.T) {
	f := newFixture(t)
	f.call("POST", "/v1/auth/login", "", `{"start":"ekf_wrong"}`).refused(evenkeel.CodeInvalidCredentials, "")
	f.call("POST", "/v1/auth/login", "", `{"start":"ekf_start","email":"x"}`).refused(evenkeel.CodeBadRequest, "start")
	r := f.call("POST", "/v1/auth/login", "", `{"start":"ekf_start"}`).want(200).equal("user.role", "admin")
	f.call("GET", "/v1/auth/me", r.str("token"), "").want(200)
	f.call("POST", "/v1/auth/login", "", `{"start":"ekf_start"}`).refused(evenkeel.CodeInvalidCredentials, "") // one use
}

func TestStartLinkExpires(t *testing.T) {
	f := newFixture(t)
	f.cell.pass(16 * evenkeel.Minute)
	f.call("POST", "/v1/auth/login", "", `{"start":"ekf_start"}`).refused(evenkeel.CodeTokenExpired, "")
}

// TestWrongPasswords: guessing is limited by account and address, and the
// account's owner, who comes from elsewhere, feels nothing of it.
func TestWrongPasswords(t *testing.T) {
	f := newFixture(t)
	guess := func(address, email, password string) *reply {
		return f.from(address, "POST", "/v1/auth/login", fmt.Sprintf(`{"email":%q,"password":%q}`, email, password))
	}
	for range wrongPasswords {
		guess("198.51.100.1:1", "agent@localhost", "wrong").refused(evenkeel.CodeInvalidCredentials, "")
	}
	r := guess("198.51.100.1:2", "Agent@localhost", testPassword).refused(evenkeel.CodeTooManyRequests, "")
	if r.header.Get("Retry-After") != "6" || r.at("retry_after") != 6.0 {
		t.Errorf("Retry-After %q, retry_after %v; want 6", r.header.Get("Retry-After"), r.at("retry_after"))
	}
	guess("198.51.100.2:1", "agent@localhost", testPassword).want(200)
	guess("198.51.100.1:3", "admin@localhost", testPassword).want(200)
	f.later(6 * time.Second)
	guess("198.51.100.1:4", "agent@localhost", testPassword).want(200)
	// A right password is no guess.
	for range 2 * wrongPasswords {
		guess("198.51.100.3:1", "agent@localhost", testPassword).want(200)
	}
	// Many accounts from one address, which with IPv6 is a network.
	for i := range wrongGuesses {
		guess(fmt.Sprintf("[2001:db8::%d]:1", i+1), fmt.Sprintf("nobody%d@localhost", i), "wrong").refused(evenkeel.CodeInvalidCredentials, "")
	}
	guess("[2001:db8::ffff]:1", "agent@localhost", testPassword).refused(evenkeel.CodeTooManyRequests, "")
	guess("[2001:db8:1::1]:1", "agent@localhost", testPassword).want(200)
}

// TestGuessesLeaveLittle: what is remembered of wrong passwords is small,
// whatever accounts are named, and an address that may not guess any more makes
// nobody else's guesses forgotten.
func TestGuessesLeaveLittle(t *testing.T) {
	f := newFixture(t)
	guess := func(address, body string) *reply { return f.from(address, "POST", "/v1/auth/login", body) }
	long := strings.Repeat("w", 1000)
	guess("198.51.100.1:1", `{"workspace":"`+long+`","email":"a@b","password":"wrong"}`).refused(evenkeel.CodeBadRequest, "workspace")
	for i := range wrongGuesses {
		guess("198.51.100.1:1", fmt.Sprintf(`{"email":"nobody%d@localhost","password":"wrong"}`, i)).refused(evenkeel.CodeInvalidCredentials, "")
	}
	known := len(f.edge.limits.wrong.table)
	guess("198.51.100.1:1", `{"email":"one.more@localhost","password":"wrong"}`).refused(evenkeel.CodeTooManyRequests, "")
	if n := len(f.edge.limits.wrong.table); n != known {
		t.Errorf("a guess that was refused is remembered: %d accounts, %d before", n, known)
	}
	for key := range f.edge.limits.wrong.table {
		if len(key) > 512 {
			t.Errorf("%d bytes are remembered of one account", len(key))
		}
	}
}

func TestVisitors(t *testing.T) {
	f := newFixture(t)
	first := f.call("POST", "/v1/visitors", "", "").want(200)
	other := f.call("POST", "/v1/visitors", "", "{}").want(200)
	if first.str("visitor") == other.str("visitor") {
		t.Error("two visitors have one id")
	}
	f.later(20 * 24 * time.Hour)
	renewed := f.call("POST", "/v1/visitors", first.str("token"), "").want(200).equal("visitor", first.str("visitor"))
	if renewed.str("expires") <= first.str("expires") {
		t.Errorf("renewed until %s, before until %s", renewed.str("expires"), first.str("expires"))
	}
	f.later(11 * 24 * time.Hour)
	f.call("GET", "/v1/auth/me", first.str("token"), "").refused(evenkeel.CodeTokenExpired, "")
	f.call("GET", "/v1/auth/me", renewed.str("token"), "").want(200).equal("id", first.str("visitor"), "role", "customer")
	f.call("POST", "/v1/visitors", "", `{"workspace":"acme"}`).refused(evenkeel.CodeNotFound, "workspace")
	before := f.index()
	for range newVisitors {
		f.from("198.51.100.1:1", "POST", "/v1/visitors", "").want(200)
	}
	f.from("198.51.100.1:1", "POST", "/v1/visitors", "").refused(evenkeel.CodeTooManyRequests, "")
	f.from("198.51.100.2:1", "POST", "/v1/visitors", "").want(200)
	f.later(6 * time.Second)
	f.from("198.51.100.1:1", "POST", "/v1/visitors", "").want(200)
	for range 5 * newVisitors { // loopback is exempt
		f.call("POST", "/v1/visitors", "", "").want(200)
	}
	if f.index() != before {
		t.Error("a visitor who only looks was written down")
	}
}

func TestConfiguration(t *testing.T) {
	f := newFixture(t)
	// PUT creates with the documented defaults, replaces, and echoes.
	q := f.call("PUT", "/v1/queues/sales", "admin", `{"name":"Sales","offer_timeout":12.5,"skills":{"german":2},"strategy":"tiers"}`).want(201)
	q.equal("id", "sales", "name", "Sales", "offer_timeout", 12.5, "skills.german", 2, "strategy", "tiers", "wrap_up", 30, "max_length", 500,
		"service_level.target", 80, "on_agent_lost", "return", "waiting", 0)
	f.call("PUT", "/v1/queues/sales", "admin", `{"id":"sales","service_level":{"threshold":10}}`).want(200).
		equal("name", "sales", "offer_timeout", 20, "service_level.threshold", 10, "service_level.target", 80)
	f.call("PUT", "/v1/queues/sales", "admin", `{"id":"other"}`).refused(evenkeel.CodeBadRequest, "id")
	f.call("GET", "/v1/queues/sales", "agent", "").want(200).equal("id", "sales")
	f.call("GET", "/v1/queues", "agent", "").want(200).equal("items.0.id", "general", "items.1.id", "sales", "next", nil)
	page := f.call("GET", "/v1/queues?limit=1", "agent", "").want(200).equal("items.0.id", "general", "items.1", nil)
	f.call("GET", "/v1/queues?limit=1&cursor="+page.str("next"), "agent", "").want(200).equal("items.0.id", "sales", "next", nil)
	f.call("GET", "/v1/agents?cursor="+page.str("next"), "agent", "").refused(evenkeel.CodeBadRequest, "cursor")

	a := f.call("PUT", "/v1/agents/ann", "admin",
		`{"name":"Ann","email":"Ann@Example.com","password":"opensesame","queues":[{"id":"sales"},{"id":"general","level":2}],"skills":{"german":3}}`).want(201)
	a.equal("id", "ann", "role", "agent", "capacity", 4, "email", "ann@example.com", "queues.0.level", 1, "queues.1.level", 2, "skills.german", 3,
		"status", "offline", "connected", false)
	if strings.Contains(string(a.body), "argon2") || strings.Contains(string(a.body), "opensesame") {
		t.Errorf("a password comes back: %s", a.body)
	}
	f.call("POST", "/v1/auth/login", "", `{"email":"ann@example.com","password":"opensesame"}`).want(200)
	f.call("PUT", "/v1/agents/ann", "admin", `{"queues":[{"id":"sales","level":1,"from":1}]}`).refused(evenkeel.CodeBadRequest, "queues[0].from")
	f.call("PUT", "/v1/agents/ann", "admin", `{"role":"operator"}`).refused(evenkeel.CodeForbidden, "role")
	f.call("PUT", "/v1/agents/ann", "admin", `{"role":"king"}`).refused(evenkeel.CodeBadRequest, "role")
	f.call("PUT", "/v1/agents/a%2Fb", "admin", `{}`).refused(evenkeel.CodeBadRequest, "id")
	f.call("PUT", "/v1/agents/ann/status", "agent", `{"status":"online"}`).refused(evenkeel.CodeForbidden, "")
	f.call("PUT", "/v1/agents/ann/status", "supervisor", `{"status":"away","reason":"lunch"}`).want(200).equal("agent", "ann", "status", "away", "reason", "lunch")
	f.call("PUT", "/v1/agents/ann/status", "supervisor", `{}`).refused(evenkeel.CodeBadRequest, "status")
	f.call("DELETE", "/v1/agents/ann", "admin", "").want(204)
	f.call("GET", "/v1/agents/ann", "admin", "").refused(evenkeel.CodeNotFound, "")
	f.call("DELETE", "/v1/queues/sales", "admin", "").want(204)
	f.call("DELETE", "/v1/queues/general", "admin", "").refused(evenkeel.CodeConflict, "")

	c := f.call("GET", "/v1/auth/me", "customer", "").str("id")
	f.call("PUT", "/v1/customers/"+c, "service", `{"name":"Eve","attributes":{"vip":true}}`).want(201).equal("name", "Eve", "attributes.vip", true)
	f.call("GET", "/v1/customers/"+c, "supervisor", "").want(200).equal("id", c, "connected", false)
	f.call("GET", "/v1/customers/"+c, "agent", "").refused(evenkeel.CodeNotFound, "") // he does not serve her
	f.call("PUT", "/v1/customers/"+c, "agent", `{"attributes":{}}`).refused(evenkeel.CodeNotFound, "")
	f.call("PUT", "/v1/customers/"+c, "supervisor", `{"attributes":{}}`).want(200).equal("id", c)
	f.call("PUT", "/v1/customers/"+c, "agent", `{"attributes":[1]}`).refused(evenkeel.CodeBadRequest, "attributes")
	f.call("GET", "/v1/customers/nobody", "agent", "").refused(evenkeel.CodeNotFound, "")
}

func TestAPIKeys(t *testing.T) {
	f := newFixture(t)
	made := f.call("PUT", "/v1/api-keys/robot", "admin", `{"name":"Robot"}`).want(201).equal("role", "service")
	key := made.str("key")
	if !strings.HasPrefix(key, "eks_") {
		t.Fatalf("no key was made: %s", made.body)
	}
	f.call("GET", "/v1/auth/me", "", "", "X-API-Key", key).want(200).equal("id", "robot", "role", "service")
	f.call("GET", "/v1/auth/me", "", "", "Authorization", "apikey "+key).want(200).equal("id", "robot")
	if r := f.call("PUT", "/v1/api-keys/robot", "admin", `{"name":"Robot 2"}`).want(200); r.at("key") != nil {
		t.Errorf("a key was made anew: %s", r.body)
	}
	f.call("GET", "/v1/auth/me", key, "").want(200).equal("name", "Robot 2")
	f.call("PUT", "/v1/api-keys/robot", "admin", `{"key":"the operator's own"}`).refused(evenkeel.CodeBadRequest, "key")
	f.call("PUT", "/v1/api-keys/robot", "admin", `{"key":"operators-own-key"}`).want(200).equal("key", nil)
	f.call("GET", "/v1/auth/me", key, "").refused(evenkeel.CodeUnauthenticated, "")
	f.call("GET", "/v1/auth/me", "operators-own-key", "").want(200)
	f.call("GET", "/v1/api-keys", "admin", "").want(200).equal("items.0.id", "robot", "items.1.id", "shop", "items.0.key", nil)
	f.call("GET", "/v1/api-keys/robot", "admin", "").want(200).equal("id", "robot")
	f.call("DELETE", "/v1/api-keys/robot", "admin", "").want(204)
	f.call("GET", "/v1/api-keys/robot", "admin", "").refused(evenkeel.CodeNotFound, "")
	f.call("GET", "/v1/auth/me", "operators-own-key", "").refused(evenkeel.CodeUnauthenticated, "")

	// A service acts for others, and only a service does.
	r := f.call("POST", "/v1/chats", "service", `{"on_behalf_of":{"customer":"c77"},"message":"I am bot","priority":3}`).want(201)
	r.equal("chat.customer", "c77", "chat.priority", 3, "chat.last_message.author.kind", "customer")
	id := r.str("chat.id")
	f.call("POST", "/v1/chats/"+id+"/messages", "service", `{"text":"as myself"}`).want(201)
	f.call("GET", "/v1/chats/"+id+"/messages", "service", "").want(200).equal("items.1.author.kind", "bot")
	f.call("POST", "/v1/chats", "service", `{}`).refused(evenkeel.CodeBadRequest, "on_behalf_of")
	f.call("POST", "/v1/chats", "service", `{"on_behalf_of":{}}`).refused(evenkeel.CodeBadRequest, "on_behalf_of")
	f.call("POST", "/v1/chats", "customer", `{"on_behalf_of":{"customer":"c77"}}`).refused(evenkeel.CodeForbidden, "on_behalf_of")
}

func TestWorkspace(t *testing.T) {
	f := newFixture(t)
	f.call("GET", "/v1/workspaces/default", "agent", "").want(200).equal("id", "default", "default_queue", "general", "suspended", false)
	f.call("PUT", "/v1/workspaces/default", "admin", `{"name":"Shop","origins":["https://shop.example"]}`).want(200).
		equal("name", "Shop", "origins.0", "https://shop.example", "default_queue", "general")
	f.call("PUT", "/v1/workspaces/default", "admin", `{"origins":["https://shop.example/"]}`).refused(evenkeel.CodeBadRequest, "origins[0]")
	f.call("PUT", "/v1/workspaces/default", "admin", `{"default_queue":"none"}`).refused(evenkeel.CodeBadRequest, "default_queue")
	f.call("GET", "/v1/workspaces/acme", "admin", "").refused(evenkeel.CodeNotFound, "")

	// Pages of the origin may call now, others may not.
	for _, c := range []struct {
		origin  string
		allowed bool
	}{
		{"https://shop.example", true}, {"https://SHOP.example", true}, {"https://evil.example", false}, {"null", false},
		{"http://shop.example", false}, {f.server.URL, true},
	} {
		r := f.call("GET", "/v1/auth/me", "customer", "", "Origin", c.origin)
		got := r.header.Get("Access-Control-Allow-Origin")
		if c.allowed && (r.status != 200 || got != c.origin) || !c.allowed && (r.status != 403 || got != "") {
			t.Errorf("origin %s: status %d, Access-Control-Allow-Origin %q", c.origin, r.status, got)
		}
	}
	r := f.call("OPTIONS", "/v1/chats", "", "", "Origin", "https://shop.example", "Access-Control-Request-Method", "POST").want(204)
	if r.header.Get("Access-Control-Allow-Headers") == "" || r.header.Get("Vary") != "Origin" {
		t.Errorf("preflight: %v", r.header)
	}
}

func TestCellAndHealth(t *testing.T) {
	f := newFixture(t)
	f.cell.set(func() {
		f.cell.status = CellStatus{ID: "cell", State: "healthy", Index: 7, Voters: 1, Nodes: []NodeStatus{{ID: "n1", State: "up", Roles: []string{"core"}}}}
	})
	f.call("GET", "/v1/cell", "agent", "").want(200).equal("id", "cell", "state", "healthy", "nodes.0.id", "n1")
	f.call("GET", "/v1/cell", "customer", "").refused(evenkeel.CodeForbidden, "")
	f.call("GET", "/healthz", "", "").want(200)
	f.call("GET", "/readyz", "", "").want(200)
	f.cell.set(func() { f.cell.status.NotReady = "the replica is behind" })
	if r := f.call("GET", "/readyz", "", "").refused(evenkeel.CodeNoLeader, ""); !strings.Contains(r.str("detail"), "the replica is behind") {
		t.Errorf("not ready, but why? %s", r.body)
	}
	f.call("GET", "/healthz", "", "").want(200)
	f.call("HEAD", "/healthz", "", "").want(200)
}

// TestLimitsOverHTTP: an operator replaces what bounds the cell, and what cannot
// be changes nothing.
func TestLimitsOverHTTP(t *testing.T) {
	f := newFixture(t)
	f.call("GET", "/v1/cell/limits", "operator", "").want(200).equal("linger", 900, "queues", 1000)
	f.call("PUT", "/v1/cell/limits", "operator", `{"linger":60,"queues":1}`).want(200).equal("linger", 60, "queues", 1, "agents", 10000)
	f.call("PUT", "/v1/queues/second", "admin", `{}`).refused(evenkeel.CodeLimitReached, "")
	for field, body := range map[string]string{
		"queues": `{"queues":-1}`, "follow_up": `{"follow_up":100001}`, "linger": `{"linger":31622401}`, "max_state": `{"max_state":0}`, "linked": `{"linked":1}`,
	} {
		f.call("PUT", "/v1/cell/limits", "operator", body).refused(evenkeel.CodeBadRequest, field)
	}
	f.call("GET", "/v1/cell/limits", "operator", "").want(200).equal("linger", 60, "queues", 1)
	f.call("PUT", "/v1/cell/limits", "operator", "").want(200).equal("linger", 900, "queues", 1000)
}

// TestIncidentsOverHTTP lists what the operator should know of, and closes it.
func TestIncidentsOverHTTP(t *testing.T) {
	f := newFixture(t)
	for _, kind := range []string{"disk_low", "clock_skew"} {
		f.must(evenkeel.System(), &evenkeel.IncidentRaise{Incident: kind, Subject: "n1", Severity: evenkeel.SeverityWarning, Summary: "seen"})
	}
	f.call("GET", "/v1/incidents", "supervisor", "").refused(evenkeel.CodeForbidden, "")
	page := f.call("GET", "/v1/incidents?limit=1", "admin", "").want(200).equal("items.0.kind", "clock_skew", "items.0.severity", "warning", "items.1", nil)
	f.call("GET", "/v1/incidents?limit=1&cursor="+page.str("next"), "admin", "").want(200).equal("items.0.kind", "disk_low", "next", nil)
	f.call("POST", "/v1/incidents/i2/end", "admin", "").want(204)
	f.call("POST", "/v1/incidents/i9/end", "admin", "").refused(evenkeel.CodeNotFound, "")
	f.call("GET", "/v1/incidents?state=open", "admin", "").want(200).equal("items.0.id", "i1", "items.1", nil)
	f.call("GET", "/v1/incidents?state=shut", "admin", "").refused(evenkeel.CodeBadRequest, "state")
}
