package bus

import (
	"bytes"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
)

// foreign connects a client of the operator's own to his system.
func (s *system) foreign() *nats.Conn {
	s.Helper()
	conn, err := nats.Connect(s.servers[0].url, nats.UserCredentials(s.credentials), nats.RootCAs(s.ca))
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(conn.Close)
	return conn
}

// TestForeignClient: whoever else is on the outside NATS reads nothing that was said,
// and makes nobody believe what was not.
func TestForeignClient(t *testing.T) {
	s := newSystem(t)
	c := &cell{T: t}
	k := kind{config: func(node uint64) Config {
		cfg := baseConfig(t, node)
		cfg.Outside = s.outside()
		return cfg
	}}
	b1, b2 := c.add(k, 1), c.add(k, 2)
	e, other := listen(b2, "a"), listen(b2, "b")
	c.meet()

	conn := s.foreign()
	messages := make(chan *nats.Msg, 100)
	if _, err := conn.ChanSubscribe(b1.subject("a"), messages); err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	const secret = "the customer types his secret"
	b1.Publish("a", []byte(secret))
	m := <-messages
	if bytes.Contains(m.Data, []byte("secret")) || !strings.HasPrefix(m.Subject, "cell-test.g1.") {
		t.Errorf("on %s a foreign client reads %q", m.Subject, m.Data)
	}
	eventually(t, "the message", func() bool { return e.count("1:"+secret) == 1 })

	later := Config{Cell: "cell-test", Generation: "g2", Node: 1, Key: b1.cfg.Key}
	generation2, err := newSealer(&later, b1.own.boot)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(m.Data)
	flipped[len(flipped)-1] ^= 1
	newer := bytes.Clone(m.Data)
	newer[headBytes-1] += 50 // counted as if it came later
	unknown := bytes.Clone(m.Data)
	unknown[8] = 9 // of another node
	for _, row := range []struct {
		what, subject string
		data          []byte
		count         func(Dropped) uint64
	}{
		{"a replay", b1.subject("a"), m.Data, func(d Dropped) uint64 { return d.Replayed }},
		{"a flipped bit", b1.subject("a"), flipped, func(d Dropped) uint64 { return d.Forged }},
		{"another count", b1.subject("a"), newer, func(d Dropped) uint64 { return d.Forged }},
		{"another topic", b1.subject("b"), m.Data, func(d Dropped) uint64 { return d.Forged }},
		{"another generation", b1.subject("a"), generation2.seal(b1.subject("a"), 1, 1<<40, []byte("old")), func(d Dropped) uint64 { return d.Forged }},
		{"plain text", b1.subject("a"), []byte("hello"), func(d Dropped) uint64 { return d.Forged }},
		{"another node", b1.subject("a"), unknown, func(d Dropped) uint64 { return d.Unknown }},
	} {
		before := row.count(b2.State().Dropped)
		if err := conn.Publish(row.subject, row.data); err != nil {
			t.Fatal(err)
		}
		eventually(t, row.what+" to be counted", func() bool { return row.count(b2.State().Dropped) == before+1 })
	}
	if n := len(e.all()) + len(other.all()); n != 1 {
		t.Errorf("%d messages were taken: %q, %q", n, e.all(), other.all())
	}
	b1.Publish("a", []byte("and on"))
	eventually(t, "the true sender to be heard", func() bool { return e.count("1:and on") == 1 })
}

// TestServerOfOutsideKilled: the buses go to another server of the system, and come
// to terms with the first when it is back.
func TestServerOfOutsideKilled(t *testing.T) {
	s := newSystem(t)
	k := kind{config: func(node uint64) Config {
		cfg := baseConfig(t, node)
		cfg.Outside = s.outside()
		return cfg
	}}
	c := newCell(t, k, 3)
	e := listen(c.buses[2], "a")
	for i, through := range []func(int){nil, s.kill, s.start, s.kill} {
		if through != nil {
			through(i / 3) // the first, the first, the second
		}
		c.meet()
		want := "1:" + strings.Repeat("x", i+1)
		eventually(t, "a message", func() bool {
			c.gossip()
			c.buses[0].Publish("a", []byte(want[2:]))
			return e.count(want) > 0
		})
	}
}

// TestOutsideRefuses: a system that does not know the credentials, or is not trusted,
// is no bus; a name that cannot be right is told before.
func TestOutsideRefuses(t *testing.T) {
	s := newSystem(t)
	for name, change := range map[string]func(*Outside){
		"a stranger's credentials": func(o *Outside) { o.Credentials = s.stranger },
		"no credentials":           func(o *Outside) { o.Credentials = "" },
		"servers not trusted":      func(o *Outside) { o.CA = "" },
	} {
		c := &cell{T: t}
		good := c.add(kind{config: func(node uint64) Config { cfg := baseConfig(t, node); cfg.Outside = s.outside(); return cfg }}, 1)
		bad := c.add(kind{config: func(node uint64) Config {
			cfg := baseConfig(t, node)
			cfg.Outside = s.outside()
			change(cfg.Outside)
			return cfg
		}}, 2)
		eventually(t, "the good one to connect", func() bool { c.gossip(); return good.State().Connected })
		eventually(t, "the other to lose what it sends", func() bool {
			c.gossip()
			bad.Publish("a", []byte("x"))
			return bad.State().Dropped.Down > 3
		})
		if bad.State().Connected || !good.Heard(2).IsZero() {
			t.Errorf("%s: connected", name)
		}
	}
	for _, o := range []Outside{
		{}, {Servers: []string{"http://a"}}, {Servers: []string{"nats://"}}, {Servers: []string{"nats://a", "b"}}, {Servers: []string{"nats://a/b"}},
		{Servers: []string{"nats://a"}, Credentials: "/missing"}, {Servers: []string{"nats://a"}, Cert: s.ca},
	} {
		if o.Check() == nil {
			t.Errorf("%+v is taken", o)
		}
	}
	if err := s.outside().Check(); err != nil {
		t.Errorf("what is right is refused: %v", err)
	}
}
