package sim

import (
	"bytes"
	"slices"

	"github.com/evenkeel/evenkeel/internal/desk"
)

// history is the log as it was applied for the first time, by whichever node came
// first. Nothing of it may ever be different, there or on another node.
type history struct {
	w       *World
	records map[uint64]*record
	order   []uint64          // of records
	top     uint64            // the highest index that was applied
	sums    map[uint64]uint64 // of snapshots, by index
}

// record is one entry and what it came to.
type record struct {
	entry []byte
	skip  []int
	hash  uint64 // the desk's running hash behind it
	// refused are the commands that were refused.
	refused []int
}

// applied takes note of an entry, or compares it with what it was before.
func (h *history) applied(index uint64, entry []byte, skip []int, d *desk.Desk, out *desk.Output) {
	if old := h.records[index]; old != nil {
		h.w.check(bytes.Equal(old.entry, entry), "what was applied stays in the log", "entry %d is another one now", index)
		h.w.check(slices.Equal(old.skip, skip), "a skipped step stays skipped", "entry %d: steps %v, before %v", index, skip, old.skip)
		h.w.check(old.hash == d.Hash(), "a replay gives the same output", "entry %d: hash %x, before %x", index, d.Hash(), old.hash)
		return
	}
	h.w.check(index > h.top, "what was applied stays in the log", "entry %d is new, though %d was applied", index, h.top)
	if h.records == nil {
		h.records = map[uint64]*record{}
	}
	r := &record{entry: entry, skip: slices.Clone(skip), hash: d.Hash()}
	for i := range out.Results {
		if out.Results[i].Err != nil && !slices.Contains(skip, i) {
			r.refused = append(r.refused, i)
		}
	}
	h.records[index], h.top = r, index
	h.order = append(h.order, index)
	h.w.stats.add("entries applied", 1)
	h.w.stats.add("commands applied", int64(len(out.Results)))
	h.w.model.observe(d, entry, out)
}

// skipped takes note of a panic. A step that panicked once must not run again,
// once its entry was applied without it, unless the disk has lost the note of it: it
// panics again then.
func (h *history) skipped(n *node, index uint64, step int) {
	old := h.records[index]
	h.w.check(old == nil || n.rot > 0 || index > n.reached || !slices.Contains(old.skip, step), "a skipped step stays skipped", "step %d of entry %d runs again", step, index)
	h.w.stats.add("commands that panicked", 1)
}

// freeze notes what a snapshot must come to.
func (h *history) freeze(index, sum uint64) {
	if h.sums == nil {
		h.sums = map[uint64]uint64{}
	}
	if old, ok := h.sums[index]; ok {
		h.w.check(old == sum, "a replay gives the same state", "the snapshot of %d is %x, before %x", index, sum, old)
	}
	h.sums[index] = sum
}

// restored compares a desk that was read back with the one that was written.
func (h *history) restored(d *desk.Desk) {
	want, known := h.sums[d.Index()]
	h.w.check(known, "only what was written is read back", "a snapshot of %d, which was never taken", d.Index())
	_, sum, err := d.Snapshot()
	h.w.check(err == nil && sum == want, "a snapshot read back is what was written", "at %d: %x, not %x (%v)", d.Index(), sum, want, err)
	h.w.stats.add("snapshots restored", 1)
}

// recovered checks what a start found on the disk.
func (h *history) recovered(n *node, last uint64) {
	if n.rot > 0 && h.w.several() {
		return // the others know what it has lost
	}
	h.w.check(last >= n.reached, "what was applied is durable", "the log of %s ends at %d, and %d was applied", n.id(), last, n.reached)
}
