//evenkeel:pure

package replica

import (
	"slices"
	"time"

	"go.etcd.io/raft/v3"
)

// campaignStep is the distance between two campaigns of a voter that knows the
// leader to be dead, and between those of neighbours in rank.
const campaignStep = 50 * time.Millisecond

// tieSteps is how long a candidate waits for votes before it takes the election
// for a tie and stands anew: so many steps, and its rank, so that two do not tie
// again.
const tieSteps = 3

// funerals are the members whose process has ended for certain, and what this
// replica does about it if that was the leader's: it does not wait for the
// election timeout.
//
// Proof is never a timeout: a silent leader may still be heard by a majority,
// and then the replica would only disturb.
type funerals struct {
	dead     map[uint64]bool // proven, and not known to be back
	leader   uint64          // the dead one that led last, until another is known; 0: none
	campaign time.Duration   // when to stand for election, if leader is not 0
	rank     int             // among those who stand
	stood    time.Duration   // when it did last
}

// Dead says that a member's process has ended: its connection broke and a new
// one was refused, or is answered by another process, or it said goodbye.
func (c *Core) Dead(now time.Duration, id uint64) {
	c.now = max(c.now, now)
	if id == c.id || c.funerals.dead[id] {
		return
	}
	if c.funerals.dead == nil {
		c.funerals.dead = make(map[uint64]bool)
	}
	c.funerals.dead[id] = true
	c.mourn()
}

// Alive takes the proof back: a new process of the member has come.
func (c *Core) Alive(id uint64) {
	delete(c.funerals.dead, id)
	if c.funerals.leader == id {
		c.funerals.leader = raft.None
	}
}

// mourn forgets a leader that is dead, so that others get this replica's vote,
// and plans the first campaign. A late message of the dead one may have made it
// the leader once more: it is forgotten once more.
func (c *Core) mourn() {
	if c.lead == raft.None || c.role == raft.StateLeader || !c.funerals.dead[c.lead] {
		return
	}
	if c.funerals.leader != c.lead {
		c.funerals.leader = c.lead
		c.funerals.rank = c.rankAfter(c.lead)
		c.funerals.campaign = c.now + time.Duration(c.funerals.rank)*campaignStep
	}
	_ = c.node.ForgetLeader() // refused by a leader only
}

// contend stands for election when it is this replica's turn. A candidate whose
// votes are under way is given time: each campaign is a new term.
func (c *Core) contend() {
	switch {
	case c.funerals.leader == raft.None:
	case c.lead != raft.None && c.lead != c.funerals.leader:
		c.funerals.leader = raft.None // there is another
	case c.now < c.funerals.campaign || c.failing != nil:
	default:
		c.funerals.campaign = c.now + campaignStep
		patience := time.Duration(tieSteps+c.funerals.rank) * campaignStep
		if c.votes() && (c.role != raft.StateCandidate || c.now >= c.funerals.stood+patience) {
			c.funerals.stood = c.now
			_ = c.campaign() // refused while a change of members is unapplied: at the next turn
		}
	}
}

// nextContest returns when contend has something to do.
func (c *Core) nextContest() (time.Duration, bool) {
	return c.funerals.campaign, c.funerals.leader != raft.None
}

// Bar keeps this replica from leading, or lets it lead again. It votes and acknowledges
// as before.
func (c *Core) Bar(yes bool) { c.barred = yes }

// abstains tells whether this replica must not stand for election.
func (c *Core) abstains() bool { return c.barred && !c.alone() || c.doubt.batch != nil }

// cede hands leadership over that this replica has and should not have.
func (c *Core) cede() {
	if !c.barred || c.role != raft.StateLeader || c.alone() || c.now < c.ceding {
		return
	}
	c.ceding = c.now + ElectionTimeout
	if to := c.successor(); to != raft.None {
		c.node.TransferLeader(to)
	}
}

// votes tells whether this replica is a voter.
func (c *Core) votes() bool {
	return slices.Contains(c.conf.state.GetVoters(), c.id)
}

// rankAfter is the place of this replica among the voters that follow a dead
// one, round the circle of their ids; 0 is the next. Dead ones are passed over.
func (c *Core) rankAfter(dead uint64) int {
	voters := slices.Sorted(slices.Values(c.conf.state.GetVoters()))
	start, _ := slices.BinarySearch(voters, dead)
	rank := 0
	for i := range voters {
		id := voters[(start+i)%len(voters)]
		if id == c.id {
			break
		}
		if !c.funerals.dead[id] {
			rank++
		}
	}
	return rank
}
