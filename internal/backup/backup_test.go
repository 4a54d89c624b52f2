package backup

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

const testPhrase = "correct horse battery"

func testKey() []byte { return bytes.Repeat([]byte{7}, keyBytes) }

// cheapKey is wrapped as Wrap does it, at a cost that a test can pay often.
func cheapKey(t testing.TB) *Key {
	t.Helper()
	k := &Key{Memory: 8, Passes: 1, Salt: make([]byte, saltBytes), Nonce: make([]byte, nonceBytes)}
	aead, err := k.aead(testPhrase)
	if err != nil {
		t.Fatal(err)
	}
	k.Sealed = aead.Seal(nil, k.Nonce, testKey(), []byte(magic))
	return k
}

// made writes a backup of a desk and an archive of more than one frame each.
func made(t testing.TB, desk, archive []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, Header{Cell: "cell-x", Index: 9, Archive: true}, cheapKey(t), testKey())
	if err == nil {
		err = errors.Join(w.Desk(bytes.NewReader(desk)), w.Archive(bytes.NewReader(archive)), w.End())
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// read reads a backup whole.
func read(b []byte, passphrase string) (h Header, desk, archive []byte, err error) {
	r, err := NewReader(bytes.NewReader(b), passphrase)
	if err != nil {
		return h, nil, nil, err
	}
	if desk, err = io.ReadAll(r.Desk()); err == nil {
		archive, err = io.ReadAll(r.Archive())
	}
	if err == nil {
		err = r.End()
	}
	return r.Header(), desk, archive, err
}

func TestRoundTrip(t *testing.T) {
	for _, sizes := range [][2]int{{0, 0}, {1, 0}, {0, 1}, {maxPayload, maxPayload + 1}, {3 * maxPayload, 7}} {
		desk, archive := bytes.Repeat([]byte("d"), sizes[0]), bytes.Repeat([]byte("a"), sizes[1])
		h, gotDesk, gotArchive, err := read(made(t, desk, archive), testPhrase)
		if err != nil || h.Cell != "cell-x" || h.Index != 9 || h.Version != Version || !bytes.Equal(gotDesk, desk) || !bytes.Equal(gotArchive, archive) {
			t.Errorf("of %v bytes: %+v, %d and %d bytes, %v", sizes, h, len(gotDesk), len(gotArchive), err)
		}
	}
}

func TestWrongPassphrase(t *testing.T) {
	key, err := Wrap(testKey(), testPhrase, strings.NewReader(strings.Repeat("r", saltBytes+nonceBytes)))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := key.Open(testPhrase); err != nil || !bytes.Equal(got, testKey()) {
		t.Errorf("the key that was wrapped: %x, %v", got, err)
	}
	if _, _, _, err := read(made(t, nil, nil), "correct horse"); !errors.Is(err, ErrPassphrase) {
		t.Errorf("another passphrase: %v", err)
	}
	if _, err := Wrap(testKey(), "short", strings.NewReader("")); err == nil {
		t.Error("a short passphrase was taken")
	}
}

// TestDamage: every byte counts, and so does every one that is missing or too
// many.
func TestDamage(t *testing.T) {
	good := made(t, []byte("desk"), []byte("archive"))
	body := bytes.Index(good, []byte("desk")) - frameHead
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x10
		if _, _, _, err := read(bad, testPhrase); err == nil {
			t.Fatalf("byte %d was changed, and it was not noticed", i)
		}
	}
	for _, n := range []int{0, 4, len(magic), len(magic) + 3, body, body + 7, len(good) - 1} {
		if _, _, _, err := read(good[:n], testPhrase); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut after %d bytes: %v", n, err)
		}
	}
	if _, _, _, err := read(append(bytes.Clone(good), 'x'), testPhrase); !errors.Is(err, ErrDamaged) {
		t.Errorf("with a byte more: %v", err)
	}
	noDesk := append(bytes.Clone(good[:body]), good[body+frameHead+4+frameSum:]...)
	if _, _, _, err := read(noDesk, testPhrase); !errors.Is(err, ErrDamaged) {
		t.Errorf("without a frame: %v", err)
	}
}

// TestFailed: one that could not be finished says why.
func TestFailed(t *testing.T) {
	var out bytes.Buffer
	w, err := NewWriter(&out, Header{}, cheapKey(t), testKey())
	if err == nil {
		err = errors.Join(w.Desk(strings.NewReader("d")), w.Fail("the disk is full"))
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := read(out.Bytes(), testPhrase); err == nil || !strings.Contains(err.Error(), "not finished: the disk is full") {
		t.Errorf("got %v", err)
	}
}

// FuzzReader: whatever comes, it is read or refused, in bounded memory.
func FuzzReader(f *testing.F) {
	good := made(f, []byte("desk"), []byte("archive"))
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Fuzz(func(t *testing.T, b []byte) {
		r := &Reader{frames: frameReader{r: bytes.NewReader(b), seal: sealWith(testKey())}}
		_, err := io.Copy(io.Discard, r.Desk())
		if err == nil {
			_, err = io.Copy(io.Discard, r.Archive())
		}
		if err == nil && r.End() == nil && len(b) == 0 {
			t.Error("nothing is no backup")
		}
		if _, err := NewReader(bytes.NewReader(b[:min(len(b), len(magic)+40)]), testPhrase); err == nil {
			t.Error("a cut head was taken")
		}
	})
}
