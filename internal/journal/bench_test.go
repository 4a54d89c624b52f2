package journal_test

import (
	"fmt"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/evenkeel/evenkeel/internal/journal"
)

// BenchmarkAppend appends one entry at a time to real files, and in turns writes
// and syncs the same bytes barely, to a file allocated the same way. ratio is the one
// over the other. TMPDIR says on which disk.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{256, 64 << 10} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			fsys, err := journal.OpenDir(b.TempDir())
			must(b, err)
			j, _, err := journal.Open(fsys, journal.Options{})
			must(b, err)
			const room = 16 << 20
			raw, err := fsys.Create("raw", room)
			must(b, err)
			e := entry(0, 1, string(make([]byte, size)))
			batch := &journal.Batch{Entries: []*raftpb.Entry{e}}
			data := make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			var ours, bare time.Duration
			var index uint64
			var at int64
			for b.Loop() {
				if at+int64(size) > room {
					b.StopTimer()
					must(b, raw.Close())
					must(b, fsys.Remove("raw"))
					raw, err = fsys.Create("raw", room)
					must(b, err)
					at = 0
					b.StartTimer()
				}
				index++
				e.Index = &index
				start := time.Now()
				must(b, j.Append(batch))
				middle := time.Now()
				_, err := raw.WriteAt(data, at)
				must(b, err)
				must(b, raw.Sync())
				at += int64(size)
				ours += middle.Sub(start)
				bare += time.Since(middle)
			}
			b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N), "append-ns/op")
			b.ReportMetric(float64(bare.Nanoseconds())/float64(b.N), "bare-ns/op")
			b.ReportMetric(float64(ours)/float64(bare), "ratio")
			must(b, raw.Close())
			must(b, j.Close())
		})
	}
}

// BenchmarkOpen opens a journal of one segment full of entries of 256 bytes.
func BenchmarkOpen(b *testing.B) {
	fsys, err := journal.OpenDir(b.TempDir())
	must(b, err)
	j, _, err := journal.Open(fsys, journal.Options{})
	must(b, err)
	batch := &journal.Batch{}
	for i := range uint64(60_000) {
		batch.Entries = append(batch.Entries, entry(i+1, 1, string(make([]byte, 256))))
	}
	must(b, j.Append(batch))
	must(b, j.Close())
	for b.Loop() {
		j, rec, err := journal.Open(fsys, journal.Options{})
		must(b, err)
		if len(rec.Entries) != 60_000 {
			b.Fatalf("%d entries", len(rec.Entries))
		}
		must(b, j.Close())
	}
}
