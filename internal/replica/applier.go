//evenkeel:pure

package replica

import (
	"fmt"
	"io"
	"slices"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/evenkeel/evenkeel/internal/desk"
)

// Applier owns the machine: it applies committed entries in order, catches a
// panic, and rebuilds the machine from the last snapshot and the entries since.
//
// Not for concurrent use; after a Fault the machine must not be read until
// Rebuild has returned nil.
type Applier struct {
	machines Machines
	machine  Machine
	broken   bool

	// base is the index of the snapshot that a rebuild starts from; 0: an empty
	// machine. since are the entries behind it that were applied.
	base    uint64
	applied uint64
	more    bool // follow-up work may be left
	since   []*raftpb.Entry
	skips   map[uint64][]int // steps not to be done, by index of entry

	frozen Frozen // the snapshot being taken
	order  *SnapshotOrder
}

// Fault is a step that panicked. Its skip is to be made durable before Rebuild.
type Fault struct {
	Index uint64
	Step  int
	Value any    // what it panicked with
	Stack string // where, if the shell gave a way to tell
}

func (f *Fault) Error() string {
	return fmt.Sprintf("step %d of entry %d panicked: %v", f.Step, f.Index, f.Value)
}

// Skip names a step that is not done: it panicked once.
type Skip struct {
	Index uint64
	Step  int
}

// NewApplier restores the machine from the snapshot at base, or makes a new one
// if snapshot is nil. skips are those of entries behind base.
func NewApplier(machines Machines, base uint64, snapshot io.Reader, skips []Skip) (*Applier, error) {
	a := &Applier{machines: machines, skips: make(map[uint64][]int)}
	for _, s := range skips {
		a.skip(s)
	}
	if err := a.reset(base, snapshot); err != nil {
		return nil, err
	}
	return a, nil
}

// skip keeps the steps of an entry in rising order, as the machine wants them.
func (a *Applier) skip(s Skip) {
	steps := a.skips[s.Index]
	if at, found := slices.BinarySearch(steps, s.Step); !found {
		a.skips[s.Index] = slices.Insert(steps, at, s.Step)
	}
}

func (a *Applier) reset(base uint64, snapshot io.Reader) error {
	machine := a.machines.New()
	if snapshot != nil {
		var err error
		if machine, err = a.machines.Restore(snapshot); err != nil {
			return fmt.Errorf("replica: snapshot %d: %w", base, err)
		}
		// Only the end of the stream says that all of it is sound.
		if _, err = io.Copy(io.Discard, snapshot); err != nil {
			return fmt.Errorf("replica: snapshot %d: %w", base, err)
		}
	}
	a.machine, a.base, a.applied, a.broken = machine, base, base, false
	a.more = snapshot != nil // it does not say
	return nil
}

// Machine returns the machine, for reading.
func (a *Applier) Machine() Machine { return a.machine }

// Applied returns the index of the last applied entry.
func (a *Applier) Applied() uint64 { return a.applied }

// Base returns the index of the snapshot that Rebuild needs; 0: none.
func (a *Applier) Base() uint64 { return a.base }

// State is what the core wants to know after an Apply.
func (a *Applier) State() Applied {
	deadline, has := a.machine.NextDeadline()
	return Applied{Time: a.machine.Now(), Deadline: deadline, HasDeadline: has, More: a.more, Size: a.machine.Size()}
}

// Apply applies the next entry. If the machine panics, the fault is returned:
// make its skip durable, Rebuild, and Apply the entry again. An error stops the
// replica.
func (a *Applier) Apply(e *raftpb.Entry) (desk.Output, *Fault, error) {
	index := e.GetIndex()
	switch {
	case a.broken:
		return desk.Output{}, nil, fmt.Errorf("replica: entry %d before the machine is rebuilt", index)
	case index != a.applied+1:
		return desk.Output{}, nil, fmt.Errorf("replica: entry %d behind %d", index, a.applied)
	}
	out, fault, err := a.apply(e)
	if err != nil {
		return desk.Output{}, nil, fmt.Errorf("replica: apply entry %d: %w", index, err)
	}
	if fault != nil {
		a.broken = true
		a.Abandon()
		if slices.Contains(a.skips[index], fault.Step) {
			return desk.Output{}, nil, fmt.Errorf("replica: %w, though it is to be skipped", fault)
		}
		return desk.Output{}, fault, nil
	}
	a.applied = index
	a.since = append(a.since, e)
	return out, nil, nil
}

// apply catches a panic of the machine.
func (a *Applier) apply(e *raftpb.Entry) (out desk.Output, fault *Fault, err error) {
	if !stamped(e) {
		return desk.Output{Index: e.GetIndex()}, nil, nil
	}
	defer func() {
		if value := recover(); value != nil {
			fault = &Fault{Index: e.GetIndex(), Step: a.machine.Step(), Value: value}
			if a.machines.Stack != nil {
				fault.Stack = a.machines.Stack()
			}
		}
	}()
	out, err = a.machine.Apply(e.GetIndex(), e.GetData(), a.skips[e.GetIndex()])
	a.more = out.More
	return out, nil, err
}

// Rebuild makes the machine anew after a fault whose skip is durable: from the
// snapshot at Base (nil if that is 0) and the entries since. The entry of the
// fault is to be applied next.
func (a *Applier) Rebuild(snapshot io.Reader, fault *Fault) error {
	a.skip(Skip{Index: fault.Index, Step: fault.Step})
	if err := a.reset(a.base, snapshot); err != nil {
		return err
	}
	return a.reapply()
}

// reapply applies the entries since the snapshot to a machine that was made of it.
func (a *Applier) reapply() error {
	for _, e := range a.since {
		switch _, again, err := a.apply(e); {
		case err != nil:
			return fmt.Errorf("replica: rebuild: entry %d: %w", e.GetIndex(), err)
		case again != nil:
			// It did not panic when it was first applied: the snapshot or the
			// machine is not what it was.
			return fmt.Errorf("replica: rebuild: %w", again)
		}
		a.applied = e.GetIndex()
	}
	return nil
}

// maxReapplied is how many entries behind a snapshot are no hindrance to Renew.
const maxReapplied = 1000

// MayRenew tells whether the machine may be made anew from the durable snapshot at
// an index and the few entries since.
func (a *Applier) MayRenew(index uint64) bool {
	return index == a.base && len(a.since) <= maxReapplied && a.frozen == nil && !a.broken
}

// Renew makes the machine anew from the durable snapshot at Base and the entries
// since. What is left of busy hours lies scattered over all the memory that they
// took, of which the collector can give nothing back; a new machine lies together.
// After an error the machine is the one that it was.
func (a *Applier) Renew(snapshot io.Reader) error {
	machine, applied, more := a.machine, a.applied, a.more
	err := a.reset(a.base, snapshot)
	if err == nil {
		err = a.reapply()
	}
	if err == nil && a.machine.Hash() != machine.Hash() {
		err = fmt.Errorf("replica: renewed from the snapshot of %d the machine is another one", a.base)
	}
	if a.more = more; err != nil {
		a.machine, a.applied = machine, applied
	}
	return err
}

// Restore replaces the machine by a snapshot received from another replica.
func (a *Applier) Restore(index uint64, snapshot io.Reader) error {
	a.Abandon()
	a.since = nil
	clear(a.skips)
	return a.reset(index, snapshot)
}

// Freeze begins the ordered snapshot; its index must be the last applied one.
func (a *Applier) Freeze(order *SnapshotOrder) error {
	if order.Index != a.applied || a.frozen != nil {
		return fmt.Errorf("replica: a snapshot of %d was ordered at %d", order.Index, a.applied)
	}
	a.frozen, a.order = a.machine.Freeze(), order
	return nil
}

// Freezing returns the order of the snapshot being taken, or nil.
func (a *Applier) Freezing() *SnapshotOrder { return a.order }

// Slice is a part of a snapshot's stream.
type Slice struct {
	Data []byte // the receiver's to keep
	Last bool
	Hash uint64 // of the machine's records; with Last
}

// Slice returns the next part of the snapshot being taken, of about limit bytes.
// After an error the snapshot is given up.
func (a *Applier) Slice(limit int) (Slice, error) {
	data, done, err := a.slice(limit)
	if err != nil {
		index := a.order.Index
		a.Abandon()
		return Slice{}, fmt.Errorf("replica: snapshot %d: %w", index, err)
	}
	s := Slice{Data: data, Last: done}
	if done {
		s.Hash = a.frozen.Hash()
		a.frozen, a.order = nil, nil
	}
	return s, nil
}

// slice turns a panic of the machine into an error: it costs a snapshot, not the
// replica.
func (a *Applier) slice(limit int) (data []byte, done bool, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("it panicked: %v", value)
		}
	}()
	return a.frozen.Slice(limit)
}

// Abandon gives up the snapshot being taken, if there is one.
func (a *Applier) Abandon() {
	if a.frozen != nil {
		a.frozen.Abandon()
	}
	a.frozen, a.order = nil, nil
}

// Saved says that a snapshot at index is durable: a rebuild starts there from now
// on, and older entries are forgotten.
func (a *Applier) Saved(index uint64) {
	if index <= a.base || index > a.applied {
		return
	}
	keep := a.since[index-a.base:]
	a.since = append([]*raftpb.Entry(nil), keep...)
	for at := range a.skips { //order: each is looked at alone
		if at <= index {
			delete(a.skips, at)
		}
	}
	a.base = index
}
