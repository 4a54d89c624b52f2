package sim

import (
	"time"
)

// breakThings lets each kind of fault happen again and again, until it gets calm.
func (w *World) breakThings() {
	s, n := w.shape, w.node
	w.again(s.Crash, func() {
		if n.up {
			n.lost("power fails")
		}
	})
	w.again(s.Tear, func() {
		w.stats.add("crashes armed", 1)
		n.disk.CrashAt(1 + w.rng.IntN(40))
	})
	w.again(s.Kill, func() {
		if n.up {
			n.killed("kill -9")
		}
	})
	w.again(s.Stop, func() {
		if n.reachable() {
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
		w.stats.add("stalls of the disk", 1)
		n.stalled = w.now + w.around(pick(w.rng, 2*time.Second, 10*time.Second))
		w.tracef("the disk stalls until %s", n.stalled)
	})
	w.again(s.Full, w.fill)
	w.again(s.Error, func() { n.failing = true })
	w.again(s.Rot, func() {
		if n.up && w.chance(500) { // what was written last is all that a start may cut
			n.killed("kill -9")
			w.flipIn(n.newest.Name, n.newest.At, n.newest.Len)
			return
		}
		w.flip()
	})
	w.again(s.Halt, func() {
		if n.up {
			n.halt(min(90*time.Second, w.around(10*time.Second)))
		}
	})
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
	d := w.node.disk
	w.stats.add("disks filled", 1)
	room := w.rng.Int64N(w.shape.Segment)
	d.SetCapacity(d.Used() + room)
	w.tracef("the disk is full but for %d bytes", room)
	w.after(w.around(w.shape.Duration/6), func() { d.SetCapacity(0) })
}

// flip changes a bit anywhere.
func (w *World) flip() {
	names := w.node.disk.Names()
	if len(names) == 0 {
		return
	}
	name := pick(w.rng, names...)
	w.flipIn(name, 0, int64(len(w.node.disk.Content(name))))
}

// flipIn changes a bit in a part of a file, mostly of a byte that is not zero:
// most of a segment is blank.
func (w *World) flipIn(name string, from, length int64) {
	content := w.node.disk.Content(name)
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
		w.node.disk.FlipBit(name, at, bit)
		w.node.rot++
		w.tracef("bit %d of byte %d of %s flips", bit, at, name)
		w.stats.add("bits flipped", 1)
		return
	}
}

// settle ends all faults and lets everybody get what he was promised.
func (w *World) settle() {
	w.tracef("it gets calm")
	w.calm = true
	n := w.node
	n.failing, n.stalled = false, 0
	n.disk.CrashAt(0)
	n.disk.SetCapacity(0)
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
	for range 60 {
		w.until(w.now + time.Second)
		w.punctual()
	}
	w.progress()
}

// quiet tells whether everybody is connected and nobody waits for an answer.
func (w *World) quiet() bool {
	if !w.node.reachable() || !w.node.core.Status().Healthy() {
		return false
	}
	for _, c := range w.clients {
		if !c.open || len(c.queue) > 0 {
			return false
		}
	}
	return true
}
