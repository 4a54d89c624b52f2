package desk

import (
	"maps"
	"testing"

	"pgregory.net/rapid"

	"github.com/evenkeel/evenkeel"
)

// TestLookup compares with a map of Go while entries come and go in crowds.
func TestLookup(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, m := newLookup[int, int](), map[int]int{}
		for range rapid.IntRange(1, 6).Draw(t, "times") {
			from, n := rapid.IntRange(0, 3000).Draw(t, "from"), rapid.IntRange(0, 3000).Draw(t, "n")
			remove := rapid.Bool().Draw(t, "remove")
			for k := from; k < from+n; k++ {
				if remove {
					l.remove(k)
					delete(m, k)
				} else {
					l.set(k, n)
					m[k] = n
				}
			}
			if !maps.Equal(l.m, m) {
				t.Fatal("it holds something else than a map")
			}
			if l.most >= shrinkFrom && len(m) <= l.most/shrinkTo && remove && n > 0 {
				t.Fatalf("room for %d is kept for %d entries", l.most, len(m))
			}
		}
	})
}

// TestNothingStays: when chats have left and their customers are forgotten, the
// state is as large as it was before, and so is the room that it takes in memory.
func TestNothingStays(t *testing.T) {
	f := newFixture(t)
	f.must(evenkeel.System(), &evenkeel.NodeUp{Node: "n1", Boot: "b"})
	limits := evenkeel.DefaultLimits()
	limits.FollowUp = 100000
	f.must(evenkeel.System(), &evenkeel.LimitsSet{Limits: limits})
	report := func() {
		f.must(evenkeel.System(), &evenkeel.ArchiveReport{Node: "n1", Copy: "k1", Cursor: f.d.cell.ArchiveSeq, State: evenkeel.CopyLive})
	}
	pass := func(span evenkeel.Duration) {
		f.time += evenkeel.DeskTime(span)
		f.apply()
	}
	crowd := func(name string, n int) {
		var starts, sends, ends []*evenkeel.Command
		for i := range n {
			by := visitor(name + itoa(i))
			starts = append(starts, &evenkeel.Command{By: by, ID: "start", Body: &evenkeel.ChatStart{Message: "hello"}})
		}
		for i, r := range f.apply(starts...).Results {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
			by := visitor(name + itoa(i))
			sends = append(sends, &evenkeel.Command{By: by, ID: "send", Body: &evenkeel.ChatSend{Chat: r.Chat.ID, Text: "again"}})
			ends = append(ends, &evenkeel.Command{By: by, ID: "end", Body: &evenkeel.ChatClose{Chat: r.Chat.ID}})
		}
		f.apply(sends...)
		f.apply(ends...)
		report()
	}
	q := evenkeel.NewQueue("general")
	q.MaxLength = 10000
	f.must(agent("admin"), &evenkeel.QueuePut{Queue: q})
	report()
	crowd("first", 3)
	pass(2 * 24 * evenkeel.Hour)
	before := f.d.cell.Bytes
	for _, name := range []string{"a", "b", "c"} {
		crowd(name, 1000)
	}
	if n := f.d.chats.len(); n != 3000 {
		t.Fatalf("%d chats are in the desk", n)
	}
	pass(limits.Linger)
	if f.d.chats.len() != 0 || f.d.chunks.len() != 0 {
		t.Errorf("when all chats have left, %d are there, and %d chunks of histories", f.d.chats.len(), f.d.chunks.len())
	}
	if f.d.customers.len() != 3000 {
		t.Errorf("%d customers are remembered, to reopen what they had", f.d.customers.len())
	}
	pass(2 * 24 * evenkeel.Hour)
	// A tally of the quarter of an hour is new, with the waits that were counted.
	for _, row := range f.d.tallies.list[1:] {
		before += tallySize(row)
	}
	if f.d.customers.len() != 0 || f.d.cell.Bytes != before {
		t.Errorf("in the end %d customers are remembered and %d bytes are counted, %d before", f.d.customers.len(), f.d.cell.Bytes, before)
	}
	for name, most := range map[string]int{
		"chats": f.d.chats.byID.most, "channels": f.d.channels.byID.most, "chunks": f.d.chunks.byID.most, "customers": f.d.customers.byID.most,
		"keys": f.d.keys.byID.most, "timers": f.d.timers.byID.most, "operations": f.d.ops.byID.most, "callers": f.d.callers.most,
		"the list of chats": cap(f.d.chats.list), "the list of keys": cap(f.d.keys.list), "deadlines": cap(f.d.steady),
		"the queue of keys": cap(f.d.keyQueue.list), "the queue of operations": cap(f.d.opQueue.list), "the queue of lingering chats": cap(f.d.lingered.list),
	} {
		if most >= shrinkFrom {
			t.Errorf("%s: room for %d is kept", name, most)
		}
	}
	f.replay()
}
