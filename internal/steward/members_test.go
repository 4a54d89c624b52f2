package steward

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/evenkeel/evenkeel"
)

// TestMembers: who is known and votes, who is known and stands by, who is on his way,
// and who is a member of Raft alone.
func TestMembers(t *testing.T) {
	conf := &raftpb.ConfState{Voters: []uint64{1, 9}, Learners: []uint64{2}, LearnersNext: []uint64{4}}
	nodes := []evenkeel.Node{{Number: 1}, {Number: 2, Drained: true}, {Number: 3}, {Number: 4}}
	all := Members(conf, nodes, map[uint64]uint64{1: 7, 2: 5}, func(number uint64) time.Duration { return time.Duration(number) * time.Second })
	want := []Member{
		{Number: 1, Known: true, Suffrage: Voter, Match: 7, Silence: time.Second},
		{Number: 2, Known: true, Suffrage: Learner, Match: 5, Silence: 2 * time.Second, Drained: true},
		{Number: 3, Known: true, Suffrage: Outside, Silence: 3 * time.Second},
		{Number: 4, Known: true, Suffrage: Learner, Silence: 4 * time.Second},
		{Number: 9, Suffrage: Voter, Silence: 9 * time.Second},
	}
	if fmt.Sprint(all) != fmt.Sprint(want) {
		t.Errorf("got  %+v\nwant %+v", all, want)
	}
}

// TestChange: each action as Raft has it. A replacement is one change.
func TestChange(t *testing.T) {
	for _, c := range []struct {
		a    Action
		want string
	}{
		{Action{}, ""},
		{Action{Do: HandOver, Node: 2}, ""},
		{Action{Do: Add, Node: 2}, "ConfChangeAddLearnerNode 2"},
		{Action{Do: Demote, Node: 2}, "ConfChangeAddLearnerNode 2"},
		{Action{Do: Promote, Node: 2}, "ConfChangeAddNode 2"},
		{Action{Do: Replace, Node: 2, For: 3}, "ConfChangeAddNode 2, ConfChangeAddLearnerNode 3"},
		{Action{Do: Remove, Node: 2}, "ConfChangeRemoveNode 2"},
	} {
		var got []string
		for _, one := range c.a.Change().GetChanges() {
			got = append(got, fmt.Sprint(one.GetType(), " ", one.GetNodeId()))
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%+v: %q, want %q", c.a, got, c.want)
		}
	}
}
