package replica

import (
	"errors"
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
//   - each proposal is answered once, unless its node crashes, and one that was given results took effect
//     once, in its place, as the results say;
//   - one that was refused at the door never took effect;
//   - proposals of a lane that took effect did so in their order;
//   - all replicas have the same notes and the same hash.
//
// A crash may tear the write that is under way. Of three, one disk may rot: then what
// it had acknowledged last is gone, and its replica begins with a doubt, or finds out
// that it has lost what it had acknowledged and never comes back.
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
		if rapid.Bool().Draw(rt, "elected") {
			s.rig.advance(2 * time.Second)
		}
		for range rapid.IntRange(20, 200).Draw(rt, "steps") {
			s.step()
		}
		s.finish()
	})
}

type schedule struct {
	rig    *rig
	rt     *rapid.T
	next   int
	rotten uint64 // the node whose disk has rotted; 0: none yet
}

func (s *schedule) any() *rigNode {
	return s.rig.nodes[rapid.IntRange(0, len(s.rig.nodes)-1).Draw(s.rt, "node")]
}

func (s *schedule) step() {
	r, n := s.rig, s.any()
	kind := rapid.IntRange(0, 99).Draw(s.rt, "kind")
	if n.core != nil && n.core.Err() != nil {
		s.amnesia(n)
	}
	if n.lost {
		return
	}
	if n.core == nil {
		if kind < 30 {
			r.start(n)
			for _, other := range r.nodes {
				if other.core != nil {
					other.core.Alive(n.id)
				}
			}
		}
		return
	}
	switch {
	case kind < 40:
		if leads := r.leader(); leads != nil && kind < 35 {
			n = leads
		}
		s.propose(n)
	case kind < 55:
		r.persist(n)
	case kind < 64:
		r.apply(n)
	case kind < 74:
		r.deliver()
	case kind < 78:
		r.settle()
	case kind < 86:
		r.advance(time.Duration(rapid.IntRange(1, 1500).Draw(s.rt, "ms")) * time.Millisecond)
	default:
		s.harm(n, kind-86)
	}
}

// harm does to a node what may happen to one.
func (s *schedule) harm(n *rigNode, kind int) {
	r := s.rig
	switch {
	case kind < 2: // some of the messages under way are lost
		r.net = slices.DeleteFunc(r.net, func(*raftpb.Message) bool { return rapid.Bool().Draw(s.rt, "lost") })
	case kind < 5:
		for _, other := range r.nodes {
			r.cut[[2]uint64{n.id, other.id}], r.cut[[2]uint64{other.id, n.id}] = true, true
		}
	case kind < 8:
		clear(r.cut)
	case kind < 10:
		if n.order != nil {
			r.save(n, rapid.Bool().Draw(s.rt, "saved"))
		}
	case kind < 12:
		n.core.JournalFull(rapid.Bool().Draw(s.rt, "full"))
		r.pump(n)
	default:
		s.crash(n)
		for _, other := range r.nodes {
			if other.core != nil && rapid.Bool().Draw(s.rt, "proof") {
				other.core.Dead(r.now, n.id)
				r.pump(other)
			}
		}
	}
}

// crash ends a process, in the middle of a write or not, and may let the disk rot.
func (s *schedule) crash(n *rigNode) {
	if len(n.appends) > 0 && rapid.Bool().Draw(s.rt, "torn") {
		s.rig.tear(n)
		return
	}
	s.rig.crash(n)
	mayRot := len(s.rig.nodes) == 3 && (s.rotten == 0 || s.rotten == n.id) && len(n.entries) > 0 && n.doubt == nil
	if mayRot && rapid.IntRange(0, 3).Draw(s.rt, "rots") == 0 {
		s.rotten = n.id
		s.rig.lose(n, rapid.IntRange(1, min(3, len(n.entries))).Draw(s.rt, "entries"), false)
	}
}

// amnesia: the replica has found out that it must not act any more.
func (s *schedule) amnesia(n *rigNode) {
	if err := n.core.Err(); !errors.Is(err, ErrAmnesia) || n.id != s.rotten {
		s.rt.Fatalf("replica %d fails: %v", n.id, err)
	}
	s.rig.crash(n)
	n.lost = true
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

// finish lets everything heal, and judges.
func (s *schedule) finish() {
	r := s.rig
	clear(r.cut)
	for _, n := range r.nodes {
		if n.lost {
			continue
		}
		if n.core == nil {
			r.start(n)
		}
		n.core.JournalFull(false)
		r.pump(n)
	}
	r.advance(2 * time.Second) // a leader that was cut off has learnt of the other by now
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
	if len(r.waiting) > 0 {
		s.rt.Fatalf("%d proposals were never answered", len(r.waiting))
	}
	for _, n := range r.nodes {
		if n.core != nil && n.core.Err() != nil {
			s.amnesia(n)
		}
		if n.lost {
			continue
		}
		if n.core.Status().Doubting {
			s.rt.Fatalf("replica %d is in doubt for ever", n.id)
		}
		if status := n.core.Status(); status.Pushes != 0 || status.Held != 0 || status.Leads && status.Outage {
			s.rt.Fatalf("replica %d is not at rest: %+v", n.id, status)
		}
		other := n.applier.Machine().(*tally).state
		first := r.leader().applier.Machine().(*tally).state
		if other.Sum != first.Sum || !slices.Equal(other.Notes, first.Notes) {
			s.rt.Fatalf("replica %d has %v, the leader %v", n.id, other.Notes, first.Notes)
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
