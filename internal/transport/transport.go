package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"
)

// Times of a connection.
const (
	dialTimeout  = 2 * time.Second // TCP, TLS and Hello together
	writeTimeout = 5 * time.Second // of what was queued
	pingEvery    = time.Second
	silenceLimit = 5 * time.Second // without a frame, or an answer to a ping: the connection is given up, which proves nothing
	firstRetry   = 20 * time.Millisecond
	lastRetry    = time.Second
)

// defaultQueueBytes bounds what waits to be sent to one node: more than Raft has
// in flight to one follower.
const defaultQueueBytes = 24 << 20

// Config is what a transport is made of. All but Source, Fetch, QueueBytes, Join and
// Log are needed. The functions are called by the transport's goroutines; those
// without an error must not block.
type Config struct {
	// Source is the address of this machine from which others are dialed; nil: any.
	Source net.IP
	// Identity gives this node's certificates as they are now.
	Identity Identity
	// Hello returns what this node says of itself; the transport adds the rest.
	Hello func() Hello
	// Judge decides whether the other side is welcome. Its error is told to it, as a
	// sentence for its operator.
	Judge func(Hello) error
	// Frame takes a frame from another node: of one node in order, one at a time.
	Frame func(from uint64, kind Kind, payload []byte)
	// Stream takes a stream; its error is told to the sender. It may take its time.
	Stream func(from uint64, header []byte, body io.Reader) error
	// Fetch writes what a node asks for; its error is told to the asker, after what
	// was written. It may take its time, which ends with ctx. nil: this node gives
	// nothing.
	Fetch func(ctx context.Context, from uint64, request []byte, body io.Writer) error
	// Join answers a process that is no member yet; nil: this node lets nobody join.
	Join func(ctx context.Context, request []byte) (answer []byte, err error)
	// Event is told what becomes of other nodes.
	Event func(Event)

	QueueBytes int // waiting for one node; 0: 24 MiB
	Log        *slog.Logger
}

// Event is something that happened to another node's connections.
type Event struct {
	Node  uint64
	What  What
	Hello Hello // of Connected
	Err   error // of Refused
}

// What happened.
type What uint8

// The kinds of events.
const (
	Connected What = iota // frames can be sent to it
	Lost                  // they cannot; why is not known
	Dead                  // its process has ended, for certain
	Refused               // one of the two does not want the other
)

// Transport is one node's connections to all others.
type Transport struct {
	cfg      Config
	log      *slog.Logger
	listener net.Listener
	ctx      context.Context // ends with the transport
	cancel   context.CancelFunc
	tasks    sync.WaitGroup

	mu      sync.Mutex
	peers   map[uint64]*peer
	callers map[net.Conn]struct{} // connections that others have opened
	stopped bool
}

// Listen begins to take connections at a listener, which becomes the transport's.
func Listen(listener net.Listener, cfg Config) *Transport {
	t := &Transport{cfg: cfg, log: cfg.Log, listener: listener, peers: map[uint64]*peer{}, callers: map[net.Conn]struct{}{}}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	if t.cfg.QueueBytes == 0 {
		t.cfg.QueueBytes = defaultQueueBytes
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.tasks.Go(t.accept)
	return t
}

// Addr returns where the transport listens.
func (t *Transport) Addr() net.Addr { return t.listener.Addr() }

// Peer keeps a connection to a node from now on, or uses another address for it.
func (t *Transport) Peer(id uint64, address string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		return
	}
	if p := t.peers[id]; p != nil {
		p.move(address)
		return
	}
	p := newPeer(t, id, address)
	t.peers[id] = p
	t.tasks.Go(p.run)
}

// Forget ends the connections with a node.
func (t *Transport) Forget(id uint64) {
	t.mu.Lock()
	p := t.peers[id]
	delete(t.peers, id)
	t.mu.Unlock()
	if p != nil {
		p.stop()
		p.dismiss()
	}
}

func (t *Transport) peer(id uint64) *peer {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.peers[id]
}

// Send queues a frame; false: it was dropped, since the node is not connected or
// its queue is full. The payload must not be changed afterwards.
func (t *Transport) Send(to uint64, kind Kind, payload []byte) bool {
	p := t.peer(to)
	return p != nil && len(payload) <= MaxFrame && kind >= firstKind && p.put(kind, payload)
}

// Stop says goodbye to all and ends every connection. What was queued before is
// still sent, as far as it goes at once.
func (t *Transport) Stop() {
	t.mu.Lock()
	t.stopped = true
	peers := t.peers
	t.peers = map[uint64]*peer{}
	t.mu.Unlock()
	var parting sync.WaitGroup
	for _, p := range peers {
		parting.Go(func() { p.part(); p.stop() })
	}
	parting.Wait()
	t.cancel()
	_ = t.listener.Close() // nobody is served any more either way
	t.mu.Lock()
	for conn := range t.callers {
		_ = conn.Close() // likewise
	}
	t.mu.Unlock()
	t.tasks.Wait()
}

// call opens a connection to an address and says hello. The node there must be
// who it is said to be; id 0: anybody of the cell.
func (t *Transport) call(ctx context.Context, id uint64, address string, why purpose) (*tls.Conn, Hello, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	dialer := tls.Dialer{NetDialer: dialerFrom(t.cfg.Source), Config: t.cfg.Identity.client()}
	raw, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, Hello{}, fmt.Errorf("dial %s: %w", address, t.unrelated(err))
	}
	conn := raw.(*tls.Conn)
	hello, err := t.introduce(ctx, conn, why)
	if err == nil && id != 0 && hello.Node != id {
		err = fmt.Errorf("node %d answers at %s, not node %d", hello.Node, address, id)
	}
	if err != nil {
		return nil, hello, errors.Join(err, conn.Close())
	}
	return conn, hello, nil
}

// unrelated tells a node that shows this cell's name under another authority from
// other failures: the cell has been founded anew there. What it shows proves nothing,
// so it is only told.
func (t *Transport) unrelated(err error) error {
	var unverified *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	if !errors.As(err, &unverified) || !errors.As(err, &unknown) {
		return err
	}
	own := t.cfg.Hello().Cell
	cell, node, bad := certified(unverified.UnverifiedCertificates)
	switch {
	case bad != nil:
		return err
	case cell != own:
		return &foreignError{fmt.Sprintf("a node of the cell %s answers there, this is one of %s", cell, own)}
	}
	return &foreignError{fmt.Sprintf("node %d answers there under another authority of the cell %s, as after `evenkeel recover`. If the cell goes on there, "+
		"what this node holds is no part of it: set its data directory aside and join anew", node, cell)}
}

// introduce exchanges hellos on a connection that this side opened.
func (t *Transport) introduce(ctx context.Context, conn *tls.Conn, why purpose) (Hello, error) {
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline) // a closed connection tells at the next use
	if err := writeMessage(conn, t.self(why)); err != nil {
		return Hello{}, err
	}
	var other Hello
	if err := readMessage(conn, &other); err != nil {
		return Hello{}, err
	}
	if other.Refusal != "" {
		return other, &RefusedError{other.Refusal, other.Cause}
	}
	if err := t.judge(conn, other); err != nil {
		return other, err
	}
	_ = conn.SetDeadline(time.Time{}) // likewise
	return other, nil
}

func (t *Transport) self(why purpose) Hello {
	hello := t.cfg.Hello()
	hello.Protocol, hello.Purpose = Protocol, why
	return hello
}

// judge holds what a node says of itself against its certificate, and asks
// whether it is welcome.
func (t *Transport) judge(conn *tls.Conn, hello Hello) error {
	if hello.Protocol != Protocol {
		return fmt.Errorf("version %s of the program (protocol %d) and version %s (protocol %d) do not understand each other: update the older one",
			hello.Version, hello.Protocol, t.cfg.Hello().Version, Protocol)
	}
	cell, node, err := certified(conn.ConnectionState().PeerCertificates)
	if err != nil {
		return err
	}
	if cell != hello.Cell || node != hello.Node {
		return fmt.Errorf("the certificate is that of node %d of cell %s, not of node %d of cell %s", node, cell, hello.Node, hello.Cell)
	}
	return t.cfg.Judge(hello)
}
