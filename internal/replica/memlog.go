//evenkeel:pure

package replica

import (
	"fmt"
	"slices"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// memLog is the durable log as raft reads it: the entries behind the last
// snapshot and a tail of those before it, in memory. It has what the journal
// has acknowledged, nothing else.
//
// Invariants: entries[i] has the index prevIndex+1+i; snapshot is nil or its
// index is at or past prevIndex.
type memLog struct {
	hard *raftpb.HardState // as recovered; raft asks once
	conf *raftpb.ConfState // likewise

	entries             []*raftpb.Entry
	prevIndex, prevTerm uint64
	snapshot            *raftpb.SnapshotMetadata
	members             *raftpb.ConfState // as of the last applied change
}

func newMemLog(cfg CoreConfig) *memLog {
	return &memLog{
		hard:      cfg.HardState,
		conf:      raftpb.EnsureConfState(cfg.ConfState),
		entries:   append([]*raftpb.Entry(nil), cfg.Entries...),
		prevIndex: cfg.Snapshot.GetIndex(),
		prevTerm:  cfg.Snapshot.GetTerm(),
		snapshot:  cfg.Snapshot,
		members:   cfg.ConfState,
	}
}

// InitialState implements raft.Storage.
func (l *memLog) InitialState() (*raftpb.HardState, *raftpb.ConfState, error) {
	return l.hard, l.conf, nil
}

// Entries implements raft.Storage.
func (l *memLog) Entries(lo, hi, limit uint64) ([]*raftpb.Entry, error) {
	if lo <= l.prevIndex {
		return nil, raft.ErrCompacted
	}
	if hi > l.last()+1 {
		return nil, raft.ErrUnavailable
	}
	part := l.entries[lo-l.prevIndex-1 : hi-l.prevIndex-1]
	var size uint64
	for i, e := range part {
		size += uint64(proto.Size(e))
		if size > limit && i > 0 {
			part = part[:i]
			break
		}
	}
	return part[:len(part):len(part)], nil
}

// Term implements raft.Storage.
func (l *memLog) Term(i uint64) (uint64, error) {
	switch {
	case i < l.prevIndex:
		return 0, raft.ErrCompacted
	case i == l.prevIndex:
		return l.prevTerm, nil
	case i > l.last():
		return 0, raft.ErrUnavailable
	}
	return l.entries[i-l.prevIndex-1].GetTerm(), nil
}

// LastIndex implements raft.Storage.
func (l *memLog) LastIndex() (uint64, error) { return l.last(), nil }

// FirstIndex implements raft.Storage.
func (l *memLog) FirstIndex() (uint64, error) { return l.prevIndex + 1, nil }

// Snapshot implements raft.Storage: the descriptor of the newest snapshot, whose
// stream travels by itself. None is better than one in which a member is missing:
// raft does not start that member from it.
func (l *memLog) Snapshot() (*raftpb.Snapshot, error) {
	if l.snapshot == nil || !l.snapshotComplete() {
		return nil, raft.ErrSnapshotTemporarilyUnavailable
	}
	return &raftpb.Snapshot{Metadata: proto.CloneOf(l.snapshot)}, nil
}

// snapshotComplete tells whether all members are in the newest snapshot's
// configuration.
func (l *memLog) snapshotComplete() bool {
	inside := everybody(l.snapshot.GetConfState())
	for _, id := range everybody(l.members) {
		if !slices.Contains(inside, id) {
			return false
		}
	}
	return true
}

func (l *memLog) last() uint64 { return l.prevIndex + uint64(len(l.entries)) }

// append adds entries that are durable now, and drops those that they replace.
func (l *memLog) append(entries []*raftpb.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	first := entries[0].GetIndex()
	if first <= l.prevIndex || first > l.last()+1 {
		return fmt.Errorf("replica: entry %d does not continue a log of %d to %d", first, l.prevIndex+1, l.last())
	}
	keep := first - l.prevIndex - 1
	if keep < uint64(len(l.entries)) {
		// Slices of what is replaced may be lent: it is left as it is.
		l.entries = l.entries[:keep:keep]
	}
	l.entries = append(l.entries, entries...)
	return nil
}

// reset starts the log anew behind a snapshot received from another replica.
func (l *memLog) reset(snapshot *raftpb.SnapshotMetadata) {
	l.entries, l.snapshot = nil, snapshot
	l.prevIndex, l.prevTerm = snapshot.GetIndex(), snapshot.GetTerm()
}

// saved drops what the snapshot holds, but for a tail of so many bytes.
func (l *memLog) saved(snapshot *raftpb.SnapshotMetadata, tail int64) {
	l.snapshot = snapshot
	if snapshot.GetIndex() <= l.prevIndex {
		return
	}
	drop := int(min(snapshot.GetIndex(), l.last()) - l.prevIndex)
	for drop > 0 {
		tail -= entryBytes(l.entries[drop-1])
		if tail < 0 {
			break
		}
		drop--
	}
	if drop == 0 {
		return
	}
	last := l.entries[drop-1]
	l.prevIndex, l.prevTerm = last.GetIndex(), last.GetTerm()
	l.entries = append([]*raftpb.Entry(nil), l.entries[drop:]...)
}

// entryBytes is about what an entry occupies.
func entryBytes(e *raftpb.Entry) int64 { return int64(len(e.GetData())) + 32 }
