package edge

import (
	"slices"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// TestMissed is the life of a form over HTTP: left, found, looked after,
// answered.
func TestMissed(t *testing.T) {
	f := newFixture(t)
	f.call("PUT", "/v1/queues/shut", "admin", `{"closed":true}`).want(201)
	f.call("POST", "/v1/chats", "customer", `{"queue":"shut","message":"hello"}`).refused(evenkeel.CodeQueueClosed, "")

	form := `{"queue":"shut","name":"Vic","email":"vic@example.com","text":"Call me","refused":"queue_closed"}`
	left := f.call("POST", "/v1/offline", "customer", form, "Idempotency-Key", "1").want(201).
		equal("missed.id", "m1", "missed.kind", "refused", "missed.queue", "shut", "missed.text", "Call me")
	for _, secret := range []string{"state", "agent", "workspace", "customer", "times"} {
		if left.at("missed."+secret) != nil {
			t.Errorf("the customer is shown %s", secret)
		}
	}
	f.call("POST", "/v1/offline", "customer", form, "Idempotency-Key", "1").want(201).equal("missed.id", "m1")
	f.call("POST", "/v1/offline", "customer", `{"text":"x"}`, "Idempotency-Key", "1").refused(evenkeel.CodeKeyReused, "")
	f.call("POST", "/v1/offline", "customer", `{"queue":"shut"}`).refused(evenkeel.CodeBadRequest, "text")
	f.call("POST", "/v1/offline", "customer", `{"text":"x","refused":"no"}`).refused(evenkeel.CodeBadRequest, "refused")
	f.call("POST", "/v1/offline", "customer", `{"text":"x","queue":"none"}`).refused(evenkeel.CodeNotFound, "queue")
	f.call("POST", "/v1/offline", "service", `{"text":"from the shop","on_behalf_of":{"customer":"c77"}}`).want(201).
		equal("missed.id", "m2", "missed.state", "open", "missed.customer", "c77", "missed.times", 1)

	// The agent is a member of general only; a supervisor sees both.
	f.call("GET", "/v1/missed", "agent", "").want(200).equal("items.0.id", "m2", "items.1", nil, "next", nil)
	f.call("GET", "/v1/missed/m1", "agent", "").refused(evenkeel.CodeNotFound, "")
	f.call("GET", "/v1/missed?limit=1", "supervisor", "").want(200).equal("items.0.id", "m1", "items.1", nil)
	next := f.call("GET", "/v1/missed?limit=1", "supervisor", "").str("next")
	f.call("GET", "/v1/missed?limit=1&cursor="+next, "supervisor", "").want(200).equal("items.0.id", "m2", "next", nil)
	for query, want := range map[string]string{"kind=refused": "m1", "queue=general": "m2", "customer=c77": "m2", "state=open": "m1"} {
		f.call("GET", "/v1/missed?"+query, "supervisor", "").want(200).equal("items.0.id", want)
	}
	f.call("GET", "/v1/missed?state=gone", "supervisor", "").refused(evenkeel.CodeBadRequest, "state")
	f.call("GET", "/v1/missed?kind=x", "supervisor", "").refused(evenkeel.CodeBadRequest, "kind")
	f.call("GET", "/v1/queues/shut", "supervisor", "").want(200).equal("missed", 1)

	f.call("POST", "/v1/missed/m2/claim", "agent", "").want(200).equal("missed.state", "claimed", "missed.agent.id", "agent")
	f.call("GET", "/v1/missed?agent=agent", "supervisor", "").want(200).equal("items.0.id", "m2")
	f.call("POST", "/v1/missed/m2/release", "agent", "").want(200).equal("missed.state", "open", "missed.agent", nil)
	f.call("POST", "/v1/missed/m2/answer", "agent", `{}`).refused(evenkeel.CodeBadRequest, "text")
	f.call("POST", "/v1/missed/m2/answer", "agent", `{"text":"by mail: it is on its way"}`).want(200).
		equal("missed.state", "answered", "missed.answer", "by mail: it is on its way", "missed.agent.id", "agent")
	f.call("POST", "/v1/missed/m2/close", "agent", "").refused(evenkeel.CodeConflict, "")
	f.call("POST", "/v1/missed/m1/close", "service", `{"note":"spam","missed":"m2"}`).refused(evenkeel.CodeBadRequest, "missed")
	f.call("POST", "/v1/missed/m1/close", "service", `{"note":"spam"}`).want(200).equal("missed.reason", "by_staff", "missed.note", "spam")
	f.call("GET", "/v1/queues/shut", "supervisor", "").want(200).equal("missed", 0)
}

// TestMissedOverRPC: the form over the connection, and who may follow what
// comes of it.
func TestMissedOverRPC(t *testing.T) {
	f := newFixture(t)
	visitor, clerk := f.dial("customer"), f.dial("agent")
	visitor.call("chat.offline", `{"id":"1","text":"Call me"}`).equal("missed.id", "m1", "missed.kind", "offline", "missed.customer", nil)
	if writeCost(evenkeel.KindChatOffline, 3000) != writeCost(evenkeel.KindChatStart, 3000) {
		t.Error("a form costs a customer less than a chat")
	}
	clerk.call("missed.claim", `{"id":"1","missed":"m1"}`).equal("missed.state", "claimed", "missed.agent.id", "agent")
	f.call("PUT", "/v1/queues/other", "admin", `{}`).want(201)
	for channel, who := range map[string][]evenkeel.Role{
		"missed:general": everyRole()[1:], "missed:other": everyRole()[2:], "missed:none": nil,
	} {
		for _, role := range everyRole() {
			identity, err := f.edge.Authenticate(f.token(role.String()))
			if err != nil {
				t.Fatal(err)
			}
			may := f.edge.MaySubscribe(identity.Principal, channel) == nil
			if want := slices.Contains(who, role); may != want {
				t.Errorf("%s may follow %s: %v", role, channel, may)
			}
		}
	}
}
