package journal

import (
	"io"

	"go.etcd.io/raft/v3/raftpb"
)

// Defaults and bounds of Options.SegmentSize, in bytes.
const (
	DefaultSegmentSize = 16 << 20
	MinSegmentSize     = 16 << 10
	MaxSegmentSize     = 1 << 30
)

// Options of Open. The zero value is good for production.
type Options struct {
	// SegmentSize is the length of new segment files in bytes, a multiple of
	// 4096; 0 means DefaultSegmentSize. Existing files keep theirs.
	SegmentSize int64

	// Rand gives the salts of segments; nil means crypto/rand.Reader.
	Rand io.Reader
}

// Batch is what one Append makes durable, all or nothing (a batch of entries
// too large for one segment's write is split, and then a crash may keep the
// first parts). The zero Batch is empty.
type Batch struct {
	// HardState replaces the current one; nil keeps it. A change of nothing but
	// Commit is not worth a write: it is remembered and goes with the next batch
	// (Raft finds the commit index again by itself).
	HardState *raftpb.HardState

	// Entries continue the log. If the first one's index is at or below the
	// last index of the log, the log is cut off before it first. They are not
	// kept or changed.
	Entries []*raftpb.Entry

	// Snapshot says that the log restarts behind a snapshot received from
	// another node: all older entries are void, and Entries, if any, continue
	// from its index. Its file must have been committed (SnapshotWriter) before.
	// A snapshot that this node made of its own log needs no record.
	Snapshot *raftpb.SnapshotMetadata

	// Skips are commands not to be applied, ever (they panicked).
	Skips []Skip

	// Meta is the node's own record (cell, generation, node id), opaque here;
	// nil keeps the current one. At most 4 KiB.
	Meta []byte

	// ConfState is the configuration that the log begins with, before its first
	// entry; given once, when a cell is formed. nil keeps the current one.
	ConfState *raftpb.ConfState
}

// Skip names a command that is not applied: the Ordinal-th (from 0) of the
// entry at Index.
type Skip struct {
	Index   uint64
	Ordinal uint32
}

// Recovered is what Open found.
type Recovered struct {
	// Fresh: the journal says nothing and has never promised anything. (HardState may
	// be that of a first batch which was torn.)
	Fresh bool

	// Meta is the node's own record; nil if none was ever written.
	Meta []byte

	// HardState is never nil. Snapshot.Index <= Commit <= the last index holds,
	// whatever was written.
	HardState *raftpb.HardState

	// ConfState is the one to start Raft from: the snapshot's, or the one that
	// the log begins with. Never nil.
	ConfState *raftpb.ConfState

	// Snapshot is the newest valid snapshot, to be read with OpenSnapshot; nil if
	// there is none.
	Snapshot *SnapshotMeta

	// Entries are all entries behind the snapshot, without a hole.
	Entries []*raftpb.Entry

	// Skips are those of entries behind the snapshot, in the order written.
	Skips []Skip

	// Doubt is nil unless the last batch is in doubt. Entries do not have it.
	Doubt *Doubt

	// Notes tell in sentences what was found and mended that an operator may
	// want to know: a torn write that was cut, a rotten copy whose twin is good.
	Notes []string
}

// Doubt describes a last batch of which only the descriptor can be read: either
// it was being written when the machine stopped and was never acknowledged, or it
// was acknowledged and rotted. Its hard state is known (the descriptor carries
// it) and is in Recovered.HardState, which is always safe; its entries are not. A batch
// without entries that is torn is cut by Open itself and is no Doubt.
//
// Until ResolveDoubt, Append fails with ErrDoubt.
type Doubt struct {
	File   string
	Offset int64  // of the payload
	Batch  uint64 // number of the batch

	// First and Last are the indexes of its entries; both 0 if it had none. LastTerm
	// is the term of the last. If Last is not above the index of the snapshot,
	// nothing is lost by Cut.
	First, Last, LastTerm uint64

	// Torn: at least one sector of the payload still is as blank as before the write,
	// so the write never finished and was never acknowledged, unless the disk
	// has since blanked a whole sector. A cell of one may cut then. If false,
	// bytes were changed: it must not cut by itself.
	Torn bool

	// Carried: the doubt is an old one, kept by Carry; Append works.
	Carried bool
}

// Resolution is what to do about a Doubt.
type Resolution int

const (
	// Cut drops the batch: it is certain that it was never acknowledged, or that
	// nobody else needs it.
	Cut Resolution = iota + 1
	// Carry drops the batch but keeps the Doubt as a durable record, reported by each
	// Open, until Cut. The node may meanwhile write votes and entries.
	Carry
)

// Reserve tells how much room is held ready.
type Reserve struct {
	Segments int   // blank segments behind the current one
	Current  int64 // bytes left in the current segment
	// Full: the last attempt to make a segment found no room. Entries that do
	// not fit into the current segment are refused with ErrFull.
	Full bool
}

// SnapshotMeta describes a snapshot file.
type SnapshotMeta struct {
	Index     uint64 // last entry that the snapshot contains; not 0
	Term      uint64 // its term
	ConfState *raftpb.ConfState
	DeskHash  []byte // the caller's hash of the desk at Index; opaque, at most 64 bytes

	// Set by the journal:
	Name string // file in the data directory
	Size int64  // bytes of the stream
	Hash uint64 // xxHash64 of the stream
}
