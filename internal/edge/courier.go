//evenkeel:pure

package edge

import (
	"slices"
	"time"

	"github.com/evenkeel/evenkeel"
)

// The courier's bounds. They are the edge's own affair: nothing that the desk
// decides depends on them.
const (
	giveUpAfter   = 4 * time.Second       // then the caller is told no_leader
	resendPause   = 50 * time.Millisecond // after a lost proposal
	crowdedPause  = 5 * time.Millisecond  // after one that found the lane full
	maxUnanswered = 64                    // commands of one client
	maxLoose      = 4096                  // commands without a client
	maxPiece      = 32                    // commands of one client in a batch
	maxBatch      = 256                   // commands in a batch
	maxBatchBytes = 64 << 10              // ends a batch, about
	maxBatches    = 64                    // in flight
)

// Codes of a connection that the courier closes: below 3500 clients connect
// again, from there on they do not.
const (
	closeLost      uint32 = 3000 // the session is void: connect again
	closeForbidden uint32 = 3503 // the principal may not be here any more
	closeSuspended uint32 = 3503 // the workspace is suspended
	closeTooMany   uint32 = 3504 // the principal has too many sessions
)

// ClientID names a connection on this node: chosen by the realtime server,
// never 0, never used twice. 0 stands for callers that have none (HTTP).
type ClientID uint64

// SessionNeed says when a client's session is opened in the desk.
type SessionNeed uint8

// The choices.
const (
	SessionNever    SessionNeed = iota // services: nobody's presence hangs on it
	SessionOnDemand                    // customers: with their first command
	SessionAtOnce                      // agents, and customers with a live chat
)

// Input is one thing that happened: one of the types below.
type Input interface{ input() }

// ClientConnected tells of a new client.
type ClientConnected struct {
	Client    ClientID
	Principal evenkeel.Principal
	Login     string // hash of the token it came with, empty for visitors
	Need      SessionNeed
}

// ClientGone says that a connection ended. Its commands still go, then its
// session is closed; what was not answered is answered no_leader, in case that
// somebody keeps count.
type ClientGone struct{ Client ClientID }

// PresenceNeeded says that a customer who is connected got a live chat by other
// means than a command of this client.
type PresenceNeeded struct{ Client ClientID }

// Submitted hands over a command. The courier owns it from then on and sets its
// Session and Seq.
type Submitted struct {
	Client  ClientID // 0: on its own, without a session
	Tag     uint64   // names the answer
	Command *evenkeel.Command
	Size    int // bytes, about
}

// ProposalDone reports what became of a batch, as Cell.Propose says it.
type ProposalDone struct {
	Batch   uint64
	Results []evenkeel.Result
	Err     error
}

// IncarnationIssued says which incarnation this process is.
type IncarnationIssued struct{ Incarnation uint64 }

// SessionEnded says that the desk ended a session.
type SessionEnded struct{ Session evenkeel.SessionID }

func (ClientConnected) input()   {}
func (ClientGone) input()        {}
func (PresenceNeeded) input()    {}
func (Submitted) input()         {}
func (ProposalDone) input()      {}
func (IncarnationIssued) input() {}
func (SessionEnded) input()      {}

// Output is one thing to do: one of the types below, in their order.
type Output interface{ output() }

// Proposal is a batch for Cell.Propose.
type Proposal struct {
	Batch    uint64
	Commands []*evenkeel.Command
}

// Answer is the answer of one command. Result is nil if Err is not.
type Answer struct {
	Client ClientID
	Tag    uint64
	Result *evenkeel.Result
	Err    *evenkeel.Error
}

// Closure asks for the end of a connection. ClientGone follows when it has.
type Closure struct {
	Client ClientID
	Code   uint32
	Reason string
}

func (Proposal) output() {}
func (Answer) output()   {}
func (Closure) output()  {}

// Courier carries commands from callers to the leader and answers back. It is
// a pure state machine: Step takes what happened and returns what is to be
// done.
//
// For each session it has at most one batch in flight, so what it sends again
// after a loss meets the desk in order and without gaps: the numbers of a batch
// are given once, and kept until the fate of each is known. A command whose fate
// is open when its caller is told no_leader stays in the queue for that reason.
//
// The simulator drives it like the shell does:
//
//	out := courier.Step(now, inputs...)       // as things happen
//	Proposal -> propose to the replica; later Step(now, ProposalDone{...})
//	Answer   -> to the client
//	Closure  -> cut the client; then Step(now, ClientGone{...})
//	at, ok := courier.Wake()                  // call Step without inputs then
type Courier struct {
	now         time.Duration
	incarnation uint64 // 0: not yet known, so no session can be opened
	lastSession uint64
	lastBatch   uint64

	clients  map[ClientID]*client
	sessions map[evenkeel.SessionID]*client // opened or being opened
	ready    []*client                      // have something to send, first come first
	loose    int                            // commands without a client

	batches map[uint64]*batch
	// failing is set from a lost proposal to the next that arrives: one batch
	// at a time is sent then, and none before the pause is over.
	failing bool
	pause   time.Duration

	// deadlines are in order, for every parcel has the same time.
	deadlines []deadline
	out       []Output
}

type deadline struct {
	at     time.Duration
	owner  *client
	parcel *parcel
}

// phase is what the desk knows of a client.
type phase uint8

const (
	phaseNone    phase = iota // nothing
	phaseOpening              // SessionOpen was sent; its fate is open
	phaseOpen
	phaseVoid // the session is over, the client will be
)

type client struct {
	id        ClientID
	principal evenkeel.Principal
	login     string
	need      SessionNeed
	phase     phase
	session   evenkeel.SessionID
	seq       uint64    // last number given
	queue     []*parcel // not yet settled, in order
	gone      bool
	awaiting  bool // has a piece in a batch in flight
	ready     bool // is in Courier.ready
}

// parcel is one command on its way.
type parcel struct {
	command  *evenkeel.Command // nil: settled
	tag      uint64
	size     int
	sent     bool // was in a batch: has its number
	open     bool // was in a batch whose fate is open
	answered bool
	expired  bool // answered because it took too long
}

// NewCourier returns a courier without clients.
func NewCourier() *Courier {
	return &Courier{
		clients:  map[ClientID]*client{},
		sessions: map[evenkeel.SessionID]*client{},
		batches:  map[uint64]*batch{},
	}
}

// Step takes what happened up to now, a monotonic time from any origin, and
// returns what is to be done.
func (c *Courier) Step(now time.Duration, inputs ...Input) []Output {
	c.now = now
	for _, in := range inputs {
		c.take(in)
	}
	c.expire()
	c.send()
	out := c.out
	c.out = nil
	return out
}

// Wake returns when Step has something to do although nothing happened.
func (c *Courier) Wake() (time.Duration, bool) {
	for len(c.deadlines) > 0 && c.deadlines[0].parcel.command == nil {
		c.deadlines = c.deadlines[1:]
	}
	at, ok := time.Duration(0), false
	if len(c.deadlines) > 0 {
		at, ok = c.deadlines[0].at, true
	}
	if c.failing && len(c.batches) == 0 && len(c.ready) > 0 && (!ok || c.pause < at) {
		at, ok = c.pause, true
	}
	return at, ok
}

func (c *Courier) take(in Input) {
	switch in := in.(type) {
	case ClientConnected:
		cl := &client{id: in.Client, principal: in.Principal, login: in.Login, need: in.Need}
		c.clients[in.Client] = cl
		c.rouse(cl)
	case ClientGone:
		c.leave(in.Client)
	case PresenceNeeded:
		if cl := c.clients[in.Client]; cl != nil && cl.need == SessionOnDemand {
			cl.need = SessionAtOnce
			c.rouse(cl)
		}
	case Submitted:
		c.submit(in)
	case ProposalDone:
		c.done(in)
	case IncarnationIssued:
		c.reincarnate(in.Incarnation)
	case SessionEnded:
		if cl := c.sessions[in.Session]; cl != nil {
			c.void(cl, closeLost, "session lost")
		}
	}
}

func (c *Courier) submit(in Submitted) {
	cl := c.clients[in.Client]
	refuse := func(err *evenkeel.Error) {
		c.out = append(c.out, Answer{Client: in.Client, Tag: in.Tag, Err: err})
	}
	switch {
	case in.Client == 0 && c.loose >= maxLoose, cl != nil && len(cl.queue) >= maxUnanswered:
		refuse(&evenkeel.Error{
			Code: evenkeel.CodeTooManyRequests, RetryAfter: evenkeel.Second,
			Detail: "too many requests are waiting for an answer",
		})
		return
	case in.Client == 0:
		c.loose++
		cl = &client{need: SessionNever}
	case cl == nil || cl.gone || cl.phase == phaseVoid:
		refuse(sessionLost())
		return
	}
	p := &parcel{command: in.Command, tag: in.Tag, size: in.Size}
	cl.queue = append(cl.queue, p)
	c.deadlines = append(c.deadlines, deadline{c.now + giveUpAfter, cl, p})
	c.rouse(cl)
}

func (c *Courier) leave(id ClientID) {
	cl := c.clients[id]
	if cl == nil {
		return
	}
	delete(c.clients, id)
	cl.gone = true
	for _, p := range cl.queue {
		c.answer(cl, p, nil, sessionLost())
	}
	c.rouse(cl)
	c.forget(cl)
}

// reincarnate starts over with a new incarnation: the desk has ended every
// session of the one before.
func (c *Courier) reincarnate(n uint64) {
	if n == c.incarnation {
		return
	}
	c.incarnation = n
	for _, cl := range c.inOrder() {
		if cl.phase == phaseOpening || cl.phase == phaseOpen {
			c.void(cl, closeLost, "session lost")
		}
		c.rouse(cl)
	}
}

// inOrder returns all clients that are connected or still have a session, by
// their numbers.
func (c *Courier) inOrder() []*client {
	var all []*client
	for _, cl := range c.clients { //order: sorted below
		all = append(all, cl)
	}
	for _, cl := range c.sessions { //order: sorted below
		if cl.gone {
			all = append(all, cl)
		}
	}
	slices.SortFunc(all, func(a, b *client) int {
		if a.id < b.id {
			return -1
		}
		return 1
	})
	return all
}

// void ends what a client has: its session is over and what it asked for may
// have been done or not.
func (c *Courier) void(cl *client, code uint32, reason string) {
	delete(c.sessions, cl.session)
	cl.phase = phaseVoid
	c.dismiss(cl, sessionLost())
	if !cl.gone {
		c.out = append(c.out, Closure{cl.id, code, reason})
	}
}

// part sends a client away whose session the desk still has: it is closed, or
// the client would count as present for ever.
func (c *Courier) part(cl *client) {
	c.dismiss(cl, sessionLost())
	if !cl.gone {
		cl.gone = true
		delete(c.clients, cl.id)
		c.out = append(c.out, Closure{cl.id, closeLost, "session lost"})
	}
}

// dismiss answers all that a client asked for.
func (c *Courier) dismiss(cl *client, err *evenkeel.Error) {
	for _, p := range cl.queue {
		c.answer(cl, p, nil, err)
		p.command = nil
	}
	cl.queue = nil
}

// expire tells callers who waited too long. What was never sent, or has no
// number, is dropped; the rest stays until its fate is known, for numbers have
// no holes.
func (c *Courier) expire() {
	for len(c.deadlines) > 0 && (c.deadlines[0].at <= c.now || c.deadlines[0].parcel.command == nil) {
		d := c.deadlines[0]
		c.deadlines = c.deadlines[1:]
		if d.parcel.command == nil {
			continue // settled long ago
		}
		c.answer(d.owner, d.parcel, nil, &evenkeel.Error{
			Code: evenkeel.CodeNoLeader, RetryAfter: evenkeel.Second,
			Detail: "the cell has no leader; ask again with the same id, for this may have been done",
		})
		d.parcel.expired = true
		if !d.owner.awaiting {
			c.settled(d.owner)
		}
	}
}

// dropExpired takes what nobody waits for out of a queue, as far as no number
// would be missing.
func (cl *client) dropExpired() {
	cl.queue = slices.DeleteFunc(cl.queue, func(p *parcel) bool {
		drop := p.expired && (!p.sent || cl.need == SessionNever)
		if drop {
			p.command = nil
		}
		return drop
	})
}

// answer tells the caller, once.
func (c *Courier) answer(cl *client, p *parcel, r *evenkeel.Result, err *evenkeel.Error) {
	if !p.answered {
		p.answered = true
		c.out = append(c.out, Answer{Client: cl.id, Tag: p.tag, Result: r, Err: err})
	}
}

func sessionLost() *evenkeel.Error {
	return &evenkeel.Error{
		Code: evenkeel.CodeNoLeader, RetryAfter: evenkeel.Second,
		Detail: "the session is lost; connect and ask again with the same id, for this may have been done",
	}
}
