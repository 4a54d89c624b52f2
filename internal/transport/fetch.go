package transport

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"time"
)

// Fetch asks a node for something over a connection of its own, and returns what
// it sends, as it comes. io.EOF is told only if that was all; that the node does
// not give it, or could not go on, is a *RefusedError of Read. ctx bounds the
// reading as well. The caller closes what he gets.
func (t *Transport) Fetch(ctx context.Context, from uint64, request []byte) (io.ReadCloser, error) {
	p := t.peer(from)
	if p == nil {
		return nil, fmt.Errorf("node %d is not known", from)
	}
	ctx, cancel := context.WithCancel(ctx)
	p.mu.Lock()
	address := p.address
	p.mu.Unlock()
	conn, _, err := t.call(ctx, from, address, forFetch)
	if err != nil {
		cancel()
		return nil, err
	}
	f := &fetched{
		bodyReader: bodyReader{conn: conn, in: bufio.NewReaderSize(conn, 64<<10), patience: answerTimeout},
		cancel:     cancel, forget: context.AfterFunc(t.ctx, cancel),
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })    // whoever reads from it returns
	_ = conn.SetWriteDeadline(time.Now().Add(partTimeout)) // a closed connection tells at the write
	if err := writeMessage(conn, joinMessage{Body: request}); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// fetched is a body that another node sends.
type fetched struct {
	bodyReader
	cancel context.CancelFunc
	forget func() bool // that the transport's end is its own
}

// Close ends the connection.
func (f *fetched) Close() error {
	f.forget()
	f.cancel() // it closes the connection
	return nil
}

// takeFetch answers one request with a body.
func (t *Transport) takeFetch(conn *tls.Conn, hello Hello) error {
	_ = conn.SetReadDeadline(time.Now().Add(partTimeout)) // a closed connection tells at the read
	var request joinMessage
	if err := readMessage(conn, &request); err != nil {
		return err
	}
	if t.cfg.Fetch == nil {
		return writeEnd(conn, "this node gives nothing")
	}
	body := &bodyWriter{conn: conn}
	err := t.cfg.Fetch(t.ctx, hello.Node, request.Body, body)
	switch {
	case body.err != nil:
		return body.err
	case err != nil:
		return writeEnd(conn, err.Error())
	}
	return writeEnd(conn, "")
}

// writeEnd says that the body is whole, or why it is not.
func writeEnd(conn *tls.Conn, why string) error {
	_ = conn.SetWriteDeadline(time.Now().Add(partTimeout)) // a closed connection tells at the write
	_, err := conn.Write(append(appendHead(nil, kindEnd, len(why)), why...))
	return err
}

// bodyWriter sends a body in frames. After an error it stays with it.
type bodyWriter struct {
	conn *tls.Conn
	err  error
}

func (b *bodyWriter) Write(p []byte) (sent int, err error) {
	for len(p) > 0 && b.err == nil {
		n := min(len(p), partBytes)
		_ = b.conn.SetWriteDeadline(time.Now().Add(partTimeout)) // a closed connection tells at the write
		if _, b.err = b.conn.Write(append(appendHead(make([]byte, 0, frameHead+n), kindBody, n), p[:n]...)); b.err == nil {
			sent, p = sent+n, p[n:]
		}
	}
	return sent, b.err
}

// Paced returns a writer to w that takes at most rate bytes a second, over its
// whole life, and ends with ctx.
func Paced(ctx context.Context, w io.Writer, rate int) io.Writer {
	return &paced{ctx: ctx, w: w, rate: rate, began: time.Now()}
}

type paced struct {
	ctx   context.Context //nolint:containedctx // it is that of the writing
	w     io.Writer
	rate  int
	began time.Time
	sent  int64
}

func (p *paced) Write(b []byte) (int, error) {
	due := p.began.Add(time.Duration(float64(p.sent) / float64(p.rate) * float64(time.Second)))
	if wait := time.Until(due); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-p.ctx.Done():
			return 0, p.ctx.Err()
		}
	}
	n, err := p.w.Write(b)
	p.sent += int64(n)
	return n, err
}
