//evenkeel:pure

package realtime

import (
	"slices"
	"strconv"
	"time"
)

// state is where a session is in its life. It only goes forward.
type state uint8

const (
	stateNew            state = iota // no connect command yet
	stateAuthenticating              // the backend is asked who this is
	stateJoining                     // the server's subscriptions are being read
	stateOpen                        // the connect reply is sent
	stateClosed
)

// Session is one client's connection: who it is, what it listens to and how
// far it has been told. It is driven by its owner, one Step at a time.
type Session struct {
	id       ClientID
	enc      Encoding
	set      *Settings
	state    state
	present  bool
	client   Client
	out      outbox
	effects  []Effect
	lastRead uint64 // tag of the newest Read
	calls    int    // RPC calls in flight

	// subs is in the order of subscribing: nothing depends on a map's order.
	subs    []*subscription
	lookups []*lookup

	connect *connecting // between the connect command and its reply
	refresh uint32      // the refresh command in flight; 0: none
	// published is the time at which all that was published is paid for.
	published time.Duration
	// emulation is set where the transport goes one way only.
	emulation *emulation

	// Times of what is next; 0: it is not awaited.
	connectBy time.Duration
	pingAt    time.Duration
	pongBy    time.Duration // since the oldest ping without an answer
	expireAt  time.Duration
}

// connecting is what a session knows only while it connects.
type connecting struct {
	id    uint32 // of the command
	from  []RecoverFrom
	bytes int        // of recovered publications in the reply so far
	held  []*Command // commands that came behind it
}

// NewSession begins a session at a time of its owner's clock, which must be
// above 0 and steady. The client is expected to send a connect command.
func NewSession(id ClientID, enc Encoding, set *Settings, now time.Duration) *Session {
	return &Session{id: id, enc: enc, set: set, connectBy: now + set.Connect}
}

// Step takes one thing that happened and returns what is to be done about it,
// in order. The slice is valid until the next Step: whoever steps while running
// effects runs a copy. A closed session ignores
// everything.
func (s *Session) Step(in Input, now time.Duration) []Effect {
	clear(s.effects)
	s.effects = s.effects[:0]
	if s.state == stateClosed {
		return nil
	}
	switch in := in.(type) {
	case *Delivery:
		s.deliver(in, now)
	case *Command:
		s.command(in, now)
	case Authenticated:
		s.authenticated(in, now)
	case *ReadDone:
		s.readDone(in, now)
	case *Admitted:
		s.admitted(in, now)
	case *Published:
		s.publishDone(in)
	case *Counted:
		s.counted(in)
	case *CallDone:
		s.callDone(in)
	case Revoked:
		if in.Principal == s.client.Principal {
			s.doubt(in.Channel, now)
		}
	case Dropped:
		s.dropped(in.Channel, now)
	case LoggedOut:
		if in.Principal == s.client.Principal && (in.Token == "" || in.Token == s.client.Login && !s.expiring(now)) {
			s.close(Close{Code: CloseInvalidToken, Reason: "logged out"})
		}
	case Presence:
		s.presence(in.Present, now)
	case Disconnect:
		if len(in.Move) > 0 && s.state == stateOpen {
			s.out.push(s.enc.AppendPush(nil, &Push{Message: in.Move}), false)
		}
		s.close(Close{Code: in.Code, Reason: in.Reason})
	case Gone:
		s.close(Close{})
	case Wake:
		s.wake(now)
	}
	return s.effects
}

// Take appends a message of waiting frames to dst, of about limit bytes, and
// returns it. It is to be called again when the message has been passed on,
// until there is nothing to take: until then the client counts as busy and is
// not pinged.
func (s *Session) Take(dst []byte, limit int) []byte { return s.out.take(dst, limit, s.enc) }

// Pending returns the bytes that wait to be taken.
func (s *Session) Pending() int { return s.out.bytes }

// Closed tells whether the session is over.
func (s *Session) Closed() bool { return s.state == stateClosed }

// Client returns who is connected; the zero Client before that is known.
func (s *Session) Client() Client { return s.client }

// Next returns the time of the session's own clock at which it wants to be
// woken.
func (s *Session) Next() (at time.Duration, ok bool) {
	earliest := func(t time.Duration) {
		if t > 0 && (!ok || t < at) {
			at, ok = t, true
		}
	}
	if s.state == stateClosed {
		return 0, false
	}
	earliest(s.connectBy)
	earliest(s.pingAt)
	earliest(s.pongBy)
	earliest(s.expireAt)
	for _, sub := range s.subs {
		if sub.reading != nil {
			earliest(sub.reading.retryAt)
		}
		earliest(sub.expireAt)
	}
	return at, ok
}

func (s *Session) wake(now time.Duration) {
	due := func(t time.Duration) bool { return t > 0 && now >= t }
	switch {
	case due(s.connectBy):
		s.close(Close{Code: CloseStale, Reason: "no connect command in time"})
		return
	case due(s.pongBy) && !s.out.idle():
		s.pongBy = now + s.set.PongTimeout
	case due(s.pongBy):
		s.close(Close{Code: CloseNoPong, Reason: "no pong"})
		return
	case due(s.expireAt):
		s.close(Close{Code: CloseExpired, Reason: "token expired"})
		return
	case due(s.pingAt):
		s.ping(now)
	}
	s.expired(now)
	for _, sub := range s.subs {
		if sub.reading != nil && due(sub.reading.retryAt) {
			s.read(sub)
		}
	}
}

// busyPing is the time after which a client that was still being written to is
// looked at again. That it takes what is written proves more than a pong, which
// may have to wait until its owner reads again.
const busyPing = time.Second

func (s *Session) ping(now time.Duration) {
	if !s.out.idle() {
		s.pingAt = now + busyPing
		return
	}
	s.pingAt = now + s.interval()
	if s.pongBy == 0 {
		s.pongBy = now + s.set.PongTimeout
	}
	s.out.push(s.enc.AppendPing(nil), false)
}

func (s *Session) interval() time.Duration {
	if s.present {
		return s.set.PingPresent
	}
	return s.set.PingOthers
}

func (s *Session) presence(present bool, now time.Duration) {
	s.present = present
	if s.pingAt > 0 {
		s.pingAt = min(s.pingAt, now+s.interval())
	}
}

// close ends the session. What was queued is still sent, unless c.Now.
func (s *Session) close(c Close) {
	known := s.state >= stateJoining
	s.state = stateClosed
	for _, sub := range s.subs {
		s.depart(sub)
	}
	s.subs, s.lookups, s.connect = nil, nil, nil
	if known {
		s.effect(Leave{PrincipalKey(s.client.Principal)})
		s.effect(Disconnected{})
	}
	if c.Now || c.Code == 0 {
		s.out.reset()
	}
	if c.Code != 0 {
		if s.emulation != nil {
			s.out.push(s.enc.AppendPush(nil, &Push{Disconnect: &Status{c.Code, c.Reason}}), false)
		}
		s.effect(c)
	}
}

func (s *Session) effect(e Effect) { s.effects = append(s.effects, e) }

func (s *Session) reply(r *Reply) { s.out.push(s.enc.AppendReply(nil, r), false) }

func (s *Session) refuse(id uint32, e *Error) { s.reply(&Reply{ID: id, Error: e}) }

// publish queues a publication's frame, or cuts a client that cannot take it.
func (s *Session) publish(frame []byte) {
	if s.out.pubs+len(frame) > s.set.MaxQueueBytes {
		s.close(Close{Code: CloseSlow, Reason: "slow", Now: true})
		return
	}
	s.out.push(frame, true)
}

// publishEphemeral queues a frame that may be lost: it is, once the client is
// late by a quarter of what it may be.
func (s *Session) publishEphemeral(frame []byte) {
	if s.out.pubs+len(frame) <= s.set.MaxQueueBytes/4 {
		s.out.push(frame, true)
	}
}

// find returns the subscription to a channel, nil if there is none.
func (s *Session) find(channel string) *subscription {
	for _, sub := range s.subs {
		if sub.channel == channel {
			return sub
		}
	}
	return nil
}

func (s *Session) remove(sub *subscription) {
	if sub.refresh != 0 {
		s.refuse(sub.refresh, &Error{Code: errorNotAvailable, Message: "unsubscribed"})
	}
	if i := slices.Index(s.subs, sub); i >= 0 {
		s.subs = slices.Delete(s.subs, i, i+1)
	}
	s.depart(sub)
}

// depart ends what others know of a subscription.
func (s *Session) depart(sub *subscription) {
	s.effect(Leave{sub.channel})
	if sub.shown != nil {
		s.effect(Exit{Channel: sub.channel, Who: sub.shown, Tell: sub.tells()})
	}
}

func (s *Session) clientID() string {
	return s.set.ClientPrefix + strconv.FormatUint(uint64(s.id), 36)
}
