package realtime

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/evenkeel/evenkeel"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestServerTalks(t *testing.T) {
	s := newSite(t, nil)
	p := s.connect("ann")
	p.send(`{"id":2,"rpc":{"method":"echo","data":{"a":1}}}`, `{"id":3,"rpc":{"method":"nothing"}}`)
	answers := map[uint32]string{}
	for range 2 {
		f := p.next()
		answers[f.ID] = f.raw
	}
	if answers[2] != `{"id":2,"rpc":{"data":{"a":1}}}` || !strings.Contains(answers[3], `"code":104`) {
		t.Errorf("answers: %v", answers)
	}
	p.send(`{"id":4,"rpc":{"method":"publish","data":{"channel":"agent:ann"}}}`)
	if f := p.next(); !strings.Contains(f.raw, `"subscribe":{"recoverable":true`) {
		t.Errorf("the stream's start: %s", f.raw)
	}
	if f := p.next(); f.Push.Pub.Offset != 1 {
		t.Errorf("publication: %s", f.raw)
	}
	if f := p.next(); f.raw != `{"id":4,"rpc":{"data":{}}}` {
		t.Errorf("a result is one line: %s", f.raw)
	}
	s.server.Ephemeral("agent:ann", []byte(`{"type":"typing"}`))
	if f := p.next(); string(f.Push.Pub.Data) != `{"type":"typing"}` || f.Push.Pub.Offset != 0 {
		t.Errorf("ephemeral: %s", f.raw)
	}
}

func TestServerRefuses(t *testing.T) {
	s := newSite(t, func(c *Config) {
		c.MaxConnections = 1
		c.AllowOrigin = func(r *http.Request) bool {
			return r.Header.Get("Origin") == "" || r.Header.Get("Origin") == "https://shop.example"
		}
	})
	try := func(query string, header http.Header, protocols ...string) (int, string) {
		d := websocket.Dialer{Subprotocols: protocols}
		ws, res, err := d.Dial(s.url+query, header) //nolint:bodyclose // the library has read it
		if err == nil {
			protocol := ws.Subprotocol()
			_ = ws.Close()
			until(t, "the server to notice", func() bool { return s.server.Stats().Connections == 0 })
			return 101, protocol
		}
		var problem struct{ Code string }
		if err := json.NewDecoder(res.Body).Decode(&problem); err != nil {
			t.Errorf("no problem document: %v", err)
		}
		return res.StatusCode, problem.Code
	}
	for _, c := range []struct {
		what   string
		query  string
		origin string
		proto  []string
		status int
		says   string
	}{
		{what: "a native app", status: 101},
		{what: "the shop", origin: "https://shop.example", status: 101},
		{what: "another site", origin: "https://evil.example", status: 403, says: "forbidden"},
		{what: "JSON by name", proto: []string{protocolProtobuf, protocolJSON}, status: 101, says: protocolJSON},
		{what: "Protobuf by query", query: "?format=protobuf", status: 101},
		{what: "Protobuf by name", proto: []string{protocolProtobuf}, status: 101, says: protocolProtobuf},
	} {
		header := http.Header{}
		if c.origin != "" {
			header.Set("Origin", c.origin)
		}
		if status, says := try(c.query, header, c.proto...); status != c.status || says != c.says {
			t.Errorf("%s: %d %q, want %d %q", c.what, status, says, c.status, c.says)
		}
	}
	res, err := http.Get(s.http.URL + "/connection/websocket")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 400 {
		t.Errorf("no upgrade: %d", res.StatusCode)
	}
	s.connect("visitor")
	if status, says := try("", nil); status != 503 || says != "no_leader" {
		t.Errorf("over the limit: %d %s", status, says)
	}
}

func TestServerClosesBadClients(t *testing.T) {
	s := newSite(t, func(c *Config) {
		c.MaxMessage = 2000
		c.Settings.Connect = 50 * time.Millisecond
	})
	if code := s.dial().ended(); code != int(CloseStale) {
		t.Errorf("silent: %d", code)
	}
	p := s.connect("visitor")
	p.send("nonsense")
	if code := p.ended(); code != int(CloseBadRequest) {
		t.Errorf("nonsense: %d", code)
	}
	p = s.connect("visitor")
	p.send(`{"id":2,"rpc":{"method":"` + strings.Repeat("x", 3000) + `"}}`)
	if code := p.ended(); code != websocket.CloseMessageTooBig {
		t.Errorf("too big: %d", code)
	}
	p = s.dial()
	p.send(`{"id":1,"connect":{"token":"wrong"}}`)
	if f := p.next(); f.Error == nil || f.Error.Code != 101 {
		t.Errorf("the reply comes before the end: %s", f.raw)
	}
	if code := p.ended(); code != int(CloseInvalidToken) {
		t.Errorf("wrong token: %d", code)
	}
	p = s.connect("visitor")
	s.server.Disconnect(ClientID(1<<40), 3000, "nobody")
	until(t, "the client", func() bool { return len(s.ids()) > 0 })
	for id := range s.ids() {
		s.server.Disconnect(id, CloseForced, strings.Repeat("ü", 100))
	}
	if code := p.ended(); code != int(CloseForced) {
		t.Errorf("forced: %d", code)
	}
}

func (s *site) ids() map[ClientID]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := map[ClientID]bool{}
	for id := range s.present {
		ids[id] = true
	}
	return ids
}

func TestServerCutsSlowReaders(t *testing.T) {
	s := newSite(t, func(c *Config) { c.Settings.MaxQueueBytes = 64 << 10 })
	slow, fast := s.dial(), s.connect("visitor")
	if err := slow.ws.NetConn().(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	slow.send(`{"id":1,"connect":{"token":"visitor"}}`, `{"id":2,"subscribe":{"channel":"chat:1"}}`)
	for slow.next().ID != 2 {
	}
	fast.subscribe("chat:1", evenkeel.Position{})
	var last uint64
	for s.server.Stats().Slow == 0 {
		s.publish("chat:1", 100)
		for range 100 {
			f := fast.next()
			if last++; f.Push == nil || f.Push.Pub.Offset != last {
				t.Fatalf("after %d: %s", last-1, f.raw)
			}
		}
	}
	// The slow one gets what it was written, then it is told, if it still can
	// be: never anything behind a hole.
	var got uint64
	for {
		f, err := slow.read()
		if err != nil {
			var end *websocket.CloseError
			if asClose(err, &end) && end.Code != int(CloseSlow) && end.Code != websocket.CloseAbnormalClosure {
				t.Errorf("ended by %v", err)
			}
			break
		}
		if f.Push != nil {
			if got++; f.Push.Pub.Offset != got {
				t.Fatalf("after %d: %s", got-1, f.raw)
			}
		}
	}
	if got >= last {
		t.Error("the slow one got everything")
	}
	// It comes back and has the rest.
	back := s.connect("visitor")
	f := back.subscribe("chat:1", evenkeel.Position{Epoch: "e1", Offset: last - 50})
	if !f.Subscribe.Recovered || len(f.Subscribe.Publications) != 50 {
		t.Errorf("back again: %.200s", f.raw)
	}
}

func TestServerReadsNoFasterThanItIsRead(t *testing.T) {
	s := newSite(t, nil)
	s.publish("chat:1", 2000)
	p := s.connect("visitor")
	const asked = 60 // answers of 110 KB each
	go func() {
		for i := range asked {
			p.send(fmt.Sprintf(`{"id":%d,"history":{"channel":"chat:1","limit":-1}}`, i+2))
		}
	}()
	until(t, "the client", func() bool { return len(s.ids()) > 0 })
	c := func() *conn {
		for id := range s.ids() {
			return s.server.conn(id)
		}
		return nil
	}()
	most := 0
	for i := range asked {
		if f := p.next(); f.ID != uint32(i+2) {
			t.Fatalf("answer %d: %.100s", i, f.raw)
		}
		c.mu.Lock()
		most = max(most, c.session.Pending())
		c.mu.Unlock()
	}
	if most > maxUnsent+256<<10 {
		t.Errorf("%d bytes waited for a client that asks", most)
	}
}

func TestServerStops(t *testing.T) {
	s := newSite(t, func(c *Config) { c.ShutdownPace = 100 })
	var peers []*peer
	for range 30 {
		peers = append(peers, s.connect("visitor"))
	}
	waiting := s.dial()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.stop()
	}()
	for _, p := range append(peers, waiting) {
		if code := p.ended(); code != int(CloseShutdown) {
			t.Errorf("ended by %d", code)
		}
		p.close()
	}
	<-done
	if _, res, err := websocket.DefaultDialer.Dial(s.url, nil); err == nil || res.StatusCode != 503 { //nolint:bodyclose // the library has read it
		t.Errorf("after the end: %v", err)
	}
}

func TestServerStopsInTime(t *testing.T) {
	s := newSite(t, nil)
	s.block = make(chan struct{})
	p := s.dial()
	p.send(`{"id":1,"connect":{"token":"ann"}}`)
	until(t, "the client", func() bool { return s.server.Stats().Connections == 1 })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.server.Stop(ctx); err == nil {
		t.Error("it stopped in no time")
	}
	if n := s.server.Stats().Connections; n != 0 {
		t.Errorf("%d connections are left", n)
	}
}

// TestServerTwoHundred lets two hundred clients come, go and come again while
// twenty channels are published on. Each has every publication once, in order.
func TestServerTwoHundred(t *testing.T) {
	s := newSite(t, nil)
	const clients, channels, rounds = 200, 20, 15
	published := make(chan struct{})
	go func() {
		defer close(published)
		for range rounds {
			for c := range channels {
				s.publish(fmt.Sprintf("chat:%d", c), 10)
			}
		}
	}()
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			channel := fmt.Sprintf("chat:%d", i%channels)
			var pos evenkeel.Position
			for cut := 0; pos.Offset < rounds*10; cut++ {
				p := s.connect("visitor")
				f := p.subscribe(channel, pos)
				if !f.Subscribe.Recovered {
					t.Errorf("client %d: %s", i, f.raw)
					return
				}
				pos.Epoch = f.Subscribe.Epoch
				for _, pub := range f.Subscribe.Publications {
					if pos.Offset++; pub.Offset != pos.Offset {
						t.Errorf("client %d: %d, want %d", i, pub.Offset, pos.Offset)
						return
					}
				}
				for n := 0; pos.Offset < rounds*10 && (n < 20 || cut >= 5); n++ {
					f := p.next()
					if pos.Offset++; f.Push == nil || f.Push.Pub.Offset != pos.Offset {
						t.Errorf("client %d: %s, want %d", i, f.raw, pos.Offset)
						return
					}
					if pos.Epoch == "" {
						pos.Epoch = epochOf(f.raw)
					}
				}
				p.close()
			}
		})
	}
	all.Wait()
	<-published
	until(t, "all to be gone", func() bool { return s.server.Stats().Connections == 0 })
	for i := range s.server.shards {
		if n := s.server.shards[i].hub.Keys(); n != 0 {
			t.Errorf("shard %d routes to %d keys", i, n)
		}
	}
}

func epochOf(raw string) string {
	var f struct {
		Push struct{ Pub struct{ Epoch string } }
	}
	_ = json.Unmarshal([]byte(raw), &f) // raw was parsed before
	return f.Push.Pub.Epoch
}
