//evenkeel:shell

package replica

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
	"github.com/evenkeel/evenkeel/internal/journal"
)

// Config is what a replica is made of. FS is needed; NodeID and Meta are read
// only when the directory is fresh.
type Config struct {
	FS          journal.FS
	SegmentSize int64 // of the journal, bytes; 0: its default

	// NodeID is this replica's id in the cell, not 0. A fresh directory becomes a
	// cell of this one voter, or a member of the cell whose log begins with Voters:
	// it learns of itself, and of all else, from its leader.
	NodeID uint64
	Voters []uint64
	// Meta is the node's own record (cell, names); at most 4,000 bytes.
	Meta []byte

	Limits  Limits
	Network Network // nil: there are no others

	// OnApply gets the output of each entry applied after Open has returned, in log
	// order, before the proposers get their results. It must not block, and may View.
	OnApply func(desk.Output)
	// OnRestore, if set, is told that the desk started anew from a snapshot of another
	// replica: what led there was told to nobody here. It must not block.
	OnRestore func()
	// OnLeader, if set, is told when this replica hears of another leader, or of none
	// (0) any more. It must not block.
	OnLeader func(leader uint64)
	// OnAppend, if set, is told how long each write of the journal took, with its
	// sync. It must not block.
	OnAppend func(time.Duration)
	// Incident is told of a step that panicked and is skipped from now on.
	Incident func(*Fault)
	Log      *slog.Logger // nil: silent

	machines Machines // of tests; zero: Desks
}

// Replica is the desk of one node: open, start, propose and view, stop. All
// methods but Start may be called by any goroutine.
type Replica struct {
	cfg   Config
	log   *slog.Logger
	id    uint64
	meta  []byte
	birth time.Time // zero of the monotonic clock

	disk  *journal.Journal
	doubt *Doubt // what the core begins with
	core  *Core  // of the core's goroutine

	// mu guards the machine inside applier: Apply and Slice hold it, View shares
	// it. It is never held over I/O, but for the rebuild after a panic, when there
	// is nothing to read.
	mu      sync.RWMutex
	applier *Applier

	inbox   mailbox[input]     // to the core
	writes  mailbox[diskTask]  // to the journal
	applies mailbox[applyTask] // to the machine

	reads reads

	applied  atomic.Uint64 // index of the last applied entry
	saved    atomic.Uint64 // index of the last snapshot that this process has made
	gaveUp   atomic.Uint64 // how many snapshots could not be made
	statusMu sync.Mutex
	status   Status
	statusAt time.Duration
	news     notice // told when applied, status, saved or gaveUp changed

	stop    chan struct{} // closed by Stop or fail
	once    sync.Once
	err     error // why it stopped; set before stop is closed
	started bool
	logic   sync.WaitGroup // the core and the applying goroutine
	io      sync.WaitGroup // those that may hang with the disk
	ended   chan struct{}
}

// Open opens the journal, restores the last snapshot and applies what is known
// to be committed. In a fresh directory it makes a cell of one voter. The
// replica does nothing until Start.
//
// Errors of the journal (damage, doubt that nobody can be asked about, a
// directory in use) can be told with errors.Is and errors.As.
func Open(cfg Config) (*Replica, error) {
	if cfg.machines.New == nil {
		cfg.machines = Desks()
	}
	cfg.machines.Stack = func() string { return string(debug.Stack()) }
	r := &Replica{
		cfg:   cfg,
		log:   cfg.Log,
		birth: time.Now(),
		stop:  make(chan struct{}),
		ended: make(chan struct{}),
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	r.inbox.init()
	r.writes.init()
	r.applies.init()
	if err := r.recover(); err != nil {
		return nil, fmt.Errorf("open the replica: %w", err)
	}
	return r, nil
}

// Start begins to work. The replica serves when Ready says so.
func (r *Replica) Start() {
	r.started = true
	r.logic.Add(2)
	go r.runCore()
	go r.runApply()
	r.io.Add(1)
	go r.runDisk()
	go r.supervise()
}

// supervise ends what is left when the replica stops.
func (r *Replica) supervise() {
	defer close(r.ended)
	<-r.stop
	r.logic.Wait()
	r.dismiss()
	r.io.Wait()
	if err := r.disk.Close(); err != nil {
		r.log.Error("close the journal", "error", err)
	}
}

// dismiss answers every proposal that nobody will answer any more.
func (r *Replica) dismiss() {
	for _, in := range r.inbox.close() {
		if in.proposal != nil {
			end(in.proposal)
		}
	}
	dismissApplies(r.applies.close())
	for _, p := range r.core.Dismiss() {
		end(p)
	}
	r.statusMu.Lock()
	r.status.Leads, r.status.Serving = false, false
	r.statusMu.Unlock()
	r.news.tell()
}

func dismissApplies(tasks []applyTask) {
	for _, task := range tasks {
		if task.apply == nil {
			continue
		}
		for _, item := range task.apply.Entries {
			for _, p := range item.Proposals {
				end(p)
			}
		}
	}
}

func end(p *Proposal) {
	p.Done(nil, evenkeel.Errorf(evenkeel.CodeNoLeader, "this node is stopping"))
}

// Stop ends the replica: what was handed to the journal is finished, proposals
// without a result end with no_leader. It returns the error that had stopped
// the replica before, if one had. It waits for all goroutines, unless the disk
// hangs: then it returns at once, and the process should end.
func (r *Replica) Stop() error {
	r.halt(nil)
	if !r.started {
		return r.disk.Close()
	}
	if !errors.Is(r.err, ErrStalled) {
		<-r.ended
	}
	return r.err
}

// Done is closed when the replica stops, by Stop or by an error.
func (r *Replica) Done() <-chan struct{} { return r.stop }

// Err returns why the replica stopped by itself; nil while it runs or after Stop.
func (r *Replica) Err() error {
	select {
	case <-r.stop:
		return r.err
	default:
		return nil
	}
}

func (r *Replica) halt(err error) {
	r.once.Do(func() {
		r.err = err
		close(r.stop)
	})
}

func (r *Replica) fail(err error) {
	r.log.Error("the replica stops", "error", err)
	r.halt(err)
}

// ID returns the replica's id in the cell.
func (r *Replica) ID() uint64 { return r.id }

// Meta returns the node's own record, as given when the directory was fresh.
func (r *Replica) Meta() []byte { return r.meta }

// Status returns how the replica stood after its last event.
func (r *Replica) Status() Status {
	r.statusMu.Lock()
	defer r.statusMu.Unlock()
	s := r.status
	s.Applied = max(s.Applied, r.applied.Load())
	return s
}

// Time returns desk time, by this replica's clock.
func (r *Replica) Time() evenkeel.DeskTime {
	r.statusMu.Lock()
	defer r.statusMu.Unlock()
	return r.status.Time + evenkeel.DeskTime((r.now()-r.statusAt)/time.Millisecond)
}

// Ready returns when the replica serves. Errors: ctx's, or why it stopped.
func (r *Replica) Ready(ctx context.Context) error {
	return r.await(ctx, func() bool { return r.Status().Serving })
}

// WaitApplied returns when the entry at index is applied here. Errors: ctx's, or
// why the replica stopped.
func (r *Replica) WaitApplied(ctx context.Context, index uint64) error {
	if r.applied.Load() >= index {
		return nil
	}
	return r.await(ctx, func() bool { return r.applied.Load() >= index })
}

// Await returns when the replica stands as wanted. Errors: ctx's, or why it stopped.
func (r *Replica) Await(ctx context.Context, met func(Status) bool) error {
	return r.await(ctx, func() bool { return met(r.Status()) })
}

func (r *Replica) await(ctx context.Context, met func() bool) error {
	for {
		changed := r.news.wait()
		if met() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-r.stop:
			if r.err != nil {
				return fmt.Errorf("the replica has stopped: %w", r.err)
			}
			return noLeader()
		}
	}
}

// View calls fn with the desk as it is after some entry. fn must not block, must
// not propose and wait, and must keep nothing but copies.
func (r *Replica) View(fn func(*desk.Desk)) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	fn(DeskOf(r.applier.Machine()))
}

// Propose puts encoded commands into one entry of the log, first come first
// served within a lane, and calls done exactly once: with one result a command,
// or an error. It never blocks. done may be called before it returns, else by a
// goroutine of the replica, and must not block.
//
// After too_many_requests, disk_full, too_large or bad_request none of the commands takes
// effect. After no_leader each may or may not.
func (r *Replica) Propose(lane Lane, commands [][]byte, done func([]evenkeel.Result, error)) {
	if check := r.cfg.machines.Check; check != nil {
		for _, command := range commands {
			if err := check(command); err != nil {
				done(nil, evenkeel.Errorf(evenkeel.CodeBadRequest, "the command cannot be read back: %v", err))
				return
			}
		}
	}
	p := &Proposal{Lane: lane, Commands: commands, Done: done}
	if r.inbox.putBelow(input{proposal: p}, inboxLimit) {
		return
	}
	select {
	case <-r.stop:
		done(nil, noLeader())
	default:
		done(nil, busy("the cell has more to do than it can"))
	}
}

// Do proposes one command in the control lane and waits for its result. The
// command's refusal is returned as the error too. When ctx ends first, the
// command may still take effect.
func (r *Replica) Do(ctx context.Context, command *evenkeel.Command) (evenkeel.Result, error) {
	encoded, err := desk.EncodeCommand(nil, command)
	if err != nil {
		return evenkeel.Result{}, err
	}
	type outcome struct {
		results []evenkeel.Result
		err     error
	}
	answer := make(chan outcome, 1)
	r.Propose(Control, [][]byte{encoded}, func(results []evenkeel.Result, err error) {
		answer <- outcome{results, err}
	})
	select {
	case <-ctx.Done():
		return evenkeel.Result{}, ctx.Err()
	case got := <-answer:
		switch {
		case got.err != nil:
			return evenkeel.Result{}, got.err
		case got.results[0].Err != nil:
			return got.results[0], got.results[0].Err
		}
		return got.results[0], nil
	}
}
