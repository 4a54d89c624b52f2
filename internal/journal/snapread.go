package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cespare/xxhash/v2"
)

// SnapshotReader reads one snapshot's stream and verifies it on the way: Read
// returns io.EOF only after all checksums agreed, and a *DamageError if one does
// not. It is for one goroutine.
type SnapshotReader struct {
	meta  SnapshotMeta
	file  File
	done  func() // tells the store; may be nil
	hash  *xxhash.Digest
	buf   []byte
	rest  []byte // of the current block
	block uint64 // number of the next block
	left  int64  // bytes of the stream in it and after it
	err   error
}

// ReadSnapshot opens a snapshot file by name without a journal: the way to read
// the state of a damaged one. A file that is no valid snapshot yields a
// *DamageError.
func ReadSnapshot(fsys FS, name string) (*SnapshotReader, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open snapshot %s: %w", name, err)
	}
	meta, _, err := readSnapHeader(f, name)
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, err
	}
	return &SnapshotReader{meta: meta, file: f, hash: newHash(), left: meta.Size}, nil
}

// readSnapHeader reads a file's header. blank: it was never written.
func readSnapHeader(f File, name string) (m SnapshotMeta, blank bool, err error) {
	size, err := f.Size()
	if err != nil {
		return m, false, fmt.Errorf("size of %s: %w", name, err)
	}
	page := make([]byte, pageSize)
	if err := readAt(f, page, 0); err != nil {
		return m, false, fmt.Errorf("read %s: %w", name, err)
	}
	m, why := decodeSnapHeader(page, size)
	m.Name = name
	if why != "" {
		return m, isZero(page), &DamageError{File: name, Reason: why}
	}
	return m, false, nil
}

// Meta describes the snapshot.
func (r *SnapshotReader) Meta() SnapshotMeta { return r.meta }

// Read reads the stream.
func (r *SnapshotReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 && r.err == nil {
		r.err = r.fill()
	}
	if len(r.rest) == 0 {
		return 0, r.err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// fill reads and verifies the next block.
func (r *SnapshotReader) fill() error {
	at := pageSize + int64(r.block)*blockSize
	if r.left == 0 {
		if sum := r.hash.Sum64(); sum != r.meta.Hash {
			return &DamageError{File: r.meta.Name, Offset: at, Reason: "the hash of the whole stream does not agree"}
		}
		return io.EOF
	}
	size := min(r.left, blockData)
	if r.buf == nil {
		r.buf = make([]byte, blockHead+size)
	}
	b := r.buf[:blockHead+size]
	if err := readAt(r.file, b, at); err != nil {
		return fmt.Errorf("read snapshot %s: %w", r.meta.Name, err)
	}
	data := b[blockHead:]
	seed := blockSeed(r.meta.Index, r.meta.Term, r.block)
	if int64(binary.LittleEndian.Uint32(b)) != size || binary.LittleEndian.Uint32(b[4:]) != crcOf(seed, data) {
		return &DamageError{File: r.meta.Name, Offset: at, Reason: fmt.Sprintf("block %d is not valid", r.block)}
	}
	_, _ = r.hash.Write(data) // never fails
	r.rest, r.left = data, r.left-size
	r.block++
	return nil
}

// verify reads the rest of the stream.
func (r *SnapshotReader) verify() error {
	for {
		if err := r.fill(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// Close closes the file.
func (r *SnapshotReader) Close() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	if r.done != nil {
		r.done()
	}
	return err
}
