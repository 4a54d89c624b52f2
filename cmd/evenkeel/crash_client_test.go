package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// refusal is an answer that says no: nothing was changed.
type refusal struct {
	Code   int
	Text   string
	Status int // of HTTP
}

func (r *refusal) Error() string { return fmt.Sprintf("refused (%d %d): %s", r.Status, r.Code, r.Text) }

// refused tells whether the answer is a final no. A temporary error, a cut and
// silence are none: the caller asks again with the same id.
func refused(err error) bool {
	var no *refusal
	return errors.As(err, &no)
}

// errNoAnswer: it is not known whether anything happened.
var errNoAnswer = errors.New("no answer")

// wsClient is a plain client of the realtime protocol, in JSON.
type wsClient struct {
	conn   *websocket.Conn
	pushed func(channel string, data json.RawMessage) // on the reading goroutine

	mu      sync.Mutex // guards all below, and writing
	next    uint32
	waiting map[uint32]chan<- wsReply
	cut     bool

	done chan struct{} // closed when the connection has ended and the reader is gone
}

type wsReply struct {
	ID    uint32 `json:"id"`
	Error *struct {
		Code      int    `json:"code"`
		Message   string `json:"message"`
		Temporary bool   `json:"temporary"`
	} `json:"error"`
	RPC *struct {
		Data json.RawMessage `json:"data"`
	} `json:"rpc"`
	Push *struct {
		Channel string `json:"channel"`
		Pub     *struct {
			Data json.RawMessage `json:"data"`
		} `json:"pub"`
	} `json:"push"`
}

// dial connects and waits until the server has let the client in.
func dial(ctx context.Context, addr, token string, pushed func(string, json.RawMessage)) (*wsClient, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, answer, err := websocket.DefaultDialer.DialContext(ctx, "ws://"+addr+"/connection/websocket", nil)
	if err != nil {
		return nil, errNoAnswer
	}
	if err := answer.Body.Close(); err != nil {
		return nil, err
	}
	c := &wsClient{conn: conn, pushed: pushed, waiting: map[uint32]chan<- wsReply{}, done: make(chan struct{})}
	go c.read()
	if _, err := c.await(ctx, c.write("connect", map[string]string{"token": token})); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *wsClient) close() {
	_ = c.conn.Close() // it may be cut already
	<-c.done
}

// write sends a command; the answer comes on the channel, or the channel is
// closed without one.
func (c *wsClient) write(kind string, body any) <-chan wsReply {
	answer := make(chan wsReply, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut {
		close(answer)
		return answer
	}
	c.next++
	c.waiting[c.next] = answer
	if err := c.conn.WriteJSON(map[string]any{"id": c.next, kind: body}); err != nil {
		_ = c.conn.Close() // the reader notices and answers all who wait
	}
	return answer
}

// send begins an RPC.
func (c *wsClient) send(method string, params any) <-chan wsReply {
	return c.write("rpc", map[string]any{"method": method, "data": params})
}

// call runs an RPC.
func (c *wsClient) call(ctx context.Context, method string, params, result any) error {
	data, err := c.await(ctx, c.send(method, params))
	if err != nil || result == nil {
		return err
	}
	return json.Unmarshal(data, result)
}

// await waits for an answer: 6 s, a second more than SDKs do.
func (c *wsClient) await(ctx context.Context, answer <-chan wsReply) (json.RawMessage, error) {
	timer := time.NewTimer(6 * time.Second)
	defer timer.Stop()
	select {
	case r, ok := <-answer:
		switch {
		case !ok:
			return nil, errNoAnswer
		case r.Error != nil && r.Error.Temporary:
			return nil, errNoAnswer
		case r.Error != nil:
			return nil, &refusal{Code: r.Error.Code, Text: r.Error.Message}
		case r.RPC != nil:
			return r.RPC.Data, nil
		}
		return nil, nil
	case <-timer.C:
		return nil, errNoAnswer
	case <-ctx.Done():
		return nil, errNoAnswer
	}
}

func (c *wsClient) read() {
	defer func() {
		c.mu.Lock()
		c.cut = true
		for _, answer := range c.waiting {
			close(answer)
		}
		c.waiting = nil
		c.mu.Unlock()
		close(c.done)
	}()
	for {
		_, message, err := c.conn.ReadMessage()
		if err != nil {
			_ = c.conn.Close() // both ends know by now
			return
		}
		for frame := range bytes.SplitSeq(message, []byte("\n")) {
			if len(frame) > 0 && !c.take(frame) {
				_ = c.conn.Close() // a frame that cannot be read ends the connection
				return
			}
		}
	}
}

func (c *wsClient) take(frame []byte) bool {
	var r wsReply
	if err := json.Unmarshal(frame, &r); err != nil {
		return false
	}
	switch {
	case r.Push != nil:
		if r.Push.Pub != nil {
			c.pushed(r.Push.Channel, r.Push.Pub.Data)
		}
	case r.ID != 0:
		c.mu.Lock()
		answer := c.waiting[r.ID]
		delete(c.waiting, r.ID)
		c.mu.Unlock()
		if answer != nil {
			answer <- r
		}
	default: // a ping
		c.mu.Lock()
		err := c.conn.WriteMessage(websocket.TextMessage, []byte("{}"))
		c.mu.Unlock()
		return err == nil
	}
	return true
}

// callHTTP runs one request of the HTTP API. key makes it repeatable.
func callHTTP(ctx context.Context, addr, method, path, token string, body, result any, key ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 6*time.Second)
	defer cancel()
	var reader io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		reader = bytes.NewReader(b)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://"+addr+path, reader)
	if err != nil {
		return err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for _, k := range key {
		request.Header.Set("Idempotency-Key", k)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return errNoAnswer
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	switch {
	case err != nil, answer.StatusCode == http.StatusTooManyRequests, answer.StatusCode >= 500:
		return errNoAnswer
	case answer.StatusCode >= 400:
		return &refusal{Status: answer.StatusCode, Text: string(text)}
	case result == nil:
		return nil
	}
	return json.Unmarshal(text, result)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	return l.Addr().String()
}
