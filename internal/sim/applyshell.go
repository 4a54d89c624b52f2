package sim

import (
	"encoding/binary"
	"errors"

	"github.com/evenkeel/evenkeel/internal/desk"
	"github.com/evenkeel/evenkeel/internal/journal"
	"github.com/evenkeel/evenkeel/internal/replica"
)

var errAbandoned = errors.New("it was abandoned") //state: a constant

// applyTask is one thing to do with the machine.
type applyTask struct {
	apply   *replica.Apply
	done    int // entries of it that are applied
	saved   *replica.SnapshotOrder
	abandon *replica.SnapshotOrder
}

// applyShell is the part of the goroutine that applies, and of the one that
// writes a snapshot.
type applyShell struct {
	tasks   mailbox[applyTask]
	work    []applyTask
	blocked bool // the machine panicked and is not yet rebuilt

	order  *replica.SnapshotOrder // of the snapshot being written
	writer *journal.SnapshotWriter
}

// apply does the next entry, and a slice of a snapshot behind it.
func (n *node) apply() {
	s := &n.applies
	s.work = append(s.work, s.tasks.take()...)
	if s.blocked || len(s.work) == 0 {
		return
	}
	switch t := &s.work[0]; {
	case t.apply != nil:
		if !n.applyNext(t) {
			return
		}
	case t.saved != nil:
		n.applier.Saved(t.saved.Index)
		n.renew(t.saved)
		s.work = s.work[1:]
	default:
		if n.applier.Freezing() == t.abandon {
			n.applier.Abandon()
		}
		s.order = nil
		s.work = s.work[1:]
	}
	s.beginSaving(n)
	if len(s.work) > 0 {
		s.tasks.awake = true
		n.after(n.jitter(), n.apply)
	}
}

// renew makes the machine of a cell at rest anew, which nobody may notice.
func (n *node) renew(order *replica.SnapshotOrder) {
	if !order.Rest || !n.applier.MayRenew(order.Index) {
		return
	}
	before := n.desk().Hash()
	r, err := n.journal.OpenSnapshot(order.Index)
	if err == nil {
		err = errors.Join(n.applier.Renew(r), r.Close())
	}
	n.w.tracef("the machine is renewed at %d: %v", order.Index, err)
	n.w.stats.add("machines renewed", 1)
	n.w.check(n.desk().Hash() == before, "a renewed machine is the same", "at %d", order.Index)
}

// applyNext applies one entry of a run, or reports its end. It returns false if
// the machine has to be rebuilt first.
func (n *node) applyNext(t *applyTask) bool {
	a := t.apply
	if a.Restore != nil && t.done == 0 && !n.restoreTo(a.Restore.GetIndex()) {
		return false
	}
	if t.done < len(a.Entries) {
		item := &a.Entries[t.done]
		out, fault, err := n.applier.Apply(item.Entry)
		n.w.check(err == nil, "what is in the log can be applied", "%v", err)
		if fault != nil {
			n.own(fault)
			n.applies.blocked = true
			n.disks.put(n, diskTask{fault: fault})
			return false
		}
		t.done++
		n.answer(item, &out)
		return true
	}
	if a.Freeze != nil {
		err := n.applier.Freeze(a.Freeze)
		n.w.check(err == nil, "a snapshot can be taken", "%v", err)
		n.tracef("snapshot of %d begins", a.Freeze.Index)
	}
	state := n.applier.State()
	n.tell(func() {
		err := n.core.Applied(n.mono(), a, state)
		n.w.check(err == nil, "the core understands its own log", "%v", err)
	})
	n.applies.work = n.applies.work[1:]
	return true
}

// answer passes on what an entry came to: events first, then results.
func (n *node) answer(item *replica.Committed, out *desk.Output) {
	n.tracef("entry %d: %d results, %d events, more %t, hash %x", item.Entry.GetIndex(), len(out.Results), len(out.Events), out.More, n.desk().Hash())
	if item.Stamped() {
		n.gate.publish(n, out.Events)
		n.edge.events(n, out.Events)
	}
	results := out.Results
	for _, p := range item.Proposals {
		k := len(p.Commands)
		n.w.check(len(results) >= k, "each command has a result", "entry %d", item.Entry.GetIndex())
		p.Done(results[:k:k], nil)
		results = results[k:]
	}
	item.Proposals = nil
	n.peers.asked.Applied(n.applier.Applied())
	n.peers.settle(n)
}

// beginSaving lets the snapshot be written that the machine was frozen for.
func (s *applyShell) beginSaving(n *node) {
	order := n.applier.Freezing()
	if order == nil || s.order != nil {
		return
	}
	s.order = order
	n.after(n.jitter(), func() { s.cut(n) })
}

// cut takes the next slice and writes it.
func (s *applyShell) cut(n *node) {
	if s.blocked {
		n.after(n.writeTime(), func() { s.cut(n) })
		return
	}
	order := s.order
	var err error
	if s.writer == nil {
		s.writer, err = n.journal.CreateSnapshot(order.Index, order.Term)
	}
	if err == nil && n.applier.Freezing() != order {
		err = errAbandoned
	}
	var slice replica.Slice
	if err == nil {
		slice, err = n.applier.Slice(n.w.shape.Slice)
		n.w.check(err == nil, "a snapshot can be taken", "%v", err)
	}
	if err == nil {
		_, err = s.writer.Write(slice.Data)
	}
	var meta journal.SnapshotMeta
	if err == nil && slice.Last {
		meta, err = s.writer.Commit(journal.SnapshotMeta{
			Index: order.Index, Term: order.Term, ConfState: order.ConfState, DeskHash: binary.BigEndian.AppendUint64(nil, slice.Hash),
		})
	}
	switch {
	case n.disk.Crashed():
		n.lost("power fails while a snapshot is written")
	case err != nil:
		s.giveUp(n, err)
	case slice.Last:
		n.tracef("snapshot of %d is written, %d bytes", order.Index, meta.Size)
		n.w.stats.add("snapshots written", 1)
		s.order, s.writer = nil, nil
		put(n, &s.tasks, applyTask{saved: order}, n.apply)
		n.disks.put(n, diskTask{compact: order.Index})
		n.tell(func() { n.core.SnapshotSaved(order, meta.Size) })
		s.beginSaving(n)
	default:
		n.after(n.writeTime()/2, func() { s.cut(n) })
	}
}

// giveUp drops a snapshot that the disk refused, or that a panic ended.
func (s *applyShell) giveUp(n *node, err error) {
	order := s.order
	n.tracef("the snapshot of %d is given up: %v", order.Index, err)
	n.w.stats.add("snapshots given up", 1)
	if s.writer != nil {
		_ = s.writer.Abort() // it counts for nothing in any case
	}
	if n.disk.Crashed() {
		n.lost("power fails while a snapshot is dropped")
		return
	}
	s.writer = nil // and no other is begun before the machine has thawed
	put(n, &s.tasks, applyTask{abandon: order}, n.apply)
	n.tell(func() { n.core.SnapshotFailed(order) })
}

// restoreTo starts the machine anew from a snapshot of another replica. What
// happened meanwhile was told to no client here, so each comes again.
func (n *node) restoreTo(index uint64) bool {
	r, err := n.journal.OpenSnapshot(index)
	if err == nil {
		err = errors.Join(n.applier.Restore(index, r), r.Close())
	}
	if n.disk.Crashed() {
		n.lost("power fails while a snapshot is read")
		return false
	}
	if err != nil {
		n.w.check(n.w.shape.Error > 0 || n.rot > 0, "a snapshot that came can be read", "%v", err)
		n.killed(err.Error())
		return false
	}
	n.tracef("the desk is that of the snapshot of %d", index)
	n.w.stats.add("snapshots of the leader restored", 1)
	n.reached = max(n.reached, index)
	n.w.trouble(n.w.now)
	n.gate.restart(n)
	n.peers.asked.Applied(index)
	n.peers.settle(n)
	return true
}
