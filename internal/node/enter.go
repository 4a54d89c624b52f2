package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/auth"
	"github.com/evenkeel/evenkeel/internal/desk"
)

// enterPause is the pause between two tries of a member to announce itself.
const enterPause = 250 * time.Millisecond

func nodeID(number uint64) string { return "n" + strconv.FormatUint(number, 10) }

// openCell opens what this node has of a cell, or, if it is told to join one, gets
// itself admitted first.
func (n *Node) openCell(ctx context.Context) error {
	boot, err := auth.NewID(n.host.Random, "")
	if err != nil {
		return err
	}
	if err := finishRecovery(n.cfg.Data); err != nil {
		return err
	}
	if n.cfg.Join != "" {
		// The others are told where this node is before it has anything of the cell.
		if n.clusterListener, err = n.listenCluster(ctx); err != nil {
			return err
		}
		if err := n.enlist(ctx); err != nil {
			return err
		}
	}
	if n.cluster, err = newCluster(n, boot); err != nil {
		return err
	}
	if err := n.openMember(ctx); err != nil {
		return err
	}
	if n.clusterListener == nil {
		n.clusterListener, err = n.listenCluster(ctx)
	}
	return err
}

// enter makes the node a part of its cell: the founder forms it, one that is alone
// leads it, another waits until it has the cell's state, and serves then, leader
// or not.
func (n *Node) enter(ctx context.Context) (err error) {
	if n.alone() {
		if err := n.replica.Ready(ctx); err != nil {
			return fmt.Errorf("wait for the replica: %w", err)
		}
		if !n.formed() {
			if err := n.form(ctx); err != nil {
				return err
			}
		} else if err := n.recallFirstRun(); err != nil {
			return err
		}
	}
	if n.formed() {
		if err := n.openVisitors(); err != nil {
			return err
		}
	}
	if err := n.openCluster(); err != nil {
		return err
	}
	if !n.formed() {
		n.log.Info("waiting for the cell's state")
		if err := n.replica.Fresh(n.unlessEnded(ctx)); err != nil {
			return errors.Join(n.Err(), fmt.Errorf("wait for the cell's state: %w", err))
		}
		if !n.formed() {
			return errors.New("the cell that was joined has no state")
		}
		if err := n.openVisitors(); err != nil {
			return err
		}
	}
	if n.alone() {
		if err := n.announce(ctx); err != nil {
			return err
		}
		n.offerLocalKey(ctx)
	}
	if n.joined.Old != 0 {
		err = removeFile(n.rejoinKey(n.joined.Old))
	}
	return errors.Join(err, removeFile(filepath.Join(n.cfg.Data, joinFile))) // the desk knows better
}

// unlessEnded is a context that ends with another one, or when the node has come to its
// end: the others may say that it is no member any more.
func (n *Node) unlessEnded(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	n.tasks.Go(func() {
		defer cancel()
		select {
		case <-n.done:
		case <-n.quit:
		case <-ctx.Done():
		}
	})
	return ctx
}

// alone tells whether this node is the only voter of its cell.
func (n *Node) alone() bool {
	voters := n.replica.Status().Members.GetVoters()
	return len(voters) == 1 && voters[0] == n.replica.ID()
}

// openVisitors opens the key of visitors' tokens, and by that checks the cell key.
func (n *Node) openVisitors() error {
	var sealed []byte
	n.replica.View(func(d *desk.Desk) { sealed = d.VisitorKey() })
	key, err := n.keys.open(purposeVisitors, sealed)
	if err != nil {
		return fmt.Errorf("%s does not belong to this cell (%w): put the right one back from the place where you keep a copy",
			filepath.Join(n.cfg.Data, cellKeyFile), err)
	}
	n.visitors = key
	return nil
}

// announce has the desk issue the incarnation of this process.
func (n *Node) announce(ctx context.Context) error {
	up, err := n.do(ctx, &evenkeel.NodeUp{Node: n.identity.Node, Boot: n.cluster.boot, Facts: n.facts()})
	if err != nil {
		return fmt.Errorf("announce this process to the cell: %w", err)
	}
	if err := n.announceCopy(ctx); err != nil {
		return fmt.Errorf("announce this node's copy of the archive: %w", err)
	}
	n.incarnation.Store(up.Incarnation)
	n.edge.Incarnation(up.Incarnation)
	return nil
}

// attend announces this process whenever the desk does not know it, or has given
// it up: a node that was cut off for long is a new one when it is back.
func (n *Node) attend() {
	ticker := time.NewTicker(enterPause)
	defer ticker.Stop()
	fence, cleared := fence{at: time.Now()}, time.Time{}
	for {
		if fence.closes(time.Now(), n.hearsLeader()) && !n.alone() {
			n.log.Warn("this node hears of no leader: its clients are sent to others", "for", fenceAfter)
			n.realtime.Restart()
		}
		var known uint64
		n.replica.View(func(d *desk.Desk) { known = d.Incarnation(n.identity.Node) })
		n.stepBack()
		cleared = n.clearOut(cleared)
		n.quarantine()
		if own := n.incarnation.Load(); own == 0 || known != own {
			ctx, cancel := context.WithTimeout(n.ending, clockAnswer)
			err := n.announce(ctx)
			cancel()
			if err == nil {
				n.offerLocalKey(n.ending)
			} else if n.ending.Err() == nil {
				n.log.Debug("this process could not be announced yet", "error", err)
			}
		}
		select {
		case <-ticker.C:
		case <-n.quit:
			return
		}
	}
}

// hearsLeader tells whether there is a leader, and something was heard of it just
// now. One that stands by never campaigns, so by Raft alone it would believe in its
// leader for ever.
func (n *Node) hearsLeader() bool {
	leader := n.replica.Status().Leader
	if leader == 0 || leader == n.replica.ID() {
		return leader != 0
	}
	_, silence, heard := n.cluster.hears(leader)
	return heard && silence <= 2*beatEvery
}

// fenceAfter is how long a node may hear of no leader before its clients are better
// off elsewhere, besides the time in which it could still have heard of one. The cell
// gives the node up a second later.
const fenceAfter = 4*time.Second - 2*beatEvery

// fence tells once, in each time without a leader, that it has become too long.
type fence struct {
	at     time.Time // when there was one last
	closed bool
}

func (f *fence) closes(now time.Time, led bool) bool {
	if led {
		f.at, f.closed = now, false
		return false
	}
	if f.closed || now.Sub(f.at) <= fenceAfter {
		return false
	}
	f.closed = true
	return true
}

// movePace is how many clients a second a drained node sends to the others, each of
// which has to take in its part, with its subscriptions.
const movePace = 500

// drained tells whether the operator has taken this node out of service.
func (n *Node) drained() (drained bool) {
	n.replica.View(func(d *desk.Desk) { drained = d.Drained(n.identity.Node) })
	return drained
}

// moveAgain is how long a client may stay that came to a drained node all the same:
// its address may lead nowhere else.
const moveAgain = 30 * time.Second

// clearOut sends the clients of a drained node to others, if there are others, and
// those who have come since, after a while. It returns when it did so last.
func (n *Node) clearOut(last time.Time) time.Time {
	if !n.drained() {
		return time.Time{}
	}
	clients := n.realtime.Stats().Connections
	if clients == 0 || time.Since(last) < moveAgain || len(n.edge.Elsewhere("websocket")) == 0 {
		return last
	}
	n.log.Info("this node is drained: its clients are sent to others", "clients", clients)
	n.tasks.Go(func() { n.realtime.Move(n.ending, movePace) })
	return time.Now()
}

// stepBack hands leadership over while this node is drained.
func (n *Node) stepBack() {
	if !n.drained() || !n.replica.Status().Leads {
		return
	}
	ctx, cancel := context.WithTimeout(n.ending, clockAnswer)
	defer cancel()
	if err := n.HandOver(ctx, ""); err != nil {
		n.log.Debug("this node is drained and leads: nobody can take it over yet", "error", err)
	}
}

// restored follows a snapshot that came from the leader: what happened meanwhile
// was told to no client here, so each comes again and asks for what it missed.
func (n *Node) restored() {
	n.log.Info("this node was far behind and started anew from a snapshot of the leader")
	n.realtime.Restart()
	n.wakeArchive()
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
