package desk

import (
	"bytes"
	"flag"
	"fmt"
	"testing"

	"github.com/evenkeel/evenkeel"
)

var seeds = flag.Uint64("desk.seeds", 40, "how many random histories the property tests try")

// stateOf is the hash of everything but what every entry changes.
func stateOf(t testing.TB, d *Desk) uint64 {
	cell := d.cell
	d.cell.Index, d.cell.Now, d.cell.Hash = 0, 0, 0
	// A refused command of a session uses its number up.
	last := make([]uint64, len(d.sessions.list))
	for i, s := range d.sessions.list {
		last[i], s.Last = s.Last, 0
	}
	_, sum, err := d.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range d.sessions.list {
		s.Last = last[i]
	}
	d.cell = cell
	return sum
}

// TestRandomHistories keeps the laws over random histories: the invariants
// hold after every entry, a refusal leaves no trace, nobody waits for a free
// agent, and a replica restored from a snapshot taken on the way, in slices,
// goes on to the same hash.
func TestRandomHistories(t *testing.T) {
	for seed := range *seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { randomHistory(t, seed) })
	}
}

func randomHistory(t *testing.T, seed uint64) {
	w := newCrowd(t, seed)
	f := w.f
	var (
		frozen   *Frozen
		snap     []byte
		want     uint64
		replica  *Desk
		more     bool
		accepted int
		fed      int
	)
	feed := func() {
		for ; replica != nil && fed < len(f.log); fed++ {
			if _, err := replica.Apply(uint64(fed+1), f.log[fed], nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	for step := range 600 {
		if w.r.IntN(3) == 0 && !more {
			f.time += evenkeel.DeskTime(w.r.IntN(8000))
		}
		if w.r.IntN(150) == 0 {
			w.nodeUp()
		}
		if w.r.IntN(100) == 0 && !more {
			f.outage = evenkeel.Duration(w.r.IntN(60_000))
			f.time += evenkeel.DeskTime(f.outage) / 4 * evenkeel.DeskTime(w.r.IntN(6))
		}
		var commands []*evenkeel.Command
		for range w.r.IntN(3) {
			commands = append(commands, w.command())
		}
		before := uint64(0)
		if len(commands) == 1 && frozen == nil {
			more = f.apply().More // what the time and the last entry left to do
			for more {
				more = f.apply().More
			}
			feed()
			before = stateOf(t, f.d)
		}
		out := f.apply(commands...)
		more = out.More
		for _, r := range out.Results {
			if r.Err == nil {
				accepted++
			}
		}
		if err := invariants(f.d); err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
		if !more {
			if err := unmatched(f.d); err != nil {
				t.Fatalf("step %d: %v", step, err)
			}
		}
		if before != 0 && out.Results[0].Err != nil && stateOf(t, f.d) != before {
			t.Fatalf("step %d: the refusal of %s left a trace: %v", step, commands[0].Body.Kind(), out.Results[0].Err)
		}
		if feed(); replica != nil && replica.Hash() != f.d.Hash() {
			t.Fatalf("step %d: the restored replica has another hash", step)
		}
		if replica != nil {
			sameDeadline(t, replica, f.d)
		}
		switch {
		case frozen == nil && replica == nil && w.r.IntN(100) == 0:
			_, want, _ = f.d.Snapshot()
			frozen, snap = f.d.Freeze(), nil
			f.froze = len(f.log)
		case frozen != nil:
			part, done, err := frozen.Slice(1 + w.r.IntN(2000))
			if err != nil {
				t.Fatal(err)
			}
			snap = append(snap, part...)
			if done {
				if frozen.Hash() != want {
					t.Fatalf("step %d: the snapshot taken in slices is not the one at its index", step)
				}
				if replica, err = Restore(bytes.NewReader(snap)); err != nil {
					t.Fatal(err)
				}
				fed = f.froze
				if feed(); replica.Hash() != f.d.Hash() {
					t.Fatalf("step %d: the replica restored from slices has another hash", step)
				}
				sameDeadline(t, replica, f.d)
				frozen = nil
			}
		}
	}
	if accepted < 100 {
		t.Fatalf("only %d commands were accepted: the crowd is not random but lost", accepted)
	}
	if err := invariants(f.d); err != nil {
		t.Fatal(err)
	}
	f.replay()
}
