package sim

import (
	"errors"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/internal/journal"
	"github.com/evenkeel/evenkeel/internal/replica"
	"github.com/evenkeel/evenkeel/internal/sim/simdisk"
)

// errDisk is what an operation returns that the disk refuses for no reason.
var errDisk = errors.New("the simulated disk failed")

// retryFull is how often a full journal is tried again.
const retryFull = 500 * time.Millisecond

// diskTask is one thing to do for the journal.
type diskTask struct {
	append  *replica.Append
	fault   *replica.Fault // whose skip is to be written
	compact uint64
}

// diskShell is the part of the journal's goroutine. A write takes time: it is on
// the disk's plate only when that has passed, and until then a loss of power
// keeps any part of it.
type diskShell struct {
	tasks   []diskTask
	busy    bool
	began   time.Duration // when the oldest task was first tried
	writing bool          // the journal is in Append: its last sync is a promise
}

func isSegment(name string) bool { return strings.HasPrefix(name, "log-") }

// operation watches every operation of the disk, and lets some fail.
func (n *node) operation(op simdisk.Op) error {
	n.w.trace.op(n.w.now, op)
	if op.Kind == simdisk.OpWrite && isSegment(op.Name) && op.Len >= simdisk.SectorSize {
		n.newest = op
	}
	if op.Kind == simdisk.OpCreate && isSegment(op.Name) {
		n.w.stats.add("segments made", 1)
	}
	changes := op.Kind == simdisk.OpWrite || op.Kind == simdisk.OpCreate || op.Kind == simdisk.OpSync || op.Kind == simdisk.OpSyncDir
	if changes && n.disks.writing && n.disk.Stalled() > 0 && (op.Name == "" || isSegment(op.Name)) {
		// The goroutine goes on to its next operation, so the sync before it has
		// returned and is kept.
		n.disk.Complete()
	}
	if n.failing && changes && n.w.chance(300) {
		n.failing = false
		n.tracef("the disk fails: %s %s", op.Kind, op.Name)
		n.w.stats.add("disk operations that failed", 1)
		return errDisk
	}
	return nil
}

func (s *diskShell) put(n *node, t diskTask) {
	s.tasks = append(s.tasks, t)
	if !s.busy {
		s.busy, s.began = true, n.w.now
		n.after(n.jitter(), func() { s.next(n) })
	}
}

// next begins the oldest task.
func (s *diskShell) next(n *node) {
	if len(s.tasks) == 0 {
		s.busy = false
		return
	}
	t := s.tasks[0]
	changes := n.disk.Stats().Changes
	s.writing = true
	err := s.do(n, t)
	s.writing = false
	if n.disk.Crashed() {
		n.lost("power fails in the middle of a write")
		return
	}
	length := n.writeTime()
	if n.w.several() && n.disk.Stats().Changes == changes {
		length = 0 // there was nothing to write
	}
	n.after(length, func() { s.done(n, t, err) })
}

func (s *diskShell) do(n *node, t diskTask) error {
	switch {
	case t.append != nil && t.append.Settle:
		return n.journal.ResolveDoubt(journal.Cut)
	case t.append != nil:
		return n.journal.Append(batchOf(t.append))
	case t.fault != nil:
		return n.writeSkip(t.fault)
	default:
		_, err := n.journal.Compact(t.compact)
		return err
	}
}

func batchOf(a *replica.Append) *journal.Batch {
	return &journal.Batch{HardState: a.HardState, Entries: a.Entries, Snapshot: a.Snapshot}
}

// writeTime is how long a write takes: much longer once in a while.
func (n *node) writeTime() time.Duration {
	if until := n.stalled - n.w.now; until > 0 {
		n.w.trouble(n.stalled)
		return until
	}
	return n.w.around(n.w.shape.Write)
}

// done is the end of a task: what the sync promised is kept, and whoever waits
// is told.
func (s *diskShell) done(n *node, t diskTask, err error) {
	n.disk.Complete()
	switch {
	case errors.Is(err, journal.ErrFull) && t.append != nil:
		n.w.stats.add("appends refused by a full disk", 1)
		n.w.trouble(n.w.now)
		n.tell(func() { n.core.JournalFull(true) })
		_ = n.journal.Tend() // finds out whether there is room by now
		if n.disk.Crashed() {
			n.lost("power fails in the middle of a write")
			return
		}
		n.after(retryFull, func() { s.next(n) })
		return
	case err != nil && t.fault != nil:
		n.killed("the skip could not be written: " + err.Error())
		return
	case err != nil:
		n.w.check(n.w.shape.Error > 0 || errors.Is(err, journal.ErrNoSpace), "a disk that works fails nothing", "%v", err)
		n.killed(err.Error())
		return
	}
	n.w.stood.stood(s.began, n.w.now, t.append != nil)
	s.tasks, s.began = s.tasks[1:], n.w.now
	if !s.tell(n, t) {
		return
	}
	s.next(n)
}

func (s *diskShell) tell(n *node, t diskTask) bool {
	switch {
	case t.append != nil:
		n.tell(func() {
			n.core.JournalFull(false)
			err := n.core.Persisted(n.mono(), t.append)
			n.w.check(err == nil, "the core understands its own log", "%v", err)
		})
	case t.fault != nil:
		err := n.rebuild(t.fault)
		n.w.check(err == nil || n.rot > 0, "the desk can be rebuilt", "%v", err)
		if err != nil { // the snapshot rotted: the next start takes the one before it
			n.killed(err.Error())
			return false
		}
		n.applies.blocked = false
		n.after(n.jitter(), n.apply)
	}
	if err := n.journal.Tend(); n.disk.Crashed() {
		n.lost("power fails in the middle of a write")
		return false
	} else if err != nil && !errors.Is(err, journal.ErrFull) {
		n.w.check(n.w.shape.Error > 0, "a disk that works fails nothing", "%v", err)
		n.killed(err.Error())
		return false
	}
	return true
}

// finish writes what is left when the process is stopped.
func (s *diskShell) finish(n *node) {
	n.disk.Complete()
	tasks := s.tasks
	if s.busy && len(tasks) > 0 {
		tasks = tasks[1:] // begun, or not promised to anybody
	}
	for _, t := range tasks {
		if t.append == nil {
			continue
		}
		if err := s.do(n, t); err != nil {
			return // nobody was promised anything
		}
	}
}
