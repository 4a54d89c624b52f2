//evenkeel:pure

package steward

import (
	"slices"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/evenkeel/evenkeel"
)

// Members are the nodes that the cell knows, and those of Raft that it does not know
// any more. match is how far each log agrees with the leader's, silence for how long
// nothing was heard of a node.
func Members(conf *raftpb.ConfState, nodes []evenkeel.Node, match map[uint64]uint64, silence func(number uint64) time.Duration) []Member {
	var all []Member
	add := func(number uint64, known, drained bool) {
		all = append(all, Member{
			Number: number, Known: known, Suffrage: SuffrageOf(conf, number), Match: match[number], Silence: silence(number), Drained: drained,
		})
	}
	for i := range nodes {
		add(nodes[i].Number, true, nodes[i].Drained)
	}
	for _, number := range slices.Concat(conf.GetVoters(), conf.GetLearners()) {
		if !slices.ContainsFunc(nodes, func(m evenkeel.Node) bool { return m.Number == number }) {
			add(number, false, false)
		}
	}
	return all
}

// SuffrageOf tells what a node may say, by Raft's configuration.
func SuffrageOf(conf *raftpb.ConfState, number uint64) Suffrage {
	switch {
	case slices.Contains(conf.GetVoters(), number):
		return Voter
	case slices.Contains(conf.GetLearners(), number), slices.Contains(conf.GetLearnersNext(), number):
		return Learner
	}
	return Outside
}

// Change is the change of Raft's members that an action is; nil: it is none.
func (a Action) Change() *raftpb.ConfChangeV2 {
	one := func(kind raftpb.ConfChangeType, number uint64) *raftpb.ConfChangeSingle {
		return &raftpb.ConfChangeSingle{Type: kind.Enum(), NodeId: &number}
	}
	var changes []*raftpb.ConfChangeSingle
	switch a.Do {
	case Add, Demote:
		changes = append(changes, one(raftpb.ConfChangeAddLearnerNode, a.Node))
	case Promote:
		changes = append(changes, one(raftpb.ConfChangeAddNode, a.Node))
	case Replace:
		changes = append(changes, one(raftpb.ConfChangeAddNode, a.Node), one(raftpb.ConfChangeAddLearnerNode, a.For))
	case Remove:
		changes = append(changes, one(raftpb.ConfChangeRemoveNode, a.Node))
	default:
		return nil
	}
	return &raftpb.ConfChangeV2{Changes: changes}
}
