package journal_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/evenkeel/evenkeel/internal/journal"
	"github.com/evenkeel/evenkeel/internal/sim/simdisk"
)

var errBroken = errors.New("the disk is broken")

// TestFailedOperationPoisons makes every write and sync of the script fail, one a
// run. From then on nothing may be acknowledged; the process dies, and a new one
// finds all that was acknowledged, even if then the power fails: what a failed
// sync left in the cache is on no plate.
func TestFailedOperationPoisons(t *testing.T) {
	total := changesOf(t, (*rig).live)
	var poisoned int
	for at := 1; at <= total; at++ {
		for seed := range uint64(4) {
			hit, err := failOnce(at, seed)
			if err != nil {
				t.Fatalf("operation %d fails, seed %d: %v", at, seed, err)
			}
			if hit {
				poisoned++
			}
		}
	}
	if poisoned < total {
		t.Fatalf("only %d of %d failures poisoned the journal", poisoned, total*4)
	}
}

func failOnce(at int, seed uint64) (poisoned bool, err error) {
	r := newRig(simdisk.New(newRand(seed), 0), seed)
	r.disk.Inject = func(op simdisk.Op) error {
		if r.disk.Stats().Changes == at && (op.Kind == simdisk.OpWrite || op.Kind == simdisk.OpSync) {
			return errBroken
		}
		return nil
	}
	if err := r.live(); err != nil && !errors.Is(err, errBroken) {
		return false, err
	}
	r.disk.Inject = nil
	if r.j != nil && r.j.Err() != nil {
		poisoned = true
		before := r.disk.Stats()
		err := r.j.Append(&journal.Batch{HardState: hard(90, 1, 0)})
		if !errors.Is(err, errBroken) || !errors.Is(r.j.Tend(), errBroken) || !errors.Is(r.j.ResolveDoubt(journal.Cut), errBroken) {
			return poisoned, fmt.Errorf("append to a poisoned journal: %v", err)
		}
		if r.disk.Stats() != before {
			return poisoned, errors.New("a poisoned journal touched the disk")
		}
	}
	r.disk.Kill()
	if err := r.reopen(); err != nil {
		return poisoned, fmt.Errorf("a new process: %w", err)
	}
	if err := r.goOn(); err != nil {
		return poisoned, err
	}
	r.disk.Crash(simdisk.None)
	if err := r.reopen(); err != nil {
		return poisoned, fmt.Errorf("and without power: %w", err)
	}
	return poisoned, nil
}

// TestRefusals: what makes no sense is refused and changes nothing.
func TestRefusals(t *testing.T) {
	r := newRig(simdisk.New(newRand(1), 0), 1)
	_, err := r.open()
	must(t, err)
	must(t, r.append(&journal.Batch{HardState: hard(3, 1, 0), Entries: []*raftpb.Entry{entry(1, 2, "a"), entry(2, 3, "b")}}))
	snapshot := func(index, term uint64) *raftpb.SnapshotMetadata {
		return &raftpb.SnapshotMetadata{Index: new(index), Term: new(term)}
	}
	huge := string(make([]byte, journal.MinSegmentSize))
	for name, c := range map[string]struct {
		batch journal.Batch
		want  error
	}{
		"a hole before":       {journal.Batch{Entries: []*raftpb.Entry{entry(4, 3, "")}}, journal.ErrGap},
		"a hole inside":       {journal.Batch{Entries: []*raftpb.Entry{entry(3, 3, ""), entry(5, 3, "")}}, journal.ErrGap},
		"an entry twice":      {journal.Batch{Entries: []*raftpb.Entry{entry(3, 3, ""), entry(3, 3, "")}}, journal.ErrGap},
		"index 0":             {journal.Batch{Entries: []*raftpb.Entry{entry(0, 3, "")}}, journal.ErrGap},
		"a falling term":      {journal.Batch{Entries: []*raftpb.Entry{entry(3, 2, "")}}, journal.ErrGap},
		"a term that falls":   {journal.Batch{Entries: []*raftpb.Entry{entry(3, 4, ""), entry(4, 3, "")}}, journal.ErrGap},
		"a huge entry":        {journal.Batch{Entries: []*raftpb.Entry{entry(3, 3, ""), entry(4, 3, huge)}}, journal.ErrTooLarge},
		"a huge record":       {journal.Batch{Meta: []byte(huge)}, journal.ErrTooLarge},
		"an absent snapshot":  {journal.Batch{Snapshot: snapshot(9, 3)}, journal.ErrNoSnapshot},
		"too many skips":      {journal.Batch{Skips: make([]journal.Skip, 9000)}, journal.ErrTooLarge},
		"a huge ConfState":    {journal.Batch{ConfState: conf(make([]uint64, 3000)...)}, journal.ErrTooLarge},
		"below the beginning": {journal.Batch{Snapshot: snapshot(2, 3)}, journal.ErrNoSnapshot},
	} {
		before := r.disk.Stats()
		if err := r.j.Append(&c.batch); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if r.disk.Stats() != before || r.j.Err() != nil {
			t.Errorf("%s: it was refused, and yet it did something", name)
		}
	}
	must(t, r.receive(20, 3, "state"))
	must(t, r.append(&journal.Batch{Snapshot: snapshot(20, 3), HardState: hard(3, 1, 20)}))
	if err := r.j.Append(&journal.Batch{Entries: []*raftpb.Entry{entry(20, 3, "")}}); !errors.Is(err, journal.ErrGap) {
		t.Errorf("an entry of a snapshot: %v", err)
	}
	must(t, r.append(&journal.Batch{Entries: []*raftpb.Entry{entry(21, 3, "")}}))
	must(t, r.j.Close())
	must(t, r.reopen())
}

// TestAppendReusesItsBuffer: an append of small entries allocates nothing that
// grows.
func TestAppendReusesItsBuffer(t *testing.T) {
	j, _, err := journal.Open(discard{simdisk.New(newRand(1), 0)}, journal.Options{Rand: salts{newRand(1)}})
	must(t, err)
	data := string(make([]byte, 256))
	entries := []*raftpb.Entry{entry(1, 1, data)}
	b := &journal.Batch{Entries: entries, HardState: hard(1, 1, 0)}
	must(t, j.Append(b))
	index := uint64(1)
	allocs := testing.AllocsPerRun(1000, func() {
		index++
		entries[0].Index = &index
		if err := j.Append(b); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 2 {
		t.Errorf("%v allocations an append", allocs)
	}
}

// TestLargeBatches: more than one part, and entries larger than a part, in segments
// of the default size.
func TestLargeBatches(t *testing.T) {
	r := newRig(simdisk.New(newRand(1), 0), 1)
	r.opts.SegmentSize = journal.DefaultSegmentSize
	_, err := r.open()
	must(t, err)
	index := uint64(0)
	next := func(size int) *raftpb.Entry {
		index++
		return entry(index, 1, strings.Repeat("x", size))
	}
	for range 3 {
		before := r.disk.Stats().Syncs
		must(t, r.append(&journal.Batch{HardState: hard(1, 1, 0), Entries: []*raftpb.Entry{
			next(400_000), next(400_000), next(400_000), next(3 << 20), next(10), next(1 << 20), next(100_000),
		}}))
		if syncs := r.disk.Stats().Syncs - before; syncs < 5 {
			t.Errorf("%d syncs", syncs)
		}
	}
	must(t, r.append(&journal.Batch{Entries: []*raftpb.Entry{next(15 << 20)}}))
	if err := r.j.Append(&journal.Batch{Entries: []*raftpb.Entry{next(16 << 20)}}); !errors.Is(err, journal.ErrTooLarge) {
		t.Errorf("an entry of a whole segment: %v", err)
	}
	must(t, r.j.Close())
	must(t, r.reopen())
}

// discard is a disk whose files forget what is written, so that only the journal
// allocates.
type discard struct{ journal.FS }

func (d discard) Create(name string, size int64) (journal.File, error) {
	f, err := d.FS.Create(name, 0)
	return discardFile{f}, err
}

type discardFile struct{ journal.File }

func (discardFile) WriteAt(b []byte, _ int64) (int, error) { return len(b), nil }
func (discardFile) Sync() error                            { return nil }
