package journal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// Journal is an open journal. Append, ResolveDoubt, Reserve, Tend, Compact, Err and Close
// are for one goroutine at a time; the snapshot methods may be called by others
// meanwhile.
type Journal struct {
	fsys  FS
	opts  Options
	lock  io.Closer
	snaps *snapStore

	state  state      // as of the last batch, plus a commit index not yet written
	old    []*segment // before the current one, oldest first; their files are closed
	cur    *segment
	ahead  []*segment // blank ones, in order
	off    int64      // of the next payload in cur; may be past its end
	number uint64     // of the last batch
	prev   uint32     // its sum

	doubt    *Doubt        // not yet resolved: about the batch at off
	doubtful info          // its descriptor
	restart  *SnapshotMeta // the log is to begin behind this one, with the next batch

	full   bool  // the last attempt to make a segment found no room
	err    error // what poisoned the journal
	closed bool

	buf   []byte // of Append
	parts []part // of Append
}

// Open takes the directory, recovers what is there and makes it durable before
// it returns: what it reports can be acted on. Errors: ErrLocked; *DamageError;
// ErrNoSpace if not even a first segment can be made; those of the disk.
//
// On *DamageError the Recovered holds what can be read before the damage (to
// serve reads, never to vote), the Journal is nil and nothing was changed.
func Open(fsys FS, opts Options) (*Journal, *Recovered, error) {
	if opts.SegmentSize == 0 {
		opts.SegmentSize = DefaultSegmentSize
	}
	if opts.SegmentSize < MinSegmentSize || opts.SegmentSize > MaxSegmentSize || opts.SegmentSize%pageSize != 0 {
		return nil, nil, fmt.Errorf("open the journal: a segment size of %d bytes", opts.SegmentSize)
	}
	if opts.Rand == nil {
		opts.Rand = rand.Reader
	}
	lock, err := fsys.Lock()
	if err != nil {
		return nil, nil, fmt.Errorf("open the journal: %w", err)
	}
	j := &Journal{fsys: fsys, opts: opts, lock: lock, snaps: &snapStore{fsys: fsys, pins: make(map[string]int)}}
	rec, err := j.recover()
	if err != nil {
		_ = j.release() // the first error tells more
		return nil, rec, fmt.Errorf("open the journal: %w", err)
	}
	return j, rec, nil
}

// recover reads everything, decides what it means, and only then writes.
func (j *Journal) recover() (*Recovered, error) {
	names, err := j.fsys.List()
	if err != nil {
		return nil, fmt.Errorf("list the directory: %w", err)
	}
	scan, err := scanSnapshots(j.fsys, names)
	if err != nil {
		return nil, err
	}
	w, err := readLog(j.fsys, names)
	if err != nil {
		return nil, err
	}
	rec := j.judge(w, scan)
	if w.damage != nil {
		w.close()
		rec.Notes = slices.Concat(scan.notes, w.notes)
		return rec, w.damage
	}
	if err := j.adopt(w, scan); err != nil {
		w.close()
		return nil, err
	}
	if j.doubt == nil && j.state.doubt == nil {
		rec.Doubt = nil // it was harmless
	}
	rec.Notes = slices.Concat(scan.notes, w.notes)
	return rec, nil
}

// judge finds the state that log and snapshots lead to.
func (j *Journal) judge(w *walk, scan *snapScan) *Recovered {
	s := &w.state
	rec := &Recovered{
		Fresh: s.silent() && len(scan.valid) == 0 && w.damage == nil && (w.doubt == nil || w.doubt.harmless()),
		Meta:  s.meta, Doubt: w.doubt,
		ConfState: new(raftpb.ConfState),
	}
	if rec.Doubt == nil {
		rec.Doubt = s.doubt
	}
	j.restart = nil
	snap, restart := chooseSnapshot(w, scan)
	if snap != nil {
		rec.Snapshot = snap
		rec.ConfState = cloneConf(snap.ConfState)
		s.advance(snap)
		if restart {
			j.restart = snap
			s.entries, s.last, s.lastTerm = nil, snap.Index, snap.Term
		} else {
			rec.Entries = s.entries[snap.Index-s.base:]
		}
	} else {
		rec.Entries = s.entries
		if s.conf != nil {
			// replay has checked that it can be read.
			_ = proto.Unmarshal(s.conf, rec.ConfState)
		}
	}
	raftpb.EnsureConfState(rec.ConfState)
	s.commit = min(s.commit, s.last)
	rec.HardState = s.hardState()
	for _, k := range s.skips {
		if snap == nil || k.Index > snap.Index {
			rec.Skips = append(rec.Skips, k)
		}
	}
	s.entries = nil
	return rec
}

// advance makes sure that the hard state is not behind a snapshot, as it is if
// the machine stopped between the two.
func (s *state) advance(snap *SnapshotMeta) {
	s.commit = max(s.commit, snap.Index)
	if s.term < snap.Term {
		s.term, s.vote = snap.Term, 0
	}
}

// chooseSnapshot picks the newest valid snapshot that together with the log makes
// a whole. restart: the log itself does not lead there and is to begin behind it.
func chooseSnapshot(w *walk, scan *snapScan) (snap *SnapshotMeta, restart bool) {
	s := &w.state
	if w.last == nil && scan.names > len(scan.blank) {
		w.harm(segmentName(1), 0, "there are snapshots but no log")
	}
	if len(scan.valid) > 0 {
		snap := &scan.valid[0]
		switch {
		case snap.Index > s.last:
			return snap, true
		case snap.Index > s.base:
			return snap, s.entries[snap.Index-s.base-1].GetTerm() != snap.Term
		case snap.Index == s.base:
			return snap, false
		}
	}
	if s.base == 0 {
		return nil, false
	}
	file := w.segs[0].name // entries were read, so there are segments
	if len(scan.rotten) > 0 {
		file = scan.rotten[len(scan.rotten)-1]
	}
	w.harm(file, 0, "the log begins behind index %d and no valid snapshot reaches that far", s.base)
	s.entries = nil
	if len(scan.valid) > 0 {
		return &scan.valid[0], true // all that can be served
	}
	return nil, false
}

// adopt makes what was found durable, mends what can be mended, and gets the
// journal ready to append.
func (j *Journal) adopt(w *walk, scan *snapScan) error {
	j.state, j.number, j.prev, j.off = w.state, w.number, w.prev, w.off
	j.doubt, j.doubtful = w.doubt, w.doubtful
	if err := j.snaps.settle(scan); err != nil {
		return err
	}
	if w.leftover != "" {
		if err := j.fsys.Remove(w.leftover); err != nil {
			return fmt.Errorf("remove %s: %w", w.leftover, err)
		}
	}
	for i, s := range w.segs {
		if i == w.at {
			j.cur = &s.segment
		} else if i > w.at {
			j.ahead = append(j.ahead, &s.segment)
		} else {
			j.old = append(j.old, &s.segment)
		}
	}
	if err := j.settle(w); err != nil {
		return err
	}
	j.snaps.begun.Store(w.last != nil)
	if err := j.closeOld(); err != nil {
		return err
	}
	if j.cur == nil {
		if err := j.prepare(1); err != nil {
			return err
		}
		j.cur, j.ahead = j.ahead[0], j.ahead[1:]
	}
	if err := j.prepare(reserveSegments); err != nil && !errors.Is(err, ErrFull) {
		return err
	}
	switch {
	case j.doubt != nil && j.doubt.harmless():
		w.note("%s: batch %d, torn and without entries, was cut", j.doubt.File, j.doubt.Batch)
		return j.ResolveDoubt(Cut)
	case j.restart != nil && j.doubt == nil:
		return j.commitRestart()
	}
	return nil
}

// settle writes the last batch and all headers anew, for what was read may come
// from a cache that the disk never saw, and blanks what a torn write left.
func (j *Journal) settle(w *walk) error {
	if w.last != nil && w.doubt == nil {
		if err := w.lastSeg.write(&w.last.info, w.last.encode()); err != nil {
			return err
		}
	}
	for i := w.at; i < len(w.segs); i++ {
		s, from := w.segs[i], w.off
		if i > w.at {
			from = headSize
		}
		if i > w.at || w.doubt == nil {
			wiped, err := s.wipe(from)
			if err != nil {
				return err
			}
			if wiped {
				w.note("%s: bytes behind the last batch, of a write that was never acknowledged, were blanked", s.name)
			}
		}
		if err := s.settle(); err != nil {
			return fmt.Errorf("settle %s: %w", s.name, err)
		}
	}
	if err := j.fsys.SyncDir(); err != nil {
		return fmt.Errorf("sync the directory: %w", err)
	}
	return nil
}

// encode returns the payload in whole sectors, room for the info included.
func (p *payload) encode() []byte {
	b := make([]byte, align(infoSize+int64(len(p.body))))
	copy(b[infoSize:], p.body)
	return b
}

// Err returns the error that poisoned the journal, or nil.
func (j *Journal) Err() error { return j.err }

// Close releases the directory. It writes nothing: what was appended is durable.
func (j *Journal) Close() error {
	if j.closed {
		return nil
	}
	j.closed = true
	return j.release()
}

func (j *Journal) release() error {
	var errs []error
	for _, s := range slices.Concat(j.old, []*segment{j.cur}, j.ahead) {
		if s != nil && s.file != nil {
			errs = append(errs, s.file.Close())
			s.file = nil
		}
	}
	return errors.Join(append(errs, j.lock.Close())...)
}

// Snapshots returns the valid snapshots, newest first (two at most are kept).
func (j *Journal) Snapshots() []SnapshotMeta { return j.snaps.list() }

// OpenSnapshot opens the snapshot at index for reading; ErrNoSnapshot if there
// is none. While it is open its file is kept.
func (j *Journal) OpenSnapshot(index uint64) (*SnapshotReader, error) { return j.snaps.open(index) }

// CreateSnapshot begins the snapshot file of the desk at index (not 0), whose
// entry has the given term. A batch must have been appended before: the node's
// own record, if nothing else.
func (j *Journal) CreateSnapshot(index, term uint64) (*SnapshotWriter, error) {
	return j.snaps.create(index, term)
}
