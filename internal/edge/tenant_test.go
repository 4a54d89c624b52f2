package edge

import (
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel"
)

// TestTenantsOverHTTP makes a workspace, lets its first admin in by its host
// name, limits it, and removes it.
func TestTenantsOverHTTP(t *testing.T) {
	f := newFixture(t)
	f.call("PUT", "/v1/workspaces/shop", "admin", `{}`).refused(evenkeel.CodeNotFound, "")
	f.call("PUT", "/v1/workspaces/shop", "operator", `{"admin":{"id":"boss"}}`).refused(evenkeel.CodeBadRequest, "admin.email")
	made := f.call("PUT", "/v1/workspaces/shop", "operator", `{"name":"Shop","hosts":["chat.shop.example"],"admin":{"id":"boss","email":"Boss@Shop.example"}}`).
		want(201).equal("id", "shop", "default_queue", "general", "hosts.0", "chat.shop.example")
	password := made.str("admin_password")
	f.call("PUT", "/v1/workspaces/shop", "operator", `{"name":"Shop","hosts":["chat.shop.example:80"]}`).refused(evenkeel.CodeBadRequest, "hosts[0]")

	login := `{"email":"boss@shop.example","password":"` + password + `"}`
	f.call("POST", "/v1/auth/login", "", login).refused(evenkeel.CodeInvalidCredentials, "")
	boss := f.call("POST", "/v1/auth/login", "", login, "Host", "chat.shop.example:443").want(200).
		equal("user.workspace", "shop", "user.role", "admin", "must_change_password", true).str("token")
	f.call("POST", "/v1/auth/password", boss, `{"new_password":"a better horse"}`).want(204)
	visitor := f.call("POST", "/v1/visitors", "", `{}`, "Host", "CHAT.shop.example").want(200).str("token")
	f.call("POST", "/v1/chats", visitor, `{"message":"hello"}`).want(201).equal("chat.workspace", "shop")
	f.call("GET", "/v1/workspaces/shop/usage", boss, "").want(200).equal("agents", 1, "live_chats", 1, "chats_started", 1, "messages_sent", 1)
	f.call("GET", "/v1/workspaces/shop/usage", "admin", "").refused(evenkeel.CodeNotFound, "")
	f.call("GET", "/v1/workspaces", boss, "").want(200).equal("items.0.id", "shop", "items.1", nil)

	f.call("PUT", "/v1/workspaces/shop", boss, `{"limits":{"agents":9}}`).refused(evenkeel.CodeForbidden, "limits")
	f.call("PUT", "/v1/workspaces/shop", "operator", `{"hosts":["chat.shop.example"],"limits":{"agents":1}}`).want(200).equal("limits.agents", 1)
	f.call("PUT", "/v1/agents/two", boss, `{}`).refused(evenkeel.CodeLimitReached, "")
	f.call("PUT", "/v1/workspaces/shop", boss, `{"name":"The shop","hosts":["chat.shop.example"]}`).want(200).equal("limits.agents", 1)

	f.call("DELETE", "/v1/workspaces/shop", boss, "").refused(evenkeel.CodeForbidden, "")
	f.call("DELETE", "/v1/workspaces/shop", "operator", "").refused(evenkeel.CodeConflict, "")
	f.call("PUT", "/v1/workspaces/shop", "operator", `{"suspended":true}`).want(200)
	f.call("GET", "/v1/queues", boss, "").refused(evenkeel.CodeForbidden, "")
	f.call("DELETE", "/v1/workspaces/shop", "operator", "").want(204)
	f.call("GET", "/v1/workspaces/shop", "operator", "").refused(evenkeel.CodeNotFound, "")
	f.call("GET", "/v1/queues", boss, "").refused(evenkeel.CodeUnauthenticated, "")
}

// TestNoisyTenant: a workspace that sends as fast as it can is told to slow down
// at its limit, while another's commands all go through.
func TestNoisyTenant(t *testing.T) {
	f := newFixture(t)
	f.call("PUT", "/v1/workspaces/noisy", "operator", `{"limits":{"commands":5,"connections":2},"admin":{"id":"boss","email":"boss@noisy","password":"correct horse"}}`).want(201)
	boss := f.call("POST", "/v1/auth/login", "", `{"workspace":"noisy","email":"boss@noisy","password":"correct horse"}`).want(200).str("token")
	visitor := f.call("POST", "/v1/visitors", "", `{"workspace":"noisy"}`).want(200).str("token")
	noisy := f.call("POST", "/v1/chats", visitor, `{}`).want(201).str("chat.id")
	quiet := f.call("POST", "/v1/chats", "customer", `{}`).want(201).str("chat.id")
	passed, stopped := 0, 0
	for range 20 {
		if r := f.call("POST", "/v1/chats/"+noisy+"/messages", boss, `{"text":"now"}`); r.status == 201 {
			passed++
		} else {
			r.refused(evenkeel.CodeTooManyRequests, "")
			stopped++
		}
		f.call("POST", "/v1/chats/"+quiet+"/messages", "customer", `{"text":"hello"}`).want(201)
	}
	if passed != 4 || stopped != 16 { // a second's worth, of which the start of the chat took one
		t.Errorf("%d passed, %d were stopped", passed, stopped)
	}
	f.later(time.Second)
	f.call("POST", "/v1/chats/"+noisy+"/messages", boss, `{"text":"later"}`).want(201)

	who := Identity{Principal: evenkeel.Principal{Workspace: "noisy", Kind: evenkeel.PrincipalVisitor, ID: "v"}, Role: evenkeel.RoleCustomer}
	var turned []string
	for id := ClientID(101); id < 104; id++ {
		f.edge.Connected(id, who, func(_ uint32, reason string) { turned = append(turned, reason) })
	}
	if strings.Join(turned, " ") != string(evenkeel.CodeLimitReached) {
		t.Errorf("turned away: %v", turned)
	}
	f.edge.Disconnected(101)
	f.edge.Connected(105, who, func(_ uint32, reason string) { t.Error("the room of one that went is not free:", reason) })
}

// TestSuspended: a workspace that is suspended has its clients sent away, for
// good, and nobody of it let in; as soon as it is not any more, all come in again
// with what they had. Another's clients notice nothing.
func TestSuspended(t *testing.T) {
	f := newFixture(t)
	suspend := func(yes string) { f.call("PUT", "/v1/workspaces/shop", "operator", `{"suspended":`+yes+`}`).want(200) }
	f.call("PUT", "/v1/workspaces/shop", "operator", `{"admin":{"id":"boss","email":"boss@shop","password":"correct horse"}}`).want(201)
	login := `{"workspace":"shop","email":"boss@shop","password":"correct horse"}`
	boss := f.call("POST", "/v1/auth/login", "", login).want(200).str("token")
	visitor := f.call("POST", "/v1/visitors", "", `{"workspace":"shop"}`).want(200).str("token")
	bossAt, visitorAt, other, root := f.dial(boss), f.dial(visitor), f.dial("customer"), f.dial("operator")

	suspend("true")
	for who, p := range map[string]*phone{"the admin": bossAt, "the visitor": visitorAt} {
		if code := <-p.closed; code != closeSuspended {
			t.Errorf("%s is closed with %d", who, code)
		}
		f.edge.Disconnected(p.id)
	}
	f.call("POST", "/v1/auth/login", "", login).refused(evenkeel.CodeForbidden, "")
	f.call("POST", "/v1/auth/login", "", strings.Replace(login, "correct", "wrong", 1)).refused(evenkeel.CodeInvalidCredentials, "")
	f.call("GET", "/v1/auth/me", boss, "").refused(evenkeel.CodeForbidden, "")
	f.call("POST", "/v1/auth/refresh", boss, "").refused(evenkeel.CodeForbidden, "")
	for _, token := range []string{boss, visitor} {
		if _, err := f.edge.Authenticate(token); err == nil || err.Code != evenkeel.CodeForbidden {
			t.Errorf("let in with %v", err)
		}
	}
	f.waitFor("the end of the session", func(r Reader) bool {
		d, err := r.AgentDesk(evenkeel.Principal{Workspace: "shop", Kind: evenkeel.PrincipalAgent, ID: "boss"})
		return err != nil || !d.State.Connected
	})

	suspend("false")
	f.call("POST", "/v1/auth/login", "", login).want(200)
	f.dial(boss).call("agent.state", `{}`).want(200)
	f.dial(visitor).call("visitor.state", `{}`).want(200)
	other.call("visitor.state", `{}`).want(200)
	root.call("agent.state", `{}`).want(200)
}

// TestSuspendedMeanwhile: a client that was let in a moment before its workspace
// was suspended, and connects a moment after, is sent away too.
func TestSuspendedMeanwhile(t *testing.T) {
	f := newFixture(t)
	f.call("PUT", "/v1/workspaces/shop", "operator", `{}`).want(201)
	visitor := f.call("POST", "/v1/visitors", "", `{"workspace":"shop"}`).want(200).str("token")
	who, err := f.edge.Authenticate(visitor)
	if err != nil {
		t.Fatal(err)
	}
	f.call("PUT", "/v1/workspaces/shop", "operator", `{"suspended":true}`).want(200)
	var code uint32
	f.edge.Connected(1, who, func(c uint32, _ string) { code = c })
	if f.edge.Disconnected(1); code != closeSuspended {
		t.Errorf("closed with %d", code)
	}
}
