//evenkeel:shell

package realtime

import (
	"net/http"

	"github.com/evenkeel/evenkeel"
)

// maxRequests is how many requests of one session may wait for their turn: as many as a
// client may have commands under way, each in a request of its own.
const maxRequests = 64

// serveEmulation takes commands of a client whose transport goes one way only.
// Any node may be asked.
func (s *Server) serveEmulation(w http.ResponseWriter, r *http.Request) {
	const around = 1 << 10
	body, refusal := readBody(w, r, 2*s.cfg.MaxMessage+around) // JSON in JSON may be twice as long
	if refusal != nil {
		problem(w, refusal)
		return
	}
	q, err := decodeEmulation(body, encodingOf(r) == Protobuf())
	if err != nil {
		problem(w, evenkeel.Errorf(evenkeel.CodeBadRequest, "%v", err))
		return
	}
	switch {
	case q.Node == s.cfg.Node:
		refusal = s.Emulate(q.Session, q.Data)
	case s.cfg.Forward != nil:
		refusal = s.cfg.Forward(r.Context(), q.Node, q.Session, q.Data)
	default:
		refusal = evenkeel.Errorf(evenkeel.CodeNotFound, "there is no node %q: connect anew", q.Node)
	}
	if refusal != nil {
		problem(w, refusal)
		return
	}
	if encodingOf(r).isPong(q.Data) {
		// Who only answers pings keeps no second connection open: it would cost
		// more than the stream itself.
		w.Header().Set("Connection", "close")
	}
	w.WriteHeader(http.StatusNoContent)
}

// Emulate takes a message of a client for a session of this node, and returns
// when it is obeyed. That there is no such session is no error, by the
// protocol: its stream has ended, and tells the client more than an answer here
// could.
func (s *Server) Emulate(session string, message []byte) *evenkeel.Error {
	if int64(len(message)) > s.cfg.MaxMessage {
		return evenkeel.Errorf(evenkeel.CodeTooLarge, "the data is longer than %d bytes", s.cfg.MaxMessage)
	}
	c := s.emulatedConn(session)
	if c == nil {
		return nil
	}
	defer s.running.Done()
	defer c.requests.Add(-1)
	if c.requests.Add(1) > maxRequests {
		return evenkeel.Errorf(evenkeel.CodeTooManyRequests, "%d requests of this session wait already", maxRequests)
	}
	c.turn.Lock() // one message at a time, as on a socket
	defer c.turn.Unlock()
	c.handle(message)
	return nil
}

// emulatedConn finds a session's connection, nil if there is none, and counts
// as one more goroutine of it.
func (s *Server) emulatedConn(session string) *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.emulated[session]
	if c != nil {
		s.running.Add(1)
	}
	return c
}
