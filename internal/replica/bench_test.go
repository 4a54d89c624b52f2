package replica

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
	"github.com/evenkeel/evenkeel/internal/journal"
)

// BenchmarkPropose puts commands of 200 bytes through log and machine on the disk
// under TMPDIR, so many at a time. BenchmarkSync is what the same disk does alone.
//
//	TMPDIR=/var/tmp go test -run '^$' -bench 'Propose|Sync' ./internal/replica
func BenchmarkPropose(b *testing.B) {
	for _, inFlight := range []int{1, 64, 512} {
		b.Run(fmt.Sprintf("inflight=%d", inFlight), func(b *testing.B) { benchPropose(b, inFlight) })
	}
}

func benchPropose(b *testing.B, inFlight int) {
	fs, err := journal.OpenDir(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	machines := tallies()
	machines.New = func() Machine { return &counter{} }
	r, err := Open(Config{FS: fs, NodeID: 1, machines: machines})
	if err != nil {
		b.Fatal(err)
	}
	r.Start()
	if err := r.Ready(deadline(b)); err != nil {
		b.Fatal(err)
	}
	command := [][]byte{make([]byte, 200)}
	var left atomic.Int64
	left.Store(int64(b.N))
	waits := make([][]time.Duration, inFlight)
	var group sync.WaitGroup
	b.ResetTimer()
	for p := range inFlight {
		group.Go(func() {
			answer := make(chan error, 1)
			for left.Add(-1) >= 0 {
				begin := time.Now()
				r.Propose(Control, command, func(_ []evenkeel.Result, err error) { answer <- err })
				if err := <-answer; err != nil {
					b.Error(err)
					return
				}
				waits[p] = append(waits[p], time.Since(begin))
			}
		})
	}
	group.Wait()
	b.StopTimer()
	report(b, waits)
	if err := r.Stop(); err != nil {
		b.Fatal(err)
	}
}

// counter is a machine that costs nothing.
type counter struct{ tally }

func (m *counter) Apply(index uint64, entry []byte, _ []int) (out desk.Output, err error) {
	out.Index = index
	_, commands, err := desk.ParseEntry(entry)
	out.Results = make([]evenkeel.Result, len(commands))
	return out, err
}

// BenchmarkSync writes 4 KiB in place and syncs: the least that a durable
// command costs.
func BenchmarkSync(b *testing.B) {
	const size = 16 << 20
	fs, err := journal.OpenDir(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	f, err := fs.Create("raw", size)
	if err != nil {
		b.Fatal(err)
	}
	page := make([]byte, 4096)
	waits := make([][]time.Duration, 1)
	b.ResetTimer()
	for i := range b.N {
		begin := time.Now()
		if _, err := f.WriteAt(page, int64(i)*4096%size); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		waits[0] = append(waits[0], time.Since(begin))
	}
	b.StopTimer()
	report(b, waits)
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}

func report(b *testing.B, waits [][]time.Duration) {
	all := slices.Concat(waits...)
	slices.Sort(all)
	b.ReportMetric(float64(len(all))/b.Elapsed().Seconds(), "ops/s")
	b.ReportMetric(float64(all[len(all)/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-us")
}
