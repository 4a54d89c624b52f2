package sim

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
	"github.com/evenkeel/evenkeel/internal/journal"
	"github.com/evenkeel/evenkeel/internal/replica"
	"github.com/evenkeel/evenkeel/internal/sim/simdisk"
)

// founder is the number of the node that forms the cell.
const founder = 1

// node is one machine of the cell: a disk that stays, and a process that comes
// and goes.
type node struct {
	w      *World
	number uint64
	clock  clock
	disk   *simdisk.Disk
	rot    int // bits that flipped on the disk

	// life counts processes: what an earlier one had planned does not happen.
	life    int
	up      bool
	dark    bool // the machine has no power: not even its kernel answers
	leaving bool // it is being removed
	gone    bool // the node is no part of the cell any more
	// reached is the highest index that was ever applied here.
	reached uint64

	// Of the process, as its shells have it.
	journal *journal.Journal
	core    *replica.Core
	applier *replica.Applier

	coreBox  mailbox[func()] // what the core is told
	coreWake time.Duration   // when it asked to be woken; 0: not
	disks    diskShell
	applies  applyShell
	edge     edgeShell
	gate     gate
	peers    peers
	voice    memberShell

	newest  simdisk.Op    // the last batch written to the log
	turned  time.Duration // when the core was last told the time
	failing bool          // an operation of the disk is to fail
	stalled time.Duration // until when the disk hangs

	haltedAt, haltedTo time.Duration // when the process stands still
	downAt             time.Duration // since when there is no process, or it stood still
}

func newNode(w *World, number uint64) *node {
	n := &node{w: w, number: number, disk: simdisk.New(rand.New(rand.NewPCG(w.seed, 3+number)), 0), clock: w.drawClock()}
	n.disk.Inject = n.operation
	n.disk.Stall = func(op simdisk.Op) bool { return n.disks.writing && isSegment(op.Name) }
	return n
}

// after lets something happen later, if the process still lives then.
func (n *node) after(d time.Duration, do func()) {
	life := n.life
	n.w.after(d, func() { n.run(life, do) })
}

// jitter is how long a goroutine may take to get to its work.
func (n *node) jitter() time.Duration {
	return time.Duration(n.w.rng.Int64N(int64(200 * time.Microsecond)))
}

// mailbox is what waits for one of the process's goroutines.
type mailbox[T any] struct {
	items []T
	awake bool
}

func (m *mailbox[T]) take() []T {
	items := m.items
	m.items, m.awake = nil, false
	return items
}

// put adds an item and wakes whoever works on them.
func put[T any](n *node, m *mailbox[T], item T, work func()) {
	m.items = append(m.items, item)
	if !m.awake {
		m.awake = true
		n.after(n.jitter(), work)
	}
}

// start begins a process: it takes what the disk has, or finds out that it
// cannot.
func (n *node) start() {
	if n.gone {
		return
	}
	n.life++
	n.dark = false
	n.w.trouble(n.w.now)
	n.w.stood.down(n.downAt, n.w.now)
	n.coreBox, n.coreWake = mailbox[func()]{}, 0
	n.disks, n.applies, n.edge, n.gate = diskShell{}, applyShell{}, edgeShell{}, gate{}
	n.peers, n.voice = newPeers(n), memberShell{}
	n.tracef("the process starts, life %d", n.life)
	n.w.stats.add("starts", 1)
	err := n.recover()
	switch {
	case n.disk.Crashed():
		n.lost("power failed during the start")
	case err != nil:
		n.refuse(err)
	default:
		n.up = true
		n.edge.init(n)
		n.applies.beginSaving(n)
		n.peers.dial(n)
		n.attend()
		n.turn()
	}
}

// refuse is a start that failed. Rot must be the reason, or a disk that is full or
// failed an operation and may be better the next time.
func (n *node) refuse(err error) {
	var bad *journal.DamageError
	if errors.As(err, &bad) || errors.Is(err, journal.ErrDoubt) {
		n.outcast(err)
		return
	}
	n.tracef("the start failed: %v", err)
	n.w.check(n.w.shape.Error > 0 || n.w.shape.Full > 0 || n.rot > 0, "a start succeeds on a disk that works", "%v", err)
	if n.w.calm && n.rot > 0 {
		n.outcast(err)
		return
	}
	n.w.check(!n.w.calm, "a start succeeds on a disk that works", "%v", err)
	n.disk.Kill()
	n.again()
}

// again starts the next process when the machine is back.
func (n *node) again() {
	n.w.trouble(n.w.now)
	n.downAt = n.w.now
	if n.halted() {
		n.downAt = n.haltedAt
	}
	n.haltedTo = 0
	n.up = false
	n.life++
	n.w.net.fell(n)
	if n.gone {
		return
	}
	down := 10*time.Millisecond + n.w.around(n.w.shape.Down)
	if n.w.calm {
		down = time.Second
	}
	n.w.trouble(n.w.now + down) // the others may not be able to do without it
	n.after(down, n.start)
}

// lost is the loss of power: what was not synced is there in part.
func (n *node) lost(why string) {
	n.tracef("%s", why)
	n.w.stats.add("losses of power", 1)
	n.disk.Crash(simdisk.Any)
	n.dark = true
	n.gate.fall(n)
	n.again()
}

// killed is the end of the process alone.
func (n *node) killed(why string) {
	n.tracef("the process ends: %s", why)
	n.w.stats.add("deaths of the process", 1)
	n.disk.Kill()
	n.gate.fall(n)
	n.again()
}

// stopped is a stop in good order: what was handed to the journal is written.
func (n *node) stopped() {
	n.tracef("the process is stopped")
	n.w.stats.add("stops in good order", 1)
	n.disks.finish(n)
	if n.disk.Crashed() {
		n.lost("power failed during the stop")
		return
	}
	err := n.journal.Close()
	n.w.check(err == nil || n.w.shape.Error > 0, "a journal can be closed", "%v", err)
	n.disk.Kill()
	n.w.net.goodbye(n)
	n.gate.fall(n)
	n.again()
}

// recover does what the replica's shell does when it opens a directory.
func (n *node) recover() error {
	j, found, err := journal.Open(n.disk, journal.Options{SegmentSize: n.w.shape.Segment})
	if err != nil {
		return err
	}
	n.journal = j
	for _, note := range found.Notes {
		n.tracef("the journal was mended: %s", note)
		n.w.stats.add("journals mended", 1)
	}
	if found.Fresh {
		n.w.check(n.reached == 0, "what was applied is durable", "the directory is fresh, and %d was applied", n.reached)
		found.Meta = binary.BigEndian.AppendUint64(nil, n.number)
		found.ConfState = &raftpb.ConfState{Voters: []uint64{founder}}
		if err := j.Append(&journal.Batch{Meta: found.Meta, ConfState: found.ConfState}); err != nil {
			return err
		}
	}
	if len(found.Meta) < 8 && found.Doubt != nil { // as in the shell
		return fmt.Errorf("%w: it says which node this is", journal.ErrDoubt)
	}
	return n.restore(found)
}

// restore makes the machine and the core of what the journal has.
func (n *node) restore(found *journal.Recovered) error {
	var skips []replica.Skip
	for _, s := range found.Skips {
		skips = append(skips, replica.Skip{Index: s.Index, Step: int(s.Ordinal)})
	}
	cfg := replica.CoreConfig{
		ID: n.number, HardState: found.HardState, ConfState: found.ConfState, Entries: found.Entries,
		Now: n.mono(), Limits: n.w.shape.Core,
	}
	var last uint64
	var err error
	if s := found.Snapshot; s != nil {
		cfg.Snapshot = &raftpb.SnapshotMetadata{ConfState: s.ConfState, Index: proto.Uint64(s.Index), Term: proto.Uint64(s.Term)}
	}
	if err := n.settleDoubt(found.Doubt, &cfg); err != nil {
		return err
	}
	if s := found.Snapshot; s != nil {
		last = s.Index
		cfg.SnapshotSize = s.Size
		r, err := n.journal.OpenSnapshot(s.Index)
		if err != nil {
			return err
		}
		n.applier, err = replica.NewApplier(n.machines(), s.Index, r, skips)
		if closed := r.Close(); err != nil || closed != nil {
			return errors.Join(err, closed)
		}
	} else if n.applier, err = replica.NewApplier(n.machines(), 0, nil, skips); err != nil {
		return err
	}
	if k := len(found.Entries); k > 0 {
		last = found.Entries[k-1].GetIndex()
	}
	n.tracef("recovered up to %d, snapshot %d, term %d, commit %d", last, indexOf(found.Snapshot), found.HardState.GetTerm(), found.HardState.GetCommit())
	n.w.history.recovered(n, last)
	cfg.Time = n.desk().Now()
	if n.core, err = replica.NewCore(cfg); err != nil {
		return err
	}
	return n.replay()
}

// settleDoubt does about a batch in doubt what the replica's shell does.
func (n *node) settleDoubt(found *journal.Doubt, cfg *replica.CoreConfig) error {
	if found == nil {
		return nil
	}
	d := &replica.Doubt{First: found.First, Last: found.Last, LastTerm: found.LastTerm, Torn: found.Torn}
	switch d.Judge(*cfg) {
	case replica.DoubtLost:
		return journal.ErrDoubt
	case replica.DoubtAsk:
		n.tracef("in doubt: %d to %d of term %d, torn %t", d.First, d.Last, d.LastTerm, d.Torn)
		n.w.stats.add("doubts that others were asked about", 1)
		cfg.Doubt = d
		if found.Carried {
			return nil
		}
		return n.journal.ResolveDoubt(journal.Carry)
	default:
		n.w.stats.add("torn batches cut", 1)
		return n.journal.ResolveDoubt(journal.Cut)
	}
}

// replay applies what is known to be committed.
func (n *node) replay() error {
	for ready, ok := n.core.Ready(); ok; ready, ok = n.core.Ready() {
		for _, a := range ready.Applies {
			for _, item := range a.Entries {
				if err := n.replayEntry(item.Entry); err != nil {
					return err
				}
			}
			if a.Freeze != nil {
				if err := n.applier.Freeze(a.Freeze); err != nil {
					return err
				}
			}
			if err := n.core.Applied(n.mono(), a, n.applier.State()); err != nil {
				return err
			}
		}
	}
	return nil
}

func (n *node) replayEntry(e *raftpb.Entry) error {
	_, fault, err := n.applier.Apply(e)
	for fault != nil && err == nil {
		n.own(fault)
		if err = n.writeSkip(fault); err == nil {
			if err = n.rebuild(fault); err == nil {
				_, fault, err = n.applier.Apply(e)
			}
		}
	}
	return err
}

// own tells a fault of the product from a check that failed while the desk applied.
func (n *node) own(fault *replica.Fault) {
	if broken, ok := fault.Value.(*Failure); ok {
		panic(broken)
	}
}

func (n *node) writeSkip(fault *replica.Fault) error {
	return n.journal.Append(&journal.Batch{Skips: []journal.Skip{{Index: fault.Index, Ordinal: uint32(fault.Step)}}})
}

func (n *node) rebuild(fault *replica.Fault) error {
	n.w.check(fault.Value == panicValue, "the product does not panic", "%v", fault.Value)
	n.tracef("step %d of entry %d panicked: the desk is rebuilt", fault.Step, fault.Index)
	base := n.applier.Base()
	if base == 0 {
		return n.applier.Rebuild(nil, fault)
	}
	r, err := n.journal.OpenSnapshot(base)
	if err != nil {
		return err
	}
	return errors.Join(n.applier.Rebuild(r, fault), r.Close())
}

// desk returns the desk as it is now.
func (n *node) desk() *desk.Desk { return n.applier.Machine().(*machine).Desk }

// turn lets the core see what it was told, and does what it wants done.
func (n *node) turn() {
	for _, tell := range n.coreBox.take() {
		tell()
		if !n.up {
			return
		}
	}
	n.turned = n.mono()
	n.core.Advance(n.mono())
	for ready, ok := n.core.Ready(); ok; ready, ok = n.core.Ready() {
		for _, a := range ready.Appends {
			for _, e := range a.Entries {
				n.w.formed(e)
			}
			n.disks.put(n, diskTask{append: a})
		}
		for _, a := range ready.Applies {
			put(n, &n.applies.tasks, applyTask{apply: a}, n.apply)
		}
		for _, answer := range ready.Answers {
			answer.Proposal.Done(nil, answer.Err)
		}
		for _, read := range ready.Reads {
			n.voice.read(n, read)
		}
		n.post(ready.Messages)
		n.say(ready.Words)
	}
	if err := n.core.Err(); errors.Is(err, replica.ErrAmnesia) {
		n.outcast(err)
		return
	} else if err != nil {
		n.w.check(errors.Is(err, replica.ErrStalled) && n.w.shape.Stall > 0, "the core stops for a reason", "%v", err)
		n.killed(err.Error())
		return
	}
	n.edge.serving(n)
	if leader := n.core.Status().Leader; leader != n.peers.leader {
		n.peers.leader = leader
		n.after(0, func() { n.peers.asked.Leads(n.peers.leader); n.peers.settle(n) })
	}
	at, ok := n.core.Wake()
	if at = n.world(at); ok && (n.coreWake == 0 || at < n.coreWake) {
		n.coreWake = max(at, n.w.now+time.Microsecond)
		n.after(n.coreWake-n.w.now, n.wake)
	}
}

func (n *node) wake() {
	if n.coreWake > 0 && n.w.now >= n.coreWake {
		n.coreWake = 0
		n.turn()
	}
}

// tell hands something to the core.
func (n *node) tell(do func()) { put(n, &n.coreBox, do, n.turn) }

// propose hands commands to whichever node leads, as the node does.
func (n *node) propose(commands []*evenkeel.Command, done func([]evenkeel.Result, error)) {
	var encoded [][]byte
	for _, c := range commands {
		b, err := desk.EncodeCommand(nil, c)
		if err == nil {
			_, err = desk.DecodeCommand(b)
		}
		if err != nil {
			done(nil, evenkeel.Errorf(evenkeel.CodeBadRequest, "%v", err))
			return
		}
		encoded = append(encoded, b)
	}
	answered := false
	once := func(results []evenkeel.Result, err error) {
		n.w.check(!answered, "a command is answered once", "a proposal of %d commands: %v", len(encoded), err)
		answered = true
		if err == nil {
			index := results[len(results)-1].Index
			n.w.check(n.applier.Applied() >= index, "who is answered finds what he did", "%s answers with %d and has applied %d", n.id(), index, n.applier.Applied())
		}
		done(results, err)
	}
	if s := n.core.Status(); s.Leads || s.Leader == 0 || s.Leader == n.number {
		n.proposeHere(encoded, once)
	} else {
		n.peers.propose(n, s.Leader, encoded, once)
	}
}

// proposeHere hands commands to the core, as the replica's shell does.
func (n *node) proposeHere(encoded [][]byte, done func([]evenkeel.Result, error)) {
	n.tell(func() {
		p := &replica.Proposal{Lane: replica.Control, Commands: encoded, Done: done}
		if refusal := n.core.Propose(n.mono(), p); refusal != nil {
			n.w.stats.add("proposals refused: "+string(refusal.Code), 1)
			done(nil, refusal)
		}
	})
}

func indexOf(s *journal.SnapshotMeta) uint64 {
	if s == nil {
		return 0
	}
	return s.Index
}
