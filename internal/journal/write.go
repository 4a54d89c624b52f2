package journal

import (
	"fmt"

	"go.etcd.io/raft/v3/raftpb"
)

// plan divides a batch into parts, and makes sure before the first byte is
// written that there is room for all of them.
func (j *Journal) plan(b *Batch, head int, next *state) error {
	size := head
	for _, e := range b.Entries {
		size += entrySize(e)
	}
	j.parts = append(j.parts[:0], part{from: 0, to: len(b.Entries), size: size})
	if size <= maxPart && j.off > headSize && j.fits(size) {
		return nil
	}
	restated := len(appendState(j.buf[:0], next))
	if err := j.divide(b.Entries, head, restated); err != nil {
		return err
	}
	rolls := j.countRolls(restated)
	if len(b.Entries) > 0 && rolls > 0 {
		rolls += reserveSegments
	}
	return j.prepare(rolls)
}

// fits tells whether a body of the given size fits into the current segment.
func (j *Journal) fits(size int) bool {
	return j.off+align(infoSize+int64(size)) <= j.cur.size
}

// divide makes parts of at most maxPart that fit into any segment behind its
// restated records.
func (j *Journal) divide(entries []*raftpb.Entry, head, restated int) error {
	room := j.opts.SegmentSize - headSize
	for _, s := range append([]*segment{j.cur}, j.ahead...) {
		room = min(room, s.capacity())
	}
	most := int(room) - infoSize - restated
	if head > most {
		return fmt.Errorf("%w: records of %d bytes in a segment with room for %d", ErrTooLarge, head, most)
	}
	p := part{size: head}
	j.parts = j.parts[:0]
	for i, e := range entries {
		size := entrySize(e)
		if size > most {
			return fmt.Errorf("%w: entry %d of %d bytes in a segment with room for %d", ErrTooLarge, e.GetIndex(), size, most)
		}
		if p.size > 0 && p.size+size > min(most, maxPart) {
			j.parts = append(j.parts, p)
			p = part{from: i}
		}
		p.to, p.size = i+1, p.size+size
	}
	j.parts = append(j.parts, p)
	return nil
}

// countRolls tells how many new segments the parts need.
func (j *Journal) countRolls(restated int) int {
	rolls, off, size := 0, j.off, j.cur.size
	for _, p := range j.parts {
		n := p.size
		if off == headSize {
			n += restated
		}
		if off+align(infoSize+int64(n)) > size {
			size = j.opts.SegmentSize
			if rolls < len(j.ahead) {
				size = j.ahead[rolls].size
			}
			rolls, off, n = rolls+1, headSize, p.size+restated
		}
		off += align(infoSize + int64(n))
	}
	return rolls
}

// writePart writes one batch: into the current segment, or as the first of the
// next, with all records restated that are in force.
func (j *Journal) writePart(head []byte, entries []*raftpb.Entry, size int, next *state) error {
	j.begin()
	if j.off == headSize {
		j.buf = appendState(j.buf, next)
	}
	if !j.fits(len(j.buf) - infoSize + size) {
		if err := j.roll(); err != nil {
			return err
		}
		j.begin()
		j.buf = appendState(j.buf, next)
	}
	j.buf = append(j.buf, head...)
	for _, e := range entries {
		j.buf = appendEntry(j.buf, e)
	}
	i := j.seal(next)
	if n := len(entries); n > 0 {
		i.first, i.last, i.lastTerm = entries[0].GetIndex(), entries[n-1].GetIndex(), entries[n-1].GetTerm()
	}
	if err := j.cur.write(&i, j.buf); err != nil {
		return err
	}
	j.cur.maxIndex = max(j.cur.maxIndex, i.last, next.base)
	j.number, j.prev, j.off = i.number, i.sum(j.cur.seed), i.end()
	j.snaps.begun.Store(true)
	if cap(j.buf) > 2*maxPart {
		j.buf = nil
	}
	return nil
}

// begin leaves room for the info at the start of the buffer.
func (j *Journal) begin() { j.buf = append(j.buf[:0], zeroSector[:infoSize]...) }

// seal fills the buffer up to whole sectors and describes it.
func (j *Journal) seal(next *state) info {
	body := j.buf[infoSize:]
	i := info{
		number: j.number + 1, prev: j.prev, offset: j.off,
		term: next.term, vote: next.vote, commit: next.commit,
		length: uint32(len(body)), bodyCRC: crcOf(j.cur.seed, body),
	}
	if j.off == headSize {
		i.flags |= flagOpens
	}
	whole := align(int64(len(j.buf)))
	j.buf = append(j.buf, zeroSector[:whole-int64(len(j.buf))]...)
	i.blank = blankSectors(j.buf[sectorSize:]) // the info is in the first
	return i
}

// roll goes on to the next segment.
func (j *Journal) roll() error {
	if len(j.ahead) == 0 {
		return fmt.Errorf("no segment follows %s", j.cur.name)
	}
	done := j.cur
	j.old = append(j.old, done)
	j.cur, j.ahead = j.ahead[0], j.ahead[1:]
	j.off = headSize
	return done.close()
}

func (s *segment) close() error {
	if s.file == nil {
		return nil
	}
	f := s.file
	s.file = nil
	if err := f.Close(); err != nil {
		return fmt.Errorf("close %s: %w", s.name, err)
	}
	return nil
}
