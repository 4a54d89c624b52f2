package sim

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/cespare/xxhash/v2"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/evenkeel/evenkeel"
)

// madeKey names an entry, whichever node forms one at its index.
type madeKey struct{ index, sum uint64 }

func entryName(index uint64, data []byte) madeKey { return madeKey{index, xxhash.Sum64(data)} }

// formed notes when an entry was first seen: on the node that made it.
func (w *World) formed(e *raftpb.Entry) {
	key := entryName(e.GetIndex(), e.GetData())
	if _, known := w.made[key]; !known {
		w.made[key] = moment{w.now, w.stood.lost}
	}
}

// several tells whether the cell has more than one node.
func (w *World) several() bool { return w.shape.Nodes > 1 }

// trouble notes that something may keep callers waiting up to a time.
func (w *World) trouble(until time.Duration) { w.troubled = max(w.troubled, until) }

// clock is a machine's monotonic clock: it begins anywhere, and goes a little too
// fast or too slowly.
type clock struct {
	origin time.Duration
	drift  int64 // parts of a million
}

func (w *World) drawClock() clock {
	if w.shape.Drift == 0 {
		return clock{}
	}
	return clock{time.Duration(w.rng.Int64N(int64(1000 * time.Hour))), w.rng.Int64N(2*w.shape.Drift) - w.shape.Drift}
}

// mono is what the node's clock shows.
func (n *node) mono() time.Duration {
	return n.clock.origin + n.w.now + n.w.now/time.Microsecond*time.Duration(n.clock.drift)/1000
}

// world is the time of the run when the node's clock shows a time, or a little
// later.
func (n *node) world(mono time.Duration) time.Duration {
	if n.clock == (clock{}) {
		return mono
	}
	left := mono - n.mono()
	if left <= 0 {
		return n.w.now
	}
	return n.w.now + left - left/time.Microsecond*time.Duration(n.clock.drift)/1000 + left/1_000_000 + 1
}

func (n *node) id() string { return "n" + strconv.FormatUint(n.number, 10) }

// boot names the process: no other ever has the same.
func (n *node) boot() string { return fmt.Sprintf("boot %d of %s", n.life, n.id()) }

// tracef records what happens on a node.
func (n *node) tracef(format string, args ...any) {
	if n.w.several() {
		format = n.id() + ": " + format
	}
	n.w.tracef(format, args...)
}

// ahead is the node that has come farthest among those that run; if none runs, any
// one that has a state.
func (w *World) ahead() *node {
	best := w.nodes[0]
	for _, n := range w.nodes {
		if n.gone || n.applier == nil {
			continue
		}
		if best.gone || n.up && !best.up || n.up == best.up && n.applier.Applied() > best.applier.Applied() {
			best = n
		}
	}
	return best
}

// leader is the node that serves with the highest term; nil: none does.
func (w *World) leader() *node {
	var best *node
	for _, n := range w.nodes {
		if n.reachable() && n.core.Status().Serving && (best == nil || n.core.Status().Term > best.core.Status().Term) {
			best = n
		}
	}
	return best
}

// healthy tells whether the cell takes commands.
func (w *World) healthy() bool {
	n := w.leader()
	return n != nil && n.core.Status().Healthy()
}

// members are the nodes that are a part of the cell.
func (w *World) members() []*node {
	return slices.DeleteFunc(slices.Clone(w.nodes), func(n *node) bool { return n.gone })
}

// level tells whether all nodes run and have applied the same.
func (w *World) level() bool {
	for _, n := range w.members() {
		if !n.reachable() || n.applier.Applied() != w.ahead().applier.Applied() {
			return false
		}
	}
	return true
}

// nodeFor chooses where a client connects: mostly where it was.
func (w *World) nodeFor(c *client) *node {
	if !w.several() {
		return w.nodes[0]
	}
	if c.home == nil || !c.home.takesClients() || w.chance(150) {
		c.home = pick(w.rng, w.members()...)
	}
	return c.home
}

// takesClients: a process that has its cell's state.
func (n *node) takesClients() bool { return n.up && (!n.w.several() || n.desk().Formed()) }

// grow has nodes join, one after the other.
func (w *World) grow() {
	if !w.several() {
		return
	}
	w.after(w.between(100*time.Millisecond, time.Second), func() {
		if n := w.ahead(); !n.up || len(n.desk().Nodes()) == 0 {
			w.grow() // the founder comes first
			return
		}
		w.join(w.grow)
	})
}

// join has one node join the cell, if there are fewer than wanted.
func (w *World) join(then func()) {
	if len(w.members()) >= w.shape.Nodes {
		return
	}
	w.count++
	token, key := "token"+strconv.FormatUint(w.count, 10), fmt.Appendf(nil, "%032d", w.count)
	w.order(&evenkeel.NodeInvite{Hash: token, Life: evenkeel.Hour}, func(*evenkeel.Result) {
		w.order(&evenkeel.NodeJoin{Hash: token, Key: key}, func(r *evenkeel.Result) {
			if r == nil {
				then()
				return
			}
			w.stats.add("nodes joined", 1)
			w.begin(r.Number)
			then()
		})
	})
}

// begin starts a node that was given a number.
func (w *World) begin(number uint64) {
	n := newNode(w, number)
	for _, other := range w.nodes {
		w.check(other.number != number, "a number is given once", "the new node is another %s", n.id())
	}
	w.nodes = append(w.nodes, n)
	w.tracef("%s has joined", n.id())
	n.start()
}

// order has the cell itself run a command, however often that must be tried, and
// goes on with its result; nil: it was refused.
func (w *World) order(body evenkeel.Body, then func(*evenkeel.Result)) {
	w.orderAs(&evenkeel.Command{By: evenkeel.System(), Body: body}, then)
}

func (w *World) orderAs(command *evenkeel.Command, then func(*evenkeel.Result)) {
	again := func() {
		w.after(w.between(time.Millisecond, 100*time.Millisecond), func() { w.orderAs(command, then) })
	}
	n := w.ahead()
	if w.several() && w.chance(500) {
		n = pick(w.rng, w.members()...)
	}
	if !n.reachable() || !n.desk().Formed() {
		again()
		return
	}
	life, answered := n.life, false
	once := *command
	n.edge.submit(n, 0, &once, 1000, func(r *evenkeel.Result, err *evenkeel.Error) {
		answered = true
		switch {
		case err == nil:
			then(r)
		case err.Code.Info().Temporary:
			again()
		default:
			w.tracef("%s is refused: %v", command.Body.Kind(), err)
			then(nil)
		}
	})
	w.after(2*callTimeout, func() {
		if !answered && n.life != life { // nobody answers for a process that has died
			answered = true
			again()
		}
	})
}
