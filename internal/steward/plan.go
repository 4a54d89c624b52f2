//evenkeel:pure

package steward

import (
	"slices"
	"time"
)

// closeEnough is how many entries a learner may be behind to be made a voter.
const closeEnough = 1000

// Suffrage is what a node may say in Raft.
type Suffrage uint8

// The kinds of suffrage.
const (
	Outside Suffrage = iota // no member of Raft
	Learner
	Voter
)

// Member is one node as the leader sees it.
type Member struct {
	Number   uint64
	Known    bool // to the cell: it has joined and was not removed
	Suffrage Suffrage
	Match    uint64        // up to where its log agrees with the leader's
	Silence  time.Duration // since it was last heard of
	Drained  bool          // out of service for a while: it keeps its vote, and gets none
}

// View is a cell as its leader sees it.
type View struct {
	Self     uint64
	Last     uint64 // index of the leader's last entry
	Voters   int    // how many are wanted at most
	Changing bool   // a change of the members is under way
	Members  []Member
	// Silent is how long a node that lives may be silent; ReplaceAfter, how long
	// the cell waits for a voter.
	Silent, ReplaceAfter time.Duration
}

// Do is what an action does.
type Do uint8

// The actions.
const (
	Nothing  Do = iota
	Add         // Node becomes a learner
	Promote     // Node, a learner, becomes a voter
	Demote      // Node, a voter, becomes a learner
	Replace     // Node, a learner, becomes a voter, and For, a voter, a learner, in one change
	Remove      // Node is no member any more
	HandOver    // leadership goes to Node
)

// Action is one step, and why it is taken, as a sentence for the operator.
type Action struct {
	Do        Do
	Node, For uint64
	Why       string
}

// Plan returns the next step.
func Plan(v View) Action {
	v.Members = slices.Clone(v.Members)
	slices.SortFunc(v.Members, func(a, b Member) int {
		if a.Number < b.Number {
			return -1
		}
		return 1
	})
	if v.Changing || !v.majority() {
		return Action{}
	}
	for _, rule := range []func(*View) Action{(*View).depart, (*View).arrive, (*View).fill, (*View).shrink, (*View).replace} {
		if a := rule(&v); a.Do != Nothing && v.safe(a) {
			return a
		}
	}
	return Action{}
}

// safe tells whether more than half of the voters answer after an action, too.
func (v *View) safe(a Action) bool {
	after := View{Self: v.Self, Silent: v.Silent, Members: slices.Clone(v.Members)}
	for i := range after.Members {
		m := &after.Members[i]
		switch {
		case m.Number == a.Node && (a.Do == Promote || a.Do == Replace):
			m.Suffrage = Voter
		case m.Number == a.Node && (a.Do == Demote || a.Do == Remove), m.Number == a.For:
			m.Suffrage = Outside
		}
	}
	return after.majority()
}

func (m *Member) answers(v *View) bool { return m.Number == v.Self || m.Silence <= v.Silent }

// keepsUp: it answers and has nearly all that there is. One of which this leader has
// heard nothing may not be there at all, however short the log.
func (m *Member) keepsUp(v *View) bool {
	return m.answers(v) && (m.Number == v.Self || m.Match > 0 && m.Match+closeEnough >= v.Last)
}

// majority tells whether more than half of the voters answer.
func (v *View) majority() bool {
	voters, answering := 0, 0
	for i := range v.Members {
		if v.Members[i].Suffrage == Voter {
			voters++
			if v.Members[i].answers(v) {
				answering++
			}
		}
	}
	return 2*answering > voters
}

// depart removes who is no node of the cell.
func (v *View) depart() Action {
	for i := range v.Members {
		m := &v.Members[i]
		if m.Known || m.Suffrage == Outside {
			continue
		}
		if m.Number != v.Self {
			return Action{Do: Remove, Node: m.Number, Why: "it is no node of the cell any more"}
		}
		if to := v.heir(); to != 0 {
			return Action{Do: HandOver, Node: to, Why: "the leader is no node of the cell any more"}
		}
	}
	return Action{}
}

// heir is the voter that leads best after this one: it keeps up, and has most.
func (v *View) heir() uint64 {
	best, match := uint64(0), uint64(0)
	for i := range v.Members {
		m := &v.Members[i]
		if m.Number != v.Self && m.Known && m.Suffrage == Voter && !m.Drained && m.keepsUp(v) && (best == 0 || m.Match > match) {
			best, match = m.Number, m.Match
		}
	}
	return best
}

// arrive makes learners of new nodes.
func (v *View) arrive() Action {
	for i := range v.Members {
		if m := &v.Members[i]; m.Known && m.Suffrage == Outside {
			return Action{Do: Add, Node: m.Number, Why: "it has joined the cell"}
		}
	}
	return Action{}
}

// wanted is how many voters there should be.
func (v *View) wanted() int {
	known := 0
	for i := range v.Members {
		if v.Members[i].Known && v.Members[i].Suffrage != Outside {
			known++
		}
	}
	n := min(known, max(1, v.Voters))
	if n > 2 && n%2 == 0 {
		n-- // an even number tolerates no more, and needs more
	}
	return n
}

func (v *View) voters() int {
	n := 0
	for i := range v.Members {
		if v.Members[i].Suffrage == Voter {
			n++
		}
	}
	return n
}

// fill makes a voter of the learner that has been a member for longest.
func (v *View) fill() Action {
	if v.voters() >= v.wanted() {
		return Action{}
	}
	if to := v.standby(); to != 0 {
		return Action{Do: Promote, Node: to, Why: "there are fewer voters than wanted"}
	}
	return Action{}
}

// standby is the learner to be the next voter.
func (v *View) standby() uint64 {
	for i := range v.Members {
		if m := &v.Members[i]; m.Known && m.Suffrage == Learner && !m.Drained && m.keepsUp(v) {
			return m.Number
		}
	}
	return 0
}

// shrink takes the vote of one that is too many: of a silent one rather than of
// one that answers, of the newest among equals, and of the leader never.
func (v *View) shrink() Action {
	if v.voters() <= v.wanted() {
		return Action{}
	}
	var pick *Member
	for i := range v.Members {
		m := &v.Members[i]
		if m.Suffrage == Voter && m.Number != v.Self && (pick == nil || !m.answers(v) || pick.answers(v)) {
			pick = m
		}
	}
	if pick == nil {
		return Action{}
	}
	return Action{Do: Demote, Node: pick.Number, Why: "there are more voters than wanted"}
}

// replace gives the vote of one that is gone to one that is there.
func (v *View) replace() Action {
	for i := range v.Members {
		m := &v.Members[i]
		if m.Suffrage != Voter || m.Number == v.Self || m.Silence <= v.ReplaceAfter {
			continue
		}
		if to := v.standby(); to != 0 {
			return Action{Do: Replace, Node: to, For: m.Number, Why: "a voter was silent for " + m.Silence.Round(time.Second).String()}
		}
	}
	return Action{}
}

func (d Do) String() string {
	switch d {
	case Nothing:
		return "nothing"
	case Add:
		return "add"
	case Promote:
		return "promote"
	case Demote:
		return "demote"
	case Replace:
		return "replace"
	case Remove:
		return "remove"
	case HandOver:
		return "hand over"
	}
	return "unknown"
}
