package journal

import (
	"errors"
	"fmt"
	"io/fs"
)

// reserveSegments is how many blank segments are held ready behind the current
// one. Entries never use them up; votes may.
const reserveSegments = 2

// Reserve tells how much room is held ready.
func (j *Journal) Reserve() Reserve {
	return Reserve{
		Segments: len(j.ahead),
		Current:  max(0, j.cur.size-j.off),
		Full:     j.full,
	}
}

// Free returns the bytes of the disk that nobody uses.
func (j *Journal) Free() (int64, error) { return j.fsys.Free() }

// Tend makes the next segment ahead of its need, so that no Append has to wait
// for it. Call it when idle; it returns at once if there is nothing to do. With
// a full disk it tries again to restore the reserve; ErrFull: still full, which
// is no reason to stop. Any other error poisons the journal.
func (j *Journal) Tend() error {
	switch {
	case j.closed:
		return ErrClosed
	case j.err != nil:
		return j.err
	}
	want := reserveSegments
	if j.cur.size-j.off < j.cur.capacity()/2 {
		want++ // the one that the next roll takes
	}
	return j.prepare(want)
}

// prepare makes sure of n blank segments behind the current one.
func (j *Journal) prepare(n int) error {
	for len(j.ahead) < n {
		if err := j.extend(); err != nil {
			if errors.Is(err, ErrNoSpace) {
				j.full = true
				return fmt.Errorf("%w: %w", ErrFull, err)
			}
			j.err = err
			return err
		}
	}
	if len(j.ahead) >= reserveSegments {
		j.full = false
	}
	return nil
}

// extend makes one more segment.
func (j *Journal) extend() error {
	last := j.cur
	if n := len(j.ahead); n > 0 {
		last = j.ahead[n-1]
	}
	seq := uint64(1)
	if last != nil {
		seq = last.seq + 1
	}
	s, err := createSegment(j.fsys, seq, j.opts.SegmentSize, j.opts.Rand)
	if errors.Is(err, fs.ErrExist) {
		// An earlier attempt that could not be removed then.
		if err = j.fsys.Remove(segmentName(seq)); err == nil {
			s, err = createSegment(j.fsys, seq, j.opts.SegmentSize, j.opts.Rand)
		}
	}
	if err != nil {
		return err
	}
	j.ahead = append(j.ahead, s)
	return nil
}

// Compact drops the segments whose entries all lie at or below index, but never
// what the older of the two newest snapshots needs. It returns the index up to
// which entries may now be gone. An error does not poison the journal: what
// could not be removed is tried again with the next Compact.
func (j *Journal) Compact(index uint64) (uint64, error) {
	if j.closed {
		return 0, ErrClosed
	}
	index = min(index, j.snaps.floor())
	for len(j.old) > 0 && j.old[0].maxIndex <= index {
		// One after the other, durably: what is left never has a hole.
		if err := j.fsys.Remove(j.old[0].name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return index, fmt.Errorf("compact: remove %s: %w", j.old[0].name, err)
		}
		j.old = j.old[1:]
		if err := j.fsys.SyncDir(); err != nil {
			return index, fmt.Errorf("compact: sync the directory: %w", err)
		}
	}
	j.state.skips = append([]Skip(nil), j.state.skips...)
	j.state.dropSkips(index)
	return index, nil
}

// closeOld closes the files of the segments behind the current one.
func (j *Journal) closeOld() error {
	for _, s := range j.old {
		if err := s.close(); err != nil {
			return err
		}
	}
	return nil
}
