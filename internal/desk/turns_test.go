package desk

import (
	"testing"

	"github.com/evenkeel/evenkeel"
)

// TestRoundRobinAfterANewQueue: an agent's turns in a queue that was deleted do
// not count in a new one of its name, and do not pile up.
func TestRoundRobinAfterANewQueue(t *testing.T) {
	f := newFixture(t)
	inc := f.must(evenkeel.System(), &evenkeel.NodeUp{Node: "n1", Boot: "b"}).Incarnation
	q := evenkeel.NewQueue("ring")
	q.Strategy, q.AutoAccept, q.WrapUp = evenkeel.RoundRobin, true, 0
	f.must(agent("admin"), &evenkeel.QueuePut{Queue: q})
	for i, id := range []string{"ann", "bob"} {
		a := evenkeel.Agent{ID: id, Role: evenkeel.RoleAgent, Capacity: 9, Queues: []evenkeel.Membership{{Queue: "ring", Level: 1}}}
		f.must(agent("admin"), &evenkeel.AgentPut{Agent: a})
		f.must(evenkeel.System(), &evenkeel.SessionOpen{Session: evenkeel.SessionID{Incarnation: inc, Number: uint64(i + 1)}, Principal: agent(id)})
	}
	f.must(agent("ann"), &evenkeel.SetAgentStatus{Status: evenkeel.StatusOnline})
	chat := func() string {
		who := visitor("v" + itoa(f.ids)) // a new one: nobody prefers an agent
		id := f.must(who, &evenkeel.ChatStart{Queue: "ring"}).Chat.ID
		c, err := f.d.Chat(agent("admin"), id)
		if err != nil || c.Agent == nil {
			t.Fatalf("%+v, %v", c, err)
		}
		f.must(who, &evenkeel.ChatClose{Chat: id})
		return c.Agent.ID
	}
	for range 5 {
		chat()
	}
	f.must(agent("admin"), &evenkeel.QueueDelete{Queue: "ring"})
	f.must(agent("admin"), &evenkeel.QueuePut{Queue: q})
	f.must(agent("bob"), &evenkeel.SetAgentStatus{Status: evenkeel.StatusOnline})
	for i, want := range []string{"bob", "ann", "bob", "ann"} {
		if got := chat(); got != want {
			t.Fatalf("chat %d went to %s instead of %s", i, got, want)
		}
	}
	f.must(agent("admin"), &evenkeel.AgentPut{Agent: evenkeel.Agent{ID: "ann", Role: evenkeel.RoleAgent}})
	if n := len(f.d.agents.get(key{"default", "ann"}).Turns); n != 0 {
		t.Fatalf("%d turns are left", n)
	}
}
