package desk

import (
	"math"
	"testing"
	"testing/quick"

	"github.com/evenkeel/evenkeel"
)

// TestPageRows holds a page against the sorted list.
func TestPageRows(t *testing.T) {
	less := func(a, b int) bool { return a < b }
	even := func(n int) bool { return n%2 == 0 }
	whole := func(seed []int16, limit uint8) bool {
		seen := map[int]bool{}
		var list []int
		for _, n := range seed {
			if !seen[int(n)] {
				list = append(list, int(n))
			}
			seen[int(n)] = true
		}
		page := pageRows(list, int(limit%20), even, less)
		all := pageRows(list, len(list), even, less)
		for i, n := range all {
			if i > 0 && all[i-1] >= n || i < len(page) && page[i] != n {
				return false
			}
		}
		return len(page) == min(len(all), int(limit%20))
	}
	if err := quick.Check(whole, nil); err != nil {
		t.Fatal(err)
	}
	if page := pageRows([]int{2, 4}, -1, even, less); len(page) != 0 {
		t.Fatalf("%v", page)
	}
}

// TestChatsOfACustomer: his chats are found without a walk over all, live ones
// and those that are over, page by page.
func TestChatsOfACustomer(t *testing.T) {
	f, _ := staffed(t, 9, "ann")
	f.must(agent("admin"), &evenkeel.QueuePut{Queue: evenkeel.NewQueue("sales")})
	for range 3 {
		f.must(visitor("v"), &evenkeel.ChatStart{})
		f.must(visitor("w"), &evenkeel.ChatStart{})
		f.must(visitor("v"), &evenkeel.ChatClose{Chat: "c" + base36(f.d.cell.ChatSeq-1)})
		f.must(visitor("w"), &evenkeel.ChatClose{Chat: "c" + base36(f.d.cell.ChatSeq)})
	}
	f.must(visitor("v"), &evenkeel.ChatStart{Queue: "sales"})
	f.must(visitor("v"), &evenkeel.ChatStart{Queue: "general"})
	for name, d := range map[string]*Desk{"running": f.d, "restored": restored(t, f.d)} {
		var got []string
		after := ""
		for {
			page, err := d.Chats(visitor("v"), evenkeel.ChatFilter{}, after, 2)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			for _, c := range page {
				got = append(got, c.ID)
			}
			after = got[len(got)-1]
		}
		if want := []string{"c1", "c3", "c5", "c7", "c8"}; len(got) != 5 || got[0] != want[0] || got[4] != want[4] {
			t.Fatalf("%s: %v instead of %v", name, got, want)
		}
		live, err := d.Chats(agent("admin"), evenkeel.ChatFilter{Customer: "v", State: evenkeel.ChatQueued}, "", 9)
		if err != nil || len(live) != 1 || live[0].ID != "c7" {
			t.Fatalf("%s: %v %v", name, live, err)
		}
		if got, _ := d.candidates(&actor{ws: "default", customer: "v"}, evenkeel.ChatFilter{}); len(got) != 5 {
			t.Fatalf("%s: %d chats are looked at", name, len(got))
		}
	}
}

// TestTranscriptPastTheEnd: behind the last message there is nothing, however far.
func TestTranscriptPastTheEnd(t *testing.T) {
	f := newFixture(t)
	c := f.must(visitor("v"), &evenkeel.ChatStart{Message: "hi"}).Chat
	for _, after := range []uint64{1, 2, math.MaxUint64} {
		got, err := f.d.Transcript(visitor("v"), c.ID, evenkeel.MessageRange{After: after, Limit: 5}, false)
		if err != nil || len(got.Messages) != 0 {
			t.Fatalf("after %d: %v, %v", after, got.Messages, err)
		}
	}
}
