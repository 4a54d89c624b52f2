package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/evenkeel/evenkeel"
)

// link is one WebSocket. It is read by the Conn's own goroutine and written by
// another; what is to be written waits in out, so that nobody who asks waits
// for the network.
type link struct {
	ws *websocket.Conn

	// All below is guarded by the Conn's lock.
	next    uint32
	waiting map[uint32]func(*frame) // by id; called under the Conn's lock
	out     []byte                  // frames, each ended by a line break
	ended   bool

	wake chan struct{} // tells the writer that there is something in out
	done chan struct{} // closed when the link is of no use any more
	once sync.Once
}

const (
	writeTime  = 10 * time.Second
	maxWrite   = 16 << 10 // bytes of frames in one message, about: servers take 64 KiB
	pingGrace  = 10 * time.Second
	firstReply = 10 * time.Second
)

// dial opens a socket. A refusal is an *evenkeel.Error.
func dial(ctx context.Context, address string) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	dialer := websocket.Dialer{
		Proxy: http.ProxyFromEnvironment, HandshakeTimeout: attemptTime, ReadBufferSize: 4 << 10, WriteBufferSize: 2 << 10,
		WriteBufferPool: &sync.Pool{},
	}
	ws, response, err := dialer.DialContext(ctx, address, nil)
	if err != nil {
		if errors.Is(err, websocket.ErrBadHandshake) && response != nil {
			defer response.Body.Close()
			return nil, problemOf(response)
		}
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	return &link{
		ws: ws, waiting: map[uint32]func(*frame){}, wake: make(chan struct{}, 1), done: make(chan struct{}),
	}, response.Body.Close()
}

// ask sends a command and has its reply handed to then. Called under the Conn's
// lock.
func (l *link) ask(body string, then func(*frame)) {
	l.next++
	l.waiting[l.next] = then
	l.out = append(appendCommand(l.out, l.next, body), '\n')
	l.flush()
}

func (l *link) flush() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// drop makes the link useless; whoever reads and writes it ends.
func (l *link) drop() {
	l.once.Do(func() {
		close(l.done)
		_ = l.ws.Close() // it may be broken already
	})
}

// bye closes the link as a client that wants to go.
func (l *link) bye() {
	goodbye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	_ = l.ws.WriteControl(websocket.CloseMessage, goodbye, time.Now().Add(time.Second)) // the server sees the socket close anyway
	l.drop()
}

// write sends what waits until the link ends.
func (l *link) write(take func() []byte) {
	defer l.drop()
	for {
		select {
		case <-l.wake:
		case <-l.done:
			return
		}
		frames := take()
		for len(frames) > 0 {
			var message []byte
			message, frames = cutMessage(frames)
			if l.ws.SetWriteDeadline(time.Now().Add(writeTime)) != nil || l.ws.WriteMessage(websocket.TextMessage, message) != nil {
				return
			}
		}
	}
}

// cutMessage takes as many frames as go into one message, at least one.
func cutMessage(frames []byte) (message, rest []byte) {
	if len(frames) <= maxWrite {
		return frames[:len(frames)-1], nil
	}
	end := bytes.LastIndexByte(frames[:maxWrite], '\n')
	if end < 0 {
		end = bytes.IndexByte(frames, '\n')
	}
	return frames[:end], frames[end+1:]
}

// read takes one message's frames. silence is how long to wait for it.
func (l *link) read(silence time.Duration, each func(*frame) error) error {
	if err := l.ws.SetReadDeadline(time.Now().Add(silence)); err != nil {
		return err
	}
	_, r, err := l.ws.NextReader()
	if err != nil {
		return closeReason(err)
	}
	dec := json.NewDecoder(r)
	for {
		var f frame
		if err := dec.Decode(&f); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read the server's frames: %w", closeReason(err))
		}
		if err := each(&f); err != nil {
			return err
		}
	}
}

// closeReason makes a close frame of the server into a Disconnected.
func closeReason(err error) error {
	var closed *websocket.CloseError
	if errors.As(err, &closed) {
		return &Disconnected{Code: closed.Code, Reason: closed.Text}
	}
	return err
}

// hopeless tells whether connecting again cannot help: a final refusal.
func hopeless(err error) bool {
	var closed *Disconnected
	if errors.As(err, &closed) {
		return closed.final()
	}
	var refusal *evenkeel.Error
	return errors.As(err, &refusal) && !refusal.Code.Info().Temporary
}
