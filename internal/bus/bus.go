package bus

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// MaxMessage is the longest payload, in bytes: what fits into a message of NATS with
// its usual limit of 1 MiB.
const MaxMessage = 1<<20 - 4<<10

// What may wait to be sent.
const (
	queueMessages = 4096
	queueBytes    = 16 << 20
)

// What may wait to be handled, of one topic.
const (
	pendingMessages = 16384
	pendingBytes    = 32 << 20
)

// Config is what a bus is made of. All but Outside, Listen, TLS and Log are needed.
type Config struct {
	Cell, Generation string
	Node             uint64    // this one
	Key              []byte    // the cell's, from which those of messages are derived
	Random           io.Reader // such as crypto/rand.Reader

	// Outside is the operator's NATS system; nil: each node has a server of its own.
	Outside *Outside
	// Listen is where the own server takes connections of others, HOST:PORT, the best
	// first; port 0: any. TLS, called when it opens, is that of such connections, for
	// both of their sides.
	Listen []string
	TLS    func() *tls.Config

	Log *slog.Logger
}

// Peer is another node, as is known of it by other means than the bus.
type Peer struct {
	Node    uint64
	Address string // of its server, HOST:PORT; empty: it has none, or it is not known yet
	Boot    []byte // its Self; empty: not known yet
	Sent    uint64
}

// Self is what the other nodes are to be told of this one, by other means than the
// bus: with it they know its messages, and those that are too old.
type Self struct {
	Address string // empty: none is open
	Boot    []byte
	Sent    uint64 // messages so far
}

// Bus is a process's part in the bus. Make one with New; all methods may be called
// from any goroutine.
type Bus struct {
	cfg    Config
	log    *slog.Logger
	own    *sealer
	ctx    context.Context
	cancel context.CancelFunc
	tasks  sync.WaitGroup

	queue  chan outgoing
	queued atomic.Int64 // bytes in the queue
	sent   atomic.Uint64
	conn   atomic.Pointer[nats.Conn] // nil: none
	among  atomic.Bool               // there are other nodes
	counts counts

	pumped chan struct{} // closed when nothing more is sent
	wake   chan struct{} // holds one token when there is something for keep to look at
	asked  asked

	mu      sync.Mutex
	topics  []*topic
	peers   map[uint64]*peer // whose messages can be opened
	follows []Peer           // as Follow said last
	address string           // of the own server
	state   State            // Connected and Since
}

// outgoing is a message in the queue.
type outgoing struct {
	subject string
	payload []byte
}

// peer is another node's process as its messages are opened. It does not change but
// for when it was heard: another boot is another peer.
type peer struct {
	*sealer
	floor uint64 // what counts no more than this was sent before this process knew of it
	heard atomic.Int64
}

// topic is what messages of a subject are handled by.
type topic struct {
	bus     *Bus
	subject string
	handle  func(from uint64, payload []byte)

	mu    sync.Mutex // one message at a time, also while connections change
	last  map[uint64]mark
	ended bool

	sub *nats.Subscription // of the open connection; under the bus's lock
}

// mark is the newest message of a node.
type mark struct {
	of    *peer
	count uint64
}

// New makes a bus. It has nothing open until Follow tells of another node. What is
// to be subscribed to and answered is said before that.
func New(cfg Config) (*Bus, error) {
	boot := make([]byte, bootBytes)
	if _, err := io.ReadFull(cfg.Random, boot); err != nil {
		return nil, fmt.Errorf("name this process on the bus: %w", err)
	}
	own, err := newSealer(&cfg, boot)
	if err != nil {
		return nil, err
	}
	if cfg.Outside == nil && (cfg.TLS == nil || len(cfg.Listen) == 0) {
		return nil, errors.New("make a bus: an embedded server needs an address and TLS")
	}
	b := &Bus{
		cfg: cfg, log: cfg.Log, own: own, queue: make(chan outgoing, queueMessages), pumped: make(chan struct{}), wake: make(chan struct{}, 1),
		peers: map[uint64]*peer{}, state: State{Since: time.Now()},
	}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.Subscribe(beatTopic, func(uint64, []byte) {})
	b.Subscribe(answersTo(cfg.Node), b.asked.answered)
	b.tasks.Go(b.pump)
	b.tasks.Go(b.keep)
	return b, nil
}

// Stop sends what is queued and closes what is open. Nothing is handled after it.
func (b *Bus) Stop() {
	b.cancel()
	b.tasks.Wait()
	b.mu.Lock()
	topics := b.topics
	b.mu.Unlock()
	for _, t := range topics {
		t.mu.Lock() // waits for what is being handled
		t.ended = true
		t.mu.Unlock()
	}
}

func (b *Bus) subject(topic string) string { return b.cfg.Cell + "." + b.cfg.Generation + "." + topic }

// Publish sends a payload to the other nodes that subscribe to the topic. It does not
// block; false: it was dropped. The payload must not be changed afterwards.
func (b *Bus) Publish(topic string, payload []byte) bool {
	switch {
	case !b.among.Load():
		return false // nobody could miss it
	case len(payload) > MaxMessage:
		b.counts.large.Add(1)
		return false
	case b.queued.Add(int64(len(payload))) > queueBytes:
		b.queued.Add(-int64(len(payload)))
		b.counts.full.Add(1)
		return false
	}
	select {
	case b.queue <- outgoing{b.subject(topic), payload}:
		return true
	default:
		b.queued.Add(-int64(len(payload)))
		b.counts.full.Add(1)
		return false
	}
}

// Subscribe has the messages of a topic handled, one at a time. A handler that is
// slow makes its topic lose messages.
func (b *Bus) Subscribe(name string, handle func(from uint64, payload []byte)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.topics = append(b.topics, &topic{bus: b, subject: b.subject(name), handle: handle, last: map[uint64]mark{}})
}

// pump sends what is queued, in order, at the end what is left.
func (b *Bus) pump() {
	defer close(b.pumped)
	for {
		select {
		case m := <-b.queue:
			b.send(m)
		case <-b.ctx.Done():
			for len(b.queue) > 0 {
				b.send(<-b.queue)
			}
			return
		}
	}
}

func (b *Bus) send(m outgoing) {
	b.queued.Add(-int64(len(m.payload)))
	conn := b.conn.Load()
	if conn == nil || !conn.IsConnected() {
		b.counts.down.Add(1)
		return
	}
	count := b.sent.Add(1)
	switch err := conn.Publish(m.subject, b.own.seal(m.subject, b.cfg.Node, count, m.payload)); {
	case err == nil:
		b.counts.out.Add(1)
	case errors.Is(err, nats.ErrMaxPayload): // the outside system allows less
		b.counts.large.Add(1)
	default:
		b.counts.down.Add(1)
	}
}

// take handles a message of NATS, if it is good.
func (t *topic) take(m *nats.Msg) {
	b := t.bus
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return
	}
	head, ok := readHead(m.Data)
	if !ok {
		b.counts.forged.Add(1)
		return
	}
	p := b.peer(head.node)
	if p == nil || !bytes.HasPrefix(p.boot, head.boot) {
		b.counts.unknown.Add(1)
		return
	}
	payload, err := p.open(t.subject, head.count, m.Data)
	if err != nil {
		b.counts.forged.Add(1)
		return
	}
	newest := p.floor
	if last := t.last[head.node]; last.of == p {
		newest = last.count
	}
	if head.count <= newest {
		b.counts.replayed.Add(1)
		return
	}
	t.last[head.node] = mark{p, head.count}
	p.heard.Store(time.Now().UnixNano())
	b.counts.in.Add(1)
	t.handle(head.node, payload)
}

func (b *Bus) peer(node uint64) *peer {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.peers[node]
}
