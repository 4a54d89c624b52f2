package journal_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/evenkeel/evenkeel/internal/journal"
	"github.com/evenkeel/evenkeel/internal/sim/simdisk"
)

// twoSnapshots leaves entries 1 to 9 and snapshots at 4 and 8.
func twoSnapshots(t testing.TB) *rig {
	t.Helper()
	r := newRig(simdisk.New(newRand(1), 0), 1)
	_, err := r.open()
	must(t, err)
	must(t, r.append(&journal.Batch{HardState: hard(1, 1, 0), ConfState: conf(1), Meta: []byte("node 1")}))
	for i := range uint64(9) {
		must(t, r.append(&journal.Batch{Entries: []*raftpb.Entry{entry(i+1, 1, strings.Repeat("x", 2500))}}))
		if i == 3 || i == 7 {
			must(t, r.snapshot(i+1, strings.Repeat("state ", int(i)*5000)))
		}
	}
	return r
}

func TestFallBackToTheOlderSnapshot(t *testing.T) {
	r := twoSnapshots(t)
	newest, older := r.j.Snapshots()[0], r.j.Snapshots()[1]
	if newest.Index != 8 || older.Index != 4 {
		t.Fatalf("snapshots at %d and %d", newest.Index, older.Index)
	}
	_, err := r.j.Compact(100)
	must(t, err)
	must(t, r.j.Close())
	for at := int64(0); at < int64(len(r.disk.Content(newest.Name))); at += 977 {
		d := imageOf(r.disk).disk()
		d.FlipBit(newest.Name, at, 0)
		j, rec, err := journal.Open(d, small(1))
		must(t, err)
		if at >= 4096 && rec.Snapshot.Index != 4 || rec.Snapshot.Index == 8 && len(rec.Notes) > 0 {
			t.Fatalf("byte %d: snapshot at %d, %v", at, rec.Snapshot.Index, rec.Notes)
		}
		if want := 9 - rec.Snapshot.Index; uint64(len(rec.Entries)) != want {
			t.Fatalf("byte %d: %d entries", at, len(rec.Entries))
		}
		if got := j.Snapshots(); rec.Snapshot.Index == 4 && len(got) != 1 {
			t.Fatalf("byte %d: snapshots %v", at, got)
		}
		if floor, err := j.Compact(100); err != nil || rec.Snapshot.Index == 4 && floor != 0 {
			t.Fatalf("byte %d: compacted up to %d (%v) with one good snapshot", at, floor, err)
		}
		must(t, j.Close())
	}
	// Both gone: the log alone does not reach back any more.
	r.disk.FlipBit(newest.Name, 5000, 0)
	r.disk.FlipBit(older.Name, 5000, 0)
	before := imageOf(r.disk)
	_, rec, err := journal.Open(r.disk, small(1))
	damage, _ := errors.AsType[*journal.DamageError](err)
	if damage == nil || damage.File != newest.Name && damage.File != older.Name {
		t.Fatalf("got %v", err)
	}
	if rec == nil || string(rec.Meta) != "node 1" || len(rec.Entries) != 0 || !before.equal(imageOf(r.disk)) {
		t.Fatalf("what can be read: %+v", rec)
	}
}

func TestSnapshotStream(t *testing.T) {
	r := newRig(simdisk.New(newRand(1), 0), 1)
	_, err := r.open()
	must(t, err)
	must(t, r.append(&journal.Batch{HardState: hard(1, 1, 0)}))
	for i, size := range []int{0, 1, 65527, 65528, 65529, 200_000, 9 << 20} {
		index := uint64(i + 1)
		must(t, r.append(&journal.Batch{Entries: []*raftpb.Entry{entry(index, 1, "")}}))
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(i * i >> 3)
		}
		w, err := r.j.CreateSnapshot(index, 1)
		must(t, err)
		for rest, n := data, 1; len(rest) > 0; n *= 3 {
			n = min(n, len(rest))
			_, err := w.Write(rest[:n])
			must(t, err)
			rest = rest[n:]
		}
		if _, err := w.Commit(journal.SnapshotMeta{Index: index + 1, Term: 1}); err == nil {
			t.Fatal("committed at another index")
		}
		syncs := r.disk.Stats().Syncs
		meta, err := w.Commit(journal.SnapshotMeta{Index: index, Term: 1, ConfState: conf(1, 2, 3), DeskHash: []byte("desk")})
		must(t, err)
		if r.disk.Stats().Syncs < syncs+3 {
			t.Error("data, header and name are to be synced one after the other")
		}
		must(t, w.Abort())
		if _, err := w.Write([]byte("more")); !errors.Is(err, journal.ErrClosed) {
			t.Errorf("write after commit: %v", err)
		}
		s, err := r.j.OpenSnapshot(index)
		must(t, err)
		got, err := io.ReadAll(s)
		must(t, err)
		must(t, s.Close())
		must(t, s.Close())
		m := s.Meta()
		if !bytes.Equal(got, data) || m.Size != int64(size) || m.Hash != meta.Hash || string(m.DeskHash) != "desk" || len(m.ConfState.GetVoters()) != 3 {
			t.Fatalf("size %d: read %d bytes, %+v", size, len(got), m)
		}
	}
}

func TestSnapshotsAreKeptWhileRead(t *testing.T) {
	r := twoSnapshots(t)
	s, err := r.j.OpenSnapshot(4)
	must(t, err)
	must(t, r.snapshot(9, "nine"))
	if _, err := r.j.OpenSnapshot(4); !errors.Is(err, journal.ErrNoSnapshot) {
		t.Fatalf("open a dropped snapshot: %v", err)
	}
	data, err := io.ReadAll(s)
	must(t, err)
	if len(data) != 3*5000*6 {
		t.Fatalf("read %d bytes", len(data))
	}
	files := func() (n int) {
		for _, name := range r.disk.Names() {
			if strings.HasPrefix(name, "snap-") {
				n++
			}
		}
		return n
	}
	if files() != 3 {
		t.Fatalf("%d files while one is read", files())
	}
	must(t, s.Close())
	if files() != 2 {
		t.Fatalf("%d files afterwards", files())
	}
}

func TestAbortedSnapshotLeavesNothing(t *testing.T) {
	r := twoSnapshots(t)
	before := r.disk.Names()
	w, err := r.j.CreateSnapshot(9, 1)
	must(t, err)
	_, err = io.WriteString(w, strings.Repeat("state", 50_000))
	must(t, err)
	must(t, w.Abort())
	if after := r.disk.Names(); len(after) != len(before) {
		t.Fatalf("%v became %v", before, after)
	}
}

// TestCompact: segments go only when two snapshots are past them, and what they
// said besides entries stays.
func TestCompact(t *testing.T) {
	r := newRig(simdisk.New(newRand(1), 0), 1)
	_, err := r.open()
	must(t, err)
	must(t, r.append(&journal.Batch{Meta: []byte("node 1"), HardState: hard(7, 3, 0), ConfState: conf(1)}))
	must(t, r.append(&journal.Batch{Skips: []journal.Skip{{Index: 2, Ordinal: 1}, {Index: 30, Ordinal: 2}}}))
	for i := range uint64(30) {
		must(t, r.append(&journal.Batch{Entries: []*raftpb.Entry{entry(i+1, 7, strings.Repeat("x", 2500))}}))
	}
	used := r.disk.Used()
	for _, c := range []struct{ snapshot, ask, floor uint64 }{{10, 30, 0}, {20, 30, 10}, {25, 5, 5}, {25, 30, 20}} {
		if r.acked.snap < c.snapshot {
			must(t, r.snapshot(c.snapshot, "state"))
		}
		floor, err := r.j.Compact(c.ask)
		must(t, err)
		if floor != c.floor {
			t.Fatalf("snapshot at %d: compacted up to %d, want %d", c.snapshot, floor, c.floor)
		}
		must(t, r.j.Close())
		must(t, r.reopen())
	}
	if now := r.disk.Used(); now > used-5*journal.MinSegmentSize {
		t.Fatalf("%d bytes of %d are still used", now, used)
	}
	if r.acked.term != 7 || r.acked.vote != 3 || r.acked.meta != "node 1" {
		t.Fatalf("%+v", r.acked)
	}
}

// TestCompactedBelowACutOffTail: the oldest segment that is left may begin with
// entries that were cut off later, at an index below them.
func TestCompactedBelowACutOffTail(t *testing.T) {
	r := newRig(simdisk.New(newRand(1), 0), 1)
	_, err := r.open()
	must(t, err)
	big := strings.Repeat("x", 5000)
	must(t, r.append(&journal.Batch{HardState: hard(1, 1, 0), Entries: []*raftpb.Entry{entry(1, 1, big)}}))
	must(t, r.append(&journal.Batch{Entries: []*raftpb.Entry{entry(2, 1, big)}}))
	must(t, r.append(&journal.Batch{HardState: hard(2, 1, 0), Entries: []*raftpb.Entry{entry(1, 2, "a"), entry(2, 2, "b"), entry(3, 2, "c")}}))
	must(t, r.snapshot(2, "two"))
	must(t, r.snapshot(3, "three"))
	must(t, r.compact(3))
	if names := r.disk.Names(); names[0] == firstLog {
		t.Fatalf("nothing was compacted: %v", names)
	}
	must(t, r.j.Close())
	must(t, r.reopen())
}
