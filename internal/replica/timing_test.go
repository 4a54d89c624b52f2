package replica

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evenkeel/evenkeel/internal/journal"
	"github.com/evenkeel/evenkeel/internal/sim/simdisk"
)

// newSimStation is a station on a simulated disk, for tests in virtual time.
func newSimStation(t *testing.T, wrap func(journal.FS) journal.FS) (*station, *lockedFS) {
	fs := &lockedFS{disk: simdisk.New(rand.New(rand.NewPCG(1, 1)), 64<<20)}
	return newStation(t, func(c *Config) {
		c.FS = fs
		if wrap != nil {
			c.FS = wrap(fs)
		}
	}), fs
}

func TestDeadlinesAreMetToTheMillisecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newSimStation(t, nil)
		s.say("in:30000")
		<-time.After(30*time.Second - time.Millisecond)
		synctest.Wait()
		if notes := s.state().Notes; len(notes) != 0 {
			t.Fatalf("early: %v", notes)
		}
		<-time.After(2 * time.Millisecond)
		synctest.Wait()
		if notes := s.state().Notes; !slices.Equal(notes, []string{"due"}) {
			t.Fatalf("late: %v", notes)
		}
		s.stop()
	})
}

func TestIdleDoesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, fs := newSimStation(t, nil)
		s.say("ann")
		synctest.Wait()
		operations := func() (stats simdisk.Stats) {
			fs.with(func() { stats = fs.disk.Stats() })
			return stats
		}
		before, log, at := operations(), s.r.Status().LogLast, s.r.Status().Time
		<-time.After(24 * time.Hour)
		synctest.Wait()
		if after := operations(); after != before {
			t.Fatalf("a day of nothing: the disk did %+v, before %+v", after, before)
		}
		// The status is told after each turn of the core: its time shows that there was none.
		if status := s.r.Status(); status.LogLast != log || status.Time != at {
			t.Fatalf("a day of nothing: the core woke at %d, last at %d; the log grew from %d to %d", status.Time, at, log, status.LogLast)
		}
		s.stop()
	})
}

func TestHangingDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := &gatedFS{open: make(chan struct{})}
		close(gate.open)
		s, _ := newSimStation(t, func(fs journal.FS) journal.FS {
			gate.FS = fs
			return gate
		})
		gate.open = make(chan struct{})
		answer := s.begin(Control, "ann")
		<-time.After(ElectionTimeout + 10*time.Millisecond)
		synctest.Wait()
		if status := s.r.Status(); !status.Stalled || status.Healthy() {
			t.Fatalf("the disk hangs, and the status says %+v", status)
		}
		<-time.After(time.Minute)
		synctest.Wait()
		if err := s.r.Err(); !errors.Is(err, ErrStalled) {
			t.Fatalf("stopped with %v", err)
		}
		if err := s.r.Stop(); !errors.Is(err, ErrStalled) {
			t.Fatalf("Stop says %v", err)
		}
		if got := <-answer; !slices.Equal(got, []string{"no_leader"}) {
			t.Fatalf("answered %v", got)
		}
		close(gate.open)
		<-s.r.ended
	})
}

// TestAHangMovesDeadlines: a write takes ten seconds, in which nobody could do
// anything about a deadline, neither one that was set before nor the write's own.
func TestAHangMovesDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := &gatedFS{open: make(chan struct{})}
		close(gate.open)
		s, _ := newSimStation(t, func(fs journal.FS) journal.FS {
			gate.FS = fs
			return gate
		})
		s.say("in:6000")
		<-time.After(2 * time.Second)
		gate.open = make(chan struct{})
		answer := s.begin(Control, "in:6500")
		<-time.After(10 * time.Second)
		close(gate.open)
		<-answer
		synctest.Wait()
		// Four seconds are left, and the one for which a pulse was due is not given back.
		<-time.After(2900 * time.Millisecond)
		synctest.Wait()
		if notes := s.state().Notes; len(notes) != 0 {
			t.Fatalf("due in the hang: %v", notes)
		}
		<-time.After(200 * time.Millisecond)
		synctest.Wait()
		if notes := s.state().Notes; !slices.Equal(notes, []string{"due"}) {
			t.Fatalf("not moved by the hang alone: %v", notes)
		}
		<-time.After(2500 * time.Millisecond)
		synctest.Wait()
		if state := s.state(); !slices.Equal(state.Notes, []string{"due", "due"}) || state.Gap != 9000 {
			t.Fatalf("the write's own deadline: %v, extended by %d ms", state.Notes, state.Gap)
		}
		s.stop()
	})
}

// gatedFS holds back every sync while open is not closed.
type gatedFS struct {
	journal.FS
	open chan struct{}
}

func (g *gatedFS) gate(f journal.File, err error) (journal.File, error) {
	if err != nil {
		return nil, err
	}
	return &gatedFile{f, g}, nil
}

func (g *gatedFS) Create(name string, size int64) (journal.File, error) {
	return g.gate(g.FS.Create(name, size))
}

func (g *gatedFS) Open(name string) (journal.File, error) { return g.gate(g.FS.Open(name)) }

type gatedFile struct {
	journal.File
	g *gatedFS
}

func (f *gatedFile) Sync() error {
	<-f.g.open
	return f.File.Sync()
}
