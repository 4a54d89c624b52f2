package node

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
	"github.com/evenkeel/evenkeel/internal/journal"
)

// Faults that cannot be done to a process from outside: docs/faults.md.

// slowDisk is a disk on which a sync takes as long as it is held, and some time.
type slowDisk struct {
	journal.FS
	mu    sync.Mutex // held: nothing is synced
	takes atomic.Int64
	syncs atomic.Int64
}

type slowFile struct {
	journal.File
	disk *slowDisk
}

func (d *slowDisk) Create(name string, size int64) (journal.File, error) {
	f, err := d.FS.Create(name, size)
	return &slowFile{f, d}, err
}

func (d *slowDisk) Open(name string) (journal.File, error) {
	f, err := d.FS.Open(name)
	return &slowFile{f, d}, err
}

func (f *slowFile) Sync() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.disk.syncs.Add(1)
	<-time.After(time.Duration(f.disk.takes.Load()))
	return f.File.Sync()
}

// TestSlowDisk: everything takes as long as the disk. Those who wait share its
// writes, and nothing is refused.
func TestSlowDisk(t *testing.T) {
	const takes = 300 * time.Millisecond
	disk := &slowDisk{}
	n := startOnDisk(t, func(fs journal.FS) journal.FS { disk.FS = fs; return disk })
	defer stopNode(t, n)
	disk.takes.Store(int64(takes))
	defer disk.takes.Store(0)
	before, began := disk.syncs.Load(), time.Now()
	const crowd = 40
	var all sync.WaitGroup
	for range crowd {
		all.Go(func() {
			if _, err := n.do(t.Context(), &evenkeel.Checkpoint{}); err != nil {
				t.Errorf("on a slow disk: %v", err)
			}
		})
	}
	all.Wait()
	if took := time.Since(began); took < takes {
		t.Errorf("acknowledged after %v, before the disk had it", took)
	}
	if syncs := disk.syncs.Load() - before; syncs > crowd/4 {
		t.Errorf("%d commands took %d writes: they do not share them", crowd, syncs)
	}
}

// TestStalledDisk: a disk that hangs is a pause. The node says that it is not
// ready, loses nothing of what it was asked, and tells the operator afterwards.
func TestStalledDisk(t *testing.T) {
	disk := &slowDisk{}
	n := startOnDisk(t, func(fs journal.FS) journal.FS { disk.FS = fs; return disk })
	defer stopNode(t, n)
	disk.mu.Lock()
	asked := make(chan error, 1)
	go func() {
		_, err := n.do(t.Context(), &evenkeel.Checkpoint{})
		asked <- err
	}()
	until(t, "it is not ready", func() bool {
		status, answer := ask(t, n, "GET", "/readyz", "", nil)
		detail, _ := answer["detail"].(string)
		return status == 503 && strings.Contains(detail, "the disk does not answer")
	})
	n.replica.View(func(*desk.Desk) {}) // reading waits for no disk, or this test hangs
	until(t, "the node has seen it", func() bool { return n.concerns.open(evenkeel.IncidentDiskSlow) })
	disk.mu.Unlock()
	if err := <-asked; err != nil {
		t.Errorf("what was asked while the disk hung: %v", err)
	}
	until(t, "the incident was told, and is over", func() bool { return countIncidents(t, n, evenkeel.IncidentDiskSlow, true) == 1 })
	if status, _ := ask(t, n, "GET", "/readyz", "", nil); status != 200 {
		t.Errorf("afterwards /readyz says %d", status)
	}
}

// TestClockJumps sets the machine's clock by a year, both ways. Desk time, by
// which all deadlines are, goes on as if nothing were, and the operator is told.
// That such a clock removes nothing for good: retention.txt of the desk.
func TestClockJumps(t *testing.T) {
	const year = 365 * 24 * time.Hour
	var mu sync.Mutex
	var set time.Duration
	host := testHost(t)
	host.wall = func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return time.Now().Add(set)
	}
	n, err := Start(t.Context(), testConfig(t), host)
	if err != nil {
		t.Fatal(err)
	}
	defer stopNode(t, n)
	var report clockReport
	n.tellClock(&report)
	began, before := time.Now(), deskNow(t, n)
	for _, by := range []time.Duration{year, -2 * year, year} {
		mu.Lock()
		set += by
		mu.Unlock()
		n.tellClock(&report)
		var wall evenkeel.Time
		n.replica.View(func(d *desk.Desk) { wall = d.Wall() })
		if off := time.Until(wall.Std().Add(-set)).Abs(); off > 5*time.Second {
			t.Errorf("set by %v, times shown to people are %v off the machine's", by, off)
		}
		until(t, "the operator is told", func() bool { return countIncidents(t, n, evenkeel.IncidentClock, false) == 1 })
	}
	passed, took := time.Duration(deskNow(t, n)-before)*time.Millisecond, time.Since(began)
	if passed > took+time.Second {
		t.Errorf("%v passed at the desk in %v", passed, took)
	}
	if status, _ := ask(t, n, "POST", "/v1/visitors", "", map[string]any{}); status != 200 && status != 201 {
		t.Errorf("a visitor is answered %d", status)
	}
}

// deskNow is the desk's time after an entry that is made for it.
func deskNow(t *testing.T, n *Node) (now evenkeel.DeskTime) {
	t.Helper()
	if _, err := n.do(t.Context(), &evenkeel.Checkpoint{}); err != nil {
		t.Fatal(err)
	}
	n.replica.View(func(d *desk.Desk) { now = d.Now() })
	return now
}

// countIncidents counts those of a kind that are open, or over.
func countIncidents(t *testing.T, n *Node, kind string, over bool) (count int) {
	n.replica.View(func(d *desk.Desk) {
		all, err := d.Incidents(evenkeel.Principal{Workspace: evenkeel.DefaultWorkspace, Kind: evenkeel.PrincipalAgent, ID: "admin"}, false, "", 100)
		if err != nil {
			t.Error(err)
		}
		for _, i := range all {
			if i.Kind == kind && (i.Closed != 0) == over {
				count++
			}
		}
	})
	return count
}

// until waits for a condition, 20 s at most.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("not within 20 s: " + what)
		}
	}
}

// TestFlippedConfigFile flips each bit of a configuration file. It is refused
// with the place, or still is a configuration that holds what it says; no flip
// passes a key that does not exist.
func TestFlippedConfigFile(t *testing.T) {
	const text = "log_level: warn\nsegment_size: 4MiB\nmetrics_from: 10.0.0.0/8\n"
	path := filepath.Join(t.TempDir(), "evenkeel.yaml")
	refused := 0
	for at := range len(text) * 8 {
		b := []byte(text)
		b[at/8] ^= 1 << (at % 8)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		loaded, err := Load(Sources{File: path})
		if err == nil {
			if err := loaded.Config.validate(); err != nil {
				t.Errorf("%q was loaded and is %v", b, err)
			}
			continue
		}
		refused++
		if !strings.Contains(err.Error(), path) {
			t.Errorf("%q is refused without its place: %v", b, err)
		}
	}
	if refused < len(text)*8/2 {
		t.Errorf("%d of %d flips were refused", refused, len(text)*8)
	}
	t.Logf("%d of %d flips were refused", refused, len(text)*8)
}
