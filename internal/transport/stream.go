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

// Frames of a stream's connection, and its times.
const (
	kindBody Kind = 2 // the next part
	kindEnd  Kind = 3 // there is no more; of a fetch: or why there is not

	partBytes     = 256 << 10
	partTimeout   = 10 * time.Second // of one part, on either side
	answerTimeout = time.Minute      // the receiver makes it durable
)

// Stream sends a header and a body to a node over a connection of their own, and
// returns when the receiver has taken both (nil) or has not. At most rate bytes
// are sent a second; 0: as fast as it goes.
func (t *Transport) Stream(ctx context.Context, to uint64, header []byte, body io.Reader, rate int) error {
	p := t.peer(to)
	if p == nil {
		return fmt.Errorf("node %d is not known", to)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(t.ctx, cancel)()
	p.mu.Lock()
	address := p.address
	p.mu.Unlock()
	conn, _, err := t.call(ctx, to, address, forStream)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })() // whoever waits for it returns
	if err := writeMessage(conn, joinMessage{Body: header}); err != nil {
		return err
	}
	var out io.Writer = &bodyWriter{conn: conn}
	if rate > 0 {
		out = Paced(ctx, out, rate)
	}
	if _, err := io.CopyBuffer(out, body, make([]byte, partBytes)); err != nil {
		// The receiver may have said why it does not go on.
		return errors.Join(fmt.Errorf("send: %w", err), readAnswer(conn, time.Second))
	}
	if err := writeEnd(conn, ""); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return readAnswer(conn, answerTimeout)
}

func readAnswer(conn *tls.Conn, within time.Duration) error {
	_ = conn.SetReadDeadline(time.Now().Add(within)) // a closed connection tells at the read
	var answer joinMessage
	if err := readMessage(conn, &answer); err != nil {
		return fmt.Errorf("wait for the receiver's answer: %w", err)
	}
	if answer.Refusal != "" {
		return &RefusedError{answer.Refusal, answer.Cause}
	}
	return nil
}

// takeStream receives one stream and answers.
func (t *Transport) takeStream(conn *tls.Conn, hello Hello) error {
	_ = conn.SetReadDeadline(time.Now().Add(partTimeout)) // a closed connection tells at the read
	var header joinMessage
	if err := readMessage(conn, &header); err != nil {
		return err
	}
	body := &bodyReader{conn: conn, in: bufio.NewReaderSize(conn, 64<<10), patience: partTimeout}
	var answer joinMessage
	if err := t.cfg.Stream(hello.Node, header.Body, body); err != nil {
		answer.Refusal = err.Error()
	} else if !body.ended {
		answer.Refusal = "the stream was longer than expected"
	}
	_ = conn.SetWriteDeadline(time.Now().Add(partTimeout)) // likewise
	return writeMessage(conn, answer)
}

// bodyReader reads a body. io.EOF is told only if the sender said that this was all.
type bodyReader struct {
	conn     *tls.Conn
	in       *bufio.Reader
	patience time.Duration // with the next part
	part     []byte
	ended    bool
}

func (b *bodyReader) Read(p []byte) (int, error) {
	for len(b.part) == 0 {
		if b.ended {
			return 0, io.EOF
		}
		_ = b.conn.SetReadDeadline(time.Now().Add(b.patience)) // a closed connection tells at the read
		kind, part, err := readFrame(b.in)
		switch {
		case errors.Is(err, io.EOF):
			return 0, io.ErrUnexpectedEOF
		case err != nil:
			return 0, err
		case kind == kindEnd && len(part) > 0:
			return 0, &RefusedError{Reason: string(part)}
		case kind == kindEnd:
			b.ended = true
		case kind == kindBody:
			b.part = part
		}
	}
	n := copy(p, b.part)
	b.part = b.part[n:]
	return n, nil
}
