//evenkeel:pure

package realtime

import (
	"time"

	"github.com/evenkeel/evenkeel"
)

// connectCommand starts the way in: authenticate, join what the server
// subscribes the client to, read it, reply.
func (s *Session) connectCommand(id uint32, c *ConnectCommand) {
	s.state, s.connectBy = stateAuthenticating, 0
	s.connect = &connecting{id: id, from: c.Subs}
	s.effect(Authenticate{ConnectRequest{Token: c.Token, Data: c.Data, Name: c.Name, Version: c.Version}})
}

func (s *Session) refreshCommand(id uint32, c *RefreshCommand) {
	switch {
	case c.Token == "":
		s.refuse(id, badRequest("the token is missing"))
	case s.refresh != 0:
		s.refuse(id, &Error{Code: errorTooManyRequests, Message: "another refresh is not answered yet", Temporary: true})
	default:
		s.refresh = id
		s.effect(Authenticate{ConnectRequest{Token: c.Token, Refresh: true}})
	}
}

func (s *Session) authenticated(in Authenticated, now time.Duration) {
	switch {
	case s.state == stateAuthenticating && in.Err != nil:
		s.turnAway(in.Err)
	case s.state == stateAuthenticating:
		s.letIn(in.Client, now)
	case s.refresh != 0:
		s.refreshed(in, now)
	}
}

// turnAway refuses a connect command and ends the connection: clients take the
// reply as the reason, and come back if the error is temporary or the token
// only has to be renewed.
func (s *Session) turnAway(err *evenkeel.Error) {
	e := ErrorOf(err)
	s.refuse(s.connect.id, e)
	switch {
	case e.Temporary:
		s.close(Close{Code: CloseServerError, Reason: string(err.Code)})
	case e.Code == errorTokenExpired:
		s.close(Close{Code: CloseExpired, Reason: string(err.Code)})
	default:
		s.close(Close{Code: CloseInvalidToken, Reason: string(err.Code)})
	}
}

func (s *Session) letIn(c Client, now time.Duration) {
	s.client, s.present = c, c.Present
	if c.TTL > 0 {
		s.expireAt = now + c.TTL + s.set.ExpireGrace
	}
	s.effect(Join{PrincipalKey(c.Principal)})
	s.effect(Connected{c})
	for _, channel := range c.Channels {
		terms, _ := s.termsOf(channel)
		s.grant(channel, terms, now)
	}
	for i := range c.Grants {
		s.grant(c.Grants[i].Channel, c.Grants[i].Terms, now)
	}
	s.state = stateJoining
	s.joined(now)
}

// grant makes a subscription of the server.
func (s *Session) grant(channel string, terms evenkeel.Terms, now time.Duration) {
	if s.find(channel) != nil {
		return
	}
	r := &reading{until: now + s.set.CatchUp}
	for _, from := range s.connect.from {
		if from.Channel == channel && from.Recover {
			r.recover, r.since = true, from.Since
		}
	}
	sub := s.subscribe(channel, true, r)
	sub.terms, sub.joins = terms, terms.Joins
	s.enter(sub, now)
}

// joined sends the connect reply once all of the server's subscriptions have
// been read, and then what came behind the connect command.
func (s *Session) joined(now time.Duration) {
	if s.state != stateJoining {
		return
	}
	for _, sub := range s.subs {
		if sub.reading.result == nil {
			return
		}
	}
	connect := s.connect
	result := &ConnectResult{RefreshResult: *s.stay(), Ping: seconds(s.interval()), Pong: true, Data: oneLineOrNone(s.client.Data)}
	if s.emulation != nil {
		result.Session, result.Node = s.emulation.session, s.emulation.node
	}
	for _, sub := range s.subs {
		result.Subs = append(result.Subs, ServerSubscription{sub.channel, *sub.reading.result})
	}
	s.reply(&Reply{ID: connect.id, Connect: result})
	s.state, s.connect = stateOpen, nil
	s.pingAt = now + s.interval()
	for _, sub := range append([]*subscription(nil), s.subs...) {
		if s.state != stateClosed {
			s.live(sub, now)
		}
	}
	for _, held := range connect.held {
		if s.state != stateClosed {
			s.command(held, now)
		}
	}
}

// stay is the part that the replies to connect and refresh have in common.
func (s *Session) stay() *RefreshResult {
	r := &RefreshResult{Client: s.clientID(), Version: s.set.Version}
	if s.client.TTL > 0 {
		r.Expires, r.TTL = true, max(seconds(s.client.TTL), 1)
	}
	return r
}

func (s *Session) refreshed(in Authenticated, now time.Duration) {
	id := s.refresh
	s.refresh = 0
	switch {
	case in.Err != nil:
		s.refuse(id, ErrorOf(in.Err))
	case in.Client.Principal != s.client.Principal:
		s.refuse(id, ErrorOf(evenkeel.Errorf(evenkeel.CodeUnauthenticated, "the token is somebody else's")))
	default:
		s.client.Login, s.client.TTL, s.client.Role, s.client.Name = in.Client.Login, in.Client.TTL, in.Client.Role, in.Client.Name
		s.expireAt = 0
		if s.client.TTL > 0 {
			s.expireAt = now + s.client.TTL + s.set.ExpireGrace
		}
		s.reply(&Reply{ID: id, Refresh: s.stay()})
	}
}

// expiring tells whether the token is about to run out, or just did: then its
// login ends because a new one takes its place, or because its time is up, and
// the client has until expireAt to show the new one.
func (s *Session) expiring(now time.Duration) bool {
	return s.expireAt > 0 && now >= s.expireAt-2*s.set.ExpireGrace
}

func seconds(d time.Duration) uint32 { return uint32(max(d/time.Second, 0)) }

func oneLineOrNone(data []byte) []byte {
	if len(data) == 0 {
		return nil
	}
	return oneLine(data)
}
