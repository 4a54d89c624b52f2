package edge

import (
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// TestCanned is the life of replies over HTTP: put, found, filled in, removed.
func TestCanned(t *testing.T) {
	f := newFixture(t)
	f.call("PUT", "/v1/canned/hello", "supervisor", `{"shortcut":"Hi","title":"Good morning","text":"Hello {{customer.name|there}}, I am {{agent.name}}.","queues":["general"],"tags":["a"]}`).
		want(201).equal("id", "hello", "shortcut", "Hi", "queues.0", "general", "tags.0", "a", "owner", nil)
	f.call("PUT", "/v1/canned/hello", "service", `{"text":"Hello {{customer.name|there}}, I am {{ agent.name }}."}`).want(200).
		equal("title", "hello", "shortcut", nil, "queues.0", nil)
	f.call("PUT", "/v1/canned/hello", "supervisor", `{"shortcut":"Hi","title":"Good morning","text":"Hello {{customer.name|there}}, I am {{agent.name}}.","queues":["general"]}`).want(200)
	f.call("PUT", "/v1/canned/mine", "agent", `{"shortcut":"wait","title":"Änderung","text":"One moment"}`).want(201).equal("owner", "agent")
	f.call("PUT", "/v1/canned/hello", "admin", `{"text":"Hi"}`, "If-None-Match", "*").refused(evenkeel.CodeVersionConflict, "")
	tag := f.call("GET", "/v1/canned/mine", "agent", "").want(200).header.Get("ETag")
	f.call("PUT", "/v1/canned/mine", "agent", `{"shortcut":"wait","title":"Änderung","text":"One moment"}`, "If-Match", tag).want(200)
	f.call("PUT", "/v1/canned/mine", "agent", `{"text":"Two"}`, "If-Match", tag).refused(evenkeel.CodeVersionConflict, "")
	f.call("PUT", "/v1/canned/hello", "agent", `{"text":"Hi"}`).refused(evenkeel.CodeForbidden, "")
	f.call("PUT", "/v1/canned/x", "agent", `{"text":"Hi","owner":"admin"}`).refused(evenkeel.CodeForbidden, "owner")
	f.call("PUT", "/v1/canned/x", "admin", `{"text":"{{agent.nam}}"}`).refused(evenkeel.CodeBadRequest, "text")
	f.call("PUT", "/v1/canned/x", "admin", `{}`).refused(evenkeel.CodeBadRequest, "text")
	f.call("PUT", "/v1/canned/x", "admin", `{"text":"x","queues":["a b"]}`).refused(evenkeel.CodeBadRequest, "queues")
	f.call("PUT", "/v1/canned/x", "admin", `{"text":"`+strings.Repeat("x", maxTextRunes+1)+`"}`).refused(evenkeel.CodeTooLarge, "text")

	for query, want := range map[string]string{
		"": "hello mine", "?q=hI": "hello", "?q=MORN": "hello", "?q=good+m": "hello", "?q=orning": "", "?q=%C3%A4nd": "mine", "?queue=general": "hello mine",
		"?queue=other": "mine", "?owner=agent": "mine", "?limit=1": "hello",
	} {
		page := f.call("GET", "/v1/canned"+query, "agent", "").want(200)
		var got []string
		items, _ := page.at("items").([]any)
		for _, item := range items {
			got = append(got, item.(map[string]any)["id"].(string))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s finds %q instead of %q", query, got, want)
		}
	}
	next := f.call("GET", "/v1/canned?limit=1", "agent", "").str("next")
	f.call("GET", "/v1/canned?limit=1&cursor="+next, "agent", "").want(200).equal("items.0.id", "mine", "next", nil)
	f.call("GET", "/v1/canned?owner=agent", "supervisor", "").want(200).equal("items.0.id", "mine")
	f.call("GET", "/v1/canned", "supervisor", "").want(200).equal("items.0.id", "hello", "items.1", nil)
	f.call("GET", "/v1/canned/mine", "operator", "").want(200).equal("text", "One moment")

	chat := f.call("POST", "/v1/chats", "customer", `{"message":"hi","name":"Vic"}`).want(201).str("chat.id")
	render := "/v1/chats/" + chat + "/canned/"
	f.call("GET", render+"hello", "supervisor", "").want(200).equal("text", "Hello Vic, I am The supervisor.")
	f.call("GET", render+"hello", "agent", "").refused(evenkeel.CodeNotFound, "") // not his chat
	f.call("GET", render+"none", "supervisor", "").refused(evenkeel.CodeNotFound, "")
	f.call("GET", "/v1/chats/c9/canned/hello", "supervisor", "").refused(evenkeel.CodeNotFound, "")

	f.call("DELETE", "/v1/canned/hello", "agent", "").refused(evenkeel.CodeForbidden, "")
	f.call("DELETE", "/v1/canned/mine", "agent", "").want(204)
	f.call("DELETE", "/v1/canned/mine", "agent", "").refused(evenkeel.CodeNotFound, "")
}

// TestCannedRender: an agent's page asks over its connection.
func TestCannedRender(t *testing.T) {
	f := newFixture(t)
	f.call("PUT", "/v1/canned/hello", "admin", `{"text":"Hello {{customer.name|there}}"}`).want(201)
	visitor, clerk := f.dial("customer"), f.dial("supervisor")
	chat := visitor.call("chat.start", `{"id":"1","message":"hi"}`).str("chat.id")
	clerk.call("canned.render", `{"chat":"`+chat+`","canned":"hello"}`).equal("text", "Hello there")
	clerk.call("canned.render", `{"chat":"`+chat+`","canned":"hello","id":"1"}`).equal("code", string(evenkeel.CodeBadRequest), "field", "id")
	clerk.call("canned.render", `{"chat":"`+chat+`"}`).equal("code", string(evenkeel.CodeBadRequest), "field", "canned")
	visitor.call("canned.render", `{"chat":"`+chat+`","canned":"hello"}`).equal("code", string(evenkeel.CodeForbidden))
}
