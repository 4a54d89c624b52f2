package realtime

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel"
)

// oneWay are the transports whose clients send by other requests.
func oneWay() []struct {
	name   string
	kind   kind
	binary bool
} {
	return []struct {
		name   string
		kind   kind
		binary bool
	}{{"http_stream json", kindHTTPStream, false}, {"http_stream protobuf", kindHTTPStream, true}, {"sse json", kindSSE, false}}
}

// listener is a client without a library, on a transport that goes one way
// only.
type listener struct {
	t      testing.TB
	base   string
	kind   kind
	binary bool
	client *http.Client // its own, as every browser is
	res    *http.Response
	body   *bufio.Reader

	session, node string
}

// listen opens a stream. What is refused is in res.
func (s *site) listen(kind kind, binary bool, connect string) *listener {
	l := &listener{t: s.t, base: s.http.URL, kind: kind, binary: binary, client: &http.Client{Transport: new(http.Transport)}}
	var req *http.Request
	var err error
	if kind == kindSSE {
		req, err = http.NewRequest(http.MethodGet, l.base+"/connection/sse?cf_connect="+url.QueryEscape(connect), nil)
	} else {
		req, err = http.NewRequest(http.MethodPost, l.base+"/connection/http_stream", bytes.NewReader(l.encode(connect)))
		if binary {
			req.Header.Set("Content-Type", "application/octet-stream")
		}
	}
	if err != nil {
		s.t.Fatal(err)
	}
	if l.res, err = l.client.Do(req); err != nil { //nolint:bodyclose // close does
		s.t.Fatal(err)
	}
	s.t.Cleanup(l.close)
	l.body = bufio.NewReader(l.res.Body)
	return l
}

func (l *listener) close() {
	_ = l.res.Body.Close()
	l.client.CloseIdleConnections()
}

func (l *listener) encode(frames ...string) []byte {
	if !l.binary {
		return []byte(strings.Join(frames, "\n"))
	}
	message, err := toProtobuf(l.t, frames...)
	if err != nil {
		l.t.Fatal(err)
	}
	return message
}

// enter connects and remembers what the requests have to name.
func (s *site) enter(kind kind, binary bool, token string) *listener {
	l := s.listen(kind, binary, fmt.Sprintf(`{"id":1,"connect":{"token":%q}}`, token))
	f, err := l.read()
	if err != nil || f["connect"] == nil {
		s.t.Fatalf("not let in: %d %v %v", l.res.StatusCode, f, err)
	}
	connect := f["connect"].(map[string]any)
	l.session, _ = connect["session"].(string)
	l.node, _ = connect["node"].(string)
	return l
}

// read returns the next frame.
func (l *listener) read() (map[string]any, error) {
	if l.binary {
		length, err := binary.ReadUvarint(l.body)
		if err != nil {
			return nil, err
		}
		body := make([]byte, length)
		if _, err := io.ReadFull(l.body, body); err != nil {
			return nil, err
		}
		return fromProtobuf(l.t, append(binary.AppendUvarint(nil, length), body...))[0].(map[string]any), nil
	}
	line, err := l.body.ReadString('\n')
	if err != nil {
		return nil, err
	}
	if l.kind == kindSSE {
		data, ok := strings.CutPrefix(line, "data: ")
		if empty, err := l.body.ReadString('\n'); !ok || err != nil || empty != "\n" {
			l.t.Fatalf("no event: %q %q %v", line, empty, err)
		}
		line = data
	}
	return parse(l.t, []byte(line)).(map[string]any), nil
}

// next returns the next frame but pings, which it answers.
func (l *listener) next() map[string]any {
	for {
		f, err := l.read()
		if err != nil {
			l.t.Fatalf("read: %v", err)
		}
		if len(f) > 0 {
			return f
		}
		l.send("{}")
	}
}

// ended reads on until the stream ends, and returns the code that it was told.
func (l *listener) ended() (code string) {
	for {
		f, err := l.read()
		if errors.Is(err, io.EOF) {
			return code
		}
		if err != nil {
			l.t.Fatalf("ended by %v", err)
		}
		if push, ok := f["push"].(map[string]any); ok && push["disconnect"] != nil {
			code = push["disconnect"].(map[string]any)["code"].(json.Number).String()
		}
	}
}

// send posts commands and returns the status.
func (l *listener) send(frames ...string) int { return l.post(l.node, l.session, l.encode(frames...)) }

func (l *listener) post(node, session string, message []byte) int {
	kind := "application/json"
	body, err := json.Marshal(map[string]string{"session": session, "node": node, "data": string(message)})
	if l.binary {
		kind = "application/octet-stream"
		body = emulationOf(node, session, message)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	res, err := l.client.Post(l.base+"/emulation", kind, bytes.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}

// emulationOf is a request with commands, in Protobuf.
func emulationOf(node, session string, message []byte) []byte {
	var body []byte
	for i, part := range []string{node, session, string(message)} {
		body = append(body, byte(i+1)<<3|2)
		body = binary.AppendUvarint(body, uint64(len(part)))
		body = append(body, part...)
	}
	return body
}

func TestStreamsTalk(t *testing.T) {
	for _, c := range oneWay() {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, func(c *Config) { c.Node = "n1" })
			l := s.enter(c.kind, c.binary, "ann")
			if l.node != "n1" || len(l.session) < 26 {
				t.Errorf("node %q, session %q", l.node, l.session)
			}
			if h := l.res.Header; h.Get("X-Accel-Buffering") != "no" || !strings.Contains(h.Get("Cache-Control"), "no-transform") {
				t.Errorf("proxies may hold it back: %v", h)
			}
			stats := s.server.Stats()
			if open := [kinds]int64{stats.WebSocket, stats.HTTPStream, stats.SSE}; stats.Connections != 1 || open[c.kind] != 1 {
				t.Errorf("counted as %+v", stats)
			}
			if status := l.send(`{"id":2,"rpc":{"method":"echo","data":{"a":1}}}`); status != 204 {
				t.Errorf("a call: %d", status)
			}
			if f := l.next(); fmt.Sprint(f) != "map[id:2 rpc:map[data:map[a:1]]]" {
				t.Errorf("its answer: %v", f)
			}
			s.publish("agent:ann", 2)
			l.next() // the stream's start
			for offset := 1; offset <= 2; offset++ {
				if f := fmt.Sprint(l.next()); !strings.Contains(f, fmt.Sprintf("offset:%d", offset)) {
					t.Errorf("publication %d: %s", offset, f)
				}
			}
			for id := range s.ids() {
				s.server.Disconnect(id, CloseForced, "go")
			}
			if code := l.ended(); code != "3503" {
				t.Errorf("sent away by %q", code)
			}
			until(t, "the client to be gone", func() bool { return s.server.Stats().Connections == 0 })
			if status := l.send(`{"id":3,"ping":{}}`); status != 204 {
				t.Errorf("a session that is gone: %d, want 204 by the protocol", status)
			}
		})
	}
}

// TestStreamsEnd: why a stream ends is its last frame.
func TestStreamsEnd(t *testing.T) {
	for _, c := range oneWay() {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, func(c *Config) { c.MaxMessage = 2000 })
			denied := s.listen(c.kind, c.binary, `{"id":1,"connect":{"token":"wrong"}}`)
			if f := denied.next(); f["error"] == nil {
				t.Errorf("no token, but %v", f)
			}
			if code := denied.ended(); code != "3500" {
				t.Errorf("wrong token: %q", code)
			}
			l := s.enter(c.kind, c.binary, "visitor")
			if status := l.post(l.node, l.session, []byte("\xffnonsense")); status != 204 {
				t.Errorf("nonsense: %d", status)
			}
			if code := l.ended(); code != "3501" {
				t.Errorf("nonsense: %q", code)
			}
			l = s.enter(c.kind, c.binary, "visitor")
			if status := l.post(l.node, l.session, bytes.Repeat([]byte{' '}, 2001)); status != 413 {
				t.Errorf("too long: %d", status)
			}
			if status := l.post("elsewhere", l.session, l.encode("{}")); status != 404 {
				t.Errorf("another node: %d", status)
			}
			l.close()
			until(t, "the server to notice", func() bool { return s.server.Stats().Connections == 0 })
			l = s.enter(c.kind, c.binary, "visitor")
			s.stop()
			if code := l.ended(); code != "3001" {
				t.Errorf("stopped: %q", code)
			}
		})
	}
}

// TestStreamsInVain: what cannot become a stream is refused as any request is.
func TestStreamsInVain(t *testing.T) {
	s := newSite(t, func(c *Config) { c.MaxMessage = 200 })
	hello := url.QueryEscape(`{"id":1,"connect":{"token":"ann"}}`)
	for _, c := range []struct {
		what, method, path, body, origin string
		status                           int
	}{
		{"a GET", "GET", "/connection/http_stream", "", "", 405},
		{"a POST to an event source", "POST", "/connection/sse?cf_connect=" + hello, "", "", 405},
		{"nothing to connect with", "POST", "/connection/http_stream", "", "", 400},
		{"no cf_connect", "GET", "/connection/sse", "", "", 400},
		{"another command first", "GET", "/connection/sse?cf_connect=" + url.QueryEscape(`{"id":1,"ping":{}}`), "", "", 400},
		{"no JSON", "POST", "/connection/http_stream", "connect!", "", 400},
		{"no Protobuf", "POST", "/connection/http_stream?format=protobuf", "{}", "", 400},
		{"too long", "POST", "/connection/http_stream", strings.Repeat(" ", 201), "", 413},
		{"a foreign page", "GET", "/connection/sse?cf_connect=" + hello, "", "https://evil.example", 403},
		{"a foreign page's commands", "POST", "/emulation", "{}", "https://evil.example", 403},
		{"no emulation", "POST", "/emulation", "{}", "", 400},
		{"an emulation of nobody", "POST", "/emulation", `{"session":"","node":"","data":"{}"}`, "", 400},
		{"an emulation that is too long", "POST", "/emulation", strings.Repeat(" ", 2000), "", 413},
		{"an emulation by GET", "GET", "/emulation", "", "", 405},
		{"somewhere else", "GET", "/connection/pigeon", "", "", 404},
	} {
		req, err := http.NewRequest(c.method, s.http.URL+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if c.origin != "" {
			req.Header.Set("Origin", c.origin)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var p struct{ Code, Detail string }
		if err := json.NewDecoder(res.Body).Decode(&p); err != nil || res.StatusCode != c.status || p.Code == "" || p.Detail == "" {
			t.Errorf("%s: %d %+v %v, want %d", c.what, res.StatusCode, p, err, c.status)
		}
		res.Body.Close()
	}
	if n := s.server.Stats().Connections; n != 0 {
		t.Errorf("%d connections", n)
	}
}

// TestStreamWithoutChunks: old proxies speak HTTP/1.0, where the end of the
// connection is the end of the stream.
func TestStreamWithoutChunks(t *testing.T) {
	s := newSite(t, nil)
	socket, err := net.Dial("tcp", s.http.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.Close() }()
	fmt.Fprintf(socket, "GET /connection/sse?cf_connect=%s HTTP/1.0\r\n\r\n", url.QueryEscape(`{"id":1,"connect":{"token":"wrong"}}`))
	all, err := io.ReadAll(socket)
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := strings.Cut(string(all), "\r\n\r\n")
	if !strings.HasPrefix(head, "HTTP/1.0 200 OK") || strings.Contains(head, "chunked") {
		t.Errorf("head: %s", head)
	}
	if !strings.HasPrefix(body, `data: {"id":1,"error":`) || !strings.HasSuffix(body, `"reason":"unauthenticated"}}}`+"\n\n") {
		t.Errorf("body: %s", body)
	}
}

// TestEmulationIsForwarded: a request may reach another node than the one that
// holds the session.
func TestEmulationIsForwarded(t *testing.T) {
	holder := newSite(t, func(c *Config) { c.Node = "n1" })
	other := newSite(t, func(c *Config) {
		c.Node = "n2"
		c.Forward = func(_ context.Context, node, session string, message []byte) *evenkeel.Error {
			if node != "n1" {
				return evenkeel.Errorf(evenkeel.CodeNotFound, "no node %s", node)
			}
			return holder.server.Emulate(session, message)
		}
	})
	for _, c := range oneWay() {
		l := holder.enter(c.kind, c.binary, "visitor")
		l.base = other.http.URL
		if status := l.send(`{"id":2,"rpc":{"method":"echo","data":{"a":1}}}`); status != 204 {
			t.Errorf("%s: %d", c.name, status)
		}
		if f := l.next(); f["rpc"] == nil {
			t.Errorf("%s: %v", c.name, f)
		}
		if status := l.post("n3", l.session, l.encode("{}")); status != 404 {
			t.Errorf("%s: an unknown node: %d", c.name, status)
		}
		l.close()
	}
}

// TestStreamsCutSlowReaders: who does not read is cut, as on a WebSocket, and
// the others hear everything.
func TestStreamsCutSlowReaders(t *testing.T) {
	for _, c := range oneWay() {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, func(c *Config) {
				c.Settings.MaxQueueBytes = 64 << 10
				c.WriteTimeout = 100 * time.Millisecond
			})
			slow, quick := s.enter(c.kind, c.binary, "ann"), s.enter(c.kind, c.binary, "ann")
			var heard atomic.Int64
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for f, err := quick.read(); err == nil; f, err = quick.read() {
					if push, ok := f["push"].(map[string]any); ok && push["pub"] != nil {
						heard.Add(1)
					}
				}
			}()
			sent := int64(0)
			until(t, "the slow one to be cut", func() bool {
				s.publish("agent:ann", 200)
				sent += 200
				until(t, "the quick one", func() bool { return heard.Load() == sent })
				return s.server.Stats().Connections == 1
			})
			if n := s.server.Stats().Slow; n > 1 {
				t.Errorf("%d are slow", n)
			}
			s.stop()
			<-ended
			slow.close()
		})
	}
}

// TestRequestsWait: a session's requests are obeyed one after another, and not
// too many may wait.
func TestRequestsWait(t *testing.T) {
	block := make(chan struct{})
	s := newSite(t, nil)
	l := s.enter(kindHTTPStream, false, "visitor")
	s.block = block
	statuses := make(chan int)
	const many = maxRequests + 10
	for i := range many {
		go func() { statuses <- l.send(fmt.Sprintf(`{"id":%d,"refresh":{"token":"visitor"}}`, i+2)) }()
	}
	for range many - maxRequests {
		if status := <-statuses; status != 429 {
			t.Errorf("over the limit: %d", status)
		}
	}
	close(block)
	for range maxRequests {
		if status := <-statuses; status != 204 {
			t.Errorf("waited: %d", status)
		}
	}
}
