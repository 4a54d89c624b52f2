package journal_test

import (
	"errors"
	"strings"
	"testing"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/evenkeel/evenkeel/internal/journal"
	"github.com/evenkeel/evenkeel/internal/sim/simdisk"
)

// TestFullAtEverySize plays the script on disks of all sizes. What is refused
// leaves no trace, a vote can always be written, and nothing is poisoned.
func TestFullAtEverySize(t *testing.T) {
	r := newRig(simdisk.New(newRand(1), 0), 1)
	must(t, r.live())
	full := r.disk.Used() + 3*journal.MinSegmentSize
	step := int64(509)
	if testing.Short() {
		step = 4999
	}
	var refused, noSpace int
	for size := int64(0); size < full; size += step {
		r := newRig(simdisk.New(newRand(1), size), 1)
		if _, err := r.open(); err != nil {
			if !errors.Is(err, journal.ErrNoSpace) || size >= journal.MinSegmentSize {
				t.Fatalf("%d bytes: open: %v", size, err)
			}
			continue
		}
		for i, step := range r.steps() {
			before := r.acked
			err := step()
			switch {
			case errors.Is(err, journal.ErrFull):
				refused++
				r.acked, r.maybe = before, nil
			case errors.Is(err, journal.ErrNoSpace):
				noSpace++ // a snapshot
				r.acked, r.maybe = before, nil
			case err != nil && !skipped(err):
				t.Fatalf("%d bytes, step %d: %v", size, i, err)
			}
			if err := r.j.Err(); err != nil {
				t.Fatalf("%d bytes, step %d: poisoned: %v", size, i, err)
			}
			if res := r.j.Reserve(); errors.Is(err, journal.ErrFull) && !res.Full {
				t.Fatalf("%d bytes, step %d: refused, but the reserve is %+v", size, i, res)
			}
		}
		must(t, r.append(&journal.Batch{HardState: hard(50, 2, 0)}))
		r.disk.Crash(simdisk.None)
		must(t, r.reopen())
		r.disk.SetCapacity(0)
		must(t, r.j.Tend())
		if res := r.j.Reserve(); res.Full || res.Segments < 2 {
			t.Fatalf("%d bytes: with room again the reserve is %+v", size, res)
		}
		must(t, r.goOn())
		r.disk.Crash(simdisk.None)
		must(t, r.reopen())
	}
	t.Logf("%d appends and %d snapshots were refused", refused, noSpace)
	if refused == 0 || noSpace == 0 {
		t.Fatal("not everything that can happen did")
	}
}

// skipped: a step of the script that makes no sense because an earlier one was
// refused.
func skipped(err error) bool {
	return errors.Is(err, journal.ErrGap) || errors.Is(err, journal.ErrNoSnapshot) || strings.Contains(err.Error(), "no entry")
}

// TestReserve: entries stop while two whole segments are left for votes.
func TestReserve(t *testing.T) {
	d := simdisk.New(newRand(1), 4*journal.MinSegmentSize)
	j, _, err := journal.Open(d, small(1))
	must(t, err)
	big := strings.Repeat("x", 3000)
	var last uint64
	for {
		err = j.Append(&journal.Batch{Entries: []*raftpb.Entry{entry(last+1, 1, big)}})
		if err != nil {
			break
		}
		last++
	}
	if !errors.Is(err, journal.ErrFull) || !errors.Is(err, journal.ErrNoSpace) {
		t.Fatalf("refused with %v", err)
	}
	if res := j.Reserve(); res.Segments != 2 || !res.Full {
		t.Fatalf("reserve %+v", res)
	}
	if err := j.Tend(); !errors.Is(err, journal.ErrFull) {
		t.Fatalf("tend: %v", err)
	}
	var votes uint64
	for ; votes < 1000; votes++ {
		if err = j.Append(&journal.Batch{HardState: hard(2+votes, 1, 0)}); err != nil {
			break
		}
	}
	if votes < 30 || !errors.Is(err, journal.ErrFull) || j.Err() != nil {
		t.Fatalf("%d votes, then %v", votes, err)
	}
	must(t, j.Close())
	j, rec, err := journal.Open(d, small(2))
	must(t, err)
	if uint64(len(rec.Entries)) != last || rec.HardState.GetTerm() != 1+votes {
		t.Fatalf("%d entries, term %d; want %d and %d", len(rec.Entries), rec.HardState.GetTerm(), last, 1+votes)
	}
	d.SetCapacity(0)
	must(t, j.Append(&journal.Batch{Entries: []*raftpb.Entry{entry(last+1, 5000, big)}}))
}

// TestSplitBatchIsRefusedWhole: a batch of many parts finds its room before the
// first byte is written.
func TestSplitBatchIsRefusedWhole(t *testing.T) {
	d := simdisk.New(newRand(1), 6*journal.MinSegmentSize)
	j, _, err := journal.Open(d, small(1))
	must(t, err)
	var b journal.Batch
	for i := range uint64(60) {
		b.Entries = append(b.Entries, entry(i+1, 1, strings.Repeat("x", 2000)))
	}
	if err := j.Append(&b); !errors.Is(err, journal.ErrFull) {
		t.Fatalf("append: %v", err)
	}
	b.Entries = b.Entries[:7]
	must(t, j.Append(&b))
	must(t, j.Close())
	_, rec, err := journal.Open(d, small(1))
	must(t, err)
	if len(rec.Entries) != 7 {
		t.Fatalf("%d entries", len(rec.Entries))
	}
}

// TestIdleWritesNothing: neither time nor a moving commit index costs a write.
func TestIdleWritesNothing(t *testing.T) {
	d := simdisk.New(newRand(1), 0)
	j, _, err := journal.Open(d, small(1))
	must(t, err)
	must(t, j.Append(&journal.Batch{HardState: hard(1, 1, 0), Entries: []*raftpb.Entry{entry(1, 1, "x"), entry(2, 1, "y")}}))
	before := d.Stats()
	for range 100 {
		must(t, j.Append(&journal.Batch{}))
		must(t, j.Append(&journal.Batch{HardState: hard(1, 1, 2)}))
		must(t, j.Tend())
		_, err := j.Compact(1)
		must(t, err)
	}
	if after := d.Stats(); after != before {
		t.Fatalf("%+v became %+v", before, after)
	}
	must(t, j.Append(&journal.Batch{Entries: []*raftpb.Entry{entry(3, 1, "z")}}))
	must(t, j.Close())
	_, rec, err := journal.Open(d, small(1))
	must(t, err)
	if rec.HardState.GetCommit() != 2 {
		t.Fatalf("commit %d did not go with the next batch", rec.HardState.GetCommit())
	}
}
