//evenkeel:pure

package replica

import (
	"fmt"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// SnapshotOrder says which snapshot is to be made.
type SnapshotOrder struct {
	Index, Term uint64 // of the last entry in it
	ConfState   *raftpb.ConfState
}

// snapshotState decides when a snapshot is due.
type snapshotState struct {
	bytes, entries int64 // emitted since the last order
	size           int64 // of the last snapshot's stream
	ordered        *SnapshotOrder
	wanted         bool // somebody asked for one: the next entry is enough
}

// count takes note of an entry that is handed out.
func (s *snapshotState) count(e *raftpb.Entry) {
	s.bytes += entryBytes(e)
	s.entries++
}

func (s *snapshotState) restored() { s.bytes, s.entries = 0, 0 }

// orderSnapshot orders one behind the last entry handed out, when it is due. It
// waits for changes of members to be applied, whose configuration is part of it.
func (c *Core) orderSnapshot(last *raftpb.Entry) *SnapshotOrder {
	s := &c.snapshot
	due := s.wanted || s.bytes >= max(c.limits.SnapshotBytes, s.size/2) || s.entries >= c.limits.SnapshotEntries
	if !due || s.ordered != nil || c.conf.outstanding > 0 {
		return nil
	}
	s.ordered = &SnapshotOrder{
		Index:     last.GetIndex(),
		Term:      last.GetTerm(),
		ConfState: proto.CloneOf(c.conf.state),
	}
	s.bytes, s.entries, s.wanted = 0, 0, false
	return s.ordered
}

// WantSnapshot has a snapshot ordered behind the next entry that is handed out,
// or, if one is on its way then, behind the first one after that.
func (c *Core) WantSnapshot() { c.snapshot.wanted = true }

// SnapshotSaved reports that the ordered snapshot is durable; size is that of
// its stream. The entries in it leave memory, but for a tail.
func (c *Core) SnapshotSaved(order *SnapshotOrder, size int64) {
	if c.snapshot.ordered != order {
		return
	}
	c.snapshot.ordered, c.snapshot.size = nil, size
	c.log.saved(&raftpb.SnapshotMetadata{
		ConfState: order.ConfState,
		Index:     proto.Uint64(order.Index),
		Term:      proto.Uint64(order.Term),
	}, c.limits.TailBytes)
}

// SnapshotFailed reports that the ordered snapshot was given up. The next try
// comes when the log has grown by half of what makes one due.
func (c *Core) SnapshotFailed(order *SnapshotOrder) {
	if c.snapshot.ordered != order {
		return
	}
	c.snapshot.ordered = nil
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
