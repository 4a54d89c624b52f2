//evenkeel:shell

package edge

import (
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/auth"
)

// Identity is who a caller is.
type Identity struct {
	Principal evenkeel.Principal
	Role      evenkeel.Role
	Name      string
	// Login is the hash of the agent's token, as EventLoggedOut names it;
	// empty for visitors and services.
	Login      string
	Expires    evenkeel.Time // of the token, by the wall clock; 0: never
	MustChange bool          // the password was a one-time one
	Channels   []string      // of the desk that a connection is subscribed to by the server
	Grants     []Grant       // likewise, of namespaces
	// User and Info are how other clients see this one where they may: who he is,
	// and JSON about him.
	User string
	Info []byte
	// Loopback is set for callers on this machine, whom some limits spare. It is
	// for whoever knows the connection to fill in.
	Loopback bool
	// Present is set for agents and for customers with a live chat: their
	// connections are pinged every 5 s, others every 25 s.
	Present bool
}

// Authenticate finds out whose token this is: an agent's, a visitor's or a
// service's key. It reads the local replica only.
func (e *Edge) Authenticate(token string) (Identity, *evenkeel.Error) {
	who, err := e.identify(token)
	if err != nil {
		return who, err
	}
	if who.nodesOwn() {
		return Identity{}, evenkeel.Errorf(evenkeel.CodeUnauthenticated, "a node's own key is for the HTTP API only")
	}
	ws, id := who.Principal.Workspace, who.Principal.ID
	switch who.Principal.Kind {
	case evenkeel.PrincipalAgent:
		who.Channels = []string{evenkeel.Channel(ws, evenkeel.ChannelAgent, id)}
		who.Present = true
	case evenkeel.PrincipalVisitor:
		who.Channels = []string{evenkeel.Channel(ws, evenkeel.ChannelVisitor, id)}
		who.Present = len(e.liveChats(who.Principal)) > 0
	default:
	}
	return who, nil
}

// nodesOwn tells whether the caller has a node's own key, which lies in the
// node's data directory for the command line.
func (who *Identity) nodesOwn() bool {
	return who.Principal.Kind == evenkeel.PrincipalService && who.Role == evenkeel.RoleOperator
}

// besideNode tells whether the request was made on this machine: from a loopback
// address, or from the very address that it came to. What a proxy has passed on
// may come from anywhere.
func (q *request) besideNode() bool {
	if q.Header.Get("X-Forwarded-For") != "" || q.Header.Get("Forwarded") != "" || q.Header.Get("Via") != "" {
		return false
	}
	if q.who.Loopback {
		return true
	}
	local, ok := q.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	here, _, err := net.SplitHostPort(local.String())
	from, _, err2 := net.SplitHostPort(q.RemoteAddr)
	return err == nil && err2 == nil && here == from
}

func (e *Edge) identify(token string) (Identity, *evenkeel.Error) {
	switch {
	case token == "":
		return Identity{}, evenkeel.Errorf(evenkeel.CodeUnauthenticated, "no token was given")
	case len(token) > auth.MaxTokenBytes:
		return Identity{}, evenkeel.Errorf(evenkeel.CodeUnauthenticated, "the token is longer than any of this cell")
	case strings.HasPrefix(token, auth.VisitorTokenPrefix):
		return e.identifyVisitor(token)
	default:
		return e.identifyLogin(token)
	}
}

func (e *Edge) identifyVisitor(token string) (Identity, *evenkeel.Error) {
	key, err := e.cfg.VisitorKey()
	if err != nil {
		e.cfg.Log.Error("cannot open the key of visitors' tokens", "error", err)
		return Identity{}, evenkeel.Errorf(evenkeel.CodeInternal, "visitors' tokens cannot be checked")
	}
	v, refusal := auth.ParseVisitor(key, token, e.wall())
	if refusal != nil {
		return Identity{}, refusal
	}
	p := evenkeel.Principal{Workspace: v.Workspace, Kind: evenkeel.PrincipalVisitor, ID: v.ID}
	e.cfg.Cell.View(func(r Reader) {
		if ws, ok := r.Workspace(v.Workspace); !ok {
			refusal = evenkeel.Errorf(evenkeel.CodeUnauthenticated, "the visitor's workspace does not exist")
		} else if ws.Suspended {
			refusal = evenkeel.Errorf(evenkeel.CodeForbidden, suspendedReason)
		}
	})
	return Identity{Principal: p, Role: evenkeel.RoleCustomer, Expires: v.Expires}, refusal
}

// identifyLogin looks an opaque token or a key up in the desk.
func (e *Edge) identifyLogin(token string) (who Identity, refusal *evenkeel.Error) {
	hash := auth.Hash(token)
	e.cfg.Cell.View(func(r Reader) {
		login, ok := r.Token(hash)
		if !ok {
			login, ok = r.APIKey(hash)
		}
		switch {
		case !ok:
			refusal = evenkeel.Errorf(evenkeel.CodeUnauthenticated, "the token is unknown, or was revoked")
			return
		case login.Expires != 0 && login.Expires <= r.Now():
			refusal = evenkeel.Errorf(evenkeel.CodeTokenExpired, "the token has expired")
			return
		}
		who = Identity{Principal: login.Principal, Role: login.Role, Name: login.Name, Login: login.Session, MustChange: login.MustChange}
		if login.Expires != 0 {
			who.Expires = r.Wall() + evenkeel.Time(login.Expires-r.Now())
		}
		if who.Role != evenkeel.RoleOperator {
			refusal = openWorkspace(r, who.Principal.Workspace)
		}
	})
	if refusal == nil && who.Login != "" {
		e.saw(who.Login)
	}
	return who, refusal
}

// asError returns the error as one with a code.
func asError(err error) *evenkeel.Error {
	if err == nil {
		return nil
	}
	var e *evenkeel.Error
	if errors.As(err, &e) {
		return e
	}
	return &evenkeel.Error{Code: evenkeel.CodeInternal, Detail: "something failed inside the server"}
}
