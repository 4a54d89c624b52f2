package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// found is a segment as it lies on the disk.
type found struct {
	segment
	ring map[uint64]info // the valid descriptors
	why  string          // why it is no segment; "" if it is one
	// idle: nothing but the header's places was ever written. A file that is
	// no segment and idle is what a crash left of an attempt to make one.
	idle bool
}

// walk reads a log from its oldest batch to its last and writes nothing.
type walk struct {
	fsys     FS
	segs     []*found
	leftover string       // unfinished segment file, to be removed
	damage   *DamageError // the earliest; nil if the log is sound
	notes    []string

	state state
	at    int    // segment of the next batch
	off   int64  // its place there
	prev  uint32 // sum of the last batch

	number   uint64   // of the last batch; 0: none
	last     *payload // the last batch, for it may not be durable yet
	lastSeg  *found
	doubt    *Doubt // about the batch at off
	doubtful info   // its descriptor
}

// readLog walks over the log in fsys. The caller closes the files of its
// segments. An error is one of the disk, or a version unknown; damage is in the
// walk.
func readLog(fsys FS, names []string) (*walk, error) {
	w := &walk{fsys: fsys, off: headSize}
	var seqs []uint64
	for _, name := range names {
		var seq uint64
		if parseName(name, segmentPrefix, &seq) {
			seqs = append(seqs, seq)
		}
	}
	slices.Sort(seqs)
	for i, seq := range seqs {
		if i > 0 && seqs[i-1]+1 != seq {
			w.harm(segmentName(seqs[i-1]+1), 0, "the segment is missing")
			break
		}
		if err := w.load(seq, i == len(seqs)-1); err != nil {
			w.close()
			return nil, err
		}
		if w.damage != nil {
			break
		}
	}
	if err := w.run(); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *walk) close() {
	for _, s := range w.segs {
		if s.file != nil {
			_ = s.file.Close() // opened for reading as far as this walk goes
			s.file = nil
		}
	}
}

// harm records damage; the earliest counts.
func (w *walk) harm(file string, at int64, format string, args ...any) {
	if w.damage == nil {
		w.damage = &DamageError{File: file, Offset: at, Reason: fmt.Sprintf(format, args...)}
	}
}

func (w *walk) note(format string, args ...any) {
	w.notes = append(w.notes, fmt.Sprintf(format, args...))
}

// load opens a segment and reads its head. Only the newest file may be an
// unfinished one: each is durable before the next is made.
func (w *walk) load(seq uint64, newest bool) error {
	s, err := readHead(w.fsys, segmentName(seq))
	if errors.Is(err, fs.ErrNotExist) {
		w.harm(segmentName(seq), 0, "the segment is missing")
		return nil
	}
	if err != nil {
		return err
	}
	switch {
	case s.why == "" && s.seq != seq:
		w.harm(s.name, 0, "it is a copy of segment %d", s.seq)
	case s.why == "":
		w.segs = append(w.segs, s)
		return nil
	case newest && s.idle:
		w.leftover = s.name
		w.note("%s was never finished (%s); it is made anew", s.name, s.why)
	default:
		w.harm(s.name, 0, "%s", s.why)
	}
	return s.file.Close()
}

// readHead opens a file that should be a segment.
func readHead(fsys FS, name string) (*found, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open segment %s: %w", name, err)
	}
	s := &found{segment: segment{name: name, file: f}}
	if err := s.readHead(); err != nil {
		_ = f.Close() // nothing was written
		return nil, err
	}
	return s, nil
}

func (s *found) readHead() error {
	size, err := s.file.Size()
	if err != nil {
		return fmt.Errorf("size of %s: %w", s.name, err)
	}
	head := make([]byte, headSize)
	if err := readAt(s.file, head, 0); err != nil {
		return fmt.Errorf("read %s: %w", s.name, err)
	}
	h, ok := getHeader(head)
	if !ok {
		h, ok = getHeader(head[pageSize:])
	}
	switch {
	case !ok:
		s.why = "neither copy of its header is valid"
	case h.version != formatVersion:
		return fmt.Errorf("%s has format version %d, this program knows version %d", s.name, h.version, formatVersion)
	case h.size < headSize+sectorSize || h.size > MaxSegmentSize || h.size%sectorSize != 0:
		s.why = fmt.Sprintf("its header gives a size of %d bytes", h.size)
	case size < h.size:
		s.why = fmt.Sprintf("it is %d bytes short", h.size-size)
	}
	s.seq, s.salt, s.size = h.seq, h.salt, h.size
	if s.why != "" {
		s.idle, err = isIdle(s.file, size)
		return err
	}
	s.seed = seedOf(s.salt)
	s.ring = make(map[uint64]info, ringSlots)
	for n := range uint64(ringSlots) {
		at := slotOffset(n)
		d, ok := getInfo(head[at:], magicDescriptor, s.seed)
		if ok && slotOffset(d.number) == at {
			s.ring[d.number] = d
		}
	}
	return nil
}

// isIdle tells whether a file holds nothing but zeros outside the two sectors of
// its header.
func isIdle(f File, size int64) (bool, error) {
	buf := make([]byte, min(chunk, size))
	for at := int64(0); at < size; at += int64(len(buf)) {
		b := buf[:min(int64(len(buf)), size-at)]
		if err := readAt(f, b, at); err != nil {
			return false, fmt.Errorf("read: %w", err)
		}
		if at == 0 {
			clear(b[:min(len(b), sectorSize)])
			if len(b) > pageSize {
				clear(b[pageSize:min(len(b), pageSize+sectorSize)])
			}
		}
		if !isZero(b) {
			return false, nil
		}
	}
	return true, nil
}

// run walks until the log ends, comes to a doubtful batch, or is damaged.
func (w *walk) run() error {
	for w.at < len(w.segs) {
		more, err := w.step()
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	return nil
}

// step reads the next batch; false if there is none.
//
//	payload  descriptor  later batches   answer
//	valid    valid       any             accept, if they agree or it resolves a doubt
//	valid    -           any             accept (and describe anew if it is the last)
//	-        valid       none            doubt; accept if it has no body
//	-        valid       some            damage
//	-        -           none            the end
//	-        -           some            damage
func (w *walk) step() (bool, error) {
	s := w.segs[w.at]
	p, err := s.readPayload(w.off)
	if err != nil {
		return false, err
	}
	n := w.expected(s, &p)
	d, described := s.ring[n]
	switch {
	case p.begun && p.number > n:
		w.harm(s.name, w.off, "batch %d stands where batch %d should", p.number, n)
		return false, nil
	case described && d.offset != w.off:
		w.harm(s.name, slotOffset(n), "the descriptor of batch %d points to byte %d", n, d.offset)
		return false, nil
	case p.valid && p.number == n:
		return w.accept(s, &p, d, described), nil
	case described:
		return w.unread(s, d)
	}
	return w.next(s, n)
}

// expected is the number of the next batch. The oldest segment gives the first;
// 0 if it does not begin with one.
func (w *walk) expected(s *found, p *payload) uint64 {
	if w.number > 0 {
		return w.number + 1
	}
	if p.begun {
		return p.number
	}
	for n, d := range s.ring {
		if d.offset == w.off {
			return n // offsets in a ring differ, so there is one at most
		}
	}
	return 0
}

// accept applies a batch whose payload is valid.
func (w *walk) accept(s *found, p *payload, d info, described bool) bool {
	switch {
	case described && d != p.info && p.flags&flagResolves == 0:
		w.harm(s.name, w.off, "the two descriptions of batch %d differ", p.number)
		return false
	case w.number > 0 && p.prev != w.prev:
		w.harm(s.name, w.off, "batch %d does not follow the batch before it", p.number)
		return false
	}
	if err := replay(&w.state, p.body); err != nil {
		w.harm(s.name, w.off, "batch %d: %v", p.number, err)
		return false
	}
	w.state.term, w.state.vote, w.state.commit = p.term, p.vote, p.commit
	s.maxIndex = max(s.maxIndex, w.state.last)
	w.number, w.prev, w.off = p.number, p.sum(s.seed), p.end()
	w.last, w.lastSeg = p, s
	return true
}

// unread deals with a batch of which only the descriptor can be read.
func (w *walk) unread(s *found, d info) (bool, error) {
	file, at, later, err := w.evidence(w.at, w.off, d.number)
	if err != nil {
		return false, err
	}
	switch {
	case later > 0:
		w.harm(s.name, w.off, "batch %d cannot be read, and batch %d follows it (%s, byte %d)", d.number, later, file, at)
		return false, nil
	case d.length == 0:
		// It said nothing but the hard state, which the descriptor has.
		p := payload{info: d, valid: true}
		w.note("the payload of batch %d was made anew from its descriptor", d.number)
		return w.accept(s, &p, d, true), nil
	}
	blank, err := s.blankIn(d.offset, min(d.end(), s.size))
	if err != nil {
		return false, err
	}
	w.doubt = &Doubt{
		File: s.name, Offset: d.offset, Batch: d.number,
		First: d.first, Last: d.last, LastTerm: d.lastTerm,
		Torn: blank > d.blank,
	}
	w.state.term, w.state.vote = d.term, d.vote
	// What it knew to be committed may be entries of its own, in the place of which
	// the log still has those that they replaced.
	commit := d.commit
	if d.first > 0 {
		commit = min(commit, d.first-1)
	}
	w.state.commit = max(w.state.commit, commit)
	w.doubtful = d
	return false, nil
}

// blankIn counts the blank sectors of a part of the file.
func (s *segment) blankIn(from, to int64) (uint32, error) {
	var n uint32
	buf := make([]byte, min(chunk, max(0, to-from)))
	for at := from; at < to; at += int64(len(buf)) {
		b := buf[:min(int64(len(buf)), to-at)]
		if err := readAt(s.file, b, at); err != nil {
			return 0, fmt.Errorf("read %s: %w", s.name, err)
		}
		n += blankSectors(b)
	}
	return n, nil
}

// next looks for batch n at the head of the next segment, once the current one has
// no sign of it, and finds the end of the log if there is none either.
func (w *walk) next(s *found, n uint64) (bool, error) {
	if w.at+1 < len(w.segs) && w.number > 0 {
		t := w.segs[w.at+1]
		p, err := t.readPayload(headSize)
		if err != nil {
			return false, err
		}
		_, described := t.ring[n]
		if described || p.valid && p.number == n {
			w.at, w.off = w.at+1, headSize
			return true, nil
		}
	}
	file, at, later, err := w.evidence(w.at, w.off, n)
	if err != nil {
		return false, err
	}
	if later > 0 {
		w.harm(s.name, w.off, "batch %d is gone, and batch %d follows it (%s, byte %d)", n, later, file, at)
	}
	return false, nil
}

// evidence looks for any sign of a batch numbered above n, in the segments from
// the given place on. 0: there is none.
func (w *walk) evidence(seg int, off int64, n uint64) (file string, at int64, number uint64, err error) {
	for _, s := range w.segs[seg:] {
		for m, d := range s.ring {
			if m > n && (number == 0 || m < number) {
				file, at, number = s.name, slotOffset(m), d.number
			}
		}
		if number > 0 {
			return file, at, number, nil
		}
		at, number, err = s.scan(off, n)
		if number > 0 || err != nil {
			return s.name, at, number, err
		}
		off = headSize
	}
	return "", 0, 0, nil
}

// scan looks for a payload numbered above n at any sector from off on.
func (s *segment) scan(off int64, n uint64) (at int64, number uint64, err error) {
	buf := make([]byte, min(chunk, max(0, s.size-off)))
	for ; off < s.size; off += int64(len(buf)) {
		b := buf[:min(int64(len(buf)), s.size-off)]
		if err := readAt(s.file, b, off); err != nil {
			return 0, 0, fmt.Errorf("read %s: %w", s.name, err)
		}
		for i := 0; i < len(b); i += sectorSize {
			p, ok := getInfo(b[i:], magicPayload, s.seed)
			if ok && p.offset == off+int64(i) && p.number > n {
				return p.offset, p.number, nil
			}
		}
	}
	return 0, 0, nil
}
