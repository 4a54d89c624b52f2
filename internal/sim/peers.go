package sim

import (
	"errors"
	"io"
	"time"

	"github.com/cespare/xxhash/v2"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/forward"
	"github.com/evenkeel/evenkeel/internal/journal"
	"github.com/evenkeel/evenkeel/internal/replica"
)

var errBroken = errors.New("the stream is not the one that the sender has") //state: a constant

// peers is a process's part in its connections to the other nodes: what it knows
// of their processes, and what it has asked of the leader.
type peers struct {
	boot  map[uint64]int           // the last life known of each; 0: none
	heard map[uint64]time.Duration // when something last came from each
	asked *forward.Table

	leader uint64 // as this process knew it last
}

func newPeers(n *node) peers {
	return peers{boot: map[uint64]int{}, heard: map[uint64]time.Duration{}, asked: forward.New(n.w.firstRequest())}
}

// firstRequest is drawn by each process, as the node's shell does.
func (w *World) firstRequest() uint64 {
	if !w.several() {
		return 0
	}
	return w.rng.Uint64() >> 1
}

// propose asks the leader.
func (p *peers) propose(n *node, leader uint64, commands [][]byte, done func([]evenkeel.Result, error)) {
	request := p.asked.Ask(n.w.now, leader, len(commands), done)
	n.w.stats.add("proposals sent to the leader", 1)
	sent := n.w.net.send(n, leader, func(to *node) { to.asked(n.number, request, commands) })
	n.tracef("%d commands go to n%d as %d, sent %t", len(commands), leader, request, sent)
	if !sent {
		p.asked.Unsent(request)
	}
	p.settle(n)
}

// settle tells whoever has an answer.
func (p *peers) settle(n *node) {
	life := n.life
	for _, done := range p.asked.Take() {
		if n.life == life {
			done()
		}
	}
}

// asked takes a proposal of another node. What became of it is told to that node,
// whichever process it then has.
func (n *node) asked(from, request uint64, commands [][]byte) {
	n.proposeHere(commands, func(results []evenkeel.Result, err error) {
		refusal := asError(err)
		n.w.net.send(n, from, func(to *node) {
			to.peers.asked.Applied(to.applier.Applied())
			to.tracef("%d is answered by %s: %d results, %v", request, n.id(), len(results), err)
			to.peers.asked.Answered(n.number, request, results, refusal)
			to.peers.settle(to)
		})
	})
}

// post sends what Raft has for other members.
func (n *node) post(messages []*raftpb.Message) {
	for _, m := range messages {
		if m.GetType() == raftpb.MsgSnap {
			n.postSnapshot(m)
			continue
		}
		b, err := proto.Marshal(m)
		n.w.check(err == nil, "a message can be encoded", "%v", err)
		if !n.w.net.cast(n, m.GetTo(), func(to *node) { to.receive(b) }) {
			to := m.GetTo()
			n.tell(func() { n.core.ReportUnreachable(to) })
		}
	}
}

// say sends what the replica has to say about batches in doubt.
func (n *node) say(words []replica.Word) {
	for _, word := range words {
		n.w.net.cast(n, word.To, func(to *node) { to.tell(func() { to.core.Hear(to.mono(), word) }) })
	}
}

func (n *node) receive(b []byte) {
	m := new(raftpb.Message)
	err := proto.Unmarshal(b, m)
	n.w.check(err == nil, "a message can be decoded", "%v", err)
	n.step(m)
}

func (n *node) step(m *raftpb.Message) {
	n.tell(func() {
		err := n.core.Step(n.mono(), m)
		n.w.check(err == nil, "a replica understands the others", "%v", err)
	})
}

// postSnapshot sends a snapshot's stream and then its message. It takes time, and
// may break on the way.
func (n *node) postSnapshot(m *raftpb.Message) {
	to, index := m.GetTo(), m.GetSnapshot().GetMetadata().GetIndex()
	b, err := proto.Marshal(m)
	n.w.check(err == nil, "a message can be encoded", "%v", err)
	report := func(ok bool) { n.tell(func() { n.core.ReportSnapshot(to, ok) }) }
	stream, err := n.journal.OpenSnapshot(index)
	if n.disk.Crashed() {
		return // whoever writes next finds out
	}
	if err != nil {
		n.tracef("the snapshot of %d for %d cannot be opened: %v", index, to, err)
		report(false)
		return
	}
	data, err := io.ReadAll(stream)
	if err != nil {
		n.w.check(n.w.shape.Error > 0 || n.rot > 0, "a snapshot can be read back", "%v", err)
		data = data[:len(data)/2] // what its reader sends is cut off
	}
	n.w.stats.add("snapshots sent", 1)
	life, told := n.life, false
	end := func(ok bool) {
		if n.life == life && !told {
			told = true
			_ = stream.Close() // it was read
			report(ok)
		}
	}
	if n.w.chance(100) {
		data = data[:n.w.rng.IntN(len(data))] // the stream breaks
	}
	n.after(n.w.around(200*time.Millisecond), func() {
		sent := n.w.net.send(n, to, func(t *node) {
			ok := t.keep(b, stream.Meta(), data)
			n.w.after(n.w.latency(), func() { end(ok) })
		})
		if !sent {
			end(false)
			return
		}
		n.after(silenceLimit, func() { end(false) }) // unless it has come
	})
}

// keep writes a snapshot that came, as the replica's shell does, and steps its message.
func (n *node) keep(message []byte, meta journal.SnapshotMeta, data []byte) bool {
	m := new(raftpb.Message)
	err := proto.Unmarshal(message, m)
	n.w.check(err == nil, "a message can be decoded", "%v", err)
	if meta.Index > n.applier.Applied() {
		if err := n.store(m, meta, data); n.disk.Crashed() {
			n.lost("power fails while a snapshot is received")
			return false
		} else if err != nil {
			n.tracef("the snapshot of %d could not be kept: %v", meta.Index, err)
			n.w.stats.add("snapshots that were not kept", 1)
			return false
		}
		n.tracef("a snapshot of %d has come", meta.Index)
		n.w.stats.add("snapshots received", 1)
	}
	n.step(m)
	return true
}

func (n *node) store(m *raftpb.Message, meta journal.SnapshotMeta, data []byte) error {
	w, err := n.journal.CreateSnapshot(meta.Index, meta.Term)
	if err != nil {
		return err
	}
	switch _, err = w.Write(data); {
	case err != nil:
	case int64(len(data)) != meta.Size || xxhash.Sum64(data) != meta.Hash:
		err = errBroken
	default:
		_, err = w.Commit(journal.SnapshotMeta{
			Index: meta.Index, Term: meta.Term, ConfState: m.GetSnapshot().GetMetadata().GetConfState(), DeskHash: meta.DeskHash,
		})
	}
	if err != nil {
		_ = w.Abort() // it counts for nothing in any case
	}
	return err
}

// memberShell is what a process does as one of several: it announces itself,
// reads, and, as the leader, keeps the members in shape.
type memberShell struct {
	lastRead uint64
	reads    map[uint64]freshRead // that were asked for
	asking   bool                 // for an incarnation
	own      uint64               // incarnation
	led      uint64               // term of the leadership
	since    time.Duration        // of the leadership
	busy     time.Duration        // no step before this time
}
