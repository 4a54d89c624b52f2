package edge

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/evenkeel/evenkeel"
)

// courierWorld is a courier before the real desk, with a road between them on
// which proposals and their results are lost, held up and refused.
type courierWorld struct {
	t       *rapid.T
	cell    *testCell
	courier *Courier
	now     time.Duration
	flying  []Proposal // in the order of their sending

	incarnation uint64
	boots       int
	people      []*person
	lastClient  ClientID
	lastTag     uint64
	asked       map[uint64]*question
}

// person is a customer with a chat of his own, on at most one connection.
type person struct {
	who    evenkeel.Principal
	chat   string
	client ClientID // 0: not connected
	sent   []string // ids, in the order of their first sending
}

type question struct {
	owner   *person
	client  ClientID
	id      string
	answers int
	ok      bool
}

func newCourierWorld(t *rapid.T, tb testing.TB) *courierWorld {
	w := &courierWorld{t: t, cell: newTestCell(tb), courier: NewCourier(), asked: map[uint64]*question{}}
	w.cell.events = func(events []evenkeel.Event) {
		for _, e := range events {
			if e.Kind == evenkeel.EventSessionEnded {
				w.step(SessionEnded{e.Session})
			}
		}
	}
	w.apply(&evenkeel.CellForm{
		CellID: "cell", Generation: "g", Limits: evenkeel.DefaultLimits(), Password: "x",
		Admin: evenkeel.Agent{ID: "admin", Role: evenkeel.RoleAdmin},
	})
	w.boot()
	for i := range 3 {
		p := &person{who: principalNamed("visitor", fmt.Sprintf("v%d", i))}
		r := w.cell.apply(&evenkeel.Command{By: p.who, Body: &evenkeel.ChatStart{}})[0]
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		p.chat = r.Chat.ID
		w.people = append(w.people, p)
	}
	return w
}

func (w *courierWorld) apply(body evenkeel.Body) evenkeel.Result {
	r := w.cell.apply(&evenkeel.Command{By: evenkeel.System(), Body: body})[0]
	if r.Err != nil {
		w.t.Fatal(r.Err)
	}
	return r
}

// boot gives the process a new incarnation.
func (w *courierWorld) boot() {
	w.boots++
	w.incarnation = w.apply(&evenkeel.NodeUp{Node: "n1", Boot: fmt.Sprint(w.boots)}).Incarnation
	w.step(IncarnationIssued{w.incarnation})
}

func (w *courierWorld) step(inputs ...Input) {
	for _, out := range w.courier.Step(w.now, inputs...) {
		switch out := out.(type) {
		case Proposal:
			w.flying = append(w.flying, out)
		case Answer:
			q := w.asked[out.Tag]
			if q.answers++; q.answers > 1 || q.client != out.Client {
				w.t.Fatalf("%s was answered %d times, to client %d", q.id, q.answers, out.Client)
			}
			switch {
			case out.Err == nil:
				q.ok = true
			case out.Err.Code != evenkeel.CodeNoLeader && out.Err.Code != evenkeel.CodeTooManyRequests && out.Err.Code != evenkeel.CodeDiskFull:
				w.t.Fatalf("%s was refused: %v", q.id, out.Err)
			}
		case Closure:
			if out.Code != closeLost {
				w.t.Fatalf("client %d was closed with %d %s", out.Client, out.Code, out.Reason)
			}
			for _, p := range w.people {
				if p.client == out.Client {
					p.client = 0
				}
			}
			w.step(ClientGone{out.Client})
		}
	}
}

// land ends the flight of the first proposal.
func (w *courierWorld) land(applied bool, failure evenkeel.Code) {
	p := w.flying[0]
	w.flying = w.flying[1:]
	done := ProposalDone{Batch: p.Batch}
	if applied {
		done.Results = w.cell.apply(p.Commands...)
		for i, r := range done.Results {
			w.judge(p.Commands[i], r)
		}
	}
	if failure != "" {
		done.Results, done.Err = nil, evenkeel.Errorf(failure, "so it is")
	}
	w.step(done)
}

// judge looks at what the desk says to the courier: it must never see a number
// out of turn.
func (w *courierWorld) judge(c *evenkeel.Command, r evenkeel.Result) {
	if r.Err != nil && r.Err.Field == "seq" {
		w.t.Fatalf("the desk was given %s: %v", showCommand(c), r.Err)
	}
}

func (w *courierWorld) connect(p *person) {
	w.lastClient++
	p.client = w.lastClient
	need := rapid.SampledFrom([]SessionNeed{SessionOnDemand, SessionAtOnce}).Draw(w.t, "need")
	w.step(ClientConnected{Client: p.client, Principal: p.who, Need: need})
}

func (w *courierWorld) ask(p *person, id string) {
	w.lastTag++
	w.asked[w.lastTag] = &question{owner: p, client: p.client, id: id}
	w.step(Submitted{Client: p.client, Tag: w.lastTag, Size: 100, Command: &evenkeel.Command{
		By: p.who, ID: id, Body: &evenkeel.ChatSend{Chat: p.chat, Text: id, Type: evenkeel.MessageText},
	}})
}

func (w *courierWorld) somebody(connected bool) *person {
	var fit []*person
	for _, p := range w.people {
		if (p.client != 0) == connected {
			fit = append(fit, p)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	return rapid.SampledFrom(fit).Draw(w.t, "who")
}

// act does one thing at random.
func (w *courierWorld) act() {
	switch rapid.IntRange(0, 16).Draw(w.t, "act") {
	case 0, 1:
		if p := w.somebody(false); p != nil {
			w.connect(p)
		}
	case 2, 3, 4, 5:
		if p := w.somebody(true); p != nil {
			id := fmt.Sprintf("%s-%d", p.who.ID, len(p.sent))
			p.sent = append(p.sent, id)
			w.ask(p, id)
		}
	case 6: // asks again, as clients do when they were told no_leader
		if p := w.somebody(true); p != nil && len(p.sent) > 0 {
			w.ask(p, rapid.SampledFrom(p.sent).Draw(w.t, "again"))
		}
	case 7, 8: // the result is lost
		if len(w.flying) > 0 {
			w.land(true, evenkeel.CodeNoLeader)
		}
	case 9:
		if p := w.somebody(true); p != nil {
			id := p.client
			p.client = 0
			w.step(ClientGone{id})
		}
	case 10, 11:
		w.now += time.Duration(rapid.SampledFrom([]int{1, 10, 60, 60, 1000, 4000}).Draw(w.t, "ms")) * time.Millisecond
		w.step()
	case 12, 13:
		if len(w.flying) > 0 {
			w.land(true, "")
		}
	case 14: // lost on the way there, or on the way back
		if len(w.flying) > 0 {
			w.land(rapid.Bool().Draw(w.t, "applied"), evenkeel.CodeNoLeader)
		}
	case 15:
		if len(w.flying) > 0 {
			w.land(false, rapid.SampledFrom([]evenkeel.Code{evenkeel.CodeTooManyRequests, evenkeel.CodeDiskFull}).Draw(w.t, "refused"))
		}
	default: // rarely: the desk ends all sessions of this process
		if rapid.IntRange(0, 9).Draw(w.t, "boot") == 0 {
			w.boot()
		}
	}
}

// settle heals the road and lets everything arrive.
func (w *courierWorld) settle() {
	for range 1000 {
		for len(w.flying) > 0 {
			w.land(true, "")
		}
		at, wakes := w.courier.Wake()
		if !wakes {
			return
		}
		w.now = max(w.now, at)
		w.step()
	}
	w.t.Fatal("the courier does not come to rest")
}

// check compares what was answered with what is in the desk.
func (w *courierWorld) check() {
	for tag, q := range w.asked {
		if q.answers != 1 {
			w.t.Fatalf("%s (tag %d) was answered %d times", q.id, tag, q.answers)
		}
	}
	for _, p := range w.people {
		transcript, err := w.cell.desk.Transcript(p.who, p.chat, evenkeel.MessageRange{Limit: 10000}, false)
		if err != nil {
			w.t.Fatal(err)
		}
		var there []string
		for _, m := range transcript.Messages {
			there = append(there, m.ID)
		}
		for i, id := range there {
			if slices.Contains(there[:i], id) {
				w.t.Fatalf("%s is there twice: %v", id, there)
			}
		}
		for _, q := range w.asked {
			if q.owner == p && q.ok && !slices.Contains(there, q.id) {
				w.t.Fatalf("%s was acknowledged but is not there: %v", q.id, there)
			}
		}
		w.checkOrder(p, there)
	}
	if clients, sessions, loose, batches := w.courier.Load(); loose != 0 || batches != 0 || sessions > clients {
		w.t.Fatalf("at rest the courier holds %d sessions of %d clients, %d commands, %d batches", sessions, clients, loose, batches)
	}
}

// checkOrder: among the messages that were asked for once only, on one
// connection, none overtook another.
func (w *courierWorld) checkOrder(p *person, there []string) {
	times, client := map[string]int{}, map[string]ClientID{}
	for _, q := range w.asked {
		times[q.id]++
		client[q.id] = q.client
	}
	last := map[ClientID]int{}
	for _, id := range there {
		if times[id] != 1 {
			continue
		}
		n := slices.Index(p.sent, id)
		if n < last[client[id]] {
			w.t.Fatalf("%s overtook another message of its connection: %v", id, there)
		}
		last[client[id]] = n
	}
}

// TestCourierProperties: whatever is lost, every command is answered exactly
// once, what was acknowledged is in the desk exactly once, no command of a
// connection overtakes another, and the desk never sees a number out of turn.
func TestCourierProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newCourierWorld(rt, t)
		for range rapid.IntRange(1, 200).Draw(rt, "steps") {
			w.act()
		}
		w.settle()
		// All go, and nothing stays behind.
		for _, p := range w.people {
			if p.client != 0 {
				w.step(ClientGone{p.client})
			}
		}
		w.settle()
		w.check()
		if clients, sessions, _, _ := w.courier.Load(); clients != 0 || sessions != 0 {
			rt.Fatalf("%d clients and %d sessions stay behind", clients, sessions)
		}
		if n := w.cell.desk.Status().Sessions; n != 0 {
			rt.Fatalf("%d sessions stay behind in the desk", n)
		}
	})
}
