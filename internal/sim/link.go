package sim

import "time"

// toServer sends a message from a client. It is lost if the connection is cut
// before it arrives.
func (w *World) toServer(c *conn, arrive func()) {
	c.up = max(c.up, w.now+w.latency()) + 1
	w.carry(c, c.up, func() { c.node.arrives(arrive) })
}

// toClient sends a message to a client.
func (w *World) toClient(c *conn, arrive func()) {
	c.down = max(c.down, w.now+w.latency()) + 1
	w.carry(c, c.down, arrive)
}

func (w *World) carry(c *conn, at time.Duration, arrive func()) {
	w.after(at-w.now, func() {
		if !c.cut {
			arrive()
		}
	})
}

func (w *World) latency() time.Duration { return w.between(w.shape.Latency/4, 2*w.shape.Latency) }

// cutConn cuts a connection: what is on its way is lost. Each end finds out in its
// own time.
func (w *World) cutConn(c *conn) {
	if c.cut {
		return
	}
	w.stats.add("connections cut", 1)
	w.drop(c)
	n := c.node
	n.after(w.around(2*time.Second), func() { n.gate.hangUp(n, c) })
}

// drop is a cut of which the server's end knows already.
func (w *World) drop(c *conn) {
	if c.cut {
		return
	}
	c.cut = true
	w.after(w.around(300*time.Millisecond), func() { c.client.disconnected(c, 0) })
}

// dial opens a connection; nil if nobody answers.
func (w *World) dial(cl *client) *conn {
	n := w.nodeFor(cl)
	if !n.takesClients() {
		return nil
	}
	c := &conn{client: cl, node: n}
	life := n.life
	w.toServer(c, func() {
		if n.up && n.life == life {
			n.gate.open(n, c)
		} else {
			w.drop(c)
		}
	})
	return c
}
