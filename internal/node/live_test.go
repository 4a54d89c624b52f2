package node

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

// TestLiveOverASocket: a supervisor who subscribes to a queue is sent its present
// figures, and a customer who waits is told his place, over real sockets.
func TestLiveOverASocket(t *testing.T) {
	n := startNode(t, testConfig(t))
	defer stopNode(t, n)
	_, visitor := ask(t, n, "POST", "/v1/visitors", "", map[string]any{})
	customer, _ := visitor["token"].(string)
	if status, _ := ask(t, n, "POST", "/v1/chats", customer, map[string]any{"message": "hello"}); status != http.StatusCreated {
		t.Fatalf("a chat: %d", status)
	}
	_, login := ask(t, n, "POST", "/v1/auth/login", "", map[string]any{"start": n.FirstRun().StartToken})
	admin, _ := login["token"].(string)
	for _, row := range []struct {
		token, channel, want string
	}{
		{admin, "queue:general", `"queue":"general","waiting":1`},
		{admin, "desk", `"agents":[{"id":"admin"`},
		{customer, "", `{"type":"position","chat":"c1","position":1}`},
		{customer, "queue:general", `"error":{"code":102`},
		{customer, "desk", `"error":{"code":102`},
	} {
		hear(t, n, row.token, row.channel, row.want)
	}
}

// hear connects, subscribes to a channel if there is one, and waits until it is
// sent what it wants.
func hear(t *testing.T, n *Node, token, channel, want string) {
	t.Helper()
	conn, answer, err := websocket.DefaultDialer.DialContext(t.Context(), "ws://"+n.Addr().String()+"/connection/websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = answer.Body.Close()
	frames := []map[string]any{{"id": 1, "connect": map[string]any{"token": token}}}
	if channel != "" {
		frames = append(frames, map[string]any{"id": 2, "subscribe": map[string]any{"channel": channel}})
	}
	for _, frame := range frames {
		if err := conn.WriteJSON(frame); err != nil {
			t.Fatal(err)
		}
	}
	var heard []string
	for {
		_, frame, err := conn.ReadMessage()
		if err != nil {
			t.Fatalf("%s: %v instead of %s after %q", channel, err, want, heard)
		}
		if strings.Contains(string(frame), want) {
			return
		}
		heard = append(heard, string(frame))
	}
}
