package sim

import (
	"fmt"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/edge"
)

// edgeShell is the part of the edge's shell: it feeds the courier and carries
// what it hands out.
type edgeShell struct {
	courier *edge.Courier
	box     mailbox[edge.Input]
	wakeAt  time.Duration // when the courier asked to be woken; 0: not
	lastTag uint64
	replies map[uint64]func(*evenkeel.Result, *evenkeel.Error)

	asked bool // for the incarnation of this process
}

func (s *edgeShell) init(n *node) {
	s.courier = edge.NewCourier()
	s.replies = map[uint64]func(*evenkeel.Result, *evenkeel.Error){}
}

func (s *edgeShell) post(n *node, in edge.Input) {
	put(n, &s.box, in, func() { s.step(n) })
}

// submit hands a command to the courier. reply is called once, if the process
// lives so long.
func (s *edgeShell) submit(n *node, id edge.ClientID, c *evenkeel.Command, size int, reply func(*evenkeel.Result, *evenkeel.Error)) {
	s.lastTag++
	s.replies[s.lastTag] = reply
	s.post(n, edge.Submitted{Client: id, Tag: s.lastTag, Command: c, Size: size})
}

// step moves the courier.
func (s *edgeShell) step(n *node) {
	for _, out := range s.courier.Step(n.w.now, s.box.take()...) {
		switch out := out.(type) {
		case edge.Proposal:
			s.propose(n, out)
		case edge.Answer:
			reply := s.replies[out.Tag]
			n.w.check(reply != nil || out.Tag == 0, "a command is answered once", "tag %d of client %d", out.Tag, out.Client)
			delete(s.replies, out.Tag)
			if reply != nil {
				reply(out.Result, out.Err)
			}
		case edge.Closure:
			n.w.stats.add(fmt.Sprintf("connections closed by the edge: %d", out.Code), 1)
			n.gate.disconnect(n, uint64(out.Client), out.Code, out.Reason)
		}
	}
	if at, ok := s.courier.Wake(); ok && (s.wakeAt == 0 || at < s.wakeAt) {
		s.wakeAt = max(at, n.w.now+time.Microsecond)
		n.after(s.wakeAt-n.w.now, func() {
			if s.wakeAt > 0 && n.w.now >= s.wakeAt {
				s.wakeAt = 0
				s.step(n)
			}
		})
	}
}

func (s *edgeShell) propose(n *node, p edge.Proposal) {
	for _, c := range p.Commands {
		n.w.ledger.proposed(c)
	}
	done := func(results []evenkeel.Result, err error) {
		s.post(n, edge.ProposalDone{Batch: p.Batch, Results: results, Err: err})
	}
	if n.w.calm || !n.w.chance(n.w.shape.Lost) {
		n.propose(p.Commands, done)
		return
	}
	// As when the leader changes: the batch is lost, or what came of it.
	n.w.stats.add("proposals whose fate is open", 1)
	if n.w.chance(500) {
		n.propose(p.Commands, func([]evenkeel.Result, error) {})
	}
	n.after(n.w.around(100*time.Millisecond), func() {
		done(nil, evenkeel.Errorf(evenkeel.CodeNoLeader, "the leader changed"))
	})
}

// events takes what was applied.
func (s *edgeShell) events(n *node, events []evenkeel.Event) {
	for i := range events {
		switch e := &events[i]; {
		case e.Kind == evenkeel.EventSessionEnded:
			s.post(n, edge.SessionEnded{Session: e.Session})
		case e.Kind == evenkeel.EventPublication && e.Pub.Type == evenkeel.PubState && !e.Pub.Chat.State.Over():
			n.gate.needPresence(n, e.Channel)
		}
	}
}

// serving asks for this process's incarnation as soon as there is a leader, and
// before that forms the cell if there is none.
func (s *edgeShell) serving(n *node) {
	if s.asked || n.w.several() || !n.core.Status().Serving {
		return
	}
	s.asked = true
	again := func() {
		s.asked = false
		n.after(100*time.Millisecond, n.turn)
	}
	if !n.desk().Formed() {
		n.propose([]*evenkeel.Command{{By: evenkeel.System(), Body: n.w.formation()}}, func([]evenkeel.Result, error) { again() })
		return
	}
	up := &evenkeel.NodeUp{Node: n.id(), Boot: n.boot()}
	n.propose([]*evenkeel.Command{{By: evenkeel.System(), Body: up}}, func(results []evenkeel.Result, err error) {
		if err != nil || results[0].Err != nil {
			again()
			return
		}
		n.tracef("incarnation %d", results[0].Incarnation)
		s.post(n, edge.IncarnationIssued{Incarnation: results[0].Incarnation})
	})
}

// formation is the first command of the cell.
func (w *World) formation() *evenkeel.CellForm {
	return &evenkeel.CellForm{
		CellID: "sim", Generation: fmt.Sprintf("g%d", w.seed), Wall: 1_800_000_000_000, Limits: w.shape.Limits,
		Admin: evenkeel.Agent{ID: "admin", Name: "Admin", Email: "admin@localhost", Role: evenkeel.RoleAdmin, Capacity: 1}, Password: "secret",
	}
}
