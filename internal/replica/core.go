//evenkeel:pure

package replica

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/evenkeel/evenkeel"
)

// Raft's settings. A tick is 10 ms, so an election takes 0.5 s to 1 s of
// silence and a heartbeat goes out every 50 ms.
const (
	TickInterval    = 10 * time.Millisecond
	electionTicks   = 50
	heartbeatTicks  = 5
	ElectionTimeout = electionTicks * TickInterval

	maxMessageBytes     = 1 << 20
	maxInflightBytes    = 16 << 20
	maxInflightMessages = 256
	maxUncommittedBytes = 64 << 20
	maxApplyingBytes    = 2 << 20 // committed entries handed out and not yet applied
)

// CoreConfig is what a Core starts from: what the journal recovered, and the
// machine's state after the snapshot was restored.
type CoreConfig struct {
	ID uint64 // this replica's; not 0

	HardState *raftpb.HardState // nil in a fresh cell
	// ConfState is the one at Snapshot, or the one that the log begins with.
	ConfState *raftpb.ConfState
	Snapshot  *raftpb.SnapshotMetadata // nil: none yet
	// SnapshotSize is the size of that snapshot's stream in bytes.
	SnapshotSize int64
	Entries      []*raftpb.Entry // all behind Snapshot
	// Doubt, if set, is to be asked about (DoubtAsk).
	Doubt *Doubt

	// Time is the machine's desk time at Snapshot.
	Time evenkeel.DeskTime
	// Now is the reading of the monotonic clock that all inputs carry.
	Now time.Duration

	Limits Limits
}

// Limits bound the core's queues and log. Zero fields mean the defaults.
type Limits struct {
	QueuedCommands int   // waiting in one lane; 65,536
	QueuedBytes    int64 // waiting in one lane; 16 MiB
	PushBytes      int64 // pushes waiting or uncommitted; 1 MiB
	UnappliedBytes int64 // own entries appended and not yet applied; 8 MiB
	AppendBytes    int64 // of new entries in one append; 1 MiB

	// A snapshot is due when the entries since the last one exceed SnapshotBytes
	// (32 MiB) and half the size of that snapshot, or SnapshotEntries (200,000)
	// in number.
	SnapshotBytes   int64
	SnapshotEntries int64
	// One is due as well when nothing but ticks was applied for QuietAfter (10 s) and the
	// entries exceed QuietBytes (4 MiB) and half the size of the machine: a cell at
	// rest keeps no log in memory, and starts quickly. So is one when the machine
	// has become much smaller, so that it can be renewed.
	QuietBytes int64
	QuietAfter time.Duration
	// TailBytes of entries at or below the last snapshot stay in memory for
	// replicas that are a little behind, if there are any; 8 MiB.
	TailBytes int64

	// Stall is how long an append may take before the replica gives up, if it has
	// nobody to hand over to; 30 s. With others it is two election timeouts.
	Stall time.Duration
}

func (l Limits) withDefaults() Limits {
	set(&l.QueuedCommands, 1<<16)
	set(&l.QueuedBytes, 16<<20)
	set(&l.PushBytes, 1<<20)
	set(&l.UnappliedBytes, 8<<20)
	set(&l.AppendBytes, 1<<20)
	set(&l.SnapshotBytes, 32<<20)
	set(&l.SnapshotEntries, 200000)
	set(&l.QuietBytes, 4<<20)
	set(&l.QuietAfter, 10*time.Second)
	set(&l.TailBytes, 8<<20)
	set(&l.Stall, 30*time.Second)
	return l
}

func set[T int | int64 | time.Duration](field *T, standard T) {
	if *field == 0 {
		*field = standard
	}
}

// Core decides: Raft, the batching of commands into entries, desk time, and
// what becomes of each proposal. It is a deterministic function of its inputs
// (raft draws election timeouts from crypto/rand.Reader). Inputs carry the
// reading of a monotonic clock, which must not go back. Not for concurrent use.
type Core struct {
	id     uint64
	limits Limits
	node   *raft.RawNode
	log    *memLog
	clock  deskClock
	lanes  lanes

	role  raft.StateType
	term  uint64 // in which this replica leads, if it does
	lead  uint64
	voter bool // the only one

	now      time.Duration
	nextTick time.Duration
	// busy: this replica leads, and a deadline is pending or something on its way,
	// as the last Ready left it. Then time is not to pass unseen.
	busy bool

	// proposed are entries given to raft which have not come back as part of an
	// append; pending are those that have, in the order of their index.
	proposed []*batch
	pending  []*batch
	// unapplied are all batches of this leadership not yet reported by Applied.
	unapplied []*batch
	heldBytes int64 // sum of unapplied

	appending []*Append // handed out, not yet persisted, in order
	applying  []*Apply  // handed out, not yet applied, in order
	hard      *raftpb.HardState

	applied  progress
	snapshot snapshotState
	conf     confTracker
	funerals funerals
	doubt    doubting
	refused  refusal

	full    bool          // the journal refuses entries
	handing bool          // leadership is being handed over because of a slow disk
	barred  bool          // this replica is not to lead: its machine is not to be trusted
	ceding  time.Duration // when it may hand over next
	retry   time.Duration // no entry was taken: not before this time again
	failing error         // the replica must stop

	out Ready
}

// progress is what is known of the machine.
type progress struct {
	index, term uint64
	stamp       evenkeel.DeskTime
	state       Applied
}

// NewCore makes a core. A replica that is the only voter campaigns at once; the
// others wait for a leader or for the election timeout.
func NewCore(cfg CoreConfig) (*Core, error) {
	if cfg.ID == raft.None || cfg.ConfState == nil {
		return nil, errors.New("replica: a core needs an id and a configuration")
	}
	cfg.HardState = allCommitted(cfg)
	c := &Core{
		id:       cfg.ID,
		term:     cfg.HardState.GetTerm(),
		limits:   cfg.Limits.withDefaults(),
		log:      newMemLog(cfg),
		now:      cfg.Now,
		nextTick: cfg.Now + TickInterval,
	}
	c.lanes.limits = c.limits
	c.conf.state = cfg.ConfState
	c.snapshot.size = cfg.SnapshotSize
	c.applied.index, c.applied.term = c.log.prevIndex, c.log.prevTerm
	c.snapshot.lastIndex, c.snapshot.lastTerm = c.log.prevIndex, c.log.prevTerm
	c.applied.stamp = cfg.Time
	if err := c.clock.start(cfg); err != nil {
		return nil, err
	}
	node, err := raft.NewRawNode(&raft.Config{
		ID:                        c.id,
		ElectionTick:              electionTicks,
		HeartbeatTick:             heartbeatTicks,
		Storage:                   c.log,
		Applied:                   c.log.prevIndex,
		AsyncStorageWrites:        true,
		MaxSizePerMsg:             maxMessageBytes,
		MaxCommittedSizePerReady:  maxApplyingBytes,
		MaxUncommittedEntriesSize: maxUncommittedBytes,
		MaxInflightMsgs:           maxInflightMessages,
		MaxInflightBytes:          maxInflightBytes,
		CheckQuorum:               true,
		PreVote:                   true,
		ReadOnlyOption:            raft.ReadOnlySafe,
		Logger:                    quiet{},
		DisableProposalForwarding: true,
		StepDownOnRemoval:         true,
	})
	if err != nil {
		return nil, fmt.Errorf("replica: start raft: %w", err)
	}
	c.node = node
	c.measure()
	c.startDoubt(cfg.Doubt)
	return c, nil
}

// Advance tells the core what time it is: Raft ticks at most once, however late
// the caller is, and a due deadline of the desk becomes an entry.
func (c *Core) Advance(now time.Duration) {
	c.reach(now)
	if c.alone() && c.role == raft.StateFollower && c.failing == nil {
		_ = c.campaign() // refused while a change of configuration is unapplied: once more then
	}
	switch {
	case c.quiet(), c.alone() && c.doubt.batch != nil: // its own vote would be enough
		c.nextTick = c.now + TickInterval
	case c.now >= c.nextTick:
		c.nextTick = c.now + TickInterval
		c.node.Tick()
	}
	c.contend()
	c.inquire()
	c.cede()
	c.watchDisk()
	c.orderQuiet()
}

// Step takes a message from another replica. A snapshot's message is stepped
// when the snapshot itself is here, complete and verified.
func (c *Core) Step(now time.Duration, m *raftpb.Message) error {
	c.reach(now)
	switch m.GetType() {
	case raftpb.MsgApp, raftpb.MsgHeartbeat, raftpb.MsgSnap:
		if m.GetTerm() >= c.term {
			c.clock.heardLeader(c.now)
		}
	default:
	}
	switch {
	case c.forgot(m):
		c.failing = fmt.Errorf("replica: %w: the leader knows of entry %d, the log ends at %d", ErrAmnesia, m.GetCommit(), c.log.last())
		return nil
	case c.suspends(m), c.refusedJustNow(m):
		return nil
	}
	if err := c.node.Step(m); err != nil && !errors.Is(err, raft.ErrStepPeerNotFound) && !errors.Is(err, raft.ErrProposalDropped) {
		return fmt.Errorf("replica: step %s: %w", m.GetType(), err)
	}
	return nil
}

// Propose queues a proposal. A refusal is returned and nothing of it is kept;
// else the proposal comes back exactly once, in an Answer or with the entry
// that holds it.
func (c *Core) Propose(now time.Duration, p *Proposal) *evenkeel.Error {
	c.reach(now)
	switch {
	case c.failing != nil || c.role != raft.StateLeader:
		return noLeader()
	case c.full:
		return diskFull()
	}
	return c.lanes.put(p)
}

// ReadIndex asks for the index from which a read is fresh; the answer comes in
// Ready.Reads with the same context, or never, if there is no leader.
func (c *Core) ReadIndex(context []byte) { c.node.ReadIndex(context) }

// TransferLeader hands leadership to another voter. Proposals wait meanwhile.
func (c *Core) TransferLeader(to uint64) { c.node.TransferLeader(to) }

// Campaign stands for election at once.
func (c *Core) Campaign() error { return c.campaign() }

// ProposeConfChange proposes a change of the members.
func (c *Core) ProposeConfChange(change raftpb.ConfChangeI) error {
	if err := c.node.ProposeConfChange(change); err != nil {
		return fmt.Errorf("replica: propose a change of members: %w", err)
	}
	return nil
}

// ReportUnreachable says that a message to a replica was dropped.
func (c *Core) ReportUnreachable(id uint64) { c.node.ReportUnreachable(id) }

// ReportSnapshot says what became of a snapshot sent to a replica.
func (c *Core) ReportSnapshot(id uint64, ok bool) {
	status := raft.SnapshotFailure
	if ok {
		status = raft.SnapshotFinish
	}
	c.node.ReportSnapshot(id, status)
}

// JournalFull says whether the journal refuses entries for lack of room. What
// waits before the log is refused; what is in the log waits for room, for nobody
// can say any more that it will not take effect.
func (c *Core) JournalFull(full bool) {
	if c.full && !full {
		for _, a := range c.appending {
			a.since = c.now // it waited for room, not for a slow disk
		}
	}
	c.full = full
	if full {
		for _, p := range c.lanes.clear() {
			c.out.Answers = append(c.out.Answers, Answer{Proposal: p, Err: diskFull()})
		}
	}
}

// Dismiss returns all proposals that the core holds, when the replica stops.
func (c *Core) Dismiss() []*Proposal {
	c.lose(noLeader())
	var all []*Proposal
	for _, answer := range c.out.Answers {
		all = append(all, answer.Proposal)
	}
	c.out.Answers = nil
	return all
}

// alone tells whether this replica is the only voter.
func (c *Core) alone() bool { return c.voter }

// quiet tells whether no tick means anything: there is nobody to hear from, nor
// to be heard.
func (c *Core) quiet() bool { return c.voter && len(c.conf.state.GetLearners()) == 0 }

// allCommitted returns the hard state to start from. The journal need not know
// how far the log was committed. The only voter does: what is durable here is
// committed.
func allCommitted(cfg CoreConfig) *raftpb.HardState {
	hard := cfg.HardState
	if len(cfg.Entries) == 0 || !alwaysAlone(cfg.ConfState, cfg.Entries, cfg.ID) {
		return hard
	}
	last := cfg.Entries[len(cfg.Entries)-1].GetIndex()
	return &raftpb.HardState{Term: hard.Term, Vote: hard.Vote, Commit: &last}
}

// alwaysAlone tells whether a replica was the only voter from a configuration on
// for as long as its log says: the members do not change on the way.
func alwaysAlone(conf *raftpb.ConfState, entries []*raftpb.Entry, id uint64) bool {
	return soleVoter(conf, id) && !slices.ContainsFunc(entries, isConfChange)
}

func soleVoter(conf *raftpb.ConfState, id uint64) bool {
	return len(conf.GetVoters()) == 1 && conf.GetVoters()[0] == id && len(conf.GetVotersOutgoing()) == 0
}

// measure recomputes what follows from the configuration.
func (c *Core) measure() {
	c.voter = soleVoter(c.conf.state, c.id)
	c.log.members = c.conf.state
}

func diskFull() *evenkeel.Error {
	return &evenkeel.Error{Code: evenkeel.CodeDiskFull, Detail: "the cell's disk has only its reserve left", RetryAfter: 5 * evenkeel.Second}
}

func noLeader() *evenkeel.Error {
	return evenkeel.Errorf(evenkeel.CodeNoLeader, "this node does not lead the cell at the moment")
}
