package steward

import (
	"math/rand/v2"
	"testing"
	"time"
)

func cell(voters int, members ...Member) View {
	return View{Self: 1, Last: 5000, Voters: voters, Members: members, Silent: 5 * time.Second, ReplaceAfter: time.Minute}
}

func member(number uint64, s Suffrage, change ...func(*Member)) Member {
	m := Member{Number: number, Known: true, Suffrage: s, Match: 5000}
	for _, c := range change {
		c(&m)
	}
	return m
}

func silent(d time.Duration) func(*Member) { return func(m *Member) { m.Silence = d } }
func behind(m *Member)                     { m.Match = 10 }
func unheard(m *Member)                    { m.Match = 0 }
func unknown(m *Member)                    { m.Known = false }
func drained(m *Member)                    { m.Drained = true }

func TestPlan(t *testing.T) {
	const gone = 2 * time.Minute
	for _, c := range []struct {
		name string
		view View
		want Action
	}{
		{"alone", cell(5, member(1, Voter)), Action{}},
		{"a node has joined", cell(5, member(1, Voter), member(2, Outside)), Action{Do: Add, Node: 2}},
		{"two vote", cell(5, member(1, Voter), member(2, Learner)), Action{Do: Promote, Node: 2}},
		{"not before it has caught up", cell(5, member(1, Voter), member(2, Learner, behind)), Action{}},
		{"nor before this leader has heard of it, however short the log", View{Self: 1, Last: 30, Voters: 5, Silent: 5 * time.Second, Members: []Member{member(1, Voter), member(2, Learner, unheard)}}, Action{}},
		{"nor while it is silent", cell(5, member(1, Voter), member(2, Learner, silent(time.Minute))), Action{}},
		{"four are three and one", cell(5, member(1, Voter), member(2, Voter), member(3, Voter), member(4, Learner)), Action{}},
		{"five are five", cell(5, member(1, Voter), member(2, Voter), member(3, Voter), member(4, Learner), member(5, Learner)), Action{Do: Promote, Node: 4}},
		{"one is wanted", cell(1, member(1, Voter), member(2, Voter)), Action{Do: Demote, Node: 2}},
		{"the silent one goes first", cell(1, member(1, Voter), member(2, Voter, silent(9*time.Second)), member(3, Voter)), Action{Do: Demote, Node: 2}},
		{"removed by the operator", cell(5, member(1, Voter), member(2, Voter, unknown), member(3, Voter)), Action{Do: Remove, Node: 2}},
		{"the leader is removed", cell(5, member(1, Voter, unknown), member(2, Voter), member(3, Voter)), Action{Do: HandOver, Node: 2}},
		{"not to one that is drained", cell(5, member(1, Voter, unknown), member(2, Voter, drained), member(3, Voter)), Action{Do: HandOver, Node: 3}},
		{"a voter is gone for good", cell(3, member(1, Voter), member(2, Voter, silent(gone)), member(3, Voter), member(4, Learner)), Action{Do: Replace, Node: 4, For: 2}},
		{"not yet", cell(3, member(1, Voter), member(2, Voter, silent(30*time.Second)), member(3, Voter), member(4, Learner)), Action{}},
		{"nobody can take its place", cell(3, member(1, Voter), member(2, Voter, silent(gone)), member(3, Voter)), Action{}},
		{"a drained one is no standby", cell(3, member(1, Voter), member(2, Voter, silent(gone)), member(3, Voter), member(4, Learner, drained)), Action{}},
		{"half are silent", cell(5, member(1, Voter), member(2, Voter, silent(gone)), member(3, Learner)), Action{}},
		{"a change is under way", View{Changing: true, Self: 1, Voters: 5, Members: []Member{member(1, Voter), member(2, Outside)}}, Action{}},
	} {
		got := Plan(c.view)
		if (got.Why == "") != (got.Do == Nothing) {
			t.Errorf("%s: %+v has no reason, or one for nothing", c.name, got)
		}
		got.Why = ""
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// TestPlansComeToRest carries out plans in random cells: each comes to rest, never
// takes a majority away, and has no fewer voters than wanted while another could be.
func TestPlansComeToRest(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		v := View{Self: 1, Last: 5000, Voters: 1 + 2*rng.IntN(4), Silent: 5 * time.Second, ReplaceAfter: time.Minute}
		v.Members = append(v.Members, member(1, Voter))
		for number := uint64(2); number <= uint64(1+rng.IntN(9)); number++ {
			m := member(number, Suffrage(rng.IntN(3)), silent(time.Duration(rng.IntN(200))*time.Second))
			m.Known, m.Drained = rng.IntN(4) > 0, rng.IntN(6) == 0
			if rng.IntN(2) == 0 {
				m.Silence = 0
			}
			v.Members = append(v.Members, m)
		}
		steps := 0
		for ; steps < 60; steps++ {
			a := Plan(v)
			if a.Do == Nothing {
				break
			}
			before := v.majority()
			carry(&v, a)
			if before && !v.majority() {
				t.Fatalf("%+v takes the majority away: %+v", a, v)
			}
		}
		if steps == 60 {
			t.Fatalf("plans go on for ever: %+v", v)
		}
		if to := v.standby(); v.majority() && v.voters() < v.wanted() && to != 0 {
			t.Fatalf("%d voters, %d wanted, and %d could: %+v", v.voters(), v.wanted(), to, v)
		}
	}
}

func carry(v *View, a Action) {
	set := func(number uint64, s Suffrage) {
		for i := range v.Members {
			if v.Members[i].Number == number {
				v.Members[i].Suffrage = s
			}
		}
	}
	switch a.Do {
	case Add, Demote:
		set(a.Node, Learner)
	case Promote:
		set(a.Node, Voter)
	case Replace:
		set(a.Node, Voter)
		set(a.For, Learner)
	case Remove:
		set(a.Node, Outside)
	}
}
