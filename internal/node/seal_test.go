package node

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSealed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), cellKeyBytes, cellKeyBytes).Draw(t, "key")
		value := rapid.SliceOf(rapid.Byte()).Draw(t, "value")
		s, err := newSealer(key, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := s.seal("a key", value)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.open("a key", sealed)
		if err != nil || !bytes.Equal(got, value) {
			t.Fatalf("opened %x, error %v, want %x", got, err, value)
		}
		if _, err := s.open("another key", sealed); !errors.Is(err, errWrongKey) {
			t.Fatalf("opened for another purpose: %v", err)
		}
		bent := bytes.Clone(sealed)
		bent[rapid.IntRange(0, len(bent)-1).Draw(t, "place")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, err := s.open("a key", bent); err == nil {
			t.Fatal("opened although a bit was flipped")
		}
		if _, err := s.open("a key", sealed[:rapid.IntRange(0, len(sealed)-1).Draw(t, "length")]); err == nil {
			t.Fatal("opened although it was cut off")
		}
		key[0]++
		other, err := newSealer(key, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.open("a key", sealed); !errors.Is(err, errWrongKey) {
			t.Fatalf("opened with another key: %v", err)
		}
	})
}

func TestCellKey(t *testing.T) {
	dir := t.TempDir()
	if _, err := loadCellKey(dir, false, rand.Reader); err == nil || !strings.Contains(err.Error(), "is missing") {
		t.Errorf("an old cell without its key: %v", err)
	}
	key, err := loadCellKey(dir, true, rand.Reader)
	if err != nil || len(key) != cellKeyBytes {
		t.Fatalf("%d bytes, error %v", len(key), err)
	}
	path := filepath.Join(dir, cellKeyFile)
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
	for _, fresh := range []bool{true, false} {
		if again, err := loadCellKey(dir, fresh, rand.Reader); err != nil || !bytes.Equal(again, key) {
			t.Errorf("fresh %v: another key, error %v", fresh, err)
		}
	}
	write(t, path, "short")
	if _, err := loadCellKey(dir, false, rand.Reader); err == nil || !strings.Contains(err.Error(), "has 5 bytes") {
		t.Errorf("a short key: %v", err)
	}
	if key, err := loadCellKey(dir, true, rand.Reader); err != nil || len(key) != cellKeyBytes {
		t.Errorf("a fresh cell whose key was cut off by a crash: %v", err)
	}
}
