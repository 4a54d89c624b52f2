//evenkeel:shell

package replica

import (
	"encoding/binary"
	"errors"
	"fmt"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/evenkeel/evenkeel/internal/journal"
)

// recover opens the journal and brings the machine to what is known to be
// committed. On an error the journal is closed again.
func (r *Replica) recover() error {
	disk, found, err := journal.Open(r.cfg.FS, journal.Options{SegmentSize: r.cfg.SegmentSize})
	if err != nil {
		return err
	}
	r.disk = disk
	if err := r.adopt(found); err != nil {
		return errors.Join(err, disk.Close())
	}
	return nil
}

func (r *Replica) adopt(found *journal.Recovered) error {
	for _, note := range found.Notes {
		r.log.Warn("the journal was mended", "note", note)
	}
	if found.Fresh {
		if err := r.form(found); err != nil {
			return err
		}
	}
	switch {
	case len(found.Meta) < 8 && found.Doubt != nil:
		return fmt.Errorf("%w: batch %d in %s at byte %d says which node this is", journal.ErrDoubt, found.Doubt.Batch, found.Doubt.File, found.Doubt.Offset)
	case len(found.Meta) < 8:
		return errors.New("the journal does not say which node it belongs to")
	}
	r.id, r.meta = binary.BigEndian.Uint64(found.Meta), found.Meta[8:]
	if err := r.settleDoubt(found); err != nil {
		return err
	}
	if err := r.restoreMachine(found); err != nil {
		return err
	}
	if err := r.makeCore(found); err != nil {
		return err
	}
	return r.replay()
}

// form makes a fresh journal that of a cell of one, or of a member of another.
func (r *Replica) form(found *journal.Recovered) error {
	if r.cfg.NodeID == 0 {
		return errors.New("a fresh cell needs a node id")
	}
	found.Meta = append(binary.BigEndian.AppendUint64(nil, r.cfg.NodeID), r.cfg.Meta...)
	found.ConfState = &raftpb.ConfState{Voters: r.cfg.Voters}
	if len(r.cfg.Voters) == 0 {
		found.ConfState.Voters = []uint64{r.cfg.NodeID}
	}
	if err := r.disk.Append(&journal.Batch{Meta: found.Meta, ConfState: found.ConfState}); err != nil {
		return fmt.Errorf("begin the journal: %w", err)
	}
	return nil
}

// settleDoubt cuts a last batch that nobody can miss, or has the core ask the others
// about it. Where there are none, it is for the operator.
func (r *Replica) settleDoubt(found *journal.Recovered) error {
	doubt := found.Doubt
	if doubt == nil {
		return nil
	}
	cfg := CoreConfig{ID: r.id, ConfState: found.ConfState, Entries: found.Entries, Snapshot: metadata(found.Snapshot)}
	d := &Doubt{First: doubt.First, Last: doubt.Last, LastTerm: doubt.LastTerm, Torn: doubt.Torn}
	log := r.log.With("file", doubt.File, "offset", doubt.Offset, "first", doubt.First, "last", doubt.Last, "torn", doubt.Torn)
	how := journal.Cut
	switch d.Judge(cfg) {
	case DoubtCut:
		log.Warn("the last write was cut: nobody was told that it is done, or nobody needs it")
	case DoubtAsk:
		log.Warn("the last write cannot be read: the other voters are asked for it. Until they have answered this node helps nobody to lead who has less")
		r.doubt, how = d, journal.Carry
	case DoubtLost:
		return fmt.Errorf("%w: batch %d in %s at byte %d (entries %d to %d)", journal.ErrDoubt, doubt.Batch, doubt.File, doubt.Offset, doubt.First, doubt.Last)
	}
	if how == journal.Carry && doubt.Carried {
		return nil
	}
	if err := r.disk.ResolveDoubt(how); err != nil {
		return fmt.Errorf("settle the last write: %w", err)
	}
	return nil
}

func metadata(s *journal.SnapshotMeta) *raftpb.SnapshotMetadata {
	if s == nil {
		return nil
	}
	return &raftpb.SnapshotMetadata{ConfState: s.ConfState, Index: proto.Uint64(s.Index), Term: proto.Uint64(s.Term)}
}

func (r *Replica) restoreMachine(found *journal.Recovered) error {
	skips := make([]Skip, 0, len(found.Skips))
	for _, s := range found.Skips {
		skips = append(skips, Skip{Index: s.Index, Step: int(s.Ordinal)})
	}
	if found.Snapshot == nil {
		applier, err := NewApplier(r.cfg.machines, 0, nil, skips)
		r.applier = applier
		return err
	}
	snapshot, err := r.disk.OpenSnapshot(found.Snapshot.Index)
	if err != nil {
		return fmt.Errorf("open the snapshot of %d: %w", found.Snapshot.Index, err)
	}
	r.applier, err = NewApplier(r.cfg.machines, found.Snapshot.Index, snapshot, skips)
	return errors.Join(err, snapshot.Close())
}

func (r *Replica) makeCore(found *journal.Recovered) error {
	cfg := CoreConfig{
		ID:        r.id,
		HardState: found.HardState,
		ConfState: found.ConfState,
		Entries:   found.Entries,
		Snapshot:  metadata(found.Snapshot),
		Doubt:     r.doubt,
		Time:      r.applier.Machine().Now(),
		Now:       r.now(),
		Limits:    r.cfg.Limits,
	}
	if s := found.Snapshot; s != nil {
		cfg.SnapshotSize = s.Size
	}
	var err error
	r.core, err = NewCore(cfg)
	return err
}

// replay applies what was committed before. Nobody is told: what these entries
// came to was told when they were first applied, or is read from the desk.
func (r *Replica) replay() error {
	for ready, ok := r.core.Ready(); ok; ready, ok = r.core.Ready() {
		for _, a := range ready.Applies {
			if err := r.replayRun(a); err != nil {
				return err
			}
		}
	}
	r.publish()
	return nil
}

func (r *Replica) replayRun(a *Apply) error {
	for _, item := range a.Entries {
		_, fault, err := r.applier.Apply(item.Entry)
		for fault != nil && err == nil {
			r.log.Error("a command panicked and is skipped", "index", fault.Index, "step", fault.Step, "panic", fault.Value, "stack", fault.Stack)
			skip := journal.Skip{Index: fault.Index, Ordinal: uint32(fault.Step)}
			if err = r.disk.Append(&journal.Batch{Skips: []journal.Skip{skip}}); err != nil {
				return fmt.Errorf("write the skip of %w: %w", fault, err)
			}
			if err = r.rebuild(fault); err == nil {
				_, fault, err = r.applier.Apply(item.Entry)
			}
		}
		if err != nil {
			return err
		}
		r.applied.Store(item.Entry.GetIndex())
	}
	if a.Freeze != nil {
		if err := r.applier.Freeze(a.Freeze); err != nil {
			return err
		}
	}
	return r.core.Applied(r.now(), a, r.applier.State())
}
