package realtime

import (
	"bufio"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/evenkeel/evenkeel"
)

func benchEvent(channel string, offset uint64) evenkeel.Event {
	return evenkeel.Event{
		Kind: evenkeel.EventPublication, Channel: channel, Position: evenkeel.Position{Epoch: "e1", Offset: offset},
		Pub: &evenkeel.Publication{Type: evenkeel.PubMessage, Message: &evenkeel.Message{
			Number: offset, ID: "0d6c7f4e", Kind: evenkeel.MessageText, Text: strings.Repeat("hello ", 15),
			Author: evenkeel.Author{Kind: evenkeel.AuthorCustomer, ID: "v1", Name: "A visitor"},
		}},
	}
}

// openSession is a session that is connected and listens to a channel.
func openSession(enc Encoding, channel string, set *Settings) *Session {
	s := NewSession(1, enc, set, 1)
	s.Step(&Command{ID: 1, Connect: &ConnectCommand{}}, 1)
	s.Step(Authenticated{Client: visitor}, 1)
	s.Step(&Command{ID: 2, Subscribe: &SubscribeCommand{RecoverFrom: RecoverFrom{Channel: channel}}}, 1)
	s.Step(&ReadDone{Tag: s.lastRead, Top: evenkeel.Position{Epoch: "e1"}}, 1)
	s.Take(nil, 1<<20)
	return s
}

// inEach runs a benchmark in each encoding.
func inEach(b *testing.B, bench func(b *testing.B, enc Encoding)) {
	b.Run("json", func(b *testing.B) { bench(b, JSON()) })
	b.Run("protobuf", func(b *testing.B) { bench(b, Protobuf()) })
}

// BenchmarkSessionStep is one publication to one client: the step and taking
// the frame.
func BenchmarkSessionStep(b *testing.B) {
	inEach(b, func(b *testing.B, enc Encoding) {
		set := DefaultSettings()
		s := openSession(enc, "chat:1", &set)
		e := benchEvent("chat:1", 1)
		d, _ := InputOf(&e, enc).(*Delivery)
		buf := make([]byte, 0, 1024)
		b.ReportAllocs()
		for b.Loop() {
			s.Step(d, 1)
			buf = s.Take(buf[:0], 1<<20)
			d.position.Offset++ // the frame stays as it is
		}
		if s.Closed() || len(buf) == 0 {
			b.Fatal("it does not listen")
		}
		b.ReportMetric(float64(len(buf)), "B/frame")
	})
}

// BenchmarkDelivery is one event made ready for its subscribers.
func BenchmarkDelivery(b *testing.B) {
	e := benchEvent("chat:1", 1)
	inEach(b, func(b *testing.B, enc Encoding) {
		b.ReportAllocs()
		for b.Loop() {
			InputOf(&e, enc)
		}
	})
}

// BenchmarkPublishFanout is one event, encoded once, for 1,000 sessions.
func BenchmarkPublishFanout(b *testing.B) {
	inEach(b, func(b *testing.B, enc Encoding) {
		set := DefaultSettings()
		var hub Hub[*Session]
		for range 1000 {
			hub.Join("chat:1", openSession(enc, "chat:1", &set))
		}
		var offset uint64
		buf := make([]byte, 0, 1024)
		b.ReportAllocs()
		for b.Loop() {
			offset++
			e := benchEvent("chat:1", offset)
			to, in := hub.Route(&e, enc)
			for _, s := range to {
				s.Step(in, 1)
				buf = s.Take(buf[:0], 1<<20)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/client")
	})
}

// BenchmarkDecode is one command from a client.
func BenchmarkDecode(b *testing.B) {
	frame := `{"id":7,"rpc":{"method":"chat.send","data":{"chat":"c1","id":"0d6c7f4e","text":"` + strings.Repeat("hello ", 15) + `"}}}`
	inEach(b, func(b *testing.B, enc Encoding) {
		message := []byte(frame)
		if enc == Protobuf() {
			var err error
			if message, err = toProtobuf(b, frame); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := enc.Decode(message); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkEcho is an RPC over a socket, there and back, client included.
func BenchmarkEcho(b *testing.B) {
	s := newSite(b, nil)
	p := s.connect("visitor")
	message := []byte(`{"id":2,"rpc":{"method":"echo","data":{"text":"` + strings.Repeat("x", 200) + `"}}}`)
	b.ReportAllocs()
	for b.Loop() {
		if err := p.ws.WriteMessage(websocket.TextMessage, message); err != nil {
			b.Fatal(err)
		}
		if _, _, err := p.ws.ReadMessage(); err != nil {
			b.Fatal(err)
		}
	}
}

const (
	idleClients = 5000
	idleEnv     = "EVENKEEL_IDLE_CLIENTS_URL"
	idleKindEnv = "EVENKEEL_IDLE_CLIENTS_KIND"
)

// BenchmarkIdleClient measures what a connected client costs that does
// nothing: an agent with his own channel and two chats. The clients are another
// process, and each of them has a pool of connections of its own, as browsers
// do.
func BenchmarkIdleClient(b *testing.B) {
	for _, name := range []string{"websocket", "http_stream", "sse"} {
		b.Run(name, func(b *testing.B) { benchmarkIdle(b, name) })
	}
}

func benchmarkIdle(b *testing.B, name string) {
	s := newSite(b, func(c *Config) { c.Settings.PongTimeout = time.Minute })
	for b.Loop() {
		before, rss := used(), resident(b)
		clients := exec.Command(os.Args[0], "-test.run=^TestIdleClients$", "-test.count=1")
		clients.Env = append(os.Environ(), idleEnv+"="+s.http.URL, idleKindEnv+"="+name)
		in, err := clients.StdinPipe()
		if err != nil {
			b.Fatal(err)
		}
		out, err := clients.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := clients.Start(); err != nil {
			b.Fatal(err)
		}
		for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "ready"; {
		}
		after := used()
		b.ReportMetric(float64(resident(b)-rss)/idleClients, "rss-B/client")
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/idleClients, "heap-B/client")
		b.ReportMetric(float64(after.StackInuse-before.StackInuse)/idleClients, "stack-B/client")
		if err := in.Close(); err != nil {
			b.Fatal(err)
		}
		if err := clients.Wait(); err != nil {
			b.Fatal(err)
		}
		until(b, "all to be gone", func() bool { return s.server.Stats().Connections == 0 })
	}
}

// used is the memory in use once nothing more can be freed.
func used() (m runtime.MemStats) {
	for range 3 { // stacks shrink with a collection, pools empty with the second
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m
}

// resident is the process's resident memory in bytes.
func resident(b *testing.B) int {
	debug.FreeOSMemory()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		b.Fatal(err)
	}
	return kib << 10
}

// TestIdleClients is the other process of BenchmarkIdleClient.
func TestIdleClients(t *testing.T) {
	url := os.Getenv(idleEnv)
	if url == "" {
		return // nobody wants clients
	}
	s := &site{t: t, url: "ws" + strings.TrimPrefix(url, "http"), http: &httptest.Server{URL: url}}
	s.url += "/connection/websocket"
	switch os.Getenv(idleKindEnv) {
	case "websocket":
		s.idleSockets()
	case "http_stream":
		s.idleStreams(kindHTTPStream)
	case "sse":
		s.idleStreams(kindSSE)
	}
	fmt.Println("ready")
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = os.Stdin.Read(make([]byte, 1)) // until it is closed
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
	}
}

// idleSockets are connected, subscribed, and have answered a ping since.
func (s *site) idleSockets() {
	var peers []*peer
	for range idleClients {
		p := s.connect("ann")
		p.subscribe("chat:1", evenkeel.Position{})
		p.send(`{"id":3,"subscribe":{"channel":"staff:1"}}`)
		p.next()
		peers = append(peers, p)
	}
	for _, p := range peers {
		for f := new(frame); f.raw != "{}"; {
			var err error
			if f, err = p.read(); err != nil {
				s.t.Fatal(err)
			}
		}
		p.send("{}")
	}
}

func (s *site) idleStreams(kind kind) {
	var listeners []*listener
	for range idleClients {
		l := s.enter(kind, false, "ann")
		l.send(`{"id":2,"subscribe":{"channel":"chat:1","recover":true}}`, `{"id":3,"subscribe":{"channel":"staff:1"}}`)
		l.next()
		l.next()
		listeners = append(listeners, l)
	}
	for _, l := range listeners {
		for f := map[string]any{"": ""}; len(f) > 0; {
			var err error
			if f, err = l.read(); err != nil {
				s.t.Fatal(err)
			}
		}
		l.send("{}")
	}
}
