package sim

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel"
)

// client is a person's program: it keeps a connection, calls methods until they
// are answered, and follows channels from where it was.
type client struct {
	w         *World
	name      string
	principal evenkeel.Principal
	staff     bool

	conn   *conn // nil: none
	home   *node // where it connects
	open   bool  // the connect reply is here
	away   bool  // does not want to be connected
	leaves int
	// refused is when the server last sent him away for good: he has too many
	// sessions, or the state is full.
	refused time.Duration
	lastID  uint32
	calls   map[uint32]*wish   // in flight on this connection
	asked   map[uint32]string  // subscribe commands in flight: channel
	ping    time.Duration      // the longest pause between pings
	heard   time.Duration      // when the server was last heard
	subs    map[string]*follow // by channel
	order   []*follow          // in the order of subscribing
	queue   []*wish            // not yet answered, in order
	person  person             // what he does
}

// follow is a channel that a client follows.
type follow struct {
	channel string
	server  bool // the server subscribes it
	known   bool // pos is where the client is
	live    bool
	since   time.Duration // when it began
	pos     evenkeel.Position
}

// The frames of the protocol, as a client reads them.
type frame struct {
	ID    uint32 `json:"id"`
	Error *struct {
		Code      uint32 `json:"code"`
		Message   string `json:"message"`
		Temporary bool   `json:"temporary"`
	} `json:"error"`
	Connect *struct {
		Ping int                   `json:"ping"`
		Subs map[string]subscribed `json:"subs"`
	} `json:"connect"`
	Subscribe *subscribed `json:"subscribe"`
	RPC       *struct {
		Data result `json:"data"`
	} `json:"rpc"`
	Push *struct {
		Channel     string       `json:"channel"`
		Pub         *publication `json:"pub"`
		Subscribe   *subscribed  `json:"subscribe"`
		Unsubscribe *struct {
			Code uint32 `json:"code"`
		} `json:"unsubscribe"`
	} `json:"push"`
}

type publication struct {
	Data   json.RawMessage `json:"data"`
	Offset uint64          `json:"offset"`
	Epoch  string          `json:"epoch"`
}

type subscribed struct {
	Epoch         string        `json:"epoch"`
	Offset        uint64        `json:"offset"`
	WasRecovering bool          `json:"was_recovering"`
	Recovered     bool          `json:"recovered"`
	Publications  []publication `json:"publications"`
}

func (c *client) own() string {
	if c.staff {
		return evenkeel.Channel(evenkeel.DefaultWorkspace, evenkeel.ChannelAgent, c.principal.ID)
	}
	return evenkeel.Channel(evenkeel.DefaultWorkspace, evenkeel.ChannelVisitor, c.principal.ID)
}

// dial tries to connect until it works.
func (c *client) dial() {
	if c.conn != nil || c.away {
		return
	}
	if c.conn = c.w.dial(c); c.conn == nil {
		c.w.after(100*time.Millisecond+c.w.around(400*time.Millisecond), c.dial)
		return
	}
	c.open, c.lastID = false, 1
	c.calls, c.asked = map[uint32]*wish{}, map[uint32]string{}
	c.heard, c.ping = c.w.now, 30*time.Second
	message := append([]byte(nil), `{"id":1,"connect":{"token":"`+c.name+`"`...)
	if own := c.subs[c.own()]; own != nil && own.known {
		message = append(message, `,"subs":{`...)
		message = append(evenkeel.AppendJSONString(message, own.channel), `:{"recover":true,"epoch":`...)
		message = append(evenkeel.AppendJSONString(message, own.pos.Epoch), `,"offset":`...)
		message = append(strconv.AppendUint(message, own.pos.Offset, 10), `}}`...)
	}
	c.send(append(message, `}}`...))
	c.watch(c.conn)
}

// watch gives a silent connection up, as SDKs do.
func (c *client) watch(conn *conn) {
	c.w.after(c.ping+8*time.Second, func() {
		if c.conn != conn {
			return
		}
		if c.w.now-c.heard >= c.ping+8*time.Second {
			c.w.cutConn(conn)
			return
		}
		c.watch(conn)
	})
}

func (c *client) send(message []byte) {
	conn := c.conn
	c.w.toServer(conn, func() {
		if conn.session != nil && !conn.gone {
			conn.node.gate.receive(conn.node, conn, message)
		}
	})
}

// disconnected tells that a connection is over, with the server's code if it
// said so.
func (c *client) disconnected(conn *conn, code uint32) {
	if c.conn != conn {
		return
	}
	c.w.tracef("%s is disconnected (%d)", c.name, code)
	c.w.check(code != 3000 || c.w.shape.Poison > 0 || c.w.now-c.w.troubled < pauseWithin, "a pause is no error",
		"%s lost his session, and all has been well since %s", c.name, c.w.troubled)
	conn.cut = true
	c.conn, c.open = nil, false
	for _, f := range c.order {
		f.live = false
	}
	pause := c.w.around(500 * time.Millisecond)
	if code >= 3500 {
		pause = 2*time.Second + c.w.around(5*time.Second) // a person reloads the page
		c.refused = c.w.now
	}
	c.w.after(pause, c.dial)
}

// leave disconnects for a while.
func (c *client) leave(d time.Duration) {
	if c.away {
		return
	}
	c.w.tracef("%s leaves for %s", c.name, d)
	c.away = true
	if c.conn != nil {
		c.w.cutConn(c.conn)
	}
	c.leaves++
	leave := c.leaves
	c.w.after(d, func() {
		if c.leaves == leave {
			c.back()
		}
	})
}

func (c *client) back() {
	if c.away {
		c.away = false
		c.dial()
	}
}

// receive is a message of the server that arrived.
func (c *client) receive(conn *conn, message []byte) {
	if c.conn != conn {
		return
	}
	c.heard = c.w.now
	for line := range strings.Lines(string(message)) {
		if line = strings.TrimSuffix(line, "\n"); line == "{}" {
			c.send([]byte("{}"))
			continue
		}
		var f frame
		err := json.Unmarshal([]byte(line), &f)
		c.w.check(err == nil, "clients get frames that they can read", "%v: %s", err, line)
		c.frame(&f)
		if c.conn != conn {
			return
		}
	}
}

func (c *client) frame(f *frame) {
	switch {
	case f.Push != nil:
		c.push(f)
	case f.ID == 1:
		c.connected(f)
	case c.calls[f.ID] != nil:
		o := c.calls[f.ID]
		delete(c.calls, f.ID)
		c.answered(o, f)
	case c.asked[f.ID] != "":
		channel := c.asked[f.ID]
		delete(c.asked, f.ID)
		c.followed(channel, f)
	default:
		c.w.fail("a command is answered once", "%s got an answer to command %d", c.name, f.ID)
	}
}

func (c *client) connected(f *frame) {
	if f.Error != nil {
		return // the connection is closed behind this
	}
	c.w.check(!c.open && f.Connect != nil, "a command is answered once", "%s got a second connect reply", c.name)
	c.open = true
	if f.Connect.Ping > 0 {
		c.ping = time.Duration(f.Connect.Ping) * time.Second
	}
	own, ok := f.Connect.Subs[c.own()]
	c.w.check(ok && len(f.Connect.Subs) == 1, "the server subscribes a client to its own channel", "%s got %v", c.name, f.Connect.Subs)
	c.w.tracef("%s is connected, recovered %t at %d", c.name, own.Recovered, own.Offset)
	sub := c.subs[c.own()]
	if sub == nil {
		sub = c.follow(c.own())
		sub.server = true
	}
	for _, sub := range c.order {
		if !sub.server {
			c.subscribe(sub)
		}
	}
	c.begin(sub, &own)
	if !own.Recovered {
		c.person.refresh(c)
	}
	for _, o := range slices.Clone(c.queue) {
		c.transmit(o)
	}
	c.person.welcome(c)
}

func (c *client) follow(channel string) *follow {
	sub := &follow{channel: channel}
	c.subs[channel] = sub
	c.order = append(c.order, sub)
	return sub
}

func (c *client) unfollow(channel string) {
	if sub := c.subs[channel]; sub != nil && !sub.server {
		delete(c.subs, channel)
		c.order = slices.DeleteFunc(c.order, func(s *follow) bool { return s == sub })
	}
}

// want follows a channel, from its beginning or from now on.
func (c *client) want(channel string, beginning bool) {
	if c.subs[channel] != nil {
		return
	}
	sub := c.follow(channel)
	sub.known = beginning // of whichever stream that is
	if c.open {
		c.subscribe(sub)
	}
}

func (c *client) subscribe(sub *follow) {
	c.lastID++
	c.asked[c.lastID] = sub.channel
	m := append([]byte(nil), `{"id":`...)
	m = append(strconv.AppendUint(m, uint64(c.lastID), 10), `,"subscribe":{"channel":`...)
	m = evenkeel.AppendJSONString(m, sub.channel)
	if sub.known {
		m = append(evenkeel.AppendJSONString(append(m, `,"recover":true,"epoch":`...), sub.pos.Epoch), `,"offset":`...)
		m = strconv.AppendUint(m, sub.pos.Offset, 10)
	}
	c.send(append(m, `}}`...))
}

// drop ends a subscription by the client's own will.
func (c *client) drop(channel string) {
	if sub := c.subs[channel]; sub == nil || !sub.live {
		return
	}
	c.unfollow(channel)
	if c.open {
		c.lastID++
		c.asked[c.lastID] = "-"
		m := append([]byte(nil), `{"id":`...)
		m = append(strconv.AppendUint(m, uint64(c.lastID), 10), `,"unsubscribe":{"channel":`...)
		c.send(append(evenkeel.AppendJSONString(m, channel), `}}`...))
	}
}

func (c *client) followed(channel string, f *frame) {
	sub := c.subs[channel]
	switch {
	case sub == nil:
	case f.Error != nil:
		c.w.stats.add("subscriptions refused", 1)
		if f.Error.Temporary {
			c.w.after(time.Second, func() {
				if c.open && c.subs[channel] == sub && !sub.live {
					c.subscribe(sub)
				}
			})
			return
		}
		c.unfollow(channel)
	default:
		c.begin(sub, f.Subscribe)
	}
}

// begin is the start of a subscription: all that was missed, or the news that it
// is gone.
func (c *client) begin(sub *follow, r *subscribed) {
	c.w.check(!sub.live, "a subscription begins once", "%s, %s", c.name, sub.channel)
	sub.live, sub.since = true, c.w.now
	c.w.check(r.WasRecovering == sub.known, "a recovery is answered as one", "%s, %s", c.name, sub.channel)
	if !r.Recovered {
		if sub.known {
			c.w.streams.unrecovered(c, sub)
			c.w.stats.add("recoveries refused", 1)
		}
		c.w.check(len(r.Publications) == 0, "a recovery is whole or none", "%s, %s", c.name, sub.channel)
		sub.pos, sub.known = evenkeel.Position{Epoch: r.Epoch, Offset: r.Offset}, true
		return
	}
	c.w.stats.add("recoveries", 1)
	c.w.check(sub.pos.Epoch == "" || sub.pos.Epoch == r.Epoch, "a stream has no gap, double or reordering",
		"%s follows %s at %v and was recovered at %s", c.name, sub.channel, sub.pos, r.Epoch)
	c.w.check(r.Offset == sub.pos.Offset || sub.pos.Epoch == "", "a recovery begins where the client is", "%s, %s: %d, not %d", c.name, sub.channel, r.Offset, sub.pos.Offset)
	sub.pos.Epoch = r.Epoch
	for i := range r.Publications {
		c.w.stats.add("publications recovered", 1)
		c.published(sub, &r.Publications[i])
	}
}

func (c *client) push(f *frame) {
	p := f.Push
	sub := c.subs[p.Channel]
	if sub == nil || !sub.live {
		return // unsubscribed while it was on its way
	}
	switch {
	case p.Unsubscribe != nil:
		c.w.stats.add("subscriptions ended by the server", 1)
		sub.live = false
		if p.Unsubscribe.Code >= 2500 {
			c.subscribe(sub)
			return
		}
		c.unfollow(p.Channel)
	case p.Subscribe != nil:
		c.w.check(sub.pos.Epoch == "" && p.Subscribe.Offset == 0, "a stream has no gap, double or reordering", "%s: %s begins anew at %v", c.name, p.Channel, sub.pos)
		sub.pos.Epoch = p.Subscribe.Epoch
	case p.Pub != nil:
		if p.Pub.Epoch != "" && sub.pos.Epoch == "" {
			sub.pos.Epoch = p.Pub.Epoch
		}
		c.published(sub, p.Pub)
	}
}

// published is the next publication of a channel.
func (c *client) published(sub *follow, p *publication) {
	c.w.check(p.Offset == sub.pos.Offset+1, "a stream has no gap, double or reordering",
		"%s follows %s up to %d and got %d", c.name, sub.channel, sub.pos.Offset, p.Offset)
	sub.pos.Offset = p.Offset
	c.w.streams.received(c, sub, p.Data)
	c.w.stats.add("publications received", 1)
	if sub.server {
		c.person.hear(c, p.Data)
	}
}
