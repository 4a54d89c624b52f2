//evenkeel:pure

package replica

import (
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"

	"github.com/evenkeel/evenkeel"
)

// Status is how a replica stands.
type Status struct {
	ID      uint64
	Leader  uint64 // 0: none known
	Leads   bool   // this replica is the leader
	Serving bool   // it leads and has applied all that earlier leaders acknowledged
	Term    uint64
	Applied uint64             // index of the last applied entry
	Time    evenkeel.DeskTime  // by this replica's clock
	Outage  bool               // no entry has said yet that an outage is over
	Lanes   [laneCount]Waiting // by Lane
	Pushes  int64              // bytes of pushes waiting or uncommitted

	// Members are the voters and learners as of the last applied change. Not to be
	// changed.
	Members *raftpb.ConfState

	Held        int64 // bytes of own entries not yet applied
	LogFirst    uint64
	LogLast     uint64
	Snapshot    uint64 // index of the newest snapshot; 0: none
	Saving      uint64 // index of the snapshot being made; 0: none
	JournalFull bool   // the disk has only its reserve left: entries are refused
	Doubting    bool   // the last batch before the start is in doubt: no vote for a shorter log
	Stalled     bool   // the disk has not finished a write for longer than an election
}

// Waiting is what waits in a lane.
type Waiting struct {
	Commands int
	Bytes    int64
}

// Healthy tells whether commands can be taken.
func (s Status) Healthy() bool { return s.Serving && !s.JournalFull && !s.Stalled }

// Progress returns how far the log of each member agrees with this one's, if it
// leads.
func (c *Core) Progress() map[uint64]uint64 {
	all := make(map[uint64]uint64)
	c.node.WithProgress(func(id uint64, _ raft.ProgressType, pr tracker.Progress) { all[id] = pr.Match })
	return all
}

// Status returns how the replica stands.
func (c *Core) Status() Status {
	s := Status{
		ID: c.id, Leader: c.lead, Leads: c.role == raft.StateLeader, Serving: c.serving(), Term: c.term,
		Applied: c.applied.index, Time: c.clock.now(c.now), Outage: c.clock.outage || c.clock.pause > 0, Pushes: c.lanes.pushBytes,
		Held: c.heldBytes, LogFirst: c.log.prevIndex + 1, LogLast: c.log.last(), Snapshot: c.log.snapshot.GetIndex(),
		Members: c.conf.state, JournalFull: c.full, Stalled: c.Stalled(), Doubting: c.doubt.batch != nil,
	}
	for lane := range c.lanes.lane {
		s.Lanes[lane] = Waiting{Commands: c.lanes.lane[lane].commands, Bytes: c.lanes.lane[lane].bytes}
	}
	if c.snapshot.ordered != nil {
		s.Saving = c.snapshot.ordered.Index
	}
	return s
}
