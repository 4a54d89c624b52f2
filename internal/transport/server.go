package transport

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// maxHandshakes bounds the connections that have not said who they are.
const maxHandshakes = 64

// accept takes connections until the listener closes.
func (t *Transport) accept() {
	strangers := make(chan struct{}, maxHandshakes)
	for {
		conn, err := t.listener.Accept()
		switch {
		case err == nil:
		case t.ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return
		default:
			t.log.Warn("a connection from another node was not taken", "error", err)
			select { // out of file descriptors: not at once again
			case <-time.After(firstRetry):
			case <-t.ctx.Done():
			}
			continue
		}
		select {
		case strangers <- struct{}{}:
		default:
			_ = conn.Close() // members come again
			continue
		}
		if !t.enter(conn) {
			_ = conn.Close() // the transport has ended
			return
		}
		t.tasks.Go(func() {
			defer t.leave(conn)
			t.serve(conn, func() { <-strangers })
		})
	}
}

func (t *Transport) enter(conn net.Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		return false
	}
	t.callers[conn] = struct{}{}
	return true
}

func (t *Transport) leave(conn net.Conn) {
	_ = conn.Close() // read to its end, or of no use
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.callers, conn)
}

// serve talks to whoever has dialed. known is called when it has said who it is.
func (t *Transport) serve(raw net.Conn, known func()) {
	conn := tls.Server(raw, t.cfg.Identity.server())
	_ = conn.SetDeadline(time.Now().Add(dialTimeout)) // a closed connection tells at the next use
	hello, err := t.greet(conn)
	known()
	if err != nil {
		t.log.Debug("another side was not let in", "from", raw.RemoteAddr(), "why", err)
		return
	}
	_ = conn.SetDeadline(time.Time{}) // likewise
	switch hello.Purpose {
	case forFrames:
		err = t.takeFrames(conn, hello)
	case forStream:
		err = t.takeStream(conn, hello)
	case forFetch:
		err = t.takeFetch(conn, hello)
	case forJoin:
		err = t.takeJoin(conn)
	}
	if err != nil && !errors.Is(err, io.EOF) && t.ctx.Err() == nil {
		t.log.Debug("a connection from another node ended", "node", hello.Node, "for", hello.Purpose, "why", err)
	}
}

// greet hears who dials, and answers.
func (t *Transport) greet(conn *tls.Conn) (Hello, error) {
	var hello Hello
	if err := readMessage(conn, &hello); err != nil {
		return hello, err
	}
	var refusal error
	switch hello.Purpose {
	case forFrames, forStream, forFetch:
		refusal = t.judge(conn, hello)
	case forJoin:
		if t.cfg.Join == nil {
			refusal = errors.New("this node lets nobody join")
		}
	default:
		refusal = fmt.Errorf("there are no connections for %q", hello.Purpose)
	}
	self := t.self("")
	if refusal != nil {
		// Strangers learn nothing but why.
		self = Hello{Protocol: Protocol, Version: self.Version}
		self.Refusal, self.Cause = refusalOf(refusal)
	}
	return hello, errors.Join(refusal, writeMessage(conn, self))
}

func (t *Transport) takeFrames(conn *tls.Conn, hello Hello) error {
	p := t.peer(hello.Node)
	if p == nil {
		return fmt.Errorf("node %d is not one that this one knows of yet", hello.Node)
	}
	p.arrived(conn, hello)
	defer p.left(conn)
	in := bufio.NewReaderSize(conn, 64<<10)
	for {
		_ = conn.SetReadDeadline(time.Now().Add(silenceLimit)) // a closed connection tells at the read
		kind, payload, err := readFrame(in)
		if err != nil {
			return err
		}
		switch {
		case kind == kindPing:
			_ = conn.SetWriteDeadline(time.Now().Add(writeTimeout)) // likewise, at the write
			if _, err := conn.Write([]byte{0}); err != nil {
				return err
			}
		case kind == kindGoodbye:
			p.farewell()
			return nil
		case kind >= firstKind:
			t.cfg.Frame(hello.Node, kind, payload)
		}
	}
}

// takeJoin answers one request of a process that is no member. Who it may be is
// the answerer's to find out: it has shown no certificate.
func (t *Transport) takeJoin(conn *tls.Conn) error {
	_ = conn.SetDeadline(time.Now().Add(joinTimeout)) // a closed connection tells at the next use
	var request joinMessage
	if err := readMessage(conn, &request); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(t.ctx, joinTimeout)
	defer cancel()
	answer, err := t.cfg.Join(ctx, request.Body)
	reply := joinMessage{Body: answer}
	if err != nil {
		reply = joinMessage{}
		reply.Refusal, reply.Cause = refusalOf(err)
	}
	return writeMessage(conn, reply)
}
