package replica

import (
	"testing"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// TestGrownCell starts a replica that was once the only voter and is not any more:
// what its log has behind the last entry known to be committed is not.
func TestGrownCell(t *testing.T) {
	two := uint64(2)
	change, err := proto.Marshal(&raftpb.ConfChangeV2{Changes: []*raftpb.ConfChangeSingle{{Type: raftpb.ConfChangeAddNode.Enum(), NodeId: &two}}})
	if err != nil {
		t.Fatal(err)
	}
	entry := func(index uint64, kind raftpb.EntryType, data []byte) *raftpb.Entry {
		return &raftpb.Entry{Term: proto.Uint64(1), Index: &index, Type: kind.Enum(), Data: data}
	}
	core, err := NewCore(CoreConfig{
		ID:        1,
		HardState: &raftpb.HardState{Term: proto.Uint64(1), Vote: proto.Uint64(1), Commit: proto.Uint64(2)},
		ConfState: &raftpb.ConfState{Voters: []uint64{1}}, // that the log begins with
		Entries: []*raftpb.Entry{
			entry(1, raftpb.EntryNormal, nil), entry(2, raftpb.EntryConfChangeV2, change), entry(3, raftpb.EntryNormal, nil),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var last uint64
	for ready, ok := core.Ready(); ok; ready, ok = core.Ready() {
		for _, a := range ready.Applies {
			for _, item := range a.Entries {
				last = item.Entry.GetIndex()
			}
			if err := core.Applied(0, a, Applied{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if last != 2 {
		t.Errorf("it applied up to %d; entry 3 was acknowledged by one of two voters", last)
	}
}
