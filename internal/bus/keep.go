package bus

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
)

// How often the bus looks after itself.
const (
	lookEvery = 500 * time.Millisecond
	beatEvery = 2 * time.Second // so that others know that they hear this node
	openPause = 2 * time.Second // between two tries to open
	lastWords = 300 * time.Millisecond
)

// beatTopic carries messages without content.
const beatTopic = "beat"

// link is how a process comes to a connection.
type link interface {
	// open opens what is needed, and a connection to it.
	open(peers []Peer, options []nats.Option) (*nats.Conn, error)
	// follow takes note of other peers; errReopen: it takes a new beginning.
	follow(peers []Peer) error
	// routed tells whether what is sent can get beyond this process.
	routed() bool
	// address is where the servers of others reach the own one; empty: there is none.
	address() string
	close()
}

var errReopen = errors.New("what is open is not to stay so")

// Follow says who the other nodes are from now on. With none nothing stays open.
func (b *Bus) Follow(peers []Peer) {
	if len(peers) == 0 && !b.among.Load() {
		return // a cell of one is not woken for nothing
	}
	b.mu.Lock()
	known := map[uint64]*peer{}
	for _, p := range peers {
		old := b.peers[p.Node]
		if old != nil && (len(p.Boot) == 0 || bytes.Equal(old.boot, p.Boot)) {
			known[p.Node] = old
		} else if s, err := newSealer(&b.cfg, p.Boot); err == nil {
			known[p.Node] = &peer{sealer: s, floor: p.Sent}
		}
	}
	b.peers, b.follows = known, slices.Clone(peers)
	b.among.Store(len(peers) > 0)
	b.mu.Unlock()
	b.look()
}

func (b *Bus) look() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// keeper opens and closes what the bus needs.
type keeper struct {
	*Bus
	link link
	open *nats.Conn // nil: nothing is

	next time.Time // not to be opened before
	told string    // why it could not be opened, as the log has it
	beat time.Time // of the last one
}

// keep looks after the bus until it stops.
func (b *Bus) keep() {
	k := &keeper{Bus: b, link: &embedded{cfg: &b.cfg, log: b.log}}
	if b.cfg.Outside != nil {
		k.link = b.cfg.Outside
	}
	tick := time.NewTimer(lookEvery)
	defer tick.Stop()
	for {
		tick.Stop()
		if b.among.Load() {
			tick.Reset(lookEvery)
		}
		select {
		case <-b.wake:
		case <-tick.C:
		case <-b.ctx.Done():
			<-b.pumped
			k.shut()
			return
		}
		k.follow()
		k.note()
		if b.among.Load() && time.Since(k.beat) >= beatEvery {
			k.beat = time.Now()
			b.Publish(beatTopic, nil)
		}
	}
}

// follow makes what is open what it should be.
func (k *keeper) follow() {
	k.mu.Lock()
	peers := k.follows
	k.mu.Unlock()
	if k.open != nil {
		if len(peers) == 0 || k.open.IsClosed() || k.link.follow(peers) != nil {
			k.shut()
			k.next = time.Time{}
		}
	}
	if k.open != nil || len(peers) == 0 || time.Now().Before(k.next) {
		return
	}
	k.next = time.Now().Add(openPause)
	if err := k.begin(peers); err != nil {
		if k.told != err.Error() {
			k.log.Warn("the bus cannot be opened; it is tried again. Typing and live channels reach only clients of the same node", "error", err)
		}
		k.told = err.Error()
		return
	}
	k.told = ""
}

// begin opens a connection and subscribes to all topics.
func (k *keeper) begin(peers []Peer) error {
	conn, err := k.link.open(peers, k.options())
	if err != nil {
		k.link.close()
		return err
	}
	k.open = conn
	k.mu.Lock()
	for _, t := range k.topics {
		if t.sub, err = conn.Subscribe(t.subject, t.take); err == nil {
			err = t.sub.SetPendingLimits(pendingMessages, pendingBytes)
		}
		if err != nil {
			break
		}
	}
	k.address = k.link.address()
	k.mu.Unlock()
	if err != nil {
		k.shut()
		return err
	}
	k.conn.Store(conn)
	return nil
}

// options are those of every connection.
func (k *keeper) options() []nats.Option {
	return []nats.Option{
		nats.NoEcho(), nats.MaxReconnects(-1), nats.ReconnectWait(250 * time.Millisecond), nats.ReconnectJitter(250*time.Millisecond, 500*time.Millisecond),
		nats.ReconnectBufSize(-1), // what is live is of no use later
		nats.Timeout(2 * time.Second), nats.PingInterval(5 * time.Second), nats.MaxPingsOutstanding(2), nats.FlusherTimeout(5 * time.Second),
		nats.ConnectHandler(func(*nats.Conn) { k.look() }), nats.ReconnectHandler(func(*nats.Conn) { k.look() }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				k.log.Info("the connection to the bus was lost; it is made again", "error", err)
			}
			k.look()
		}),
		nats.ErrorHandler(func(_ *nats.Conn, s *nats.Subscription, err error) {
			if !errors.Is(err, nats.ErrSlowConsumer) { // counted
				k.log.Warn("the bus refuses something", "error", err)
			}
		}),
	}
}

// shut closes what is open.
func (k *keeper) shut() {
	if k.open == nil {
		return
	}
	k.conn.Store(nil)
	if k.open.IsConnected() {
		_ = k.open.FlushTimeout(lastWords) // what does not get out in time is lost
	}
	k.mu.Lock()
	for _, t := range k.topics {
		k.counts.slow.Add(t.lost())
		t.sub = nil
	}
	k.address = ""
	k.mu.Unlock()
	k.open.Close()
	k.link.close()
	k.open = nil
}

// lost counts what the open connection threw away because the handler was slow.
func (t *topic) lost() uint64 {
	if t.sub == nil {
		return 0
	}
	n, err := t.sub.Dropped()
	if err != nil {
		return 0 // it is closed, and was counted
	}
	return uint64(n)
}

// note takes note of how the connection stands.
func (k *keeper) note() {
	connected := k.open != nil && k.open.IsConnected() && k.link.routed()
	k.mu.Lock()
	changed := connected != k.state.Connected
	if changed {
		k.state.Connected, k.state.Since = connected, time.Now()
	}
	k.mu.Unlock()
	if changed {
		k.beat = time.Time{} // it is heard at once
		k.log.Info("the bus", "connected", connected)
	}
}
