package node

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// The cell key lies in this file of the data directory and nowhere else: not in
// the log, not in a snapshot, so neither of them gives a secret away.
const (
	cellKeyFile  = "cell.key"
	cellKeyBytes = 32
)

// sealVersion is the first byte of a sealed value: AES-256-GCM, a random nonce
// of 12 bytes, the ciphertext with its tag; the value's purpose is
// authenticated with it.
const sealVersion = 1

// sealer seals values with the cell key and opens them again.
type sealer struct {
	aead   cipher.AEAD
	random io.Reader
}

func newSealer(key []byte, random io.Reader) (*sealer, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("use the cell key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("use the cell key: %w", err)
	}
	return &sealer{aead: aead, random: random}, nil
}

// seal encrypts a value for one purpose.
func (s *sealer) seal(purpose string, value []byte) ([]byte, error) {
	nonce := make([]byte, s.aead.NonceSize())
	if _, err := io.ReadFull(s.random, nonce); err != nil {
		return nil, fmt.Errorf("seal %s: %w", purpose, err)
	}
	return s.aead.Seal(append([]byte{sealVersion}, nonce...), nonce, value, []byte(purpose)), nil
}

// errWrongKey: the data was sealed with another key.
var errWrongKey = errors.New("it was sealed with another cell key")

// open decrypts what was sealed for the same purpose.
func (s *sealer) open(purpose string, sealed []byte) ([]byte, error) {
	head := 1 + s.aead.NonceSize()
	if len(sealed) < head || sealed[0] != sealVersion {
		return nil, fmt.Errorf("open %s: not a sealed value of this version", purpose)
	}
	value, err := s.aead.Open(nil, sealed[1:head], sealed[head:], []byte(purpose))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", purpose, errWrongKey)
	}
	return value, nil
}

// loadCellKey reads the key of the data directory. In a fresh one it makes it,
// durably: what it seals is worth nothing without it. The caller holds the
// directory's lock.
func loadCellKey(dir string, fresh bool, random io.Reader) ([]byte, error) {
	path := filepath.Join(dir, cellKeyFile)
	key, err := os.ReadFile(path)
	switch {
	case err == nil && len(key) == cellKeyBytes:
		return key, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("read the cell key: %w", err)
	case !fresh && err != nil:
		return nil, fmt.Errorf("%s is missing, and without it this cell's secrets cannot be opened: put it back from the place where you keep a copy", path)
	case !fresh:
		return nil, fmt.Errorf("%s has %d bytes instead of %d: put it back from the place where you keep a copy", path, len(key), cellKeyBytes)
	}
	key = make([]byte, cellKeyBytes)
	if _, err := io.ReadFull(random, key); err != nil {
		return nil, fmt.Errorf("make the cell key: %w", err)
	}
	if err := writeDurably(path, key); err != nil {
		return nil, fmt.Errorf("write the cell key: %w", err)
	}
	return key, nil
}

// writeDurably writes a small secret file and waits for the disk.
func writeDurably(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return syncParent(path)
}

// syncParent makes the names in a file's directory durable.
func syncParent(path string) error {
	if runtime.GOOS == "windows" { // makes a name durable with its file
		return nil
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
