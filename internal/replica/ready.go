//evenkeel:pure

package replica

import (
	"fmt"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/evenkeel/evenkeel"
)

// Ready is what the core wants done. Appends are done in order, and so are
// Applies; the two do not wait for each other.
type Ready struct {
	Appends  []*Append         // make durable, then Persisted
	Applies  []*Apply          // apply, then Applied
	Messages []*raftpb.Message // send to other replicas; may be lost
	Words    []Word            // likewise; each is for the Hear of its To
	Answers  []Answer          // proposals that will not be applied by this leader
	Reads    []Read
}

func (r *Ready) empty() bool {
	return len(r.Appends) == 0 && len(r.Applies) == 0 && len(r.Messages) == 0 && len(r.Words) == 0 && len(r.Answers) == 0 && len(r.Reads) == 0
}

// Append is one write to the journal. Nil and empty fields write nothing.
type Append struct {
	HardState *raftpb.HardState
	Entries   []*raftpb.Entry
	Snapshot  *raftpb.SnapshotMetadata
	// Settle: the doubt of the journal is over, and with that nothing else is written.
	Settle bool

	// responses may leave only when the write is durable.
	responses []*raftpb.Message
	formed    time.Duration
	since     time.Duration // from when on the disk is waited for
}

// Apply is a run of committed entries for the machine.
type Apply struct {
	// Restore, if set, is a snapshot received from another replica: the machine
	// starts anew from it. Entries is empty then.
	Restore *raftpb.SnapshotMetadata
	Entries []Committed
	// Freeze, if set, orders a snapshot of the machine as it is after Entries.
	// SnapshotSaved or SnapshotFailed reports the outcome.
	Freeze *SnapshotOrder

	responses []*raftpb.Message
}

// Committed is an entry to be applied. Entries without data and changes of
// members are not for the machine.
type Committed struct {
	Entry *raftpb.Entry
	// Proposals are those whose commands the entry holds, in their order. They
	// are answered from its results, by the one who applies it.
	Proposals []*Proposal

	own *batch
}

// Stamped tells whether the machine applies the entry.
func (c Committed) Stamped() bool { return stamped(c.Entry) }

func stamped(e *raftpb.Entry) bool {
	return e.GetType() == raftpb.EntryNormal && len(e.GetData()) > 0
}

// Applied tells the core how the machine stands after an Apply.
type Applied struct {
	Time        evenkeel.DeskTime // the machine's
	Deadline    evenkeel.DeskTime // the machine's next one
	HasDeadline bool
	More        bool // follow-up work is left: tick at once
	Size        int64
}

// Answer is the end of a proposal that this leader will not apply. With
// no_leader its commands may still take effect.
type Answer struct {
	Proposal *Proposal
	Err      *evenkeel.Error
}

// Read answers ReadIndex: a read of the machine at Index or later is fresh.
type Read struct {
	Index   uint64
	Context []byte
}

// Ready returns what is to be done now; false if that is nothing. It is asked
// after each input, until it returns false.
func (c *Core) Ready() (Ready, bool) {
	c.feelPulse()
	c.form()
	for c.node.HasReady() {
		c.collect(c.node.Ready())
		c.form()
	}
	c.answerDoubts()
	c.busy = c.role == raft.StateLeader && (c.applied.state.HasDeadline || c.applied.state.More || len(c.unapplied) > 0 || len(c.appending) > 0)
	out := c.out
	c.out = Ready{}
	return out, !out.empty()
}

// feelPulse lets the clock know, before an entry is made, up to when this leader
// could acknowledge: now, or before the oldest write that is not yet durable.
func (c *Core) feelPulse() {
	if c.role != raft.StateLeader {
		return
	}
	until := c.now
	if len(c.appending) > 0 {
		until = min(until, c.appending[0].formed)
	}
	c.clock.served(until, c.busy)
}

func (c *Core) collect(rd raft.Ready) {
	c.follow(rd)
	for _, read := range rd.ReadStates {
		c.out.Reads = append(c.out.Reads, Read{Index: read.Index, Context: read.RequestCtx})
	}
	for _, m := range rd.Messages {
		switch m.GetTo() {
		case raft.LocalAppendThread:
			c.emitAppend(m)
		case raft.LocalApplyThread:
			c.emitApply(m)
		default:
			if c.abstains() && stands(m) {
				continue
			}
			c.out.Messages = append(c.out.Messages, m)
		}
	}
}

// follow takes note of who leads, and of the end of this replica's own
// leadership.
func (c *Core) follow(rd raft.Ready) {
	led, term := c.role == raft.StateLeader, c.term
	if rd.HardState != nil {
		c.term = rd.HardState.GetTerm()
	}
	if rd.SoftState != nil {
		c.role, c.lead = rd.SoftState.RaftState, rd.SoftState.Lead
	}
	c.mourn()
	leads := c.role == raft.StateLeader
	if led && (!leads || c.term != term) {
		c.lose(noLeader())
		c.clock.resign(c.now)
	}
	if leads && (!led || c.term != term) {
		c.clock.lead(c.now, c.term)
		c.handing = false
	}
}

// lose ends all proposals: what becomes of those already in the log is the next
// leader's business.
func (c *Core) lose(why *evenkeel.Error) {
	drop := func(proposals []*Proposal) {
		for _, p := range proposals {
			c.out.Answers = append(c.out.Answers, Answer{Proposal: p, Err: why})
		}
	}
	for _, b := range c.pending {
		drop(b.proposals)
	}
	for _, b := range c.proposed {
		drop(b.proposals)
	}
	drop(c.lanes.clear())
	c.pending, c.proposed, c.unapplied, c.heldBytes, c.lanes.pushBytes = nil, nil, nil, 0, 0
}

func (c *Core) emitAppend(m *raftpb.Message) {
	a := &Append{Entries: m.GetEntries(), responses: m.GetResponses(), formed: c.now, since: c.now}
	if m.Term != nil {
		c.hard = &raftpb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}
	}
	if snap := m.GetSnapshot(); !raft.IsEmptySnap(snap) {
		a.Snapshot = snap.GetMetadata()
	}
	if len(a.Entries) == 0 && a.Snapshot == nil && len(a.responses) == 0 {
		return // a commit index alone: it goes with the next write, if there is one
	}
	a.HardState, c.hard = c.hard, nil
	c.name(a.Entries)
	c.appending = append(c.appending, a)
	c.out.Appends = append(c.out.Appends, a)
}

// name gives this leader's entries the index that raft gave them, and takes the
// stamps of another's.
func (c *Core) name(entries []*raftpb.Entry) {
	leads := c.role == raft.StateLeader
	for _, e := range entries {
		switch {
		case !stamped(e):
		case leads && e.GetTerm() == c.term && len(c.proposed) > 0:
			b := c.proposed[0]
			c.proposed = c.proposed[1:]
			b.index, b.term = e.GetIndex(), e.GetTerm()
			c.pending = append(c.pending, b)
		default:
			c.clock.saw(e, c.now)
		}
	}
}

func (c *Core) emitApply(m *raftpb.Message) {
	a := &Apply{responses: m.GetResponses(), Entries: make([]Committed, 0, len(m.GetEntries()))}
	for _, e := range m.GetEntries() {
		item := Committed{Entry: e}
		b := c.claim(e)
		if b == nil || len(b.proposals) > 0 {
			c.snapshot.since = c.now // more than a tick of its own
		}
		if b != nil {
			item.own, item.Proposals = b, b.proposals
			c.lanes.pushBytes -= b.pushBytes
		}
		if isConfChange(e) {
			c.conf.outstanding++
		}
		c.snapshot.count(e)
		a.Entries = append(a.Entries, item)
	}
	a.Freeze = c.orderSnapshot()
	c.applying = append(c.applying, a)
	c.out.Applies = append(c.out.Applies, a)
}

// claim finds the batch that an entry was made from. An entry of another term at
// a batch's index means that the batch is lost.
func (c *Core) claim(e *raftpb.Entry) *batch {
	for len(c.pending) > 0 && c.pending[0].index <= e.GetIndex() {
		b := c.pending[0]
		c.pending = c.pending[1:]
		if b.index == e.GetIndex() && b.term == e.GetTerm() {
			return b
		}
		for _, p := range b.proposals {
			c.out.Answers = append(c.out.Answers, Answer{Proposal: p, Err: noLeader()})
		}
	}
	return nil
}

// Persisted reports that an append is durable. Appends are reported in order.
func (c *Core) Persisted(now time.Duration, a *Append) error {
	c.reach(now)
	if len(c.appending) == 0 || c.appending[0] != a {
		return fmt.Errorf("replica: an append of %d entries was reported out of order", len(a.Entries))
	}
	c.appending = c.appending[1:]
	if len(c.appending) > 0 {
		next := c.appending[0]
		next.since = max(next.since, c.now) // until now the disk was at this one
	}
	if a.Snapshot != nil {
		c.log.reset(a.Snapshot)
		c.conf.state = a.Snapshot.GetConfState()
		c.measure()
		restore := &Apply{Restore: a.Snapshot}
		c.applying = append(c.applying, restore)
		c.out.Applies = append(c.out.Applies, restore)
	}
	if err := c.log.append(a.Entries); err != nil {
		return err
	}
	for _, m := range a.responses {
		c.deliver(m)
	}
	c.weighDoubt()
	return nil
}

// deliver steps what a local write answers to this replica, and sends on the
// rest. Raft ignores what came too late.
func (c *Core) deliver(m *raftpb.Message) {
	if m.GetTo() != c.id {
		c.out.Messages = append(c.out.Messages, m)
		return
	}
	_ = c.node.Step(m) // fails only for a sender that is no longer a member
}

// Applied reports that an Apply is done and how the machine stands. Applies are
// reported in order. An error means that the log holds what this program does
// not understand: the replica must stop.
func (c *Core) Applied(now time.Duration, a *Apply, state Applied) error {
	c.reach(now)
	if len(c.applying) == 0 || c.applying[0] != a {
		return fmt.Errorf("replica: an apply of %d entries was reported out of order", len(a.Entries))
	}
	c.applying = c.applying[1:]
	c.applied.state = state
	c.snapshot.most = max(c.snapshot.most, state.Size)
	if a.Restore != nil {
		c.clock.restored(state.Time, c.now)
		c.applied.index, c.applied.term = a.Restore.GetIndex(), a.Restore.GetTerm()
		c.snapshot.restored(c.applied.index, c.applied.term)
		return nil
	}
	for _, item := range a.Entries {
		if err := c.appliedEntry(item); err != nil {
			return err
		}
	}
	for _, m := range a.responses {
		c.deliver(m)
	}
	c.includeMembers()
	return nil
}

func (c *Core) appliedEntry(item Committed) error {
	e := item.Entry
	c.applied.index, c.applied.term = e.GetIndex(), e.GetTerm()
	if item.own != nil && len(c.unapplied) > 0 && c.unapplied[0] == item.own {
		c.unapplied = c.unapplied[1:]
		c.heldBytes -= item.own.size
		c.applied.stamp = item.own.stamp
	}
	if stamped(e) {
		c.clock.applied(e.GetTerm())
	}
	if !isConfChange(e) {
		return nil
	}
	c.conf.outstanding--
	change, err := decodeConfChange(e)
	if err != nil {
		return err
	}
	c.conf.state = c.node.ApplyConfChange(change)
	c.measure()
	return nil
}
