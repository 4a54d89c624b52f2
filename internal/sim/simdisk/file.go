package simdisk

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/evenkeel/evenkeel/internal/journal"
)

// inode is a file: what the operating system's cache has of it, and what the
// plate has.
type inode struct {
	name  string
	cache []byte
	plate []byte // may be shorter than cache, or longer
	// dirty are the sectors that the next sync will bring to the plate. A sector
	// may differ without being dirty: its sync failed.
	dirty map[int64]bool
	// promised are those of a stalled sync.
	promised []int64
	open     int
}

func (f *inode) size() int64 { return int64(len(f.cache)) }

// store brings one sector to the plate, and the length of the file with it.
func (f *inode) store(sector int64) {
	from := sector * SectorSize
	to := min(from+SectorSize, int64(len(f.cache)))
	if grow := to - int64(len(f.plate)); grow > 0 {
		f.plate = append(f.plate, make([]byte, grow)...)
	}
	if from < to {
		copy(f.plate[from:to], f.cache[from:to])
	}
}

func (f *inode) grow(size int64) {
	if more := size - int64(len(f.plate)); more > 0 {
		f.plate = append(f.plate, make([]byte, more)...)
	}
}

// sectors lists the dirty ones in order.
func (f *inode) sectors() []int64 { return slices.Sorted(maps.Keys(f.dirty)) }

// file is an open file.
type file struct {
	d   *Disk
	f   *inode
	run int
}

func (d *Disk) handle(f *inode) *file {
	f.open++
	return &file{d: d, f: f, run: d.run}
}

func (h *file) begin(kind Kind, at, length int64) (bool, error) {
	if h.run != h.d.run {
		return false, fmt.Errorf("%s %s: opened before the restart: %w", kind, h.f.name, ErrCrashed)
	}
	return h.d.begin(kind, h.f.name, at, length)
}

// ReadAt implements journal.File.
func (h *file) ReadAt(b []byte, at int64) (int, error) {
	if _, err := h.begin(OpRead, at, int64(len(b))); err != nil {
		return 0, err
	}
	if at >= h.f.size() {
		return 0, io.EOF
	}
	n := copy(b, h.f.cache[at:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements journal.File.
func (h *file) WriteAt(b []byte, at int64) (int, error) {
	crash, err := h.begin(OpWrite, at, int64(len(b)))
	if errors.Is(err, ErrCrashed) {
		return 0, err
	}
	n := int64(len(b))
	if err != nil {
		n = h.d.rng.Int64N(n + 1)
	} else if more := at + n - h.f.size(); more > 0 && h.d.capacity > 0 {
		if room := h.d.capacity - h.d.Used(); more > room {
			n, err = max(0, n-(more-max(0, room))), fmt.Errorf("write %s: %w", h.f.name, journal.ErrNoSpace)
		}
	}
	h.d.stats.Writes++
	h.d.stats.BytesWritten += n
	h.f.put(b[:n], at)
	if crash {
		return 0, h.d.stop(OpWrite, h.f.name)
	}
	return int(n), err
}

func (f *inode) put(b []byte, at int64) {
	if len(b) == 0 {
		return
	}
	end := at + int64(len(b))
	if more := end - f.size(); more > 0 {
		f.cache = append(f.cache, make([]byte, more)...)
	}
	copy(f.cache[at:], b)
	for s := at / SectorSize; s*SectorSize < end; s++ {
		f.dirty[s] = true
	}
}

// Sync implements journal.File.
func (h *file) Sync() error {
	crash, err := h.begin(OpSync, 0, 0)
	if err != nil {
		if !errors.Is(err, ErrCrashed) {
			h.d.failSync(h.f)
		}
		return err
	}
	h.d.stats.Syncs++
	if crash {
		return h.d.stop(OpSync, h.f.name)
	}
	if h.d.Stall != nil && h.d.Stall(Op{N: h.d.stats.Ops, Kind: OpSync, Name: h.f.name}) {
		h.f.promised = append(h.f.promised, h.f.sectors()...)
		h.d.stalled = append(h.d.stalled, h.f)
		return nil
	}
	h.f.flush()
	return nil
}

// flush brings everything dirty to the plate.
func (f *inode) flush() {
	f.grow(f.size())
	for _, s := range f.sectors() {
		f.store(s)
	}
	clear(f.dirty)
}

// failSync is a sync that fails as Linux has it: some sectors reach the plate, the
// others are marked clean all the same.
func (d *Disk) failSync(f *inode) {
	for _, s := range f.sectors() {
		if d.rng.IntN(2) == 0 {
			f.store(s)
		}
	}
	clear(f.dirty)
}

// Close implements journal.File. It syncs nothing.
func (h *file) Close() error {
	if h.run != h.d.run {
		return nil
	}
	if _, err := h.begin(OpClose, 0, 0); err != nil {
		return err
	}
	h.f.open--
	return nil
}

// Size implements journal.File.
func (h *file) Size() (int64, error) {
	if h.run != h.d.run || h.d.crashed {
		return 0, fmt.Errorf("size of %s: %w", h.f.name, ErrCrashed)
	}
	return h.f.size(), nil
}

// Stalled tells how many syncs have been promised and not kept.
func (d *Disk) Stalled() int { return len(d.stalled) }

// Complete keeps all promises.
func (d *Disk) Complete() {
	for _, f := range d.stalled {
		f.grow(f.size())
		for _, s := range f.promised {
			f.store(s)
			delete(f.dirty, s)
		}
		f.promised = nil
	}
	d.stalled = nil
}
