package desk

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel"
)

const (
	benchChats = 10000
	benchBatch = 100
)

// busyDesk is a desk with many active chats, each with its customer's session.
func busyDesk(b *testing.B, chats int) *fixture {
	f := newFixture(b)
	limits := evenkeel.DefaultLimits()
	limits.MaxState, limits.ChatMessages = 64<<30, 1<<40
	f.must(evenkeel.System(), &evenkeel.LimitsSet{Limits: limits})
	inc := f.must(evenkeel.System(), &evenkeel.NodeUp{Node: "n1", Boot: "b"}).Incarnation
	q := evenkeel.NewQueue("general")
	q.AutoAccept, q.MaxLength = true, maxLength
	f.must(agent("admin"), &evenkeel.QueuePut{Queue: q})
	for i := range chats / 100 {
		id := "a" + itoa(i)
		f.must(agent("admin"), &evenkeel.AgentPut{Agent: evenkeel.Agent{ID: id, Name: id, Role: evenkeel.RoleAgent, Capacity: 100,
			Queues: []evenkeel.Membership{{Queue: "general", Level: 1}}}})
		f.must(evenkeel.System(), &evenkeel.SessionOpen{Session: evenkeel.SessionID{Incarnation: inc, Number: uint64(1 + i)}, Principal: agent(id)})
		f.must(agent(id), &evenkeel.SetAgentStatus{Status: evenkeel.StatusOnline})
	}
	for i := range chats {
		f.must(evenkeel.System(), &evenkeel.SessionOpen{Session: benchSession(inc, i), Principal: visitor("v" + itoa(i))})
		f.must(visitor("v"+itoa(i)), &evenkeel.ChatStart{Name: "Customer " + itoa(i)})
	}
	for f.apply().More {
	}
	return f
}

func benchSession(inc uint64, i int) evenkeel.SessionID {
	return evenkeel.SessionID{Incarnation: inc, Number: uint64(1_000_000 + i)}
}

// sendEntries makes entries of sends: one customer after the other, numbered
// in their sessions, each with an id of its own.
func sendEntries(b *testing.B, f *fixture, n, batch int) [][]byte {
	entries := make([][]byte, 0, n/batch+1)
	var raw [][]byte
	for i := range n {
		who := i % benchChats
		c := &evenkeel.Command{
			By: visitor("v" + itoa(who)), ID: fmt.Sprintf("m-%08d", i), Session: benchSession(1, who), Seq: uint64(i/benchChats + 1),
			Body: &evenkeel.ChatSend{Chat: "c" + base36(uint64(who+1)), Text: "A message of an ordinary length: where is my parcel, please?"},
		}
		e, err := EncodeCommand(nil, c)
		if err != nil {
			b.Fatal(err)
		}
		if raw = append(raw, e); len(raw) == batch || i == n-1 {
			entries = append(entries, AppendEntry(nil, EntryHeader{Time: f.time + evenkeel.DeskTime(i/1000)}, raw))
			raw = nil
		}
	}
	return entries
}

// BenchmarkSend applies chat.send from encoded entries to a desk with 10,000
// live chats, with every law on. /bare does the least that an unsafe program
// would: decode, find the chat, append the text.
func BenchmarkSend(b *testing.B) {
	b.Run("laws", func(b *testing.B) {
		f := busyDesk(b, benchChats)
		entries := sendEntries(b, f, b.N, benchBatch)
		index := uint64(len(f.log))
		b.ReportAllocs()
		b.ResetTimer()
		for _, e := range entries {
			index++
			out, err := f.d.Apply(index, e, nil)
			if err != nil || out.Results[0].Err != nil {
				b.Fatal(err, out.Results[0].Err)
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sends/s")
	})
	b.Run("bare", func(b *testing.B) {
		f := newFixture(b)
		entries := sendEntries(b, f, b.N, benchBatch)
		chats := map[string][]string{}
		b.ReportAllocs()
		b.ResetTimer()
		for _, e := range entries {
			_, commands, err := ParseEntry(e)
			if err != nil {
				b.Fatal(err)
			}
			for _, raw := range commands {
				c, err := DecodeCommand(raw)
				if err != nil {
					b.Fatal(err)
				}
				send := c.Body.(*evenkeel.ChatSend)
				chats[send.Chat] = append(chats[send.Chat], send.Text)
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sends/s")
	})
}

// BenchmarkFreeze takes a snapshot of a state of 100 MB in slices while full
// entries of 1,000 sends go on, and reports how long entries took, with the slice
// before each, beside the same entries without a snapshot.
func BenchmarkFreeze(b *testing.B) {
	f := busyDesk(b, benchChats)
	index := uint64(len(f.log))
	entries := sendEntries(b, f, 900_000, 1000)
	apply := func() time.Duration {
		start := time.Now()
		index++
		if _, err := f.d.Apply(index, entries[0], nil); err != nil {
			b.Fatal(err)
		}
		entries = entries[1:]
		return time.Since(start)
	}
	for range 450 {
		apply()
	}
	var plain, busy, cuts []time.Duration
	for range 150 {
		plain = append(plain, apply())
	}
	size := 0
	for b.Loop() {
		frozen := f.d.Freeze()
		for done := false; !done; {
			start := time.Now()
			part, last, err := frozen.Slice(64 << 10)
			if err != nil {
				b.Fatal(err)
			}
			slice := time.Since(start)
			cuts = append(cuts, slice)
			done, size = last, size+len(part)
			if len(entries) > 0 {
				busy = append(busy, slice+apply())
			}
		}
	}
	report := func(name string, list []time.Duration) {
		slices.Sort(list)
		b.ReportMetric(float64(list[len(list)/2].Microseconds())/1e3, "ms-p50-"+name)
		b.ReportMetric(float64(list[len(list)*99/100].Microseconds())/1e3, "ms-p99-"+name)
		b.ReportMetric(float64(list[len(list)-1].Microseconds())/1e3, "ms-worst-"+name)
	}
	b.ReportMetric(float64(size)/float64(b.N)/1e6, "MB/snapshot")
	report("plain", plain)
	report("freezing", busy)
	report("slice", cuts)
}

// BenchmarkRestore reads such a snapshot back.
func BenchmarkRestore(b *testing.B) {
	f := busyDesk(b, benchChats)
	index := uint64(len(f.log))
	for _, e := range sendEntries(b, f, 200_000, benchBatch) {
		index++
		if _, err := f.d.Apply(index, e, nil); err != nil {
			b.Fatal(err)
		}
	}
	snap, _, err := f.d.Snapshot()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(snap)))
	for b.Loop() {
		if _, err := Restore(bytes.NewReader(snap)); err != nil {
			b.Fatal(err)
		}
	}
}
