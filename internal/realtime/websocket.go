//evenkeel:shell

package realtime

import (
	"encoding/json"
	"net"
	"net/http"
	"strconv"

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
	// kernelBuffer bounds what a client that does not read holds in the
	// kernel.
	kernelBuffer = 128 << 10
)

// ServeHTTP upgrades a request to a WebSocket and serves the client until it
// is gone. It returns at once, so that the HTTP server frees its own buffers.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := s.refuse(r); err != nil {
		problem(w, err)
		return
	}
	ws, err := s.upgrade.Upgrade(w, r, nil)
	if err != nil {
		return // it has answered
	}
	ws.SetReadLimit(s.cfg.MaxMessage)
	if tcp, ok := ws.NetConn().(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(kernelBuffer) // a hint
	}
	c := &conn{srv: s, ws: ws, enc: socketEncoding(ws, r), remote: r.RemoteAddr}
	if err := s.add(c); err != nil {
		c.sendClose(Close{Code: CloseShutdown, Reason: err.Detail})
		_ = ws.Close()
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

// refuse tells what is wrong with a request, before it is upgraded.
func (s *Server) refuse(r *http.Request) *evenkeel.Error {
	s.mu.Lock()
	err := s.closed()
	s.mu.Unlock()
	switch {
	case err != nil:
		return err
	case !websocket.IsWebSocketUpgrade(r):
		return evenkeel.Errorf(evenkeel.CodeBadRequest, "this is a WebSocket endpoint: the request must be an upgrade")
	case !s.cfg.AllowOrigin(r):
		return evenkeel.Errorf(evenkeel.CodeForbidden, "the origin %q is not allowed: add it to the workspace's origins", r.Header.Get("Origin"))
	default:
		return nil
	}
}

// problem answers with a problem document.
func problem(w http.ResponseWriter, err *evenkeel.Error) {
	info := err.Code.Info()
	body, jsonErr := json.Marshal(struct {
		Type   string        `json:"type"`
		Title  string        `json:"title"`
		Status int           `json:"status"`
		Detail string        `json:"detail"`
		Code   evenkeel.Code `json:"code"`
	}{"about:blank", info.Title, info.HTTP, err.Detail, err.Code})
	if jsonErr != nil {
		body = []byte("{}")
	}
	w.Header().Set("Content-Type", "application/problem+json")
	if err.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(int64((err.RetryAfter+evenkeel.Second-1)/evenkeel.Second), 10))
	}
	w.WriteHeader(info.HTTP)
	_, _ = w.Write(append(body, '\n')) // who asked may be gone
}
