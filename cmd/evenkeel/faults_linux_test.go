package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/client"
)

// What docs/faults.md promises, on a real server in a process of its own.

// TestDiskFaults are those that need a disk of their own, so the right to mount
// one: root has it, and so has everybody in a user namespace of his own.
func TestDiskFaults(t *testing.T) {
	t.Parallel()
	if !mayMount(t) {
		if os.Getenv(inside) != "" {
			t.Fatal("even in a user namespace nothing can be mounted")
		}
		if !inNamespace(t) {
			t.Log("no disk can be mounted here: a full one is shown by TestFullDevice, TestFullDiskRefusesAndRecovers and TestStalledDisk only")
		}
		return
	}
	binary := buildBinary(t)
	t.Run("full", func(t *testing.T) { t.Parallel(); fullDisk(t, binary) })
	t.Run("read only", func(t *testing.T) { t.Parallel(); readOnlyDisk(t, binary) })
	withLoopDisk(t, "writes refused", "TestBrokenDisk of internal/node", func(t *testing.T, d *loopDisk) { writesRefused(t, binary, d) })
	withLoopDisk(t, "hangs", "TestStalledDisk of internal/node and TestAHangMovesDeadlines of internal/replica", func(t *testing.T, d *loopDisk) { hangingDisk(t, binary, d) })
	withLoopDisk(t, "slow", "TestSlowDisk of internal/node", func(t *testing.T, d *loopDisk) { slowDisk(t, binary, d) })
}

// TestFaults are the others.
func TestFaults(t *testing.T) {
	t.Parallel()
	binary := buildBinary(t)
	t.Run("stopped for a minute", func(t *testing.T) { t.Parallel(); stoppedForAMinute(t, binary) }) // the others go on beside it
	t.Run("flipped bytes", func(t *testing.T) { t.Parallel(); flippedBytes(t, binary) })
	t.Run("out of files", func(t *testing.T) { t.Parallel(); outOfFiles(t, binary) })
	t.Run("little memory", func(t *testing.T) { t.Parallel(); littleMemory(t, binary) })
	t.Run("memory ends", func(t *testing.T) { t.Parallel(); memoryEnds(t, binary) })
	t.Run("stopped", func(t *testing.T) { t.Parallel(); stopped(t, binary) })
}

// fullDisk fills the disk beside a server that is talked to. What it refuses
// left no trace, what it acknowledged is there, and it goes on by itself.
func fullDisk(t *testing.T, binary string) {
	dir := smallDisk(t, "56m")
	p := admit(t, binary, dir, nil)
	p.talk(t, 50, 9000)
	ballast := filepath.Join(dir, "ballast")
	fill(t, ballast, 40<<20)
	p.until(t, "disk_low is raised", 10*time.Second, func() bool { return p.incident(t, evenkeel.IncidentDiskLow, false) })
	fill(t, ballast, -1)

	var refused *evenkeel.Error
	doubtful := 0 // the one that met the full disk: it is in the log, waits for room, and may be done
	for range 1000 {
		if err := p.say(t, 9000); err != nil && (!errors.As(err, &refused) || refused.Code != evenkeel.CodeNoLeader) {
			break
		} else if err != nil {
			doubtful++
		}
	}
	if refused == nil || refused.Code != evenkeel.CodeDiskFull || refused.RetryAfter <= 0 || doubtful > 1 {
		t.Fatalf("on a full disk: %v after %d without an answer; want disk_full and when to try again\n%s", refused, doubtful, p.tail())
	}
	if err := p.service.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("/readyz says %v", err)
	}
	p.check(t) // reading goes on

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	p.until(t, "it takes messages again", 10*time.Second, func() bool { return p.say(t, 9000) == nil })
	p.until(t, "disk_full was raised and is over", 10*time.Second, func() bool { return p.incident(t, evenkeel.IncidentDiskFull, true) })
	p.until(t, "disk_low is over", 10*time.Second, func() bool { return p.incident(t, evenkeel.IncidentDiskLow, true) })
	p.talk(t, 200, 9000)
	p.kill(t)
	p.start(t)
	p.check(t)
}

// fill writes a file until the disk is full, or it has so many bytes.
func fill(t *testing.T, path string, most int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	some := make([]byte, 4096)
	for n := int64(0); err == nil && (most < 0 || n < most); n += int64(len(some)) {
		_, err = f.Write(some)
	}
	if err != nil && !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// readOnlyDisk takes the right to write away between two starts: while files are
// open for writing the kernel does not. (A disk that fails under a running
// server: TestBrokenDisk of internal/node.)
func readOnlyDisk(t *testing.T, binary string) {
	dir := smallDisk(t, "24m")
	p := admit(t, binary, dir, nil)
	p.talk(t, 5, 100)
	p.kill(t)
	remount := func(flags uintptr) {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	remount(syscall.MS_RDONLY)
	if ready, said := p.startOrSay(t); ready || !strings.Contains(said, "is mounted read-only: ") || !strings.Contains(said, "mount it for writing") {
		t.Fatalf("on a read-only disk it is ready: %v, and says\n%s", ready, said)
	}
	remount(0)
	p.start(t)
	p.check(t)
}

// flippedBytes flips a byte in each kind of file, in several places. The server
// heals it, or does not start and says what to do; it never says anything else
// than what was said.
func flippedBytes(t *testing.T, binary string) {
	p := admit(t, binary, "", nil)
	p.talk(t, 40, 9000)
	first := p.chat
	if _, err := p.service.For(client.Behalf{Customer: "carla"}).CloseChat(t.Context(), p.chat); err != nil {
		t.Fatal(err)
	}
	was := p.read(t, first)
	p.chat, p.acked = p.startChat(t, "dora"), map[uint64]string{}
	p.talk(t, 260, 9000) // enough for snapshots and several segments
	p.kill(t)
	service := client.Config{APIKey: p.key, Patience: -1}
	kept := filepath.Join(t.TempDir(), "kept")
	if err := os.CopyFS(kept, os.DirFS(p.data)); err != nil {
		t.Fatal(err)
	}
	healed, refused := 0, 0
	for _, file := range filesOf(t, kept) {
		for _, part := range []int{3, 2} { // of what was written: a third from its start, half-way
			if err := errors.Join(os.RemoveAll(p.data), os.CopyFS(p.data, os.DirFS(kept))); err != nil {
				t.Fatal(err)
			}
			at := flip(t, filepath.Join(p.data, file), part)
			what := fmt.Sprintf("%s, byte %d", file, at)
			ready, said := p.startOrSay(t)
			if !ready {
				refused++
				if !strings.Contains(said, "was left as it is") && !strings.Contains(said, "put the right one back") {
					t.Errorf("%s: it does not start and says\n%s", what, said)
				}
				continue
			}
			healed++
			p.service = p.client(t, service) // the old one has seen what later runs of this data added
			p.check(t)
			if again := p.read(t, first); again != "" && again != was {
				t.Errorf("%s: the closed chat is another one now", what)
			}
			p.kill(t)
		}
	}
	t.Logf("%d flips were healed, %d refused with what to do", healed, refused)
	if healed == 0 || refused == 0 {
		t.Error("both were expected")
	}
}

// read is all that was said in a chat; empty: it cannot be read at the moment.
func (p *patient) read(t *testing.T, chat string) string {
	t.Helper()
	var all strings.Builder
	for line, err := range p.service.Transcript(t.Context(), chat, 0, false) {
		if err != nil {
			return ""
		}
		all.WriteString(line.Message.Text + "\n")
	}
	return all.String()
}

// filesOf lists what a node keeps, without its locks.
func filesOf(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() && e.Name() != "LOCK" && !strings.HasSuffix(e.Name(), "-shm") {
			var name string
			name, err = filepath.Rel(dir, path)
			files = append(files, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"cell.key", "journal/log-", "journal/snap-", "archive/archive.db"} {
		if !slices.ContainsFunc(files, func(f string) bool { return strings.HasPrefix(f, kind) }) {
			t.Fatalf("there is no %s among %v", kind, files)
		}
	}
	return files
}

// flip changes one byte of what was written of a file, and says which.
func flip(t *testing.T, path string, part int) int {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	used := len(b)
	for used > 0 && b[used-1] == 0 {
		used--
	}
	if used == 0 {
		return 0
	}
	at := used / part
	b[at] ^= 0x10
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return at
}

// outOfFiles opens more connections than the server may have files. It turns
// away what is too many, and its journal goes on.
func outOfFiles(t *testing.T, binary string) {
	p := admit(t, binary, "", func(s *crashServer) { s.wrap = []string{"/bin/sh", "-c", `ulimit -n 100 && exec "$0" "$@"`} })
	p.talk(t, 1, 100) // its connection is one of those that stay
	var open []net.Conn
	away := 0
	for range 300 {
		c, err := net.Dial("tcp", p.addr)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	for _, c := range open {
		if err := c.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
			away++
		}
	}
	if away < 200 {
		t.Errorf("%d of %d connections were turned away, with 100 files", away, len(open))
	}
	p.talk(t, 250, 9000) // over several segments and snapshots
	for _, c := range open {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	p.until(t, "new connections are taken", 15*time.Second, func() bool { return p.ready(t.Context()) })
	p.check(t)
}

// littleMemory gives the collector a bound and opens hundreds of connections.
func littleMemory(t *testing.T, binary string) {
	p := admit(t, binary, "", func(s *crashServer) { s.env = []string{"GOMEMLIMIT=48MiB"} })
	for i := range 400 {
		var visitor struct{ Token string } // one each: a visitor has 20 connections at most
		if err := callHTTP(t.Context(), p.addr, "POST", "/v1/visitors", "", map[string]any{}, &visitor); err != nil {
			t.Fatal(err)
		}
		c, err := dial(t.Context(), p.addr, visitor.Token, func(string, json.RawMessage) {})
		if err != nil {
			t.Fatalf("connection %d: %v\n%s", i, err, p.tail())
		}
		t.Cleanup(c.close)
	}
	p.talk(t, 200, 9000)
	p.check(t)
	if rss := p.status(t, "VmRSS"); rss > 160<<20 {
		t.Errorf("the server has %d MiB", rss>>20)
	} else {
		t.Logf("the server has %d MiB", rss>>20)
	}
}

// status is a figure of the server's process, in bytes.
func (p *patient) status(t *testing.T, name string) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.process.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), name+":")
	kib, err := strconv.ParseInt(strings.TrimSpace(rest[:strings.Index(rest, "kB")]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}
