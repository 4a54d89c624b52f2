//evenkeel:shell

package archive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/evenkeel/evenkeel"
)

// Source is the desk, as the runner sees it. Its methods may be called by any
// goroutine and do not wait, but for Report.
type Source interface {
	// Ops returns the operations after a number, in order and without a hole: at
	// most maxOps, and about maxBytes of them but one at least, if there is one.
	// first is the oldest that the desk still has (the next one to come, if it
	// has none), last the newest that there ever was.
	Ops(after uint64, maxOps, maxBytes int) (ops []evenkeel.ArchiveOp, first, last uint64)
	// Changed receives something after operations were added.
	Changed() <-chan struct{}
	// Report tells the desk up to which operation the copy has all on its disk, and
	// how it stands.
	Report(ctx context.Context, cursor uint64, state evenkeel.CopyState) error
}

// Config is what a runner needs. Zero sizes and times have defaults.
type Config struct {
	Path    string // of the file
	Options Options
	Source  Source
	Peers   Peers // nil: there are none
	// Refilled, if set, is told after a copy that was lost was filled from another
	// node's, and how it was lost. It must not block.
	Refilled func(loss string)
	Log      *slog.Logger

	BatchOps   int           // of one transaction; 500
	BatchBytes int           // about; 1 MiB
	RetryMin   time.Duration // after a failure, doubled by each further one; 100 ms
	RetryMax   time.Duration // 10 s
	LookEvery  time.Duration // an idle runner looks whether its file is still there; 10 s
	AheadFor   time.Duration // the desk may take to come to where the copy is; 30 s
}

func (c *Config) defaults() {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	if c.Peers == nil {
		c.Peers = nobody{}
	}
	if c.BatchOps == 0 {
		c.BatchOps = 500
	}
	if c.BatchBytes == 0 {
		c.BatchBytes = 1 << 20
	}
	set(&c.RetryMin, 100*time.Millisecond)
	set(&c.RetryMax, 10*time.Second)
	set(&c.LookEvery, 10*time.Second)
	set(&c.AheadFor, 30*time.Second)
}

// The states of a copy.
const (
	stateLive    = "live"
	stateFilling = "filling"
	stateStale   = "stale"
	stateFailed  = "failed"
)

// Runner keeps one copy up to date in a goroutine of its own and answers reads.
// Whatever happens to the file, it goes on trying.
type Runner struct {
	cfg     Config
	store   atomic.Pointer[Store] // nil: not open
	suspect atomic.Bool           // a reader found damage
	wake    chan struct{}
	cancel  context.CancelFunc
	done    chan struct{}

	told     bool // of the goroutine alone: the desk knows of this file
	reported uint64
	state    evenkeel.CopyState
	loss     string    // what became of the copy before this one; empty: nothing
	ahead    time.Time // since when the desk has not come to where the copy is; zero: it has

	mu      sync.Mutex
	fault   error // why it cannot go on, nil if it can
	since   time.Time
	gap     uint64   // the oldest operation that the desk has, if that leaves a gap
	caught  bool     // had all that the desk has, once since it was opened
	filling *filling // nil: there is no refill
}

// NewRunner makes a runner that does nothing yet.
func NewRunner(cfg Config) *Runner {
	cfg.defaults()
	return &Runner{cfg: cfg, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// Start starts the goroutine; Stop ends it. A file that cannot be opened is not
// an error: Status tells.
func (r *Runner) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() {
		defer close(r.done)
		r.run(ctx)
		r.close()
	}()
}

// Stop ends the goroutine, waits for it, and closes the file.
func (r *Runner) Stop() {
	if r.cancel == nil {
		return
	}
	r.cancel()
	<-r.done
}

func (r *Runner) run(ctx context.Context) {
	retry := r.cfg.RetryMin
	for ctx.Err() == nil {
		more, err := r.step(ctx)
		if ctx.Err() != nil {
			return
		}
		r.judge(ctx, err)
		pause := r.cfg.LookEvery
		switch {
		case err != nil:
			pause, retry = retry, min(2*retry, r.cfg.RetryMax)
			if !r.rest(ctx, pause, nil) {
				return
			}
			continue
		case more:
			retry = r.cfg.RetryMin
			continue
		}
		retry = r.cfg.RetryMin
		if !r.rest(ctx, pause, r.cfg.Source.Changed()) {
			return
		}
	}
}

// rest waits for a time, a reader's alarm or something to do; false: for the end.
func (r *Runner) rest(ctx context.Context, pause time.Duration, changed <-chan struct{}) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	case <-changed:
	case <-r.wake:
	}
	return true
}

// step does the next thing that has to be done, and tells whether there is more.
func (r *Runner) step(ctx context.Context) (more bool, err error) {
	s := r.store.Load()
	if s == nil {
		return true, r.open(ctx)
	}
	if r.suspect.Load() {
		return true, r.setAside(errors.New("a reader found damage"))
	}
	if s.Moved() {
		r.cfg.Log.Error("the archive was moved or deleted while it was in use: a new one is made", "file", r.cfg.Path)
		r.loss = "its file was moved or deleted while it was in use"
		r.close()
		return true, nil
	}
	more, err = r.feed(ctx, s)
	if errors.Is(err, ErrDamaged) {
		return true, r.setAside(err)
	}
	if errors.Is(err, ErrMoved) {
		r.close()
		return true, nil
	}
	return more, err
}

// open opens the file. One that is damaged is set aside, and the next step
// makes a new one.
func (r *Runner) open(ctx context.Context) error {
	s, err := Open(ctx, r.cfg.Path, r.cfg.Options)
	if errors.Is(err, ErrDamaged) {
		return r.setAside(err)
	}
	if err != nil {
		return err
	}
	r.told = false
	r.store.Store(s)
	r.setCaught(false)
	return nil
}

func (r *Runner) close() {
	if s := r.store.Swap(nil); s != nil {
		if err := s.Close(); err != nil {
			r.cfg.Log.Warn("the archive could not be closed in order; nothing is lost by it", "file", r.cfg.Path, "error", err)
		}
	}
}

// feed applies one batch and reports how far the copy has come.
func (r *Runner) feed(ctx context.Context, s *Store) (more bool, err error) {
	ops, first, last := r.cfg.Source.Ops(s.Cursor(), r.cfg.BatchOps, r.cfg.BatchBytes)
	switch cursor := s.Cursor(); {
	case cursor > last:
		return false, r.wait(cursor, last)
	case first > cursor+1:
		return r.bridge(ctx, s, first)
	}
	r.ahead = time.Time{}
	r.setGap(0)
	if len(ops) > 0 {
		if err := s.Apply(ctx, ops); err != nil {
			return false, err
		}
	}
	cursor := s.Cursor()
	r.setCaught(cursor >= last)
	state := evenkeel.CopyLive
	if r.far(last - cursor) {
		state = evenkeel.CopyFilling
	}
	if err := r.tell(ctx, cursor, state); err != nil {
		return false, err // the copy itself is sound: only the desk keeps the operations longer
	}
	if m := s.Missing(); cursor == last && m > 0 && r.cfg.Peers.Whole(m) {
		return true, r.refill(ctx, s, want{least: cursor, lacks: m})
	}
	return cursor < last, nil
}

// wait lets this node's replica come to where the copy is, which was filled by
// another node's, or by this one before it started. It must not take for ever.
func (r *Runner) wait(cursor, last uint64) error {
	if r.ahead.IsZero() {
		r.ahead = time.Now()
	}
	if time.Since(r.ahead) < r.cfg.AheadFor {
		return nil
	}
	return fmt.Errorf("%w: it has done operation %d, and the cell has only come to %d", ErrForeign, cursor, last)
}

// far tells whether a copy is so much behind that it is filling.
func (r *Runner) far(behind uint64) bool { return behind > uint64(4*r.cfg.BatchOps) }

// judge keeps what a step came to for Status, and logs when it changes.
func (r *Runner) judge(ctx context.Context, err error) {
	switch {
	case errors.Is(err, errRefill):
		err = nil // it has been told, and is told by the gap
	case errors.Is(err, errReport):
		r.cfg.Log.Debug("the archive's cursor was not taken; it is sent again", "error", err)
		err = nil
	case err != nil && r.told:
		if err := r.tell(ctx, r.reported, evenkeel.CopyFailed); err != nil {
			r.cfg.Log.Debug("the archive's failure was not taken down; it is told again", "error", err)
		}
	}
	r.mu.Lock()
	was := r.fault
	if r.fault = err; was == nil {
		r.since = time.Now()
	}
	r.mu.Unlock()
	switch {
	case err != nil && (was == nil || remedy(was) != remedy(err)):
		r.cfg.Log.Error("the archive cannot be written; chats go on", "file", r.cfg.Path, "do", remedy(err), "error", err)
	case err == nil && was != nil:
		r.cfg.Log.Info("the archive can be written again", "file", r.cfg.Path)
	}
}

func (r *Runner) setGap(first uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gap = first
}

func (r *Runner) setCaught(up bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.caught = up || r.caught && r.store.Load() != nil && r.fault == nil
}
