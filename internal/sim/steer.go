package sim

import (
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/edge"
	"github.com/evenkeel/evenkeel/internal/replica"
	"github.com/evenkeel/evenkeel/internal/steward"
)

// How often a process looks at its place in the cell, and the steward's times.
// Replacement is quicker than in the product, or no run would see one.
const (
	attendEvery  = 250 * time.Millisecond
	lostAfter    = 5 * time.Second
	replaceAfter = 12 * time.Second
	stepPause    = time.Second
)

// attend does what a process of several nodes does again and again: it announces
// itself, gives up what the leader does not answer, and steers if it leads.
func (n *node) attend() {
	if !n.w.several() {
		return
	}
	n.after(attendEvery, n.attend)
	n.peers.asked.Sweep(n.w.now)
	n.peers.settle(n)
	n.announce()
	n.steer()
}

// announce has the desk issue an incarnation whenever it does not know this process.
func (n *node) announce() {
	v := &n.voice
	if v.asking {
		return
	}
	if !n.desk().Formed() {
		if n.number == founder && n.core.Status().Serving {
			v.asking = true
			n.propose([]*evenkeel.Command{{By: evenkeel.System(), Body: n.w.formation()}}, func([]evenkeel.Result, error) { v.asking = false })
		}
		return
	}
	if v.own != 0 && n.desk().Incarnation(n.id()) == v.own {
		return
	}
	v.asking = true
	up := &evenkeel.NodeUp{Node: n.id(), Boot: n.boot()}
	n.propose([]*evenkeel.Command{{By: evenkeel.System(), Body: up}}, func(results []evenkeel.Result, err error) {
		v.asking = false
		if err != nil || results[0].Err != nil {
			return
		}
		v.own = results[0].Incarnation
		n.tracef("incarnation %d", v.own)
		n.edge.post(n, edge.IncarnationIssued{Incarnation: v.own})
	})
}

// steer takes one step of the steward, as a leader that serves.
func (n *node) steer() {
	v := &n.voice
	s := n.core.Status()
	if !s.Serving {
		v.led = 0
		return
	}
	if s.Term != v.led {
		v.led, v.since = s.Term, n.w.now
	}
	if n.w.now < v.busy || !n.desk().Formed() {
		return
	}
	nodes := n.desk().Nodes()
	if n.giveUpLost(nodes) {
		return
	}
	view := n.view(&s, nodes)
	a := steward.Plan(view)
	if a.Do == steward.Nothing {
		return
	}
	v.busy = n.w.now + stepPause
	n.tracef("the steward: %s %d for %d: %s", a.Do, a.Node, a.For, a.Why)
	n.w.stats.add("steps of the steward: "+a.Do.String(), 1)
	n.carryOut(a)
}

func (n *node) view(s *replica.Status, nodes []evenkeel.Node) steward.View {
	progress := n.core.Progress()
	view := steward.View{
		Self: n.number, Last: s.LogLast, Voters: n.w.shape.Voters, Changing: len(s.Members.GetVotersOutgoing()) > 0,
		Silent: lostAfter, ReplaceAfter: replaceAfter,
	}
	view.Members = steward.Members(s.Members, nodes, progress, n.silence)
	return view
}

// silence is how long nothing was heard of a node, within this leadership.
func (n *node) silence(number uint64) time.Duration {
	if number == n.number {
		return 0
	}
	led := n.w.now - n.voice.since
	heard, ok := n.peers.heard[number]
	if !ok {
		return led
	}
	return min(n.w.now-heard, led)
}

// giveUpLost ends the sessions of nodes that are gone, unless half of them or more
// are silent at once. It tells whether it had anything to do.
func (n *node) giveUpLost(nodes []evenkeel.Node) bool {
	var lost []evenkeel.Node
	for _, m := range nodes {
		if n.desk().Incarnation(m.ID) != 0 && n.silence(m.Number) > lostAfter {
			lost = append(lost, m)
		}
	}
	if len(lost) == 0 || 2*len(lost) >= len(nodes) && len(nodes) > 2 {
		return false
	}
	n.voice.busy = n.w.now + stepPause
	for _, m := range lost {
		n.tracef("%s is given up", m.ID)
		n.w.stats.add("nodes given up", 1)
		body := &evenkeel.NodeLost{Node: m.ID, Incarnation: n.desk().Incarnation(m.ID)}
		n.propose([]*evenkeel.Command{{By: evenkeel.System(), Body: body}}, func([]evenkeel.Result, error) {})
	}
	return true
}

// carryOut does what the steward has planned.
func (n *node) carryOut(a steward.Action) {
	if a.Do == steward.HandOver {
		n.tell(func() { n.core.TransferLeader(a.Node) })
		return
	}
	n.tell(func() { _ = n.core.ProposeConfChange(a.Change()) }) // refused: at the next look
}
