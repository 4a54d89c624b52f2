package node

import (
	"strconv"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
	"github.com/evenkeel/evenkeel/internal/edge"
	"github.com/evenkeel/evenkeel/internal/replica"
	"github.com/evenkeel/evenkeel/internal/steward"
)

// suspectAfter is how long a node may be silent before it is told as suspect.
const suspectAfter = 2 * time.Second

// Status is the cell as this node sees it.
func (c cellOf) Status() edge.CellStatus {
	stands := c.replica.Status()
	var status evenkeel.DeskStatus
	c.replica.View(func(d *desk.Desk) { status = d.Status() })
	nodes, _ := c.nodes()
	voters := stands.Members.GetVoters()
	all := edge.CellStatus{
		ID: status.CellID, Name: c.name, Generation: status.Generation, Term: stands.Term, Index: stands.Applied, FeatureLevel: status.Level,
		State: "healthy", Voters: len(voters), Tolerates: (len(voters) - 1) / 2, IncidentsOpen: int(status.Incidents), NotReady: c.notReady(),
		Self:  c.identity.Node,
		Nodes: make([]edge.NodeStatus, 0, len(nodes)),
	}
	if stands.Leader != 0 {
		all.Leader = nodeID(stands.Leader)
	}
	others := false // may take this node's clients
	for _, m := range nodes {
		node := c.nodeStatus(&m, &stands, &status)
		others = others || node.State == "up" && m.Number != c.replica.ID()
		if node.State != "up" && m.Number != c.replica.ID() {
			all.State = "degraded"
		}
		all.Nodes = append(all.Nodes, node)
	}
	if all.NotReady == "" && others && c.drained() {
		all.NotReady = "this node is drained"
	}
	switch {
	case stands.Leader == 0 || stands.Leads && !stands.Serving:
		all.State = "no_quorum"
	case stands.Leads && !stands.Healthy():
		all.State = "degraded"
	}
	return all
}

// nodeStatus is one node: this one as it stands, another as it was heard last.
func (c cellOf) nodeStatus(m *evenkeel.Node, stands *replica.Status, status *evenkeel.DeskStatus) edge.NodeStatus {
	node := edge.NodeStatus{
		ID: m.ID, Name: m.Name, Roles: m.Roles, State: "up", Version: m.Version, URL: m.URL, Suffrage: "standby",
	}
	switch steward.SuffrageOf(stands.Members, m.Number) {
	case steward.Voter:
		node.Suffrage = "voter"
	case steward.Learner:
		node.Suffrage = "standby"
	case steward.Outside:
		node.Suffrage = "learner" // on its way
	}
	beat, silence, heard := c.cluster.hears(m.Number)
	if m.Number == c.replica.ID() {
		beat, silence, heard = c.stands(), 0, true
		node.Lag = stands.LogLast - min(stands.LogLast, stands.Applied)
	} else {
		node.Lag = stands.LogLast - min(stands.LogLast, beat.Applied)
	}
	switch {
	case !heard || silence > lostAfter:
		node.State = "down"
	case silence > suspectAfter:
		node.State = "suspect"
	case m.Quarantined != 0:
		node.State = "quarantined"
	case beat.Stopping:
		node.State = "draining"
	case m.Drained && beat.Sessions > 0:
		node.State = "draining"
	case m.Drained:
		node.State = "drained"
	}
	if !heard {
		return node
	}
	started := beat.Started
	node.Hash = strconv.FormatUint(beat.Hash, 16)
	node.Applied, node.Sessions, node.Memory, node.DiskFree, node.Started = beat.Applied, beat.Sessions, beat.Memory, beat.DiskFree, &started
	node.ClockSkew = int64(beat.Offset) - int64(status.Wall) + int64(status.Time)
	node.Archive = edge.ArchiveStatus{
		State: beat.Archive.State, Behind: beat.Archive.Behind, Chats: beat.Archive.Chats, Bytes: beat.Archive.Bytes, Detail: beat.Archive.Detail,
	}
	return node
}

func (n *Node) notReady() string {
	stands := n.replica.Status()
	switch {
	case n.stopping.Load():
		return "this node is stopping"
	case stands.JournalFull:
		return "the disk is full"
	case stands.Stalled:
		return "the disk does not answer"
	case stands.Leader == 0 || stands.Leads && !stands.Serving:
		return "there is no leader"
	case n.quarantined.Load() != 0:
		return "this node's state is not that of most"
	case n.incarnation.Load() == 0:
		return "the cell does not know of this process yet"
	}
	return ""
}
