package sim

import (
	"encoding/json"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/edge"
	"github.com/evenkeel/evenkeel/internal/realtime"
)

// gate is the part of the realtime server's shell: connections, their sessions
// and the hub.
type gate struct {
	last  uint64
	conns map[uint64]*conn
	order []*conn // by number
	hub   realtime.Hub[*conn]
}

// conn is one connection, with its two ends. Frames of one direction arrive in
// the order in which they were sent, or are lost with the connection.
type conn struct {
	client *client
	node   *node
	id     uint64

	// The server's end.
	session *realtime.Session
	todo    []realtime.Effect
	running bool
	wakeAt  time.Duration
	gone    bool // the server knows that it is over
	who     evenkeel.Principal

	// The network between.
	cut      bool
	up, down time.Duration // when the last frame of a direction arrives
}

func (n *node) settings() *realtime.Settings {
	s := realtime.DefaultSettings()
	s.ClientPrefix = n.id() + "-"
	s.MaxBehind = n.w.shape.Behind
	s.MaxRecovered = n.w.shape.Recovered
	return &s
}

// open is a client's connection that reaches the server.
func (g *gate) open(n *node, c *conn) {
	if g.conns == nil {
		g.conns = map[uint64]*conn{}
	}
	g.last++
	c.id = g.last
	g.conns[c.id] = c
	g.order = append(g.order, c)
	c.session = realtime.NewSession(realtime.ClientID(c.id), realtime.JSON(), n.settings(), n.w.now+1)
	g.step(n, c, realtime.Wake{})
}

// receive is a message of a client that reaches the server.
func (g *gate) receive(n *node, c *conn, message []byte) {
	commands, err := realtime.JSON().Decode(message)
	if err != nil {
		g.step(n, c, realtime.Disconnect{Code: realtime.CloseBadRequest, Reason: err.Error()})
		return
	}
	for _, cmd := range commands {
		g.step(n, c, cmd)
	}
}

// step moves a session and sees to what follows from it.
func (g *gate) step(n *node, c *conn, in realtime.Input) {
	if c.gone || c.session == nil {
		return
	}
	c.todo = append(c.todo, c.session.Step(in, n.w.now+1)...)
	if len(c.todo) > 0 && !c.running {
		c.running = true
		n.after(n.jitter(), func() { g.run(n, c) })
	}
	g.flush(n, c)
	if at, ok := c.session.Next(); ok && (c.wakeAt == 0 || at < c.wakeAt) {
		c.wakeAt = at
		n.after(at-n.w.now, func() {
			if c.wakeAt > 0 && n.w.now+1 >= c.wakeAt {
				c.wakeAt = 0
				g.step(n, c, realtime.Wake{})
			}
		})
	}
}

// flush sends what the session has for its client.
func (g *gate) flush(n *node, c *conn) {
	for c.session.Pending() > 0 {
		message := c.session.Take(nil, 4<<10)
		n.w.toClient(c, func() { c.client.receive(c, message) })
	}
	c.session.Take(nil, 1) // it has been passed on
}

// run does the next thing that a session asked for.
func (g *gate) run(n *node, c *conn) {
	if len(c.todo) == 0 {
		c.running = false
		return
	}
	e := c.todo[0]
	c.todo = c.todo[1:]
	g.do(n, c, e)
	n.after(n.jitter(), func() { g.run(n, c) })
}

func (g *gate) do(n *node, c *conn, e realtime.Effect) {
	switch e := e.(type) {
	case realtime.Join:
		g.hub.Join(e.Key, c)
	case realtime.Leave:
		g.hub.Leave(e.Key, c)
	case realtime.Authenticate:
		n.after(n.jitter(), func() {
			client, err := g.authenticate(n, c)
			g.step(n, c, realtime.Authenticated{Client: client, Err: err})
		})
	case realtime.Read:
		n.after(n.jitter()/4, func() {
			page, err := g.read(n, e.Request)
			slow := n.w.shape.Read
			if n.w.chance(200) { // the machine has other things to do
				slow *= 20
			}
			n.after(n.w.around(slow), func() { g.step(n, c, realtime.NewReadDone(e.Tag, page, err)) })
		})
	case realtime.Call:
		g.call(n, c, e)
	case realtime.Connected:
		g.connected(n, c, e.Client)
	case realtime.Disconnected:
		n.edge.post(n, edge.ClientGone{Client: edge.ClientID(c.id)})
	case realtime.Close:
		n.w.stats.add("connections closed by the server", 1)
		n.w.toClient(c, func() { c.client.disconnected(c, e.Code) })
		g.forget(c)
	}
}

// authenticate looks the client up, as the node does: the token is the client's
// name.
func (g *gate) authenticate(n *node, c *conn) (realtime.Client, *evenkeel.Error) {
	who := c.client.principal
	role := n.desk().Role(who)
	if role == evenkeel.RoleNone {
		return realtime.Client{}, evenkeel.Errorf(evenkeel.CodeUnauthenticated, "nobody knows %s", who)
	}
	kind := evenkeel.ChannelVisitor
	if who.Kind == evenkeel.PrincipalAgent {
		kind = evenkeel.ChannelAgent
	}
	return realtime.Client{Principal: who, Role: role, Channels: []string{evenkeel.Channel(who.Workspace, kind, who.ID)}, Present: true}, nil
}

// read reads a channel's history from the desk as it is now.
func (g *gate) read(n *node, r realtime.ReadRequest) (realtime.Page, *evenkeel.Error) {
	d := n.desk()
	if err := d.MaySubscribe(r.By, r.Channel); err != nil {
		return realtime.Page{}, asError(err)
	}
	items, top, err := d.History(r.Channel, r.Since, r.Limit, r.Bytes)
	return realtime.Page{Top: top, Items: items}, asError(err)
}

func asError(err error) *evenkeel.Error {
	if err == nil {
		return nil
	}
	if e, ok := err.(*evenkeel.Error); ok { //nolint:errorlint // the desk wraps none
		return e
	}
	return evenkeel.Errorf(evenkeel.CodeInternal, "%v", err)
}

// connected is a client that was let in.
func (g *gate) connected(n *node, c *conn, client realtime.Client) {
	need := edge.SessionOnDemand
	if client.Principal.Kind == evenkeel.PrincipalAgent {
		need = edge.SessionAtOnce
	}
	c.who = client.Principal
	n.edge.post(n, edge.ClientConnected{Client: edge.ClientID(c.id), Principal: client.Principal, Need: need})
	if need != edge.SessionOnDemand {
		return
	}
	state, err := n.desk().VisitorDesk(client.Principal)
	if err != nil {
		return // the desk does not know him
	}
	for _, chat := range state.Chats {
		if !chat.State.Over() {
			n.edge.post(n, edge.PresenceNeeded{Client: edge.ClientID(c.id)})
			return
		}
	}
}

// needPresence has sessions opened for a customer who got a live chat.
func (g *gate) needPresence(n *node, channel string) {
	for _, c := range g.order {
		if c.who.Kind == evenkeel.PrincipalVisitor && evenkeel.Channel(c.who.Workspace, evenkeel.ChannelVisitor, c.who.ID) == channel {
			n.edge.post(n, edge.PresenceNeeded{Client: edge.ClientID(c.id)})
		}
	}
}

// result is what a call comes back with.
type result struct {
	Number   uint64 `json:"number,omitempty"`
	Chat     string `json:"chat,omitempty"`
	State    string `json:"state,omitempty"`
	Existing bool   `json:"existing,omitempty"`
	Repeated bool   `json:"repeated,omitempty"`
	Index    uint64 `json:"index"`
}

// call runs a method: the parameters name a wish of the client.
func (g *gate) call(n *node, c *conn, e realtime.Call) {
	o := n.w.ledger.wish(e.Params)
	n.w.check(o != nil && o.client == c.client, "a call reaches the server as it was sent", "%s", e.Params)
	command := o.command()
	n.edge.submit(n, edge.ClientID(c.id), command, 100+len(o.text), func(r *evenkeel.Result, err *evenkeel.Error) {
		if err != nil && err.Code.Info().Temporary {
			o.wavered = true // and what he asks for next may overtake the answer
		}
		done := &realtime.CallDone{ID: e.ID, Err: err}
		if err == nil {
			done.Result = encodeResult(r)
		}
		g.step(n, c, done)
	})
}

func encodeResult(r *evenkeel.Result) []byte {
	out := result{Number: r.Number, Existing: r.Existing, Repeated: r.Repeated, Index: r.Index}
	if r.Chat != nil {
		out.Chat, out.State = r.Chat.ID, r.Chat.State.String()
	}
	b, err := json.Marshal(&out)
	if err != nil {
		panic(err) // of strings and numbers
	}
	return b
}

// publish hands events to the clients that they concern.
func (g *gate) publish(n *node, events []evenkeel.Event) {
	for i := range events {
		to, in := g.hub.Route(&events[i], realtime.JSON())
		for _, c := range append([]*conn(nil), to...) {
			g.step(n, c, in)
		}
	}
}

// disconnect sends a client away.
func (g *gate) disconnect(n *node, id uint64, code uint32, reason string) {
	if c := g.conns[id]; c != nil {
		g.step(n, c, realtime.Disconnect{Code: code, Reason: reason})
	}
}

// hangUp is the end of a connection as the server notices it.
func (g *gate) hangUp(n *node, c *conn) {
	if c.session != nil && !c.gone {
		g.step(n, c, realtime.Gone{})
		for _, e := range c.todo {
			g.do(n, c, e)
		}
		c.todo = nil
		g.forget(c)
	}
}

func (g *gate) forget(c *conn) {
	c.gone = true
	delete(g.conns, c.id)
	for i, other := range g.order {
		if other == c {
			g.order = append(g.order[:i], g.order[i+1:]...)
			return
		}
	}
}

// fall is the end of the process: every connection is over, and the clients find
// out sooner or later.
func (g *gate) fall(n *node) {
	for _, c := range g.order {
		c.gone = true
		n.w.drop(c)
	}
}

// restart has every client connect again, as the realtime server does.
func (g *gate) restart(n *node) {
	for _, c := range append([]*conn(nil), g.order...) {
		g.step(n, c, realtime.Disconnect{Code: realtime.CloseShutdown, Reason: "shutdown"})
	}
}
