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

const firstLog = "log-0000000000000001"

// The head of a segment: where its first payload begins, and where the ring has
// the descriptors of batches 1 to 3. DESIGN.md draws it.
const payloads = 8192

var slots = map[uint64]int64{1: 4096 + 512, 2: 1024, 3: 4096 + 1024, 4: 1536}

// threeBatches leaves a journal of three batches: a vote with the node's record,
// two entries, and another vote with three sectors of entries.
func threeBatches(t testing.TB) image {
	t.Helper()
	r := newRig(simdisk.New(newRand(1), 0), 1)
	_, err := r.open()
	must(t, err)
	must(t, r.append(&journal.Batch{Meta: []byte("node 1"), HardState: hard(1, 1, 0)}))
	must(t, r.append(&journal.Batch{Entries: []*raftpb.Entry{entry(1, 1, "one"), entry(2, 1, "two")}}))
	must(t, r.append(&journal.Batch{
		HardState: hard(7, 2, 4),
		Entries:   []*raftpb.Entry{entry(3, 7, strings.Repeat("three", 250)), entry(4, 7, "four")},
	}))
	must(t, r.j.Close())
	return imageOf(r.disk)
}

// third is where the third payload lies: it has three sectors.
const third = payloads + 2*512

func TestTailThatIsNotWhole(t *testing.T) {
	img := threeBatches(t)
	const sector = 512
	cases := []struct {
		name   string
		hurt   func(*simdisk.Disk)
		last   uint64
		doubt  bool
		torn   bool
		damage bool
	}{
		{"nothing is wrong", func(*simdisk.Disk) {}, 4, false, false, false},
		{"the descriptor never came", func(d *simdisk.Disk) { d.Blank(firstLog, slots[3], slots[3]+sector) }, 4, false, false, false},
		{"the descriptor rotted", func(d *simdisk.Disk) { d.FlipBit(firstLog, slots[3]+20, 3) }, 4, false, false, false},
		{"no payload ever came", func(d *simdisk.Disk) { d.Blank(firstLog, third, third+3*sector) }, 2, true, true, false},
		{"its first sector never came", func(d *simdisk.Disk) { d.Blank(firstLog, third, third+sector) }, 2, true, true, false},
		{"its middle never came", func(d *simdisk.Disk) { d.Blank(firstLog, third+sector, third+2*sector) }, 2, true, true, false},
		{"its last sector never came", func(d *simdisk.Disk) { d.Blank(firstLog, third+2*sector, third+3*sector) }, 2, true, true, false},
		{"its info rotted", func(d *simdisk.Disk) { d.FlipBit(firstLog, third+30, 0) }, 2, true, false, false},
		{"its body rotted", func(d *simdisk.Disk) { d.FlipBit(firstLog, third+700, 7) }, 2, true, false, false},
		{"neither came", func(d *simdisk.Disk) {
			d.Blank(firstLog, slots[3], slots[3]+sector)
			d.Blank(firstLog, third, third+3*sector)
		}, 2, false, false, false},
		{"neither came whole", func(d *simdisk.Disk) {
			d.Blank(firstLog, slots[3], slots[3]+sector)
			d.Blank(firstLog, third+sector, third+2*sector)
		}, 2, false, false, false},
		{"an earlier payload rotted", func(d *simdisk.Disk) { d.FlipBit(firstLog, payloads+sector+100, 1) }, 0, false, false, true},
		{"the first payload rotted", func(d *simdisk.Disk) { d.FlipBit(firstLog, payloads+100, 1) }, 0, false, false, true},
		{"an earlier payload and its descriptor are gone", func(d *simdisk.Disk) {
			d.Blank(firstLog, payloads+sector, payloads+2*sector)
			d.Blank(firstLog, slots[2], slots[2]+sector)
		}, 0, false, false, true},
		{"all payloads are gone", func(d *simdisk.Disk) { d.Blank(firstLog, payloads, third+3*sector) }, 0, false, false, true},
		{"all descriptors are gone", func(d *simdisk.Disk) {
			for _, at := range slots {
				d.Blank(firstLog, at, at+sector)
			}
		}, 4, false, false, false},
		{"all descriptors are gone, and an earlier payload", func(d *simdisk.Disk) {
			for _, at := range slots {
				d.Blank(firstLog, at, at+sector)
			}
			d.Blank(firstLog, payloads, payloads+sector)
		}, 0, false, false, true},
		{"a copy of the header rotted", func(d *simdisk.Disk) { d.FlipBit(firstLog, 9, 1) }, 4, false, false, false},
		{"both copies of the header rotted", func(d *simdisk.Disk) {
			d.FlipBit(firstLog, 9, 1)
			d.FlipBit(firstLog, 4096+9, 1)
		}, 0, false, false, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := img.disk()
			c.hurt(d)
			hurt := imageOf(d)
			j, rec, err := journal.Open(d, small(9))
			if damage := (*journal.DamageError)(nil); c.damage {
				if !errors.As(err, &damage) || !hurt.equal(imageOf(d)) {
					t.Fatalf("got %v, want damage and an untouched disk", err)
				}
				return
			}
			must(t, err)
			if got := uint64(len(rec.Entries)); got != c.last {
				t.Errorf("%d entries, want %d", got, c.last)
			}
			if commit := rec.HardState.GetCommit(); commit > c.last {
				t.Errorf("commit %d is beyond the last entry", commit)
			}
			if (rec.Doubt != nil) != c.doubt {
				t.Fatalf("doubt: %+v", rec.Doubt)
			}
			if d := rec.Doubt; d != nil {
				want := journal.Doubt{File: firstLog, Offset: third, Batch: 3, First: 3, Last: 4, LastTerm: 7, Torn: c.torn}
				if *d != want {
					t.Errorf("doubt %+v, want %+v", *d, want)
				}
				must(t, j.ResolveDoubt(journal.Cut))
			}
			if term := rec.HardState.GetTerm(); (c.last == 4 || c.doubt) && term != 7 {
				t.Errorf("term %d: the vote is lost", term)
			}
			goOnFrom(t, d, j, rec)
		})
	}
}

// goOnFrom appends to a recovered journal and opens it twice more.
func goOnFrom(t *testing.T, d *simdisk.Disk, j *journal.Journal, rec *journal.Recovered) {
	t.Helper()
	last := uint64(len(rec.Entries))
	must(t, j.Append(&journal.Batch{HardState: hard(8, 1, last), Entries: []*raftpb.Entry{entry(last+1, 8, "on")}}))
	must(t, j.Close())
	for range 2 {
		d.Crash(simdisk.None)
		j, rec, err := journal.Open(d, small(10))
		must(t, err)
		if rec.Doubt != nil || uint64(len(rec.Entries)) != last+1 || rec.HardState.GetTerm() != 8 || string(rec.Meta) != "node 1" {
			t.Fatalf("afterwards: %d entries, term %d, meta %q, doubt %+v", len(rec.Entries), rec.HardState.GetTerm(), rec.Meta, rec.Doubt)
		}
		must(t, j.Close())
	}
}

// TestVoteInDoubtIsNone: a batch of nothing but a hard state is described whole
// by either copy.
func TestVoteInDoubtIsNone(t *testing.T) {
	r := newRig(threeBatches(t).disk(), 1)
	_, err := r.open()
	must(t, err)
	must(t, r.j.Append(&journal.Batch{HardState: hard(9, 3, 0)}))
	must(t, r.j.Close())
	at := int64(third + 3*512)
	for name, hurt := range map[string]func(d *simdisk.Disk){
		"payload gone":    func(d *simdisk.Disk) { d.Blank(firstLog, at, at+512) },
		"descriptor gone": func(d *simdisk.Disk) { d.Blank(firstLog, slots[4], slots[4]+512) },
	} {
		t.Run(name, func(t *testing.T) {
			d := imageOf(r.disk).disk()
			hurt(d)
			for range 2 {
				j, rec, err := journal.Open(d, small(3))
				must(t, err)
				if rec.Doubt != nil || rec.HardState.GetTerm() != 9 || rec.HardState.GetVote() != 3 {
					t.Fatalf("hard state %v, doubt %+v", rec.HardState, rec.Doubt)
				}
				must(t, j.Close())
				d.Crash(simdisk.None)
			}
			if !imageOf(d).equal(imageOf(r.disk)) {
				t.Error("the other copy was not made anew")
			}
		})
	}
}

// TestCarriedDoubt: a doubt may outlive restarts, other batches and the segment
// that it was in, and it stays known whether the write was torn.
func TestCarriedDoubt(t *testing.T) {
	cases := []struct {
		name string
		hurt func(*simdisk.Disk)
		torn bool
	}{
		{"its body rotted", func(d *simdisk.Disk) { d.FlipBit(firstLog, third+700, 7) }, false},
		{"its middle never came", func(d *simdisk.Disk) { d.Blank(firstLog, third+512, third+1024) }, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := threeBatches(t).disk()
			c.hurt(d)
			j, _, err := journal.Open(d, small(1))
			must(t, err)
			must(t, j.ResolveDoubt(journal.Carry))
			want := journal.Doubt{Batch: 3, First: 3, Last: 4, LastTerm: 7, Torn: c.torn, Carried: true}
			j = reopenInDoubt(t, d, j, want, 2)
			must(t, j.Append(&journal.Batch{HardState: hard(9, 3, 0)}))
			for i := uint64(3); i < 40; i++ {
				must(t, j.Append(&journal.Batch{Entries: []*raftpb.Entry{entry(i, 9, strings.Repeat("x", 900))}}))
			}
			for range 2 {
				j = reopenInDoubt(t, d, j, want, 39)
			}
			must(t, j.ResolveDoubt(journal.Cut))
			must(t, j.ResolveDoubt(journal.Cut))
			must(t, j.Close())
			_, rec, err := journal.Open(d, small(1))
			must(t, err)
			if rec.Doubt != nil {
				t.Fatalf("still in doubt: %+v", rec.Doubt)
			}
		})
	}
}

// reopenInDoubt restarts a journal that carries a doubt.
func reopenInDoubt(t *testing.T, d *simdisk.Disk, j *journal.Journal, want journal.Doubt, entries int) *journal.Journal {
	t.Helper()
	must(t, j.Close())
	j, rec, err := journal.Open(d, small(1))
	must(t, err)
	if rec.Doubt == nil || *rec.Doubt != want {
		t.Fatalf("the doubt is now %+v, want %+v", rec.Doubt, want)
	}
	if len(rec.Entries) != entries || rec.HardState.GetTerm() < 7 {
		t.Fatalf("%d entries, want %d; %v", len(rec.Entries), entries, rec.HardState)
	}
	return j
}

// TestCrashWhileResolving stops the machine at every operation of ResolveDoubt: the
// doubt stays or is resolved, and the vote in its descriptor is never lost.
func TestCrashWhileResolving(t *testing.T) {
	img := threeBatches(t)
	for _, how := range []journal.Resolution{journal.Cut, journal.Carry} {
		var open, resolved int
		for at := 1; at < 200; at++ {
			for seed := range uint64(8) {
				d := simdisk.New(newRand(seed), 0)
				for name, b := range img {
					d.Put(name, b)
				}
				d.FlipBit(firstLog, third+700, 7)
				crashed, rec, err := resolve(d, at, how)
				if err != nil {
					t.Fatalf("operation %d, seed %d: %v", at, seed, err)
				}
				switch {
				case rec.Doubt != nil && !rec.Doubt.Carried:
					open++
				default:
					resolved++
				}
				if rec.HardState.GetTerm() != 7 || rec.HardState.GetVote() != 2 || len(rec.Entries) != 2 {
					t.Fatalf("operation %d, seed %d: %v and %d entries", at, seed, rec.HardState, len(rec.Entries))
				}
				if !crashed {
					at = 200
				}
			}
		}
		if open == 0 || resolved == 0 {
			t.Fatalf("%d stayed open, %d were resolved", open, resolved)
		}
	}
}

func resolve(d *simdisk.Disk, at int, how journal.Resolution) (crashed bool, rec *journal.Recovered, err error) {
	d.CrashAt(at)
	j, _, err := journal.Open(d, small(1))
	if err == nil {
		err = j.ResolveDoubt(how)
	}
	if err != nil && !errors.Is(err, simdisk.ErrCrashed) {
		return false, nil, err
	}
	crashed = d.Crashed()
	d.Crash(simdisk.Any)
	_, rec, err = journal.Open(d, small(2))
	if err != nil {
		return crashed, nil, fmt.Errorf("reopen: %w", err)
	}
	return crashed, rec, nil
}

// TestDoubtBehindASnapshot: the batch in doubt is in a snapshot, so nothing is lost, and
// the log goes on behind the snapshot.
func TestDoubtBehindASnapshot(t *testing.T) {
	d := threeBatches(t).disk()
	r := newRig(d, 1)
	_, err := r.open()
	must(t, err)
	must(t, r.receive(4, 7, "state"))
	must(t, r.j.Close())
	d.FlipBit(firstLog, third+700, 7)
	j, rec, err := journal.Open(d, small(1))
	must(t, err)
	if rec.Doubt == nil || rec.Doubt.Last > rec.Snapshot.Index || rec.HardState.GetCommit() != 4 || len(rec.Entries) != 0 {
		t.Fatalf("%+v", rec)
	}
	must(t, j.ResolveDoubt(journal.Cut))
	must(t, j.Append(&journal.Batch{Entries: []*raftpb.Entry{entry(5, 7, "five")}}))
	must(t, j.Close())
	d.Crash(simdisk.None)
	_, rec, err = journal.Open(d, small(1))
	must(t, err)
	if rec.Doubt != nil || rec.Snapshot.Index != 4 || len(rec.Entries) != 1 || rec.Entries[0].GetIndex() != 5 {
		t.Fatalf("%+v", rec)
	}
}

// TestTwoDoubts: a doubt that is carried is widened by another. Together they were torn
// if both were: either may have been acknowledged otherwise.
func TestTwoDoubts(t *testing.T) {
	rot := func(d *simdisk.Disk, at int64) { d.FlipBit(firstLog, at+200, 7) }
	tear := func(d *simdisk.Disk, at int64) { d.Blank(firstLog, at+512, at+1024) }
	cases := []struct {
		name          string
		first, second func(d *simdisk.Disk, at int64)
		torn          bool
	}{
		{"both rotted", rot, rot, false},
		{"the first was torn", tear, rot, false},
		{"the second was torn", rot, tear, false},
		{"both were torn", tear, tear, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := threeBatches(t).disk()
			c.first(d, third)
			j, rec, err := journal.Open(d, small(1))
			must(t, err)
			if rec.Doubt == nil || rec.Doubt.Carried {
				t.Fatalf("the first doubt: %+v", rec.Doubt)
			}
			must(t, j.ResolveDoubt(journal.Carry))
			must(t, j.Append(&journal.Batch{Entries: []*raftpb.Entry{entry(3, 8, strings.Repeat("x", 3000))}}))
			must(t, j.Close())
			c.second(d, third+512)
			j, rec, err = journal.Open(d, small(1))
			must(t, err)
			if rec.Doubt == nil || rec.Doubt.Carried {
				t.Fatalf("the second doubt: %+v", rec.Doubt)
			}
			must(t, j.ResolveDoubt(journal.Carry))
			must(t, j.Close())
			_, rec, err = journal.Open(d, small(1))
			must(t, err)
			if d := rec.Doubt; d == nil || !d.Carried || d.First != 3 || d.Last != 4 || d.LastTerm != 8 || d.Torn != c.torn {
				t.Fatalf("%+v, want it torn: %t", d, c.torn)
			}
		})
	}
}

// TestTornAfterCut: what was cut leaves no bytes that would make the next torn
// write look rotten.
func TestTornAfterCut(t *testing.T) {
	d := threeBatches(t).disk()
	d.FlipBit(firstLog, third+700, 7)
	j, _, err := journal.Open(d, small(1))
	must(t, err)
	must(t, j.ResolveDoubt(journal.Cut))
	before := imageOf(d)
	must(t, j.Append(&journal.Batch{Entries: []*raftpb.Entry{entry(3, 8, strings.Repeat("other", 140))}}))
	must(t, j.Close())
	// Of this write only the descriptor and the first sector came to the disk.
	after := imageOf(d)[firstLog]
	torn := before[firstLog]
	copy(torn[slots[4]:slots[4]+512], after[slots[4]:])
	copy(torn[third+512:third+1024], after[third+512:])
	_, rec, err := journal.Open(before.disk(), small(1))
	must(t, err)
	if rec.Doubt == nil || rec.Doubt.Batch != 4 || !rec.Doubt.Torn {
		t.Fatalf("%+v", rec.Doubt)
	}
}

// TestTornFormation: the very first batch was torn. It said nothing that anyone was
// promised, so the journal is as new.
func TestTornFormation(t *testing.T) {
	d := simdisk.New(newRand(1), 0)
	j, rec, err := journal.Open(d, small(1))
	must(t, err)
	if !rec.Fresh {
		t.Fatal("not fresh")
	}
	must(t, j.Append(&journal.Batch{Meta: []byte(strings.Repeat("node 1", 200)), ConfState: conf(1)}))
	must(t, j.Close())
	rotten := imageOf(d).disk()
	d.Blank(firstLog, payloads+512, payloads+1024)
	for range 2 {
		j, rec, err = journal.Open(d, small(1))
		must(t, err)
		if !rec.Fresh || rec.Doubt != nil || rec.Meta != nil {
			t.Fatalf("%+v", rec)
		}
		must(t, j.Close())
		d.Crash(simdisk.None)
	}
	rotten.FlipBit(firstLog, payloads+600, 2)
	_, rec, err = journal.Open(rotten, small(1))
	must(t, err)
	if rec.Fresh || rec.Doubt == nil || rec.Doubt.Torn {
		t.Fatalf("%+v", rec)
	}
}

// TestDoubtDoesNotCommitWhatItReplaced: the batch in doubt had other entries in the place
// of those that the log has without it, and said that they were committed.
func TestDoubtDoesNotCommitWhatItReplaced(t *testing.T) {
	r := newRig(simdisk.New(newRand(1), 0), 1)
	_, err := r.open()
	must(t, err)
	must(t, r.append(&journal.Batch{Meta: []byte("node 1"), HardState: hard(2, 0, 0), Entries: []*raftpb.Entry{entry(1, 1, "one"), entry(2, 2, "two"), entry(3, 2, "three")}}))
	must(t, r.append(&journal.Batch{HardState: hard(3, 1, 3), Entries: []*raftpb.Entry{entry(2, 3, "other"), entry(3, 3, "other")}}))
	must(t, r.j.Close())
	r.disk.FlipBit(firstLog, payloads+512+infoAndMore, 1)
	j, rec, err := journal.Open(r.disk, small(9))
	must(t, err)
	if rec.Doubt == nil || rec.Doubt.First != 2 || rec.Doubt.Last != 3 || rec.Doubt.LastTerm != 3 {
		t.Fatalf("doubt: %+v", rec.Doubt)
	}
	if got := rec.HardState; got.GetCommit() != 1 || got.GetTerm() != 3 || got.GetVote() != 1 {
		t.Errorf("the hard state is %v, want the vote of the batch, and nothing committed that it replaced", got)
	}
	must(t, j.Close())
}

const infoAndMore = 100 // bytes: behind the description that stands before a body
