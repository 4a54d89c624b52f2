package desk

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/evenkeel/evenkeel"
)

// The bounds of what is proposed. The edge refuses a larger command before it
// is proposed; an entry that breaks them stops the replica.
const (
	MaxCommandBytes  = 128 << 10
	MaxEntryBytes    = 256 << 10 // the batch is closed once it is this long
	MaxEntryCommands = 1000
)

const (
	entryVersion = 1
	flagResume   = 1 << 0

	// lastTime is later than any cell lives, and so early that no deadline
	// behind it overflows.
	lastTime = 1 << 60
)

// EntryHeader is what the leader says about an entry.
type EntryHeader struct {
	// Time is the leader's desk time. It never goes back.
	Time evenkeel.DeskTime
	// Resume marks the first entry after an outage; Gap is the part of the
	// outage by which desk time went on. Presence and offers are extended by
	// it.
	Resume bool
	Gap    evenkeel.Duration
}

// AppendEntry appends the form in which a batch of encoded commands goes into
// the log:
//
//	version(1) flags(1) time(uvarint) gap(uvarint) count(uvarint) { length(uvarint) command }*
//
// An entry without commands is a tick: time passes and deadlines fall due.
func AppendEntry(dst []byte, h EntryHeader, commands [][]byte) []byte {
	var flags byte
	if h.Resume {
		flags |= flagResume
	}
	dst = append(dst, entryVersion, flags)
	dst = binary.AppendUvarint(dst, uint64(h.Time))
	dst = binary.AppendUvarint(dst, uint64(h.Gap))
	dst = binary.AppendUvarint(dst, uint64(len(commands)))
	for _, c := range commands {
		dst = binary.AppendUvarint(dst, uint64(len(c)))
		dst = append(dst, c...)
	}
	return dst
}

// ParseEntry takes an entry apart. The commands are slices of b.
func ParseEntry(b []byte) (EntryHeader, [][]byte, error) {
	var h EntryHeader
	if len(b) < 2 || b[0] != entryVersion || b[1]&^flagResume != 0 {
		return h, nil, errors.New("desk: entry of an unknown version")
	}
	h.Resume = b[1]&flagResume != 0
	r := reader{b: b[2:]}
	h.Time = evenkeel.DeskTime(r.uvarint())
	h.Gap = evenkeel.Duration(r.uvarint())
	n := r.uvarint()
	if r.err != nil || h.Time < 0 || h.Time > lastTime || h.Gap < 0 || n > MaxEntryCommands {
		return h, nil, errors.New("desk: entry header is damaged")
	}
	commands := make([][]byte, 0, n)
	for i := uint64(0); i < n; i++ {
		commands = append(commands, r.bytes(MaxCommandBytes))
	}
	if r.err != nil || len(r.b) != 0 {
		return h, nil, fmt.Errorf("desk: entry with %d commands is damaged", n)
	}
	return h, commands, nil
}

// reader takes length-prefixed fields off a slice; after the first fault it
// returns zeroes.
type reader struct {
	b   []byte
	err error
}

var errShort = errors.New("desk: data ends early")

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.b, r.err = nil, errShort
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.err = errShort
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) bytes(limit uint64) []byte {
	n := r.uvarint()
	if n > limit || n > uint64(len(r.b)) {
		r.b, r.err = nil, errShort
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}
