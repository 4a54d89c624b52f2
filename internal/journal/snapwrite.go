package journal

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"
	"go.etcd.io/raft/v3/raftpb"
)

// SnapshotWriter writes one snapshot file. It counts only once Commit has
// returned nil. It is for one goroutine, which may be another than the
// journal's.
type SnapshotWriter struct {
	store  *snapStore
	meta   SnapshotMeta // Size is that of the blocks written so far
	file   File         // nil once committed or aborted
	hash   *xxhash.Digest
	buf    []byte // the block being filled, its head included
	block  uint64 // its number
	unsync int64  // bytes written since the last sync
	err    error  // the first failure; the file is of no use after it
}

// Write adds to the stream. It syncs every few MiB, so that no other file's
// sync has to wait long. After an error (ErrNoSpace among them) the only thing
// to do is Abort.
func (w *SnapshotWriter) Write(p []byte) (int, error) {
	if w.file == nil {
		return 0, ErrClosed
	}
	done := 0
	for len(p) > 0 && w.err == nil {
		n := min(len(p), blockSize-len(w.buf))
		w.buf = append(w.buf, p[:n]...)
		p, done = p[n:], done+n
		if len(w.buf) == blockSize {
			w.flush()
		}
	}
	return done, w.err
}

// flush writes the block that has been filled.
func (w *SnapshotWriter) flush() {
	data := w.buf[blockHead:]
	if len(data) == 0 || w.err != nil {
		return
	}
	binary.LittleEndian.PutUint32(w.buf[0:], uint32(len(data)))
	binary.LittleEndian.PutUint32(w.buf[4:], crcOf(blockSeed(w.meta.Index, w.meta.Term, w.block), data))
	if _, err := w.file.WriteAt(w.buf, pageSize+int64(w.block)*blockSize); err != nil {
		w.err = fmt.Errorf("write snapshot %s: %w", w.meta.Name, err)
		return
	}
	_, _ = w.hash.Write(data) // never fails
	w.meta.Size += int64(len(data))
	w.unsync += int64(len(w.buf))
	w.block++
	w.buf = w.buf[:blockHead]
	if w.unsync >= syncEvery {
		w.sync()
	}
}

func (w *SnapshotWriter) sync() {
	if w.err != nil {
		return
	}
	if err := w.file.Sync(); err != nil {
		w.err = fmt.Errorf("sync snapshot %s: %w", w.meta.Name, err)
	}
	w.unsync = 0
}

// Commit makes the file durable and valid, and drops all but the two newest
// snapshots. meta's Index and Term must be those of CreateSnapshot; ConfState and
// DeskHash are stored; the rest is filled in in the answer. After an error the
// snapshot does not count, and Abort removes it.
func (w *SnapshotWriter) Commit(meta SnapshotMeta) (SnapshotMeta, error) {
	if w.file == nil {
		return SnapshotMeta{}, ErrClosed
	}
	if meta.Index != w.meta.Index || meta.Term != w.meta.Term {
		return SnapshotMeta{}, fmt.Errorf("commit snapshot %s as one at index %d, term %d", w.meta.Name, meta.Index, meta.Term)
	}
	w.flush()
	w.sync()
	w.meta.Hash = w.hash.Sum64()
	w.meta.DeskHash = append([]byte(nil), meta.DeskHash...)
	w.meta.ConfState = raftpb.EnsureConfState(cloneConf(meta.ConfState))
	header, err := encodeSnapHeader(&w.meta)
	if err == nil && w.err == nil {
		_, err = w.file.WriteAt(header, 0)
		if err == nil {
			w.sync()
		}
	}
	if err == nil && w.err == nil {
		err = w.store.fsys.SyncDir()
	}
	if w.err == nil && err != nil {
		w.err = fmt.Errorf("commit snapshot %s: %w", w.meta.Name, err)
	}
	if w.err != nil {
		return SnapshotMeta{}, w.err
	}
	f := w.file
	w.file = nil
	if err := f.Close(); err != nil {
		return SnapshotMeta{}, fmt.Errorf("close snapshot %s: %w", w.meta.Name, err)
	}
	return w.meta, w.store.add(w.meta)
}

// Abort drops the file. After Commit it does nothing.
func (w *SnapshotWriter) Abort() error {
	if w.file == nil {
		return nil
	}
	f := w.file
	w.file = nil
	return errors.Join(f.Close(), w.store.drop(w.meta.Name))
}
