package replica

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"pgregory.net/rapid"
)

// TestAnyScheduleKeepsThePromises plays random schedules on one or three
// replicas: writes that take their time, lost messages, crashes, snapshots,
// commands that panic. Whatever happens:
//
//   - no proposal is answered twice, and one that was given results took effect
//     once, in its place, as the results say;
//   - one that was refused at the door never took effect;
//   - proposals of a lane that took effect did so in their order;
//   - all replicas have the same notes and the same hash.
//
// (That desk time never goes back is checked by the machine.)
func TestAnyScheduleKeepsThePromises(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seedRaft(t, rapid.Byte().Draw(rt, "seed"))
		voters := []uint64{1}
		if rapid.Bool().Draw(rt, "three") {
			voters = []uint64{1, 2, 3}
		}
		s := &schedule{rig: newRig(rt, voters...), rt: rt}
		s.rig.quiet = true
		s.rig.limits = Limits{
			QueuedCommands: 20, PushBytes: 100, AppendBytes: 200, UnappliedBytes: 2000,
			SnapshotBytes: int64(rapid.SampledFrom([]int{300, 3000}).Draw(rt, "snapshot")), TailBytes: 200,
		}
		for _, n := range s.rig.nodes {
			s.rig.start(n)
		}
		for range rapid.IntRange(20, 150).Draw(rt, "steps") {
			s.step()
		}
		s.finish()
	})
}

type schedule struct {
	rig  *rig
	rt   *rapid.T
	next int
}

func (s *schedule) any() *rigNode {
	return s.rig.nodes[rapid.IntRange(0, len(s.rig.nodes)-1).Draw(s.rt, "node")]
}

func (s *schedule) step() {
	r, n := s.rig, s.any()
	kind := rapid.IntRange(0, 99).Draw(s.rt, "kind")
	switch {
	case n.core == nil:
		if kind < 30 {
			r.start(n)
		}
	case kind < 35:
		if leads := r.leader(); leads != nil && kind < 30 {
			n = leads
		}
		s.propose(n)
	case kind < 50:
		r.persist(n)
	case kind < 62:
		r.apply(n)
	case kind < 74:
		r.deliver()
	case kind < 78:
		s.lose()
	case kind < 88:
		r.advance(time.Duration(rapid.IntRange(1, 1500).Draw(s.rt, "ms")) * time.Millisecond)
	case kind < 93:
		if n.order != nil {
			r.save(n, rapid.Bool().Draw(s.rt, "saved"))
		}
	case kind < 96:
		n.core.JournalFull(rapid.Bool().Draw(s.rt, "full"))
		r.pump(n)
	default:
		r.crash(n)
	}
}

func (s *schedule) propose(n *rigNode) {
	lane := Lane(rapid.IntRange(0, 1).Draw(s.rt, "lane"))
	s.next++
	commands := []string{fmt.Sprintf("%d.%d", lane, s.next)} // names the proposal
	for range rapid.IntRange(1, 3).Draw(s.rt, "commands") {
		s.next++
		name := fmt.Sprintf("%d.%d", lane, s.next)
		switch rapid.IntRange(0, 15).Draw(s.rt, "command") {
		case 0:
			name = "panic!" + name
		case 1:
			name = "in:" + fmt.Sprint(s.next*7%500)
		case 2:
			name = "work:3"
		}
		commands = append(commands, name)
	}
	s.rig.propose(n, lane, commands...)
}

// lose drops some of the messages under way.
func (s *schedule) lose() {
	s.rig.net = slices.DeleteFunc(s.rig.net, func(*raftpb.Message) bool { return rapid.Bool().Draw(s.rt, "lost") })
}

// finish lets everything heal, and judges.
func (s *schedule) finish() {
	r := s.rig
	for _, n := range r.nodes {
		if n.core == nil {
			r.start(n)
		}
		n.core.JournalFull(false)
		r.pump(n)
	}
	for i := 0; r.leader() == nil; i++ {
		r.advance(time.Second)
		if i == 60 {
			s.rt.Fatal("no leader in a minute of health")
		}
	}
	r.settle()
	r.propose(r.leader(), Control, "0.last")
	r.advance(time.Second)
	s.judge(r.leader())
	for _, n := range r.nodes {
		other := n.applier.Machine().(*tally).state
		first := r.nodes[0].applier.Machine().(*tally).state
		if other.Sum != first.Sum || !slices.Equal(other.Notes, first.Notes) {
			s.rt.Fatalf("replica %d has %v, replica 1 %v", n.id, other.Notes, first.Notes)
		}
	}
}

func (s *schedule) judge(leader *rigNode) {
	if leader == nil {
		s.rt.Fatal("a healthy cell lost its leader")
	}
	notes := leader.notes()
	place := make(map[string]int)
	var last [laneCount]int
	for i, note := range notes {
		if note == "work" || note == "due" || note == "0.last" {
			continue
		}
		if _, twice := place[note]; twice || note == "half" {
			s.rt.Fatalf("%s took effect twice, or half: %v", note, notes)
		}
		place[note] = i + 1
		var number int
		if _, err := fmt.Sscanf(note[2:], "%d", &number); err != nil {
			s.rt.Fatal(err)
		}
		lane := note[0] - '0'
		if number <= last[lane] {
			s.rt.Fatalf("%s overtook what was proposed before it: %v", note, notes)
		}
		last[lane] = number
	}
	for name, outcomes := range s.rig.outcomes {
		if len(outcomes) != 1 {
			s.rt.Fatalf("%s was answered %v", name, outcomes)
		}
		at, took := place[name]
		switch outcome := outcomes[0]; outcome {
		case "too_many_requests", "disk_full", "too_large":
			if took {
				s.rt.Fatalf("%s was refused (%s) and took effect", name, outcome)
			}
		case "no_leader":
		default:
			if number, _, _ := strings.Cut(outcome, " "); name != "0.last" && (!took || fmt.Sprint(at) != number) {
				s.rt.Fatalf("%s was answered %s, and is at %d of %v", name, outcome, at, notes)
			}
		}
	}
}
