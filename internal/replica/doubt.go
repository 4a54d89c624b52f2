//evenkeel:pure

package replica

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/raft/v3/raftpb"
)

// Doubt is a batch of entries of which this replica's journal has the description
// and not the bytes: its write was torn by a loss of power and acknowledged to
// nobody, or it was acknowledged and rotted.
//
// While it is in doubt, the replica votes as if it had the batch: for nobody whose
// log is shorter, and never for itself. So whatever its acknowledgement may have
// committed is in the log of each leader that it helps to elect. The doubt ends when
//
//   - its log is as long as it would have been. The legitimate leader of a later term
//     has all that was committed, and has brought what this replica lacks of it; from
//     then on its own log holds its vote back, as anybody's does;
//   - or no other voter has any entry of the batch. A committed entry is on the disks
//     of more than half of the voters, of which fewer than half rot: one of them would
//     have it;
//   - or, if the write was torn, nobody came to lead for so long who has it, and a
//     majority answers. A torn write was never acknowledged; that is enough for a cell
//     of one to cut it. It is asked all the same, for a disk may blank a sector. So
//     neither a voter that is gone for good keeps the others from electing, nor one that
//     has the batch and is no voter yet.
//
// A batch whose bytes were changed, which a voter that is gone may have: there is no
// safe way on but that voter's, or a majority without this replica.
type Doubt struct {
	First, Last, LastTerm uint64 // of its entries; First is 0 if it has none
	Torn                  bool
}

// doubtPatience is how long a torn batch is asked for.
const doubtPatience = 5 * time.Second

// ErrAmnesia says that this replica's disk has not got any more what this replica
// has acknowledged: it was put back to an older state, or bytes rotted. It must never
// act under its id again.
var ErrAmnesia = errors.New("the disk has lost what it had acknowledged")

var errAbstains = errors.New("replica: this replica does not stand for election")

// Verdict is what becomes of a batch in doubt when a replica starts.
type Verdict uint8

// The verdicts.
const (
	DoubtCut  Verdict = iota // nobody can miss it
	DoubtAsk                 // the other voters know
	DoubtLost                // it may have been acknowledged, and there is nobody to ask
)

// Judge decides about a doubt by what the journal holds.
func (d *Doubt) Judge(cfg CoreConfig) Verdict {
	last, term := cfg.Snapshot.GetIndex(), cfg.Snapshot.GetTerm()
	if n := len(cfg.Entries); n > 0 {
		last, term = cfg.Entries[n-1].GetIndex(), cfg.Entries[n-1].GetTerm()
	}
	switch {
	case d.First == 0 || d.Last <= cfg.Snapshot.GetIndex() || !d.longer(term, last):
		return DoubtCut
	case !alwaysAlone(cfg.ConfState, cfg.Entries, cfg.ID):
		return DoubtAsk
	case d.Torn:
		return DoubtCut
	}
	return DoubtLost
}

// longer tells whether a log that ended with the batch would be longer, as Raft
// compares logs, than one that ends with an entry.
func (d *Doubt) longer(term, last uint64) bool {
	return term < d.LastTerm || term == d.LastTerm && last < d.Last
}

// Word is what two replicas say to each other about a batch in doubt: who is in
// doubt asks, the other answers. Words may be lost.
type Word struct {
	From, To              uint64
	First, Last, LastTerm uint64 // of the batch
	Has                   Holding
}

// Holding is how much a log has of a batch.
type Holding uint8

// How much: HoldsAsked is a question.
const (
	HoldsAsked Holding = iota
	HoldsNothing
	HoldsPart // perhaps: the terms of its first entries are not known
	HoldsAll
)

// doubting is what a core does about a doubt, and about those of others.
type doubting struct {
	batch *Doubt             // nil: there is none
	said  map[uint64]Holding // by other voters, for certain, since this process started
	since time.Duration      // when it was asked first; 0: not yet
	asked time.Duration      // when last
	heard []Word             // questions not yet answered
}

// suspends tells whether a message would have this replica vote as it must not while it is
// in doubt, or stand for election while it abstains.
func (c *Core) suspends(m *raftpb.Message) bool {
	d := c.doubt.batch
	switch m.GetType() {
	case raftpb.MsgVote, raftpb.MsgPreVote:
		return d != nil && d.longer(m.GetLogTerm(), m.GetIndex())
	case raftpb.MsgTimeoutNow:
		return c.abstains()
	default:
		return false
	}
}

// campaign stands for election at once.
func (c *Core) campaign() error {
	if c.abstains() {
		return errAbstains
	}
	return c.node.Campaign()
}

// stands tells whether a message asks for votes for this replica.
func stands(m *raftpb.Message) bool {
	return m.GetType() == raftpb.MsgVote || m.GetType() == raftpb.MsgPreVote
}

// forgot tells whether a message proves that this replica has lost what it had
// acknowledged: the leader never takes for committed here more than that.
func (c *Core) forgot(m *raftpb.Message) bool {
	return m.GetType() == raftpb.MsgHeartbeat && m.GetTerm() >= c.term && m.GetCommit() > c.log.last()
}

// refusal is the last append for which this replica's log was too short.
type refusal struct {
	term, index uint64
	at          time.Duration
}

// refusedJustNow tells whether this replica's log is too short for an append, and it
// has said so a moment ago. A leader that has counted on more asks again at once, and
// again, until a heartbeat has told this replica what it has lost.
func (c *Core) refusedJustNow(m *raftpb.Message) bool {
	if m.GetType() != raftpb.MsgApp || m.GetIndex() <= c.log.last() || len(c.appending) > 0 {
		return false
	}
	last := c.refused
	if last.term == m.GetTerm() && last.index == m.GetIndex() && c.now < last.at+heartbeatTicks*TickInterval {
		return true
	}
	c.refused = refusal{m.GetTerm(), m.GetIndex(), c.now}
	return false
}

// Hear takes a word of another replica.
func (c *Core) Hear(now time.Duration, w Word) {
	c.reach(now)
	switch d := c.doubt.batch; {
	case w.To != c.id:
	case w.Has == HoldsAsked:
		c.doubt.heard = append(c.doubt.heard, w)
	case d != nil && w.First == d.First && w.Last == d.Last && w.LastTerm == d.LastTerm && w.Has <= HoldsAll:
		c.doubt.said[w.From] = w.Has
		c.weighDoubt()
	}
}

// answerDoubts tells others what this replica's log has of their batches. What is
// on its way to the disk counts, so it is asked when raft has handed all of it out: a
// leader may count an old acknowledgement for it.
func (c *Core) answerDoubts() {
	for _, w := range c.doubt.heard {
		w.From, w.To, w.Has = w.To, w.From, c.holds(w)
		c.out.Words = append(c.out.Words, w)
	}
	c.doubt.heard = nil
}

func (c *Core) holds(w Word) Holding {
	has := HoldsNothing
	if first, err := c.log.Term(w.First); w.First <= c.log.last() && (err != nil || first <= w.LastTerm) {
		has = HoldsPart // compacted, or of a term that the batch may have
	}
	if last, err := c.log.Term(w.Last); err == nil && last == w.LastTerm {
		return HoldsAll
	}
	for _, a := range c.appending {
		if a.Snapshot.GetIndex() >= w.First {
			has = HoldsPart
		}
		for _, e := range a.Entries {
			switch {
			case e.GetIndex() == w.Last && e.GetTerm() == w.LastTerm:
				return HoldsAll
			case e.GetIndex() == w.First && e.GetTerm() <= w.LastTerm:
				has = HoldsPart
			}
		}
	}
	return has
}

// inquire asks the other voters, again and again, and loses patience.
func (c *Core) inquire() {
	d := &c.doubt
	if d.batch == nil || d.since > 0 && c.now < d.asked+ElectionTimeout {
		return
	}
	if d.since == 0 {
		d.since = max(c.now, 1)
	}
	d.asked = c.now
	for _, id := range c.otherVoters() {
		if d.said[id] != HoldsNothing {
			c.out.Words = append(c.out.Words, Word{From: c.id, To: id, First: d.batch.First, Last: d.batch.Last, LastTerm: d.batch.LastTerm})
		}
	}
	c.weighDoubt()
}

// otherVoters are all whose acknowledgement may have counted for the batch, as far as
// this replica's log tells: changes of members may not be applied yet.
func (c *Core) otherVoters() []uint64 {
	all := slices.Concat(c.conf.state.GetVoters(), c.conf.state.GetVotersOutgoing())
	for _, e := range c.log.entries {
		if !isConfChange(e) || e.GetIndex() <= c.applied.index {
			continue
		}
		change, err := decodeConfChange(e)
		if err != nil {
			continue // it stops the replica when it is applied
		}
		for _, one := range change.AsV2().GetChanges() {
			all = append(all, one.GetNodeId())
		}
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(id uint64) bool { return id == c.id })
}

// weighDoubt ends the doubt if it is over.
func (c *Core) weighDoubt() {
	d := c.doubt.batch
	if d == nil {
		return
	}
	last := c.log.last()
	term, err := c.log.Term(last)
	covered := err == nil && !d.longer(term, last)
	others := c.otherVoters()
	switch {
	case covered:
	case len(others) == 0 && !d.Torn:
		c.failing = fmt.Errorf("replica: %w: entries %d to %d cannot be read", ErrAmnesia, d.First, d.Last)
		return
	case !c.nobodyHas(others):
		return
	}
	c.doubt.batch = nil
	settle := &Append{Settle: true, formed: c.now, since: c.now}
	c.appending = append(c.appending, settle)
	c.out.Appends = append(c.out.Appends, settle)
}

// nobodyHas tells whether what the other voters said ends the doubt.
func (c *Core) nobodyHas(others []uint64) bool {
	silent, lack := 0, 0
	for _, id := range others {
		switch c.doubt.said[id] {
		case HoldsNothing:
			lack++
		case HoldsPart, HoldsAll:
		default:
			silent++
		}
	}
	if lack == len(others) {
		return true
	}
	majority := 2*(len(others)-silent+1) > len(others)+1
	return c.doubt.batch.Torn && majority && c.doubt.since > 0 && c.now >= c.doubt.since+doubtPatience
}

// startDoubt begins with what was in doubt on the disk.
func (c *Core) startDoubt(d *Doubt) {
	if d != nil {
		c.doubt.batch, c.doubt.said = d, make(map[uint64]Holding)
	}
}
