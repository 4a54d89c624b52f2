package journal_test

import (
	"errors"
	"io"
	"testing"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/evenkeel/evenkeel/internal/journal"
	"github.com/evenkeel/evenkeel/internal/sim/simdisk"
)

// FuzzOpen gives Open a segment and a snapshot of arbitrary bytes: it may
// refuse them, never panic, and what it opens it must be able to go on with.
func FuzzOpen(f *testing.F) {
	img := threeBatches(f)
	snap := twoSnapshots(f)
	name := snap.j.Snapshots()[1].Name
	f.Add(img[firstLog], []byte(nil))
	f.Add(img[firstLog], snap.disk.Content(name))
	f.Add(snap.disk.Content(firstLog), snap.disk.Content(name))
	f.Add([]byte(nil), []byte(nil))
	f.Add(img[firstLog][:9000], make([]byte, 5000))
	f.Fuzz(func(t *testing.T, segment, snapshot []byte) {
		d := simdisk.New(newRand(1), 0)
		if segment != nil {
			d.Put(firstLog, segment)
		}
		if snapshot != nil {
			d.Put(name, snapshot)
		}
		goOnIfYouCan(t, d)
	})
}

// FuzzBody gives Open a segment whose checksums are all good and whose records
// are arbitrary.
func FuzzBody(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 0, 1, 1, 2, 'h', 'i', 2, 1, 'm', 3, 2, 8, 1, 4, 5, 6, 5, 9, 9, 6, 1, 2, 3, 4, 7})
	f.Add([]byte{1, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 0})
	f.Add([]byte{5, 100, 1, 1, 0, 1, 101, 0, 1, 0, 1, 50, 0})
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 4000 {
			return
		}
		d := simdisk.New(newRand(1), 0)
		d.Put(firstLog, journal.SegmentWithBody(body, journal.MinSegmentSize))
		goOnIfYouCan(t, d)
	})
}

func goOnIfYouCan(t *testing.T, d *simdisk.Disk) {
	before := imageOf(d)
	j, rec, err := journal.Open(d, small(1))
	if err != nil {
		if damage := (*journal.DamageError)(nil); errors.As(err, &damage) && !before.equal(imageOf(d)) {
			t.Fatal("damage was found and the disk changed")
		}
		return
	}
	if rec.Snapshot != nil {
		s, err := j.OpenSnapshot(rec.Snapshot.Index)
		must(t, err)
		_, err = io.Copy(io.Discard, s)
		must(t, err)
		must(t, s.Close())
	}
	if rec.Doubt != nil {
		must(t, j.ResolveDoubt(journal.Cut))
	}
	last, term := rec.HardState.GetCommit(), rec.HardState.GetTerm()
	if n := len(rec.Entries); n > 0 {
		last, term = rec.Entries[n-1].GetIndex(), max(term, rec.Entries[n-1].GetTerm())
	}
	if last+1 == 0 {
		return
	}
	e := entry(last+1, term, "on")
	if err := j.Append(&journal.Batch{HardState: hard(term, 1, last), Entries: []*raftpb.Entry{e}}); err != nil {
		if errors.Is(err, journal.ErrGap) || errors.Is(err, journal.ErrTooLarge) {
			return
		}
		t.Fatal(err)
	}
	must(t, j.Close())
	_, again, err := journal.Open(d, small(1))
	must(t, err)
	if n := len(again.Entries); n == 0 || again.Entries[n-1].GetIndex() != last+1 {
		t.Fatalf("entry %d is gone: %d entries", last+1, n)
	}
}
