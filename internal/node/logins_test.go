package node

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

// TestRevokedLoginLosesItsConnection: a login that is ended takes its realtime
// connections with it, at once, and no other's.
func TestRevokedLoginLosesItsConnection(t *testing.T) {
	n := startNode(t, testConfig(t))
	defer stopNode(t, n)
	login := func() (token string) {
		_, a := ask(t, n, "POST", "/v1/auth/login", "", map[string]string{"email": adminEmail, "password": n.FirstRun().Password})
		token, _ = a["token"].(string)
		return token
	}
	lost, kept := login(), login()
	gone, stays := dial(t, n, lost), dial(t, n, kept)
	_, list := ask(t, n, "GET", "/v1/auth/sessions", lost, nil)
	items, _ := list["items"].([]any)
	if len(items) != 2 {
		t.Fatalf("sessions: %v", list)
	}
	first, _ := items[0].(map[string]any)
	if first["current"] != true {
		t.Fatalf("sessions: %v", list)
	}
	if status, _ := ask(t, n, "DELETE", "/v1/auth/sessions/"+first["id"].(string), kept, nil); status != 204 {
		t.Fatalf("end a session: %d", status)
	}
	var err error
	for err == nil {
		_, _, err = gone.ReadMessage()
	}
	var closed *websocket.CloseError
	if !errors.As(err, &closed) || closed.Code < 3500 {
		t.Errorf("the connection ended with %v, want a code that says not to come back", err)
	}
	if err := stays.WriteJSON(map[string]any{"id": 2, "rpc": map[string]any{"method": "agent.state", "data": map[string]any{}}}); err != nil {
		t.Fatal(err)
	}
	for answered := false; !answered; {
		_, frame, err := stays.ReadMessage()
		if err != nil {
			t.Fatalf("the other login: %v", err)
		}
		answered = strings.Contains(string(frame), `"agent":"admin"`) // pushes may come before
	}
}

// dial opens a realtime connection.
func dial(t *testing.T, n *Node, token string) *websocket.Conn {
	t.Helper()
	conn, answer, err := websocket.DefaultDialer.DialContext(t.Context(), "ws://"+n.Addr().String()+"/connection/websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Error(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Log(err)
		}
	})
	if err := conn.WriteJSON(map[string]any{"id": 1, "connect": map[string]any{"token": token}}); err != nil {
		t.Fatal(err)
	}
	if _, frame, err := conn.ReadMessage(); err != nil || !strings.Contains(string(frame), `"connect":{`) {
		t.Fatalf("connect: %s, error %v", frame, err)
	}
	return conn
}
