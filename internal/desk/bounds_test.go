package desk

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/evenkeel/evenkeel"
)

// staffed is a desk with agents at work, each with a session of its own.
func staffed(t testing.TB, capacity int64, ids ...string) (f *fixture, incarnation uint64) {
	f = newFixture(t)
	incarnation = f.must(evenkeel.System(), &evenkeel.NodeUp{Node: "n", Boot: "b"}).Incarnation
	for i, id := range ids {
		a := evenkeel.Agent{ID: id, Role: evenkeel.RoleAgent, Capacity: capacity, Queues: []evenkeel.Membership{{Queue: "general", Level: 1}}}
		f.must(agent("admin"), &evenkeel.AgentPut{Agent: a})
		f.must(evenkeel.System(), &evenkeel.SessionOpen{Session: evenkeel.SessionID{Incarnation: incarnation, Number: uint64(i + 1)}, Principal: agent(id)})
		f.must(agent(id), &evenkeel.SetAgentStatus{Status: evenkeel.StatusOnline})
	}
	return f, incarnation
}

func (f *fixture) limit(set func(*evenkeel.Limits)) {
	f.t.Helper()
	l := f.d.cell.Limits
	set(&l)
	f.must(evenkeel.System(), &evenkeel.LimitsSet{Limits: l})
}

// TestLostNodeInParts: the agents of a lost node give their offers back, no more
// chats in one Apply than the limit of follow-up work and those of one agent.
func TestLostNodeInParts(t *testing.T) {
	f, inc := staffed(t, 4, "ann", "bob", "kim")
	for i := range 12 {
		f.must(visitor("v"+itoa(i)), &evenkeel.ChatStart{})
	}
	f.limit(func(l *evenkeel.Limits) { l.FollowUp = 5 })
	out := f.apply(&evenkeel.Command{By: evenkeel.System(), Body: &evenkeel.NodeLost{Node: "n", Incarnation: inc}})
	steps := 0
	for ; out.More; out = f.apply() {
		chats := map[string]bool{}
		for _, e := range out.Events {
			if e.Pub != nil && e.Pub.Type == evenkeel.PubDetails {
				chats[e.Pub.Chat.ID] = true
			}
		}
		if len(chats) > 5+4 {
			t.Fatalf("%d chats change in one Apply", len(chats))
		}
		steps++
	}
	for _, c := range f.d.chats.list {
		if c.State != evenkeel.ChatQueued {
			t.Fatalf("%s is %s", c.ID, c.State)
		}
	}
	if steps < 1 {
		t.Fatalf("it took %d entries more", steps)
	}
}

// TestHeldChats: an agent is handed no more chats than can be moved at once when
// he goes.
func TestHeldChats(t *testing.T) {
	f, _ := staffed(t, 0, "ann")
	f.limit(func(l *evenkeel.Limits) { l.LiveKeys = 10 * maxHeld })
	q := evenkeel.NewQueue("general")
	q.MaxLength = 2 * maxHeld
	f.must(agent("admin"), &evenkeel.QueuePut{Queue: q})
	for i := range maxHeld {
		c := f.must(visitor("v"+itoa(i)), &evenkeel.ChatStart{}).Chat
		f.must(agent("admin"), &evenkeel.ChatTransfer{Chat: c.ID, Agent: "ann"})
	}
	c := f.must(visitor("one more"), &evenkeel.ChatStart{}).Chat
	if r := f.do(agent("admin"), &evenkeel.ChatTransfer{Chat: c.ID, Agent: "ann"}); evenkeel.ErrorCode(r.Err) != evenkeel.CodeLimitReached {
		t.Fatalf("%v", r.Err)
	}
	f.must(agent("admin"), &evenkeel.AgentDelete{Agent: "ann"})
	if err := invariants(f.d); err != nil {
		t.Fatal(err)
	}
}

// TestFullState: with the budget used up nothing grows, and chats still end.
func TestFullState(t *testing.T) {
	f, _ := staffed(t, 4, "ann")
	c := f.must(visitor("v"), &evenkeel.ChatStart{Message: "hi"}).Chat
	f.must(agent("ann"), &evenkeel.ChatAccept{Chat: c.ID})
	closed := f.must(visitor("w"), &evenkeel.ChatStart{}).Chat
	f.must(visitor("w"), &evenkeel.ChatClose{Chat: closed.ID})
	f.limit(func(l *evenkeel.Limits) { l.MaxState = f.d.cell.Bytes })
	long := strings.Repeat("x", 100)
	ann := f.d.agents.get(key{"default", "ann"}).Config
	ann.Avatar = long
	queue := evenkeel.NewQueue("general")
	queue.Name = long
	for _, try := range []struct {
		by   evenkeel.Principal
		body evenkeel.Body
	}{
		{visitor("w"), &evenkeel.ChatStart{}},
		{visitor("v"), &evenkeel.ChatSend{Chat: c.ID, Text: "hi"}},
		{visitor("w"), &evenkeel.ChatRate{Chat: closed.ID, Score: 5, Comment: long}},
		{agent("ann"), &evenkeel.ChatNote{Chat: c.ID, Text: "hi"}},
		{agent("ann"), &evenkeel.ChatUpdate{Chat: c.ID, Tags: []string{long}}},
		{agent("ann"), &evenkeel.ChatWrapup{Chat: c.ID, Tags: []string{long}}},
		{agent("admin"), &evenkeel.AgentPut{Agent: evenkeel.Agent{ID: "bob", Role: evenkeel.RoleAgent}}},
		{agent("admin"), &evenkeel.AgentPut{Agent: ann}},
		{agent("admin"), &evenkeel.QueuePut{Queue: evenkeel.NewQueue("sales")}},
		{agent("admin"), &evenkeel.QueuePut{Queue: queue}},
		{agent("admin"), &evenkeel.APIKeyPut{Key: evenkeel.APIKey{ID: "bot", Role: evenkeel.RoleService}, Hash: "h"}},
		{agent("admin"), &evenkeel.NamespacePut{Namespace: evenkeel.NewNamespace("quotes")}},
		{evenkeel.System(), &evenkeel.WorkspacePut{Workspace: evenkeel.Workspace{ID: "acme"}}},
	} {
		// Without an id: the key alone would not fit.
		r := f.apply(&evenkeel.Command{By: try.by, Body: try.body}).Results[0]
		if evenkeel.ErrorCode(r.Err) != evenkeel.CodeLimitReached {
			t.Errorf("%s: %v", try.body.Kind(), r.Err)
		}
	}
	if r := f.apply(&evenkeel.Command{By: visitor("v"), Body: &evenkeel.ChatClose{Chat: c.ID}}).Results[0]; r.Err != nil {
		t.Fatal(r.Err)
	}
	if err := invariants(f.d); err != nil {
		t.Fatal(err)
	}
}

// TestHistoryOfAChat: what can be said over and over is refused in the end, and
// the system's own words keep to the limits of messages and notes.
func TestHistoryOfAChat(t *testing.T) {
	f, _ := staffed(t, 4, "ann")
	f.limit(func(l *evenkeel.Limits) { l.ChatMessages, l.MaxState = 3, 1<<40 })
	c := f.must(visitor("v"), &evenkeel.ChatStart{Message: "hi"}).Chat
	row := f.d.chats.get(c.ID)
	for range 10 {
		f.d.chats.touch(row)
		f.d.say(row, "still there?")
		f.d.systemNote(row, "moved")
	}
	if row.Messages != 3 || row.Notes != 3 {
		t.Fatalf("%d messages, %d notes", row.Messages, row.Notes)
	}
	f.must(visitor("v"), &evenkeel.ChatClose{Chat: c.ID})
	for i := 0; ; i++ {
		r := f.apply(&evenkeel.Command{By: visitor("v"), Body: &evenkeel.ChatRate{Chat: c.ID, Score: int64(1 + i%5)}}).Results[0]
		if evenkeel.ErrorCode(r.Err) == evenkeel.CodeLimitReached {
			break
		}
		if i > tellLimit {
			t.Fatal("a rating is changed without end")
		}
	}
}

// TestPreview: an offer shows the beginning of a long message.
func TestPreview(t *testing.T) {
	f, _ := staffed(t, 4, "ann")
	f.must(visitor("v"), &evenkeel.ChatStart{Message: strings.Repeat("é€", 1000)})
	items, _, err := f.d.History("agent:ann", evenkeel.Position{}, 10, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	text := items[len(items)-1].Pub.Preview
	if text == "" || len(text) > maxPreview+len("…") || !utf8.ValidString(text) {
		t.Fatalf("%d bytes: %q", len(text), text)
	}
}
