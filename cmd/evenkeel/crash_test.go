package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"
)

// TestCrash kills a real server at random moments while customers and agents
// use it through the public protocol, starts it again on the same data, and
// checks what the product promises:
//
//   - every acknowledged message is there once and in order;
//   - waiting customers keep their places;
//   - no chat has two owners;
//   - nothing that was refused took effect.
//
// Whoever had no answer when the server died asks again with the same id.
//
// EVENKEEL_CRASH_ROUNDS sets the rounds (3), EVENKEEL_CRASH_SEED the moments and
// the people's choices; what the machine does in between no seed repeats.
func TestCrash(t *testing.T) {
	rounds := crashNumber(t, "EVENKEEL_CRASH_ROUNDS", 3)
	seed := crashNumber(t, "EVENKEEL_CRASH_SEED", int(time.Now().UnixNano()%1e9))
	t.Logf("%d rounds; to replay: EVENKEEL_CRASH_ROUNDS=%d EVENKEEL_CRASH_SEED=%d", rounds, rounds, seed)

	random := rand.New(rand.NewPCG(uint64(seed), 1))
	server := newCrashServer(t)
	server.start(t)
	ledger := newLedger()
	town := newTown(t, server, ledger, uint64(seed))
	for round := 1; round <= rounds; round++ {
		load := town.work()
		life := 150*time.Millisecond + time.Duration(random.Int64N(int64(1500*time.Millisecond)))
		wait(t.Context(), life)
		server.kill(t)
		load.stop()
		begin := time.Now()
		server.start(t)
		ready := time.Since(begin)
		ledger.check(t, town)
		t.Logf("round %d: lived %v, ready again in %v, checked in %v", round, life.Round(time.Millisecond),
			ready.Round(time.Millisecond), (time.Since(begin) - ready).Round(time.Millisecond))
		if t.Failed() {
			t.Fatalf("round %d of %d, killed after %v; seed %d; data in %s\n%s", round, rounds, life, seed, server.keep(t), ledger)
		}
	}
	town.finish(t)
	t.Log(ledger)
}

func crashNumber(t *testing.T, name string, standard int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return standard
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is not a positive number", name, text)
	}
	return n
}

// wait passes some time of a load: how long people type, and servers live.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// crashServer is the binary that users run.
type crashServer struct {
	binary, data, log string
	addr              string
	wrap, env         []string // a command that runs it; more of its environment
	process           *exec.Cmd
}

const crashPassword = "correct horse battery staple"

func newCrashServer(t *testing.T) *crashServer {
	t.Helper()
	return newServerOf(t, buildBinary(t))
}

func buildBinary(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "evenkeel")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}

// newServerOf is a server with a directory of its own, not started yet.
func newServerOf(t *testing.T, binary string) *crashServer {
	t.Helper()
	dir := t.TempDir()
	s := &crashServer{binary: binary, data: filepath.Join(dir, "data"), log: filepath.Join(dir, "log"), addr: freeAddress(t)}
	t.Cleanup(func() {
		if s.process != nil {
			s.kill(t)
		}
	})
	return s
}

func (s *crashServer) start(t *testing.T) {
	t.Helper()
	s.launch(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for !s.ready(ctx) {
		if ctx.Err() != nil {
			t.Fatalf("the server is not ready after 10 s\n%s", s.tail())
		}
		wait(ctx, 5*time.Millisecond)
	}
}

// launch starts the process and does not wait until it is ready.
func (s *crashServer) launch(t *testing.T) {
	t.Helper()
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	args := append(slices.Clone(s.wrap), s.binary, "serve", "--data", s.data, "--http", s.addr, "--log-level", "debug",
		"--segment-size", "1MiB", "--snapshot-after", "1MiB") // small, so that each run makes snapshots and drops segments
	s.process = exec.Command(args[0], args[1:]...)
	s.process.Env = append(append(os.Environ(), "EVENKEEL_ADMIN_PASSWORD="+crashPassword), s.env...)
	s.process.Stdout, s.process.Stderr = log, log
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
}

func (s *crashServer) ready(ctx context.Context) bool {
	return callHTTP(ctx, s.addr, "GET", "/readyz", "", nil, nil) == nil
}

// kill is what a power cut does to the process; the disk keeps what it has.
func (s *crashServer) kill(t *testing.T) {
	t.Helper()
	if err := s.process.Process.Kill(); err != nil {
		t.Fatalf("kill the server: %v\n%s", err, s.tail())
	}
	_ = s.process.Wait() // it says how it ended, which is known
	if state := s.process.ProcessState; state.Exited() {
		t.Fatalf("the server had ended by itself: %v\n%s", state, s.tail())
	}
	s.process = nil
}

func (s *crashServer) tail() string {
	b, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	return "--- end of the server's log\n" + string(b[max(0, len(b)-4000):])
}

// keep moves the data out of the test's directory, so that it outlives it.
func (s *crashServer) keep(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "evenkeel-crash-") //nolint:usetesting // it outlives the test
	if err != nil {
		return err.Error()
	}
	s.kill(t)
	if err := os.CopyFS(dir, os.DirFS(filepath.Dir(s.data))); err != nil {
		return fmt.Sprintf("(not kept: %v)", err)
	}
	return dir
}
