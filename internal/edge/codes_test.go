package edge

import (
	"fmt"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// TestRareCodes shows the errors that need a particular state of the desk.
func TestRareCodes(t *testing.T) {
	f := newFixture(t)
	visitor := func() string { return f.call("POST", "/v1/visitors", "", "").str("token") }

	f.call("PUT", "/v1/queues/small", "admin", `{"max_length":1}`).want(201)
	f.call("POST", "/v1/chats", visitor(), `{"queue":"small"}`).want(201)
	f.call("POST", "/v1/chats", visitor(), `{"queue":"small"}`).refused(evenkeel.CodeQueueFull, "")

	f.call("PUT", "/v1/queues/shut", "admin", `{"closed":true}`).want(201)
	f.call("POST", "/v1/chats", visitor(), `{"queue":"shut"}`).refused(evenkeel.CodeQueueClosed, "")

	limits := evenkeel.DefaultLimits()
	limits.LiveChats = 1
	f.must(evenkeel.System(), &evenkeel.LimitsSet{Limits: limits})
	f.call("POST", "/v1/chats", visitor(), `{}`).refused(evenkeel.CodeLimitReached, "")

	f.call("PUT", "/v1/api-keys/twin", "admin", `{"key":"eks_0123456789abcdef"}`).refused(evenkeel.CodeConflict, "key")
}

// TestInternal shows what a failure inside looks like from outside: its code,
// and nothing of what failed.
func TestInternal(t *testing.T) {
	f := newFixture(t)
	f.edge.cfg.VisitorKey = func() ([]byte, error) { return nil, fmt.Errorf("the cell key at /etc/secret is gone") }
	r := f.call("POST", "/v1/visitors", "", "").refused(evenkeel.CodeInternal, "")
	if strings.Contains(string(r.body), "secret") {
		t.Errorf("the answer tells too much: %s", r.body)
	}
	f.call("GET", "/v1/auth/me", "customer", "").refused(evenkeel.CodeInternal, "")
}

// TestLongFields sends every text of a configuration far too long: it is
// refused at the edge, so that what is proposed always fits into an entry.
func TestLongFields(t *testing.T) {
	f := newFixture(t)
	long := strings.Repeat("x", 200_000)
	for _, c := range []struct{ path, body, field string }{
		{"/v1/queues/q", `{"name":"%s"}`, "name"},
		{"/v1/queues/q", `{"overflow":"%s"}`, "overflow"},
		{"/v1/queues/q", `{"skills":{"%s":1}}`, "skills"},
		{"/v1/agents/a", `{"name":"%s"}`, "name"},
		{"/v1/agents/a", `{"email":"%s"}`, "email"},
		{"/v1/agents/a", `{"avatar":"%s"}`, "avatar"},
		{"/v1/agents/a", `{"password":"%s"}`, "password"},
		{"/v1/agents/a", `{"queues":[{"id":"%s"}]}`, "queues[0].id"},
		{"/v1/agents/agent/status", `{"status":"away","reason":"%s"}`, "reason"},
		{"/v1/api-keys/k", `{"name":"%s"}`, "name"},
		{"/v1/api-keys/k", `{"key":"%s"}`, "key"},
		{"/v1/customers/c", `{"name":"%s"}`, "name"},
		{"/v1/customers/c", `{"attributes":{"a":"%s"}}`, "attributes"},
		{"/v1/workspaces/default", `{"name":"%s"}`, "name"},
		{"/v1/workspaces/default", `{"default_queue":"%s"}`, "default_queue"},
		{"/v1/workspaces/default", `{"origins":["https://%s"]}`, "origins[0]"},
	} {
		before := f.index()
		r := f.call("PUT", c.path, "admin", fmt.Sprintf(c.body, long))
		if r.status != 400 && r.status != 413 || r.str("field") != c.field || f.index() != before {
			t.Errorf("PUT %s with a long %.20s: status %d, field %.20q, proposed %v", c.path, c.field, r.status, r.str("field"), f.index() != before)
		}
	}
}
