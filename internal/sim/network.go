package sim

import (
	"time"
)

// silenceLimit is how long the product's transport waits for a sign before it gives
// a connection up, and redial about how long it waits to open another.
const (
	silenceLimit = 5 * time.Second
	redial       = 400 * time.Millisecond
)

// network is what lies between the nodes: for each direction of a pair a connection
// of its own, and what may stop its frames.
//
// A break proves nothing. A process is known to be dead if its machine refuses a
// connection, if another process answers in its place, or if it said goodbye.
type network struct {
	w     *World
	links map[[2]uint64]*link
	cuts  map[[2]uint64]time.Duration // until when nothing gets from one node to another
}

// link is an open connection, by which its first node sends to its second.
type link struct {
	from, to         *node
	fromLife, toLife int
	breaking, broken bool          // broken: its first node knows
	last             time.Duration // when its last frame arrives
}

func (t *network) stopped(from, to uint64) bool { return t.cuts[[2]uint64{from, to}] > t.w.now }

// open returns the connection by which a node sends; nil: there is none.
func (t *network) open(from *node, to uint64) *link {
	l := t.links[[2]uint64{from.number, to}]
	if l == nil || l.broken || l.fromLife != from.life {
		return nil
	}
	return l
}

// send puts something behind all that was sent before on a connection. false: there
// is no connection. What is on its way when it breaks is lost.
func (t *network) send(from *node, to uint64, arrive func(*node)) bool {
	l := t.open(from, to)
	if l == nil {
		return false
	}
	l.last = max(l.last, t.w.now+t.w.latency()/4) + 1
	t.w.after(l.last-t.w.now, func() { t.arrives(l, arrive) })
	return true
}

// arrives is a frame at its end: it waits there while the way is cut for a moment.
func (t *network) arrives(l *link, arrive func(*node)) {
	switch {
	case l.broken || l.to.life != l.toLife || !l.to.up:
	case t.stopped(l.from.number, l.to.number):
		l.last = max(l.last, t.cuts[[2]uint64{l.from.number, l.to.number}]+t.w.latency()) + 1
		t.w.after(l.last-t.w.now, func() { t.arrives(l, arrive) })
	default:
		l.to.arrives(func() {
			if l.to.life == l.toLife && l.to.up && !l.broken {
				l.to.peers.heard[l.from.number] = t.w.now
				arrive(l.to)
			}
		})
	}
}

// cast sends something that may be lost, come twice, or be overtaken. false: there
// is no connection.
func (t *network) cast(from *node, to uint64, arrive func(*node)) bool {
	l := t.open(from, to)
	if l == nil {
		return false
	}
	w := t.w
	if w.chance(w.shape.Loss) && !w.calm {
		w.stats.add("messages lost", 1)
		return true
	}
	copies := 1
	if w.chance(w.shape.Loss) && !w.calm {
		w.stats.add("messages doubled", 1)
		copies = 2
	}
	for range copies {
		delay := w.latency() / 4
		if w.chance(w.shape.Loss) {
			delay *= 10
		}
		w.after(delay, func() {
			if t.stopped(from.number, to) {
				w.stats.add("messages that met a cut", 1)
				return
			}
			l.to.arrives(func() {
				if l.to.up && l.to.life == l.toLife && !l.to.gone && !from.gone {
					l.to.peers.heard[from.number] = w.now
					arrive(l.to)
				}
			})
		})
	}
	return true
}

// dial opens the connections to all others, and opens them again when they break.
func (p *peers) dial(n *node) {
	if !n.w.several() {
		return
	}
	for _, to := range n.w.nodes {
		if to != n {
			n.after(n.w.around(5*time.Millisecond), func() { n.w.net.dial(n, to) })
			to.meets(n)
		}
	}
}

// meets has a running process learn of a node that has joined.
func (n *node) meets(other *node) {
	if n.up && n.w.net.open(n, other.number) == nil {
		if _, known := n.peers.boot[other.number]; !known {
			n.peers.boot[other.number] = 0
			n.after(n.w.around(20*time.Millisecond), func() { n.w.net.dial(n, other) })
		}
	}
}

// dial tries to open a connection, and tries again until it is there.
func (t *network) dial(from, to *node) {
	if to.gone || from.gone || t.open(from, to.number) != nil {
		return
	}
	retry := func(within time.Duration) { from.after(t.w.around(within), func() { t.dial(from, to) }) }
	switch there, back := t.stopped(from.number, to.number), t.stopped(to.number, from.number); {
	case there || back || to.dark || to.halted():
		retry(2 * redial) // nobody answers
	case !to.up:
		// The kernel refuses. It proves a death if no connection from there is left.
		if inbound := t.open(to, from.number); inbound == nil {
			from.dead(to)
		}
		retry(redial)
	default:
		t.connect(from, to)
	}
}

func (t *network) connect(from, to *node) {
	if t.links == nil {
		t.links = map[[2]uint64]*link{}
	}
	t.links[[2]uint64{from.number, to.number}] = &link{from: from, to: to, fromLife: from.life, toLife: to.life}
	from.met(to)
	to.met(from)
	from.peers.heard[to.number] = t.w.now
	from.tell(func() { from.core.Alive(to.number) })
}

// met takes note of the process at the other end of a new connection. Another one
// than before proves that the one before has ended.
func (n *node) met(other *node) {
	if before := n.peers.boot[other.number]; before != 0 && before != other.life {
		n.dead(other)
	}
	n.peers.boot[other.number] = other.life
	if l := n.w.net.links[[2]uint64{n.number, other.number}]; l != nil && l.toLife != other.life {
		n.w.net.cut(l, n.w.around(5*time.Millisecond)) // its machine answers that it knows nothing of it
	}
}

// dead is the proof that the process that was known has ended.
func (n *node) dead(other *node) {
	known := n.peers.boot[other.number]
	if known == 0 {
		return
	}
	n.w.check(!other.up || other.life != known, "only the dead are mourned", "%s lives, and %s takes it for dead", other.id(), n.id())
	n.peers.boot[other.number] = 0
	n.w.stats.add("deaths proven", 1)
	n.tracef("%s is dead", other.id())
	n.tell(func() { n.core.Dead(n.mono(), other.number) })
	n.peers.asked.Lost(other.number)
	n.peers.settle(n)
}

// cut breaks a connection: its first node hears of it after a while.
func (t *network) cut(l *link, within time.Duration) {
	if l.broken {
		return
	}
	l.breaking = true
	t.w.after(within, func() {
		if l.broken {
			return
		}
		l.broken = true
		l.from.run(l.fromLife, func() {
			l.from.peers.asked.Lost(l.to.number)
			l.from.peers.settle(l.from)
			t.dial(l.from, l.to)
		})
	})
}

// fell breaks all connections of a process that has ended. A machine without power
// says nothing: its peers wait.
func (t *network) fell(n *node) {
	for _, other := range t.w.nodes {
		l := t.links[[2]uint64{other.number, n.number}]
		if l == nil || l.breaking || l.toLife == n.life {
			continue
		}
		within := t.w.around(2 * time.Millisecond)
		if n.dark || t.stopped(n.number, other.number) {
			within = t.w.around(silenceLimit)
		}
		t.cut(l, within)
	}
}

// goodbye is said by a process that is stopped.
func (t *network) goodbye(n *node) {
	for _, other := range t.w.nodes {
		if t.open(n, other.number) != nil && other.up {
			other.farewell(n)
		}
	}
}

func (n *node) farewell(other *node) {
	life, theirs := n.life, other.life
	n.w.after(n.w.latency()/4, func() {
		if !n.w.net.stopped(other.number, n.number) {
			n.run(life, func() {
				if n.up && n.peers.boot[other.number] == theirs {
					n.dead(other)
				}
			})
		}
	})
}

// part cuts the way from some nodes to others for a while.
func (t *network) part(from, to []*node, length time.Duration) {
	w := t.w
	if t.cuts == nil {
		t.cuts = map[[2]uint64]time.Duration{}
	}
	w.trouble(w.now + length)
	for _, a := range from {
		for _, b := range to {
			if a == b {
				continue
			}
			key := [2]uint64{a.number, b.number}
			t.cuts[key] = max(t.cuts[key], w.now+length)
			if length > silenceLimit {
				w.after(silenceLimit, func() { t.silent(a, b) })
			}
		}
	}
}

// silent gives up the connections of a pair that was cut for so long.
func (t *network) silent(a, b *node) {
	if !t.stopped(a.number, b.number) {
		return
	}
	for _, key := range [][2]uint64{{a.number, b.number}, {b.number, a.number}} {
		if l := t.links[key]; l != nil {
			t.cut(l, t.w.around(100*time.Millisecond))
		}
	}
}
