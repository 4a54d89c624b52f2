package transport

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"time"
)

// peer keeps the connection to one other node, by which frames go there.
type peer struct {
	t  *Transport
	id uint64

	ctx    context.Context
	cancel context.CancelFunc
	wake   chan struct{} // holds one token: something was queued, or changed

	mu        sync.Mutex
	address   string
	connected bool
	parting   bool
	queue     []frame
	bytes     int

	boot    string   // of the process known last; empty: none, or it is dead
	inbound net.Conn // the connection that it has opened to this node; nil: none
}

type frame struct {
	kind    Kind
	payload []byte
}

func newPeer(t *Transport, id uint64, address string) *peer {
	p := &peer{t: t, id: id, address: address, wake: make(chan struct{}, 1)}
	p.ctx, p.cancel = context.WithCancel(t.ctx)
	return p
}

func (p *peer) stop() { p.cancel() }

func (p *peer) ring() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *peer) move(address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if address != "" && address != p.address {
		p.address = address
		p.ring()
	}
}

func (p *peer) put(kind Kind, payload []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.connected || p.parting || p.bytes+len(payload) > p.t.cfg.QueueBytes {
		return false
	}
	p.queue = append(p.queue, frame{kind, payload})
	p.bytes += len(payload) + frameHead
	p.ring()
	return true
}

// part says goodbye, if there is anybody to hear it, and waits until it is said.
func (p *peer) part() {
	p.mu.Lock()
	was := p.connected
	if was {
		p.parting = true
		p.queue = append(p.queue, frame{kind: kindGoodbye})
	}
	p.mu.Unlock()
	p.ring()
	if !was {
		return
	}
	select {
	case <-p.ctx.Done():
	case <-time.After(pingEvery): // it does not read: it learns of the end otherwise
	}
}

// run dials, sends until the connection ends, and dials again.
func (p *peer) run() {
	defer p.cancel()
	retry := time.Duration(0)
	for p.ctx.Err() == nil {
		p.mu.Lock()
		address := p.address
		p.mu.Unlock()
		conn, hello, err := p.t.call(p.ctx, p.id, address, forFrames)
		if err != nil {
			p.missed(err)
			retry = min(max(firstRetry, 2*retry), lastRetry)
			p.pause(retry)
			continue
		}
		began := time.Now()
		p.met(hello)
		p.connect(true)
		p.t.cfg.Event(Event{Node: p.id, What: Connected, Hello: hello})
		err = p.pump(conn)
		p.connect(false)
		if p.ctx.Err() == nil {
			p.t.log.Debug("a connection ended", "node", p.id, "why", err)
			p.t.cfg.Event(Event{Node: p.id, What: Lost})
		}
		// Dialed again at once, to learn what happened; but not for ever, if the other
		// side lets in and throws out.
		if retry = min(max(firstRetry, 2*retry), lastRetry); time.Since(began) > lastRetry {
			retry = 0
		} else {
			p.pause(retry)
		}
	}
}

// pause waits, with jitter, or until somebody rings.
func (p *peer) pause(about time.Duration) {
	timer := time.NewTimer(about/2 + rand.N(about)) //nolint:gosec // it spreads retries
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.wake:
	case <-p.ctx.Done():
	}
}

func (p *peer) connect(yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.connected = yes
	p.queue, p.bytes = nil, 0
}

// met takes note of the process at the other end. Another one than before proves
// that the one before has ended.
func (p *peer) met(hello Hello) {
	p.mu.Lock()
	other := p.boot != "" && p.boot != hello.Boot
	p.boot = hello.Boot
	p.mu.Unlock()
	if other {
		p.t.cfg.Event(Event{Node: p.id, What: Dead})
	}
}

// missed judges a dial that failed: a machine that refuses the connection, while
// none from there is left, has no such process any more.
func (p *peer) missed(err error) {
	var refused *RefusedError
	var foreign *foreignError
	if errors.As(err, &refused) || errors.As(err, &foreign) {
		p.t.cfg.Event(Event{Node: p.id, What: Refused, Err: err})
		return
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return
	}
	p.mu.Lock()
	dead := p.boot != "" && p.inbound == nil
	if dead {
		p.boot = ""
	}
	p.mu.Unlock()
	if dead {
		p.t.cfg.Event(Event{Node: p.id, What: Dead})
	}
}

// farewell: the process of the other node said that it ends.
func (p *peer) farewell() {
	p.mu.Lock()
	known := p.boot != ""
	p.boot = ""
	p.mu.Unlock()
	if known {
		p.t.cfg.Event(Event{Node: p.id, What: Dead})
	}
}

// arrived takes note of a connection from the other node, and ends the one before:
// that is a rest of a break which this side has not noticed.
func (p *peer) arrived(conn net.Conn, hello Hello) {
	p.met(hello)
	p.move(hello.Address)
	p.mu.Lock()
	before := p.inbound
	p.inbound = conn
	p.mu.Unlock()
	if before != nil {
		_ = before.Close() // who reads from it hears of it
	}
	p.ring()
}

// dismiss ends the connection that the other node has opened: when it opens another it
// is told why it is not welcome.
func (p *peer) dismiss() {
	p.mu.Lock()
	inbound := p.inbound
	p.mu.Unlock()
	if inbound != nil {
		_ = inbound.Close() // who reads from it hears of it
	}
}

// left: the connection from the other node has ended. Dialing tells whether its
// process has, too.
func (p *peer) left(conn net.Conn) {
	p.mu.Lock()
	if p.inbound == conn {
		p.inbound = nil
	}
	p.mu.Unlock()
	p.ring()
}

// pump writes what is queued until the connection ends.
func (p *peer) pump(conn *tls.Conn) error {
	ended := make(chan error, 1)
	p.t.tasks.Go(func() {
		// The other side answers pings and says nothing else.
		answer := make([]byte, 64)
		for {
			_ = conn.SetReadDeadline(time.Now().Add(silenceLimit)) // a closed connection tells at the read
			if _, err := conn.Read(answer); err != nil {
				ended <- err
				return
			}
		}
	})
	defer conn.Close()
	out := bufio.NewWriterSize(conn, 64<<10)
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		done, err := p.write(conn, out)
		if err != nil || done {
			return err
		}
		select {
		case <-p.wake:
		case <-ping.C:
			p.mu.Lock()
			p.queue = append(p.queue, frame{kind: kindPing})
			p.mu.Unlock()
		case err := <-ended:
			return err
		case <-p.ctx.Done():
			return p.ctx.Err()
		}
	}
}

// write sends all that is queued. done: the last was goodbye.
func (p *peer) write(conn net.Conn, out *bufio.Writer) (done bool, err error) {
	for {
		p.mu.Lock()
		frames := p.queue
		p.queue, p.bytes = nil, 0
		p.mu.Unlock()
		if len(frames) == 0 {
			return done, nil
		}
		_ = conn.SetWriteDeadline(time.Now().Add(writeTimeout)) // a closed connection tells at the write
		var head [frameHead]byte
		for _, f := range frames {
			_, _ = out.Write(appendHead(head[:0], f.kind, len(f.payload))) // Flush tells
			_, _ = out.Write(f.payload)                                    // likewise
			done = done || f.kind == kindGoodbye
		}
		if err := out.Flush(); err != nil {
			return false, err
		}
		if done {
			p.cancel()
			return true, nil
		}
	}
}
