//evenkeel:pure

package replica

import (
	"slices"

	"go.etcd.io/raft/v3/raftpb"
)

// inEffect tells whether a configuration is what a change makes of it, and not on
// the way from one to another.
func inEffect(members *raftpb.ConfState, change *raftpb.ConfChangeV2) bool {
	if len(members.GetVotersOutgoing()) > 0 {
		return false
	}
	for _, one := range change.GetChanges() {
		id := one.GetNodeId()
		voter, learner := slices.Contains(members.GetVoters(), id), slices.Contains(members.GetLearners(), id)
		switch one.GetType() {
		case raftpb.ConfChangeAddNode:
			if !voter {
				return false
			}
		case raftpb.ConfChangeAddLearnerNode:
			if !learner {
				return false
			}
		case raftpb.ConfChangeRemoveNode:
			if voter || learner {
				return false
			}
		default:
		}
	}
	return true
}

// everybody returns the members of a configuration, on the way from one to
// another those of both.
func everybody(conf *raftpb.ConfState) []uint64 {
	return slices.Concat(conf.GetVoters(), conf.GetLearners(), conf.GetVotersOutgoing(), conf.GetLearnersNext())
}
