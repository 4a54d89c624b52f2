package node

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// stream is a client by HTTP streaming.
type stream struct {
	t     *testing.T
	lines *bufio.Scanner
	close func() error

	session, node string
}

// openStream connects to a node.
func openStream(t *testing.T, n *Node, token string) *stream {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+n.Addr().String()+"/connection/http_stream",
		strings.NewReader(`{"id":1,"connect":{"token":"`+token+`"}}`))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r) //nolint:bodyclose // close does
	if err != nil || answer.StatusCode != 200 {
		t.Fatalf("%v %v", answer, err)
	}
	s := &stream{t: t, lines: bufio.NewScanner(answer.Body), close: answer.Body.Close}
	var hello struct {
		Connect struct{ Session, Node string }
	}
	s.next(&hello)
	s.session, s.node = hello.Connect.Session, hello.Connect.Node
	return s
}

// next reads the next frame that is no ping.
func (s *stream) next(into any) {
	s.t.Helper()
	for s.lines.Scan() {
		if line := s.lines.Text(); line != "" && line != "{}" {
			if err := json.Unmarshal([]byte(line), into); err != nil {
				s.t.Fatalf("%s: %v", line, err)
			}
			return
		}
	}
	s.t.Fatalf("the stream has ended: %v", s.lines.Err())
}

func emulateAt(t *testing.T, n *Node, session, node, command string) int {
	t.Helper()
	status, _ := ask(t, n, "POST", "/emulation", "", map[string]any{"session": session, "node": node, "data": command})
	return status
}

// TestEmulationAtAnyNode: a client whose transport goes one way only may send by
// any node, whatever a balancer makes of it.
func TestEmulationAtAnyNode(t *testing.T) {
	nodes, _ := threeNodes(t)
	_, got := ask(t, nodes[0], "POST", "/v1/visitors", "", map[string]any{})
	s := openStream(t, nodes[0], got["token"].(string))
	for i, n := range nodes {
		if status := emulateAt(t, n, s.session, s.node, `{"id":`+string(rune('2'+i))+`,"rpc":{"method":"visitor.state","data":{}}}`); status != 204 {
			t.Fatalf("%s answers %d", n.identity.Node, status)
		}
		var reply struct {
			ID  int
			RPC struct{ Data struct{ Visitor string } }
		}
		if s.next(&reply); reply.ID != 2+i || reply.RPC.Data.Visitor == "" {
			t.Fatalf("by %s came %+v", n.identity.Node, reply)
		}
	}
	if status := emulateAt(t, nodes[1], s.session, "n9", "{}"); status != 404 {
		t.Errorf("a node that is not there: %d", status)
	}
	// What the node refuses is told by the one that was asked.
	if status := emulateAt(t, nodes[1], s.session, s.node, strings.Repeat("x", 70<<10)); status != 413 {
		t.Errorf("too long a message: %d", status)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
	stopNode(t, nodes[0])
	eventually(t, "the node to be known as gone", func() bool { return emulateAt(t, nodes[1], s.session, s.node, "{}") == 503 })
	for _, n := range nodes[1:] {
		stopNode(t, n)
	}
}

// TestEmulationGivesUp: a node that does not answer is not waited for for ever.
func TestEmulationGivesUp(t *testing.T) {
	var e emulates
	e.init()
	request, came := e.ask()
	e.forget(request)
	e.answered(&emulated{Request: request})
	select {
	case refusal := <-came:
		t.Errorf("an answer to a request that was given up: %v", refusal)
	default:
	}
}
