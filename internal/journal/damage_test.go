package journal_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/evenkeel/evenkeel/internal/journal"
	"github.com/evenkeel/evenkeel/internal/sim/simdisk"
)

// longLog leaves six segments in use, two blank ones behind them, and no snapshot.
func longLog(t *testing.T) image {
	t.Helper()
	d := simdisk.New(newRand(1), 0)
	j, _, err := journal.Open(d, small(1))
	must(t, err)
	must(t, j.Append(&journal.Batch{Meta: []byte("node 1"), HardState: hard(1, 1, 0)}))
	for i := range uint64(12) {
		must(t, j.Append(&journal.Batch{Entries: []*raftpb.Entry{entry(i+1, 1, strings.Repeat("x", 3000))}}))
	}
	must(t, j.Close())
	return imageOf(d)
}

func TestDamagedFiles(t *testing.T) {
	img := longLog(t)
	names := imageNames(img)
	if len(names) != 8 {
		t.Fatalf("%d segments: %v", len(names), names)
	}
	third, current, blank := names[2], names[5], names[7]
	older := older(t, img)
	cases := []struct {
		name    string
		hurt    func(*simdisk.Disk)
		file    string // that the damage names; "": there is none
		entries int    // that can be read
	}{
		{"the oldest segment is missing", func(d *simdisk.Disk) { d.Lose(names[0]) }, names[1], 0},
		{"a middle segment is missing", func(d *simdisk.Disk) { d.Lose(third) }, third, 4},
		{"a middle segment is empty", func(d *simdisk.Disk) { d.Truncate(third, 0) }, third, 4},
		{"a middle segment is cut short", func(d *simdisk.Disk) { d.Truncate(third, 9000) }, third, 4},
		{"a middle segment is blank", func(d *simdisk.Disk) { d.Blank(third, 0, journal.MinSegmentSize) }, third, 4},
		{"a middle segment is garbage", func(d *simdisk.Disk) { d.Put(third, slices.Repeat([]byte("garbage."), 2048)) }, third, 4},
		{"a middle segment is a copy of another", func(d *simdisk.Disk) { d.Put(third, img[names[1]]) }, third, 4},
		{"a middle segment is a copy under another name, renumbered", func(d *simdisk.Disk) {
			b := slices.Clone(img[third])
			copy(b[8192:], img[names[1]][8192:])
			d.Put(third, b)
		}, third, 4},
		{"the current segment is missing", func(d *simdisk.Disk) { d.Lose(current) }, current, 10},
		{"the current segment is empty", func(d *simdisk.Disk) { d.Truncate(current, 0) }, current, 10},
		{"the current segment is blank", func(d *simdisk.Disk) { d.Blank(current, 0, journal.MinSegmentSize) }, current, 10},
		{"a middle segment is an older copy of itself", func(d *simdisk.Disk) { d.Put(third, older) }, third, 5},
		{"the newest blank segment is missing", func(d *simdisk.Disk) { d.Lose(blank) }, "", 12},
		{"the newest blank segment is empty", func(d *simdisk.Disk) { d.Truncate(blank, 0) }, "", 12},
		{"the newest blank segment is cut short", func(d *simdisk.Disk) { d.Truncate(blank, 100) }, "", 12},
		{"the newest blank segment has no header", func(d *simdisk.Disk) { d.Blank(blank, 0, journal.MinSegmentSize) }, "", 12},
		{"the newest blank segment is garbage", func(d *simdisk.Disk) { d.Put(blank, slices.Repeat([]byte("garbage."), 2048)) }, blank, 12},
		{"the blank segment before it is empty", func(d *simdisk.Disk) { d.Truncate(names[6], 0) }, names[6], 12},
		{"a blank segment has bits set", func(d *simdisk.Disk) { d.FlipBit(names[6], 10000, 1); d.FlipBit(names[7], 700, 1) }, "", 12},
		{"there are files of others", func(d *simdisk.Disk) {
			d.Put("log-notes.txt", []byte("hello"))
			d.Put("log-00000000000000ff.bak", []byte("hello"))
			d.Put("snap-old", []byte("hello"))
			d.Put("README", nil)
		}, "", 12},
		{"a snapshot without its log", func(d *simdisk.Disk) {
			for _, name := range names {
				d.Lose(name)
			}
			d.Put("snap-0000000000000005-0000000000000001-0000000000000001", aSnapshot(t))
		}, names[0], 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := img.disk()
			c.hurt(d)
			hurt := imageOf(d)
			j, rec, err := journal.Open(d, small(9))
			damage, _ := errors.AsType[*journal.DamageError](err)
			switch {
			case c.file == "" && err != nil:
				t.Fatal(err)
			case c.file == "":
				must(t, j.Append(&journal.Batch{Entries: []*raftpb.Entry{entry(13, 1, strings.Repeat("x", 7000))}}))
				must(t, j.Close())
			case damage == nil || damage.File != c.file:
				t.Fatalf("got %v, want damage of %s", err, c.file)
			case !hurt.equal(imageOf(d)):
				t.Fatal("the damaged data was changed")
			}
			if len(rec.Entries) != c.entries {
				t.Fatalf("%d entries can be read, want %d (%v)", len(rec.Entries), c.entries, err)
			}
			if c.entries > 0 && string(rec.Meta) != "node 1" {
				t.Fatalf("meta %q", rec.Meta)
			}
		})
	}
}

func imageNames(img image) []string {
	var names []string
	for name := range img {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// older returns the third segment without its second batch.
func older(t *testing.T, img image) []byte {
	t.Helper()
	b := slices.Clone(img[imageNames(img)[2]])
	const size = 3584 // of a batch of one entry
	if b[8192+size] == 0 {
		t.Fatal("the second batch is elsewhere")
	}
	clear(b[8192+size : 8192+2*size])
	clear(b[512:4096]) // one of the two descriptors is here
	clear(b[4096+512 : 8192])
	return b
}

// aSnapshot returns the file of a valid snapshot at index 5.
func aSnapshot(t *testing.T) []byte {
	t.Helper()
	r := newRig(simdisk.New(newRand(1), 0), 1)
	_, err := r.open()
	must(t, err)
	if _, err := r.j.CreateSnapshot(5, 1); err == nil {
		t.Fatal("a snapshot was begun before the log")
	}
	must(t, r.append(&journal.Batch{Meta: []byte("node 1")}))
	must(t, r.receive(5, 1, "state"))
	return r.disk.Content(r.j.Snapshots()[0].Name)
}

// TestNewerFormat: a version that is not known is no damage.
func TestNewerFormat(t *testing.T) {
	d := simdisk.New(newRand(1), 0)
	d.Put(firstLog, journal.HeaderOfVersion(2, journal.MinSegmentSize))
	before := imageOf(d)
	_, _, err := journal.Open(d, small(1))
	if _, damaged := errors.AsType[*journal.DamageError](err); err == nil || damaged || !strings.Contains(err.Error(), "version 2") {
		t.Fatalf("got %v", err)
	}
	if !before.equal(imageOf(d)) {
		t.Fatal("the disk was changed")
	}
}

// TestLocked: a directory is for one journal at a time.
func TestLocked(t *testing.T) {
	d := simdisk.New(newRand(1), 0)
	j, _, err := journal.Open(d, small(1))
	must(t, err)
	if _, _, err := journal.Open(d, small(1)); !errors.Is(err, journal.ErrLocked) {
		t.Fatalf("got %v", err)
	}
	must(t, j.Close())
	j, _, err = journal.Open(d, small(1))
	must(t, err)
	must(t, j.Close())
	if err := j.Append(&journal.Batch{HardState: hard(1, 1, 1)}); !errors.Is(err, journal.ErrClosed) {
		t.Fatalf("append to a closed journal: %v", err)
	}
}

// TestTwoPasts: a segment of the same journal, from a copy that went on differently
// with the same number of batches.
func TestTwoPasts(t *testing.T) {
	future := func(text string) image {
		d := longLog(t).disk()
		j, _, err := journal.Open(d, small(3))
		must(t, err)
		for i := range uint64(4) {
			must(t, j.Append(&journal.Batch{Entries: []*raftpb.Entry{entry(13+i, 1, strings.Repeat(text, 3000))}}))
		}
		must(t, j.Close())
		return imageOf(d)
	}
	d := future("a").disk()
	seventh := imageNames(imageOf(d))[6]
	d.Put(seventh, future("b")[seventh])
	_, rec, err := journal.Open(d, small(4))
	if damage, _ := errors.AsType[*journal.DamageError](err); damage == nil || len(rec.Entries) != 14 {
		t.Fatalf("got %v, %d entries", err, len(rec.Entries))
	}
}
