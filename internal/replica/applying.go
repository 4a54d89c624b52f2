//evenkeel:shell

package replica

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/evenkeel/evenkeel/internal/desk"
)

// applyTask is one thing to do with the machine: apply, forget what a durable
// snapshot holds, or give up the snapshot being taken.
type applyTask struct {
	apply   *Apply
	saved   *SnapshotOrder
	size    int64 // of the saved one's file
	abandon *SnapshotOrder
}

// runApply is the goroutine of the machine: entries first, slices of a snapshot
// between them.
func (r *Replica) runApply() {
	defer r.logic.Done()
	saving := r.beginSaving()
	defer func() { saving.end() }()
	for {
		tasks := r.applies.take()
		for i, task := range tasks {
			var err error
			switch {
			case task.apply != nil:
				err = r.apply(task.apply, saving)
			case task.saved != nil:
				r.applier.Saved(task.saved.Index)
				r.renew(&task)
			case task.abandon != nil:
				saving = r.abandon(task.abandon, saving)
			}
			if err != nil {
				r.fail(err)
				dismissApplies(tasks[i:])
				return
			}
			if saving = r.settle(saving); saving == nil {
				saving = r.beginSaving()
			}
		}
		select {
		case <-r.stop:
			return
		default:
		}
		saving = r.idle(saving)
		if saving == nil {
			select {
			case <-r.applies.signal:
			case <-r.stop:
				return
			}
		}
	}
}

// apply applies a run of entries and answers their proposers.
func (r *Replica) apply(a *Apply, saving *saving) error {
	if a.Restore != nil {
		if err := r.restore(a.Restore.GetIndex()); err != nil {
			return err
		}
	}
	for i, item := range a.Entries {
		out, err := r.applyEntry(item, saving)
		if err != nil {
			return err
		}
		r.applied.Store(item.Entry.GetIndex())
		if r.cfg.OnApply != nil && item.Stamped() {
			r.cfg.OnApply(out)
		}
		for _, p := range item.Proposals {
			n := len(p.Commands)
			p.Done(out.Results[:n:n], nil)
			out.Results = out.Results[n:]
		}
		a.Entries[i].Proposals = nil // answered
		r.news.tell()
	}
	if a.Freeze != nil {
		if err := r.freeze(a.Freeze); err != nil {
			return err
		}
	}
	state := r.applier.State()
	r.tell(func(c *Core, now time.Duration) error { return c.Applied(now, a, state) })
	return nil
}

// applyEntry applies one entry, through as many panics as it has, and checks
// that there is a result for each command that somebody waits for.
func (r *Replica) applyEntry(item Committed, saving *saving) (desk.Output, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	begin := time.Now()
	out, fault, err := r.applier.Apply(item.Entry)
	for fault != nil && err == nil {
		// The machine is half changed: nobody may read it until it is rebuilt, so
		// the lock is kept, disk or not.
		if err = r.mend(fault); err == nil {
			out, fault, err = r.applier.Apply(item.Entry)
		}
	}
	if err != nil {
		return out, err
	}
	expected := 0
	for _, p := range item.Proposals {
		expected += len(p.Commands)
	}
	if len(item.Proposals) > 0 && len(out.Results) != expected {
		return out, fmt.Errorf("apply entry %d: %d results for %d commands", item.Entry.GetIndex(), len(out.Results), expected)
	}
	saving.between(r, time.Since(begin))
	return out, nil
}

// mend makes the skip of a fault durable and rebuilds the machine without it.
func (r *Replica) mend(fault *Fault) error {
	r.log.Error("a command panicked and is skipped", "index", fault.Index, "step", fault.Step, "panic", fault.Value, "stack", fault.Stack)
	written := make(chan error, 1)
	if !r.writes.put(diskTask{skip: &Skip{Index: fault.Index, Step: fault.Step}, written: written}) {
		return fmt.Errorf("write the skip of %w: the replica is stopping", fault)
	}
	if err := <-written; err != nil {
		return fmt.Errorf("write the skip of %w: %w", fault, err)
	}
	return r.rebuild(fault)
}

// rebuild makes the machine anew from disk and memory.
func (r *Replica) rebuild(fault *Fault) error {
	if r.cfg.Incident != nil {
		defer r.cfg.Incident(fault)
	}
	snapshot, err := r.snapshotAt(r.applier.Base())
	if err != nil {
		return err
	}
	if snapshot == nil {
		return r.applier.Rebuild(nil, fault)
	}
	defer snapshot.Close()
	return r.applier.Rebuild(snapshot, fault)
}

// restore starts the machine anew from a snapshot that came from another replica.
func (r *Replica) restore(index uint64) error {
	snapshot, err := r.snapshotAt(index)
	if err != nil {
		return err
	}
	defer snapshot.Close()
	r.mu.Lock()
	err = r.applier.Restore(index, snapshot)
	r.mu.Unlock()
	if err != nil {
		return err
	}
	r.applied.Store(index)
	r.news.tell()
	if r.cfg.OnRestore != nil {
		r.cfg.OnRestore()
	}
	return nil
}

// maxRenewed is the largest snapshot from which a machine is renewed: nobody can
// read meanwhile.
const maxRenewed = 8 << 20

// renew makes the machine of a cell at rest anew, so that what it does not need any
// more can be given back.
func (r *Replica) renew(task *applyTask) {
	if !task.saved.Rest || task.size > maxRenewed || !r.applier.MayRenew(task.saved.Index) {
		return
	}
	snapshot, err := r.snapshotAt(task.saved.Index)
	if err == nil {
		r.mu.Lock()
		err = errors.Join(r.applier.Renew(snapshot), snapshot.Close())
		r.mu.Unlock()
	}
	if err != nil {
		r.log.Error("the snapshot that was just written cannot be read back; its disk may be damaged", "index", task.saved.Index, "error", err)
		return
	}
	r.log.Debug("the machine was made anew", "index", task.saved.Index, "bytes", task.size)
}

// snapshotAt opens a snapshot; nil at index 0, where there is none.
func (r *Replica) snapshotAt(index uint64) (io.ReadCloser, error) {
	if index == 0 {
		return nil, nil
	}
	snapshot, err := r.disk.OpenSnapshot(index)
	if err != nil {
		return nil, fmt.Errorf("open the snapshot of %d: %w", index, err)
	}
	return snapshot, nil
}

func (r *Replica) freeze(order *SnapshotOrder) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.applier.Freeze(order)
}
