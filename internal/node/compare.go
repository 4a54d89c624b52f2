package node

import (
	"context"
	"fmt"
	"slices"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
)

// compared is what this node's desk has come to at an entry.
type compared struct{ at, hash uint64 }

// noteHash keeps what the desk has come to, at each entry at which all nodes compare. It
// is called between two entries.
func (n *Node) noteHash(index uint64) {
	if index%desk.CompareEvery != 0 {
		return
	}
	c := compared{at: index}
	several := false
	n.replica.View(func(d *desk.Desk) { c.hash, several = d.Hash(), len(d.Nodes()) > 1 })
	if n.host.twist != nil {
		c.hash = n.host.twist(n.identity.Node, c.hash)
	}
	if !several {
		return
	}
	select {
	case n.compared <- c:
	default: // the cell takes no commands for long: the next will do
	}
}

// tellHashes tells the cell what noteHash has kept.
func (n *Node) tellHashes() {
	for {
		select {
		case c := <-n.compared:
			ctx, cancel := context.WithTimeout(n.ending, clockAnswer)
			_, err := n.do(ctx, &evenkeel.NodeHash{Node: n.identity.Node, At: c.at, Hash: c.hash})
			cancel()
			if err != nil && n.ending.Err() == nil {
				n.log.Warn("the others could not be told what this node's state has come to", "entry", c.at, "error", err)
			}
		case <-n.quit:
			return
		}
	}
}

// quarantine keeps this node from leading and serving while the cell says that its
// state is not that of most: by its own desk, or, since that is not to be trusted, by
// the leader's word. As soon as it can be done without, it joins again under another
// number, and so comes by the others' state.
func (n *Node) quarantine() {
	at := n.differsAt()
	if before := n.quarantined.Swap(at); before != at {
		n.replica.Bar(at != 0)
		if before == 0 {
			n.log.Error("this node's state is not that of most: it neither leads nor serves", "entry", at)
			n.realtime.Restart()
		}
	}
	if at != 0 && n.dispensable() {
		n.castOut(fmt.Sprintf("at entry %d its state was another than that of most nodes", at))
	}
}

// differsAt returns the entry at which this node was found to differ; 0: it was not.
func (n *Node) differsAt() uint64 {
	if beat, silence, heard := n.cluster.hears(n.replica.Status().Leader); heard && silence < suspectAfter {
		if at := beat.Differ[n.replica.ID()]; at != 0 {
			return at
		}
	}
	return n.differing()[n.replica.ID()]
}

// differing are the nodes in quarantine, by this node's own desk.
func (n *Node) differing() map[uint64]uint64 {
	var all map[uint64]uint64
	nodes, _ := n.nodes()
	for _, m := range nodes {
		if m.Quarantined != 0 {
			if all == nil {
				all = map[uint64]uint64{}
			}
			all[m.Number] = m.Quarantined
		}
	}
	return all
}

// dispensable tells whether there is a leader, and more than half of the voters answer
// without this node.
func (n *Node) dispensable() bool {
	s := n.replica.Status()
	answer := 0
	for _, id := range s.Members.GetVoters() {
		if _, silence, heard := n.cluster.hears(id); id != s.ID && heard && silence < suspectAfter {
			answer++
		}
	}
	others := s.Leader != 0 && s.Leader != s.ID
	return others && 2*answer > len(s.Members.GetVoters()) && !slices.Contains(s.Members.GetVotersOutgoing(), s.ID)
}
