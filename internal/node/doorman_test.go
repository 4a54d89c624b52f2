package node

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"
)

// TestDoorman: connections of strangers leave the journal its files.
func TestDoorman(t *testing.T) {
	for files, want := range map[int64]int64{0: maxConnections, 100: 50, 1024: 768, 1 << 30: maxConnections} {
		if d := newDoorman(files, nil); d.most != want {
			t.Errorf("%d connections with %d files, want %d", d.most, files, want)
		}
	}
	if n := openFiles(); n < 0 {
		t.Errorf("%d files", n)
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &doorman{most: 3, others: func() int64 { return 1 }}
	server := &http.Server{Handler: http.NotFoundHandler(), ConnState: d.watch, ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	defer func() {
		_ = server.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	// served tells whether a request is answered; what was closed is not.
	served := func(c net.Conn) bool {
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			return false
		}
		_, err := c.Read(make([]byte, 1))
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("neither served nor turned away")
		}
		return err == nil
	}
	first, second := dial(), dial()
	if !served(first) || !served(second) {
		t.Error("two connections beside another are too many of three")
	}
	if served(dial()) {
		t.Error("a fourth connection is served")
	}
	_ = first.Close()
	for range 1000 { // until the server has seen it
		if served(dial()) {
			return
		}
	}
	t.Error("the place of one that left is not given to another")
}
