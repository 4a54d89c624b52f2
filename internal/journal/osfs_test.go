package journal_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/evenkeel/evenkeel/internal/journal"
)

// TestDirectory runs a journal on real files.
func TestDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "raft")
	fsys, err := journal.OpenDir(path)
	must(t, err)
	r := &rig{fs: fsys, opts: small(1), acked: newModel()}
	must(t, r.live())
	must(t, r.j.Close())
	for range 3 {
		must(t, r.reopen())
		must(t, r.goOn())
		must(t, r.j.Close())
	}
	// A new process with the default sizes goes on with the small segments first.
	r.opts = journal.Options{}
	must(t, r.reopen())
	other, err := journal.OpenDir(path)
	must(t, err)
	if _, _, err := journal.Open(other, journal.Options{}); !errors.Is(err, journal.ErrLocked) {
		t.Fatalf("a second journal in the directory: %v", err)
	}
	last := r.acked.last
	must(t, r.append(&journal.Batch{Entries: []*raftpb.Entry{entry(last+1, r.acked.term, strings.Repeat("x", 5000))}}))
	must(t, r.j.Close())
	must(t, r.reopen())
	must(t, r.j.Close())
}

// TestDirectoryOperations: the interface, as the operating system keeps it.
func TestDirectoryOperations(t *testing.T) {
	fsys, err := journal.OpenDir(t.TempDir())
	must(t, err)
	lock, err := fsys.Lock()
	must(t, err)
	f, err := fsys.Create("a", 10_000)
	must(t, err)
	if _, err := fsys.Create("a", 1); !errors.Is(err, fs.ErrExist) {
		t.Errorf("create twice: %v", err)
	}
	if size, err := f.Size(); size != 10_000 || err != nil {
		t.Errorf("size %d, %v", size, err)
	}
	b := make([]byte, 10_000)
	if _, err := f.ReadAt(b, 0); err != nil || slices.Max(b) != 0 {
		t.Errorf("a new file is not zeros: %v", err)
	}
	_, err = f.WriteAt([]byte("hello"), 12_000)
	must(t, err)
	must(t, f.Sync())
	must(t, fsys.SyncDir())
	if n, err := f.ReadAt(b[:10], 12_000); n != 5 || !errors.Is(err, io.EOF) || string(b[:5]) != "hello" {
		t.Errorf("read %d bytes: %q, %v", n, b[:n], err)
	}
	must(t, f.Close())
	if _, err := fsys.Open("b"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open a missing file: %v", err)
	}
	for _, name := range []string{"", ".", "..", "../a", "x/y", `x\y`} {
		if _, err := fsys.Create(name, 1); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("create %q: %v", name, err)
		}
	}
	if names, err := fsys.List(); err != nil || !slices.Equal(names, []string{"a"}) {
		t.Errorf("files %v, %v", names, err)
	}
	if free, err := fsys.Free(); err != nil || free <= 0 {
		t.Errorf("%d bytes free, %v", free, err)
	}
	must(t, fsys.Remove("a"))
	if err := fsys.Remove("a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("remove twice: %v", err)
	}
	must(t, lock.Close())
}

// TestFullDevice: a real disk without room yields ErrNoSpace and leaves no file.
func TestFullDevice(t *testing.T) {
	dir := t.TempDir()
	fsys, err := journal.OpenDir(dir)
	must(t, err)
	free, err := fsys.Free()
	must(t, err)
	_, err = fsys.Create("huge", free+free/2)
	if !errors.Is(err, journal.ErrNoSpace) {
		t.Fatalf("got %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Fatalf("left behind: %v, %v", entries, err)
	}
}

// TestSnapshotsBesideTheLog writes and reads snapshots in goroutines of their own
// while the log goes on.
func TestSnapshotsBesideTheLog(t *testing.T) {
	fsys, err := journal.OpenDir(t.TempDir())
	must(t, err)
	j, _, err := journal.Open(fsys, small(1))
	must(t, err)
	must(t, j.Append(&journal.Batch{Meta: []byte("node 1"), HardState: hard(1, 1, 0)}))
	applied, done := make(chan uint64, 1), make(chan error, 1)
	go func() {
		var err error
		for index := range applied {
			err = errors.Join(err, writeAndRead(j, index))
		}
		done <- err
	}()
	const last = 60
	for i := uint64(1); i <= last; i++ {
		must(t, j.Append(&journal.Batch{Entries: []*raftpb.Entry{entry(i, 1, strings.Repeat("x", 2000))}}))
		if i%5 == 0 {
			applied <- i
			_, err := j.Compact(i)
			must(t, err)
		}
	}
	close(applied)
	must(t, <-done)
	must(t, j.Close())
	_, rec, err := journal.Open(fsys, small(1))
	must(t, err)
	if rec.Snapshot.Index != last || len(rec.Entries) != 0 {
		t.Fatalf("snapshot at %d and %d entries", rec.Snapshot.Index, len(rec.Entries))
	}
}

func writeAndRead(j *journal.Journal, index uint64) error {
	w, err := j.CreateSnapshot(index, 1)
	if err != nil {
		return err
	}
	if _, err := w.Write(make([]byte, 100_000)); err != nil {
		return errors.Join(err, w.Abort())
	}
	if _, err := w.Commit(journal.SnapshotMeta{Index: index, Term: 1}); err != nil {
		return errors.Join(err, w.Abort())
	}
	s, err := j.OpenSnapshot(index)
	if err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, s)
	if n != 100_000 {
		err = errors.Join(err, io.ErrShortWrite)
	}
	return errors.Join(err, s.Close())
}
