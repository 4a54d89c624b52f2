//evenkeel:pure

package realtime

import (
	"time"

	"github.com/evenkeel/evenkeel"
)

// What a client may do on a channel beside following it: publish, ask who is
// there, and stay when its subscription runs out. All of it goes by the terms
// of the subscription.

// termsOf returns the terms of a channel of the desk; ok is false if it is one of
// a namespace, whose terms the backend knows.
func (s *Session) termsOf(channel string) (terms evenkeel.Terms, ok bool) {
	_, kind, _, named := evenkeel.ParseChannel(channel)
	if named && !evenkeel.ReservedNamespace(kind) {
		return terms, false
	}
	if named && kind == evenkeel.ChannelChat {
		staff := s.client.Role.Staff() || s.client.Role == evenkeel.RoleService
		terms = evenkeel.Terms{Shown: true, Presence: staff, Joins: staff}
	}
	return terms, true
}

// admit asks on which terms the client may have a channel.
func (s *Session) admit(sub *subscription, token string) {
	s.lastRead++
	sub.admission = s.lastRead
	s.effect(Admit{Tag: sub.admission, Request: AdmitRequest{
		By: s.client.Principal, Client: s.clientID(), Channel: sub.channel, Token: token,
	}})
}

func (s *Session) admitted(in *Admitted, now time.Duration) {
	for _, sub := range s.subs {
		if sub.admission != in.Tag {
			continue
		}
		sub.admission = 0
		switch {
		case sub.refresh != 0:
			s.subRefreshed(sub, in, now)
		case in.Err != nil:
			s.denied(sub, in.Err, now)
		default:
			sub.terms = in.Terms
			sub.expire(now, s.set.ExpireGrace)
			s.enter(sub, now)
		}
		return
	}
}

// expire sets when the subscription ends unless it is refreshed.
func (sub *subscription) expire(now, grace time.Duration) {
	sub.expireAt = 0
	if sub.terms.TTL > 0 {
		sub.expireAt = now + sub.terms.TTL + grace
	}
}

func (s *Session) subRefreshCommand(id uint32, c *SubRefreshCommand) {
	sub := s.find(c.Channel)
	switch {
	case c.Channel == "" || c.Token == "":
		s.refuse(id, badRequest("the channel or the token is missing"))
	case sub == nil || sub.reading != nil && sub.reading.begin:
		s.refuse(id, notSubscribed())
	case sub.terms.TTL == 0:
		s.refuse(id, &Error{Code: errorNotAvailable, Message: "the subscription does not expire"})
	case sub.refresh != 0:
		s.refuse(id, &Error{Code: errorTooManyRequests, Message: "another refresh is not answered yet", Temporary: true})
	default:
		sub.refresh = id
		s.admit(sub, c.Token)
	}
}

func (s *Session) subRefreshed(sub *subscription, in *Admitted, now time.Duration) {
	id := sub.refresh
	sub.refresh = 0
	if in.Err != nil {
		s.refuse(id, channelError(in.Err))
		return
	}
	sub.terms.TTL = in.Terms.TTL
	sub.expire(now, s.set.ExpireGrace)
	expires, ttl := expiry(sub.terms.TTL)
	s.reply(&Reply{ID: id, SubRefresh: &SubRefreshResult{Expires: expires, TTL: ttl}})
}

// expired ends the subscriptions whose time is over. By the code clients
// subscribe again, with a new token.
func (s *Session) expired(now time.Duration) {
	for _, sub := range append([]*subscription(nil), s.subs...) {
		if sub.expireAt > 0 && now >= sub.expireAt {
			s.remove(sub)
			s.pushUnsubscribe(sub.channel, UnsubscribedExpired, "subscription expired")
		}
	}
}

// expiry is how replies tell the time that is left.
func expiry(left time.Duration) (expires bool, ttl uint32) {
	if left <= 0 {
		return false, 0
	}
	return true, max(seconds(left), 1)
}

func notSubscribed() *Error {
	return &Error{Code: errorPermissionDenied, Message: "subscribe to the channel first"}
}

// begun returns the subscription to a channel if it has begun.
func (s *Session) begun(channel string) *subscription {
	if sub := s.find(channel); sub != nil && (sub.reading == nil || !sub.reading.begin) {
		return sub
	}
	return nil
}

func (s *Session) publishCommand(id uint32, c *PublishCommand, now time.Duration) {
	sub := s.begun(c.Channel)
	switch {
	case c.Channel == "" || len(c.Data) == 0:
		s.refuse(id, badRequest("the channel or the data is missing"))
	case !s.named(c.Channel):
		s.refuse(id, &Error{Code: errorPermissionDenied, Message: "clients publish nothing here: use the methods, such as chat.send"})
	case sub == nil:
		s.refuse(id, notSubscribed())
	case !sub.terms.Publish:
		s.refuse(id, &Error{Code: errorPermissionDenied, Message: "clients may not publish on this channel"})
	case len(c.Data) > s.set.MaxPublish:
		s.refuse(id, ErrorOf(evenkeel.Errorf(evenkeel.CodeTooLarge, "a publication has at most %d bytes", s.set.MaxPublish)))
	case s.busy(id):
	case !s.spend(now):
		s.refuse(id, ErrorOf(evenkeel.Errorf(evenkeel.CodeTooManyRequests,
			"a client publishes at most %d times a second; wait a second and try again", time.Second/s.set.PublishEvery)))
	default:
		s.calls++
		s.effect(Publish{ID: id, Request: PublishRequest{
			By: s.client.Principal, Channel: sub.channel, Data: oneLine(c.Data), Info: s.info(sub), Signed: sub.terms.Signed,
		}})
	}
}

// named tells whether a channel is one of a namespace.
func (s *Session) named(channel string) bool {
	_, own := s.termsOf(channel)
	return !own
}

// busy refuses a command if too many are not answered yet.
func (s *Session) busy(id uint32) bool {
	if s.calls < s.set.MaxCalls {
		return false
	}
	s.refuse(id, ErrorOf(evenkeel.Errorf(evenkeel.CodeTooManyRequests, "%d calls are not answered yet", s.calls)))
	return true
}

// spend takes one publication out of what a client may make: PublishBurst at
// once, and one more each PublishEvery.
func (s *Session) spend(now time.Duration) bool {
	paid := max(s.published, now) + s.set.PublishEvery
	if paid-now > time.Duration(s.set.PublishBurst)*s.set.PublishEvery {
		return false
	}
	s.published = paid
	return true
}

func (s *Session) publishDone(in *Published) {
	s.calls--
	if in.Err != nil {
		s.refuse(in.ID, channelError(in.Err))
		return
	}
	s.reply(&Reply{ID: in.ID, Publish: true})
}

// info is how others see the client on a channel.
func (s *Session) info(sub *subscription) *ClientInfo {
	return &ClientInfo{User: s.client.User, Client: s.clientID(), Conn: oneLineOrNone(s.client.Info), Chan: oneLineOrNone(sub.terms.Info)}
}

// presenceCommand answers who is on a channel, or only how many.
func (s *Session) presenceCommand(id uint32, channel string, stats bool) {
	sub := s.begun(channel)
	switch {
	case channel == "":
		s.refuse(id, badRequest("the channel's name is missing"))
	case sub == nil:
		s.refuse(id, notSubscribed())
	case !sub.terms.Presence && sub.terms.Shown:
		s.refuse(id, &Error{Code: errorPermissionDenied, Message: "who is on the channel is not shown to you"})
	case !sub.terms.Presence:
		s.refuse(id, &Error{Code: errorNotAvailable, Message: "the channel shows no presence"})
	case s.busy(id):
	default:
		s.calls++
		s.effect(Count{ID: id, Channel: channel, Stats: stats})
	}
}

func (s *Session) counted(in *Counted) {
	s.calls--
	if in.Stats {
		s.reply(&Reply{ID: in.ID, Stats: &StatsResult{Clients: in.Clients, Users: in.Users}})
		return
	}
	people, bytes := in.People, 0
	for i := range people {
		if bytes += people[i].size(); bytes > s.set.MaxReplyBytes {
			people = people[:i]
			break
		}
	}
	s.reply(&Reply{ID: in.ID, Presence: &PresenceResult{People: people}})
}
