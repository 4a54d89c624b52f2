package desk

import (
	"bytes"
	"fmt"
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
func sendEntries(b *testing.B, f *fixture, n int) [][]byte {
	entries := make([][]byte, 0, n/benchBatch+1)
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
		if raw = append(raw, e); len(raw) == benchBatch || i == n-1 {
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
		entries := sendEntries(b, f, b.N)
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
		entries := sendEntries(b, f, b.N)
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

// BenchmarkFreeze takes a snapshot of a large state in slices while chat.send
// goes on, and reports the longest time that an entry waited for a slice or for
// the rows that it had to write first.
func BenchmarkFreeze(b *testing.B) {
	f := busyDesk(b, benchChats)
	index := uint64(len(f.log))
	entries := sendEntries(b, f, 400_000)
	for _, e := range entries[:3000] {
		index++
		if _, err := f.d.Apply(index, e, nil); err != nil {
			b.Fatal(err)
		}
	}
	rest := entries[3000:]
	var worst, normal time.Duration
	var size int
	for b.Loop() {
		frozen := f.d.Freeze()
		for done := false; !done; {
			start := time.Now()
			var part []byte
			var err error
			if part, done, err = frozen.Slice(64 << 10); err != nil {
				b.Fatal(err)
			}
			size += len(part)
			if len(rest) > 0 {
				index++
				if _, err := f.d.Apply(index, rest[0], nil); err != nil {
					b.Fatal(err)
				}
				rest = rest[1:]
			}
			worst = max(worst, time.Since(start))
		}
	}
	for _, e := range rest {
		start := time.Now()
		index++
		if _, err := f.d.Apply(index, e, nil); err != nil {
			b.Fatal(err)
		}
		normal = max(normal, time.Since(start))
	}
	b.ReportMetric(float64(size)/float64(b.N)/1e6, "MB/snapshot")
	b.ReportMetric(float64(worst.Microseconds())/1e3, "ms-worst-entry")
	b.ReportMetric(float64(normal.Microseconds())/1e3, "ms-worst-entry-without")
}

// BenchmarkRestore reads such a snapshot back.
func BenchmarkRestore(b *testing.B) {
	f := busyDesk(b, benchChats)
	index := uint64(len(f.log))
	for _, e := range sendEntries(b, f, 200_000) {
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
