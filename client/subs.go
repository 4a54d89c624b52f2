package client

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/evenkeel/evenkeel"
)

// subscription is one channel of a connection, guarded by the Conn's lock.
//
// It is live while publications follow one another. When one cannot be handed
// on, for want of room or because one before it is missing, the channel is
// behind: what comes is only noted, and the history is read from pos on, in
// parts, until pos has reached what was noted.
type subscription struct {
	channel string
	server  bool // the server subscribed us
	// pos is the last publication that was handed on.
	pos evenkeel.Position
	// known says that pos means something: without it the first reply says where
	// the subscription begins.
	known bool

	behind   bool
	seen     uint64 // the highest offset that the server has shown
	fetching bool   // a part of the history is on its way
	failed   error  // the server's refusal, final
	settled  chan struct{}
}

const fetchLimit = 500

// subscribeAgain is the pause before a subscription is tried again that the
// server refused for the moment.
const subscribeAgain = 300 * time.Millisecond

// join sends the subscribe command. Called under the lock, with a link.
func (c *Conn) join(s *subscription) {
	s.fetching = false
	body, err := encode("subscribe", subscribeCommand{Channel: s.channel, recoveryCommand: s.recovery()})
	if err != nil {
		c.endSubscription(s, err)
		return
	}
	c.link.ask(body, func(f *frame) { c.joined(s, f) })
}

func (s *subscription) recovery() recoveryCommand {
	return recoveryCommand{Recover: s.known, Epoch: s.pos.Epoch, Offset: s.pos.Offset}
}

// joined takes the reply to a subscribe command.
func (c *Conn) joined(s *subscription, f *frame) {
	if c.subs[s.channel] != s {
		return // unsubscribed meanwhile
	}
	switch {
	case f.Error != nil && f.Error.Code == wireAlreadySubscribed:
		s.settle(nil)
	case f.Error != nil && (f.Error.Temporary || f.Error.Code == 108):
		c.later(subscribeAgain, func() {
			if c.link != nil && c.subs[s.channel] == s {
				c.join(s)
			}
		})
	case f.Error != nil:
		c.endSubscription(s, f.Error.err())
	case f.Sub != nil:
		c.begin(s, f.Sub)
		s.settle(nil)
	}
}

func (s *subscription) settle(err error) {
	select {
	case <-s.settled:
	default:
		s.failed = err
		close(s.settled)
	}
}

// begin starts or continues a subscription from what the server says of it.
func (c *Conn) begin(s *subscription, r *subReply) {
	s.behind, s.fetching, s.seen = false, false, 0
	switch {
	case !s.known:
		s.pos, s.known = r.Position, true
	case r.Recovered:
		if r.Epoch != "" {
			s.pos.Epoch = r.Epoch
		}
		for i := range r.Publications {
			c.published(s, &r.Publications[i])
		}
	case s.pos.Epoch == "" || s.pos.Epoch == r.Epoch:
		// More is missing than a reply holds, or it is gone: the history tells.
		s.behind, s.seen = s.pos.Offset < r.Offset, r.Offset
		c.catchUp(s)
	default:
		c.lost(s, r.Position)
	}
}

// published takes one publication.
func (c *Conn) published(s *subscription, p *item) {
	if p.Offset == 0 {
		if c.inbox.room() > 0 {
			c.inbox.push(Event{Kind: Published, Channel: s.channel, Data: p.Data})
		}
		return
	}
	if s.pos.Epoch == "" {
		s.pos.Epoch = p.Epoch
	}
	switch {
	case s.behind:
		s.seen = max(s.seen, p.Offset)
	case p.Offset <= s.pos.Offset: // known already
	case p.Offset > s.pos.Offset+1, c.inbox.room() == 0:
		s.behind, s.seen = true, p.Offset
		c.catchUp(s)
	default:
		c.hand(s, p)
	}
}

func (c *Conn) hand(s *subscription, p *item) {
	s.pos.Offset = p.Offset
	c.inbox.push(Event{Kind: Published, Channel: s.channel, Position: s.pos, Data: p.Data})
}

// catchUp asks for the next part of a channel that is behind, if there is room.
func (c *Conn) catchUp(s *subscription) {
	limit := min(c.inbox.room(), fetchLimit)
	if !s.behind || s.fetching || c.link == nil || limit == 0 {
		return
	}
	since := s.pos
	body, err := encode("history", historyCommand{Channel: s.channel, Limit: limit, Since: &since})
	if err != nil {
		return // a position is always encoded
	}
	s.fetching = true
	c.link.ask(body, func(f *frame) { c.caughtUp(s, f) })
}

func (c *Conn) caughtUp(s *subscription, f *frame) {
	if c.subs[s.channel] != s || !s.behind {
		return
	}
	s.fetching = false
	switch {
	case f.Error != nil && f.Error.Code == wireUnrecoverable:
		c.findEnd(s)
		return
	case f.Error != nil:
		c.later(subscribeAgain, func() { c.catchUp(s) })
		return
	case f.Past == nil:
		return
	}
	if f.Past.Epoch != "" {
		s.pos.Epoch = f.Past.Epoch
	}
	for i := range f.Past.Publications {
		p := &f.Past.Publications[i]
		if p.Offset != s.pos.Offset+1 || c.inbox.room() == 0 {
			break
		}
		c.hand(s, p)
	}
	s.behind = s.pos.Offset < max(s.seen, f.Past.Offset)
	if len(f.Past.Publications) == 0 && s.behind {
		c.later(subscribeAgain, func() { c.catchUp(s) }) // the node is behind what it has shown
		return
	}
	c.catchUp(s)
}

// findEnd asks where a channel stands whose history does not reach back to our
// position.
func (c *Conn) findEnd(s *subscription) {
	body, err := encode("history", historyCommand{Channel: s.channel})
	if err != nil || c.link == nil {
		return
	}
	s.fetching = true
	c.link.ask(body, func(f *frame) {
		if c.subs[s.channel] != s || !s.behind {
			return
		}
		s.fetching = false
		if f.Past == nil {
			c.later(subscribeAgain, func() { c.catchUp(s) })
			return
		}
		c.lost(s, f.Past.Position)
		s.behind = s.pos.Offset < s.seen
		c.catchUp(s)
	})
}

// lost tells the consumer of a hole, and goes on from a position behind it.
func (c *Conn) lost(s *subscription, from evenkeel.Position) {
	s.pos = from
	c.inbox.push(Event{Kind: Gap, Channel: s.channel})
}

// endSubscription forgets a channel and says so.
func (c *Conn) endSubscription(s *subscription, err error) {
	delete(c.subs, s.channel)
	s.settle(err)
	c.inbox.push(Event{Kind: Unsubscribed, Channel: s.channel, Err: err})
}

// pushed takes what the server says by itself about a channel.
func (c *Conn) pushed(p *pushFrame) {
	s := c.subs[p.Channel]
	switch {
	case p.Message != nil:
		var m moveMessage
		if json.Unmarshal(p.Message.Data, &m) == nil && m.Type == "move" && m.Endpoint.Transport == "websocket" {
			c.places.moved(m.Endpoint.URL)
		}
	case p.Subscribe != nil && s == nil:
		s = &subscription{channel: p.Channel, server: true, settled: make(chan struct{})}
		c.subs[p.Channel] = s
		c.begin(s, p.Subscribe)
	case s == nil: // unsubscribed while it was on its way
	case p.Subscribe != nil:
		if s.pos.Epoch == "" {
			s.pos.Epoch = p.Subscribe.Epoch
		}
	case p.Pub != nil:
		c.published(s, p.Pub)
	case p.Unsubscribe != nil && p.Unsubscribe.Code >= 2500:
		c.join(s)
	case p.Unsubscribe != nil:
		c.endSubscription(s, errors.New("the server ended the subscription: "+p.Unsubscribe.Reason))
	}
}
