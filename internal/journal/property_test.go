package journal_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.etcd.io/raft/v3/raftpb"
	"pgregory.net/rapid"

	"github.com/evenkeel/evenkeel/internal/journal"
	"github.com/evenkeel/evenkeel/internal/sim/simdisk"
)

// TestAnyLife draws lives of a journal: any order of appends, cut-off tails, snapshots,
// compactions, restarts, deaths, losses of power and full disks. After each restart
// it must remember what its model does.
func TestAnyLife(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		r := newRig(simdisk.New(newRand(seed), 0), seed)
		if _, err := r.open(); err != nil {
			rt.Fatal(err)
		}
		must(t, r.append(&journal.Batch{Meta: []byte("node 1")}))
		for n := rapid.IntRange(1, 40).Draw(rt, "steps"); n > 0; n-- {
			if rapid.IntRange(0, 9).Draw(rt, "crash") == 0 {
				r.disk.CrashAt(rapid.IntRange(1, 40).Draw(rt, "at"))
			}
			if rapid.IntRange(0, 19).Draw(rt, "full") == 0 {
				r.disk.SetCapacity(r.disk.Used() + rapid.Int64Range(0, 40_000).Draw(rt, "room"))
			}
			before := r.acked
			err := r.draw(rt)
			switch {
			case errors.Is(err, simdisk.ErrCrashed):
				err = r.restart(rt)
			case errors.Is(err, journal.ErrNoSpace):
				if r.j.Err() != nil {
					rt.Fatalf("a full disk poisoned the journal: %v", r.j.Err())
				}
				r.acked, r.maybe = before, nil
				r.disk.SetCapacity(0)
				err = nil
			}
			if err != nil {
				rt.Fatal(err)
			}
		}
		r.disk.SetCapacity(0)
		r.disk.CrashAt(0)
		if err := r.restart(rt); err != nil {
			rt.Fatal(err)
		}
	})
}

// restart ends the run in one of three ways and opens the journal again.
func (r *rig) restart(rt *rapid.T) error {
	tearing := rapid.SampledFrom([]simdisk.Tearing{simdisk.Any, simdisk.None, simdisk.All}).Draw(rt, "tearing")
	r.fall(tearing, rapid.Bool().Draw(rt, "kill"))
	if r.disk.Used() > 0 { // may have been full: opening needs no room, but one of the tests does
		r.disk.SetCapacity(0)
	}
	return r.reopen()
}

// draw does one thing.
func (r *rig) draw(rt *rapid.T) error {
	last := max(r.acked.last, r.acked.snap)
	switch rapid.IntRange(0, 9).Draw(rt, "what") {
	case 0:
		return r.append(&journal.Batch{HardState: hard(r.acked.term+1, rapid.Uint64Range(0, 9).Draw(rt, "vote"), last)})
	case 1:
		index := r.acked.snap + 1
		if _, ok := r.acked.log[index]; !ok || r.acked.last < index {
			return nil
		}
		return r.snapshot(rapid.Uint64Range(index, r.acked.last).Draw(rt, "snapshot"), strings.Repeat("s", rapid.IntRange(0, 70_000).Draw(rt, "size")))
	case 2:
		return r.compact(last)
	case 3:
		if err := r.j.Tend(); !errors.Is(err, journal.ErrFull) {
			return err
		}
		return nil
	case 4:
		return r.append(&journal.Batch{Skips: []journal.Skip{{Index: last + 1, Ordinal: rapid.Uint32Range(0, 3).Draw(rt, "ordinal")}}})
	case 5:
		return r.append(&journal.Batch{Meta: []byte(rapid.StringMatching(`[a-z]{1,50}`).Draw(rt, "meta"))})
	case 6:
		return r.takeOver(rt, last)
	}
	return r.append(r.entries(rt, last))
}

// entries draws a batch that continues the log or cuts some of it off.
func (r *rig) entries(rt *rapid.T, last uint64) *journal.Batch {
	first := rapid.Uint64Range(r.acked.snap+1, last+1).Draw(rt, "first")
	b := &journal.Batch{HardState: hard(r.acked.term+1, 1, r.acked.snap)}
	for i := range rapid.Uint64Range(1, 6).Draw(rt, "entries") {
		size := rapid.SampledFrom([]int{0, 1, 100, 415, 416, 900, 3000}).Draw(rt, "bytes")
		b.Entries = append(b.Entries, entry(first+i, r.acked.term+1, strings.Repeat(fmt.Sprint(i), size)))
	}
	return b
}

// takeOver receives a snapshot that is ahead of the log.
func (r *rig) takeOver(rt *rapid.T, last uint64) error {
	index, term := last+rapid.Uint64Range(1, 100).Draw(rt, "ahead"), r.acked.term+1
	if err := r.receive(index, term, "received"); err != nil {
		return err
	}
	return r.append(&journal.Batch{
		HardState: hard(term, 0, index),
		Snapshot:  &raftpb.SnapshotMetadata{Index: new(index), Term: new(term)},
	})
}
