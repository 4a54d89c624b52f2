package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
	"github.com/evenkeel/evenkeel/internal/replica"
	"github.com/evenkeel/evenkeel/internal/steward"
)

// What the leader does to keep the cell in shape, and how long it waits.
const (
	stewardEvery = 250 * time.Millisecond
	stepTime     = 10 * time.Second // of one change of the members
	lostAfter    = 5 * time.Second  // of a node's silence, within this leadership
)

// steer runs the steward for as long as this node leads.
func (n *Node) steer() {
	ticker := time.NewTicker(stewardEvery)
	defer ticker.Stop()
	var led uint64 // term of the leadership
	var since time.Time
	for {
		select {
		case <-ticker.C:
		case <-n.quit:
			return
		}
		s := n.replica.Status()
		if !s.Serving {
			led = 0
			continue
		}
		if s.Term != led {
			led, since = s.Term, time.Now()
		}
		ctx, cancel := context.WithTimeout(n.ending, stepTime)
		if err := n.steward(ctx, &s, since); err != nil && n.ending.Err() == nil {
			n.log.Warn("a step to keep the cell in shape did not succeed; it is tried again", "error", err)
		}
		cancel()
	}
}

// steward takes one step, if there is one to take.
func (n *Node) steward(ctx context.Context, s *replica.Status, since time.Time) error {
	nodes, incarnations := n.nodes()
	if len(nodes) == 1 && len(s.Members.GetVoters())+len(s.Members.GetLearners()) == 1 {
		return nil // alone, and nobody has joined
	}
	if err := n.giveUpLost(ctx, nodes, incarnations, since); err != nil {
		return err
	}
	progress, err := n.replica.Progress(ctx)
	if err != nil {
		return err
	}
	var limits evenkeel.Limits
	n.replica.View(func(d *desk.Desk) { limits = d.Limits() })
	view := steward.View{
		Self: n.replica.ID(), Last: s.LogLast, Voters: int(limits.Voters), Changing: len(s.Members.GetVotersOutgoing()) > 0,
		Silent: lostAfter, ReplaceAfter: limits.ReplaceAfter.Std(),
	}
	view.Members = steward.Members(s.Members, nodes, progress, func(number uint64) time.Duration { return n.cluster.silence(number, since) })
	return n.carryOut(ctx, steward.Plan(view))
}

func (n *Node) nodes() (nodes []evenkeel.Node, incarnations map[uint64]uint64) {
	incarnations = map[uint64]uint64{}
	n.replica.View(func(d *desk.Desk) {
		nodes = d.Nodes()
		for _, m := range nodes {
			incarnations[m.Number] = d.Incarnation(m.ID)
		}
	})
	return nodes, incarnations
}

// silence is how long nothing was heard of a node, within this leadership.
func (c *cluster) silence(number uint64, since time.Time) time.Duration {
	if number == c.node.replica.ID() {
		return 0
	}
	_, quiet, ok := c.hears(number)
	led := time.Since(since)
	if !ok {
		return led
	}
	return min(quiet, led)
}

// giveUpLost ends the sessions of nodes that are gone. If half of them or more
// fall silent at once it may be this node that is cut off: then nothing is ended.
func (n *Node) giveUpLost(ctx context.Context, nodes []evenkeel.Node, incarnations map[uint64]uint64, since time.Time) error {
	var lost []evenkeel.Node
	for _, m := range nodes {
		if incarnations[m.Number] != 0 && n.cluster.silence(m.Number, since) > lostAfter {
			lost = append(lost, m)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	if 2*len(lost) >= len(nodes) && len(nodes) > 2 {
		n.concerns.set(evenkeel.IncidentNodesSilent, raiseIf(true, evenkeel.SeverityCritical,
			fmt.Sprintf("%d of %d nodes are silent at once.", len(lost), len(nodes)), "Look at the network between them: their clients' sessions are kept until they are back, or fewer are silent."))
		return nil
	}
	n.concerns.set(evenkeel.IncidentNodesSilent, nil)
	var errs []error
	for _, m := range lost {
		n.log.Warn("a node is silent: its clients' sessions are ended", "node", m.ID, "name", m.Name)
		_, err := n.do(ctx, &evenkeel.NodeLost{Node: m.ID, Incarnation: incarnations[m.Number]})
		if evenkeel.ErrorCode(err) != evenkeel.CodeConflict { // it has come back meanwhile
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// carryOut does what the steward has planned.
func (n *Node) carryOut(ctx context.Context, a steward.Action) error {
	switch change := a.Change(); {
	case a.Do == steward.HandOver:
		n.log.Info("leadership is handed over", "to", nodeID(a.Node), "why", a.Why)
		n.replica.TransferLeader(a.Node)
		return nil
	case change == nil:
		return nil
	default:
		n.log.Info("the members of the cell change", "do", a.Do.String(), "node", nodeID(a.Node), "for", a.For, "why", a.Why)
		return n.replica.ChangeMembers(ctx, change)
	}
}
