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
		{"/v1/namespaces/quotes", `{"max_rate":1}`, `{"max_rate":2}`},
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

// TestVersionsOfParts: what a workspace trusts is not there at first, has a
// version for each use, and is gone when nothing is left of it.
func TestVersionsOfParts(t *testing.T) {
	f := newFixture(t)
	const identity, tokens = "/v1/workspaces/default/identity", "/v1/workspaces/default/tokens"
	const body = `{"jwks_url":"https://id.example/keys"}`
	for _, path := range []string{identity, tokens} {
		if tag := f.call("GET", path, "admin", "").want(200).header.Get("ETag"); tag != "" {
			t.Errorf("%s: what is not there has the version %s", path, tag)
		}
		f.call("PUT", path, "admin", body, "If-Match", "*").refused(evenkeel.CodeVersionConflict, "")
		f.call("PUT", path, "admin", body, "If-None-Match", "*").want(201)
		f.call("PUT", path, "admin", body, "If-None-Match", "*").refused(evenkeel.CodeVersionConflict, "")
	}
	first := f.call("GET", identity, "admin", "").want(200).header.Get("ETag")
	f.call("GET", identity, "service", "", "If-None-Match", first).want(304)
	f.call("PUT", tokens, "admin", `{"jwks_url":"https://id.example/others"}`).want(200)
	f.call("PUT", "/v1/workspaces/default", "admin", `{"name":"Shop"}`).want(200)
	second := f.call("PUT", identity, "admin", body, "If-Match", first).want(200).header.Get("ETag")
	f.call("PUT", identity, "admin", body, "If-Match", first).refused(evenkeel.CodeVersionConflict, "")
	if tag := f.call("PUT", identity, "admin", `{}`, "If-Match", second).want(200).header.Get("ETag"); tag != "" {
		t.Errorf("what is gone has the version %s", tag)
	}
	third := f.call("PUT", identity, "admin", body, "If-None-Match", "*").want(201).header.Get("ETag")
	if third == second {
		t.Error("a version is given twice")
	}
	f.call("PUT", identity, "admin", body, "If-Match", second).refused(evenkeel.CodeVersionConflict, "")
}

// TestVersionOfContext: the ETag of a context is what its PUT takes, and so is
// the number in its body; of another life of the cell it is no version.
func TestVersionOfContext(t *testing.T) {
	f := newFixture(t)
	const path = "/v1/customers/u-ann/context"
	none := f.call("GET", path, "service", "").want(200).header.Get("ETag")
	first := f.call("PUT", path, "service", `{"data":{"a":1}}`, "If-Match", none).want(200).header.Get("ETag")
	f.call("PUT", path, "service", `{"data":{"a":2}}`, "If-Match", none).refused(evenkeel.CodeVersionConflict, "version")
	f.call("PUT", path, "service", `{"data":{"a":2}}`, "If-None-Match", "*").refused(evenkeel.CodeVersionConflict, "version")
	read := f.call("GET", path, "service", "").want(200).header.Get("ETag")
	if read != first {
		t.Errorf("PUT answers with %s, GET with %s", first, read)
	}
	f.call("GET", path, "service", "", "If-None-Match", read).want(304)
	f.call("PUT", path, "service", `{"version":2,"data":{}}`, "If-Match", read).refused(evenkeel.CodeBadRequest, "If-Match")
	f.call("PUT", path, "service", `{"version":1,"data":{}}`, "If-None-Match", "*").refused(evenkeel.CodeBadRequest, "If-None-Match")
	f.call("PUT", path, "service", `{"data":{}}`, "If-None-Match", read).refused(evenkeel.CodeBadRequest, "If-None-Match")
	f.call("PUT", path, "service", `{"data":{}}`, "If-Match", read, "If-None-Match", "*").refused(evenkeel.CodeBadRequest, "If-Match")
	f.call("PUT", path, "service", `{"data":{}}`, "If-Match", `"else-2-x"`).refused(evenkeel.CodeVersionConflict, "")
	f.call("PUT", path, "service", `{"version":1,"data":{"a":2}}`, "If-Match", read).want(200)
	f.call("PUT", path, "service", `{"data":{"a":3}}`, "If-Match", read).refused(evenkeel.CodeVersionConflict, "version")
	f.call("PUT", "/v1/customers/u-bob/context", "service", `{"data":{}}`, "If-None-Match", "*").want(200)
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
