//evenkeel:shell

package realtime

import (
	"bytes"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"

	"github.com/evenkeel/evenkeel"
)

// The sub-protocols by which clients name their encoding.
const (
	protocolJSON     = "centrifuge-json"
	protocolProtobuf = "centrifuge-protobuf"
)

// The buffers of an idle client are what it costs; the write buffer is taken
// from a pool when there is something to write.
const (
	readBuffer  = 512
	writeBuffer = 1024
)

// serveWebSocket upgrades a request to a WebSocket and serves the client until
// it is gone. It returns at once, so that the HTTP server frees its own buffers.
func (s *Server) serveWebSocket(w http.ResponseWriter, r *http.Request) {
	if !websocket.IsWebSocketUpgrade(r) {
		problem(w, evenkeel.Errorf(evenkeel.CodeBadRequest, "this is a WebSocket endpoint: the request must be an upgrade"))
		return
	}
	ws, err := s.upgrade.Upgrade(w, r, nil)
	if err != nil {
		return // it has answered
	}
	ws.SetReadLimit(s.cfg.MaxMessage)
	boundKernelBuffer(ws.NetConn())
	enc := socketEncoding(ws, r)
	c := &conn{srv: s, link: &socket{ws, frameKind(enc)}, kind: kindWebSocket, enc: enc, remote: r.RemoteAddr}
	if err := s.add(c); err != nil {
		c.link.end(Close{Code: CloseShutdown, Reason: err.Detail}, time.Now().Add(closeTime))
		c.link.cut()
		return
	}
	c.step(Wake{}, false) // sets the timer for the connect command
	go c.read()
}

// socketEncoding is the encoding that was agreed on, or asked for in the address.
func socketEncoding(ws *websocket.Conn, r *http.Request) Encoding {
	switch {
	case ws.Subprotocol() == protocolProtobuf, ws.Subprotocol() == "" && asksForProtobuf(r):
		return Protobuf()
	default:
		return JSON()
	}
}

// asksForProtobuf tells whether the address names the Protobuf encoding, in one
// of the ways that clients know.
func asksForProtobuf(r *http.Request) bool {
	q := r.URL.Query()
	return q.Get("format") == "protobuf" || q.Get("cf_protocol") == "protobuf"
}

func frameKind(enc Encoding) int {
	if enc == Protobuf() {
		return websocket.BinaryMessage
	}
	return websocket.TextMessage
}

// socket is the transport of a WebSocket.
type socket struct {
	ws   *websocket.Conn
	kind int // of messages
}

func (s *socket) receive(message *bytes.Buffer) error {
	_, r, err := s.ws.NextReader()
	if err != nil {
		return err
	}
	_, err = message.ReadFrom(r)
	return err
}

func (s *socket) send(message []byte, by time.Time) error {
	if err := s.ws.SetWriteDeadline(by); err != nil {
		return err
	}
	return s.ws.WriteMessage(s.kind, message)
}

// maxReason is what fits into a close frame behind the code, in bytes.
const maxReason = 123

func (s *socket) end(e Close, by time.Time) {
	reason := e.Reason
	for len(reason) > maxReason || !utf8.ValidString(reason) {
		reason = reason[:min(len(reason)-1, maxReason)]
	}
	_ = s.ws.SetReadDeadline(by) // fails only on a closed socket
	if err := s.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(int(e.Code), reason), by); err != nil {
		s.cut()
	}
}

func (s *socket) hurry(by time.Time) { _ = s.ws.NetConn().SetWriteDeadline(by) }

func (s *socket) cut() { _ = s.ws.NetConn().Close() }
