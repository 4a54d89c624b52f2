//evenkeel:shell

package realtime

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel"
)

// serveSSE answers an EventSource, which cannot send anything but its address:
// the connect command is in it.
func (s *Server) serveSSE(w http.ResponseWriter, r *http.Request) {
	s.serveStream(w, r, JSON(), sseStream, []byte(r.URL.Query().Get("cf_connect")))
}

// serveHTTPStream answers a request whose body is the connect command with a
// body that does not end.
func (s *Server) serveHTTPStream(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(w, r, s.cfg.MaxMessage)
	switch {
	case err != nil:
		problem(w, err)
	case encodingOf(r) == Protobuf() || asksForProtobuf(r):
		s.serveStream(w, r, Protobuf(), binaryStream, body)
	default:
		s.serveStream(w, r, JSON(), lineStream, body)
	}
}

// readBody reads a body of at most so many bytes.
func readBody(w http.ResponseWriter, r *http.Request, most int64) ([]byte, *evenkeel.Error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return nil, evenkeel.Errorf(evenkeel.CodeTooLarge, "the body is longer than %d bytes", most)
	case err != nil:
		return nil, evenkeel.Errorf(evenkeel.CodeBadRequest, "the body ends early: %v", err)
	}
	return body, nil
}

// encodingOf is the encoding of a request's body.
func encodingOf(r *http.Request) Encoding {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if strings.EqualFold(strings.TrimSpace(kind), "application/octet-stream") {
		return Protobuf()
	}
	return JSON()
}

// serveStream takes the connection over, as a WebSocket does, so that an idle
// client costs no more than there, and serves the client until it is gone. The
// client sends its commands by requests of their own (Emulate).
func (s *Server) serveStream(w http.ResponseWriter, r *http.Request, enc Encoding, form streamForm, connect []byte) {
	commands, err := enc.Decode(connect)
	switch {
	case err != nil:
		problem(w, evenkeel.Errorf(evenkeel.CodeBadRequest, "the connect command is missing or wrong: %v", err))
		return
	case commands[0].Connect == nil:
		problem(w, evenkeel.Errorf(evenkeel.CodeBadRequest, "the first command must be connect"))
		return
	case !r.ProtoAtLeast(1, 0) || r.ProtoMajor > 1:
		problem(w, evenkeel.Errorf(evenkeel.CodeBadRequest, "this endpoint speaks HTTP/1.1 only"))
		return
	}
	socket, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return // the client is gone
	}
	boundKernelBuffer(socket)
	link := &stream{socket: socket, form: form, chunked: r.ProtoAtLeast(1, 1), srv: s}
	if err := link.begin(w.Header(), time.Now().Add(s.cfg.WriteTimeout)); err != nil {
		link.cut()
		return
	}
	c := &conn{srv: s, link: link, kind: form.kind, enc: enc, remote: r.RemoteAddr}
	if err := s.add(c); err != nil { // it became full or stopped just now
		link.cut()
		return
	}
	go func() {
		c.obey(commands)
		go c.read() // with a small stack
	}()
}

// streamForm is how messages stand in the body of a response.
type streamForm struct {
	kind   kind
	mime   string
	before string // each frame
	after  string
}

var ( //state: constants
	sseStream    = streamForm{kindSSE, "text/event-stream", "data: ", "\n\n"}
	lineStream   = streamForm{kindHTTPStream, "application/x-ndjson", "", "\n"}
	binaryStream = streamForm{kindHTTPStream, "application/octet-stream", "", ""}
)

// appendMessage appends a message of frames, which are lines but for those in
// Protobuf.
func (f *streamForm) appendMessage(dst *bytes.Buffer, message []byte) {
	if f.after == "" {
		dst.Write(message)
		return
	}
	for more := true; more; {
		var line []byte
		line, message, more = bytes.Cut(message, []byte{'\n'})
		dst.WriteString(f.before)
		dst.Write(line)
		dst.WriteString(f.after)
	}
}

// stream is the transport of a response that does not end.
type stream struct {
	socket  net.Conn
	form    streamForm
	chunked bool // HTTP/1.0 knows no chunks: the end of the connection is the end
	srv     *Server
}

// begin writes the head of the response. What proxies between here and the
// client might hold back, squeeze or keep, they are asked not to.
func (s *stream) begin(h http.Header, by time.Time) error {
	h.Set("Content-Type", s.form.mime)
	h.Set("Cache-Control", "private, no-cache, no-store, no-transform")
	h.Set("X-Accel-Buffering", "no")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Connection", "close")
	version := "HTTP/1.0"
	if s.chunked {
		version = "HTTP/1.1"
		h.Set("Transfer-Encoding", "chunked")
	}
	var head bytes.Buffer
	fmt.Fprintf(&head, "%s 200 OK\r\n", version)
	if err := h.Write(&head); err != nil {
		return err
	}
	head.WriteString("\r\n")
	return s.write(head.Bytes(), by)
}

func (s *stream) write(b []byte, by time.Time) error {
	if err := s.socket.SetWriteDeadline(by); err != nil {
		return err
	}
	_, err := s.socket.Write(b)
	return err
}

// receive waits for the end: whoever sends more on this connection does not
// speak the protocol.
func (s *stream) receive(*bytes.Buffer) error {
	if _, err := s.socket.Read(make([]byte, 1)); err != nil {
		return err
	}
	return errors.New("a stream's client sends something")
}

// chunkHead is a chunk's length in digits that are always as many, for it is
// only known when the chunk is written.
const chunkHead = "%08x\r\n"

func (s *stream) send(message []byte, by time.Time) error {
	b := s.srv.buffer()
	defer s.srv.buffers.Put(b)
	b.Reset()
	if !s.chunked {
		s.form.appendMessage(b, message)
		return s.write(b.Bytes(), by)
	}
	fmt.Fprintf(b, chunkHead, 0)
	head := b.Len()
	s.form.appendMessage(b, message)
	copy(b.Bytes(), fmt.Sprintf(chunkHead, b.Len()-head))
	b.WriteString("\r\n")
	return s.write(b.Bytes(), by)
}

// end ends the response. The reason was the last frame.
func (s *stream) end(_ Close, by time.Time) {
	_ = s.socket.SetReadDeadline(by) // fails only on a closed socket
	var last string
	if s.chunked {
		last = "0\r\n\r\n"
	}
	err := s.write([]byte(last), by)
	if half, ok := s.socket.(interface{ CloseWrite() error }); err != nil || !ok || half.CloseWrite() != nil {
		s.cut()
	}
}

func (s *stream) hurry(by time.Time) { _ = s.socket.SetWriteDeadline(by) }

func (s *stream) cut() { _ = s.socket.Close() }
