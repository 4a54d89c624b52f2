package journal_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/internal/journal"
	"github.com/evenkeel/evenkeel/internal/sim/simdisk"

	"go.etcd.io/raft/v3/raftpb"
)

// script is a short life with everything in it: votes, entries of all sizes, a cut-off
// tail, skips, snapshots, compaction, a received snapshot.
func (r *rig) script() error {
	steps := r.steps()
	return r.play(steps)
}

func (r *rig) play(steps []func() error) error {
	for i, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return nil
}

// beforeReceiving is how many steps there are before a snapshot is received.
const beforeReceiving = 18

func (r *rig) steps() []func() error {
	text := func(n int) string { return strings.Repeat("a message ", n) }
	return []func() error{
		func() error {
			return r.append(&journal.Batch{Meta: []byte("cell 1, node 1"), HardState: hard(1, 1, 0), ConfState: conf(1)})
		},
		func() error { return r.append(&journal.Batch{Entries: []*raftpb.Entry{entry(1, 1, "")}}) },
		func() error {
			return r.append(&journal.Batch{Entries: []*raftpb.Entry{entry(2, 1, text(120)), entry(3, 1, text(9))}})
		},
		func() error { return r.append(&journal.Batch{HardState: hard(2, 3, 2)}) },
		func() error {
			return r.append(&journal.Batch{HardState: hard(3, 1, 2), Entries: []*raftpb.Entry{entry(3, 3, text(250))}})
		},
		func() error { return r.append(&journal.Batch{Skips: []journal.Skip{{Index: 3, Ordinal: 7}}}) },
		func() error { return r.snapshot(3, text(10)) },
		func() error {
			return r.append(&journal.Batch{HardState: hard(3, 1, 3), Entries: []*raftpb.Entry{entry(4, 3, text(400))}})
		},
		func() error { return r.j.Tend() },
		func() error {
			return r.append(&journal.Batch{Entries: []*raftpb.Entry{
				entry(5, 3, text(390)), entry(6, 3, text(390)), entry(7, 3, text(390)), entry(8, 3, "x"),
			}})
		},
		func() error { return r.append(&journal.Batch{Skips: []journal.Skip{{Index: 8, Ordinal: 0}}}) },
		func() error { return r.snapshot(7, text(7000)) },
		func() error { return r.append(&journal.Batch{Entries: []*raftpb.Entry{entry(9, 3, text(350))}}) },
		func() error { return r.compact(9) },
		func() error { return r.snapshot(9, "") },
		func() error { return r.append(&journal.Batch{Entries: []*raftpb.Entry{entry(10, 3, text(350))}}) },
		func() error { return r.compact(10) },
		func() error {
			return r.append(&journal.Batch{Entries: []*raftpb.Entry{entry(11, 4, text(1))}, HardState: hard(4, 0, 9)})
		},
		func() error { return r.receive(100, 5, text(50)) },
		func() error {
			return r.append(&journal.Batch{
				HardState: hard(5, 0, 100), Snapshot: &raftpb.SnapshotMetadata{Index: new(uint64(100)), Term: new(uint64(5))},
				Entries: []*raftpb.Entry{entry(101, 5, text(3))},
			})
		},
		func() error { return r.append(&journal.Batch{Entries: []*raftpb.Entry{entry(102, 5, text(500))}}) },
	}
}

func (r *rig) compact(index uint64) error {
	_, err := r.j.Compact(index)
	return err
}

// live opens a fresh journal and runs the script.
func (r *rig) live() error {
	if _, err := r.open(); err != nil {
		return err
	}
	return r.script()
}

func TestScriptSurvivesReopening(t *testing.T) {
	r := newRig(simdisk.New(newRand(1), 0), 1)
	must(t, r.live())
	must(t, r.j.Close())
	for range 3 {
		must(t, r.reopen())
		must(t, r.j.Close())
	}
}

// TestCrashAnywhere stops the machine at every operation that can leave something
// behind, tears what was not synced in several ways, and looks at what is left.
// In some rounds it stops again while that is being mended.
func TestCrashAnywhere(t *testing.T) {
	total := changesOf(t, (*rig).live)
	seeds := uint64(12)
	if testing.Short() {
		seeds = 4
	}
	var sum seen
	for at := 1; at <= total; at++ {
		for seed := range seeds {
			saw, err := crashOnce(at, seed, simdisk.Tearing(seed%4%3), nil)
			if err != nil {
				t.Fatalf("crash at operation %d of %d, seed %d: %v", at, total, seed, err)
			}
			sum.add(saw)
		}
	}
	t.Logf("%d operations: %+v", total, sum)
	if sum.kept == 0 || sum.lost == 0 || sum.doubts == 0 {
		t.Fatalf("not everything that can happen did: %+v", sum)
	}
}

// changesOf counts the operations of a run that can leave something behind.
func changesOf(t *testing.T, run func(*rig) error) int {
	t.Helper()
	r := newRig(simdisk.New(newRand(1), 0), 1)
	must(t, run(r))
	return r.disk.Stats().Changes
}

// crashOnce runs the script up to a crash, then reopens, with up to two more
// crashes meanwhile, and goes on.
func crashOnce(at int, seed uint64, tearing simdisk.Tearing, wrap func(journal.FS) journal.FS) (seen, error) {
	rng := newRand(seed<<32 | uint64(at))
	r := newRig(simdisk.New(rng, 0), seed)
	if wrap != nil {
		r.fs = wrap(r.disk)
	}
	r.disk.CrashAt(at)
	if err := r.live(); !errors.Is(err, simdisk.ErrCrashed) {
		return r.seen, fmt.Errorf("ran into %w instead of the crash", err)
	}
	for again := rng.IntN(3); again > 0; again-- {
		r.fall(tearing, rng.IntN(4) == 0)
		r.disk.CrashAt(1 + rng.IntN(30))
		err := r.reopen()
		if err != nil && !errors.Is(err, simdisk.ErrCrashed) {
			return r.seen, fmt.Errorf("in the round that crashed again: %w", err)
		}
	}
	r.fall(tearing, false)
	for round := range 2 {
		if err := r.reopen(); err != nil {
			return r.seen, fmt.Errorf("round %d: %w", round, err)
		}
		if err := r.goOn(); err != nil {
			return r.seen, fmt.Errorf("round %d, going on: %w", round, err)
		}
		r.fall(simdisk.None, false)
	}
	err := r.reopen()
	return r.seen, err
}

// fall ends a run: by a loss of power, or by the death of the process alone.
func (r *rig) fall(t simdisk.Tearing, kill bool) {
	if kill {
		r.disk.Kill()
		return
	}
	r.disk.Crash(t)
}

// goOn appends a little to whatever is there.
func (r *rig) goOn() error {
	last := max(r.acked.last, r.acked.snap)
	term := r.acked.term + 1
	b := &journal.Batch{HardState: hard(term, 2, last), Entries: []*raftpb.Entry{entry(last+1, term, "on we go")}}
	if err := r.append(b); err != nil {
		return err
	}
	return r.append(&journal.Batch{Entries: []*raftpb.Entry{entry(last+2, term, strings.Repeat("long ", 300))}})
}

// TestKillAnywhere lets the process die at every operation, opens the journal
// anew and only then takes the power away: what was found in the cache of the
// operating system must have been made durable before it was reported.
func TestKillAnywhere(t *testing.T) {
	total := changesOf(t, (*rig).live)
	for at := 1; at <= total; at++ {
		r := newRig(simdisk.New(newRand(uint64(at)), 0), 1)
		r.disk.CrashAt(at)
		if err := r.live(); !errors.Is(err, simdisk.ErrCrashed) {
			t.Fatalf("ran into %v instead of the crash", err)
		}
		r.disk.Kill()
		if err := r.reopen(); err != nil {
			t.Fatalf("killed at operation %d: %v", at, err)
		}
		r.disk.Crash(simdisk.None)
		if err := r.reopen(); err != nil {
			t.Fatalf("killed at operation %d, then without power: %v", at, err)
		}
	}
}

// lazy is a disk under which the journal leaves something out; the tests must
// notice.
type lazy struct {
	journal.FS
	sync, syncDir bool // left out
}

func (l lazy) SyncDir() error {
	if l.syncDir {
		return nil
	}
	return l.FS.SyncDir()
}

func (l lazy) Create(name string, size int64) (journal.File, error) {
	f, err := l.FS.Create(name, size)
	return l.wrap(f), err
}

func (l lazy) Open(name string) (journal.File, error) {
	f, err := l.FS.Open(name)
	return l.wrap(f), err
}

func (l lazy) wrap(f journal.File) journal.File {
	if f == nil || !l.sync {
		return f
	}
	return unsynced{f}
}

type unsynced struct{ journal.File }

func (unsynced) Sync() error { return nil }

// TestCrashTestBites leaves out what the crash test is there to notice.
func TestCrashTestBites(t *testing.T) {
	for name, fs := range map[string]lazy{"no fdatasync": {sync: true}, "no sync of the directory": {syncDir: true}} {
		t.Run(name, func(t *testing.T) {
			for at := 10; at < 60; at++ {
				wrap := func(fsys journal.FS) journal.FS { fs.FS = fsys; return fs }
				if _, err := crashOnce(at, 3, simdisk.None, wrap); err != nil {
					return
				}
			}
			t.Fatal("nothing was noticed")
		})
	}
}
