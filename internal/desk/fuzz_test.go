package desk

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// FuzzDecodeCommand feeds bytes to the decoder of commands: it takes what it
// can encode again to the same, or refuses; it never panics.
func FuzzDecodeCommand(f *testing.F) {
	for _, k := range evenkeel.Kinds() {
		b, err := EncodeCommand(nil, &evenkeel.Command{By: visitor("v"), ID: "i", Session: evenkeel.SessionID{Incarnation: 1, Number: 2}, Seq: 3, Body: newBody(k.Kind)})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := DecodeCommand(b)
		if err != nil {
			return
		}
		again, err := EncodeCommand(nil, c)
		if err != nil {
			t.Fatalf("decoded but not encoded: %v", err)
		}
		if _, err := DecodeCommand(again); err != nil {
			t.Fatalf("encoded but not decoded: %v", err)
		}
	})
}

// FuzzApply feeds bytes to a formed desk as an entry: an error stops the
// replica, anything else keeps the invariants.
func FuzzApply(f *testing.F) {
	w := newCrowd(f, 7)
	for range 50 {
		w.f.apply(w.command())
	}
	for _, e := range w.f.log {
		f.Add(e)
	}
	log := w.f.log
	f.Fuzz(func(t *testing.T, entry []byte) {
		d := New()
		for i, e := range log {
			if _, err := d.Apply(uint64(i+1), e, nil); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := d.Apply(uint64(len(log)+1), entry, nil); err != nil {
			return
		}
		if err := invariants(d); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzRestore feeds bytes to Restore.
func FuzzRestore(f *testing.F) {
	files, err := filepath.Glob("testdata/golden/*.snap")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[:min(len(b), 4000)])
	}
	small, _, err := newFixture(f).d.Snapshot()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(small)
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Restore(bytes.NewReader(b))
		if err != nil {
			return
		}
		if _, _, err := d.Snapshot(); err != nil {
			t.Fatalf("restored but not taken again: %v", err)
		}
	})
}
