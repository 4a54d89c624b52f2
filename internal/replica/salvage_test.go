package replica

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/evenkeel/evenkeel/internal/desk"
	"github.com/evenkeel/evenkeel/internal/journal"
)

// TestSalvage: all that a directory holds is read, behind a snapshot or not, whether a
// majority is known to have it or not, commands that panic and all; and the directory
// is in use meanwhile.
func TestSalvage(t *testing.T) {
	for _, snapshots := range []int64{1 << 10, 1 << 30} {
		s := newStation(t, func(c *Config) { c.Limits = Limits{SnapshotBytes: snapshots, TailBytes: 100} })
		for i := range 40 {
			s.say(fmt.Sprint("note ", i))
		}
		s.say("one", "panic!a")
		if snapshots == 1<<10 {
			snapshot, err := s.r.Snapshot(deadline(t))
			if err != nil {
				t.Fatal(err)
			}
			if err := snapshot.Close(); err != nil {
				t.Fatal(err)
			}
			s.say("behind the snapshot")
		}
		before, committed := s.state(), s.r.Status().Applied
		s.stop()
		addTail(t, s.cfg, desk.AppendEntry(nil, desk.EntryHeader{Time: before.Time}, [][]byte{[]byte("last"), []byte("panic!b"), []byte("very last")}))

		got, err := Salvage(s.cfg)
		if err != nil {
			t.Fatal(err)
		}
		notes := got.machine.(*tally).state.Notes
		if want := append(slices.Clone(before.Notes), "last", "very last"); !slices.Equal(notes, want) {
			t.Errorf("the notes are %q, want %q", notes, want)
		}
		if got.ID != 7 || string(got.Meta) != "the node's own" || got.Index != committed+1 || got.Committed > committed || got.Term == 0 || got.Doubt != nil {
			t.Errorf("salvaged was %+v", got)
		}
		if _, err := Open(s.cfg); !errors.Is(err, journal.ErrLocked) {
			t.Errorf("opened meanwhile: %v", err)
		}
		if err := got.Close(); err != nil {
			t.Fatal(err)
		}
		s.start() // nothing was harmed
	}
}

// addTail appends an entry that nobody has acknowledged.
func addTail(t *testing.T, cfg Config, data []byte) {
	t.Helper()
	disk, found, err := journal.Open(cfg.FS, journal.Options{SegmentSize: cfg.SegmentSize})
	if err != nil {
		t.Fatal(err)
	}
	last, term := uint64(0), found.HardState.GetTerm()
	if found.Snapshot != nil {
		last = found.Snapshot.Index
	}
	if n := len(found.Entries); n > 0 {
		last = found.Entries[n-1].GetIndex()
	}
	err = disk.Append(&journal.Batch{Entries: []*raftpb.Entry{{Index: proto.Uint64(last + 1), Term: proto.Uint64(term), Data: data}}})
	if err = errors.Join(err, disk.Close()); err != nil {
		t.Fatal(err)
	}
}
