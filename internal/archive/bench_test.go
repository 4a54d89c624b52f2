package archive

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel"
)

// speaker makes up chats that look like real ones to an index: eight messages,
// words as frequent as a language's (the n-th most frequent word about 1/n as
// often as the first), customers who come back, busy and quiet queues.
type speaker struct {
	rng   *rand.Rand
	zipf  *rand.Zipf
	chats int
	now   evenkeel.Time
}

const vocabulary = 200_000

func newSpeaker() *speaker {
	rng := rand.New(rand.NewPCG(1, 2))
	return &speaker{rng: rng, zipf: rand.NewZipf(rng, 1.07, 2, vocabulary-1), now: 1_700_000_000_000}
}

// wordOf spells a word's rank: frequent words are short, as in languages.
func wordOf(rank uint64) string {
	const heads, tails = "bdfghklmnprstvw", "aeiou"
	var b strings.Builder
	for n := rank + 15; n > 0; n /= 75 {
		b.WriteByte(heads[n%15])
		b.WriteByte(tails[n/15%5])
	}
	return b.String()
}

func (s *speaker) text() string {
	var b strings.Builder
	for i := range 4 + s.rng.IntN(16) {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(wordOf(s.zipf.Uint64()))
	}
	return b.String() + "."
}

// put makes the next chat up.
func (s *speaker) put() evenkeel.ArchiveOp {
	s.chats++
	s.now += evenkeel.Time(1 + s.rng.IntN(120_000))
	id := "c" + strconv.FormatInt(int64(s.rng.Uint64()>>1), 36)
	customer, agent := fmt.Sprintf("v%07d", s.rng.IntN(400_000)), s.rng.IntN(200)
	c := &evenkeel.Chat{
		ID: id, Workspace: evenkeel.DefaultWorkspace, Queue: queueName(min(s.rng.IntN(20), s.rng.IntN(20))), Customer: customer,
		Agent: &evenkeel.Person{ID: fmt.Sprintf("agent%d", agent), Name: fmt.Sprintf("Agent %d", agent)}, State: evenkeel.ChatClosed,
		Attributes: []byte(`{"plan":"basic","page":"/checkout"}`), QueuedAt: s.now - 600_000, OfferedAt: s.now - 590_000,
		AnsweredAt: s.now - 580_000, ClosedAt: s.now, Reason: evenkeel.ClosedByAgent, Messages: 8,
	}
	if s.rng.IntN(3) == 0 {
		c.Tags = []string{fmt.Sprintf("tag%d", s.rng.IntN(30))}
	}
	if s.rng.IntN(4) == 0 {
		c.Rating = &evenkeel.Rating{Score: int64(1 + s.rng.IntN(5))}
	}
	rec := &evenkeel.ArchiveRecord{Chat: c}
	for n := uint64(1); n <= 8; n++ {
		author := evenkeel.Author{Kind: evenkeel.AuthorCustomer, ID: customer}
		if n%2 == 0 {
			author = evenkeel.Author{Kind: evenkeel.AuthorAgent, ID: c.Agent.ID, Name: c.Agent.Name}
		}
		rec.Messages = append(rec.Messages, &evenkeel.Message{
			Number: n, ID: strconv.FormatUint(s.rng.Uint64(), 36), Author: author, Kind: evenkeel.MessageText, Text: s.text(),
			Time: s.now - 580_000 + evenkeel.Time(n)*30_000,
		})
	}
	if s.rng.IntN(5) == 0 {
		rec.Notes = []*evenkeel.Note{{Number: 1, After: 8, ID: "n1", Author: rec.Messages[1].Author, Text: s.text(), Time: s.now}}
	}
	return evenkeel.ArchiveOp{Seq: uint64(s.chats), Kind: evenkeel.ArchivePut, Workspace: c.Workspace, Chat: id, Record: rec}
}

func queueName(n int) string { return fmt.Sprintf("queue%d", n) }

// searches are 200 queries of all sorts: what people look for, and what is hard.
func (s *speaker) searches(first evenkeel.Time) []evenkeel.ArchiveQuery {
	span := int64(s.now - first)
	var all []evenkeel.ArchiveQuery
	for i := range 200 {
		q := evenkeel.ArchiveQuery{Workspace: evenkeel.DefaultWorkspace, Limit: 50, Notes: i%2 == 0}
		common, middle, rare := wordOf(uint64(s.rng.IntN(50))), wordOf(uint64(100+s.rng.IntN(2000))), wordOf(uint64(20_000+s.rng.IntN(50_000)))
		switch i % 10 {
		case 0:
			q.Text = common + " "
		case 1:
			q.Text = rare + " "
		case 2:
			q.Text = common + " " + middle + " "
		case 3:
			q.Text = middle + " " + wordOf(uint64(100+s.rng.IntN(2000))) + " "
		case 4:
			q.Text = `"` + common + " " + wordOf(uint64(s.rng.IntN(50))) + `"`
		case 5:
			q.Text = common + " " + middle[:min(len(middle), 4)] // still being typed
		case 6:
			q.Text, q.Customer = common+" ", fmt.Sprintf("v%07d", s.rng.IntN(400_000))
		case 7:
			q.Text, q.Agent, q.Queue = middle+" ", fmt.Sprintf("agent%d", s.rng.IntN(200)), queueName(s.rng.IntN(20))
		case 8:
			q.Text, q.From = common+" ", first+evenkeel.Time(s.rng.Int64N(span))
			q.To = q.From + evenkeel.Time(span/50)
		case 9:
			q.Text, q.Score, q.Tag = middle+" ", int64(1+s.rng.IntN(5)), fmt.Sprintf("tag%d", s.rng.IntN(30))
		}
		all = append(all, q)
	}
	return all
}

// BenchmarkArchive fills an archive with EVENKEEL_ARCHIVE_CHATS chats (10,000)
// and searches it. With EVENKEEL_ARCHIVE_FILE the file is kept and used again.
func BenchmarkArchive(b *testing.B) {
	count := 10_000
	if v := os.Getenv("EVENKEEL_ARCHIVE_CHATS"); v != "" {
		var err error
		if count, err = strconv.Atoi(v); err != nil {
			b.Fatal(err)
		}
	}
	path := os.Getenv("EVENKEEL_ARCHIVE_FILE")
	if path == "" {
		path = filepath.Join(b.TempDir(), "archive.db")
	}
	s, err := Open(b.Context(), path, Options{Cell: "cell", Generation: "one"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	speaker := newSpeaker()
	first := speaker.now
	for b.Loop() {
		fill(b, s, speaker, count)
		search(b, s, speaker.searches(first))
	}
	b.ReportMetric(0, "ns/op") // says nothing here
}

func fill(b *testing.B, s *Store, speaker *speaker, count int) {
	const batch = 500
	var ops []evenkeel.ArchiveOp
	start, spent, done := time.Now(), time.Duration(0), s.Cursor()
	for i := range count {
		if ops = append(ops, speaker.put()); len(ops) < batch && i < count-1 {
			continue
		}
		began := time.Now()
		if err := s.Apply(b.Context(), ops); err != nil {
			b.Fatal(err)
		}
		spent += time.Since(began)
		ops = ops[:0]
	}
	st := s.Status()
	b.Logf("%d chats in %v, %.0f/s; %d bytes a chat on the disk", st.Chats, time.Since(start).Round(time.Second),
		float64(st.Cursor-done)/spent.Seconds(), st.Bytes/st.Chats)
	b.ReportMetric(float64(st.Cursor-done)/spent.Seconds(), "chats/s")
	b.ReportMetric(float64(st.Bytes)/float64(st.Chats), "B/chat")
}

func search(b *testing.B, s *Store, queries []evenkeel.ArchiveQuery) {
	kinds := make([][]time.Duration, 10)
	var all []time.Duration
	hits := make([]int, 10)
	for i, q := range queries {
		began := time.Now()
		page, err := s.Search(context.WithoutCancel(b.Context()), q)
		if err != nil {
			b.Fatal(err)
		}
		took := time.Since(began)
		all, kinds[i%10], hits[i%10] = append(all, took), append(kinds[i%10], took), hits[i%10]+len(page.Hits)
	}
	for i, times := range kinds {
		slices.Sort(times)
		b.Logf("such as %+v: p50 %v max %v, %d hits", queries[i], times[len(times)/2], times[len(times)-1], hits[i]/len(times))
	}
	slices.Sort(all)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(all[len(all)/2]), "p50-ms")
	b.ReportMetric(ms(all[len(all)*95/100]), "p95-ms")
	b.ReportMetric(ms(all[len(all)-1]), "max-ms")
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.Logf("heap in use %d KiB, from the system %d KiB", m.HeapInuse>>10, m.Sys>>10)
}

// BenchmarkRefill is what it takes to fill a copy of 20,000 chats from another, on one
// machine and without a pace.
func BenchmarkRefill(b *testing.B) {
	s, err := Open(b.Context(), filepath.Join(b.TempDir(), "archive.db"), ours())
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	}()
	fill(b, s, newSpeaker(), 20000)
	r := NewRunner(Config{Path: filepath.Join(b.TempDir(), "archive.db"), Options: ours(), Log: slog.New(slog.DiscardHandler)})
	var moved, proven time.Duration
	for b.Loop() {
		began := time.Now()
		in, out := io.Pipe()
		go func() { _ = out.CloseWithError(s.Send(b.Context(), out)) }() // the reader is told
		head, err := receive(in, r.fetchPath(), func(image, int64) error { return nil })
		if err != nil {
			b.Fatal(err)
		}
		moved += time.Since(began)
		began = time.Now()
		if err := r.prove(b.Context(), r.fetchPath(), head); err != nil {
			b.Fatal(err)
		}
		proven += time.Since(began)
		if err := removeAll(r.fetchPath()); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(head.size)
	}
	b.ReportMetric(moved.Seconds()*1000/float64(b.N), "moved-ms")
	b.ReportMetric(proven.Seconds()*1000/float64(b.N), "proven-ms")
}
