package replica

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
	"github.com/evenkeel/evenkeel/internal/sim/simdisk"
)

func TestFullDiskRefusesAndRecovers(t *testing.T) {
	disk := simdisk.New(rand.New(rand.NewPCG(1, 1)), 64<<20)
	fs := &lockedFS{disk: disk}
	s := newStation(t, func(c *Config) { c.FS, c.SegmentSize = fs, 32<<10 })
	fs.with(func() { disk.SetCapacity(disk.Used()) })

	var kept []string
	for i := 0; ; i++ {
		name := fmt.Sprintf("n%d-%s", i, strings.Repeat("x", 900))
		answer := s.begin(Control, name)
		got := s.patient(answer)
		if got == nil { // in the log, waiting for room
			kept = append(kept, name)
			break
		}
		if got[0] == "disk_full" {
			break
		}
		kept = append(kept, name)
		if i > 1000 {
			t.Fatal("the disk never became full")
		}
	}
	if got := s.say("refused"); !slices.Equal(got, []string{"disk_full"}) {
		t.Fatalf("on a full disk: %v", got)
	}
	if s.r.Status().Healthy() {
		t.Fatal("a replica with a full disk calls itself healthy")
	}

	fs.with(func() { disk.SetCapacity(64 << 20) })
	if err := s.r.await(deadline(t), func() bool { return s.r.Status().Healthy() }); err != nil {
		t.Fatal(err)
	}
	if got := s.say("last"); got[0] == "disk_full" {
		t.Fatalf("with room again: %v", got)
	}
	s.restart()
	if notes := s.state().Notes; !slices.Equal(notes, append(kept, "last")) {
		t.Fatalf("%d notes, expected %d: the last is %.20s", len(notes), len(kept)+1, notes[len(notes)-1])
	}
}

// patient returns an answer, or nil once the journal is found full while the
// answer is still out.
func (s *station) patient(answer <-chan []string) []string {
	s.t.Helper()
	for {
		changed := s.r.news.wait()
		full := s.r.Status().JournalFull
		select {
		case got := <-answer:
			return got
		default:
			if full {
				return nil
			}
		}
		select {
		case got := <-answer:
			return got
		case <-changed:
		case <-deadline(s.t).Done():
			s.t.Fatal("neither an answer nor a full journal")
		}
	}
}

func TestWorksWithTheDesk(t *testing.T) {
	s := newStation(t, func(c *Config) {
		c.machines = Machines{}
		c.Limits = Limits{SnapshotBytes: 2 << 10, TailBytes: 1 << 10}
		c.SegmentSize = 512 << 10
	})
	ctx := deadline(t)
	admin := evenkeel.Agent{ID: "admin", Name: "Admin", Email: "admin@localhost", Role: evenkeel.RoleAdmin}
	if _, err := s.r.Do(ctx, &evenkeel.Command{By: evenkeel.System(), Body: &evenkeel.CellForm{
		CellID: "cell", Generation: "g1", Wall: 1_700_000_000_000, Limits: evenkeel.DefaultLimits(), Admin: admin, Password: "x",
	}}); err != nil {
		t.Fatal(err)
	}
	boss := evenkeel.Principal{Kind: evenkeel.PrincipalAgent, Workspace: evenkeel.DefaultWorkspace, ID: "admin"}
	for round := range 4 {
		for i := range 100 {
			id := fmt.Sprintf("q%d-%d", round, i)
			if _, err := s.r.Do(ctx, &evenkeel.Command{By: boss, ID: id, Body: &evenkeel.QueuePut{Queue: evenkeel.NewQueue(id)}}); err != nil {
				t.Fatalf("queue %s: %v", id, err)
			}
		}
		hash, index := s.deskHash()
		s.restart()
		if again, at := s.deskHash(); again != hash || at < index {
			t.Fatalf("round %d: hash %x at %d, before the restart %x at %d", round, again, at, hash, index)
		}
	}
	if s.r.Status().Snapshot == 0 {
		t.Fatal("no snapshot was ever made")
	}
	done := make(chan error, 1)
	s.r.Propose(Control, [][]byte{[]byte("not a command")}, func(_ []evenkeel.Result, err error) { done <- err })
	if err := <-done; evenkeel.ErrorCode(err) != evenkeel.CodeBadRequest {
		t.Fatalf("a command that no replica could read was answered %v", err)
	}
}

func (s *station) deskHash() (hash, index uint64) {
	s.r.View(func(d *desk.Desk) { hash, index = d.Hash(), d.Index() })
	return hash, index
}
