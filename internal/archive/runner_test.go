package archive

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel"
)

// outbox is a desk's list of operations.
type outbox struct {
	mu       sync.Mutex
	ops      []evenkeel.ArchiveOp
	dropped  uint64 // operations that are gone
	reported uint64
	states   []evenkeel.CopyState // as they were reported, without repetitions
	refuse   error                // of Report
	changed  chan struct{}
}

func newOutbox() *outbox { return &outbox{changed: make(chan struct{}, 1)} }

func (o *outbox) Ops(after uint64, maxOps, maxBytes int) (ops []evenkeel.ArchiveOp, first, last uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	first, last = o.dropped+1, o.dropped+uint64(len(o.ops))
	if after < o.dropped || after >= last {
		return nil, first, last
	}
	ops = o.ops[after-o.dropped:]
	return ops[:min(len(ops), maxOps)], first, last
}

func (o *outbox) Changed() <-chan struct{} { return o.changed }

func (o *outbox) Report(_ context.Context, cursor uint64, state evenkeel.CopyState) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.refuse != nil {
		return o.refuse
	}
	o.reported = cursor
	if n := len(o.states); n == 0 || o.states[n-1] != state {
		o.states = append(o.states, state)
	}
	return nil
}

// put adds chats that each say their number, and some more.
func (o *outbox) put(n int, more string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for range n {
		seq := o.dropped + uint64(len(o.ops)) + 1
		id := fmt.Sprintf("c%d", seq)
		o.ops = append(o.ops, evenkeel.ArchiveOp{
			Seq: seq, Kind: evenkeel.ArchivePut, Workspace: "default", Chat: id,
			Record: talk(id, evenkeel.Time(1000*seq), fmt.Sprintf("chat number%d %s", seq, more)),
		})
	}
	select {
	case o.changed <- struct{}{}:
	default:
	}
}

func (o *outbox) drop(to uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ops, o.dropped = o.ops[to-o.dropped:], to
}

func (o *outbox) cursor() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.reported
}

// bench is a runner on a real file.
type bench struct {
	*testing.T
	*outbox
	r    *Runner
	path string
}

func newBench(t *testing.T, change func(*Config)) *bench {
	t.Helper()
	b := &bench{T: t, outbox: newOutbox(), path: filepath.Join(t.TempDir(), "archive.db")}
	cfg := Config{
		Path: b.path, Options: ours(), Source: b.outbox, RetryMin: time.Millisecond, RetryMax: 20 * time.Millisecond, LookEvery: 5 * time.Millisecond, AheadFor: 20 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	cfg.Options.LockWait = 10 * time.Millisecond
	if change != nil {
		change(&cfg)
	}
	b.path = cfg.Path
	b.r = NewRunner(cfg)
	t.Cleanup(func() { b.r.Stop() })
	return b
}

// until waits for a condition and shows the status if it does not come.
func (b *bench) until(what string, ok func() bool) {
	b.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	end := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-look.C:
		case <-end:
			b.Fatalf("%s: not within 30 s: %+v", what, b.r.Status())
		}
	}
}

func (b *bench) live(cursor uint64) {
	b.Helper()
	b.until(fmt.Sprintf("live at %d", cursor), func() bool {
		st := b.r.Status()
		return st.State == stateLive && st.Cursor == cursor && b.cursor() == cursor
	})
}

func (b *bench) state(state, detail string) {
	b.Helper()
	b.until(state+" "+detail, func() bool {
		st := b.r.Status()
		return st.State == state && strings.Contains(st.Detail, detail)
	})
}

func (b *bench) finds(text, want string) {
	b.Helper()
	page, err := b.r.Search(b.Context(), evenkeel.ArchiveQuery{Workspace: "default", Text: text})
	if err != nil {
		b.Fatal(err)
	}
	var ids []string
	for _, h := range page.Hits {
		ids = append(ids, h.Chat.ID)
	}
	if got := strings.Join(ids, " "); got != want {
		b.Fatalf("%q found %q, want %q", text, got, want)
	}
}

func TestRunnerFollows(t *testing.T) {
	b := newBench(t, func(c *Config) { c.BatchOps = 7 })
	b.put(50, "")
	if _, err := b.r.Chat(t.Context(), "default", "c1"); evenkeel.ErrorCode(err) != evenkeel.CodeArchiveUnavailable {
		t.Errorf("before the start: %v", err)
	}
	b.r.Start()
	b.live(50)
	b.put(1, "late")
	b.live(51)
	b.finds("late", "c51")
	if c, err := b.r.Chat(t.Context(), "default", "c3"); err != nil || c.ID != "c3" {
		t.Error(c, err)
	}
	if tr, err := b.r.Transcript(t.Context(), "default", "c3", evenkeel.MessageRange{Limit: 9}, true); err != nil || len(tr.Messages) != 1 {
		t.Error(tr, err)
	}
	if _, err := b.r.Chat(t.Context(), "default", "none"); evenkeel.ErrorCode(err) != evenkeel.CodeNotFound {
		t.Error(err)
	}
	if err := b.r.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if st := b.r.Status(); st.Chats != 51 || st.Behind != 0 || st.Bytes == 0 || st.Detail != "" {
		t.Errorf("%+v", st)
	}
}

// TestRunnerRepeatsTheReport: a desk that does not answer delays nothing else.
func TestRunnerRepeatsTheReport(t *testing.T) {
	b := newBench(t, nil)
	b.refuse = errors.New("no leader")
	b.put(5, "")
	b.r.Start()
	b.until("applied", func() bool { return b.r.Status().Cursor == 5 })
	b.put(5, "")
	b.until("applied", func() bool { return b.r.Status().Cursor == 10 })
	b.mu.Lock()
	b.refuse = nil
	b.mu.Unlock()
	b.live(10)
}

// hold locks the file as another program would.
func (b *bench) hold() (release func()) {
	b.Helper()
	db, err := sql.Open("sqlite", "file:"+b.path)
	if err != nil {
		b.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("BEGIN IMMEDIATE; UPDATE meta SET value = value"); err != nil {
		b.Fatal(err)
	}
	return func() {
		if _, err := db.Exec("ROLLBACK"); err != nil {
			b.Error(err)
		}
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	}
}

// sql runs a statement as another program would.
func (b *bench) sql(text string) {
	b.Helper()
	db, err := sql.Open("sqlite", "file:"+b.path)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := db.Exec(text); err != nil {
		b.Fatal(err)
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
}

func TestRunnerLocked(t *testing.T) {
	b := newBench(t, nil)
	b.put(3, "")
	b.r.Start()
	b.live(3)
	release := b.hold()
	b.put(2, "")
	b.state(stateFailed, "locked by another process")
	b.finds("number3", "c3") // reading goes on
	if st := b.r.Status(); st.Behind != 2 {
		t.Errorf("%+v", st)
	}
	release()
	b.live(5)
	release = b.hold()
	b.put(1, "")
	b.state(stateFailed, "locked")
	b.r.Stop() // does not wait for the lock
	release()
}

// TestRunnerSlowDisk holds a commit up: the desk is not held up, readers read,
// and only what is on the disk is reported.
func TestRunnerSlowDisk(t *testing.T) {
	gate := make(chan struct{})
	slow := make(chan struct{}, 100)
	b := newBench(t, func(c *Config) {
		c.Options.hookApply = func() {
			slow <- struct{}{}
			<-gate
		}
	})
	b.put(3, "")
	b.r.Start()
	<-slow // the tables are made
	gate <- struct{}{}
	<-slow
	b.put(4, "")
	if st := b.r.Status(); st.State != stateFilling || st.Behind != 7 || st.Cursor != 0 || b.cursor() != 0 {
		t.Errorf("%+v, reported %d", st, b.cursor())
	}
	if _, err := b.r.Chat(t.Context(), "default", "c1"); evenkeel.ErrorCode(err) != evenkeel.CodeNotFound {
		t.Errorf("what is not committed was read: %v", err)
	}
	close(gate)
	b.live(7)
}

// TestRunnerFull fills the file to its limit and makes room again.
func TestRunnerFull(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Options.MaxPages, c.BatchOps = 60, 1 })
	for i := range 30 {
		b.put(1, strings.Repeat(fmt.Sprintf("incompressible%x ", i*i*7919), 400))
		b.put(1, randomText(uint64(i), 6000))
	}
	b.r.Start()
	b.state(stateFailed, "disk is full")
	done := b.r.Status().Cursor
	if done == 0 || done == 60 {
		t.Fatalf("full at %d", done)
	}
	b.finds(fmt.Sprintf("number%d", done), fmt.Sprintf("c%d", done))
	b.r.Stop()
	b.r.cfg.Options.MaxPages = 0
	b.r = NewRunner(b.r.cfg)
	b.r.Start()
	b.live(60)
	if err := b.r.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestRunnerDeleted deletes the file under a running copy.
func TestRunnerDeleted(t *testing.T) {
	for _, all := range []bool{false, true} {
		b := newBench(t, nil)
		b.put(5, "")
		b.r.Start()
		b.live(5)
		b.drop(2)
		suffixes := []string{""}
		if all {
			suffixes = fileSuffixes()
		}
		for _, suffix := range suffixes {
			if err := os.Remove(b.path + suffix); err != nil {
				t.Fatal(err)
			}
		}
		b.put(1, "")
		b.state(stateLive, "operations 1 to 2 are not in this copy")
		b.live(6)
		b.finds("chat", "c6 c5 c4 c3")
		if err := b.r.Check(t.Context()); err != nil {
			t.Error(err)
		}
		b.r.Stop()
	}
}

// TestRunnerStale gives an old copy back to a desk that has gone on.
func TestRunnerStale(t *testing.T) {
	b := newBench(t, nil)
	b.put(5, "")
	b.r.Start()
	b.live(5)
	b.r.Stop()
	b.put(5, "")
	b.drop(8)
	b.r = NewRunner(b.r.cfg)
	b.r.Start()
	b.state(stateStale, "has done operation 5, and the desk has none before 9")
	b.finds("number5", "c5")
	if err := os.Rename(b.path, b.path+".old"); err != nil {
		t.Fatal(err)
	}
	b.live(10)
	b.finds("chat", "c10 c9")
}

// TestRunnerForeign offers files that are not this cell's copy. None is touched.
func TestRunnerForeign(t *testing.T) {
	for name, o := range map[string]Options{"cell": {Cell: "other", Generation: "one"}, "generation": {Cell: "cell", Generation: "two"}} {
		b := newBench(t, nil)
		s, err := Open(t.Context(), b.path, o)
		if err != nil {
			t.Fatal(err)
		}
		a := assistant{t, s, 0}
		a.put("c1", "theirs")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		b.put(3, "")
		b.r.Start()
		b.state(stateFailed, "another cell or generation")
		if name == "generation" {
			if err := Adopt(t.Context(), b.path, "cell", "one", 100); err != nil {
				t.Fatal(err)
			}
			b.live(3)
		}
		b.r.Stop()
	}
	b := newBench(t, nil)
	if err := os.WriteFile(b.path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b.put(1, "")
	b.r.Start()
	b.live(1)
	b.r.Stop()
	b.outbox.ops = nil // the copy knows more than the desk: it is of another life
	b.r = NewRunner(b.r.cfg)
	b.r.Start()
	b.state(stateFailed, "another cell or generation")
}

func randomText(seed uint64, n int) string {
	s := newSpeaker()
	for range seed {
		s.rng.Uint64()
	}
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "%x ", s.rng.Uint64())
	}
	return b.String()
}
