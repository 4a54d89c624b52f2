package simdisk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/evenkeel/evenkeel/internal/journal"
)

// SectorSize is what the disk writes at once, in bytes: a crash leaves a sector
// old or new, never mixed.
const SectorSize = 512

// ErrCrashed is what every operation returns from the crash until Restart, and what
// files opened before it return ever after.
var ErrCrashed = errors.New("the simulated machine has stopped")

// Kind is a kind of operation.
type Kind string

// The kinds, named as the methods of journal.FS and journal.File.
const (
	OpLock    Kind = "lock"
	OpCreate  Kind = "create"
	OpOpen    Kind = "open"
	OpRemove  Kind = "remove"
	OpList    Kind = "list"
	OpSyncDir Kind = "syncdir"
	OpRead    Kind = "read"
	OpWrite   Kind = "write"
	OpSync    Kind = "sync"
	OpClose   Kind = "close"
)

// Op is an operation that is about to happen.
type Op struct {
	N    int // counts all operations of the disk, from 1
	Kind Kind
	Name string
	At   int64 // read, write: offset
	Len  int64 // read, write: bytes; create: size
}

// changes tells whether the operation can leave anything on the plate: only
// at these does a crash make a difference.
func (o Op) changes() bool {
	switch o.Kind {
	case OpCreate, OpRemove, OpSyncDir, OpWrite, OpSync:
		return true
	}
	return false
}

// Stats count what reached the disk.
type Stats struct {
	Ops          int   // operations of any kind
	Changes      int   // those that can leave anything behind
	Writes       int   // write operations
	BytesWritten int64 // by them
	Syncs        int   // of files and of the directory
}

// Disk is one directory on a disk of its own.
type Disk struct {
	// Inject, if set, is asked before every operation; an error makes it fail. A
	// failing write may have been done in part, a failing sync too.
	Inject func(Op) error

	// Stall, if set, is asked before every sync; true makes it a promise, to be
	// kept by Complete.
	Stall func(Op) bool

	rng      *rand.Rand
	capacity int64 // bytes; 0: no end
	names    map[string]*inode
	durable  map[string]*inode // names that a crash leaves for sure
	stalled  []*inode          // syncs promised

	stats   Stats
	crashAt int // changes left until the crash; 0: none
	crashed bool
	run     int // counts restarts: handles of older runs are dead
	locked  bool
}

// New makes an empty disk of a capacity in bytes (0: without end). All that
// happens by chance is drawn from rng.
func New(rng *rand.Rand, capacity int64) *Disk {
	return &Disk{
		rng: rng, capacity: capacity,
		names:   make(map[string]*inode),
		durable: make(map[string]*inode),
	}
}

// Stats returns the counts so far.
func (d *Disk) Stats() Stats { return d.stats }

// SetCapacity changes the size of the disk; what is on it stays.
func (d *Disk) SetCapacity(bytes int64) { d.capacity = bytes }

// Used returns the bytes allocated to files.
func (d *Disk) Used() int64 {
	var n int64
	for _, f := range d.names {
		n += f.size()
	}
	return n
}

// CrashAt stops the machine in the middle of the n-th operation from now (from 1)
// that can leave anything behind; 0: never.
func (d *Disk) CrashAt(n int) { d.crashAt = n }

// Crashed tells whether the machine has stopped.
func (d *Disk) Crashed() bool { return d.crashed }

// begin counts an operation and decides whether it happens. crash: it happens,
// but is the last one.
func (d *Disk) begin(kind Kind, name string, at, length int64) (crash bool, err error) {
	if d.crashed {
		return false, fmt.Errorf("%s %s: %w", kind, name, ErrCrashed)
	}
	d.stats.Ops++
	op := Op{N: d.stats.Ops, Kind: kind, Name: name, At: at, Len: length}
	if op.changes() {
		d.stats.Changes++
		if d.crashAt > 0 {
			d.crashAt--
			crash = d.crashAt == 0
		}
	}
	if d.Inject != nil {
		err = d.Inject(op)
	}
	return crash, err
}

// stop ends the run.
func (d *Disk) stop(kind Kind, name string) error {
	d.crashed = true
	return fmt.Errorf("%s %s: %w", kind, name, ErrCrashed)
}

// Lock implements journal.FS.
func (d *Disk) Lock() (io.Closer, error) {
	if _, err := d.begin(OpLock, "", 0, 0); err != nil {
		return nil, err
	}
	if d.locked {
		return nil, journal.ErrLocked
	}
	d.locked = true
	return &lock{d: d, run: d.run}, nil
}

type lock struct {
	d   *Disk
	run int
}

func (l *lock) Close() error {
	if l.run == l.d.run {
		l.d.locked = false
	}
	return nil
}

// Create implements journal.FS.
func (d *Disk) Create(name string, size int64) (journal.File, error) {
	crash, err := d.begin(OpCreate, name, 0, size)
	if err != nil {
		return nil, err
	}
	if d.names[name] != nil {
		return nil, fmt.Errorf("create %s: %w", name, fs.ErrExist)
	}
	if d.capacity > 0 && d.Used()+size > d.capacity {
		return nil, fmt.Errorf("create %s: %w", name, journal.ErrNoSpace)
	}
	f := &inode{name: name, cache: make([]byte, size), dirty: make(map[int64]bool)}
	d.names[name] = f
	if crash {
		return nil, d.stop(OpCreate, name)
	}
	return d.handle(f), nil
}

// Open implements journal.FS.
func (d *Disk) Open(name string) (journal.File, error) {
	if _, err := d.begin(OpOpen, name, 0, 0); err != nil {
		return nil, err
	}
	f := d.names[name]
	if f == nil {
		return nil, fmt.Errorf("open %s: %w", name, fs.ErrNotExist)
	}
	return d.handle(f), nil
}

// Remove implements journal.FS. Like Windows it refuses to remove an open file.
func (d *Disk) Remove(name string) error {
	crash, err := d.begin(OpRemove, name, 0, 0)
	if err != nil {
		return err
	}
	f := d.names[name]
	switch {
	case f == nil:
		return fmt.Errorf("remove %s: %w", name, fs.ErrNotExist)
	case f.open > 0:
		return fmt.Errorf("remove %s: the file is open", name)
	}
	delete(d.names, name)
	if crash {
		return d.stop(OpRemove, name)
	}
	return nil
}

// List implements journal.FS.
func (d *Disk) List() ([]string, error) {
	if _, err := d.begin(OpList, "", 0, 0); err != nil {
		return nil, err
	}
	return d.Names(), nil
}

// Names lists all files, sorted, without counting as an operation.
func (d *Disk) Names() []string { return slices.Sorted(maps.Keys(d.names)) }

// SyncDir implements journal.FS.
func (d *Disk) SyncDir() error {
	crash, err := d.begin(OpSyncDir, "", 0, 0)
	if err != nil {
		return err
	}
	d.stats.Syncs++
	if crash {
		return d.stop(OpSyncDir, "")
	}
	d.durable = maps.Clone(d.names)
	return nil
}

// Free implements journal.FS.
func (d *Disk) Free() (int64, error) {
	if d.capacity == 0 {
		return 1 << 62, nil
	}
	return max(0, d.capacity-d.Used()), nil
}
