package replica

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/journal"
	"github.com/evenkeel/evenkeel/internal/sim/simdisk"
)

// TestPowerFailsAtAnyMoment runs a replica on a disk that loses what was not
// synced, stops the machine at some operation of the disk, and starts it again:
// what was acknowledged is there, once and in order.
func TestPowerFailsAtAnyMoment(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			disk := simdisk.New(rng, 64<<20)
			s := &survivor{t: t, disk: disk, fs: &lockedFS{disk: disk}, acknowledged: make(map[string]bool)}
			for round := range 12 {
				s.round(round, 1+rng.IntN(120))
				tearing := simdisk.Tearing(rng.IntN(3))
				s.fs.with(func() { disk.Crash(tearing) })
			}
			s.verify()
		})
	}
}

type survivor struct {
	t            *testing.T
	disk         *simdisk.Disk
	fs           *lockedFS
	mu           sync.Mutex
	acknowledged map[string]bool
}

func (s *survivor) open() (*Replica, error) {
	return Open(Config{
		FS: s.fs, SegmentSize: 32 << 10, NodeID: 1, machines: tallies(),
		Limits: Limits{SnapshotBytes: 2 << 10, TailBytes: 100},
	})
}

// round works until the disk stops at its n-th operation from now.
func (s *survivor) round(round, n int) {
	s.fs.with(func() { s.disk.CrashAt(n) })
	r, err := s.open()
	if err != nil {
		if !s.fs.crashed() {
			s.t.Fatalf("round %d: %v", round, err)
		}
		return
	}
	r.Start()
	var group sync.WaitGroup
	for p := range 4 {
		group.Go(func() { s.work(r, fmt.Sprintf("%d.%d", round, p)) })
	}
	group.Wait()
	<-r.Done()
	if !s.fs.crashed() {
		s.t.Errorf("round %d: stopped by itself: %v", round, r.Err())
	}
	if r.Stop() == nil {
		s.t.Error("the disk failed, and Stop says nothing")
	}
}

// work proposes one command after the other until the replica stops.
func (s *survivor) work(r *Replica, prefix string) {
	for i := 0; ; i++ {
		name := fmt.Sprintf("%s.%d", prefix, i)
		answer := make(chan error, 1)
		r.Propose(Control, [][]byte{[]byte(name)}, func(_ []evenkeel.Result, err error) { answer <- err })
		if err := <-answer; err == nil {
			s.mu.Lock()
			s.acknowledged[name] = true
			s.mu.Unlock()
			continue
		}
		select {
		case <-r.Done():
			return
		default: // it does not lead yet
			if r.Ready(deadline(s.t)) != nil {
				return
			}
		}
	}
}

func (s *survivor) verify() {
	r, err := s.open()
	if err != nil {
		s.t.Fatal(err)
	}
	notes := r.applier.Machine().(*tally).state.Notes
	if err := r.Stop(); err != nil {
		s.t.Fatal(err)
	}
	place := make(map[string]int)
	for i, note := range notes {
		if _, twice := place[note]; twice {
			s.t.Fatalf("%s is there twice", note)
		}
		place[note] = i
	}
	for name := range s.acknowledged {
		if _, there := place[name]; !there {
			s.t.Fatalf("%s was acknowledged and is lost; there is %v", name, notes)
		}
	}
	next := make(map[string]int)
	for _, note := range notes {
		dot := strings.LastIndexByte(note, '.')
		number, err := strconv.Atoi(note[dot+1:])
		if err != nil || number < next[note[:dot]] {
			s.t.Fatalf("%s comes late: %v", note, notes)
		}
		next[note[:dot]] = number + 1
	}
	if len(s.acknowledged) == 0 {
		s.t.Fatal("nothing was ever acknowledged: the test tries nothing")
	}
}

// lockedFS lends a disk that is for one goroutine to the replica's several.
type lockedFS struct {
	mu   sync.Mutex
	disk *simdisk.Disk
}

func (l *lockedFS) with(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

func (l *lockedFS) crashed() (yes bool) {
	l.with(func() { yes = l.disk.Crashed() })
	return yes
}

func (l *lockedFS) Lock() (c io.Closer, err error) {
	l.with(func() { c, err = l.disk.Lock() })
	return lockedCloser{l, c}, err
}

func (l *lockedFS) file(open func() (journal.File, error)) (journal.File, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, err := open()
	if err != nil {
		return nil, err
	}
	return &lockedFile{l, f}, nil
}

func (l *lockedFS) Create(name string, size int64) (journal.File, error) {
	return l.file(func() (journal.File, error) { return l.disk.Create(name, size) })
}

func (l *lockedFS) Open(name string) (journal.File, error) {
	return l.file(func() (journal.File, error) { return l.disk.Open(name) })
}

func (l *lockedFS) Remove(name string) (err error) {
	l.with(func() { err = l.disk.Remove(name) })
	return err
}

func (l *lockedFS) List() (names []string, err error) {
	l.with(func() { names, err = l.disk.List() })
	return names, err
}

func (l *lockedFS) SyncDir() (err error) {
	l.with(func() { err = l.disk.SyncDir() })
	return err
}

func (l *lockedFS) Free() (n int64, err error) {
	l.with(func() { n, err = l.disk.Free() })
	return n, err
}

type lockedCloser struct {
	fs *lockedFS
	c  io.Closer
}

func (c lockedCloser) Close() (err error) {
	c.fs.with(func() { err = c.c.Close() })
	return err
}

type lockedFile struct {
	fs *lockedFS
	f  journal.File
}

func (f *lockedFile) ReadAt(b []byte, at int64) (n int, err error) {
	f.fs.with(func() { n, err = f.f.ReadAt(b, at) })
	return n, err
}

func (f *lockedFile) WriteAt(b []byte, at int64) (n int, err error) {
	f.fs.with(func() { n, err = f.f.WriteAt(b, at) })
	return n, err
}

func (f *lockedFile) Close() (err error) {
	f.fs.with(func() { err = f.f.Close() })
	return err
}

func (f *lockedFile) Size() (n int64, err error) {
	f.fs.with(func() { n, err = f.f.Size() })
	return n, err
}

func (f *lockedFile) Sync() (err error) {
	f.fs.with(func() { err = f.f.Sync() })
	return err
}
