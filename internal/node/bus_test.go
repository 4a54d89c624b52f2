package node

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/evenkeel/evenkeel"
)

// caller is a realtime client of a node.
type caller struct {
	*testing.T
	conn   *websocket.Conn
	id     int
	frames []string // read, and not looked at
}

// call connects with a token.
func call(t *testing.T, n *Node, token string) *caller {
	t.Helper()
	conn, answer, err := websocket.DefaultDialer.DialContext(t.Context(), "ws://"+n.Addr().String()+"/connection/websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	t.Cleanup(func() { _ = conn.Close() })
	c := &caller{T: t, conn: conn}
	c.does(`"connect":{"token":%q}`, token)
	return c
}

// send sends a command.
func (c *caller) send(format string, args ...any) {
	c.Helper()
	c.id++
	frame := fmt.Sprintf(`{"id":%d,`, c.id) + fmt.Sprintf(format, args...) + "}"
	if err := c.conn.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
		c.Fatal(err)
	}
}

// does sends a command and waits until it succeeds.
func (c *caller) does(format string, args ...any) string {
	c.Helper()
	c.send(format, args...)
	answer := c.hears(fmt.Sprintf(`"id":%d,`, c.id))
	if strings.Contains(answer, `"error"`) {
		c.Fatalf(format+": %s", append(args, answer)...)
	}
	return answer
}

// hears waits for a frame with all that is wanted, and returns it.
func (c *caller) hears(wants ...string) string {
	c.Helper()
	if err := c.conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		c.Fatal(err)
	}
next:
	for {
		for len(c.frames) == 0 {
			_, message, err := c.conn.ReadMessage()
			if err != nil {
				c.Fatalf("%v instead of %q", err, wants)
			}
			c.frames = strings.Split(string(message), "\n")
		}
		frame := c.frames[0]
		c.frames = c.frames[1:]
		if frame == "{}" { // a ping
			if err := c.conn.WriteMessage(websocket.TextMessage, []byte("{}")); err != nil {
				c.Fatal(err)
			}
		}
		for _, want := range wants {
			if !strings.Contains(frame, want) {
				continue next
			}
		}
		return frame
	}
}

// onTheBus waits until all nodes hear each other.
func onTheBus(t *testing.T, nodes []*Node) {
	t.Helper()
	for _, n := range nodes {
		eventually(t, n.identity.Node+" to hear the others on the bus", func() bool {
			heard, _ := n.busOthers()
			return len(heard) == len(nodes)-1
		})
	}
}

// TestLiveAcrossNodes: what is live reaches clients of other nodes, and a node that
// is gone takes its clients' presence along.
func TestLiveAcrossNodes(t *testing.T) {
	nodes, token := threeNodes(t)
	defer func() {
		for _, n := range nodes {
			stopNode(t, n)
		}
	}()
	a, b, c := nodes[0], nodes[1], nodes[2]
	onTheBus(t, nodes)

	_, visitor := ask(t, a, "POST", "/v1/visitors", "", map[string]any{})
	customer, _ := visitor["token"].(string)
	_, started := ask(t, a, "POST", "/v1/chats", customer, map[string]any{"message": "hello"})
	chat, _ := started["chat"].(map[string]any)
	id, _ := chat["id"].(string)
	if id == "" {
		t.Fatalf("no chat: %v", started)
	}
	types, works := call(t, a, customer), call(t, b, token)
	works.does(`"rpc":{"method":"agent.status","data":{"id":"s1","status":"online"}}`)
	works.does(`"rpc":{"method":"chat.take","data":{"id":"t1","chat":%q}}`, id)
	works.does(`"subscribe":{"channel":"staff:%s"}`, id)
	types.does(`"subscribe":{"channel":"chat:%s"}`, id)
	types.does(`"rpc":{"method":"chat.typing","data":{"chat":%q,"preview":"I was abo"}}`, id)
	works.hears(`"type":"typing"`, `"preview":"I was abo"`)
	works.does(`"rpc":{"method":"chat.typing","data":{"chat":%q}}`, id)
	types.hears(`"type":"typing"`, `"kind":"agent"`)

	if status, got := ask(t, b, "PUT", "/v1/namespaces/room", token, map[string]any{
		"subscribe": "any", "publish": "subscribers", "presence": true, "join_leave": true, "last_value": true, "history": map[string]any{"size": 10},
	}); status != http.StatusCreated {
		t.Fatalf("a namespace: %d %v", status, got)
	}
	for _, n := range nodes {
		eventually(t, "the namespace at "+n.identity.Node, func() bool {
			status, _ := ask(t, n, "GET", "/v1/namespaces/room", token, nil)
			return status == http.StatusOK
		})
	}
	waits := call(t, c, token)
	waits.does(`"subscribe":{"channel":"room:7","join_leave":true}`)
	works.does(`"subscribe":{"channel":"room:7"}`)
	types.does(`"subscribe":{"channel":"room:7"}`)
	waits.hears(`"join"`, `"client":"n1-`)
	types.does(`"publish":{"channel":"room:7","data":{"price":1.07}}`)
	waits.hears(`"pub"`, `{"price":1.07}`, `"client":"n1-`)
	late := call(t, b, token)
	late.does(`"subscribe":{"channel":"room:7"}`)
	late.hears(`{"price":1.07}`) // the last value, of this node's memory

	if list := works.does(`"presence":{"channel":"room:7"}`); !strings.Contains(list, `"n1-`) || !strings.Contains(list, `"n3-`) {
		t.Errorf("who is there: %s", list)
	}
	if stats := works.does(`"presence_stats":{"channel":"room:7"}`); !strings.Contains(stats, `"num_clients":4,"num_users":2`) {
		t.Errorf("how many are there: %s", stats)
	}

	a.bus.Stop() // nothing more is heard of it, as of one that was killed
	if list := works.does(`"presence":{"channel":"room:7"}`); strings.Contains(list, `"n1-`) || !strings.Contains(list, `"n3-`) {
		t.Errorf("who is there without the first node: %s", list)
	}
	eventually(t, "the operator to be told", func() bool {
		_, got := ask(t, b, "GET", "/v1/incidents", token, nil)
		return strings.Contains(fmt.Sprint(got), evenkeel.IncidentBus) && strings.Contains(fmt.Sprint(got), "on the bus of n1:")
	})
}

// TestNoBusAlone: a cell of one node opens nothing for the bus.
func TestNoBusAlone(t *testing.T) {
	n := startNode(t, testConfig(t))
	defer stopNode(t, n)
	n.realtime.Spread("staff:c1", []byte("{}"))
	if s := n.bus.State(); s.Open || s.Connected || n.bus.Self().Address != "" || s.Out+s.Dropped.Down+s.Dropped.Full != 0 {
		t.Errorf("the bus is %+v", s)
	}
}
