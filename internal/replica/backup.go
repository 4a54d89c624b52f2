//evenkeel:shell

package replica

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/evenkeel/evenkeel/internal/journal"
)

// snapshotTries is how often a snapshot that is asked for may fail.
const snapshotTries = 3

// Snapshot opens a snapshot in which all is that was applied before the call, and
// makes one if there is none. It stays until the caller has closed it.
func (r *Replica) Snapshot(ctx context.Context) (*journal.SnapshotReader, error) {
	target := r.applied.Load()
	for failures := 0; failures < snapshotTries; {
		if have := r.disk.Snapshots(); len(have) > 0 && have[0].Index >= target {
			return r.disk.OpenSnapshot(have[0].Index)
		}
		saved, gaveUp := r.saved.Load(), r.gaveUp.Load()
		r.tell(func(c *Core, _ time.Duration) error { c.WantSnapshot(); return nil })
		if err := r.await(ctx, func() bool { return r.saved.Load() != saved || r.gaveUp.Load() != gaveUp }); err != nil {
			return nil, fmt.Errorf("make a snapshot: %w", err)
		}
		if r.gaveUp.Load() != gaveUp {
			failures++
		}
	}
	return nil, errors.New("make a snapshot: the disk did not take it; the log says why")
}

// Found makes a fresh directory that of a cell of one voter which begins with a
// snapshot: index and term of the last entry in it, and the stream that write
// gives, of which it returns the hash.
func Found(cfg Config, index, term uint64, write func(io.Writer) (hash uint64, err error)) (err error) {
	disk, found, err := journal.Open(cfg.FS, journal.Options{SegmentSize: cfg.SegmentSize})
	if err != nil {
		return fmt.Errorf("found a replica: %w", err)
	}
	defer func() { err = errors.Join(err, disk.Close()) }()
	if !found.Fresh {
		return errors.New("found a replica: the directory is in use")
	}
	conf := &raftpb.ConfState{Voters: []uint64{cfg.NodeID}}
	meta := append(binary.BigEndian.AppendUint64(nil, cfg.NodeID), cfg.Meta...)
	if err := disk.Append(&journal.Batch{Meta: meta, ConfState: conf}); err != nil {
		return fmt.Errorf("found a replica: %w", err)
	}
	w, err := disk.CreateSnapshot(index, term)
	if err != nil {
		return fmt.Errorf("found a replica: %w", err)
	}
	hash, err := write(w)
	if err == nil {
		_, err = w.Commit(journal.SnapshotMeta{
			Index: index, Term: term, ConfState: conf, DeskHash: binary.BigEndian.AppendUint64(make([]byte, 0, hashOfBytes), hash),
		})
	}
	if err != nil {
		return errors.Join(fmt.Errorf("found a replica: %w", err), w.Abort())
	}
	err = disk.Append(&journal.Batch{
		HardState: &raftpb.HardState{Term: proto.Uint64(term), Vote: proto.Uint64(0), Commit: proto.Uint64(index)},
		Snapshot:  &raftpb.SnapshotMetadata{ConfState: conf, Index: proto.Uint64(index), Term: proto.Uint64(term)},
	})
	if err != nil {
		return fmt.Errorf("found a replica: %w", err)
	}
	return nil
}
