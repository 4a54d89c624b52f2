package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// Kinds of records in the body of a batch. Append-only: a kind once given keeps
// its meaning.
const (
	recEntry    = byte(1) // type, term, index, data
	recMeta     = byte(2) // data
	recConf     = byte(3) // data: raftpb.ConfState
	recSkip     = byte(4) // index, ordinal
	recSnapshot = byte(5) // index, term: the log restarts behind this snapshot
	recDoubt    = byte(6) // batch, first, last, term, 1 if it is torn
	recNoDoubt  = byte(7) // nothing
)

const (
	maxMeta = 4 << 10
	maxConf = 2 << 10
)

// state is what the log says so far: what a walk over all batches leads to, and
// what an open journal keeps in mind. Its slices are not shared.
type state struct {
	term, vote, commit uint64

	meta  []byte
	conf  []byte // raftpb.ConfState, marshalled
	skips []Skip // without doubles, in the order written
	doubt *Doubt // a carried one

	// base is the index that the log begins behind: 0, that of a received
	// snapshot, or one before the oldest entry that is left.
	base     uint64
	baseTerm uint64 // 0 if not known
	// loose: base only follows from the oldest entry that is left; the log may
	// have been cut off below it since, in a segment that is left.
	loose    bool
	last     uint64 // last index of the log; base <= last
	lastTerm uint64 // its term; 0 if not known

	// entries are those from base+1 to last, during recovery only.
	entries []*raftpb.Entry
}

func (s *state) hardState() *raftpb.HardState {
	return &raftpb.HardState{Term: new(s.term), Vote: new(s.vote), Commit: new(s.commit)}
}

// silent: the log says nothing, but perhaps how the node voted.
func (s *state) silent() bool {
	return s.meta == nil && s.conf == nil && s.last == 0 && len(s.skips) == 0 && s.doubt == nil
}

// addSkip keeps each skip once, for it is restated in every segment.
func (s *state) addSkip(k Skip) {
	if !slices.Contains(s.skips, k) {
		s.skips = append(s.skips, k)
	}
}

// dropSkips forgets the skips that a snapshot contains.
func (s *state) dropSkips(index uint64) {
	s.skips = slices.DeleteFunc(s.skips, func(k Skip) bool { return k.Index <= index })
}

// restart puts the beginning of the log behind a snapshot.
func (s *state) restart(index, term uint64) {
	s.base, s.baseTerm, s.loose = index, term, false
	s.last, s.lastTerm = index, term
	s.entries = nil
	s.dropSkips(index)
}

func uvarintLen(v uint64) int {
	n := 1
	for v >= 0x80 {
		v >>= 7
		n++
	}
	return n
}

func entrySize(e *raftpb.Entry) int {
	data := len(e.GetData())
	return 2 + uvarintLen(e.GetTerm()) + uvarintLen(e.GetIndex()) + uvarintLen(uint64(data)) + data
}

func appendEntry(b []byte, e *raftpb.Entry) []byte {
	b = append(b, recEntry, byte(e.GetType()))
	b = binary.AppendUvarint(b, e.GetTerm())
	b = binary.AppendUvarint(b, e.GetIndex())
	b = binary.AppendUvarint(b, uint64(len(e.GetData())))
	return append(b, e.GetData()...)
}

func appendBytes(b []byte, kind byte, data []byte) []byte {
	b = append(b, kind)
	b = binary.AppendUvarint(b, uint64(len(data)))
	return append(b, data...)
}

func appendNumbers(b []byte, kind byte, numbers ...uint64) []byte {
	b = append(b, kind)
	for _, n := range numbers {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

// appendState writes all records that are in force: the beginning of a segment.
func appendState(b []byte, s *state) []byte {
	if s.meta != nil {
		b = appendBytes(b, recMeta, s.meta)
	}
	if s.conf != nil {
		b = appendBytes(b, recConf, s.conf)
	}
	for _, k := range s.skips {
		b = appendNumbers(b, recSkip, k.Index, uint64(k.Ordinal))
	}
	if d := s.doubt; d != nil {
		b = appendDoubt(b, d)
	}
	return b
}

func appendDoubt(b []byte, d *Doubt) []byte {
	torn := uint64(0)
	if d.Torn {
		torn = 1
	}
	return appendNumbers(b, recDoubt, d.Batch, d.First, d.Last, d.LastTerm, torn)
}

// errRecord says that a body with a good checksum does not make sense.
var errRecord = errors.New("malformed record")

// reader takes a body apart.
type reader struct {
	b   []byte
	err error
}

func (r *reader) number() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.err, r.b = errRecord, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.err = errRecord
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

// bytes returns a part of the body, not a copy.
func (r *reader) bytes() []byte {
	n := r.number()
	if n > uint64(len(r.b)) {
		r.err, r.b = errRecord, nil
		return nil
	}
	data := r.b[:n:n]
	r.b = r.b[n:]
	return data
}

// replay applies the records of a body to s. The entries point into body.
func replay(s *state, body []byte) error {
	r := reader{b: body}
	for len(r.b) > 0 {
		kind := r.byte()
		switch kind {
		case recEntry:
			e := r.entry()
			if r.err == nil {
				r.err = s.place(e)
			}
		case recMeta:
			s.meta = slices.Clone(r.bytes())
		case recConf:
			s.conf = slices.Clone(r.bytes())
			if proto.Unmarshal(s.conf, new(raftpb.ConfState)) != nil {
				r.err = errRecord
			}
		case recSkip:
			s.addSkip(Skip{Index: r.number(), Ordinal: uint32(r.number())})
		case recSnapshot:
			index, term := r.number(), r.number()
			s.restart(index, term)
		case recDoubt:
			s.doubt = &Doubt{Batch: r.number(), First: r.number(), Last: r.number(), LastTerm: r.number(), Torn: r.number() == 1, Carried: true}
		case recNoDoubt:
			s.doubt = nil
		default:
			return fmt.Errorf("%w: kind %d is not known to this version", errRecord, kind)
		}
		if r.err != nil {
			return r.err
		}
	}
	return nil
}

func (r *reader) entry() *raftpb.Entry {
	typ := raftpb.EntryType(r.byte())
	term, index := r.number(), r.number()
	return &raftpb.Entry{Type: new(typ), Term: new(term), Index: new(index), Data: r.bytes()}
}

// place puts an entry at the end of the log, or cuts the log off before it.
// Behind a gap only a log whose oldest segments were dropped can begin.
func (s *state) place(e *raftpb.Entry) error {
	index, term := e.GetIndex(), e.GetTerm()
	virgin := s.last == 0 && s.base == 0
	switch {
	case index == 0:
		return fmt.Errorf("%w: an entry without an index", errRecord)
	case virgin, s.loose && index <= s.base:
		s.base, s.baseTerm, s.loose = index-1, 0, true
		s.entries = nil
	case index <= s.base:
		return fmt.Errorf("%w: entry %d in a log that begins behind %d", errRecord, index, s.base)
	case index > s.last+1:
		return fmt.Errorf("%w: entry %d follows entry %d", errRecord, index, s.last)
	}
	s.last, s.lastTerm = index, term
	s.entries = append(s.entries[:index-s.base-1], e)
	return nil
}
