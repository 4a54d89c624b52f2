package realtime

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/evenkeel/evenkeel"
)

// TestResume lets clients come, be cut at any frame and come again on either of
// two replicas of one log, while that log grows and is applied, read and
// routed at any pace. Whatever happens, no client's stream has a hole, a double
// or another order, unless it was told that it is not the old stream; and in
// the end everybody has everything.
func TestResume(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt)
		steps := rapid.IntRange(20, 150).Draw(rt, "steps")
		for range steps {
			w.act(rapid.IntRange(0, 99).Draw(rt, "act"))
		}
		w.settle()
	})
}

type world struct {
	t        *rapid.T
	lossy    bool // events get lost on their way
	now      time.Duration
	set      Settings
	log      []entry
	replicas [2]*replica
	clients  []*clientModel
	sessions map[*Session]*link
}

// entry is one change of the desk.
type entry struct {
	channel string
	drop    bool
	evict   uint64 // leaves so many
}

type replica struct {
	desk    *fakeDesk
	hub     Hub[*Session]
	applied int
}

// link is a connection as the network sees it.
type link struct {
	session *Session
	replica *replica
	client  *clientModel
	reads   []Read      // not looked at yet
	pages   []*ReadDone // read, and on their way to the session
	wire    []string    // frames on their way to the client
	end     uint32      // the close code behind them; 0: it is open
}

// clientModel is what a client library does.
type clientModel struct {
	w    *world
	link *link // nil: not connected
	up   bool  // the connect reply has come
	subs map[string]*subModel
	next int // command id
	asks map[uint32]string
}

type subModel struct {
	server bool
	active bool
	pos    evenkeel.Position
	known  bool // there is a position to recover from
}

var resumeChannels = []string{"agent:ann", "chat:1", "chat:2"} //state: test data

func newWorld(t *rapid.T) *world {
	w := &world{t: t, now: time.Second, set: DefaultSettings(), sessions: map[*Session]*link{}}
	w.lossy = rapid.Bool().Draw(t, "lossy")
	w.set.MaxBehind = rapid.IntRange(1, 5).Draw(t, "behind")
	w.set.MaxRecovered = rapid.IntRange(3, 40).Draw(t, "recovered")
	w.set.MaxQueueBytes = rapid.IntRange(500, 5000).Draw(t, "queue")
	w.set.PingPresent = time.Hour // the network is what fails here
	for i := range w.replicas {
		w.replicas[i] = &replica{desk: newFakeDesk()}
	}
	for range 3 {
		c := &clientModel{w: w, subs: map[string]*subModel{}, asks: map[uint32]string{}}
		for _, ch := range resumeChannels {
			c.subs[ch] = &subModel{server: ch == "agent:ann"}
		}
		w.clients = append(w.clients, c)
	}
	return w
}

func (w *world) act(n int) {
	pick := func(what string, n int) int { return rapid.IntRange(0, n-1).Draw(w.t, what) }
	channel := func() string { return resumeChannels[pick("channel", len(resumeChannels))] }
	client := func() *clientModel { return w.clients[pick("client", len(w.clients))] }
	rep := func() *replica { return w.replicas[pick("replica", 2)] }
	switch {
	case n < 27:
		ch := channel()
		for range pick("publications", 4) + 1 {
			w.log = append(w.log, entry{channel: ch})
		}
	case n < 32:
		w.log = append(w.log, entry{channel: channel(), drop: true})
	case n < 34:
		w.log = append(w.log, entry{channel: channel(), evict: uint64(pick("left", 6))})
	case n < 46:
		w.apply(rep(), pick("entries", 6)+1)
	case n < 58:
		w.route(rep(), pick("events", 6)+1)
	case n < 60 && w.lossy:
		w.lose(rep())
	case n < 68:
		for _, l := range w.links() {
			if pick("look", 2) == 0 {
				w.look(l)
			}
			w.answer(l, pick("reads", 3))
		}
	case n < 78:
		w.receive(client(), pick("frames", 6)+1)
	case n < 82:
		w.cut(client())
	case n < 92:
		w.connect(client(), rep())
	default:
		w.pass(time.Duration(pick("ms", 800)) * time.Millisecond)
	}
}

func (w *world) links() []*link {
	var open []*link
	for _, c := range w.clients {
		if c.link != nil {
			open = append(open, c.link)
		}
	}
	return open
}

func (w *world) apply(r *replica, n int) {
	for ; n > 0 && r.applied < len(w.log); n-- {
		switch e := w.log[r.applied]; {
		case e.drop:
			if r.desk.channels[e.channel] != nil {
				r.desk.drop(e.channel)
			}
		case e.evict > 0:
			if r.desk.channels[e.channel] != nil {
				r.desk.evict(e.channel, e.evict)
			}
		default:
			r.desk.publish(e.channel)
		}
		r.applied++
	}
}

func (w *world) route(r *replica, n int) {
	for ; n > 0 && len(r.desk.unrouted) > 0; n-- {
		e := r.desk.unrouted[0]
		r.desk.unrouted = r.desk.unrouted[1:]
		to, in := r.hub.Route(&e, JSON())
		for _, session := range append([]*Session(nil), to...) {
			w.step(w.sessions[session], in)
		}
	}
}

// lose takes a publication out of what is on its way to the sessions.
func (w *world) lose(r *replica) {
	if n := len(r.desk.unrouted); n > 0 {
		i := rapid.IntRange(0, n-1).Draw(w.t, "lost")
		if r.desk.unrouted[i].Kind == evenkeel.EventPublication {
			r.desk.unrouted = slices.Delete(r.desk.unrouted, i, i+1)
		}
	}
}

func (w *world) step(l *link, in Input) {
	for _, e := range append([]Effect(nil), l.session.Step(in, w.now)...) {
		switch e := e.(type) {
		case Join:
			l.replica.hub.Join(e.Key, l.session)
		case Leave:
			l.replica.hub.Leave(e.Key, l.session)
		case Authenticate:
			w.step(l, Authenticated{Client: ann})
		case Read:
			l.reads = append(l.reads, e)
			if rapid.Bool().Draw(w.t, "at once") {
				w.look(l)
			}
		case Close:
			if !e.Now {
				w.take(l)
			}
			l.end = e.Code
		}
	}
}

func (w *world) take(l *link) {
	for {
		message := l.session.Take(nil, 200)
		if len(message) == 0 {
			return
		}
		l.wire = append(l.wire, strings.Split(string(message), "\n")...)
	}
}

// look reads the replica as it is now; the session learns of it later.
func (w *world) look(l *link) {
	for _, r := range l.reads {
		page, err := l.replica.desk.read(r.Request)
		l.pages = append(l.pages, NewReadDone(r.Tag, page, err))
	}
	l.reads = nil
}

func (w *world) answer(l *link, n int) {
	for ; n > 0 && len(l.pages) > 0; n-- {
		done := l.pages[0]
		l.pages = l.pages[1:]
		w.step(l, done)
	}
}

func (w *world) pass(d time.Duration) {
	w.now += d
	for _, l := range w.links() {
		if at, ok := l.session.Next(); ok && at <= w.now {
			w.step(l, Wake{})
		}
	}
}

func (w *world) cut(c *clientModel) {
	if c.link != nil {
		w.step(c.link, Gone{})
		delete(w.sessions, c.link.session)
		c.link, c.up = nil, false
		for _, ch := range resumeChannels {
			c.subs[ch].active = false
		}
	}
}

func (w *world) connect(c *clientModel, r *replica) {
	if c.link != nil {
		return
	}
	c.link = &link{session: NewSession(1, JSON(), &w.set, w.now), replica: r, client: c}
	w.sessions[c.link.session] = c.link
	c.asks = map[uint32]string{}
	cmd := &Command{ID: 1, Connect: &ConnectCommand{}}
	if sub := c.subs["agent:ann"]; sub.known {
		cmd.Connect.Subs = []RecoverFrom{{Channel: "agent:ann", Recover: true, Since: sub.pos}}
	}
	c.next = 2
	w.step(c.link, cmd)
}

// receive lets some frames reach a client, and what ends behind them.
func (w *world) receive(c *clientModel, n int) {
	if c.link == nil {
		return
	}
	w.take(c.link)
	for ; n > 0 && len(c.link.wire) > 0; n-- {
		frame := c.link.wire[0]
		c.link.wire = c.link.wire[1:]
		c.hear(frame)
	}
	if c.link.end != 0 && len(c.link.wire) == 0 {
		if c.link.end >= 3500 {
			w.t.Fatalf("sent away for good: %d", c.link.end)
		}
		w.cut(c)
	}
}

type modelFrame struct {
	ID        uint32
	Error     *Error
	Connect   *struct{ Subs map[string]*modelStart }
	Subscribe *modelStart
	Push      *struct {
		Channel     string
		Pub         *modelPub
		Subscribe   *modelStart
		Unsubscribe *Status
	}
}

type modelStart struct {
	Recovered     bool
	WasRecovering bool `json:"was_recovering"`
	evenkeel.Position
	Publications []*modelPub
}

type modelPub struct {
	Offset uint64
	Epoch  string
	Data   struct{ Number uint64 }
}

func (c *clientModel) hear(raw string) {
	var f modelFrame
	if err := json.Unmarshal([]byte(raw), &f); err != nil {
		c.w.t.Fatalf("%s: %v", raw, err)
	}
	switch {
	case f.Connect != nil:
		c.up = true
		c.start("agent:ann", f.Connect.Subs["agent:ann"])
		for _, ch := range resumeChannels[1:] {
			c.subscribe(ch)
		}
	case f.Subscribe != nil:
		c.start(c.asks[f.ID], f.Subscribe)
	case f.Push != nil && f.Push.Pub != nil:
		c.publication(f.Push.Channel, f.Push.Pub)
	case f.Push != nil && f.Push.Subscribe != nil:
		sub := c.subs[f.Push.Channel]
		if !sub.active || sub.pos != (evenkeel.Position{}) {
			c.w.t.Fatalf("a second start in the middle: %s", raw)
		}
		sub.pos = f.Push.Subscribe.Position
	case f.Push != nil && f.Push.Unsubscribe != nil:
		if f.Push.Unsubscribe.Code < 2500 {
			c.w.t.Fatalf("unsubscribed for good: %s", raw)
		}
		c.subs[f.Push.Channel].active = false
		c.subscribe(f.Push.Channel)
	default:
		c.w.t.Fatalf("unexpected: %s", raw)
	}
}

func (c *clientModel) subscribe(channel string) {
	id := uint32(c.next)
	c.next++
	c.asks[id] = channel
	cmd := &SubscribeCommand{RecoverFrom: RecoverFrom{Channel: channel, Recover: true}}
	if sub := c.subs[channel]; sub.known {
		cmd.Since = sub.pos
	}
	c.w.step(c.link, &Command{ID: id, Subscribe: cmd})
}

func (c *clientModel) start(channel string, s *modelStart) {
	sub := c.subs[channel]
	asked := sub.pos
	if s.WasRecovering != (!sub.server || sub.known) || s.Recovered && !s.WasRecovering {
		c.w.t.Fatalf("%s: %+v", channel, s)
	}
	if s.Recovered && asked.Epoch != "" && asked != s.Position || asked.Epoch == "" && s.Recovered && s.Offset != 0 {
		c.w.t.Fatalf("%s was to go on from %v, not %v", channel, asked, s.Position)
	}
	if !s.Recovered && len(s.Publications) > 0 {
		c.w.t.Fatalf("%s: a part of a recovery", channel)
	}
	sub.active, sub.known, sub.pos = true, true, s.Position
	for _, p := range s.Publications {
		c.publication(channel, p)
	}
}

func (c *clientModel) publication(channel string, p *modelPub) {
	sub := c.subs[channel]
	if !sub.active {
		c.w.t.Fatalf("%s: a publication without a subscription", channel)
	}
	if p.Epoch != "" {
		if sub.pos != (evenkeel.Position{}) {
			c.w.t.Fatalf("%s: another epoch at %v", channel, sub.pos)
		}
		sub.pos.Epoch = p.Epoch
	}
	if p.Offset != sub.pos.Offset+1 || p.Data.Number != p.Offset || sub.pos.Epoch == "" {
		c.w.t.Fatalf("%s: %+v comes after %v", channel, p, sub.pos)
	}
	sub.pos.Offset++
}

// settle lets everything arrive.
func (w *world) settle() {
	for _, ch := range resumeChannels {
		if w.lossy { // the next publication shows what was lost
			w.log = append(w.log, entry{channel: ch})
		}
	}
	for _, r := range w.replicas {
		w.apply(r, len(w.log))
	}
	whole := func() bool {
		for _, c := range w.clients {
			for _, ch := range resumeChannels {
				if c.link == nil || !c.subs[ch].active || c.subs[ch].pos != w.top(c.link.replica, ch) {
					return false
				}
			}
		}
		return true
	}
	for range 200 {
		for i, r := range w.replicas {
			w.connect(w.clients[i], r)
			w.connect(w.clients[2], r)
			w.route(r, len(w.log)+1)
		}
		for _, l := range w.links() {
			w.look(l)
			w.answer(l, 100)
		}
		w.pass(100 * time.Millisecond)
		for _, c := range w.clients {
			w.receive(c, 1000)
		}
		if whole() {
			return
		}
	}
	var b strings.Builder
	for i, c := range w.clients {
		fmt.Fprintf(&b, "client %d, connected %v:", i, c.link != nil)
		for _, ch := range resumeChannels {
			fmt.Fprintf(&b, " %s %v %+v of %v;", ch, c.subs[ch].active, c.subs[ch].pos, w.top(w.replicas[0], ch))
		}
		b.WriteString("\n")
	}
	w.t.Fatalf("it never settles:\n%s", b.String())
}

func (w *world) top(r *replica, channel string) evenkeel.Position {
	if ch := r.desk.channels[channel]; ch != nil {
		return evenkeel.Position{Epoch: ch.epoch, Offset: ch.next - 1}
	}
	return evenkeel.Position{}
}
