package sim

import (
	"fmt"

	"github.com/evenkeel/evenkeel"
)

// outcast is a node that has found out that its disk lost what it had acknowledged. It
// never acts under its number again: it asks the others for another one, as the node's
// shell does, and begins with an empty disk. A cell of one has nobody to ask.
func (n *node) outcast(why error) {
	w := n.w
	w.check(n.rot > 0, "no crash damages the journal", "%s: %v", n.id(), why)
	if !w.several() || !w.grown(n) {
		panic(damage{why.Error()})
	}
	n.tracef("it cannot go on: %v", why)
	w.stats.add("nodes that lost their data", 1)
	if n.up {
		n.disk.Kill()
		n.gate.fall(n)
	}
	n.up = false
	n.life++
	w.net.fell(n)
	w.trouble(w.now)
	w.count++
	body := &evenkeel.NodeRejoin{Number: n.number, Key: fmt.Appendf(nil, "%032d", w.count), Why: "rot"}
	w.order(body, func(r *evenkeel.Result) {
		if n.gone {
			return
		}
		n.gone = true
		if r == nil { // the operator has removed it
			w.grow()
			return
		}
		w.stats.add("nodes that joined again", 1)
		w.trouble(w.now)
		w.begin(r.Number)
	})
}

// grown tells whether a node has others to ask.
func (w *World) grown(n *node) bool {
	for _, other := range w.members() {
		if other != n && other.applier != nil && other.desk().Formed() {
			return true
		}
	}
	return false
}

// mayRot tells whether a bit may flip on a node's disk: fewer than half of the voters
// ever rot, whoever they come to be.
func (w *World) mayRot(n *node) bool {
	if !w.several() {
		return true
	}
	l := w.leader()
	if l == nil || n.leaving {
		return false
	}
	members := l.core.Status().Members
	rotten := 1
	for _, other := range w.members() {
		if other != n && other.rot > 0 {
			rotten++
		}
	}
	return len(members.GetVotersOutgoing()) == 0 && 2*rotten < len(members.GetVoters())
}

// rots tells whether any node's disk has rotted.
func (w *World) rots() bool {
	for _, n := range w.members() {
		if n.rot > 0 {
			return true
		}
	}
	return false
}
