package journal

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// keepSnapshots is how many are kept: the newest, and the one to fall back to
// should it rot.
const keepSnapshots = 2

// snapStore knows the snapshot files of a directory. Unlike the log it may be
// used by several goroutines: one writes a snapshot while others read.
type snapStore struct {
	fsys FS

	mu     sync.Mutex
	valid  []SnapshotMeta // newest first
	old    []string       // to be removed: rotten, or no longer among the newest
	pins   map[string]int // open readers
	opened uint64         // writers so far, to give each file a name of its own

	// begun: the log has a batch. Before that no snapshot is made, for a
	// directory with snapshots and no log is a damaged one.
	begun atomic.Bool
}

// snapScan is what a directory holds, read without changing anything.
type snapScan struct {
	valid  []SnapshotMeta // newest first; the first is verified as a whole
	rotten []string
	blank  []string // never finished
	notes  []string
	names  int
}

// scanSnapshots reads the headers of all snapshot files, and the newest as a
// whole.
func scanSnapshots(fsys FS, names []string) (*snapScan, error) {
	s := new(snapScan)
	for _, name := range names {
		var index, term, try uint64
		if !parseName(name, snapPrefix, &index, &term, &try) {
			continue
		}
		s.names++
		if err := s.scan(fsys, name, index, term); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(s.valid, newestFirst)
	for len(s.valid) > 0 {
		bad, err := verifySnapshot(fsys, s.valid[0].Name)
		if err != nil {
			return nil, err
		}
		if bad == nil {
			break
		}
		s.rotten = append(s.rotten, s.valid[0].Name)
		s.notes = append(s.notes, bad.Error())
		s.valid = s.valid[1:]
	}
	return s, nil
}

func newestFirst(a, b SnapshotMeta) int {
	return cmp.Or(cmp.Compare(b.Index, a.Index), cmp.Compare(b.Term, a.Term), cmp.Compare(b.Name, a.Name))
}

func (s *snapScan) scan(fsys FS, name string, index, term uint64) error {
	f, err := fsys.Open(name)
	if err != nil {
		return fmt.Errorf("open snapshot %s: %w", name, err)
	}
	meta, blank, err := readSnapHeader(f, name)
	bad, isDamage := errors.AsType[*DamageError](err)
	switch {
	case err != nil && !isDamage:
		_ = f.Close() // nothing was written
		return err
	case blank:
		s.blank = append(s.blank, name)
	case isDamage:
		s.rotten = append(s.rotten, name)
		s.notes = append(s.notes, bad.Error())
	case meta.Index != index || meta.Term != term:
		s.rotten = append(s.rotten, name)
		s.notes = append(s.notes, fmt.Sprintf("%s is a copy of the snapshot at %d", name, meta.Index))
	default:
		s.valid = append(s.valid, meta)
	}
	return f.Close()
}

// verifySnapshot reads a whole file; bad says what is wrong with it.
func verifySnapshot(fsys FS, name string) (bad *DamageError, err error) {
	r, err := ReadSnapshot(fsys, name)
	if err == nil {
		err = r.verify()
		err = errors.Join(err, r.Close())
	}
	if bad, ok := errors.AsType[*DamageError](err); ok {
		return bad, nil
	}
	return nil, err
}

// settle makes what the scan found valid durable, and removes what is of no use.
func (st *snapStore) settle(s *snapScan) error {
	st.valid = slices.Clone(s.valid)
	for i := range st.valid {
		if err := st.rewrite(&st.valid[i]); err != nil {
			return err
		}
	}
	for _, name := range s.blank {
		if err := st.fsys.Remove(name); err != nil {
			return fmt.Errorf("remove unfinished snapshot %s: %w", name, err)
		}
	}
	st.old = slices.Clone(s.rotten)
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.trim()
}

// rewrite writes a header anew and syncs it: it may have been read from a cache
// that the disk never saw.
func (st *snapStore) rewrite(m *SnapshotMeta) error {
	page, err := encodeSnapHeader(m)
	if err != nil {
		return err
	}
	f, err := st.fsys.Open(m.Name)
	if err != nil {
		return fmt.Errorf("open snapshot %s: %w", m.Name, err)
	}
	_, err = f.WriteAt(page, 0)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("settle snapshot %s: %w", m.Name, err)
	}
	return nil
}

// create begins a file.
func (st *snapStore) create(index, term uint64) (*SnapshotWriter, error) {
	if index == 0 {
		return nil, errors.New("a snapshot at index 0 has nothing in it")
	}
	if !st.begun.Load() {
		return nil, errors.New("a snapshot before the first batch of the journal")
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	for {
		st.opened++
		name := snapName(index, term, st.opened)
		f, err := st.fsys.Create(name, 0)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("create snapshot %s: %w", name, err)
		}
		return &SnapshotWriter{
			store: st,
			meta:  SnapshotMeta{Index: index, Term: term, Name: name},
			file:  f,
			hash:  newHash(),
			buf:   make([]byte, blockHead, blockSize),
		}, nil
	}
}

// add makes a committed snapshot known.
func (st *snapStore) add(m SnapshotMeta) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.valid = append(st.valid, m)
	slices.SortFunc(st.valid, newestFirst)
	return st.trim()
}

// trim removes what is beyond the newest, once there are enough good ones, except
// what is being read. It is called with mu held.
func (st *snapStore) trim() error {
	if len(st.valid) >= keepSnapshots {
		for _, m := range st.valid[keepSnapshots:] {
			st.old = append(st.old, m.Name)
		}
		st.valid = st.valid[:keepSnapshots]
	} else {
		return nil
	}
	var errs []error
	st.old = slices.DeleteFunc(st.old, func(name string) bool {
		if st.pins[name] > 0 {
			return false
		}
		err := st.fsys.Remove(name)
		if err != nil {
			errs = append(errs, fmt.Errorf("remove snapshot %s: %w", name, err))
		}
		return err == nil
	})
	return errors.Join(errs...)
}

// drop removes a file that never counted.
func (st *snapStore) drop(name string) error {
	if err := st.fsys.Remove(name); err != nil {
		return fmt.Errorf("remove snapshot %s: %w", name, err)
	}
	return nil
}

// open opens a snapshot and keeps its file until it is closed.
func (st *snapStore) open(index uint64) (*SnapshotReader, error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	i := slices.IndexFunc(st.valid, func(m SnapshotMeta) bool { return m.Index == index })
	if i < 0 {
		return nil, fmt.Errorf("open the snapshot at %d: %w", index, ErrNoSnapshot)
	}
	name := st.valid[i].Name
	r, err := ReadSnapshot(st.fsys, name)
	if err != nil {
		return nil, err
	}
	st.pins[name]++
	r.done = func() {
		st.mu.Lock()
		defer st.mu.Unlock()
		if st.pins[name]--; st.pins[name] == 0 {
			delete(st.pins, name)
		}
		_ = st.trim() // tried again with the next snapshot
	}
	return r, nil
}

func (st *snapStore) list() []SnapshotMeta {
	st.mu.Lock()
	defer st.mu.Unlock()
	return slices.Clone(st.valid)
}

// floor is the index below which nothing needs the log: that of the older of the
// two newest snapshots, 0 if there are not two.
func (st *snapStore) floor() uint64 {
	st.mu.Lock()
	defer st.mu.Unlock()
	if len(st.valid) < keepSnapshots {
		return 0
	}
	return st.valid[keepSnapshots-1].Index
}

func cloneConf(c *raftpb.ConfState) *raftpb.ConfState {
	if c == nil {
		return new(raftpb.ConfState)
	}
	return proto.Clone(c).(*raftpb.ConfState)
}
