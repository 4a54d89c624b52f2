package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fxamacker/cbor/v2"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
	"github.com/evenkeel/evenkeel/internal/journal"
	"github.com/evenkeel/evenkeel/internal/replica"
	"github.com/evenkeel/evenkeel/internal/steward"
	"github.com/evenkeel/evenkeel/internal/transport"
)

const (
	beatEvery    = 500 * time.Millisecond
	snapshotRate = 32 << 20 // bytes a second that one follower's snapshot may take of the network
	snapshotTime = 30 * time.Minute
)

// cluster is the node among the others: its connections and what they carry.
// A cell of one has it, too, and nobody to talk to.
type cluster struct {
	node *Node
	log  *slog.Logger
	boot string // of this process
	wire cbor.DecMode

	transport *transport.Transport
	proposals proposals
	emulates  emulates
	givesCopy atomic.Bool // another node is being given the archive

	mu      sync.Mutex
	members map[uint64]evenkeel.Node // as the transport knows them; without this node
	others  map[uint64]neighbour
}

// neighbour is another node as this one hears of it.
type neighbour struct {
	beat  heartbeat
	heard time.Time // of the last heartbeat; zero: none yet
	since time.Time // from when on this process of it was heard without a pause
	told  string    // why it and this node do not talk; empty: they do
}

// openCluster begins to take connections of other nodes, and to open them.
func (n *Node) openCluster() error {
	identity, err := n.credentials()
	if err != nil {
		return err
	}
	c := n.cluster
	n.routeTLS = identity.Mutual(n.welcomeOnBus)
	c.transport = transport.Listen(n.clusterListener, transport.Config{
		Source: n.clusterSource(), Identity: identity, Hello: c.hello, Judge: c.judge, Frame: c.frame, Stream: c.takeSnapshot,
		Fetch: c.give, Join: n.admit, Event: c.event, Log: c.log,
	})
	for _, m := range n.joined.Nodes { // until the desk tells
		if m.Number != n.replica.ID() && m.Address != "" {
			c.members[m.Number] = m
			c.transport.Peer(m.Number, m.Address)
		}
	}
	n.tasks.Go(func() { n.renew(identity) })
	n.tasks.Go(c.run)
	return nil
}

func newCluster(n *Node, boot string) (*cluster, error) {
	c := &cluster{
		node: n, log: n.log.With("part", "cluster"), boot: boot, wire: wireMode(),
		members: map[uint64]evenkeel.Node{}, others: map[uint64]neighbour{},
	}
	c.emulates.init()
	if err := c.proposals.init(c, n.host.Random); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *cluster) stop() {
	if c.transport != nil {
		c.transport.Stop()
	}
	c.proposals.close()
}

// hello is what this node says of itself.
func (c *cluster) hello() transport.Hello {
	n := c.node
	return transport.Hello{
		Cell: n.identity.Cell, Generation: n.identity.Generation, Node: n.replica.ID(), Boot: c.boot, Version: n.host.Version,
		Level: desk.FeatureLevel, Last: n.replica.Status().LogLast, Address: n.clusterAddress(),
	}
}

// judge decides whether another node is welcome.
func (c *cluster) judge(h transport.Hello) error {
	n := c.node
	if h.Cell != n.identity.Cell {
		return fmt.Errorf("this is a node of the cell %s, not of %s", n.identity.Cell, h.Cell)
	}
	if h.Generation != n.identity.Generation {
		return fmt.Errorf("the cell goes on as generation %s; what a node of generation %s holds is no part of it: set its data directory aside and join anew", n.identity.Generation, h.Generation)
	}
	var removed, replaced bool
	var level uint64
	n.replica.View(func(d *desk.Desk) {
		removed, replaced = d.NodeRemoved(h.Node)
		level = d.Status().Level
	})
	switch {
	case removed && steward.SuffrageOf(n.replica.Status().Members, h.Node) != steward.Outside:
		// Raft may need it until it has no vote any more.
	case replaced:
		return &transport.Refusal{Cause: causeReplaced, Reason: fmt.Sprintf("node %d has been replaced: it joins again under another number", h.Node)}
	case removed:
		return &transport.Refusal{Cause: causeRemoved, Reason: fmt.Sprintf("node %d was removed from the cell", h.Node)}
	case h.Level < level:
		return fmt.Errorf("version %s of the program is too old for this cell (it understands feature level %d, the cell is at %d): update it", h.Version, h.Level, level)
	}
	return nil
}

// Send implements replica.Network.
func (c *cluster) Send(messages []*raftpb.Message) {
	for _, m := range messages {
		b, err := proto.Marshal(m)
		if err != nil {
			c.log.Error("a message of Raft cannot be encoded", "error", err)
			continue
		}
		if c.transport == nil || !c.transport.Send(m.GetTo(), frameRaft, b) {
			c.node.replica.Unreachable(m.GetTo())
		}
	}
}

// Say implements replica.Network.
func (c *cluster) Say(w replica.Word) {
	if c.transport != nil {
		c.transport.Send(w.To, frameWord, encodeWire(word{First: w.First, Last: w.Last, LastTerm: w.LastTerm, Has: w.Has})) // lost: it is asked again
	}
}

// snapshotHead goes before a snapshot's stream.
type snapshotHead struct {
	Message []byte `cbor:"1,keyasint"`
	Index   uint64 `cbor:"2,keyasint"`
	Term    uint64 `cbor:"3,keyasint"`
	Size    int64  `cbor:"4,keyasint"`
	Hash    uint64 `cbor:"5,keyasint"`
	Desk    []byte `cbor:"6,keyasint"`
}

// SendSnapshot implements replica.Network.
func (c *cluster) SendSnapshot(m *raftpb.Message, stream *journal.SnapshotReader, done func(bool)) {
	c.node.tasks.Go(func() {
		defer stream.Close()
		meta := stream.Meta()
		body, err := proto.Marshal(m)
		if err == nil && c.transport != nil {
			ctx, cancel := context.WithTimeout(context.Background(), snapshotTime)
			defer cancel()
			defer context.AfterFunc(c.node.ending, cancel)()
			head := encodeWire(snapshotHead{Message: body, Index: meta.Index, Term: meta.Term, Size: meta.Size, Hash: meta.Hash, Desk: meta.DeskHash})
			err = c.transport.Stream(ctx, m.GetTo(), head, stream, snapshotRate)
		}
		if err != nil {
			c.log.Warn("a snapshot did not reach the other node; it is sent again", "node", m.GetTo(), "index", meta.Index, "error", err)
		} else {
			c.log.Info("a node that was behind got a snapshot", "node", m.GetTo(), "index", meta.Index, "bytes", meta.Size)
		}
		done(err == nil)
	})
}

// takeSnapshot receives a snapshot of the leader.
func (c *cluster) takeSnapshot(from uint64, head []byte, body io.Reader) error {
	var h snapshotHead
	m := new(raftpb.Message)
	if err := c.wire.Unmarshal(head, &h); err != nil {
		return fmt.Errorf("read the head of a snapshot: %w", err)
	}
	if err := proto.Unmarshal(h.Message, m); err != nil {
		return fmt.Errorf("read the message of a snapshot: %w", err)
	}
	if m.GetFrom() != from {
		return fmt.Errorf("node %d sends a snapshot in the name of %d", from, m.GetFrom())
	}
	meta := journal.SnapshotMeta{Index: h.Index, Term: h.Term, Size: h.Size, Hash: h.Hash, DeskHash: h.Desk}
	return c.node.replica.ReceiveSnapshot(m, meta, body)
}

// frame takes what another node sends.
func (c *cluster) frame(from uint64, kind transport.Kind, payload []byte) {
	var err error
	switch kind {
	case frameRaft:
		m := new(raftpb.Message)
		if err = proto.Unmarshal(payload, m); err == nil && m.GetFrom() == from {
			c.node.replica.Receive(m)
		}
	case framePropose:
		var p proposal
		if err = c.wire.Unmarshal(payload, &p); err == nil {
			c.propose(from, &p)
		}
	case frameOutcome:
		var o outcome
		if err = c.wire.Unmarshal(payload, &o); err == nil {
			c.proposals.answered(from, &o)
		}
	case frameEmulate:
		var e emulate
		if err = c.wire.Unmarshal(payload, &e); err == nil {
			c.obey(from, &e)
		}
	case frameEmulated:
		var a emulated
		if err = c.wire.Unmarshal(payload, &a); err == nil {
			c.emulates.answered(&a)
		}
	case frameWord:
		var w word
		if err = c.wire.Unmarshal(payload, &w); err == nil {
			c.node.replica.Hear(replica.Word{From: from, To: c.node.replica.ID(), First: w.First, Last: w.Last, LastTerm: w.LastTerm, Has: w.Has})
		}
	case frameHeartbeat:
		var beat heartbeat
		if err = c.wire.Unmarshal(payload, &beat); err == nil {
			c.heardOf(from, beat)
		}
	default: // of a later version
	}
	if err != nil {
		c.log.Warn("another node sent what cannot be read", "node", from, "kind", kind, "error", err)
	}
}

// heardOf takes note of a heartbeat. Without that of a new process its messages on the
// bus are not taken, so the bus is told at once.
func (c *cluster) heardOf(id uint64, beat heartbeat) {
	c.mu.Lock()
	now, before := time.Now(), c.others[id]
	other := neighbour{beat: beat, heard: now, since: before.since}
	another := !bytes.Equal(beat.Bus.Boot, before.beat.Bus.Boot)
	if another || now.Sub(before.heard) > suspectAfter {
		other.since = now
	}
	c.others[id] = other
	c.mu.Unlock()
	if another || beat.Bus.Address != before.beat.Bus.Address {
		c.node.bus.Follow(c.busPeers())
	}
}

// event takes what becomes of other nodes' connections.
func (c *cluster) event(e transport.Event) {
	switch e.What {
	case transport.Connected:
		c.node.replica.Alive(e.Node)
		c.note(e.Node, "")
		c.beat(e.Node)
	case transport.Lost:
		c.proposals.lost(e.Node)
	case transport.Dead:
		c.log.Info("another node's process has ended", "node", e.Node)
		c.node.replica.Dead(e.Node)
		c.proposals.lost(e.Node)
	case transport.Refused:
		if refused := new(transport.RefusedError); errors.As(e.Err, &refused) {
			c.refused(refused)
		}
		if c.note(e.Node, e.Err.Error()) {
			c.log.Warn("another node is not to be talked to", "node", e.Node, "error", e.Err)
		}
	}
}

// refused follows the word of another node that this one is no member any more.
func (c *cluster) refused(e *transport.RefusedError) {
	switch e.Cause {
	case causeReplaced:
		c.node.castOut(e.Reason)
	case causeRemoved:
		c.node.end(removedError(c.node.cfg.Data, c.node.replica.ID()))
	}
}

// note keeps why a node is not talked to, and tells whether that is news.
func (c *cluster) note(id uint64, why string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	other := c.others[id]
	news := other.told != why
	other.told = why
	c.others[id] = other
	return news
}

// run keeps up with who is a member, and tells the others how this node stands.
func (c *cluster) run() {
	ticker := time.NewTicker(beatEvery)
	defer ticker.Stop()
	for {
		c.meet()
		c.node.bus.Follow(c.busPeers())
		c.beat(0)
		select {
		case <-ticker.C:
		case <-c.node.quit:
			return
		}
	}
}

// meet has the transport know the nodes that the desk knows.
func (c *cluster) meet() {
	var nodes []evenkeel.Node
	formed := false
	c.node.replica.View(func(d *desk.Desk) { nodes, formed = d.Nodes(), d.Formed() })
	if !formed {
		return // this node has just joined: it knows what it was told then
	}
	c.node.noteMembership(nodes)
	own, left := c.node.replica.ID(), map[uint64]bool{}
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range c.members {
		left[id] = true
	}
	for _, m := range nodes {
		delete(left, m.Number)
		if m.Number == own || m.Address == "" {
			continue
		}
		if known, ok := c.members[m.Number]; !ok || known.Address != m.Address {
			c.transport.Peer(m.Number, m.Address)
		}
		c.members[m.Number] = m
	}
	members := c.node.replica.Status().Members
	for id := range left {
		if steward.SuffrageOf(members, id) != steward.Outside {
			continue // Raft may need it until it has no vote any more
		}
		delete(c.members, id)
		delete(c.others, id)
		c.transport.Forget(id)
	}
}

// beat sends how this node stands, to one other node or (0) to all.
func (c *cluster) beat(to uint64) {
	c.mu.Lock()
	ids := make([]uint64, 0, len(c.members))
	for id := range c.members {
		if to == 0 || to == id {
			ids = append(ids, id)
		}
	}
	c.mu.Unlock()
	if len(ids) == 0 {
		return
	}
	payload := encodeWire(c.node.stands())
	for _, id := range ids {
		c.transport.Send(id, frameHeartbeat, payload)
	}
}

// stands is this node's own heartbeat.
func (n *Node) stands() heartbeat {
	s := n.replica.Status()
	free, err := n.fs.Free()
	if err != nil {
		free = 0 // unknown
	}
	copied := n.archiveStatus()
	var applied, hash uint64
	n.replica.View(func(d *desk.Desk) { applied, hash = d.Index(), d.Hash() })
	return heartbeat{
		Incarnation: n.incarnation.Load(), Applied: applied, Hash: hash, Leader: s.Leader, Sessions: n.realtime.Stats().Connections, Memory: memoryInUse(),
		DiskFree: free, Offset: evenkeel.Duration(int64(evenkeel.TimeOf(n.host.wall())) - int64(n.deskTime())), Started: evenkeel.TimeOf(n.started),
		NotReady: n.notReady(), Stopping: n.stopping.Load(), Differ: n.differing(),
		Archive: copied,
		Bus:     n.busBeat(),
	}
}

// hears returns how another node stands, and for how long nothing was heard of it.
func (c *cluster) hears(id uint64) (beat heartbeat, silence time.Duration, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	other := c.others[id]
	return other.beat, time.Since(other.heard), !other.heard.IsZero()
}

// propose takes a proposal of another node, as the leader.
func (c *cluster) propose(from uint64, p *proposal) {
	request := p.Request
	done := func(results []evenkeel.Result, err error) {
		o := outcome{Request: request, Results: results}
		if err != nil {
			o.Results, o.Err = nil, asRefusal(err)
		}
		c.transport.Send(from, frameOutcome, encodeWire(o)) // lost: the proposer gives up waiting
	}
	if p.Lane > replica.Push || len(p.Commands) == 0 {
		done(nil, evenkeel.Errorf(evenkeel.CodeBadRequest, "a proposal needs a lane and commands"))
		return
	}
	c.node.replica.Propose(p.Lane, p.Commands, done)
}
