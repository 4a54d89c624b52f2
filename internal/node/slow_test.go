package node

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel"
)

// slowly is how a client sends: a part, and then bits of the rest, as slowly as he
// likes, until the server has had enough or there is nothing more.
type slowly struct {
	first string
	bit   string // what comes after it, again and again
	every time.Duration
	shut  bool // then he says that nothing more comes
	deaf  bool // and he reads nothing
}

// TestHostileBodies sends heads and bodies that are slow, broken, short or have no
// end. Each ends with its answer, or is cut within the time that is documented
// (docs/api.md), here a fiftieth of it. Nothing of it reaches the desk, others are
// served meanwhile, and nothing is left running.
func TestHostileBodies(t *testing.T) {
	const hurry = 50 // heads 200 ms, requests 600 ms, answers 1.2 s
	head := func(path, more string) string {
		return "POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + more + "\r\n"
	}
	visitors := func(more string) string { return head("/v1/visitors", more) }
	const chunked = "Transfer-Encoding: chunked\r\n"
	cases := map[string]struct {
		how  slowly
		want string
	}{
		"nothing at all":                     {slowly{}, "closed"},
		"half a request line":                {slowly{first: "POST /v1/vis"}, "400"},
		"a head without end":                 {slowly{first: "GET /v1/cell HTTP/1.1\r\nHost: x\r\n", bit: "X-A: b\r\n", every: 20 * time.Millisecond}, "closed"},
		"a head that floods":                 {slowly{first: "GET /v1/cell HTTP/1.1\r\nHost: x\r\n", bit: strings.Repeat("X-A: b\r\n", 1000)}, "431"},
		"a header line without end":          {slowly{first: "GET /v1/cell HTTP/1.1\r\nX: ", bit: strings.Repeat("a", 10000)}, "431"},
		"no body":                            {slowly{first: visitors("Content-Length: 20\r\n")}, "400 bad_request"},
		"a body that trickles":               {slowly{first: visitors("Content-Length: 2000\r\n"), bit: " ", every: 20 * time.Millisecond}, "400 bad_request"},
		"a short body":                       {slowly{first: visitors("Content-Length: 20\r\n") + "{}", shut: true}, "400 bad_request"},
		"a body that is cut in a chunk":      {slowly{first: visitors(chunked) + "10\r\n{}", shut: true}, "400 bad_request"},
		"a body without its last chunk":      {slowly{first: visitors(chunked) + "2\r\n{}\r\n"}, "400 bad_request"},
		"chunks that trickle":                {slowly{first: visitors(chunked), bit: "1\r\n \r\n", every: 20 * time.Millisecond}, "400 bad_request"},
		"no number of a chunk":               {slowly{first: visitors(chunked) + "xyz\r\n{}\r\n0\r\n\r\n"}, "400 bad_request"},
		"a chunk of a negative length":       {slowly{first: visitors(chunked) + "-2\r\n{}\r\n0\r\n\r\n"}, "400 bad_request"},
		"a chunk longer than memory":         {slowly{first: visitors(chunked) + "ffffffffffffffff\r\n{}"}, "400 bad_request"},
		"a chunk that is longer than told":   {slowly{first: visitors(chunked) + "2\r\n{}{}\r\n0\r\n\r\n"}, "400 bad_request"},
		"extensions of a chunk without end":  {slowly{first: visitors(chunked) + "2;", bit: strings.Repeat("a", 10000)}, "400 bad_request"},
		"trailers without end":               {slowly{first: visitors(chunked) + "2\r\n{}\r\n0\r\n", bit: "X-A: b\r\n", every: 20 * time.Millisecond}, "400 bad_request"},
		"a body without end":                 {slowly{first: visitors(chunked), bit: "1000\r\n" + strings.Repeat(" ", 0x1000) + "\r\n"}, "413 too_large"},
		"a body that is promised too long":   {slowly{first: visitors("Content-Length: 1000000000\r\n"), bit: strings.Repeat(" ", 10000)}, "413 too_large"},
		"a stranger's body":                  {slowly{first: head("/v1/chats", "Content-Length: 2000\r\n"), bit: " ", every: 20 * time.Millisecond}, "401 unauthenticated"},
		"a pong that trickles":               {slowly{first: head("/emulation", "Content-Length: 2000\r\n"), bit: " ", every: 20 * time.Millisecond}, "400 bad_request"},
		"a connect command that trickles":    {slowly{first: head("/connection/http_stream", "Content-Length: 2000\r\n"), bit: " ", every: 20 * time.Millisecond}, "400 bad_request"},
		"a WebSocket that says nothing more": {slowly{first: "GET /connection/websocket HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"}, "closed"},
		"who reads no answers": {slowly{first: "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n", bit: strings.Repeat("GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n", 100),
			every: time.Millisecond, deaf: true}, "cut"},
		"who expects to be told to go on, and does not": {slowly{first: visitors("Content-Length: 20\r\nExpect: 100-continue\r\n")}, "400 bad_request"},
	}
	host := testHost(t)
	host.hurry = hurry
	n, err := Start(t.Context(), testConfig(t), host)
	if err != nil {
		t.Fatal(err)
	}
	defer stopNode(t, n)
	h := &hostile{t: t, node: n}
	still, last := 0, uint64(0)
	until(t, "it has told the cell what it has to tell at its start", func() bool {
		if applied := n.replica.Status().Applied; applied != last {
			still, last = 0, applied
		}
		still++
		return still > 25 && n.archiveStatus().State == evenkeel.CopyLive.String()
	})
	hash, running := h.hash(), goroutines()
	for name, c := range cases {
		began := time.Now()
		if got := c.how.send(t, n.Addr().String()); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s took %s", name, took)
		}
		if now := h.hash(); now != hash {
			t.Errorf("%s changed the state", name)
			hash = now
		}
		if status, err := look(n, "/readyz"); status != http.StatusOK {
			t.Fatalf("after %s the node answers %d, %v", name, status, err)
		}
	}
	until(t, "no goroutine is left", func() bool { return goroutines() <= running })
}

// goroutines counts those that run, but for the pools of the archive, which come
// when they are needed.
func goroutines() (n int) {
	b := make([]byte, 1<<20)
	for one := range strings.SplitSeq(string(b[:runtime.Stack(b, true)]), "\n\n") {
		if !strings.Contains(one, "database/sql") {
			n++
		}
	}
	return n
}

// send does it, and says what came of it: an answer, that the connection was
// closed without one, or that it was cut while he sent.
func (s *slowly) send(t *testing.T, address string) string {
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var writer sync.WaitGroup
	var cut error
	over := make(chan struct{})
	writer.Go(func() { cut = s.write(conn.(*net.TCPConn), over) })
	if s.deaf {
		if writer.Wait(); cut == nil {
			return "he could send all"
		}
		return "cut"
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err == nil && answer.StatusCode == http.StatusContinue {
		answer, err = http.ReadResponse(bufio.NewReader(conn), nil)
	}
	said := "closed"
	if err == nil {
		body, readErr := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		var p struct{ Code string }
		if readErr == nil {
			_ = json.Unmarshal(body, &p) // what net/http refuses itself is no problem document
		}
		said = strings.TrimSpace(fmt.Sprintf("%d %s", answer.StatusCode, p.Code))
	} else if errors.Is(err, os.ErrDeadlineExceeded) {
		said = "nothing for 20 s"
	}
	close(over)
	writer.Wait()
	return said
}

// write sends until the server does not take more, or it is over.
func (s *slowly) write(conn *net.TCPConn, over <-chan struct{}) error {
	if _, err := io.WriteString(conn, s.first); err != nil {
		return err
	}
	if s.shut {
		return conn.CloseWrite()
	}
	tick := time.NewTicker(max(s.every, time.Microsecond))
	defer tick.Stop()
	for s.bit != "" {
		select {
		case <-over:
			return nil
		case <-tick.C:
		}
		if _, err := io.WriteString(conn, s.bit); err != nil {
			return err
		}
	}
	return nil
}
