//evenkeel:pure

package replica

import (
	"errors"
	"fmt"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/tracker"
)

// ErrStalled says that the disk has not finished a write for so long that the replica is
// of no use. The process should end: the write may hang for ever.
var ErrStalled = errors.New("the disk hangs")

// blink is by how much the core of a member may be late and not be said to have stood
// still: it ticks, but its machine may be busy. It is less than what makes a write
// look as if it hung, and so is each sleep of the process.
const blink = ElectionTimeout * 4 / 5

// watchDisk looks at the oldest append that is not yet durable. Older than an
// election: leadership goes to a voter with a better disk, if there is one. Not
// done by the limit: the replica fails, since it can acknowledge nothing.
func (c *Core) watchDisk() {
	if !c.Stalled() {
		return
	}
	age := c.now - c.appending[0].since
	switch {
	case age > c.stallLimit():
		c.failing = fmt.Errorf("replica: %w: a write is not finished after %s", ErrStalled, age.Round(time.Millisecond))
	case c.role == raft.StateLeader && !c.alone() && !c.handing:
		if to := c.successor(); to != raft.None {
			c.handing = true
			c.node.TransferLeader(to)
		}
	}
}

// reach lets the time of an input come. By how much the core itself is late is not
// held against the disk: the process was stopped, and the write may be long done.
func (c *Core) reach(now time.Duration) {
	usual := pulse
	if !c.alone() {
		usual = blink
	}
	if late := now - c.now - usual; late > 0 {
		for _, a := range c.appending {
			a.since += late
		}
	}
	c.now = max(c.now, now)
}

// Stalled tells whether an append takes longer than an election.
func (c *Core) Stalled() bool {
	return !c.full && len(c.appending) > 0 && c.now-c.appending[0].since > ElectionTimeout
}

func (c *Core) stallLimit() time.Duration {
	if c.alone() {
		return c.limits.Stall // a restart would bring nobody else to the lead
	}
	return 2 * ElectionTimeout
}

// nextDiskCheck returns when watchDisk has something new to say.
func (c *Core) nextDiskCheck() (time.Duration, bool) {
	if c.full || len(c.appending) == 0 {
		return 0, false
	}
	since := c.appending[0].since
	if c.now-since > ElectionTimeout {
		return since + c.stallLimit() + time.Millisecond, true
	}
	return since + ElectionTimeout + time.Millisecond, true
}

// Err returns the reason for which the replica must stop, or nil.
func (c *Core) Err() error { return c.failing }

// successor is the voter with the longest acknowledged log, the lowest id among
// equals.
func (c *Core) successor() uint64 {
	best, match := raft.None, uint64(0)
	c.node.WithProgress(func(id uint64, typ raft.ProgressType, pr tracker.Progress) {
		if id == c.id || typ != raft.ProgressTypePeer || !pr.RecentActive {
			return
		}
		if best == raft.None || pr.Match > match || (pr.Match == match && id < best) {
			best, match = id, pr.Match
		}
	})
	return best
}
