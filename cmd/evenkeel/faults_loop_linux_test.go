package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/client"
)

// Disks that misbehave under a running server: an ext4 file system in a file, which
// the kernel itself freezes, slows down or takes the right to write from.

// loopDisk is such a file system.
type loopDisk struct {
	image, dir string
	device     string // its name, as loop0
	number     string // as 7:0
}

// newLoopDisk makes one. An error means that this machine has none.
func newLoopDisk(t *testing.T) (*loopDisk, error) {
	t.Helper()
	d := &loopDisk{image: filepath.Join(t.TempDir(), "image"), dir: t.TempDir()}
	f, err := os.Create(d.image)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Truncate(128<<20), f.Close(), command("mkfs.ext4", "-q", "-F", d.image)); err != nil {
		return nil, err
	}
	if err := d.mount(); err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(d.dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return d, nil
}

func (d *loopDisk) mount() error {
	if err := command("mount", "-o", "loop,errors=remount-ro", d.image, d.dir); err != nil {
		return err
	}
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(b)) {
		// id parent major:minor root mount-point options ... - type source options
		if fields := strings.Fields(line); len(fields) > 4 && fields[4] == d.dir {
			_, rest, _ := strings.Cut(line, " - ")
			d.number, d.device = fields[2], filepath.Base(strings.Fields(rest)[1])
			return nil
		}
	}
	return fmt.Errorf("%s is not among the mounts", d.dir)
}

func command(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// withLoopDisk runs a test with a disk of its own, or says what else shows the same.
func withLoopDisk(t *testing.T, name, instead string, test func(t *testing.T, d *loopDisk)) {
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		d, err := newLoopDisk(t)
		if err != nil {
			t.Logf("not shown here, for this machine makes no disk of a file (%v): it is shown by %s only", err, instead)
			return
		}
		test(t, d)
	})
}

// writesRefused lets the file system notice an error, upon which the kernel takes
// the right to write from it, open files or not. The server ends and says why, and
// not again does it start before the disk is well.
func writesRefused(t *testing.T, binary string, d *loopDisk) {
	p := admit(t, binary, d.dir, nil)
	p.talk(t, 5, 9000)
	if err := os.WriteFile("/sys/fs/ext4/"+d.device+"/trigger_fs_error", []byte("as a test wants"), 0o600); err != nil {
		t.Logf("not shown here (%v): a disk that fails is shown by TestBrokenDisk of internal/node only", err)
		return
	}
	if err := p.say(t, 9000); err == nil {
		t.Error("a message was acknowledged by a disk that takes none")
	}
	p.until(t, "the server ends", 10*time.Second, func() bool { return p.hasEnded(t) })
	_ = p.process.Wait() // the state says how
	if code := p.process.ProcessState.ExitCode(); code != exitFailure || !strings.Contains(p.tail(), "read-only file system") {
		t.Errorf("exit code %d, and it says\n%s", code, p.tail())
	}
	if ready, said := p.startOrSay(t); ready || !strings.Contains(said, "mount it for writing") {
		t.Errorf("on the same disk it is ready: %v, and says\n%s", ready, said)
	}
	p.process = nil
	if err := syscall.Unmount(d.dir, 0); err != nil {
		t.Fatal(err)
	}
	_ = command("e2fsck", "-p", "-f", d.image) // exits with 1 when it mended something
	if err := d.mount(); err != nil {
		t.Fatal(err)
	}
	p.start(t)
	p.check(t)
	p.talk(t, 5, 9000)
	p.kill(t)
}

// hangingDisk freezes the file system for twice as long as an offer stands. What is
// asked meanwhile waits, reading goes on, and the offer is there after it.
func hangingDisk(t *testing.T, binary string, d *loopDisk) {
	p := admit(t, binary, d.dir, nil)
	p.talk(t, 5, 9000)
	said := p.chat
	agent, customer := p.pair(t, 6*evenkeel.Second)
	chat, err := customer.StartChat(t.Context(), client.ChatStart{Queue: "general", Message: "hello"})
	if err != nil {
		t.Fatal(err)
	}
	offer := next(t, agent, "offer")
	if err := command("fsfreeze", "-f", d.dir); err != nil {
		t.Logf("not shown here (%v): a disk that hangs is shown by TestStalledDisk of internal/node and TestAHangMovesDeadlines of internal/replica only", err)
		return
	}
	thaw := sync.OnceFunc(func() {
		if err := command("fsfreeze", "-u", d.dir); err != nil {
			t.Error(err)
		}
	})
	defer thaw()
	sent := make(chan error, 1)
	go func() {
		_, err := customer.Send(t.Context(), chat.Chat.ID, "are you there?")
		sent <- err
	}()
	froze := time.Now()
	p.until(t, "/readyz names the disk", 5*time.Second, func() bool {
		err := p.service.Ready(t.Context())
		return err != nil && strings.Contains(err.Error(), "disk")
	})
	p.chat = said
	p.check(t) // reading goes on
	wait(t.Context(), 12*time.Second-time.Since(froze))
	thaw()
	if err := <-sent; err != nil {
		t.Fatalf("what was sent to a disk that hung: %v\n%s", err, p.tail())
	}
	if _, err := agent.Accept(t.Context(), offer.Chat.ID, offer.Offer); err != nil {
		t.Fatalf("the offer did not outlast the hang: %v\n%s", err, p.tail())
	}
	p.until(t, "disk_stalled was raised and is over", 10*time.Second, func() bool { return p.incident(t, evenkeel.IncidentDiskSlow, true) })
	if missed := p.missed(t); missed != 0 {
		t.Errorf("%d offers were counted as missed", missed)
	}
	p.kill(t)
	p.start(t)
	p.check(t)
	p.kill(t)
}

// slowDisk gives the server a few writes a second. Everything takes as long as the
// disk, those who wait share its writes, and reading is as quick as ever.
func slowDisk(t *testing.T, binary string, d *loopDisk) {
	p := admit(t, binary, d.dir, nil)
	p.talk(t, 5, 9000)
	free, err := throttle(d.number, 4, p.process.Process.Pid)
	if err != nil {
		t.Logf("not shown here (%v): a disk that is slow is shown by TestSlowDisk of internal/node only", err)
		return
	}
	defer free()
	began := time.Now()
	p.talk(t, 3, 100)
	alone := time.Since(began) / 3
	if alone < 200*time.Millisecond {
		t.Errorf("a message takes %v: the disk is not slow", alone)
	}

	const crowd = 40
	began = time.Now()
	texts := make([]string, crowd)
	numbers := make([]uint64, crowd)
	var all sync.WaitGroup
	for i := range crowd {
		all.Go(func() {
			texts[i] = fmt.Sprintf("one of many %d", i)
			sent, err := p.service.Send(t.Context(), p.chat, texts[i])
			if err != nil {
				t.Errorf("message %d: %v", i, err)
				return
			}
			numbers[i] = sent.Number
		})
	}
	looked := time.Now()
	p.check(t)
	if took := time.Since(looked); took > alone {
		t.Errorf("reading takes %v, as if it had to wait for the disk", took)
	}
	all.Wait()
	if took := time.Since(began); took > crowd/2*alone {
		t.Errorf("%d messages at once take %v, and one alone %v: they do not share the writes", crowd, took, alone)
	} else {
		t.Logf("a message takes %v alone, and %d at once %v", alone.Round(time.Millisecond), crowd, took.Round(time.Millisecond))
	}
	for i, n := range numbers {
		p.acked[n] = texts[i]
	}
	p.kill(t)
	free()
	p.start(t)
	p.check(t)
	p.kill(t)
}
