package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

const segmentPrefix = "log-"

// chunk is how much of a file is looked through at once, in bytes.
const chunk = 64 << 10

func segmentName(seq uint64) string { return fmt.Sprintf("%s%016x", segmentPrefix, seq) }

// parseName takes a name made of a prefix and numbers of 16 hexadecimal digits
// apart; false if it is none of ours.
func parseName(name, prefix string, numbers ...*uint64) bool {
	rest, ok := strings.CutPrefix(name, prefix)
	for i, n := range numbers {
		if i > 0 && ok {
			rest, ok = strings.CutPrefix(rest, "-")
		}
		if !ok || len(rest) < 16 {
			return false
		}
		var v uint64
		for _, c := range []byte(rest[:16]) {
			d := strings.IndexByte("0123456789abcdef", c)
			if d < 0 {
				return false
			}
			v = v<<4 | uint64(d)
		}
		*n, rest = v, rest[16:]
	}
	return ok && rest == ""
}

// segment is one file of the log.
type segment struct {
	seq  uint64
	name string
	file File  // nil once the segment is behind the current one
	size int64 // as its header says; the file is not shorter
	salt uint64
	seed uint32

	// maxIndex is the highest index that any record of the segment speaks of:
	// when a snapshot is past it, the segment can go.
	maxIndex uint64
}

// createSegment makes and syncs a new segment. The name becomes durable too, so
// segments appear on the disk without gaps.
func createSegment(fsys FS, seq uint64, size int64, rand io.Reader) (*segment, error) {
	var salt [8]byte
	if _, err := io.ReadFull(rand, salt[:]); err != nil {
		return nil, fmt.Errorf("draw a salt: %w", err)
	}
	s := &segment{seq: seq, name: segmentName(seq), size: size, salt: binary.LittleEndian.Uint64(salt[:])}
	s.seed = seedOf(s.salt)
	f, err := fsys.Create(s.name, size)
	if err != nil {
		return nil, fmt.Errorf("create segment %s: %w", s.name, err)
	}
	s.file = f
	if err := s.settle(); err != nil {
		return nil, s.discard(fsys, err)
	}
	if err := fsys.SyncDir(); err != nil {
		return nil, s.discard(fsys, err)
	}
	return s, nil
}

// settle writes the header anew and syncs the file.
func (s *segment) settle() error {
	if err := s.writeHeader(); err != nil {
		return err
	}
	return s.file.Sync()
}

// discard removes a segment that could not be made.
func (s *segment) discard(fsys FS, cause error) error {
	err := errors.Join(s.file.Close(), fsys.Remove(s.name))
	return errors.Join(fmt.Errorf("prepare segment %s: %w", s.name, cause), err)
}

func (s *segment) writeHeader() error {
	var b [headerSize]byte
	putHeader(b[:], s.seq, s.salt, s.size)
	for _, at := range []int64{0, pageSize} {
		if _, err := s.file.WriteAt(b[:], at); err != nil {
			return err
		}
	}
	return nil
}

func (s *segment) capacity() int64 { return s.size - headSize }

// readAt fills b as far as the file reaches; the rest is zeros.
func readAt(f File, b []byte, at int64) error {
	n, err := f.ReadAt(b, at)
	clear(b[n:])
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// payload is a batch as read from its place in the sequence.
type payload struct {
	info
	body  []byte
	begun bool // the info is valid
	valid bool // and the body too
}

// readPayload reads the batch at an offset. An error is one of the disk; bytes
// that are not valid are no error.
func (s *segment) readPayload(at int64) (payload, error) {
	if at+infoSize > s.size {
		return payload{}, nil
	}
	var head [infoSize]byte
	if err := readAt(s.file, head[:], at); err != nil {
		return payload{}, fmt.Errorf("read %s: %w", s.name, err)
	}
	i, ok := getInfo(head[:], magicPayload, s.seed)
	if !ok || i.offset != at || i.end() > s.size {
		return payload{}, nil
	}
	body := make([]byte, i.length)
	if err := readAt(s.file, body, at+infoSize); err != nil {
		return payload{}, fmt.Errorf("read %s: %w", s.name, err)
	}
	return payload{info: i, body: body, begun: true, valid: crcOf(s.seed, body) == i.bodyCRC}, nil
}

// write puts a payload (whole sectors, the info of i at its start) and its
// descriptor into the file and syncs it.
func (s *segment) write(i *info, buf []byte) error {
	i.put(buf, magicPayload, s.seed)
	if _, err := s.file.WriteAt(buf, i.offset); err != nil {
		return fmt.Errorf("write batch %d to %s: %w", i.number, s.name, err)
	}
	var slot [infoSize]byte
	i.put(slot[:], magicDescriptor, s.seed)
	if _, err := s.file.WriteAt(slot[:], slotOffset(i.number)); err != nil {
		return fmt.Errorf("describe batch %d in %s: %w", i.number, s.name, err)
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", s.name, err)
	}
	return nil
}

// wipe makes everything from an offset to the end zeros again, so that what a
// later write leaves blank can be told.
func (s *segment) wipe(from int64) (wiped bool, err error) {
	if from >= s.size {
		return false, nil
	}
	buf := make([]byte, min(chunk, s.size-from))
	zero := make([]byte, len(buf))
	for at := from; at < s.size; at += int64(len(buf)) {
		b := buf[:min(int64(len(buf)), s.size-at)]
		if err := readAt(s.file, b, at); err != nil {
			return wiped, fmt.Errorf("read %s: %w", s.name, err)
		}
		if isZero(b) {
			continue
		}
		wiped = true
		if _, err := s.file.WriteAt(zero[:len(b)], at); err != nil {
			return wiped, fmt.Errorf("wipe %s: %w", s.name, err)
		}
	}
	return wiped, nil
}
