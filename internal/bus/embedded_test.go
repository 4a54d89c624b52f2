package bus

import (
	"crypto/tls"
	"net"
	"sync/atomic"
	"testing"
)

// TestMembersComeAndGo: the servers follow the nodes of the cell: those that come, those
// whose address changes, and those that are removed, which hear nothing any more.
func TestMembersComeAndGo(t *testing.T) {
	k := embeddedKind(t)
	c := newCell(t, k, 2)
	c.meet()
	ears := []*ear{listen(c.add(k, 3), "a"), listen(c.add(k, 4), "a")}
	c.meet()
	c.buses[0].Publish("a", []byte("to all"))
	for _, e := range ears {
		eventually(t, "those who came", func() bool { return e.count("1:to all") == 1 })
	}

	moved := c.buses[1]
	was := moved.Self().Address
	taken := func() net.Listener { // its port is another program's now
		moved.Follow(nil)
		eventually(t, "its server to end", func() bool { return moved.Self().Address == "" })
		l, err := net.Listen("tcp", was)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}()
	defer func() { _ = taken.Close() }()
	c.meet()
	if now := moved.Self().Address; now == was || now == "" {
		t.Errorf("it listens on %q, before on %q", now, was)
	}

	removed := c.buses[3]
	c.buses = c.buses[:3]
	k.remove(4)
	c.meet()
	c.buses[0].Publish("a", []byte("to members"))
	eventually(t, "who is still there", func() bool { return ears[0].count("1:to members") == 1 })
	eventually(t, "the removed one to have no route", func() bool { return !removed.State().Connected })
	if ears[1].count("1:to members") != 0 {
		t.Error("who was removed hears on")
	}
}

// TestStrangersHaveNoRoute: a server of another cell, with a certificate of its own
// authority, gets in by no address.
func TestStrangersHaveNoRoute(t *testing.T) {
	c := newCell(t, embeddedKind(t), 2)
	e := listen(c.buses[0], "a")
	c.meet()
	settings := authority(t, "cell-test", func(uint64) bool { return true })(3)
	var handshakes atomic.Int64
	show := settings.GetCertificate
	settings.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		handshakes.Add(1) // a member has come to its address
		return show(hello)
	}
	stranger := (&cell{T: t}).add(kind{config: func(node uint64) Config {
		cfg := baseConfig(t, node)
		cfg.Listen, cfg.TLS = []string{"127.0.0.1:0"}, func() *tls.Config { return settings }
		return cfg
	}}, 3)
	self := c.buses[0].Self()
	eventually(t, "several tries", func() bool {
		stranger.Follow([]Peer{{Node: 1, Address: self.Address, Boot: self.Boot, Sent: self.Sent}})
		c.buses[0].Follow([]Peer{
			{Node: 2, Address: c.buses[1].Self().Address, Boot: c.buses[1].Self().Boot}, {Node: 3, Address: stranger.Self().Address, Boot: stranger.Self().Boot},
		})
		stranger.Publish("a", []byte("let me in"))
		return handshakes.Load() >= 2
	})
	if stranger.State().Connected || !stranger.Heard(1).IsZero() || len(e.all()) != 0 {
		t.Errorf("a stranger is connected: %+v, heard %v", stranger.State(), e.all())
	}
}

// TestPortIsTaken: a bus whose address another program has opens when it is free.
func TestPortIsTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := embeddedKind(t)
	c := newCell(t, k, 1)
	c.add(kind{config: func(node uint64) Config {
		cfg := k.config(node)
		cfg.Listen = []string{l.Addr().String()}
		return cfg
	}}, 2)
	eventually(t, "the other to open", func() bool { c.gossip(); return c.buses[0].Self().Address != "" })
	if at := c.buses[1].Self().Address; at != "" {
		t.Errorf("it listens on %s, which is taken", at)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	c.meet()
}
