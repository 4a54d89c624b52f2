//evenkeel:shell

package realtime

import (
	"bytes"
	"net"
	"time"
)

// transport carries messages between a session and its client.
type transport interface {
	// receive reads one message; an error says that no more come. A transport
	// whose clients send by other requests only waits for its end.
	receive(message *bytes.Buffer) error
	// send writes one message by one system call.
	send(message []byte, by time.Time) error
	// end tells the client why it is sent away, where that is not a frame of its
	// own, and gives it a moment to read what was written: a socket closed at
	// once could lose it. receive returns by then.
	end(e Close, by time.Time)
	// hurry has a send that is going on give up by then.
	hurry(by time.Time)
	// cut ends all at once.
	cut()
}

// kind is one of the transports.
type kind uint8

const (
	kindWebSocket kind = iota
	kindHTTPStream
	kindSSE
	kinds
)

// String is the name of the transport, as in decisions.
func (k kind) String() string { return [...]string{"websocket", "http_stream", "sse"}[k] }

// kernelBuffer bounds what a client that does not read holds in the kernel.
const kernelBuffer = 128 << 10

func boundKernelBuffer(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(kernelBuffer) // a hint
	}
}
