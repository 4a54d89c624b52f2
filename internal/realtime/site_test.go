package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/evenkeel/evenkeel"
)

// site is a server on a loopback socket with a replica behind it.
type site struct {
	t      testing.TB
	server *Server
	http   *httptest.Server
	url    string

	mu      sync.Mutex
	desk    *fakeDesk
	present map[ClientID]bool
	came    int
	left    int
	block   chan struct{} // if set, Authenticate waits for it
}

func newSite(t testing.TB, change func(*Config)) *site {
	s := &site{t: t, desk: newFakeDesk(), present: map[ClientID]bool{}}
	cfg := Config{Backend: s, Settings: DefaultSettings()}
	if change != nil {
		change(&cfg)
	}
	server, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.server = server
	s.http = httptest.NewServer(server)
	s.url = "ws" + strings.TrimPrefix(s.http.URL, "http") + "/connection/websocket"
	t.Cleanup(func() {
		s.stop()
		s.http.Close()
	})
	return s
}

func (s *site) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := s.server.Stop(ctx); err != nil {
		s.t.Errorf("stop: %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.present) != 0 || s.came != s.left {
		s.t.Errorf("%d clients came, %d left", s.came, s.left)
	}
}

func (s *site) Authenticate(ctx context.Context, r ConnectRequest, _ string) (Client, *evenkeel.Error) {
	if s.block != nil {
		select {
		case <-s.block:
		case <-ctx.Done():
		}
	}
	return fakeAuthenticate(r)
}

func (s *site) Read(_ context.Context, r ReadRequest) (Page, *evenkeel.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.desk.read(r)
}

func (s *site) Admit(_ context.Context, r AdmitRequest) (evenkeel.Terms, *evenkeel.Error) {
	switch {
	case strings.HasPrefix(r.Channel, "open:"):
		return evenkeel.Terms{Kept: true, Recover: true, Publish: true, Shown: true, Presence: true, Joins: true, History: true}, nil
	default:
		return evenkeel.Terms{}, evenkeel.Errorf(evenkeel.CodeForbidden, "no")
	}
}

func (s *site) Publish(r PublishRequest) *evenkeel.Error {
	s.server.Live(r.Channel, r.Data, r.Info, Keep{Size: 100, Bytes: 1 << 20, Age: time.Hour})
	return nil
}

func (s *site) Call(_ ClientID, method string, params []byte, reply func([]byte, *evenkeel.Error)) {
	switch method {
	case "echo":
		go reply(params, nil)
	case "publish":
		var p struct{ Channel string }
		if err := json.Unmarshal(params, &p); err != nil {
			reply(nil, evenkeel.Errorf(evenkeel.CodeBadRequest, "%v", err))
			return
		}
		s.publish(p.Channel, 1)
		reply([]byte("{\n}"), nil)
	default:
		reply(nil, evenkeel.Errorf(evenkeel.CodeUnknownMethod, "%s", method))
	}
}

func (s *site) Connected(id ClientID, _ Client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.present[id] = true
	s.came++
}

func (s *site) Disconnected(id ClientID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.present[id] {
		s.t.Errorf("client %d left twice, or never came", id)
	}
	delete(s.present, id)
	s.left++
}

// publish is a replica's apply loop: first the state, then the events.
func (s *site) publish(channel string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		s.desk.publish(channel)
	}
	events := s.desk.unrouted
	s.desk.unrouted = nil
	s.server.Publish(events)
}

// dial opens a socket.
func (s *site) dial() *peer {
	ws, _, err := websocket.DefaultDialer.Dial(s.url, nil) //nolint:bodyclose // the library has read it
	if err != nil {
		s.t.Fatal(err)
	}
	p := &peer{t: s.t, ws: ws}
	s.t.Cleanup(p.close)
	return p
}

// connect lets a client in.
func (s *site) connect(token string) *peer {
	p := s.dial()
	p.send(fmt.Sprintf(`{"id":1,"connect":{"token":%q}}`, token))
	if r := p.next(); r.Connect == nil {
		s.t.Fatalf("not let in: %+v", r)
	}
	return p
}

// peer is a client without a library.
type peer struct {
	t      testing.TB
	ws     *websocket.Conn
	frames []string

	writing sync.Mutex
}

type frame struct {
	raw       string
	ID        uint32
	Error     *Error
	Connect   *struct{ Ping int }
	Subscribe *struct {
		Recovered bool
		evenkeel.Position
		Publications []struct{ Offset uint64 }
	}
	RPC  *struct{ Data json.RawMessage }
	Push *struct {
		Channel string
		Pub     *struct {
			Offset uint64
			Data   json.RawMessage
		}
	}
}

func (p *peer) send(frames ...string) {
	p.writing.Lock()
	defer p.writing.Unlock()
	if err := p.ws.WriteMessage(websocket.TextMessage, []byte(strings.Join(frames, "\n"))); err != nil {
		p.t.Errorf("send: %v", err)
	}
}

func (p *peer) close() { _ = p.ws.Close() }

// read returns the next frame, or how the connection ended.
func (p *peer) read() (*frame, error) {
	for len(p.frames) == 0 {
		if err := p.ws.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			return nil, err
		}
		_, message, err := p.ws.ReadMessage()
		if err != nil {
			return nil, err
		}
		p.frames = strings.Split(string(message), "\n")
	}
	f := &frame{raw: p.frames[0]}
	p.frames = p.frames[1:]
	return f, json.Unmarshal([]byte(f.raw), f)
}

// next returns the next frame but pings, which it answers.
func (p *peer) next() *frame {
	p.t.Helper()
	for {
		f, err := p.read()
		if err != nil {
			p.t.Fatalf("read: %v", err)
		}
		if f.raw != "{}" {
			return f
		}
		p.send("{}")
	}
}

// ended reads on until the server closes, and returns its code.
func (p *peer) ended() int {
	for {
		if _, err := p.read(); err != nil {
			var end *websocket.CloseError
			if !asClose(err, &end) {
				p.t.Fatalf("ended by %v", err)
			}
			return end.Code
		}
	}
}

func asClose(err error, end **websocket.CloseError) bool {
	return errors.As(err, end)
}

func (p *peer) subscribe(channel string, since evenkeel.Position) *frame {
	p.send(fmt.Sprintf(`{"id":2,"subscribe":{"channel":%q,"recover":true,"epoch":%q,"offset":%d}}`, channel, since.Epoch, since.Offset))
	f := p.next()
	if f.Subscribe == nil {
		p.t.Fatalf("not subscribed: %s", f.raw)
	}
	return f
}

func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
