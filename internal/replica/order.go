//evenkeel:pure

package replica

import (
	"fmt"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// SnapshotOrder says which snapshot is to be made.
type SnapshotOrder struct {
	Index, Term uint64 // of the last entry in it
	ConfState   *raftpb.ConfState
	Rest        bool // the cell has come to rest: when this is durable, Renew
}

// snapshotState decides when a snapshot is due.
type snapshotState struct {
	bytes, entries int64 // emitted since the last order
	size           int64 // of the last snapshot's stream
	ordered        *SnapshotOrder
	wanted         bool          // somebody asked for one: the next entry is enough
	since          time.Duration // when the last entry was handed out that was not a mere tick
	gaveUp         bool          // the last one, and no entry was handed out since
	most           int64         // the largest that the machine was since it was at rest

	lastIndex, lastTerm uint64 // of what was handed out
}

// count takes note of an entry that is handed out.
func (s *snapshotState) count(e *raftpb.Entry) {
	s.bytes += entryBytes(e)
	s.entries++
	s.gaveUp = false
	s.lastIndex, s.lastTerm = e.GetIndex(), e.GetTerm()
}

// restored takes note of a snapshot of another replica.
func (s *snapshotState) restored(index, term uint64) {
	s.bytes, s.entries, s.lastIndex, s.lastTerm = 0, 0, index, term
}

// orderSnapshot orders one behind the last entry handed out, when it is due. It
// waits for changes of members to be applied, whose configuration is part of it.
func (c *Core) orderSnapshot() *SnapshotOrder {
	s := &c.snapshot
	due := s.wanted || s.bytes >= max(c.limits.SnapshotBytes, s.size/2) || s.entries >= c.limits.SnapshotEntries
	if !due || s.ordered != nil || c.conf.outstanding > 0 {
		return nil
	}
	return c.order()
}

// order begins a snapshot behind the last entry handed out.
func (c *Core) order() *SnapshotOrder {
	s := &c.snapshot
	s.ordered = &SnapshotOrder{Index: s.lastIndex, Term: s.lastTerm, ConfState: proto.CloneOf(c.conf.state)}
	s.bytes, s.entries, s.wanted = 0, 0, false
	return s.ordered
}

// A machine that was so large, and so many times as large as it is now, is worth to
// be renewed however little log there is.
const (
	shrunkFrom = 8 << 20
	shrunkBy   = 2
)

// quietAt returns when a snapshot is due if nothing else comes; false: none is.
func (c *Core) quietAt() (time.Duration, bool) {
	s := &c.snapshot
	size := c.applied.state.Size
	worth := s.bytes >= max(c.limits.QuietBytes, size/2) || s.entries > 0 && s.most >= shrunkFrom+shrunkBy*size
	due := worth && s.ordered == nil && !s.gaveUp && c.conf.outstanding == 0 && len(c.applying) == 0
	return s.since + c.limits.QuietAfter, due
}

// orderQuiet orders one when all has been quiet.
func (c *Core) orderQuiet() {
	if at, due := c.quietAt(); due && c.now >= at {
		order := c.order()
		order.Rest, c.snapshot.most = true, 0
		c.freeze(order)
	}
}

// includeMembers orders a snapshot if the newest is of before a member joined,
// who cannot start from it, and the log does not begin at its beginning.
func (c *Core) includeMembers() {
	if c.role != raft.StateLeader || c.log.prevIndex == 0 || c.log.snapshotComplete() {
		return
	}
	c.snapshot.wanted = true
	if order := c.orderSnapshot(); order != nil {
		c.freeze(order)
	}
}

// freeze has a snapshot taken without another entry before it.
func (c *Core) freeze(order *SnapshotOrder) {
	a := &Apply{Freeze: order}
	c.applying = append(c.applying, a)
	c.out.Applies = append(c.out.Applies, a)
}

// WantSnapshot has a snapshot ordered behind what was handed out; if one is on its
// way, or a change of members, behind the next entry after that.
func (c *Core) WantSnapshot() {
	c.snapshot.wanted = true
	if order := c.orderSnapshot(); order != nil {
		c.freeze(order)
	}
}

// SnapshotSaved reports that the ordered snapshot is durable; size is that of
// its stream. The entries in it leave memory, but for a tail.
func (c *Core) SnapshotSaved(order *SnapshotOrder, size int64) {
	if c.snapshot.ordered != order {
		return
	}
	c.snapshot.ordered, c.snapshot.size = nil, size
	tail := c.limits.TailBytes
	if c.quiet() {
		tail = 0
	}
	c.log.saved(&raftpb.SnapshotMetadata{
		ConfState: order.ConfState,
		Index:     proto.Uint64(order.Index),
		Term:      proto.Uint64(order.Term),
	}, tail)
	c.includeMembers()
}

// SnapshotFailed reports that the ordered snapshot was given up. The next try
// comes when the log has grown by half of what makes one due, or in the next quiet
// after another entry.
func (c *Core) SnapshotFailed(order *SnapshotOrder) {
	if c.snapshot.ordered != order {
		return
	}
	c.snapshot.ordered, c.snapshot.gaveUp = nil, true
	c.snapshot.bytes += c.limits.SnapshotBytes / 2
	c.snapshot.entries += c.limits.SnapshotEntries / 2
}

// confTracker is the configuration as of the last applied change.
type confTracker struct {
	state       *raftpb.ConfState
	outstanding int // changes handed out and not yet applied
}

func isConfChange(e *raftpb.Entry) bool {
	return e.GetType() == raftpb.EntryConfChange || e.GetType() == raftpb.EntryConfChangeV2
}

func decodeConfChange(e *raftpb.Entry) (raftpb.ConfChangeI, error) {
	var change interface {
		raftpb.ConfChangeI
		proto.Message
	} = &raftpb.ConfChangeV2{}
	if e.GetType() == raftpb.EntryConfChange {
		change = &raftpb.ConfChange{}
	}
	if err := proto.Unmarshal(e.GetData(), change); err != nil {
		return nil, fmt.Errorf("replica: the change of members in entry %d: %w", e.GetIndex(), err)
	}
	return change, nil
}
