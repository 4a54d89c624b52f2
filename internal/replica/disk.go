//evenkeel:shell

package replica

import (
	"errors"
	"fmt"
	"time"

	"github.com/evenkeel/evenkeel/internal/journal"
)

// retryFull is how often a full journal is tried again.
const retryFull = 500 * time.Millisecond

// diskTask is one thing to do for the journal: an append of the core, the skip of
// a step that panicked, or a compaction.
type diskTask struct {
	append  *Append
	skip    *Skip
	written chan<- error // of skip; has room
	compact uint64
}

// runDisk is the goroutine of the journal. When the replica stops, it finishes
// what it was given.
func (r *Replica) runDisk() {
	defer r.io.Done()
	defer r.refuseWrites()
	var waiting []*Append // in order; more than one only while the journal is full
	var again <-chan time.Time
	for {
		for _, task := range r.writes.take() {
			if task.append != nil {
				waiting = append(waiting, task.append)
			} else if err := r.aside(task); err != nil {
				r.fail(err)
				return
			}
		}
		var err error
		if waiting, err = r.write(waiting); err != nil {
			r.fail(err)
			return
		}
		again = nil
		if len(waiting) > 0 {
			again = time.After(retryFull)
		}
		select {
		case <-r.writes.signal:
		case <-again:
		case <-r.stop:
			r.writeLast(waiting)
			return
		}
	}
}

// write appends in order, as far as the journal has room, and returns the rest.
func (r *Replica) write(appends []*Append) ([]*Append, error) {
	for i, a := range appends {
		began := time.Now()
		err := r.append(a)
		if r.cfg.OnAppend != nil {
			r.cfg.OnAppend(time.Since(began))
		}
		if errors.Is(err, journal.ErrFull) {
			r.tell(func(c *Core, _ time.Duration) error { c.JournalFull(true); return nil })
			_ = r.disk.Tend() // finds out whether there is room by now
			return appends[i:], nil
		}
		if err != nil {
			return nil, fmt.Errorf("write the journal: %w", err)
		}
		r.tell(func(c *Core, now time.Duration) error {
			c.JournalFull(false)
			return c.Persisted(now, a)
		})
	}
	if err := r.disk.Tend(); err != nil && !errors.Is(err, journal.ErrFull) {
		return nil, fmt.Errorf("prepare the journal: %w", err)
	}
	return nil, nil
}

func (r *Replica) append(a *Append) error {
	if a.Settle {
		return r.disk.ResolveDoubt(journal.Cut)
	}
	return r.disk.Append(&journal.Batch{HardState: a.HardState, Entries: a.Entries, Snapshot: a.Snapshot})
}

// writeLast finishes what was handed over before the replica stopped. Nobody
// learns of it any more, but a promise made on the way here is kept.
func (r *Replica) writeLast(waiting []*Append) {
	for _, task := range r.writes.take() {
		if task.append != nil {
			waiting = append(waiting, task.append)
		} else if task.written != nil {
			task.written <- errors.New("the replica is stopping")
		}
	}
	if _, err := r.write(waiting); err != nil {
		r.log.Error("the last write before the stop", "error", err)
	}
}

// refuseWrites ends what comes too late.
func (r *Replica) refuseWrites() {
	for _, task := range r.writes.close() {
		if task.written != nil {
			task.written <- errors.New("the replica is stopping")
		}
	}
}

// aside does what needs no room of its own.
func (r *Replica) aside(task diskTask) error {
	if task.skip != nil {
		err := r.disk.Append(&journal.Batch{Skips: []journal.Skip{{Index: task.skip.Index, Ordinal: uint32(task.skip.Step)}}})
		task.written <- err
		return nil // the applying goroutine stops the replica
	}
	if _, err := r.disk.Compact(task.compact); err != nil {
		return fmt.Errorf("compact the journal: %w", err)
	}
	return nil
}
