package routing

import (
	"fmt"
	"strings"
	"testing"
)

// scene is a Floor and the time of its clock.
type scene struct {
	*testing.T
	*Floor
	now int64
}

func newScene(t *testing.T, agents ...Agent) *scene {
	s := &scene{t, New(), 0}
	s.PutQueue(Queue{ID: "q"})
	for _, a := range agents {
		s.PutAgent(a)
	}
	return s
}

// decides checks what is next: "chat agent", or "" for nothing.
func (s *scene) decides(want string) {
	s.Helper()
	d, ok := s.Next(s.now)
	got := ""
	if ok {
		got = d.Chat + " " + d.Agent
	}
	if got != want {
		s.Errorf("decides %q, want %q", got, want)
	}
}

// because checks why a chat waits or where it would go.
func (s *scene) because(chat, want string) {
	s.Helper()
	why, _ := s.Why(chat, s.now)
	if got := text(why); got != want {
		s.Errorf("why %s: %q, want %q", chat, got, want)
	}
}

func text(why []Considered) string {
	var words []string
	for _, c := range why {
		if c.Rank > 0 {
			words = append(words, fmt.Sprintf("%s=%d", c.Agent, c.Rank))
		} else {
			words = append(words, c.Agent+"="+c.PassedOver)
		}
	}
	return strings.Join(words, " ")
}

func full(a Agent) Agent { a.Used = a.Capacity; return a }
func away(a Agent) Agent { a.Status = Away; return a }

func TestWhichChatIsNext(t *testing.T) {
	s := newScene(t, available("ann"))
	s.PutChat(Chat{ID: "late", Queue: "q", QueuedAt: 9, Seq: 1})
	s.PutChat(Chat{ID: "second", Queue: "q", QueuedAt: 5, Seq: 3})
	s.PutChat(Chat{ID: "first", Queue: "q", QueuedAt: 5, Seq: 2})
	s.PutChat(Chat{ID: "low", Queue: "q", Priority: -1, QueuedAt: 1, Seq: 4})
	s.PutChat(Chat{ID: "urgent", Queue: "q", Priority: 2, QueuedAt: 10, Seq: 5})
	for i, id := range []string{"urgent", "first", "second", "late", "low"} {
		s.decides(id + " ann")
		if pos, ok := s.Position("low"); pos != 5-i || !ok {
			t.Errorf("low stands at %d, want %d", pos, 5-i)
		}
		s.DeleteChat(id)
	}
	s.decides("")
	if _, ok := s.Position("low"); ok {
		t.Error("a chat that is gone has a position")
	}
	if _, ok := s.Why("low", 0); ok {
		t.Error("a chat that is gone has a reason")
	}
}

// TestChatGoesToAnotherQueue: a chat that was its queue's next is the next of another
// queue, whichever of the two changed first.
func TestChatGoesToAnotherQueue(t *testing.T) {
	for _, first := range []string{"q", "r"} {
		s := newScene(t, Agent{ID: "ann", Status: Online, Connected: true, Capacity: 1, Memberships: []Membership{{Queue: "q", Level: 1}, {Queue: "r", Level: 1}}})
		s.PutQueue(Queue{ID: "r"})
		s.PutChat(Chat{ID: "other", Queue: "r", Seq: 2, Excluded: []Exclusion{{Agent: "ann", RetryAt: Never}}})
		s.PutChat(Chat{ID: "c", Queue: "q", Seq: 1})
		s.decides("c ann")
		s.PutQueue(Queue{ID: first, Weight: 1, Skills: []Skill{}})
		s.DeleteChat("c")
		s.PutChat(Chat{ID: "c", Queue: "r", Seq: 1})
		s.decides("c ann")
	}
}

func TestBestHeadOfTheAgentsQueuesWins(t *testing.T) {
	s := newScene(t)
	s.PutQueue(Queue{ID: "r"})
	s.PutQueue(Queue{ID: "other"})
	ann := full(available("ann"))
	ann.Memberships = append(ann.Memberships, Membership{Queue: "r"})
	s.PutAgent(ann)
	s.PutChat(Chat{ID: "q1", Queue: "q", QueuedAt: 2, Seq: 1})
	s.PutChat(Chat{ID: "r1", Queue: "r", QueuedAt: 1, Seq: 2})
	s.PutChat(Chat{ID: "r2", Queue: "r", QueuedAt: 3, Seq: 3})
	s.PutChat(Chat{ID: "o1", Queue: "other", QueuedAt: 0, Seq: 4})
	s.decides("")
	ann.Used = 0
	s.PutAgent(ann)
	for _, id := range []string{"r1", "q1", "r2"} {
		s.decides(id + " ann")
		s.DeleteChat(id)
	}
	s.decides("")
}

func TestWhoIsPassedOver(t *testing.T) {
	s := newScene(t,
		available("free"),
		full(available("busy")),
		away(available("pause")),
		with(available("gone"), func(a *Agent, _ *Membership) { a.Connected = false }),
		with(available("off"), func(a *Agent, _ *Membership) { a.Status = Offline }),
		with(available("weak"), func(a *Agent, _ *Membership) { a.Status, a.Skills = Away, []Skill{{"german", 1}} }),
		available("no"))
	s.PutChat(Chat{ID: "c", Queue: "q", Prefer: "boss", Excluded: []Exclusion{{"no", 0}, {"stranger", 0}}})
	s.because("c", "free=1 no=excluded boss=not_member busy=no_slot gone=not_connected off=offline pause=away weak=away")
	s.PutQueue(Queue{ID: "q", Skills: []Skill{{"german", 2}}})
	s.PutAgent(with(available("weak"), func(a *Agent, _ *Membership) { a.Status, a.Skills = Away, []Skill{{"german", 1}} }))
	s.PutAgent(with(available("free"), func(a *Agent, _ *Membership) { a.Skills = []Skill{{"german", 2}} }))
	s.because("c", "free=1 boss=not_member busy=skill:german gone=skill:german no=skill:german "+
		"off=skill:german pause=skill:german weak=skill:german")
}

// Who declined is skipped while somebody else is on duty, even if all his
// slots are taken; then he is asked again once RetryAt has come.
func TestExclusion(t *testing.T) {
	s := newScene(t, available("ann"), full(available("bob")))
	s.PutChat(Chat{ID: "c", Queue: "q", Seq: 1, Excluded: []Exclusion{{"ann", 50}}})
	s.PutChat(Chat{ID: "d", Queue: "q", Seq: 2, Excluded: []Exclusion{{"ann", 50}}})
	s.decides("")
	s.PutChat(Chat{ID: "e", Queue: "q", Seq: 3})
	s.decides("e ann") // the others do not make it wait
	s.DeleteChat("e")
	s.now = 60
	s.decides("") // bob could take it
	s.because("c", "ann=excluded bob=no_slot")
	s.PutAgent(away(available("bob")))
	s.decides("c ann")
	s.PutAgent(available("bob"))
	s.decides("c bob")
	s.PutAgent(away(available("bob")))
	s.DeleteChat("c")
	s.PutChat(Chat{ID: "d", Queue: "q", Seq: 2, Excluded: []Exclusion{{"ann", 70}}})
	s.decides("")
	if at, ok := s.Due(); at != 70 || !ok {
		t.Errorf("due at %d %v, want 70", at, ok)
	}
	s.now = 69
	s.decides("")
	s.now = 70
	s.decides("d ann")
	if at, ok := s.Due(); ok {
		t.Errorf("due at %d, want never", at)
	}
}

// With everybody on duty excluded the order is that of the strategy among those
// whose time has come; the preferred agent who declined has no privilege left.
func TestEverybodyExcluded(t *testing.T) {
	s := newScene(t, available("ann"),
		with(available("bob"), func(a *Agent, _ *Membership) { a.LastAssigned = 1 }),
		with(available("cid"), func(a *Agent, _ *Membership) { a.LastAssigned = 2 }))
	s.PutChat(Chat{ID: "c", Queue: "q", Prefer: "cid", HoldUntil: 99, Excluded: []Exclusion{{"ann", 30}, {"bob", 20}, {"cid", 10}}})
	s.decides("")
	s.because("c", "ann=excluded bob=excluded cid=excluded")
	s.now = 10
	s.decides("c cid")
	s.now = 20
	s.decides("c bob")
	s.now = 30
	s.decides("c ann")
	s.because("c", "ann=1 bob=2 cid=3")
	s.PutAgent(available("dee"))
	s.decides("c dee")
	s.because("c", "dee=1 ann=excluded bob=excluded cid=excluded")
	s.DeleteAgent("dee")
	s.decides("c ann")
}

func TestHold(t *testing.T) {
	s := newScene(t, full(available("ann")), available("bob"))
	s.PutChat(Chat{ID: "held", Queue: "q", Seq: 1, Prefer: "ann", HoldUntil: 100})
	s.decides("")
	s.because("held", "ann=no_slot bob=held")
	if at, _ := s.Due(); at != 100 {
		t.Errorf("due at %d, want 100", at)
	}
	s.PutChat(Chat{ID: "next", Queue: "q", Seq: 2})
	s.decides("next bob") // does not wait behind it
	if got := s.Waiting("q"); got != 2 {
		t.Errorf("%d wait, want 2", got)
	}
	if pos, _ := s.Position("next"); pos != 2 {
		t.Errorf("next stands at %d, want 2: who is held keeps his place", pos)
	}
	s.PutAgent(with(available("ann"), func(a *Agent, _ *Membership) { a.Used = 3 }))
	s.decides("held ann") // though bob has more room
	s.PutAgent(away(available("ann")))
	s.decides("held bob") // she is not on duty: no reason to wait
	s.PutAgent(full(available("ann")))
	s.decides("next bob")
	s.now = 100
	s.decides("held bob")
	s.PutAgent(with(available("ann"), func(a *Agent, _ *Membership) { a.Used = 3 }))
	s.decides("held ann") // still asked first
	s.because("held", "ann=1 bob=2")
	s.DeleteAgent("ann")
	s.decides("held bob")
	s.because("held", "bob=1 ann=not_member")
}

// A preferred agent who declined the chat keeps nobody else from it.
func TestDecliningEndsTheHold(t *testing.T) {
	s := newScene(t, full(available("ann")), available("bob"))
	s.PutChat(Chat{ID: "c", Queue: "q", Prefer: "ann", HoldUntil: 100, Excluded: []Exclusion{{"ann", 50}}})
	s.decides("c bob")
	s.because("c", "bob=1 ann=excluded")
}

func TestWeight(t *testing.T) {
	s := newScene(t, with(available("ann"), func(a *Agent, _ *Membership) { a.Used = 2 }))
	s.PutChat(Chat{ID: "c", Queue: "q"})
	s.PutQueue(Queue{ID: "q", Weight: 3})
	s.decides("")
	s.because("c", "ann=no_slot")
	s.PutQueue(Queue{ID: "q", Weight: 2})
	s.decides("c ann")
}

// Next changes nothing, and a time before the last one changes nothing either.
func TestNextRepeatsItself(t *testing.T) {
	s := newScene(t, full(available("ann")), available("bob"))
	s.PutChat(Chat{ID: "c", Queue: "q", Prefer: "ann", HoldUntil: 10})
	s.now = 10
	s.decides("c bob")
	s.now = 9
	s.decides("c bob")
	s.PutChat(Chat{ID: "c", Queue: "q", Prefer: "ann", HoldUntil: 10})
	s.decides("c bob")
}

// The reasons kept with a decision are cut at MaxConsidered, the chosen first.
func TestDecisionKeepsTheFirstReasons(t *testing.T) {
	s := newScene(t)
	for i := range 30 {
		a := available(fmt.Sprintf("a%02d", i))
		if i >= 3 {
			a = full(a)
		}
		s.PutAgent(a)
	}
	s.PutChat(Chat{ID: "c", Queue: "q", Prefer: "a02", Excluded: []Exclusion{{"a01", 0}}})
	d, _ := s.Next(0)
	want := "a02=1 a00=2 a01=excluded"
	for i := 3; i < MaxConsidered; i++ {
		want += fmt.Sprintf(" a%02d=no_slot", i)
	}
	if got := text(d.Why); got != want || d.Agent != "a02" {
		t.Errorf("%s because %s\nwant %s", d.Agent, got, want)
	}
	if all, _ := s.Why("c", 0); len(all) != 30 {
		t.Errorf("%d considered, want 30", len(all))
	}
	for i := range 30 { // more who may take it than there is room for
		s.PutAgent(available(fmt.Sprintf("a%02d", i)))
	}
	d, _ = s.Next(0)
	if len(d.Why) != MaxConsidered || d.Why[MaxConsidered-1].Rank != MaxConsidered {
		t.Errorf("%d reasons kept: %s", len(d.Why), text(d.Why))
	}
}

func TestReads(t *testing.T) {
	s := newScene(t, available("ann"), full(available("bob")), away(available("cid")))
	if chat, _, ok := s.Oldest("q"); ok {
		t.Errorf("oldest is %s in an empty queue", chat)
	}
	s.PutChat(Chat{ID: "old", Queue: "q", Priority: -5, QueuedAt: 3, Seq: 1})
	s.PutChat(Chat{ID: "held", Queue: "q", Priority: 1, QueuedAt: 4, Seq: 2, Prefer: "bob", HoldUntil: 9})
	s.PutChat(Chat{ID: "new", Queue: "q", Priority: 1, QueuedAt: 5, Seq: 3})
	if chat, at, ok := s.Oldest("q"); chat != "old" || at != 3 || !ok {
		t.Errorf("oldest is %s at %d", chat, at)
	}
	var line []string
	for id := range s.Line("q") {
		if line = append(line, id); len(line) == 2 {
			break
		}
	}
	if got := strings.Join(line, " "); got != "held new" {
		t.Errorf("line begins with %s", got)
	}
	if onDuty, free := s.Staff("q"); onDuty != 2 || free != 1 {
		t.Errorf("%d on duty, %d free", onDuty, free)
	}
	if s.Waiting("q") != 3 || s.Waiting("nowhere") != 0 {
		t.Errorf("%d and %d wait", s.Waiting("q"), s.Waiting("nowhere"))
	}
	if onDuty, free := s.Staff("nowhere"); onDuty != 0 || free != 0 {
		t.Error("somebody is on duty nowhere")
	}
	for range s.Line("nowhere") {
		t.Error("somebody stands in no line")
	}
	if _, _, ok := s.Oldest("nowhere"); ok {
		t.Error("somebody waits nowhere")
	}
}
