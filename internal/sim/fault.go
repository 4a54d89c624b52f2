package sim

import (
	"slices"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/evenkeel/evenkeel"
)

// breakThings lets each kind of fault happen again and again, until it gets calm.
func (w *World) breakThings() {
	s := w.shape
	w.again(s.Crash, func() {
		if n := w.any(); n.up {
			n.lost("power fails")
		}
	})
	w.again(s.Tear, func() {
		w.stats.add("crashes armed", 1)
		w.any().disk.CrashAt(1 + w.rng.IntN(40))
	})
	w.again(s.Kill, func() {
		if n := w.any(); n.up {
			n.killed("kill -9")
		}
	})
	w.again(s.Stop, func() {
		if n := w.any(); n.reachable() {
			n.stopped()
		}
	})
	w.again(s.Cut, func() {
		if c := pick(w.rng, w.clients...); c.conn != nil {
			w.tracef("the connection of %s is cut", c.name)
			w.cutConn(c.conn)
		}
	})
	w.again(s.Stall, func() {
		n := w.any()
		w.stats.add("stalls of the disk", 1)
		n.stalled = w.now + w.around(pick(w.rng, 2*time.Second, 10*time.Second))
		n.tracef("the disk stalls until %s", n.stalled)
	})
	w.again(s.Full, w.fill)
	w.again(s.Error, func() { w.any().failing = true })
	w.again(s.Rot, func() {
		n := w.any()
		if !w.mayRot(n) {
			return
		}
		if n.up && w.chance(500) { // what was written last is all that a start may cut
			n.killed("kill -9")
			n.flipIn(n.newest.Name, n.newest.At, n.newest.Len)
			return
		}
		n.flip()
	})
	w.again(s.Halt, func() {
		if n := w.any(); n.up {
			n.halt(min(90*time.Second, w.around(10*time.Second)))
		}
	})
	w.again(s.Part, w.split)
	w.again(s.Transfer, w.transfer)
	w.again(s.Replace, w.exchange)
	w.again(s.Outage, func() {
		for _, n := range w.members() {
			if n.up {
				n.lost("power fails everywhere")
			}
		}
	})
}

// any is the node that a fault hits: the leader more often than another.
func (w *World) any() *node {
	if n := w.leader(); n != nil && w.several() && w.chance(300) {
		return n
	}
	return pick(w.rng, w.members()...)
}

// split cuts the network between nodes: one way or both, of one node or of many.
func (w *World) split() {
	all := w.members()
	w.rng.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
	one := w.any()
	some, others := []*node{one}, all
	if w.chance(300) {
		k := 1 + w.rng.IntN(len(all))
		some, others = all[:k], all[k:]
	}
	length := w.around(pick(w.rng, 500*time.Millisecond, 3*time.Second, 8*time.Second))
	w.stats.add("cuts between nodes", 1)
	names := ""
	for _, n := range some {
		names += " " + n.id()
	}
	way := w.rng.IntN(4)
	w.tracef("the network cuts off%s for %s, way %d", names, length, way)
	if way != 1 {
		w.net.part(some, others, length)
	}
	if way != 2 {
		w.net.part(others, some, length)
	}
}

// transfer has the leader hand over to any other node.
func (w *World) transfer() {
	n, to := w.leader(), w.any()
	if n == nil || n == to {
		return
	}
	w.stats.add("transfers", 1)
	n.tracef("leadership is to go to %s", to.id())
	n.tell(func() { n.core.TransferLeader(to.number) })
}

// exchange has the operator remove a node, and another join in its place.
func (w *World) exchange() {
	n := w.any()
	if len(w.members()) < 3 || !w.ahead().desk().Formed() || n.leaving || w.rots() {
		return
	}
	n.leaving = true
	w.tracef("%s is to be removed", n.id())
	w.trouble(w.now + 2*callTimeout) // the sessions there end, and leadership goes elsewhere
	w.order(&evenkeel.NodeRemove{Node: n.id()}, func(r *evenkeel.Result) {
		// A repeat is told that there is no such node any more.
		if removed, _ := w.ahead().desk().NodeRemoved(n.number); r == nil && !removed {
			n.leaving = false
			return
		}
		w.stats.add("nodes removed", 1)
		w.switchOff(n)
	})
}

// switchOff ends a removed node's process for good, when nobody counts on it any
// more, and sooner or later has another node join.
func (w *World) switchOff(n *node) {
	w.trouble(w.now)
	if l := w.leader(); l == nil || l == n || slices.Contains(everybody(l.core.Status().Members), n.number) {
		w.after(time.Second, func() { w.switchOff(n) })
		return
	}
	until := w.around(3 * time.Second)
	w.trouble(w.now + until) // those who are connected there hear of no leader
	w.after(until, func() {
		n.gone = true
		if n.up {
			n.killed("it is no part of the cell any more")
		}
		w.grow()
	})
}

func everybody(conf *raftpb.ConfState) []uint64 {
	return slices.Concat(conf.GetVoters(), conf.GetLearners(), conf.GetVotersOutgoing(), conf.GetLearnersNext())
}

// again lets something happen at intervals of any length with the given mean.
func (w *World) again(mean time.Duration, do func()) {
	if mean == 0 {
		return
	}
	w.after(w.around(mean), func() {
		if w.calm {
			return
		}
		do()
		w.again(mean, do)
	})
}

// fill leaves little room on the disk for a while.
func (w *World) fill() {
	n := w.any()
	d := n.disk
	w.stats.add("disks filled", 1)
	room := w.rng.Int64N(w.shape.Segment)
	d.SetCapacity(d.Used() + room)
	n.tracef("the disk is full but for %d bytes", room)
	w.after(w.around(w.shape.Duration/6), func() { d.SetCapacity(0) })
}

// flip changes a bit anywhere.
func (n *node) flip() {
	names := n.disk.Names()
	if len(names) == 0 {
		return
	}
	name := pick(n.w.rng, names...)
	n.flipIn(name, 0, int64(len(n.disk.Content(name))))
}

// flipIn changes a bit in a part of a file, mostly of a byte that is not zero:
// most of a segment is blank.
func (n *node) flipIn(name string, from, length int64) {
	w := n.w
	content := n.disk.Content(name)
	length = min(length, int64(len(content))-from)
	for range 64 {
		if length <= 0 {
			return
		}
		at := from + w.rng.Int64N(length)
		if content[at] == 0 && !w.chance(20) {
			continue
		}
		bit := uint(w.rng.IntN(8))
		n.disk.FlipBit(name, at, bit)
		n.rot++
		n.tracef("bit %d of byte %d of %s flips", bit, at, name)
		w.stats.add("bits flipped", 1)
		return
	}
}

// settle ends all faults and lets everybody get what he was promised.
func (w *World) settle() {
	w.tracef("it gets calm")
	w.calm = true
	for _, n := range w.nodes {
		n.failing, n.stalled = false, 0
		n.disk.CrashAt(0)
		n.disk.SetCapacity(0)
	}
	w.net.cuts = nil
	for _, c := range w.clients {
		c.back()
	}
	// The longest that anything may take: a start, a connection that is half open,
	// and a call that is told after a timeout to ask again.
	deadline := w.now + 3*time.Minute
	for w.now < deadline {
		w.until(w.now + time.Second)
		if w.quiet() {
			break
		}
	}
	w.progress()
	// Offers end, excluded agents are asked again, who is away is away.
	for range w.shape.Calm {
		w.until(w.now + time.Second)
		w.punctual()
	}
	w.progress()
}

// quiet tells whether everybody is connected and nobody waits for an answer.
func (w *World) quiet() bool {
	if !w.healthy() || !w.level() {
		return false
	}
	for _, c := range w.clients {
		if !c.open || len(c.queue) > 0 {
			return false
		}
	}
	return true
}
