package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/evenkeel/evenkeel/internal/journal"
	"github.com/evenkeel/evenkeel/internal/sim/simdisk"
)

// newRand returns the generator of one seed.
func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x6a6f75726e616c)) }

// salts gives the journal its salts from a seed.
type salts struct{ *rand.Rand }

func (s salts) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(s.Uint32())
	}
	return len(b), nil
}

// small are options with segments small enough to be crossed all the time.
func small(seed uint64) journal.Options {
	return journal.Options{SegmentSize: journal.MinSegmentSize, Rand: salts{newRand(seed)}}
}

func entry(index, term uint64, data string) *raftpb.Entry {
	return &raftpb.Entry{Index: new(index), Term: new(term), Type: new(raftpb.EntryNormal), Data: []byte(data)}
}

func hard(term, vote, commit uint64) *raftpb.HardState {
	return &raftpb.HardState{Term: new(term), Vote: new(vote), Commit: new(commit)}
}

// model is what a journal should remember.
type model struct {
	term, vote uint64
	meta       string
	log        map[uint64]string // index -> "term:data", of everything not cut off
	last       uint64
	snap       uint64 // index of the newest snapshot
	snapTerm   uint64
	snapData   string
	skips      []journal.Skip
}

func newModel() *model { return &model{log: map[uint64]string{}} }

func (m *model) clone() *model {
	c := *m
	c.log = make(map[uint64]string, len(m.log))
	for k, v := range m.log {
		c.log[k] = v
	}
	c.skips = slices.Clone(m.skips)
	return &c
}

func entryText(e *raftpb.Entry) string { return fmt.Sprintf("%d:%s", e.GetTerm(), e.GetData()) }

// apply does to the model what a batch does to a journal.
func (m *model) apply(b *journal.Batch) {
	if b.HardState != nil {
		m.term, m.vote = b.HardState.GetTerm(), b.HardState.GetVote()
	}
	if b.Meta != nil {
		m.meta = string(b.Meta)
	}
	if b.Snapshot != nil {
		clear(m.log)
		m.last = b.Snapshot.GetIndex()
	}
	m.skips = append(m.skips, b.Skips...)
	for _, e := range b.Entries {
		for i := e.GetIndex(); i <= m.last; i++ {
			delete(m.log, i)
		}
		m.log[e.GetIndex()] = entryText(e)
		m.last = e.GetIndex()
	}
}

// diff tells in what a recovered journal differs; "" if it does not.
func (m *model) diff(rec *journal.Recovered) string {
	hs := rec.HardState
	var snap uint64
	if rec.Snapshot != nil {
		snap = rec.Snapshot.Index
	}
	last := max(m.last, snap)
	term, vote := m.term, m.vote
	if m.snapTerm > term { // received, and the log does not know of it yet
		term, vote = m.snapTerm, 0
	}
	switch {
	case hs.GetTerm() != term || hs.GetVote() != vote:
		return fmt.Sprintf("term %d vote %d, want %d and %d", hs.GetTerm(), hs.GetVote(), term, vote)
	case hs.GetCommit() < snap || hs.GetCommit() > last:
		return fmt.Sprintf("commit %d, with a snapshot at %d and a last index of %d", hs.GetCommit(), snap, last)
	case string(rec.Meta) != m.meta:
		return fmt.Sprintf("meta %q, want %q", rec.Meta, m.meta)
	case snap != m.snap:
		return fmt.Sprintf("snapshot at %d, want %d", snap, m.snap)
	case uint64(len(rec.Entries)) != last-snap:
		return fmt.Sprintf("%d entries behind %d, want %d", len(rec.Entries), snap, last-snap)
	}
	for i, e := range rec.Entries {
		if want := snap + 1 + uint64(i); e.GetIndex() != want || entryText(e) != m.log[want] {
			return fmt.Sprintf("entry %d is %.40q, want %d, %.40q", e.GetIndex(), entryText(e), want, m.log[want])
		}
	}
	for _, k := range m.skips {
		if k.Index > snap && !slices.Contains(rec.Skips, k) {
			return fmt.Sprintf("skip %v is missing", k)
		}
	}
	return ""
}

// rig is a journal under test beside its model.
type rig struct {
	fs    journal.FS
	disk  *simdisk.Disk
	opts  journal.Options
	j     *journal.Journal
	acked *model
	// maybe is what the journal may remember instead, for the operation that was
	// cut short; more than one if a batch was split.
	maybe []*model
	// inDoubt: a doubt was found whose resolution may have been cut short.
	inDoubt bool

	seen seen
}

// seen counts what was found after crashes.
type seen struct{ whole, kept, lost, doubts int }

func (s *seen) add(o seen) {
	s.whole += o.whole
	s.kept += o.kept
	s.lost += o.lost
	s.doubts += o.doubts
}

func newRig(disk *simdisk.Disk, seed uint64) *rig {
	return &rig{fs: disk, disk: disk, opts: small(seed), acked: newModel()}
}

func (r *rig) open() (*journal.Recovered, error) {
	j, rec, err := journal.Open(r.fs, r.opts)
	r.j = j
	return rec, err
}

func (r *rig) append(b *journal.Batch) error {
	after := r.acked.clone()
	r.maybe = nil
	for i := 1; i < len(b.Entries); i++ { // a split batch may be kept in part
		c := r.acked.clone()
		share := *b
		share.Entries = b.Entries[:i]
		c.apply(&share)
		r.maybe = append(r.maybe, c)
	}
	after.apply(b)
	r.maybe = append(r.maybe, after)
	if err := r.j.Append(b); err != nil {
		return err
	}
	r.acked, r.maybe = after, nil
	return nil
}

// snapshot writes one of the log up to index.
func (r *rig) snapshot(index uint64, data string) error {
	term := uint64(1)
	if _, err := fmt.Sscanf(r.acked.log[index], "%d:", &term); err != nil {
		return fmt.Errorf("no entry %d: %w", index, err)
	}
	return r.receive(index, term, data)
}

// receive writes a snapshot file.
func (r *rig) receive(index, term uint64, data string) error {
	after := r.acked.clone()
	after.snap, after.snapTerm, after.snapData = index, term, data
	r.maybe = []*model{after}
	w, err := r.j.CreateSnapshot(index, term)
	if err != nil {
		return err
	}
	if _, err = io.WriteString(w, data); err == nil {
		_, err = w.Commit(journal.SnapshotMeta{Index: index, Term: term, ConfState: conf(1), DeskHash: []byte("hash")})
	}
	if err != nil {
		return errors.Join(err, w.Abort())
	}
	r.acked, r.maybe = after, nil
	return nil
}

func conf(voters ...uint64) *raftpb.ConfState { return &raftpb.ConfState{Voters: voters} }

// check compares what was recovered with what may be there, and adopts it. A
// doubt may only be about what was never acknowledged; it is cut.
func (r *rig) check(rec *journal.Recovered) error {
	if rec.Doubt != nil {
		if len(r.maybe) == 0 && !r.inDoubt {
			return fmt.Errorf("an acknowledged batch is in doubt: %+v", *rec.Doubt)
		}
		r.inDoubt = true
	}
	if r.inDoubt || strings.Contains(strings.Join(rec.Notes, " "), "torn and without entries, was cut") {
		// The vote of a doubtful batch is known and kept.
		for _, m := range r.maybe {
			c := r.acked.clone()
			c.term, c.vote = m.term, m.vote
			r.maybe = append(r.maybe, c)
		}
	}
	if err := r.settle(rec); err != nil {
		return err
	}
	if rec.Doubt != nil {
		if err := r.cut(rec.Doubt); err != nil {
			return err
		}
	}
	r.inDoubt = false
	return r.checkSnapshot()
}

// settle finds the model that the journal remembers.
func (r *rig) settle(rec *journal.Recovered) error {
	why := r.acked.diff(rec)
	switch {
	case why != "":
	case len(r.maybe) > 0:
		r.seen.lost++
	default:
		r.seen.whole++
	}
	for _, m := range r.maybe {
		if why != "" && m.diff(rec) == "" {
			r.acked, why = m, ""
			r.seen.kept++
		}
	}
	if why != "" {
		return errors.New(why)
	}
	r.maybe = nil
	return nil
}

func (r *rig) cut(d *journal.Doubt) error {
	r.seen.doubts++
	if !d.Torn {
		return fmt.Errorf("a doubt about a batch that was not torn: %+v", *d)
	}
	if err := r.j.Append(&journal.Batch{HardState: hard(99, 0, 0)}); !errors.Is(err, journal.ErrDoubt) {
		return fmt.Errorf("append in doubt: %v", err)
	}
	if err := r.j.ResolveDoubt(journal.Cut); err != nil {
		return fmt.Errorf("cut: %w", err)
	}
	return nil
}

func (r *rig) checkSnapshot() error {
	if r.acked.snap == 0 {
		return nil
	}
	s, err := r.j.OpenSnapshot(r.acked.snap)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(s)
	if err = errors.Join(err, s.Close()); err != nil {
		return err
	}
	if !bytes.Equal(data, []byte(r.acked.snapData)) {
		return fmt.Errorf("the snapshot at %d has other bytes", r.acked.snap)
	}
	return nil
}

// reopen opens the journal after a crash, as often as the disk stops again, and
// checks it.
func (r *rig) reopen() error {
	rec, err := r.open()
	if err != nil {
		r.inDoubt = len(r.maybe) > 0 // perhaps that run had begun to resolve one
		return fmt.Errorf("reopen: %w", err)
	}
	return r.check(rec)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
