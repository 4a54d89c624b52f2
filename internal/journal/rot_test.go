package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/internal/journal"
	"github.com/evenkeel/evenkeel/internal/sim/simdisk"
)

// image is the whole content of a disk.
type image map[string][]byte

func imageOf(d *simdisk.Disk) image {
	img := make(image)
	for _, name := range d.Names() {
		img[name] = bytes.Clone(d.Content(name))
	}
	return img
}

func (img image) disk() *simdisk.Disk {
	d := simdisk.New(newRand(1), 0)
	for name, b := range img {
		d.Put(name, b)
	}
	return d
}

func (img image) equal(o image) bool {
	for name := range img {
		if !bytes.Equal(img[name], o[name]) {
			return false
		}
	}
	return len(img) == len(o)
}

// TestRotAnywhere flips a bit in every byte that is not blank, and here and there in
// the others, of a journal at rest. Nothing that was acknowledged may be lost without
// a word, and where damage is reported nothing may have been changed.
func TestRotAnywhere(t *testing.T) {
	for _, steps := range []int{3, 4, 5, beforeReceiving, beforeReceiving + 3} {
		t.Run(fmt.Sprintf("%d steps", steps), func(t *testing.T) {
			r := newRig(simdisk.New(newRand(1), 0), 1)
			_, err := r.open()
			must(t, err)
			before := r.acked
			for i, step := range r.steps()[:steps] {
				if i == steps-1 {
					before = r.acked
				}
				must(t, step())
			}
			must(t, r.j.Close())
			rot(t, imageOf(r.disk), r, before)
		})
	}
}

// rot tries every flip. r has what was acknowledged, before is that without the last
// batch.
func rot(t *testing.T, img image, r *rig, before *model) {
	before = before.clone()
	before.term, before.vote = r.acked.term, r.acked.vote // the descriptor has them
	var harmless, damaged, doubted int
	for name, content := range img {
		for at := range content {
			sector := content[at&^511 : min(len(content), at|511+1)]
			if len(img) > 4 && at%17 != 0 {
				continue // a long life: not every byte
			}
			if at%61 != 0 && (len(bytes.Trim(sector, "\x00")) == 0 || at >= 8<<10 && strings.HasPrefix(name, "snap-")) {
				continue
			}
			content[at] ^= 1 << (at % 8)
			d := img.disk()
			j, rec, err := journal.Open(d, r.opts)
			var damage *journal.DamageError
			switch {
			case errors.As(err, &damage):
				damaged++
				if !img.equal(imageOf(d)) {
					t.Fatalf("%s, byte %d: damage was found and the disk changed", name, at)
				}
			case err != nil:
				t.Fatalf("%s, byte %d: %v", name, at, err)
			case rec.Doubt != nil:
				doubted++
				must(t, j.Close())
				if why := before.diff(rec); why != "" || rec.Doubt.Torn {
					t.Fatalf("%s, byte %d: in doubt (%+v): %s", name, at, *rec.Doubt, why)
				}
			default:
				harmless++
				must(t, j.Close())
				if why := r.acked.settled(rec).diff(rec); why != "" {
					t.Fatalf("%s, byte %d: silently lost: %s", name, at, why)
				}
			}
			content[at] ^= 1 << (at % 8)
		}
	}
	t.Logf("%d flips were harmless, %d damage, %d doubt", harmless, damaged, doubted)
	if harmless == 0 || damaged+doubted == 0 {
		t.Fatal("not everything that can happen did")
	}
}

// settled is m as a journal shows it that fell back to an older snapshot: more entries,
// the same state.
func (m *model) settled(rec *journal.Recovered) *model {
	c := m.clone()
	if rec.Snapshot != nil && rec.Snapshot.Index < c.snap {
		c.snap, c.snapTerm = rec.Snapshot.Index, rec.Snapshot.Term
	}
	return c
}
