package bus

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/evenkeel/evenkeel/internal/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cell is some nodes' buses, and what tells them of each other: in the product the
// heartbeats.
type cell struct {
	*testing.T
	buses []*Bus
}

// kind is a way in which a cell's buses are carried.
type kind struct {
	name string
	// config returns that of a node, and restart stops what carries the bus and starts
	// it again, while between, if set, runs.
	config  func(node uint64) Config
	restart func(c *cell, between func())
	// remove has the servers of the nodes refuse that of one. Only of embedded.
	remove func(node uint64)
}

func eventually(t *testing.T, what string, met func() bool) {
	t.Helper()
	limit, look := time.After(time.Minute), time.NewTicker(5*time.Millisecond)
	defer look.Stop()
	for !met() {
		select {
		case <-look.C:
		case <-limit:
			t.Fatalf("waited for %s", what)
		}
	}
}

// testLog logs into the test.
func testLog(t *testing.T, node uint64) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})).With("node", node)
}

// baseConfig is what the nodes of a test's cell have in common.
func baseConfig(t *testing.T, node uint64) Config {
	return Config{
		Cell: "cell-test", Generation: "g1", Node: node, Key: bytes.Repeat([]byte{7}, 32), Random: rand.Reader, Log: testLog(t, node),
	}
}

// embeddedKind carries the bus by servers inside the nodes.
func embeddedKind(t *testing.T) kind {
	var removed sync.Map
	certify := authority(t, "cell-test", func(node uint64) bool { _, gone := removed.Load(node); return !gone })
	return kind{
		name:   "embedded",
		remove: func(node uint64) { removed.Store(node, true) },
		config: func(node uint64) Config {
			cfg := baseConfig(t, node)
			cfg.Listen, cfg.TLS = []string{"127.0.0.1:0", "127.0.0.1:0"}, func() *tls.Config { return certify(node) }
			return cfg
		},
		restart: func(c *cell, between func()) {
			for _, b := range c.buses {
				b.Follow(nil) // its server ends
			}
			for _, b := range c.buses {
				eventually(t, "the servers to end", func() bool { return b.Self().Address == "" && !b.State().Connected })
			}
			between()
		},
	}
}

// authority certifies the nodes of a cell, as the product does.
func authority(t *testing.T, name string, welcome func(node uint64) bool) func(node uint64) *tls.Config {
	a, err := transport.NewAuthority(rand.Reader, name, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return func(node uint64) *tls.Config {
		public, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		certificate, err := a.Issue(rand.Reader, name, node, public, time.Now(), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		identity, err := transport.NewIdentity(certificate, a.Certificate(), key, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		return identity.Mutual(func(cell string, node uint64) error {
			if cell != name || !welcome(node) {
				return fmt.Errorf("node %d of %s is not welcome", node, cell)
			}
			return nil
		})
	}
}

// newCell makes the buses of some nodes. They know nobody yet.
func newCell(t *testing.T, k kind, nodes int) *cell {
	t.Helper()
	c := &cell{T: t}
	for i := range nodes {
		c.add(k, uint64(i+1))
	}
	return c
}

func (c *cell) add(k kind, node uint64) *Bus {
	c.Helper()
	b, err := New(k.config(node))
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(b.Stop)
	c.buses = append(c.buses, b)
	return b
}

// gossip tells all of all, as heartbeats do.
func (c *cell) gossip() {
	for _, b := range c.buses {
		var peers []Peer
		for _, other := range c.buses {
			if self := other.Self(); other != b {
				peers = append(peers, Peer{Node: other.cfg.Node, Address: self.Address, Boot: self.Boot, Sent: self.Sent})
			}
		}
		b.Follow(peers)
	}
}

// meet waits until everybody hears everybody.
func (c *cell) meet() {
	c.Helper()
	began := time.Now()
	eventually(c.T, "all to hear all", func() bool {
		c.gossip()
		for _, b := range c.buses {
			for _, other := range c.buses {
				if other != b && !b.Heard(other.cfg.Node).After(began) {
					return false
				}
			}
		}
		return true
	})
}

// ear is what somebody has heard.
type ear struct {
	mu    sync.Mutex
	heard []string
}

// listen subscribes to a topic.
func listen(b *Bus, topic string) *ear {
	e := new(ear)
	b.Subscribe(topic, func(from uint64, payload []byte) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.heard = append(e.heard, fmt.Sprintf("%d:%s", from, payload))
	})
	return e
}

func (e *ear) all() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.heard...)
}

func (e *ear) count(what string) (n int) {
	for _, h := range e.all() {
		if h == what {
			n++
		}
	}
	return n
}
