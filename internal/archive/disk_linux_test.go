package archive

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// smallDisk mounts a file system of so many bytes. Without the right to, a
// directory of the real one is all there is, and small is false.
func smallDisk(t *testing.T, size string) (dir string, small bool) {
	dir = t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size)
	if errors.Is(err, syscall.EPERM) {
		return dir, false
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir, true
}

// fillDisk makes a file that takes all the room there is.
func fillDisk(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestRunnerDiskFull fills a real disk beside the archive, and makes room.
func TestRunnerDiskFull(t *testing.T) {
	dir, small := smallDisk(t, "12m")
	b := newBench(t, func(c *Config) {
		c.Path, c.BatchOps = filepath.Join(dir, "archive.db"), 1
		if !small {
			c.Options.MaxPages = 100
		}
	})
	b.put(2, "")
	b.r.Start()
	b.live(2)
	ballast := filepath.Join(dir, "ballast")
	if small {
		fillDisk(t, ballast)
	}
	for i := range 40 {
		b.put(1, randomText(uint64(i), 9000))
	}
	b.state(stateFailed, "disk is full")
	b.finds("number2", "c2")
	if _, err := b.r.Chat(t.Context(), "default", "none"); evenkeel.ErrorCode(err) != evenkeel.CodeNotFound {
		t.Errorf("reading on a full disk: %v", err)
	}
	if small {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		b.live(42)
		if err := b.r.Check(t.Context()); err != nil {
			t.Error(err)
		}
	}
	b.r.Stop()
}

// TestRunnerReadOnly takes the right to write away and gives it back.
func TestRunnerReadOnly(t *testing.T) {
	dir, mounted := smallDisk(t, "8m")
	b := newBench(t, func(c *Config) { c.Path = filepath.Join(dir, "archive.db") })
	b.put(2, "")
	b.r.Start()
	b.live(2)
	b.r.Stop()
	set := func(readOnly bool) {
		var err error
		switch {
		case mounted && readOnly:
			err = syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
		case mounted:
			err = syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "")
		case readOnly:
			err = errors.Join(os.Chmod(b.path, 0o400), os.Chmod(dir, 0o500))
		default:
			err = errors.Join(os.Chmod(dir, 0o700), os.Chmod(b.path, 0o600))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	set(true)
	b.r = NewRunner(b.r.cfg)
	b.r.Start()
	b.put(3, "")
	b.state(stateFailed, "mounted read-only")
	set(false)
	b.live(5)
	b.r.Stop()
}

// TestRefillDiskFull: the disk runs full while another node's copy is on its way, and
// has room again later.
func TestRefillDiskFull(t *testing.T) {
	dir, small := smallDisk(t, "2m")
	a, b, o := pair(t)
	a.put(30, randomText(1, 8000))
	a.live(70)
	a.drop(60)
	b.r.cfg.Path = filepath.Join(dir, "archive.db")
	b.path = b.r.cfg.Path
	o.away = true
	b.r.Start()
	b.state(stateStale, "it does not answer")
	ballast := filepath.Join(dir, "ballast")
	if small {
		fillDisk(t, ballast)
	} else {
		o.set(func() { o.room = ErrFull })
	}
	o.set(func() { o.away = false })
	b.state(stateStale, "the disk is full")
	if small {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	}
	o.set(func() { o.room = nil })
	b.has(70, 70)
}
