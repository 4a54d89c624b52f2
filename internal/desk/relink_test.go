package desk

import (
	"bytes"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// restored returns the desk as a replica has it that begins with its snapshot.
func restored(t testing.TB, d *Desk) *Desk {
	t.Helper()
	snap, _, err := d.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	r, err := Restore(bytes.NewReader(snap))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// sameDeadline checks that two replicas want their next tick at the same time.
func sameDeadline(t testing.TB, got, want *Desk) {
	t.Helper()
	a, has := got.NextDeadline()
	if b, had := want.NextDeadline(); a != b || has != had {
		t.Fatalf("at %d: the next deadline of a restored desk is %d (%t) instead of %d (%t)", want.Now(), a, has, b, had)
	}
}

// TestNextDeadlineOfARestoredDesk: what waits for its time, and what is left
// over, is known to a desk that was restored.
func TestNextDeadlineOfARestoredDesk(t *testing.T) {
	f := newFixture(t)
	same := func() (at evenkeel.DeskTime) {
		t.Helper()
		sameDeadline(t, restored(t, f.d), f.d)
		at, _ = f.d.NextDeadline()
		return at
	}
	inc := f.must(evenkeel.System(), &evenkeel.NodeUp{Node: "n", Boot: "b"}).Incarnation
	f.must(evenkeel.System(), &evenkeel.SessionOpen{Session: evenkeel.SessionID{Incarnation: inc, Number: 1}, Principal: agent("admin")})
	f.must(agent("admin"), &evenkeel.SetAgentStatus{Status: evenkeel.StatusOnline})
	f.must(visitor("v"), &evenkeel.ChatStart{})
	same()
	f.must(agent("admin"), &evenkeel.ChatDecline{Chat: "c1"})
	if at := same(); at != f.time+evenkeel.DeskTime(evenkeel.DefaultLimits().ReOffer) {
		t.Fatalf("the sole agent is asked again at %d", at)
	}
	f.time += evenkeel.DeskTime(evenkeel.DefaultLimits().ReOffer)
	f.apply()
	same()
	// More work than fits into one entry: the next one is due at once.
	l := evenkeel.DefaultLimits()
	l.FollowUp = 1
	f.must(evenkeel.System(), &evenkeel.LimitsSet{Limits: l})
	for i := range 5 {
		f.must(evenkeel.System(), &evenkeel.SessionOpen{Session: evenkeel.SessionID{Incarnation: inc, Number: uint64(10 + i)}, Principal: visitor("w" + itoa(i))})
	}
	f.must(evenkeel.System(), &evenkeel.NodeLost{Node: "n", Incarnation: inc})
	for more := true; more; more = f.apply().More {
		if at := same(); at != f.d.Now() {
			t.Fatalf("at %d work is left and the next tick is wanted at %d", f.d.Now(), at)
		}
	}
	same()
}

// TestOneOutageToldTwice: two leaders that tell of the same outage extend
// presence and offers once.
func TestOneOutageToldTwice(t *testing.T) {
	f := newFixture(t)
	f.time += 10_000
	f.outage = 10_000
	f.apply()
	f.time += 2_000
	f.outage = 12_000
	f.apply()
	if got := f.d.cell.Shift; got != 12_000 {
		t.Fatalf("presence is extended by %s", got)
	}
	f.outage = 1 << 62
	f.apply()
	if got := f.d.cell.Shift; got != 12_000 {
		t.Fatalf("presence is extended by %s", got)
	}
	if _, _, err := ParseEntry(AppendEntry(nil, EntryHeader{Time: lastTime + 1}, nil)); err == nil {
		t.Fatal("an entry of a time behind which deadlines overflow")
	}
}

// TestLimitsThatCannotBe: a cell is neither formed with limits that would stop
// it, nor given them.
func TestLimitsThatCannotBe(t *testing.T) {
	for name, spoil := range map[string]func(*evenkeel.Limits){
		"all zero": func(l *evenkeel.Limits) { *l = evenkeel.Limits{} }, "no logins": func(l *evenkeel.Limits) { l.Tokens = 0 },
		"no work": func(l *evenkeel.Limits) { l.FollowUp = 0 }, "endless": func(l *evenkeel.Limits) { l.KeyLife = 1 << 62 },
		"negative": func(l *evenkeel.Limits) { l.Linger = -1 }, "fewer than none": func(l *evenkeel.Limits) { l.Canned = -1 },
		"more than all": func(l *evenkeel.Limits) { l.MaxState = maxLimit + 1 }, "a step without end": func(l *evenkeel.Limits) { l.FollowUp = maxFollowUp + 1 },
	} {
		l := evenkeel.DefaultLimits()
		spoil(&l)
		if r := newFixture(t).do(evenkeel.System(), &evenkeel.LimitsSet{Limits: l}); r.Err == nil {
			t.Errorf("%s: set", name)
		}
		f := &fixture{t: t, d: New(), time: 1}
		r := f.do(evenkeel.System(), &evenkeel.CellForm{CellID: "c", Generation: "g", Limits: l, Password: "x",
			Admin: evenkeel.Agent{ID: "admin", Role: evenkeel.RoleAdmin}})
		if r.Err == nil || f.d.Formed() {
			t.Errorf("%s: a cell is formed", name)
		}
	}
}

// TestLowerLimitOfClosedChats: a lower limit is reached as chats go on closing.
func TestLowerLimitOfClosedChats(t *testing.T) {
	f := newFixture(t)
	l := evenkeel.DefaultLimits()
	l.Linger = 0
	f.must(evenkeel.System(), &evenkeel.LimitsSet{Limits: l})
	end := func(n int) {
		for range n {
			f.must(visitor("v"), &evenkeel.ChatStart{})
			f.must(visitor("v"), &evenkeel.ChatClose{Chat: "c" + base36(f.d.cell.ChatSeq)})
		}
	}
	end(20)
	l.ClosedChats = 3
	f.must(evenkeel.System(), &evenkeel.LimitsSet{Limits: l})
	end(20)
	if n := f.d.chats.len(); n != 3 {
		t.Fatalf("%d closed chats are kept instead of 3", n)
	}
}
