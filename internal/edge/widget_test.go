package edge

import (
	"fmt"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// TestWidget: a page learns what to show from a queue's settings, and nothing
// else of it.
func TestWidget(t *testing.T) {
	f := newFixture(t)
	f.call("GET", "/v1/widget", "", "").want(200).
		equal("queue", "general", "name", "General", "open", true, "greeting", nil, "offline_message", nil, "offline_form", false)
	queue := `{"name":"Sales","greeting":"Hello {{customer.name|there}}","offline_message":"{{queue.name}} is closed","offline_form":true,"max_length":1%s}`
	f.call("PUT", "/v1/queues/sales", "admin", fmt.Sprintf(queue, "")).want(201).equal("greeting", "Hello {{customer.name|there}}")
	for _, token := range []string{"", "customer", "agent"} {
		shown := f.call("GET", "/v1/widget?queue=sales", token, "").want(200).
			equal("queue", "sales", "open", true, "greeting", "Hello there", "offline_message", "Sales is closed", "offline_form", true)
		for _, secret := range []string{"max_length", "waiting", "accept_message", "skills"} {
			if shown.at(secret) != nil {
				t.Errorf("%q is shown %s", token, secret)
			}
		}
	}
	f.call("POST", "/v1/chats", "customer", `{"queue":"sales","message":"hi","name":"Vic"}`).want(201).
		equal("chat.last_message.text", "Hello Vic", "chat.last_message.author.kind", "system", "chat.last_message.author.name", "Sales")
	f.call("GET", "/v1/widget?queue=sales", "", "").want(200).equal("open", false) // full
	f.call("PUT", "/v1/queues/sales", "admin", fmt.Sprintf(queue, `,"closed":true`)).want(200)
	f.call("GET", "/v1/widget?queue=sales", "", "").want(200).equal("open", false, "offline_form", true)

	f.call("GET", "/v1/widget?queue=none", "", "").refused(evenkeel.CodeNotFound, "queue")
	f.call("GET", "/v1/widget?workspace=none", "", "").refused(evenkeel.CodeNotFound, "workspace")
	f.call("PUT", "/v1/queues/sales", "admin", `{"greeting":"{{custmer.name}}"}`).refused(evenkeel.CodeBadRequest, "greeting")

	f.must(evenkeel.System(), &evenkeel.WorkspacePut{Workspace: evenkeel.Workspace{ID: "other"}})
	f.must(evenkeel.System(), &evenkeel.WorkspacePut{Workspace: evenkeel.Workspace{ID: "other", Suspended: true}})
	f.call("GET", "/v1/widget?workspace=other", "", "").refused(evenkeel.CodeForbidden, "")
}

// TestWidgetLooks: an address may look so often, and no more.
func TestWidgetLooks(t *testing.T) {
	f := newFixture(t)
	for range pageLooks {
		f.from("198.51.100.1:1", "GET", "/v1/widget", "").want(200)
	}
	f.from("198.51.100.1:2", "GET", "/v1/widget", "").refused(evenkeel.CodeTooManyRequests, "")
	f.from("198.51.100.2:1", "GET", "/v1/widget", "").want(200)
}
