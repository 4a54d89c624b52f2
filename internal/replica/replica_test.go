package replica

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
	"github.com/evenkeel/evenkeel/internal/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// station is a replica in a directory that can be stopped and started again.
type station struct {
	t    testing.TB
	cfg  Config
	r    *Replica
	mu   sync.Mutex
	seen []uint64 // indexes told to OnApply
	bad  []*Fault
}

func newStation(t testing.TB, change func(*Config)) *station {
	t.Helper()
	fs, err := journal.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := &station{t: t}
	s.cfg = Config{
		FS: fs, SegmentSize: 1 << 20, NodeID: 7, Meta: []byte("the node's own"), machines: tallies(),
		OnApply: func(out desk.Output) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.seen = append(s.seen, out.Index)
		},
		Incident: func(f *Fault) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.bad = append(s.bad, f)
		},
	}
	if change != nil {
		change(&s.cfg)
	}
	t.Cleanup(func() {
		if s.r != nil {
			_ = s.r.Stop() // the test looks at its error where it matters
		}
	})
	s.start()
	return s
}

func (s *station) start() {
	s.t.Helper()
	s.open()
	s.r.Start()
	if err := s.r.Ready(deadline(s.t)); err != nil {
		s.t.Fatalf("not ready: %v", err)
	}
}

func (s *station) open() {
	s.t.Helper()
	r, err := Open(s.cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	s.r = r
}

func (s *station) stop() {
	s.t.Helper()
	if err := s.r.Stop(); err != nil {
		s.t.Fatalf("stop: %v", err)
	}
}

func (s *station) restart() {
	s.t.Helper()
	s.stop()
	s.start()
}

// say proposes commands as one proposal and returns what became of each.
func (s *station) say(commands ...string) []string {
	s.t.Helper()
	return <-s.begin(Control, commands...)
}

func (s *station) begin(lane Lane, commands ...string) <-chan []string {
	answer := make(chan []string, 1)
	var raw [][]byte
	for _, c := range commands {
		raw = append(raw, []byte(c))
	}
	s.r.Propose(lane, raw, func(results []evenkeel.Result, err error) {
		if err != nil {
			answer <- []string{string(evenkeel.ErrorCode(err))}
			return
		}
		var got []string
		for _, result := range results {
			if result.Err != nil {
				got = append(got, string(result.Err.Code))
			} else {
				got = append(got, fmt.Sprint(result.Number))
			}
		}
		answer <- got
	})
	return answer
}

// state returns the machine's state. The replica must be stopped or quiet.
func (s *station) state() tallyState {
	s.r.mu.RLock()
	defer s.r.mu.RUnlock()
	m := s.r.applier.Machine().(*tally)
	state := m.state
	state.Notes = slices.Clone(state.Notes)
	return state
}

func deadline(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestResultsComeInOrderAndSurviveARestart(t *testing.T) {
	s := newStation(t, nil)
	if got := s.say("ann", "refuse", "bob"); !slices.Equal(got, []string{"1", "conflict", "2"}) {
		t.Fatalf("results %v", got)
	}
	s.restart()
	if s.r.ID() != 7 || string(s.r.Meta()) != "the node's own" {
		t.Fatalf("after the restart this is node %d with %q", s.r.ID(), s.r.Meta())
	}
	if got := s.say("eve"); !slices.Equal(got, []string{"3"}) {
		t.Fatalf("results %v", got)
	}
	state := s.state()
	if got := strings.Join(state.Notes, " "); got != "ann bob eve" {
		t.Fatalf("notes %q", got)
	}
	if state.Resumes != 1 || state.Gap != 0 {
		t.Fatalf("%d entries said that an outage is over, gap %v", state.Resumes, state.Gap)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.IsSorted(s.seen) || len(slices.Compact(slices.Clone(s.seen))) != len(s.seen) {
		t.Fatalf("told of entries %v", s.seen)
	}
}

func TestManyProposersEachGetTheirOwn(t *testing.T) {
	s := newStation(t, nil)
	const proposers, each = 32, 50
	var group sync.WaitGroup
	for p := range proposers {
		group.Go(func() {
			last := ""
			for i := range each {
				got := s.say(fmt.Sprintf("p%d-%d", p, i), "refuse")
				if len(got) != 2 || got[1] != "conflict" || got[0] == last {
					t.Errorf("proposer %d got %v after %s", p, got, last)
					return
				}
				last = got[0]
			}
		})
	}
	group.Wait()
	s.stop()
	notes := s.state().Notes
	next := make(map[string]int)
	for _, note := range notes {
		p, i, _ := strings.Cut(note, "-")
		if i != fmt.Sprint(next[p]) {
			t.Fatalf("note %s where %d was next", note, next[p])
		}
		next[p]++
	}
	if len(notes) != proposers*each {
		t.Fatalf("%d notes", len(notes))
	}
}

func TestPanicIsSkippedForEver(t *testing.T) {
	s := newStation(t, nil)
	s.say("before")
	got := s.say("one", "panic!a", "two", "panic!b")
	if !slices.Equal(got, []string{"2", "internal", "3", "internal"}) {
		t.Fatalf("results %v", got)
	}
	s.say("after")
	before := s.state()
	if got := strings.Join(before.Notes, " "); got != "before one two after" {
		t.Fatalf("notes %q", got)
	}
	s.mu.Lock()
	if len(s.bad) != 2 || s.bad[0].Step != 1 || s.bad[1].Step != 3 || !strings.Contains(s.bad[0].Stack, "tally") {
		t.Fatalf("incidents %v", s.bad)
	}
	s.mu.Unlock()
	s.restart()
	after := s.state()
	if after.Sum != before.Sum || !slices.Equal(after.Notes, before.Notes) {
		t.Fatalf("after the restart %v, before %v", after, before)
	}
	if s.mu.Lock(); len(s.bad) != 2 {
		t.Fatalf("the skip did not hold: incidents %v", s.bad)
	}
	s.mu.Unlock()
}

func TestUnknownCommandStopsTheReplica(t *testing.T) {
	s := newStation(t, nil)
	if got := s.say("unknown!"); !slices.Equal(got, []string{"no_leader"}) {
		t.Fatalf("answered %v", got)
	}
	<-s.r.Done()
	if err := s.r.Err(); err == nil || !strings.Contains(err.Error(), "unknown kind") {
		t.Fatalf("stopped with %v", err)
	}
	if err := s.r.Stop(); err == nil {
		t.Fatal("Stop does not tell why the replica stopped")
	}
	if got := s.say("late"); !slices.Equal(got, []string{"no_leader"}) {
		t.Fatalf("after the stop: %v", got)
	}
	if _, err := Open(s.cfg); err == nil || !strings.Contains(err.Error(), "unknown kind") {
		t.Fatalf("opened again with %v", err)
	}
}

func TestDeadlinesAndFollowUpMakeTicks(t *testing.T) {
	s := newStation(t, nil)
	s.say("in:30")
	s.say("work:5")
	ctx := deadline(t)
	for want := uint64(1); len(s.state().Notes) < 6; want++ {
		if err := s.r.WaitApplied(ctx, want); err != nil {
			t.Fatalf("notes %v: %v", s.state().Notes, err)
		}
	}
	notes := s.state().Notes
	slices.Sort(notes)
	if got := strings.Join(notes, " "); got != "due work work work work work" {
		t.Fatalf("notes %q", got)
	}
}

func TestSnapshotsWhileApplying(t *testing.T) {
	s := newStation(t, func(c *Config) {
		c.Limits = Limits{SnapshotBytes: 4 << 10, TailBytes: 1 << 10}
		c.SegmentSize = 64 << 10
	})
	for round := range 6 {
		var waiting []<-chan []string
		for i := range 200 {
			waiting = append(waiting, s.begin(Control, fmt.Sprintf("note %d of round %d", i, round)))
		}
		for _, w := range waiting {
			if got := <-w; len(got) != 1 || got[0] == "internal" {
				t.Fatalf("answered %v", got)
			}
		}
		s.waitFor("a snapshot", func(status Status) bool { return status.Snapshot > 0 && status.Saving == 0 })
		before := s.state()
		s.restart()
		after := s.state()
		if before.Sum != after.Sum || len(after.Notes) != 200*(round+1) {
			t.Fatalf("round %d: %d notes, hash %x, before the restart %d and %x", round, len(after.Notes), after.Sum, len(before.Notes), before.Sum)
		}
		if got := s.say("panic!x"); !slices.Equal(got, []string{"internal"}) {
			t.Fatalf("panic answered %v", got)
		}
		if got := s.state().Sum; got == before.Sum {
			t.Fatal("the skip is not in the hash")
		}
	}
}

// TestRestRenewsTheMachine: at rest a snapshot is written, and the machine is made
// anew from it; it goes on as it was.
func TestRestRenewsTheMachine(t *testing.T) {
	s := newStation(t, func(c *Config) { c.Limits = Limits{QuietBytes: 1 << 10, QuietAfter: 20 * time.Millisecond} })
	machine := func() Machine {
		s.r.mu.RLock()
		defer s.r.mu.RUnlock()
		return s.r.applier.Machine()
	}
	first, ctx, notes := machine(), deadline(t), 0
	for machine() == first { // a busy machine may rest in between, too early
		for range 20 {
			notes++
			s.say(fmt.Sprintf("note %d %s", notes, strings.Repeat("x", 50)))
		}
		for wait := 0; wait < 40 && machine() == first; wait++ {
			select {
			case <-ctx.Done():
				t.Fatal("the machine is the old one")
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
	before := s.state()
	if len(before.Notes) != notes {
		t.Fatalf("the renewed machine has %d notes of %d", len(before.Notes), notes)
	}
	if got := s.say("one more", "panic!a"); !slices.Equal(got, []string{fmt.Sprint(notes + 1), "internal"}) {
		t.Fatalf("results %v", got)
	}
	before = s.state()
	s.restart()
	if after := s.state(); after.Sum != before.Sum || !slices.Equal(after.Notes, before.Notes) {
		t.Fatalf("after the restart %v, before %v", after, before)
	}
}

func (s *station) waitFor(what string, met func(Status) bool) {
	s.t.Helper()
	ctx := deadline(s.t)
	for index := uint64(0); !met(s.r.Status()); index++ {
		// Each command is an event after which the status is told anew.
		if got := s.say("refuse"); got[0] != "conflict" {
			s.t.Fatalf("waiting for %s: %v", what, got)
		}
		if ctx.Err() != nil {
			s.t.Fatalf("waited for %s: %+v", what, s.r.Status())
		}
	}
}

func TestStopAnswersEverybody(t *testing.T) {
	s := newStation(t, nil)
	var waiting []<-chan []string
	for i := range 2000 {
		waiting = append(waiting, s.begin(Lane(i%2), fmt.Sprint("n", i)))
	}
	s.stop()
	for _, w := range waiting {
		select {
		case <-w:
		default:
			t.Fatal("a proposal was never answered")
		}
	}
	if err := s.r.Ready(deadline(t)); evenkeel.ErrorCode(err) != evenkeel.CodeNoLeader {
		t.Fatalf("Ready after the stop: %v", err)
	}
}

func TestDirectoryInUse(t *testing.T) {
	s := newStation(t, nil)
	if _, err := Open(s.cfg); !errors.Is(err, journal.ErrLocked) {
		t.Fatalf("opened twice: %v", err)
	}
}
