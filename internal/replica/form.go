//evenkeel:pure

package replica

import (
	"time"

	"go.etcd.io/raft/v3"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
)

// batch is what one entry of this leader holds.
type batch struct {
	index, term uint64 // set when raft has appended it
	stamp       evenkeel.DeskTime
	size        int64 // bytes of the entry
	pushBytes   int64
	proposals   []*Proposal
}

// form makes entries of what waits. One append is on its way to the disk at a
// time, and what comes meanwhile goes into the next: alone, a command waits for
// one write; among many, batches grow by themselves.
func (c *Core) form() {
	for c.serving() && c.room() {
		if c.lanes.empty() {
			if at, due := c.tickDue(); !due || at > c.now {
				return
			}
		}
		if !c.propose() {
			return
		}
	}
}

// serving: this replica leads, and has applied an entry of its own term, so that
// its machine has all that earlier leaders acknowledged.
func (c *Core) serving() bool {
	return c.role == raft.StateLeader && c.applied.term == c.term && c.failing == nil
}

// room: nothing of ours is being written, and the machine keeps up.
func (c *Core) room() bool {
	if c.full || c.heldBytes >= c.limits.UnappliedBytes {
		return false
	}
	for _, a := range c.appending {
		if len(a.Entries) > 0 {
			return false
		}
	}
	var formed int64
	for _, b := range c.proposed {
		formed += b.size
	}
	return formed < c.limits.AppendBytes
}

// propose makes one entry: of commands, or a tick if there are none. It returns
// false if raft does not take it now (leadership is being handed over).
func (c *Core) propose() bool {
	counts := c.lanes.gather()
	b := &batch{}
	commands := make([][]byte, 0, counts[Control]+counts[Push])
	for lane, n := range counts {
		for _, p := range c.lanes.lane[lane].waiting()[:n] {
			b.proposals = append(b.proposals, p)
			commands = append(commands, p.Commands...)
			b.size += p.bytes
			if p.Lane == Push {
				b.pushBytes += p.bytes
			}
		}
	}
	header := c.clock.header(c.now)
	data := desk.AppendEntry(make([]byte, 0, int(b.size)+4*len(commands)+32), header, commands)
	if err := c.node.Propose(data); err != nil {
		c.retry = c.now + TickInterval
		return false
	}
	for lane, n := range counts {
		c.lanes.lane[lane].take(n)
	}
	c.clock.proposed(header)
	b.stamp, b.size = header.Time, int64(len(data))
	c.heldBytes += b.size
	c.proposed = append(c.proposed, b)
	c.unapplied = append(c.unapplied, b)
	return true
}

// tickDue returns when an entry without commands is to be proposed, if the state
// of the machine asks for one and none on its way will do.
func (c *Core) tickDue() (time.Duration, bool) {
	state := c.applied.state
	switch {
	case state.More:
		return max(c.now, c.retry), len(c.unapplied) == 0
	case !state.HasDeadline:
		return 0, false
	case len(c.unapplied) > 0 && c.clock.last >= state.Deadline:
		return 0, false
	}
	// A deadline that an entry has already passed gets its next chance a
	// millisecond later, not at once for ever.
	return max(c.retry, c.clock.when(max(state.Deadline, c.applied.stamp+1))), true
}

// Wake returns when Advance is needed if nothing else comes in between; false:
// never.
func (c *Core) Wake() (time.Duration, bool) {
	var at time.Duration
	found := false
	consider := func(t time.Duration) {
		if !found || t < at {
			at, found = t, true
		}
	}
	if c.failing != nil {
		return 0, false
	}
	if !c.quiet() || c.role != raft.StateLeader {
		consider(c.nextTick)
	}
	if c.busy {
		consider(c.now + pulse)
	}
	if c.serving() && c.room() {
		if t, due := c.tickDue(); due {
			consider(t)
		}
	}
	if t, watching := c.nextDiskCheck(); watching {
		consider(t)
	}
	if t, due := c.quietAt(); due {
		consider(t)
	}
	if t, mourning := c.nextContest(); mourning {
		consider(t)
	}
	return at, found
}
