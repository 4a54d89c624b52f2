package edge

import (
	"fmt"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// TestVersions: two people who change one object notice each other, and a GET
// of what has not changed is not answered at length.
func TestVersions(t *testing.T) {
	f := newFixture(t)
	for _, o := range []struct{ path, body, other string }{
		{"/v1/queues/sales", `{"weight":1}`, `{"weight":2}`},
		{"/v1/agents/ann", `{"capacity":1}`, `{"capacity":2}`},
		{"/v1/api-keys/robot", `{"name":"1"}`, `{"name":"2"}`},
		{"/v1/customers/c77", `{"name":"1"}`, `{"name":"2"}`},
	} {
		f.call("PUT", o.path, "admin", o.body, "If-Match", "*").refused(evenkeel.CodeVersionConflict, "")
		first := f.call("PUT", o.path, "admin", o.body, "If-None-Match", "*").want(201).header.Get("ETag")
		f.call("PUT", o.path, "admin", o.other, "If-None-Match", "*").refused(evenkeel.CodeVersionConflict, "")
		read := f.call("GET", o.path, "admin", "").want(200).header.Get("ETag")
		f.call("GET", o.path, "admin", "", "If-None-Match", `"other", W/`+read).want(304)
		f.call("HEAD", o.path, "admin", "", "If-None-Match", read).want(304)
		second := f.call("PUT", o.path, "admin", o.other, "If-Match", first).want(200).header.Get("ETag")
		f.call("PUT", o.path, "admin", o.body, "If-Match", read).refused(evenkeel.CodeVersionConflict, "")
		f.call("DELETE", o.path, "admin", "", "If-Match", first)
		f.call("GET", o.path, "admin", "", "If-None-Match", read).want(200)
		if strings.Contains(o.path, "customers") {
			continue
		}
		f.call("DELETE", o.path, "admin", "", "If-Match", second).want(204)
		f.call("DELETE", o.path, "admin", "", "If-Match", second).refused(evenkeel.CodeVersionConflict, "")
	}
	ws := f.call("GET", "/v1/workspaces/default", "admin", "").want(200).header.Get("ETag")
	f.call("PUT", "/v1/workspaces/default", "admin", `{"name":"Shop"}`, "If-Match", ws).want(200)
	f.call("PUT", "/v1/workspaces/default", "admin", `{"name":"Shop"}`, "If-Match", ws).refused(evenkeel.CodeVersionConflict, "")
}

// TestLiveFiguresAreNotTheVersion: a chat that waits changes what GET answers,
// and makes no PUT fail.
func TestLiveFiguresAreNotTheVersion(t *testing.T) {
	f := newFixture(t)
	before := f.call("GET", "/v1/queues/general", "admin", "").want(200).header.Get("ETag")
	f.call("POST", "/v1/chats", "customer", `{"message":"hello"}`).want(201)
	f.call("GET", "/v1/queues/general", "admin", "", "If-None-Match", before).want(200).equal("waiting", 1)
	f.call("PUT", "/v1/queues/general", "admin", `{"weight":2}`, "If-Match", before).want(200)
}

func TestConditionsAreReadStrictly(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		method, path, header, value string
		code                        evenkeel.Code
		field                       string
	}{
		{"PUT", "/v1/queues/sales", "If-Match", "5", evenkeel.CodeBadRequest, "If-Match"},
		{"PUT", "/v1/queues/sales", "If-Match", `"a", "b"`, evenkeel.CodeBadRequest, "If-Match"},
		{"PUT", "/v1/queues/sales", "If-Match", `W/"g1-5-x"`, evenkeel.CodeBadRequest, "If-Match"},
		{"PUT", "/v1/queues/sales", "If-Match", `"else-5-x"`, evenkeel.CodeVersionConflict, ""},
		{"PUT", "/v1/queues/sales", "If-Match", `"g1-0-x"`, evenkeel.CodeVersionConflict, ""},
		{"PUT", "/v1/queues/sales", "If-Match", `"g1-18446744073709551615-x"`, evenkeel.CodeVersionConflict, ""},
		{"PUT", "/v1/queues/sales", "If-None-Match", `"g1-5-x"`, evenkeel.CodeBadRequest, "If-None-Match"},
		{"DELETE", "/v1/queues/sales", "If-None-Match", "*", evenkeel.CodeBadRequest, "If-None-Match"},
		{"PATCH", "/v1/chats/c1", "If-Match", "*", evenkeel.CodeBadRequest, "If-Match"},
	} {
		body := "{}"
		if c.method == "DELETE" {
			body = ""
		}
		f.call(c.method, c.path, "admin", body, c.header, c.value).refused(c.code, c.field)
	}
}

// TestSessions: whoever has logged in sees it, and can end it.
func TestSessions(t *testing.T) {
	f := newFixture(t)
	body := fmt.Sprintf(`{"email":"agent@localhost","password":%q}`, testPassword)
	second := f.call("POST", "/v1/auth/login", "", body, "User-Agent", "Second/2 "+strings.Repeat("x", 300)).want(200).str("token")
	list := f.call("GET", "/v1/auth/sessions", second, "").want(200).equal("items.0.current", false, "items.1.current", true, "items.1.address", "127.0.0.1", "next", nil)
	if p := list.str("items.1.program"); !strings.HasPrefix(p, "Second/2 ") || len(p) != 200 {
		t.Errorf("the program is %q", p)
	}
	if list.str("items.1.last_seen") == "" || list.str("items.1.created") == "" {
		t.Errorf("no times: %s", list.body)
	}
	f.call("DELETE", "/v1/auth/sessions/"+list.str("items.1.id"), "supervisor", "").refused(evenkeel.CodeNotFound, "")
	f.call("DELETE", "/v1/auth/sessions/none", "agent", "").refused(evenkeel.CodeNotFound, "")
	f.call("DELETE", "/v1/auth/sessions/"+list.str("items.1.id"), "agent", "").want(204)
	f.call("GET", "/v1/auth/me", second, "").refused(evenkeel.CodeUnauthenticated, "")
	f.call("GET", "/v1/auth/sessions", "agent", "").want(200).equal("items.0.current", true, "items.1", nil)

	f.call("GET", "/v1/agents/agent/sessions", "supervisor", "").refused(evenkeel.CodeForbidden, "")
	f.call("GET", "/v1/agents/nobody/sessions", "admin", "").refused(evenkeel.CodeNotFound, "")
	f.call("GET", "/v1/agents/agent/sessions", "admin", "").want(200).equal("items.0.current", false)
	f.call("DELETE", "/v1/agents/agent/sessions", "admin", "").want(204)
	f.call("GET", "/v1/auth/me", "agent", "").refused(evenkeel.CodeUnauthenticated, "")
	f.call("GET", "/v1/agents/agent/sessions", "admin", "").want(200).equal("items.0", nil)
}
