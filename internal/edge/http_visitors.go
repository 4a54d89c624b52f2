//evenkeel:shell

package edge

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/auth"
)

type visitorBody struct {
	Workspace  string          `json:"workspace"`
	Queue      string          `json:"queue"`      // in which he means to start a chat: checked, nothing more
	Attributes json.RawMessage `json:"attributes"` // that he claims for himself
	Identity   string          `json:"identity"`   // a JSON Web Token that the operator's site has signed
}

type visitorReply struct {
	Visitor string        `json:"visitor"`
	Token   string        `json:"token"`
	Expires evenkeel.Time `json:"expires"`
}

// newVisitor gives a token to whoever asks, or renews the one he has. Nothing
// is written: the desk hears of a visitor with his first chat.
func (e *Edge) newVisitor() handler {
	s := shapeFor[visitorBody]()
	return func(q *request) (*answer, *evenkeel.Error) {
		b := visitorBody{Workspace: q.homeOf()}
		if err := s.decode(q.body, &b); err != nil {
			return nil, err
		}
		v := auth.Visitor{Workspace: b.Workspace, Issued: e.wall(), Expires: e.wall() + evenkeel.Time(auth.VisitorLife)}
		if err := q.visitor(&v, &b); err != nil {
			return nil, err
		}
		key, err := e.cfg.VisitorKey()
		if err == nil {
			var token string
			if token, err = v.Sign(key); err == nil {
				return &answer{value: &visitorReply{Visitor: v.ID, Token: token, Expires: v.Expires}}, nil
			}
		}
		e.cfg.Log.Error("cannot sign a visitor's token", "error", err)
		return nil, evenkeel.Errorf(evenkeel.CodeInternal, "the token could not be signed")
	}
}

// visitor finds out who the token is for: an identified customer, the caller
// himself, or somebody new.
func (q *request) visitor(v *auth.Visitor, b *visitorBody) *evenkeel.Error {
	old := q.who.Principal
	known := old.Kind == evenkeel.PrincipalVisitor
	if known {
		v.Workspace = old.Workspace
	}
	missing := false
	q.edge.cfg.Cell.View(func(r Reader) { missing = b.Queue != "" && !r.HasQueue(v.Workspace, b.Queue) })
	if missing {
		return &evenkeel.Error{Code: evenkeel.CodeNotFound, Field: "queue", Detail: "there is no such queue"}
	}
	var err *evenkeel.Error
	switch {
	case b.Identity != "":
		err = q.identify(v, b.Identity)
	case known && evenkeel.Identified(old.ID):
		err = evenkeel.Errorf(evenkeel.CodeUnauthenticated, "the token of an identified customer is renewed by a newly signed identity only")
	case known:
		v.ID = old.ID
	default:
		err = q.freshVisitor(v)
	}
	if err != nil || len(b.Attributes) == 0 {
		return err
	}
	return q.claim(v, b.Attributes)
}

func (q *request) freshVisitor(v *auth.Visitor) *evenkeel.Error {
	known := false
	q.edge.cfg.Cell.View(func(r Reader) { _, known = r.Workspace(v.Workspace) })
	if !known {
		return &evenkeel.Error{Code: evenkeel.CodeNotFound, Field: "workspace", Detail: "there is no such workspace"}
	}
	address := addressOf(q.Request)
	if !address.loopback && q.edge.limits.visitors != nil {
		q.edge.limits.mu.Lock()
		ok, wait := q.edge.limits.visitors.take(address.key, q.edge.since())
		q.edge.limits.mu.Unlock()
		if !ok {
			return tooManyRequests(wait, "too many new visitors from this address; keep the token that you were given")
		}
	}
	id, err := auth.NewID(q.edge.cfg.Random, "v")
	v.ID = id
	return asError(err)
}

// address is where a request comes from, as limits see it.
type address struct {
	key      string // an IPv4 address, or the /64 network of an IPv6 address
	loopback bool
}

// addressOf finds the caller's address. A caller with IPv6 has a whole network
// of addresses, so it counts as one.
func addressOf(r *http.Request) address { return parseAddress(r.RemoteAddr) }

// Loopback tells whether a remote address ("host:port") is on this machine.
func Loopback(remote string) bool { return parseAddress(remote).loopback }

func parseAddress(remote string) address {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return address{key: host}
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		if network, err := ip.Prefix(64); err == nil {
			return address{key: network.String(), loopback: ip.IsLoopback()}
		}
	}
	return address{key: ip.String(), loopback: ip.IsLoopback()}
}

// mayWrite refuses a customer who writes more than a person does.
func (e *Edge) mayWrite(who Identity, kind evenkeel.Kind, size int) *evenkeel.Error {
	if err := e.mayCommand(who.Principal.Workspace); err != nil {
		return err
	}
	cost := writeCost(kind, size)
	if cost == 0 || who.Principal.Kind != evenkeel.PrincipalVisitor || who.Loopback {
		return nil
	}
	e.limits.mu.Lock()
	defer e.limits.mu.Unlock()
	if ok, wait := e.limits.writes.takeMany(who.Principal.String(), cost, e.since()); !ok {
		return tooManyRequests(wait, "you write faster than this server takes it")
	}
	return nil
}
