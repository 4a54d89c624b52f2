package simdisk_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/evenkeel/evenkeel/internal/journal"
	"github.com/evenkeel/evenkeel/internal/sim/simdisk"
)

func newDisk(seed uint64) *simdisk.Disk { return simdisk.New(rand.New(rand.NewPCG(seed, 1)), 0) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// durable makes a file of n sectors of one byte.
func durable(t *testing.T, d *simdisk.Disk, name string, sectors int, fill byte) journal.File {
	t.Helper()
	f, err := d.Create(name, int64(sectors)*simdisk.SectorSize)
	must(t, err)
	write(t, f, 0, sectors, fill)
	must(t, f.Sync())
	must(t, d.SyncDir())
	return f
}

func write(t *testing.T, f journal.File, sector, sectors int, fill byte) {
	t.Helper()
	_, err := f.WriteAt(bytes.Repeat([]byte{fill}, sectors*simdisk.SectorSize), int64(sector)*simdisk.SectorSize)
	must(t, err)
}

// fills lists the first byte of every sector, and fails if one is mixed.
func fills(t *testing.T, d *simdisk.Disk, name string) string {
	t.Helper()
	var out []byte
	for b := d.Content(name); len(b) > 0; b = b[simdisk.SectorSize:] {
		if !bytes.Equal(b[:simdisk.SectorSize], bytes.Repeat(b[:1], simdisk.SectorSize)) {
			t.Fatal("a sector is mixed")
		}
		out = append(out, b[0])
	}
	return string(out)
}

func TestCrashTearsWhatWasNotSynced(t *testing.T) {
	seen := make(map[string]bool)
	for seed := range uint64(400) {
		d := newDisk(seed)
		f := durable(t, d, "a", 4, 'o')
		write(t, f, 1, 3, 'n')
		d.Crash(simdisk.Any)
		if _, err := f.WriteAt([]byte("x"), 0); !errors.Is(err, simdisk.ErrCrashed) {
			t.Fatalf("a file opened before the crash: %v", err)
		}
		seen[fills(t, d, "a")] = true
	}
	if len(seen) != 8 || seen["nooo"] {
		t.Fatalf("not every subset of the three sectors was seen, or another: %v", seen)
	}
	for tearing, want := range map[simdisk.Tearing]string{simdisk.None: "oooo", simdisk.All: "onnn"} {
		d := newDisk(1)
		write(t, durable(t, d, "a", 4, 'o'), 1, 3, 'n')
		d.Crash(tearing)
		if got := fills(t, d, "a"); got != want {
			t.Fatalf("tearing %d left %s, want %s", tearing, got, want)
		}
	}
}

func TestSyncedSurvives(t *testing.T) {
	for seed := range uint64(50) {
		d := newDisk(seed)
		f := durable(t, d, "a", 2, 'o')
		write(t, f, 1, 1, 'n')
		must(t, f.Sync())
		d.Crash(simdisk.Any)
		if got := fills(t, d, "a"); got != "on" {
			t.Fatalf("seed %d: %s", seed, got)
		}
	}
}

func TestKillKeepsTheCacheAndNoMore(t *testing.T) {
	d := newDisk(1)
	write(t, durable(t, d, "a", 2, 'o'), 0, 1, 'n')
	d.Kill()
	if got := fills(t, d, "a"); got != "no" {
		t.Fatalf("after the kill: %s", got)
	}
	d.Crash(simdisk.None)
	if got := fills(t, d, "a"); got != "oo" {
		t.Fatalf("after the crash: %s", got)
	}
}

func TestNames(t *testing.T) {
	d := newDisk(1)
	must(t, durable(t, d, "kept", 1, 'k').Close())
	f, err := d.Create("new", 512)
	must(t, err)
	must(t, f.Sync())
	if err := d.Remove("new"); err == nil {
		t.Fatal("an open file was removed")
	}
	if _, err := d.Create("new", 1); !errors.Is(err, fs.ErrExist) {
		t.Fatalf("create twice: %v", err)
	}
	must(t, d.Remove("kept"))
	if _, err := d.Open("kept"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("open a removed file: %v", err)
	}
	d.Crash(simdisk.None)
	if got := d.Names(); !slices.Equal(got, []string{"kept"}) {
		t.Fatalf("files %v: without a sync of the directory the new name is gone and the old one back", got)
	}
	must(t, d.Remove("kept"))
	must(t, d.SyncDir())
	d.Crash(simdisk.Any)
	if got := d.Names(); len(got) > 0 {
		t.Fatalf("files %v", got)
	}
}

func TestCrashAt(t *testing.T) {
	d := newDisk(1)
	f := durable(t, d, "a", 1, 'o')
	d.CrashAt(2)
	write(t, f, 0, 1, 'n')
	if err := f.Sync(); !errors.Is(err, simdisk.ErrCrashed) || !d.Crashed() {
		t.Fatalf("the second change: %v", err)
	}
	if _, err := d.List(); !errors.Is(err, simdisk.ErrCrashed) {
		t.Fatalf("afterwards: %v", err)
	}
	d.Crash(simdisk.None)
	if _, err := d.List(); err != nil || fills(t, d, "a") != "o" {
		t.Fatalf("after the start: %v, %s", err, fills(t, d, "a"))
	}
}

func TestFailedSyncLosesWhatItReadsBack(t *testing.T) {
	lost := false
	for seed := range uint64(20) {
		d := newDisk(seed)
		f := durable(t, d, "a", 2, 'o')
		write(t, f, 0, 2, 'n')
		broken := errors.New("broken")
		d.Inject = func(op simdisk.Op) error {
			if op.Kind == simdisk.OpSync {
				return broken
			}
			return nil
		}
		if err := f.Sync(); !errors.Is(err, broken) {
			t.Fatalf("sync: %v", err)
		}
		d.Inject = nil
		must(t, f.Sync())
		if got := fills(t, d, "a"); got != "nn" {
			t.Fatalf("the cache has %s", got)
		}
		d.Crash(simdisk.Any)
		lost = lost || fills(t, d, "a") != "nn"
	}
	if !lost {
		t.Fatal("a later sync made good what an earlier one failed to do")
	}
}

func TestFull(t *testing.T) {
	d := simdisk.New(rand.New(rand.NewPCG(1, 1)), 2048)
	f := durable(t, d, "a", 2, 'o')
	if _, err := d.Create("b", 1025); !errors.Is(err, journal.ErrNoSpace) || len(d.Names()) != 1 {
		t.Fatalf("create: %v, %v", err, d.Names())
	}
	n, err := f.WriteAt(make([]byte, 2000), 512)
	if !errors.Is(err, journal.ErrNoSpace) || n != 1536 {
		t.Fatalf("wrote %d bytes: %v", n, err)
	}
	write(t, f, 0, 4, 'n') // into what it has
	if free, err := d.Free(); free != 0 || err != nil {
		t.Fatalf("%d bytes free, %v", free, err)
	}
	d.SetCapacity(4096)
	write(t, f, 4, 4, 'n')
	if used := d.Used(); used != 4096 {
		t.Fatalf("%d bytes used", used)
	}
}

func TestStall(t *testing.T) {
	for complete, want := range map[bool]string{false: "oo", true: "no"} {
		d := newDisk(1)
		f := durable(t, d, "a", 2, 'o')
		d.Stall = func(op simdisk.Op) bool { return op.Name == "a" }
		write(t, f, 0, 1, 'n')
		must(t, f.Sync())
		if d.Stalled() != 1 {
			t.Fatalf("%d syncs are stalled", d.Stalled())
		}
		if complete {
			d.Complete()
			if d.Stalled() != 0 {
				t.Fatal("still stalled")
			}
		}
		d.Crash(simdisk.None)
		if got := fills(t, d, "a"); got != want {
			t.Fatalf("complete %t: %s", complete, got)
		}
	}
}

func TestRot(t *testing.T) {
	d := newDisk(1)
	durable(t, d, "a", 3, 'o')
	d.FlipBit("a", 512, 0)
	d.Blank("a", 1024, 1536)
	d.Crash(simdisk.None)
	if b := d.Content("a"); b[512] != 'o'^1 || b[511] != 'o' || b[1024] != 0 || b[1535] != 0 {
		t.Fatal("it did not rot where it was told to")
	}
	d.Truncate("a", 600)
	if f, err := d.Open("a"); err != nil {
		t.Fatal(err)
	} else if n, err := f.ReadAt(make([]byte, 1000), 0); n != 600 || !errors.Is(err, io.EOF) {
		t.Fatalf("read %d bytes: %v", n, err)
	}
}

// TestSameSeedSameDisk: what a disk does follows from its seed.
func TestSameSeedSameDisk(t *testing.T) {
	life := func() []byte {
		d := newDisk(7)
		var all []byte
		for round := range 20 {
			for _, name := range []string{"a", "b", "c"} {
				f, err := d.Open(name)
				if err != nil {
					f, err = d.Create(name, 2048)
					must(t, err)
				}
				write(t, f, round%4, 2, byte(round))
				if round%3 == 0 {
					must(t, f.Sync())
				}
			}
			d.Crash(simdisk.Any)
			for _, name := range d.Names() {
				all = append(all, d.Content(name)...)
			}
		}
		return all
	}
	if !bytes.Equal(life(), life()) {
		t.Fatal("two lives of one seed differ")
	}
}
