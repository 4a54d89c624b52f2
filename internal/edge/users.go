//evenkeel:shell

package edge

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/auth"
)

// Grant is a channel of a namespace that a connection is subscribed to by the
// server.
type Grant struct {
	Channel string
	Terms   evenkeel.Terms
}

// maxInfo bounds what a token says of a user for others to see, in bytes.
const maxInfo = 4 << 10

// Connect finds out who opens a realtime connection: a caller with a token of this
// cell, or one of the operator's own users, with a token that the operator signs.
func (e *Edge) Connect(ctx context.Context, token string) (who Identity, refusal *evenkeel.Error) {
	refusal = e.Proven(ctx, func() (err *evenkeel.Error) {
		who, err = e.whoConnects(ctx, token)
		return err
	})
	return who, refusal
}

func (e *Edge) whoConnects(ctx context.Context, token string) (Identity, *evenkeel.Error) {
	if auth.LooksSigned(token) {
		return e.connectUser(ctx, token)
	}
	who, err := e.Authenticate(token)
	if err != nil {
		return who, err
	}
	who.User = who.Principal.Kind.String() + ":" + who.Principal.ID
	if who.Name != "" {
		who.Info = append(evenkeel.AppendJSONString([]byte(`{"name":`), who.Name), '}')
	}
	return who, nil
}

// connectUser lets one of the operator's users in. Which workspace's keys the
// token must be signed with it says itself, before it is believed: what is signed
// for one workspace is nothing to another.
func (e *Edge) connectUser(ctx context.Context, token string) (Identity, *evenkeel.Error) {
	workspace := auth.ClaimedWorkspace(token)
	if workspace == "" {
		workspace = evenkeel.DefaultWorkspace
	}
	check, now, err := e.jwtCheck(workspace, evenkeel.SigningUsers)
	if err != nil {
		return Identity{}, err
	}
	claims, err := check.User(ctx, token, now)
	if err != nil {
		return Identity{}, err
	}
	who := Identity{
		Principal: evenkeel.Principal{Workspace: workspace, Kind: evenkeel.PrincipalUser, ID: claims.Subject},
		Expires:   claims.Expires, User: claims.Subject, Info: claims.Info,
	}
	if len(who.Info) > maxInfo {
		return Identity{}, evenkeel.Errorf(evenkeel.CodeBadRequest, "the signed token's claim info has more than %d bytes", maxInfo)
	}
	e.cfg.Cell.View(func(r Reader) {
		if err = openWorkspace(r, workspace); err == nil {
			who.Grants, err = grantsOf(r, who.Principal, &claims)
		}
	})
	return who, err
}

func openWorkspace(r Reader, workspace string) *evenkeel.Error {
	if ws, ok := r.Workspace(workspace); !ok || ws.Suspended {
		return evenkeel.Errorf(evenkeel.CodeForbidden, suspendedReason)
	}
	return nil
}

// grantsOf are the channels that a connection token names, behind the user's own.
func grantsOf(r Reader, by evenkeel.Principal, claims *auth.UserClaims) ([]Grant, *evenkeel.Error) {
	own := evenkeel.Channel(by.Workspace, evenkeel.ChannelUser, by.ID)
	terms := evenkeel.Terms{Kept: true}
	if n, ok := r.Namespace(by.Workspace, evenkeel.ChannelUser); ok {
		terms = n.Terms(true)
	}
	grants := []Grant{{own, terms}}
	for _, channel := range slices.Concat(claims.Channels, slices.Sorted(maps.Keys(claims.Subs))) {
		if channel == own {
			continue
		}
		n, err := namespaceFor(r, by, channel)
		if err == nil && n.Subscribe == evenkeel.SubscribeStaff {
			err = staffOnly(channel)
		}
		info := claims.Subs[channel].Info
		if err == nil && len(info) > maxInfo {
			err = evenkeel.Errorf(evenkeel.CodeBadRequest, "the info of %q has more than %d bytes", channel, maxInfo)
		}
		if err != nil {
			return nil, err
		}
		terms := n.Terms(true)
		terms.Info = info
		grants = append(grants, Grant{channel, terms})
	}
	return grants, nil
}

// namespaceFor returns the namespace of a channel that somebody may come to have:
// one of his workspace, and nobody's own.
func namespaceFor(r Reader, by evenkeel.Principal, channel string) (evenkeel.Namespace, *evenkeel.Error) {
	workspace, name, _, ok := evenkeel.ParseChannel(channel)
	n, there := r.Namespace(workspace, name)
	switch {
	case !ok || workspace != by.Workspace || evenkeel.ReservedNamespace(name):
		return n, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no channel %q for you: names are NAMESPACE:ID and, outside the default workspace, WORKSPACE/NAMESPACE:ID", channel)
	case name == evenkeel.ChannelUser:
		return n, evenkeel.Errorf(evenkeel.CodeForbidden, "the channel %q is followed by that user alone, whom the server subscribes", channel)
	case !there:
		return n, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no namespace %q; an admin makes it with PUT /v1/namespaces/%s", name, name)
	}
	return n, nil
}

func staffOnly(channel string) *evenkeel.Error {
	return evenkeel.Errorf(evenkeel.CodeForbidden, "the channel %q is for the staff", channel)
}

// Admit finds out on which terms a connection may have a channel of a namespace.
func (e *Edge) Admit(ctx context.Context, by evenkeel.Principal, connection, channel, token string) (terms evenkeel.Terms, refusal *evenkeel.Error) {
	refusal = e.Proven(ctx, func() (err *evenkeel.Error) {
		terms, err = e.admit(ctx, by, connection, channel, token)
		return err
	})
	return terms, refusal
}

func (e *Edge) admit(ctx context.Context, by evenkeel.Principal, connection, channel, token string) (terms evenkeel.Terms, refusal *evenkeel.Error) {
	var n evenkeel.Namespace
	e.cfg.Cell.View(func(r Reader) {
		if refusal = openWorkspace(r, by.Workspace); refusal != nil {
			return
		}
		if n, refusal = namespaceFor(r, by, channel); refusal != nil {
			return
		}
		role := r.Role(by)
		switch {
		case n.Subscribe == evenkeel.SubscribeStaff && !role.Staff() && role != evenkeel.RoleService:
			refusal = staffOnly(channel)
		case n.Subscribe == evenkeel.SubscribeToken && token == "":
			refusal = evenkeel.Errorf(evenkeel.CodeForbidden, "the channel %q needs a subscription token", channel)
		}
	})
	if refusal != nil || token == "" {
		return n.Terms(false), refusal
	}
	return e.admitSigned(ctx, by, connection, channel, token, &n)
}

// admitSigned checks a subscription token.
func (e *Edge) admitSigned(ctx context.Context, by evenkeel.Principal, connection, channel, token string, n *evenkeel.Namespace) (terms evenkeel.Terms, refusal *evenkeel.Error) {
	if by.Kind != evenkeel.PrincipalUser {
		return terms, evenkeel.Errorf(evenkeel.CodeForbidden, "subscription tokens are for users who connected with a signed token")
	}
	check, now, refusal := e.jwtCheck(by.Workspace, evenkeel.SigningUsers)
	if refusal != nil {
		return terms, refusal
	}
	claims, refusal := check.Subscription(ctx, token, now)
	switch {
	case refusal != nil:
		return terms, refusal
	case claims.Subject != by.ID || claims.Channel != channel || claims.Client != "" && claims.Client != connection:
		return terms, evenkeel.Errorf(evenkeel.CodeForbidden, "the subscription token is for another user (sub), channel or connection (client)")
	case len(claims.Info) > maxInfo:
		return terms, evenkeel.Errorf(evenkeel.CodeBadRequest, "the signed token's claim info has more than %d bytes", maxInfo)
	}
	terms = n.Terms(true)
	terms.Info = claims.Info
	if claims.Expires != 0 {
		terms.TTL = max(time.Duration(claims.Expires-now)*time.Millisecond, time.Millisecond)
	}
	return terms, nil
}

// MayPublish tells whether a client that is subscribed to a channel may publish
// on it now, and what is to be kept. signed says that a token named the channel.
func (e *Edge) MayPublish(by evenkeel.Principal, channel string, signed bool) (keep evenkeel.KeptHistory, refusal *evenkeel.Error) {
	workspace, name, _, _ := evenkeel.ParseChannel(channel)
	var n evenkeel.Namespace
	e.cfg.Cell.View(func(r Reader) {
		var ok bool
		if refusal = openWorkspace(r, by.Workspace); refusal != nil {
			return
		}
		if n, ok = r.Namespace(workspace, name); !ok || workspace != by.Workspace {
			refusal = evenkeel.Errorf(evenkeel.CodeNotFound, "there is no namespace %q", name)
		}
	})
	switch {
	case refusal != nil:
		return keep, refusal
	case !n.Terms(signed).Publish:
		return keep, evenkeel.Errorf(evenkeel.CodeForbidden, "clients may not publish on this channel")
	}
	if ok, wait := e.rates.take(workspace+"/"+name, channel, int(n.MaxRate), e.since()); !ok {
		return keep, tooManyRequests(wait, "the channel has as many publications a second as its namespace allows (max_rate)")
	}
	return n.History, nil
}

// rates counts the publications of channels, namespace by namespace.
type rates struct {
	mu  sync.Mutex
	all map[string]*buckets
}

// Bounds of the counting: what is forgotten costs nobody anything.
const (
	maxRated         = 1000 // namespaces
	maxRatedChannels = 1000 // of each
)

func (s *rates) take(namespace, channel string, rate int, now time.Duration) (ok bool, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.all[namespace]
	if b == nil || b.burst != rate {
		if s.all == nil || len(s.all) >= maxRated {
			s.all = map[string]*buckets{}
		}
		b = newBuckets(rate, time.Second, maxRatedChannels)
		s.all[namespace] = b
	}
	return b.take(channel, now)
}
