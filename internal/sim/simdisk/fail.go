package simdisk

import (
	"maps"
	"slices"
)

// Tearing says what a crash leaves of the writes that were not synced.
type Tearing int

const (
	// Any decides for every sector and name by a coin whose bias is drawn for each
	// file.
	Any Tearing = iota
	// None leaves nothing of them.
	None
	// All leaves everything, as Kill does, but on the plate.
	All
)

// Crash is a loss of power followed by a start: the cache is gone, and of what was
// not synced the plate has some part. Files opened before are dead.
func (d *Disk) Crash(t Tearing) {
	after := make(map[string]*inode)
	for _, name := range d.allNames() {
		now, before := d.names[name], d.durable[name]
		f := before
		if now != before && d.keep(t, 1, 2) {
			f = now
		}
		if f != nil {
			d.tear(f, t)
			after[name] = f
		}
	}
	d.names, d.durable = after, maps.Clone(after)
	d.restart()
}

// Kill is the death of the process alone, followed by a new one: the cache stays
// as it is, files opened before are dead.
func (d *Disk) Kill() { d.restart() }

func (d *Disk) restart() {
	for _, f := range d.names {
		f.open = 0
	}
	d.stalled, d.crashAt, d.crashed, d.locked = nil, 0, false, false
	d.run++
}

func (d *Disk) allNames() []string {
	all := maps.Clone(d.durable)
	maps.Copy(all, d.names)
	return slices.Sorted(maps.Keys(all))
}

// keep decides with a chance of n in m, if there is chance in it.
func (d *Disk) keep(t Tearing, n, m int) bool {
	switch t {
	case None:
		return false
	case All:
		return true
	case Any:
	}
	return d.rng.IntN(m) < n
}

// tear brings some of the dirty sectors to the plate and forgets the cache.
func (d *Disk) tear(f *inode, t Tearing) {
	bias := d.rng.IntN(5)
	if int64(len(f.plate)) != f.size() && d.keep(t, bias, 4) {
		f.grow(f.size())
	}
	for _, s := range f.sectors() {
		if d.keep(t, bias, 4) {
			f.store(s)
		}
	}
	clear(f.dirty)
	f.promised = nil
	f.cache = slices.Clone(f.plate)
}

// Content returns what the cache has of a file; nil if there is none. It is not
// a copy.
func (d *Disk) Content(name string) []byte {
	if f := d.names[name]; f != nil {
		return f.cache
	}
	return nil
}

// FlipBit changes one bit (0 to 7) of a byte, in the cache and on the plate.
func (d *Disk) FlipBit(name string, at int64, bit uint) {
	f := d.names[name]
	f.cache[at] ^= 1 << bit
	if at < int64(len(f.plate)) {
		f.plate[at] ^= 1 << bit
	}
}

// Blank makes part of a file zeros, in the cache and on the plate.
func (d *Disk) Blank(name string, from, to int64) {
	f := d.names[name]
	clear(f.cache[from:to])
	if from < int64(len(f.plate)) {
		clear(f.plate[from:min(to, int64(len(f.plate)))])
	}
}

// Truncate cuts a file off, in the cache and on the plate.
func (d *Disk) Truncate(name string, size int64) {
	f := d.names[name]
	f.cache = f.cache[:size:size]
	if size < int64(len(f.plate)) {
		f.plate = f.plate[:size:size]
	}
	for _, s := range f.sectors() {
		if s*SectorSize >= size {
			delete(f.dirty, s)
		}
	}
}

// Lose removes a file as if it had never been, open or not.
func (d *Disk) Lose(name string) {
	delete(d.names, name)
	delete(d.durable, name)
}

// Put makes a file with the given content, durable at once: how tests plant
// garbage and restore old copies.
func (d *Disk) Put(name string, content []byte) {
	f := &inode{name: name, cache: slices.Clone(content), plate: slices.Clone(content), dirty: make(map[int64]bool)}
	d.names[name], d.durable[name] = f, f
}
