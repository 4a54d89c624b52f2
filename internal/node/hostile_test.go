package node

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/evenkeel/evenkeel/internal/desk"
)

var updateHostile = flag.Bool("hostile", false, "write the answers to hostile requests into testdata")

// TestHostileRequests sends what clients should not: each line of the table is
// a request to a real node over a socket of its own and the answer that it must
// get. After each the hash of the desk's state is what it was, and the node serves
// on.
//
//	WHO  METHOD PATH | Header: value; Header: value | body  => status code field
//	raw  text of the whole connection, with \r\n            => status code
//
// Texts are Go's, without their quotes; <x*1000> stands for a thousand x.
func TestHostileRequests(t *testing.T) {
	playHostile(t, "testdata/hostile_http.txt", 100, func(*hostile) {}, func(h *hostile, line string) string {
		who, rest, _ := strings.Cut(line, " ")
		rest = strings.TrimSpace(rest)
		if who == "raw" {
			return h.raw(expand(t, rest))
		}
		part := strings.SplitN(rest, "|", 3)
		for len(part) < 3 {
			part = append(part, "")
		}
		method, path, _ := strings.Cut(strings.TrimSpace(part[0]), " ")
		var b strings.Builder
		fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", method, expand(t, path), h.node.Addr())
		if token := h.tokens[who]; token != "" {
			fmt.Fprintf(&b, "Authorization: Bearer %s\r\n", token)
		}
		body := expand(t, strings.TrimSpace(part[2]))
		headers := expand(t, strings.TrimSpace(part[1]))
		if body != "" && !strings.Contains(headers, "Content-Type") {
			b.WriteString("Content-Type: application/json\r\n")
		}
		for header := range strings.SplitSeq(headers, "; ") {
			if header != "" {
				b.WriteString(h.fill(header) + "\r\n")
			}
		}
		if body != "" {
			fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
		}
		return h.raw(b.String() + "\r\n" + body)
	})
}

// TestHostileCalls does the same for RPC: WHO method params => code.
func TestHostileCalls(t *testing.T) {
	playHostile(t, "testdata/hostile_rpc.txt", 50, func(h *hostile) {
		// A first call of each opens what sessions there will be.
		for who := range h.tokens {
			h.call(who, "chat.seen", `{"chat":"c999","number":1}`)
		}
	}, func(h *hostile, line string) string {
		who, rest, _ := strings.Cut(line, " ")
		method, params, _ := strings.Cut(strings.TrimSpace(rest), " ")
		return h.call(who, method, expand(t, params))
	})
}

// hostile is a node with people and a chat.
type hostile struct {
	t      *testing.T
	node   *Node
	tokens map[string]string
	phones map[string]*websocket.Conn
	last   int
}

func playHostile(t *testing.T, file string, least int, prepare func(*hostile), ask func(h *hostile, line string) string) {
	h := newHostile(t)
	defer stopNode(t, h.node)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	prepare(h)
	before, hash := h.state(), h.hash()
	var b strings.Builder
	lines := 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		asked, want, _ := strings.Cut(line, "  => ")
		if line == "" || line[0] == '#' {
			b.WriteString(line + "\n")
			continue
		}
		lines++
		got := ask(h, asked)
		if got != want && !*updateHostile {
			t.Errorf("%s\n got %s\nwant %s", asked, got, want)
		}
		if strings.HasPrefix(got, "200") || strings.HasPrefix(got, "201") || got == "ok" {
			t.Errorf("%s\n was carried out: %s", asked, got)
		}
		b.WriteString(asked + "  => " + got + "\n")
		if !strings.HasPrefix(asked, "raw ") && !strings.Contains(got, " ") && !slices.Contains([]string{"307", "431"}, got) {
			t.Errorf("%s\n is answered by net/http, not by the API: %s", asked, got)
		}
		if now := h.hash(); now != hash {
			t.Errorf("%s\n changed the state: its hash was %x and is %x", asked, hash, now)
			hash = now
		}
		if status, _ := look(h.node, "/readyz"); status != http.StatusOK {
			t.Fatalf("after %s the node answers %d", asked, status)
		}
	}
	if lines < least {
		t.Errorf("%s has %d requests, %d are promised", file, lines, least)
	}
	if after := h.state(); after != before {
		t.Errorf("the state is another than before:\n%s\n%s", before, after)
	}
	if *updateHostile {
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func look(n *Node, path string) (int, error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	answer, err := client.Get("http://" + n.Addr().String() + path)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}

func newHostile(t *testing.T) *hostile {
	t.Helper()
	cfg := testConfig(t)
	// Each line asks as one of a few: what the limits do has tests of its own.
	cfg.LimitUserReads, cfg.LimitUserWrites = Rate{}, Rate{}
	h := &hostile{t: t, node: startNode(t, cfg), tokens: map[string]string{}, phones: map[string]*websocket.Conn{}}
	get := func(method, path, token string, body any, at string) string {
		status, a := ask(t, h.node, method, path, token, body)
		if status > 299 {
			t.Fatalf("%s %s: %d %v", method, path, status, a)
		}
		s, _ := a[at].(string)
		return s
	}
	admin := get("POST", "/v1/auth/login", "", map[string]string{"email": adminEmail, "password": h.node.FirstRun().Password}, "token")
	for _, id := range []string{"ann", "ben", "ada"} {
		role := "agent"
		if id == "ada" {
			role = "admin" // the first admin is an operator
		}
		get("PUT", "/v1/agents/"+id, admin, map[string]any{
			"role": role, "email": id + "@localhost", "password": "correct horse", "queues": []any{map[string]any{"id": "general"}},
		}, "")
		h.tokens[id] = get("POST", "/v1/auth/login", "", map[string]string{"email": id + "@localhost", "password": "correct horse"}, "token")
	}
	h.tokens["admin"] = admin
	h.tokens["cat"] = get("POST", "/v1/visitors", "", nil, "token")
	h.tokens["eve"] = get("POST", "/v1/visitors", "", nil, "token")
	get("POST", "/v1/chats", h.tokens["cat"], map[string]any{"message": "hello"}, "") // c1
	get("POST", "/v1/chats/c1/take", admin, nil, "")
	return h
}

// hash is that of the desk's state.
func (h *hostile) hash() (sum uint64) {
	h.t.Helper()
	h.node.replica.View(func(d *desk.Desk) {
		var err error
		if sum, err = d.StateHash(); err != nil {
			h.t.Fatal(err)
		}
	})
	return sum
}

// state is all that there is, as the lists tell it, and what it weighs.
func (h *hostile) state() string {
	h.t.Helper()
	var b strings.Builder
	for _, path := range []string{
		"/v1/chats", "/v1/chats/c1", "/v1/chats/c1/messages", "/v1/queues", "/v1/agents", "/v1/api-keys", "/v1/workspaces", "/v1/customers",
		"/v1/namespaces", "/v1/missed", "/v1/agents/ann/sessions", "/v1/agents/admin/sessions",
	} {
		status, a := ask(h.t, h.node, "GET", path, h.tokens["admin"], nil)
		if items, ok := a["items"].([]any); ok {
			for _, item := range items {
				delete(item.(map[string]any), "last_seen") // looking changes that
				delete(item.(map[string]any), "expires")
			}
		}
		text, err := json.Marshal(a)
		if err != nil {
			h.t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %d %s\n", path, status, text)
	}
	h.node.replica.View(func(d *desk.Desk) {
		s := d.Status()
		fmt.Fprintf(&b, "%d bytes, %d chats, %d sessions\n", s.Bytes, s.Chats, s.Sessions)
	})
	return b.String()
}

// expand turns a text of the table into bytes.
func expand(t *testing.T, s string) string {
	t.Helper()
	for {
		from := strings.Index(s, "<")
		star := strings.Index(s, "*")
		to := strings.Index(s, ">")
		if from < 0 || star < from || to < star {
			break
		}
		n, err := strconv.Atoi(s[star+1 : to])
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		s = s[:from] + strings.Repeat(s[from+1:star], n) + s[to+1:]
	}
	if !strings.Contains(s, `\`) {
		return s
	}
	out, err := strconv.Unquote(`"` + strings.ReplaceAll(s, `"`, `\"`) + `"`)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return out
}

// fill puts tokens in the place of names: {cat} and, cut short, {cat-}.
func (h *hostile) fill(s string) string {
	for who, token := range h.tokens {
		s = strings.NewReplacer("{"+who+"}", token, "{"+who+"-}", token[:len(token)-1]).Replace(s)
	}
	return s
}

// raw sends bytes on a fresh connection and says how they were answered.
func (h *hostile) raw(text string) string {
	h.t.Helper()
	conn, err := net.DialTimeout("tcp", h.node.Addr().String(), 5*time.Second)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // whatever was wrong, the answer has told it
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		h.t.Fatal(err)
	}
	_, _ = conn.Write([]byte(h.fill(text))) // the node may answer and close before all is sent
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return "closed"
	}
	defer answer.Body.Close()
	var p struct{ Code, Field string }
	_ = json.NewDecoder(answer.Body).Decode(&p) // what net/http refuses itself is no problem document
	return strings.TrimRight(fmt.Sprintf("%d %s %s", answer.StatusCode, p.Code, p.Field), " ")
}

func (h *hostile) phone(who string) *websocket.Conn {
	if h.phones[who] == nil {
		h.phones[who] = dial(h.t, h.node, h.tokens[who])
	}
	return h.phones[who]
}

// call runs a method over a person's connection and says how it was answered.
func (h *hostile) call(who, method, params string) string {
	h.t.Helper()
	h.last++
	id := h.last + 1000
	frame := fmt.Sprintf(`{"id":%d,"rpc":{"method":%q,"data":%s}}`, id, method, params)
	conn := h.phone(who)
	if err := conn.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
		h.t.Fatal(err)
	}
	for {
		_, message, err := conn.ReadMessage()
		if err != nil {
			delete(h.phones, who)
			return strings.TrimPrefix(err.Error(), "websocket: ")
		}
		for line := range strings.SplitSeq(string(message), "\n") {
			var reply struct {
				ID    int
				Error *struct {
					Code    int
					Message string
				}
			}
			if json.Unmarshal([]byte(line), &reply) != nil || reply.ID != id {
				continue
			}
			if reply.Error == nil {
				return "ok"
			}
			name, _, _ := strings.Cut(reply.Error.Message, ":")
			return fmt.Sprintf("%d %s", reply.Error.Code, name)
		}
	}
}
