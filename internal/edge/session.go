//evenkeel:shell

package edge

import (
	"context"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel"
)

// maxMail bounds the commands that wait for the courier to look at them.
const maxMail = 16384

// mailbox is what the courier has yet to hear. Submitted commands are bounded;
// everything else is bounded by what they and the connections cause.
type mailbox struct {
	mu       sync.Mutex
	closed   bool
	inputs   []Input
	commands int // of the inputs
	lastTag  uint64
	replies  map[uint64]func(*evenkeel.Result, *evenkeel.Error)
	wake     chan struct{} // holds one token when inputs wait
}

func (m *mailbox) init() {
	m.wake = make(chan struct{}, 1)
	m.replies = map[uint64]func(*evenkeel.Result, *evenkeel.Error){}
}

// post hands an input to the courier.
func (m *mailbox) post(in Input) {
	m.mu.Lock()
	if !m.closed {
		m.inputs = append(m.inputs, in)
	}
	m.mu.Unlock()
	m.ring()
}

func (m *mailbox) ring() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// submit hands a command to the courier. reply is called exactly once, on the
// courier's goroutine or, if it is refused at once, on this one.
func (m *mailbox) submit(client ClientID, c *evenkeel.Command, size int, reply func(*evenkeel.Result, *evenkeel.Error)) {
	m.mu.Lock()
	switch {
	case m.closed:
		m.mu.Unlock()
		reply(nil, stopping())
		return
	case m.commands >= maxMail:
		m.mu.Unlock()
		reply(nil, tooManyRequests(time.Second, "the server has too many requests to do"))
		return
	}
	m.lastTag++
	m.replies[m.lastTag] = reply
	m.commands++
	m.inputs = append(m.inputs, Submitted{Client: client, Tag: m.lastTag, Command: c, Size: size})
	m.mu.Unlock()
	m.ring()
}

// take empties the mailbox.
func (m *mailbox) take() []Input {
	m.mu.Lock()
	defer m.mu.Unlock()
	in := m.inputs
	m.inputs, m.commands = nil, 0
	return in
}

// claim returns the reply of a tag, once.
func (m *mailbox) claim(tag uint64) func(*evenkeel.Result, *evenkeel.Error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	reply := m.replies[tag]
	delete(m.replies, tag)
	return reply
}

// close refuses all that comes later and returns the replies that are owed.
func (m *mailbox) close() []func(*evenkeel.Result, *evenkeel.Error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.inputs = nil
	var owed []func(*evenkeel.Result, *evenkeel.Error)
	for _, reply := range m.replies {
		owed = append(owed, reply)
	}
	clear(m.replies)
	return owed
}

func stopping() *evenkeel.Error {
	return &evenkeel.Error{
		Code: evenkeel.CodeNoLeader, RetryAfter: evenkeel.Second,
		Detail: "this node is stopping; ask another one, with the same id, for this may have been done",
	}
}

// carry owns the courier: it is the only goroutine that steps it.
func (e *Edge) carry() {
	defer close(e.ended)
	courier := NewCourier()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		for _, out := range courier.Step(e.since(), e.mail.take()...) {
			e.perform(out)
		}
		if at, ok := courier.Wake(); ok {
			timer.Reset(max(0, at-e.since()))
		} else {
			timer.Reset(time.Hour)
		}
		select {
		case <-e.mail.wake:
		case <-timer.C:
		case <-e.stop:
			for _, reply := range e.mail.close() {
				reply(nil, stopping())
			}
			return
		}
	}
}

func (e *Edge) perform(out Output) {
	switch out := out.(type) {
	case Proposal:
		e.cfg.Cell.Propose(out.Commands, func(results []evenkeel.Result, err error) {
			e.mail.post(ProposalDone{Batch: out.Batch, Results: results, Err: err})
		})
	case Answer:
		if reply := e.mail.claim(out.Tag); reply != nil {
			reply(out.Result, out.Err)
		}
	case Closure:
		e.mu.Lock()
		conn := e.clients[out.Client]
		e.mu.Unlock()
		if conn != nil {
			conn.disconnect(out.Code, out.Reason)
		}
	}
}

// do proposes one command without a session and waits for what comes of it.
func (e *Edge) do(ctx context.Context, c *evenkeel.Command, size int) (evenkeel.Result, *evenkeel.Error) {
	type outcome struct {
		result *evenkeel.Result
		err    *evenkeel.Error
	}
	came := make(chan outcome, 1)
	e.submit(0, c, size, func(r *evenkeel.Result, err *evenkeel.Error) { came <- outcome{r, err} })
	select {
	case o := <-came:
		if o.err != nil {
			return evenkeel.Result{}, o.err
		}
		return *o.result, nil
	case <-ctx.Done():
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeNoLeader, "the caller did not wait for the answer")
	}
}

// connection is a realtime client as the edge knows it.
type connection struct {
	who        Identity
	channel    string // of a customer: his own
	disconnect func(code uint32, reason string)
}

// maxVisitorClients bounds the connections of one visitor to this node. The desk
// counts sessions, which a visitor without a chat has none of.
const maxVisitorClients = 20

// Connected tells of a client that was authenticated. disconnect is called if
// the client has to go: because of its session or its workspace, on the
// courier's goroutine or that of Events, or before Connected returns. It must not
// block.
func (e *Edge) Connected(id ClientID, who Identity, disconnect func(code uint32, reason string)) {
	need := SessionNever
	switch who.Principal.Kind {
	case evenkeel.PrincipalAgent:
		need = SessionAtOnce
	case evenkeel.PrincipalVisitor:
		need = SessionOnDemand
	default:
	}
	conn := &connection{who: who, disconnect: disconnect}
	if need == SessionOnDemand {
		conn.channel = evenkeel.Channel(who.Principal.Workspace, evenkeel.ChannelVisitor, who.Principal.ID)
	}
	if !e.remember(id, conn, e.tenantLimits(who.Principal.Workspace).Connections) {
		disconnect(closeTooMany, string(evenkeel.CodeLimitReached))
		return
	}
	// It may have been suspended since this client was authenticated; from here on
	// an event tells of it.
	if who.Role != evenkeel.RoleOperator && e.suspended(who.Principal.Workspace) {
		disconnect(closeSuspended, suspendedReason)
		return
	}
	e.mail.post(ClientConnected{Client: id, Principal: who.Principal, Login: who.Login, Need: need})
	// From here on an event tells of a new chat, so looking now misses none.
	if need == SessionOnDemand {
		live := e.liveChats(who.Principal)
		e.greet(conn.channel, live)
		if len(live) > 0 {
			e.mail.post(PresenceNeeded{Client: id})
		}
	}
}

// remember takes note of a client, unless it is one too many of a visitor or of
// a workspace that may have so many on a node; 0: any number.
func (e *Edge) remember(id ClientID, conn *connection, most int64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.roomForClient(conn.who.Principal.Workspace, most) {
		return false
	}
	if conn.channel != "" {
		others := e.visitors[conn.channel]
		if len(others) >= maxVisitorClients {
			return false
		}
		if others == nil {
			others = map[ClientID]bool{}
			e.visitors[conn.channel] = others
		}
		others[id] = true
	}
	e.clients[id] = conn
	e.guests[conn.who.Principal.Workspace]++
	return true
}

// Disconnected tells that a client's connection ended, whoever ended it.
func (e *Edge) Disconnected(id ClientID) {
	last := ""
	e.mu.Lock()
	conn := e.clients[id]
	delete(e.clients, id)
	if conn != nil {
		ws := conn.who.Principal.Workspace
		if e.guests[ws]--; e.guests[ws] == 0 {
			delete(e.guests, ws)
		}
	}
	if conn != nil && conn.channel != "" {
		delete(e.visitors[conn.channel], id)
		if len(e.visitors[conn.channel]) == 0 {
			delete(e.visitors, conn.channel)
			last = conn.channel
		}
	}
	e.mu.Unlock()
	if last != "" {
		e.live.mu.Lock()
		e.live.places.gone(last)
		e.live.mu.Unlock()
	}
	if conn != nil {
		e.mail.post(ClientGone{Client: id})
	}
}

func (e *Edge) liveChats(visitor evenkeel.Principal) (live []*evenkeel.Chat) {
	e.cfg.Cell.View(func(r Reader) {
		desk, err := r.VisitorDesk(visitor)
		if err != nil {
			return // unknown to the desk: no chat
		}
		for _, c := range desk.Chats {
			if !c.State.Over() {
				live = append(live, c)
			}
		}
	})
	return live
}

// Events takes what the local replica applied, in the order of the log. It
// does not block.
func (e *Edge) Events(events []evenkeel.Event) {
	for i := range events {
		switch ev := &events[i]; {
		case ev.Kind == evenkeel.EventLoggedOut && ev.Token != "":
			e.mu.Lock()
			delete(e.seen, ev.Token)
			e.mu.Unlock()
		case ev.Kind == evenkeel.EventSessionEnded:
			e.mail.post(SessionEnded{Session: ev.Session})
		case ev.Kind == evenkeel.EventSuspended:
			e.sendAway(ev.Principal.Workspace)
		case ev.Kind == evenkeel.EventPublication && ev.Pub.Type == evenkeel.PubState:
			e.follow(ev.Channel, ev.Pub.Chat)
			if !ev.Pub.Chat.State.Over() {
				e.needPresence(ev.Channel)
			}
		}
	}
}

// suspendedReason tells a client why it was sent away.
const suspendedReason = "the workspace is suspended"

func (e *Edge) suspended(workspace string) (yes bool) {
	e.cfg.Cell.View(func(r Reader) {
		ws, _ := r.Workspace(workspace)
		yes = ws.Suspended
	})
	return yes
}

// sendAway disconnects a workspace's clients. Operators stay: somebody has to be
// able to take it back.
func (e *Edge) sendAway(workspace string) {
	var away []*connection
	e.mu.Lock()
	for _, conn := range e.clients {
		if conn.who.Principal.Workspace == workspace && conn.who.Role != evenkeel.RoleOperator {
			away = append(away, conn)
		}
	}
	e.mu.Unlock()
	for _, conn := range away {
		conn.disconnect(closeSuspended, suspendedReason) // without the lock: it may have one of its own
	}
}

// needPresence has the sessions of a customer opened who got a live chat by
// other means than a command of his own connection.
func (e *Edge) needPresence(channel string) {
	e.mu.Lock()
	var ids []ClientID
	for id := range e.visitors[channel] {
		ids = append(ids, id)
	}
	e.mu.Unlock()
	for _, id := range ids {
		e.mail.post(PresenceNeeded{Client: id})
		if e.cfg.Present != nil {
			e.cfg.Present(id) // without the lock: it may have one of its own
		}
	}
}

// Incarnation says which incarnation the desk issued to this process: the
// Result.Incarnation of its NodeUp. Sessions are opened from then on.
func (e *Edge) Incarnation(n uint64) { e.mail.post(IncarnationIssued{Incarnation: n}) }
