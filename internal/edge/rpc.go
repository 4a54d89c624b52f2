//evenkeel:shell

package edge

import (
	"encoding/json"

	"github.com/evenkeel/evenkeel"
)

// MaxParams bounds the parameters of an RPC, in bytes.
const MaxParams = 64 << 10

// Call runs an RPC method for a connected client. reply is called exactly
// once, possibly before Call returns and possibly after the client has gone; it
// must not block. A result is JSON.
func (e *Edge) Call(id ClientID, method string, raw []byte, reply func(result []byte, err *evenkeel.Error)) {
	reply = e.observeCall(method, reply)
	e.mu.Lock()
	conn := e.clients[id]
	e.mu.Unlock()
	if conn == nil {
		reply(nil, sessionLost())
		return
	}
	if len(raw) > MaxParams {
		reply(nil, evenkeel.Errorf(evenkeel.CodeTooLarge, "the parameters have more than %d bytes", MaxParams))
		return
	}
	if m := e.methods[method]; m != nil {
		e.callCommand(id, conn, m, raw, reply)
		return
	}
	b, err := e.read(conn, method, raw)
	if !absent(err) {
		reply(b, err)
		return
	}
	e.tasks.Go(func() { // to find out takes time
		err := e.Proven(e.ending, func() (err *evenkeel.Error) {
			b, err = e.read(conn, method, raw)
			return err
		})
		reply(b, err)
	})
}

// read runs a method that changes nothing.
func (e *Edge) read(conn *connection, method string, raw []byte) ([]byte, *evenkeel.Error) {
	var v any
	var err *evenkeel.Error
	switch method {
	case "agent.state":
		v, err = e.agentState(conn.who.Principal, raw)
	case "visitor.state":
		v, err = e.visitorState(conn.who.Principal, raw)
	case "context.get":
		v, err = e.contextGet(conn.who.Principal, raw)
	case "canned.render":
		v, err = e.cannedRender(conn.who.Principal, raw)
	case "chat.typing":
		v, err = e.chatTyping(conn.who, raw)
	default:
		err = evenkeel.Errorf(evenkeel.CodeUnknownMethod, "there is no method %q", method)
	}
	if err != nil {
		return nil, err
	}
	b, failure := json.Marshal(v)
	if failure != nil {
		e.cfg.Log.Error("cannot encode an answer", "method", method, "error", failure)
		return nil, evenkeel.Errorf(evenkeel.CodeInternal, "the answer cannot be encoded")
	}
	return b, nil
}

func (e *Edge) callCommand(id ClientID, conn *connection, m *Method, raw []byte, reply func([]byte, *evenkeel.Error)) {
	role := e.roleOf(conn.who)
	command, err := m.Read(conn.who.Principal, role, raw)
	if err == nil {
		err = e.mayWrite(conn.who, command.Body.Kind(), len(raw))
	}
	if err != nil {
		reply(nil, err)
		return
	}
	asked := *command // the courier numbers what it carries
	answer := func(r *evenkeel.Result, err *evenkeel.Error) {
		if err != nil {
			reply(nil, err)
			return
		}
		b, failure := AppendResult(nil, m.View, role, r)
		if failure != nil {
			e.cfg.Log.Error("cannot encode an answer", "method", m.Name, "error", failure)
			reply(nil, evenkeel.Errorf(evenkeel.CodeInternal, "it was done, but the answer cannot be encoded"))
			return
		}
		reply(b, nil)
	}
	e.submit(id, command, len(raw), func(r *evenkeel.Result, err *evenkeel.Error) {
		if e.hasLeft(&asked, err) {
			e.callAmend(&asked, len(raw), answer)
			return
		}
		answer(r, err)
	})
}

// roleOf is the role that a client has now: an admin may have changed it since
// it connected.
func (e *Edge) roleOf(who Identity) evenkeel.Role {
	if who.Principal.Kind == evenkeel.PrincipalVisitor {
		return evenkeel.RoleCustomer
	}
	role := evenkeel.RoleNone
	e.cfg.Cell.View(func(r Reader) { role = r.Role(who.Principal) })
	return role
}

func (e *Edge) agentState(by evenkeel.Principal, raw []byte) (v any, refusal *evenkeel.Error) {
	if err := e.nothing.decode(raw, &struct{}{}); err != nil {
		return nil, err
	}
	if by.Kind != evenkeel.PrincipalAgent {
		return nil, evenkeel.Errorf(evenkeel.CodeForbidden, "agent.state is for agents")
	}
	e.cfg.Cell.View(func(r Reader) {
		desk, err := r.AgentDesk(by)
		if err != nil {
			refusal = asError(err)
			return
		}
		v = agentStateOf(desk, r.Index())
	})
	return v, refusal
}

func (e *Edge) visitorState(by evenkeel.Principal, raw []byte) (v any, refusal *evenkeel.Error) {
	if err := e.nothing.decode(raw, &struct{}{}); err != nil {
		return nil, err
	}
	if by.Kind != evenkeel.PrincipalVisitor {
		return nil, evenkeel.Errorf(evenkeel.CodeForbidden, "visitor.state is for customers")
	}
	e.cfg.Cell.View(func(r Reader) {
		desk, err := r.VisitorDesk(by)
		if err != nil {
			refusal = asError(err)
			return
		}
		v = visitorStateOf(by.ID, desk, r.Index())
	})
	return v, refusal
}

func (e *Edge) contextGet(by evenkeel.Principal, raw []byte) (v any, refusal *evenkeel.Error) {
	var p contextGetParams
	if err := e.context.decode(raw, &p); err != nil {
		return nil, err
	}
	if err := firstError(checkOptionalID("customer", p.Customer), checkOptionalID("chat", p.Chat)); err != nil {
		return nil, err
	}
	e.cfg.Cell.View(func(r Reader) {
		c, err := r.Context(by, p.Customer, p.Chat)
		if err != nil {
			refusal = asError(err)
			return
		}
		v = &contextReply{Context: c, Index: r.Index()}
	})
	return v, refusal
}

func (e *Edge) cannedRender(by evenkeel.Principal, raw []byte) (v any, refusal *evenkeel.Error) {
	var p renderParams
	if err := e.render.decode(raw, &p); err != nil {
		return nil, err
	}
	if err := firstError(checkID("chat", p.Chat), checkID("canned", p.Canned)); err != nil {
		return nil, err
	}
	e.cfg.Cell.View(func(r Reader) {
		text, err := r.RenderCanned(by, p.Chat, p.Canned)
		if err != nil {
			refusal = asError(err)
			return
		}
		v = &cannedReply{Text: text, Index: r.Index()}
	})
	return v, refusal
}

// chatTyping passes on that somebody types. What comes too soon is dropped and
// answered like the rest: the sender has nothing to do about it.
func (e *Edge) chatTyping(who Identity, raw []byte) (any, *evenkeel.Error) {
	var p typingParams
	if err := e.typing.decode(raw, &p); err != nil {
		return nil, err
	}
	if err := firstError(checkID("chat", p.Chat), tooLong("preview", p.Preview, maxPreviewRunes)); err != nil {
		return nil, err
	}
	var chat *evenkeel.Chat
	var failure error
	e.cfg.Cell.View(func(r Reader) { chat, failure = r.Chat(who.Principal, p.Chat) })
	if failure != nil {
		return nil, asError(failure)
	}
	notices := typingNotices(who.Principal, who.Name, chat, p.Preview)
	if len(notices) > 0 && e.mayType(who.Principal, p.Chat) {
		for _, n := range notices {
			e.cfg.Spread(n.channel, n.data)
		}
	}
	return struct{}{}, nil
}

func (e *Edge) mayType(by evenkeel.Principal, chat string) bool {
	e.limits.mu.Lock()
	defer e.limits.mu.Unlock()
	ok, _ := e.limits.typing.take(by.String()+" "+chat, e.since())
	return ok
}

// MaySubscribe tells whether a principal may read a channel.
func (e *Edge) MaySubscribe(by evenkeel.Principal, channel string) (refusal *evenkeel.Error) {
	e.cfg.Cell.View(func(r Reader) { refusal = asError(r.MaySubscribe(by, channel)) })
	return refusal
}
