//evenkeel:pure

package realtime

import (
	"time"

	"github.com/evenkeel/evenkeel"
)

// subscription is one channel of a client.
type subscription struct {
	channel string
	server  bool // the server subscribed the client
	terms   evenkeel.Terms
	joins   bool        // the client is told who comes and goes
	shown   *ClientInfo // as what others see the client here; nil: they do not
	// admission is the tag of the Admit in flight, and refresh the command that it
	// answers, if it is one; 0: none.
	admission uint64
	refresh   uint32
	expireAt  time.Duration // 0: it does not
	// pos is the last durable publication that was sent, or is sent in a reply
	// that waits: what comes next has the offset behind it.
	pos evenkeel.Position
	// named says that the client knows the epoch. It does not while the channel
	// does not exist yet.
	named bool
	// reading is what goes on while the history is read; nil: the subscription
	// is live.
	reading *reading
}

// reading is a subscription's wait for the history: to begin, to fill a hole,
// or to learn whether the client may still read. Until it is over nothing is
// sent on the channel.
type reading struct {
	tag uint64 // of the Read in flight; 0: none

	// begin says that the subscription is new: command is to be answered or, if
	// the server subscribed, result waits for the connect reply.
	begin   bool
	command uint32
	recover bool
	reject  bool // an error is wanted where recovery fails
	since   evenkeel.Position
	result  *SubscribeResult
	last    *Item // what was published last, to be sent first

	// waiting are the deliveries that came meanwhile. If there were too many
	// they are dropped, and missed asks for one more reading, which has them.
	waiting []*Delivery
	missed  bool
	// again says that what is being read may be out of date: read once more.
	again bool

	// A replica that is behind what the client or a delivery has shown is given
	// time until `until`; retryAt is the next attempt, 0: none is planned.
	until   time.Duration
	retryAt time.Duration
}

// retryPause is the time between two looks at a replica that is behind.
const retryPause = 50 * time.Millisecond

func (s *Session) subscribeCommand(id uint32, c *SubscribeCommand, now time.Duration) {
	switch {
	case c.Channel == "" || len(c.Channel) > s.set.MaxChannelLen:
		s.refuse(id, badRequest("the channel's name is missing or too long"))
	case s.find(c.Channel) != nil:
		s.refuse(id, &Error{Code: errorAlreadySubscribed, Message: "already subscribed"})
	case len(s.subs) >= s.set.MaxChannels:
		s.refuse(id, &Error{Code: errorLimitExceeded, Message: "too many subscriptions"})
	default:
		sub := s.subscribe(c.Channel, false, &reading{
			command: id, recover: c.Recover, since: c.Since, reject: c.RejectUnrecovered, until: now + s.set.CatchUp,
		})
		sub.joins = c.JoinLeave
		if terms, own := s.termsOf(c.Channel); own {
			sub.terms = terms
			s.enter(sub, now)
		} else {
			s.admit(sub, c.Token)
		}
	}
}

func (s *Session) unsubscribeCommand(id uint32, channel string) {
	if channel == "" {
		s.refuse(id, badRequest("the channel's name is missing"))
		return
	}
	if sub := s.find(channel); sub != nil {
		if r := sub.reading; r != nil && r.begin {
			s.refuse(r.command, &Error{Code: errorNotAvailable, Message: "unsubscribed"})
		}
		s.remove(sub)
	}
	s.reply(&Reply{ID: id, Unsubscribe: true})
}

// subscribe makes a subscription. It begins when its terms are known.
func (s *Session) subscribe(channel string, server bool, r *reading) *subscription {
	r.begin = true
	sub := &subscription{channel: channel, server: server, reading: r}
	s.subs = append(s.subs, sub)
	return sub
}

// enter begins a subscription: first it joins, then it reads, so that no
// publication falls between the two. Where nothing is kept for those who come,
// there is nothing to read.
func (s *Session) enter(sub *subscription, now time.Duration) {
	sub.joins = sub.joins && sub.terms.Joins
	s.effect(Join{sub.channel})
	if sub.loose() && !sub.terms.Last {
		s.begin(sub, &ReadDone{}, now)
		return
	}
	s.read(sub)
}

// loose tells whether publications may be left out.
func (sub *subscription) loose() bool { return sub.terms.Kept && !sub.terms.Recover }

// read asks for the history of a subscription from where it stands.
func (s *Session) read(sub *subscription) {
	r := sub.reading
	s.lastRead++
	r.tag, r.retryAt, r.again, r.missed = s.lastRead, 0, false, false
	q := ReadRequest{By: s.client.Principal, Channel: sub.channel, Since: sub.pos, Kept: sub.terms.Kept, Last: r.begin && sub.terms.Last}
	switch {
	case sub.loose():
		q.Since = evenkeel.Position{}
	case r.begin:
		q.Since = r.since
	}
	if !sub.loose() && (!r.begin || r.recover) {
		q.Limit, q.Bytes = s.set.MaxRecovered, s.set.MaxReplyBytes
	}
	s.effect(Read{Tag: r.tag, Request: q})
}

func (s *Session) readDone(in *ReadDone, now time.Duration) {
	for _, sub := range s.subs {
		r := sub.reading
		if r == nil || r.tag != in.Tag {
			continue
		}
		r.tag = 0
		switch {
		case r.again:
			s.read(sub)
		case in.Err != nil && in.Err.Code != evenkeel.CodeUnrecoverablePosition:
			s.denied(sub, in.Err, now)
		case r.begin:
			s.begin(sub, in, now)
		default:
			s.healed(sub, in, now)
		}
		return
	}
	s.lookedUp(in)
}

// denied ends a subscription that the client may not have, or no longer.
func (s *Session) denied(sub *subscription, err *evenkeel.Error, now time.Duration) {
	s.remove(sub)
	switch {
	case sub.reading.begin && sub.server:
		s.joined(now)
	case sub.reading.begin:
		s.refuse(sub.reading.command, channelError(err))
	default:
		s.pushUnsubscribe(sub.channel, UnsubscribedServer, string(err.Code))
	}
}

// insufficient ends a subscription that cannot go on without a hole. The
// client starts it anew; where the server subscribed only a new connection
// does that.
func (s *Session) insufficient(sub *subscription) {
	if sub.server {
		s.close(Close{Code: CloseInsufficientState, Reason: "insufficient state"})
		return
	}
	s.remove(sub)
	s.pushUnsubscribe(sub.channel, UnsubscribedInsufficient, "insufficient state")
}

func (s *Session) pushUnsubscribe(channel string, code uint32, reason string) {
	s.out.push(s.enc.AppendPush(nil, &Push{Channel: channel, Unsubscribe: &Status{code, reason}}), false)
}

// begin starts a new subscription from what was read: all that the client
// missed or, plainly, nothing.
func (s *Session) begin(sub *subscription, in *ReadDone, now time.Duration) {
	r := sub.reading
	behind := r.recover && !sub.terms.Kept && r.since.Epoch != "" &&
		(in.Top.Epoch == "" || in.Top.Epoch == r.since.Epoch && in.Top.Offset < r.since.Offset)
	if behind && now < r.until {
		r.retryAt = min(now+retryPause, r.until)
		return
	}
	result := &SubscribeResult{WasRecovering: r.recover, Stream: !sub.loose(), Position: in.Top}
	result.Expires, result.TTL = expiry(sub.terms.TTL)
	if sub.loose() {
		result.Position = evenkeel.Position{}
	}
	if r.recover && result.Stream && in.Err == nil && s.whole(r.since, in) {
		result.Recovered, result.Publications = true, in.Items
		result.Position.Offset = r.since.Offset
	}
	if r.reject && r.recover && !result.Recovered {
		s.remove(sub)
		s.refuse(r.command, &Error{Code: errorUnrecoverable, Message: "the history at this position is gone"})
		return
	}
	sub.pos, sub.named = in.Top, in.Top.Epoch != ""
	if !result.Recovered {
		r.last = in.Last
	}
	if sub.server {
		r.result = result
		s.joined(now)
		return
	}
	s.reply(&Reply{ID: r.command, Subscribe: result})
	s.live(sub, now)
}

// whole tells whether what was read is all from a position to the channel's
// end, and fits into the reply.
func (s *Session) whole(since evenkeel.Position, in *ReadDone) bool {
	bytes := 0
	at := since.Offset
	for i := range in.Items {
		if in.Items[i].Offset != at+1 {
			return false
		}
		at++
		bytes += len(in.Items[i].Data)
	}
	if at != in.Top.Offset || len(in.Items) > s.set.MaxRecovered {
		return false
	}
	if s.connect != nil { // one reply for all subscriptions of the server
		bytes += s.connect.bytes
	}
	if bytes > s.set.MaxReplyBytes {
		return false
	}
	if s.connect != nil {
		s.connect.bytes = bytes
	}
	return true
}
