package sim

import "time"

// A cell that stands still is no reason for an offer to end: whoever it was made
// to could not accept it.

// The promise: a pause of more than longPause costs an offer at most pulse. What
// is shorter is waited through.
const (
	longPause = 5 * time.Second
	pulse     = time.Second
)

// standstill adds up the time for which nobody could get anything acknowledged.
type standstill struct {
	off  bool // several nodes: one of them standing still is no outage
	upTo time.Duration
	lost time.Duration // that must not count against an offer
	most time.Duration // by which offers may be extended
	// counted is what most adds up, in parts that do not meet.
	counted []span
}

type span struct{ from, to time.Duration }

// moment is when an entry was made, and what was lost before.
type moment struct{ at, lost time.Duration }

// stood notes that the process could acknowledge nothing since a time: it was
// halted, or a write took so long. It counts against nobody if something waited
// for that write.
func (s *standstill) stood(from, to time.Duration, awaited bool) {
	if s.off {
		return
	}
	s.count(span{from, to})
	long := max(0, to-max(from, s.upTo))
	if !awaited {
		return
	}
	if long > longPause {
		s.lost += long - pulse
	}
	s.upTo = max(s.upTo, to)
}

// count adds to most what of a time is not in it yet: a process may be halted while
// it waits for its disk.
func (s *standstill) count(add span) {
	kept := s.counted[:0]
	for _, c := range s.counted {
		if c.to < add.from || c.from > add.to {
			kept = append(kept, c)
			continue
		}
		s.most -= c.to - c.from
		add = span{min(add.from, c.from), max(add.to, c.to)}
	}
	s.most += add.to - add.from
	s.counted = append(kept, add)
}

// down notes that there was no process since a time: desk time stood still.
func (s *standstill) down(from, to time.Duration) {
	if from = max(from, s.upTo); to > from && !s.off {
		s.lost += to - from
		s.upTo = to
	}
}

// halt stops the process for a while, as SIGSTOP does. What it had planned, and
// what reaches it, waits until it goes on.
func (n *node) halt(length time.Duration) {
	if n.halted() {
		return
	}
	n.w.stats.add("halts of the process", 1)
	n.tracef("the process is halted for %s", length)
	from, life := n.w.now, n.life
	n.haltedAt, n.haltedTo = from, from+length
	n.w.trouble(n.haltedTo)
	n.w.after(length, func() {
		if n.life == life {
			n.tracef("the process goes on")
			n.w.stood.stood(from, n.w.now, true)
		}
	})
}

func (n *node) halted() bool { return n.w.now < n.haltedTo }

// reachable tells whether there is a process that answers.
func (n *node) reachable() bool { return n.up && !n.halted() }

// arrives lets something come from outside: it waits in the sockets of a process
// that is halted.
func (n *node) arrives(do func()) {
	if !n.halted() {
		do()
		return
	}
	n.w.after(n.haltedTo-n.w.now, func() { n.arrives(do) })
}

// run does what a process had planned, as soon as it is not halted.
func (n *node) run(life int, do func()) {
	switch {
	case n.life != life:
	case n.halted():
		n.w.after(n.haltedTo-n.w.now, func() { n.run(life, do) })
	default:
		do()
	}
}
