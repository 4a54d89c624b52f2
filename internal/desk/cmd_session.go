package desk

import (
	"github.com/evenkeel/evenkeel"
)

// checkSession checks the number of a session's command: each takes the number
// after the last one. repeat says that this number was taken before, so only
// the caller's id can tell what came of it.
func (d *Desk) checkSession(c *call) (repeat bool, refusal *evenkeel.Error) {
	if c.session.IsZero() {
		return false, nil
	}
	s := d.sessions.get(c.session)
	switch {
	case s == nil || !d.liveIncarnation(c.session.Incarnation):
		return false, &evenkeel.Error{Code: evenkeel.CodeNotFound, Field: "session", Detail: "the session " + c.session.String() + " is over"}
	case s.Principal != c.by:
		return false, &evenkeel.Error{Code: evenkeel.CodeForbidden, Field: "session", Detail: "the session is somebody else's"}
	case c.seq == 0 || c.seq > s.Last+1:
		return false, &evenkeel.Error{Code: evenkeel.CodeConflict, Field: "seq", Detail: "the session's next command is number " + base10(s.Last+1)}
	}
	c.from, c.who = s, s.who
	if c.seq <= s.Last {
		return true, nil
	}
	d.sessions.touch(s)
	s.Last = c.seq
	return false, nil
}

// sessionOpen tells of a client whose presence matters.
func (d *Desk) sessionOpen(b *evenkeel.SessionOpen) (evenkeel.Result, *evenkeel.Error) {
	if b.Session.Incarnation == 0 || !d.liveIncarnation(b.Session.Incarnation) {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeConflict, "the incarnation %d is void", b.Session.Incarnation)
	}
	if old := d.sessions.get(b.Session); old != nil {
		if old.Principal != b.Principal {
			return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeConflict, "the session %s is somebody else's", b.Session)
		}
		return evenkeel.Result{Repeated: true}, nil
	}
	a, refusal := d.actorOf(b.Principal)
	if refusal != nil {
		return evenkeel.Result{}, refusal
	}
	s := &sessionRow{ID: b.Session, Principal: b.Principal, Token: b.Token}
	switch {
	case a.agent != nil:
		return d.openAgentSession(a.agent, s)
	case a.customer != "":
		return d.openVisitorSession(s)
	default:
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeBadRequest, "a %s needs no session", b.Principal.Kind)
	}
}

func (d *Desk) openAgentSession(a *agentRow, s *sessionRow) (evenkeel.Result, *evenkeel.Error) {
	if s.Token != "" && d.tokens.get(s.Token) == nil {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeUnauthenticated, "the login has ended")
	}
	if int64(len(a.sessions)) >= d.cell.Limits.AgentSessions {
		return evenkeel.Result{}, errSessions(len(a.sessions))
	}
	first := !a.connected()
	d.addSession(s)
	if first {
		d.agents.touch(a)
		d.agentConnected(a)
	}
	return evenkeel.Result{}, nil
}

func (d *Desk) openVisitorSession(s *sessionRow) (evenkeel.Result, *evenkeel.Error) {
	p := s.Principal
	if refusal := d.roomForCustomer(p.Workspace, p.ID); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if cu := d.customers.get(key{p.Workspace, p.ID}); cu != nil && int64(len(cu.sessions)) >= d.cell.Limits.VisitorSessions {
		return evenkeel.Result{}, errSessions(len(cu.sessions))
	}
	if refusal := d.room(rowBytes); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	cu := d.customerFor(p.Workspace, p.ID)
	first := !cu.connected()
	d.addSession(s)
	if first {
		d.customerBack(cu)
	}
	return evenkeel.Result{}, nil
}

func errSessions(n int) *evenkeel.Error {
	return evenkeel.Errorf(evenkeel.CodeLimitReached, "%d sessions are open, which is the limit; close another window", n)
}

func (d *Desk) addSession(s *sessionRow) {
	d.sessions.add(s)
	d.account(rowBytes)
	d.linkSession(s)
}

// sessionClose ends a session. One that is over already is a success: closing
// is what was wanted.
func (d *Desk) sessionClose(b *evenkeel.SessionClose) (evenkeel.Result, *evenkeel.Error) {
	s := d.sessions.get(b.Session)
	if s == nil {
		return evenkeel.Result{Repeated: true}, nil
	}
	d.endSession(s)
	return evenkeel.Result{}, nil
}
