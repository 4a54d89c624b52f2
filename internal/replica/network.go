//evenkeel:shell

package replica

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cespare/xxhash/v2"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/evenkeel/evenkeel/internal/journal"
)

// Network carries what a replica has for the other members of its cell. It must
// not block, and may lose anything: Raft sends again.
type Network interface {
	// Send sends messages, in their order for each member. A member that one
	// could not be sent to is told to Unreachable.
	Send(messages []*raftpb.Message)
	// SendSnapshot sends a snapshot's stream, then its message, and closes the
	// stream. done is called exactly once: true when the other has both.
	SendSnapshot(m *raftpb.Message, stream *journal.SnapshotReader, done func(ok bool))
	// Say sends a word, for the Hear of its To.
	Say(w Word)
}

// post hands messages to the network. A snapshot's message goes with its stream.
func (r *Replica) post(messages []*raftpb.Message) {
	if len(messages) == 0 || r.cfg.Network == nil {
		return
	}
	plain := messages[:0:0]
	for _, m := range messages {
		if m.GetType() == raftpb.MsgSnap {
			r.postSnapshot(m)
		} else {
			plain = append(plain, m)
		}
	}
	if len(plain) > 0 {
		r.cfg.Network.Send(plain)
	}
}

// say hands words to the network.
func (r *Replica) say(words []Word) {
	if r.cfg.Network == nil {
		return
	}
	for _, w := range words {
		r.cfg.Network.Say(w)
	}
}

// Hear takes a word of another replica. If too much is waiting it is dropped.
func (r *Replica) Hear(w Word) {
	r.inbox.putBelow(input{event: func(c *Core, now time.Duration) error { c.Hear(now, w); return nil }}, inboxLimit)
}

func (r *Replica) postSnapshot(m *raftpb.Message) {
	to, index := m.GetTo(), m.GetSnapshot().GetMetadata().GetIndex()
	done := func(ok bool) {
		r.tell(func(c *Core, _ time.Duration) error { c.ReportSnapshot(to, ok); return nil })
	}
	stream, err := r.disk.OpenSnapshot(index)
	if err != nil {
		r.log.Warn("a snapshot for another replica could not be opened", "to", to, "index", index, "error", err)
		done(false)
		return
	}
	r.cfg.Network.SendSnapshot(m, stream, done)
}

// Receive takes a message of another replica. If too much is waiting it is
// dropped, like one that was lost on the way; so is what no replica sends, and a
// snapshot's message without its stream, which comes by ReceiveSnapshot.
func (r *Replica) Receive(m *raftpb.Message) {
	if m.GetTo() != r.id || !travels(m.GetType()) {
		return
	}
	r.inbox.putBelow(input{event: func(c *Core, now time.Duration) error { return c.Step(now, m) }}, inboxLimit)
}

// travels tells whether replicas send each other messages of a type.
func travels(t raftpb.MessageType) bool {
	switch t {
	case raftpb.MsgApp, raftpb.MsgAppResp, raftpb.MsgVote, raftpb.MsgVoteResp, raftpb.MsgPreVote, raftpb.MsgPreVoteResp,
		raftpb.MsgHeartbeat, raftpb.MsgHeartbeatResp, raftpb.MsgTimeoutNow, raftpb.MsgReadIndex, raftpb.MsgReadIndexResp:
		return true
	default:
		return false
	}
}

// Unreachable says that a message to a member was not sent.
func (r *Replica) Unreachable(id uint64) {
	r.tell(func(c *Core, _ time.Duration) error { c.ReportUnreachable(id); return nil })
}

// Dead says that a member's process has ended, for certain.
func (r *Replica) Dead(id uint64) {
	r.tell(func(c *Core, now time.Duration) error { c.Dead(now, id); return nil })
}

// Alive says that a new process of a member has come.
func (r *Replica) Alive(id uint64) {
	r.tell(func(c *Core, _ time.Duration) error { c.Alive(id); return nil })
}

// ReceiveSnapshot takes a snapshot from the leader: its stream, which must be as
// Meta of the sender's reader says, and the message that announces it. When it
// returns nil the stream is on the disk, complete and verified, and the replica
// starts anew from it. Errors leave the replica as it was.
func (r *Replica) ReceiveSnapshot(m *raftpb.Message, meta journal.SnapshotMeta, stream io.Reader) error {
	index, term := m.GetSnapshot().GetMetadata().GetIndex(), m.GetSnapshot().GetMetadata().GetTerm()
	if m.GetType() != raftpb.MsgSnap || meta.Index != index || meta.Term != term || len(meta.DeskHash) != hashOfBytes {
		return errors.New("receive a snapshot: its message and its stream do not belong together")
	}
	if index > r.applied.Load() { // else raft only wants to know that it came
		if err := r.keep(m, meta, stream); err != nil {
			return fmt.Errorf("receive the snapshot of %d: %w", index, err)
		}
	}
	if !r.inbox.put(input{event: func(c *Core, now time.Duration) error { return c.Step(now, m) }}) {
		return noLeader()
	}
	return nil
}

// keep writes a snapshot's stream to the disk.
func (r *Replica) keep(m *raftpb.Message, meta journal.SnapshotMeta, stream io.Reader) error {
	w, err := r.disk.CreateSnapshot(meta.Index, meta.Term)
	if err != nil {
		return err
	}
	sum := xxhash.New()
	n, err := io.Copy(io.MultiWriter(w, sum), io.LimitReader(stream, meta.Size+1))
	switch {
	case err != nil:
	case n != meta.Size || sum.Sum64() != meta.Hash:
		err = errors.New("the stream is not the one that the sender has")
	default:
		_, err = w.Commit(journal.SnapshotMeta{
			Index: meta.Index, Term: meta.Term, ConfState: m.GetSnapshot().GetMetadata().GetConfState(), DeskHash: meta.DeskHash,
		})
	}
	if err != nil {
		return errors.Join(err, w.Abort())
	}
	return nil
}

// Fresh returns when a read of this replica's desk has all that was answered
// anywhere before the call. Errors: ctx's, or why the replica stopped.
func (r *Replica) Fresh(ctx context.Context) error {
	for {
		index, err := r.readIndex(ctx)
		switch {
		case err == nil:
			return r.WaitApplied(ctx, index)
		case !errors.Is(err, errUnread):
			return err
		}
	}
}

// errUnread says that nobody answered a request for a fresh index in time: there
// is no leader, or a message was lost.
var errUnread = errors.New("no leader has answered")

func (r *Replica) readIndex(ctx context.Context) (uint64, error) {
	answer := make(chan uint64, 1)
	key := r.reads.ask(answer)
	defer r.reads.forget(key)
	r.tell(func(c *Core, _ time.Duration) error {
		c.ReadIndex(r.reads.context(r.id, key))
		return nil
	})
	again := time.NewTimer(ElectionTimeout)
	defer again.Stop()
	select {
	case index := <-answer:
		return index, nil
	case <-again.C:
		return 0, errUnread
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-r.stop:
		return 0, noLeader()
	}
}

// ChangeMembers proposes a change of the members and waits until it is in effect
// here. Only the leader takes one, and one at a time.
func (r *Replica) ChangeMembers(ctx context.Context, change *raftpb.ConfChangeV2) error {
	refused := make(chan error, 1)
	r.tell(func(c *Core, _ time.Duration) error { refused <- c.ProposeConfChange(change); return nil })
	select {
	case err := <-refused:
		if err != nil {
			return err
		}
	case <-ctx.Done():
		return ctx.Err()
	case <-r.stop:
		return noLeader()
	}
	return r.await(ctx, func() bool { return inEffect(r.Status().Members, change) })
}

// TransferLeader hands leadership to another voter, if this replica has it.
func (r *Replica) TransferLeader(to uint64) {
	r.tell(func(c *Core, _ time.Duration) error { c.TransferLeader(to); return nil })
}

// Bar keeps this replica from leading, or lets it lead again.
func (r *Replica) Bar(yes bool) {
	r.tell(func(c *Core, _ time.Duration) error { c.Bar(yes); return nil })
}

// Progress returns how far the log of each member agrees with the leader's, as
// far as this replica knows as the leader; of others it is empty.
func (r *Replica) Progress(ctx context.Context) (map[uint64]uint64, error) {
	answer := make(chan map[uint64]uint64, 1)
	r.tell(func(c *Core, _ time.Duration) error { answer <- c.Progress(); return nil })
	select {
	case progress := <-answer:
		return progress, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-r.stop:
		return nil, noLeader()
	}
}
