package realtime

import (
	"testing"

	"github.com/gorilla/websocket"
)

// TestSocketInProtobuf: frames are binary messages, and publications reach
// clients of both encodings.
func TestSocketInProtobuf(t *testing.T) {
	s := newSite(t, nil)
	plain := s.connect("ann")
	for _, name := range []string{"?format=protobuf", "?cf_protocol=protobuf", ""} {
		d := websocket.Dialer{}
		if name == "" {
			d.Subprotocols = []string{protocolProtobuf}
		}
		ws, _, err := d.Dial(s.url+name, nil) //nolint:bodyclose // the library has read it
		if err != nil {
			t.Fatal(err)
		}
		b := &binaryPeer{t, ws, nil}
		b.send(`{"id":1,"connect":{"token":"ann"}}`, `{"id":2,"rpc":{"method":"echo","data":{"a":1}}}`)
		if f := b.next(); f["connect"] == nil {
			t.Fatalf("%s: not let in: %v", name, f)
		}
		if f := b.next(); f["rpc"].(map[string]any)["data"] == nil {
			t.Fatalf("%s: no result: %v", name, f)
		}
		s.server.Ephemeral("agent:ann", []byte(`{"type":"typing"}`))
		if f := b.next(); f["push"].(map[string]any)["channel"] != "agent:ann" {
			t.Errorf("%s: ephemeral: %v", name, f)
		}
		if f := plain.next(); f.Push == nil || string(f.Push.Pub.Data) != `{"type":"typing"}` {
			t.Errorf("%s: the other client hears %s", name, f.raw)
		}
		if err := ws.WriteMessage(websocket.BinaryMessage, []byte{0xff}); err != nil {
			t.Fatal(err)
		}
		_, _, err = ws.ReadMessage()
		if !websocket.IsCloseError(err, int(CloseBadRequest)) {
			t.Errorf("%s: nonsense: %v", name, err)
		}
		_ = ws.Close()
	}
}

// binaryPeer is a client without a library that speaks Protobuf.
type binaryPeer struct {
	t      *testing.T
	ws     *websocket.Conn
	frames []any
}

func (p *binaryPeer) send(frames ...string) {
	message, err := toProtobuf(p.t, frames...)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.ws.WriteMessage(websocket.BinaryMessage, message); err != nil {
		p.t.Fatal(err)
	}
}

func (p *binaryPeer) next() map[string]any {
	for len(p.frames) == 0 {
		kind, message, err := p.ws.ReadMessage()
		if err != nil || kind != websocket.BinaryMessage {
			p.t.Fatalf("read %d: %v", kind, err)
		}
		p.frames = fromProtobuf(p.t, message)
	}
	f := p.frames[0].(map[string]any)
	p.frames = p.frames[1:]
	return f
}
