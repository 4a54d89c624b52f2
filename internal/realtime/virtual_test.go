package realtime

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/evenkeel/evenkeel"
)

// pipes is a network in memory. Unlike sockets it works in virtual time, and
// it has no buffers: who does not read lets the other side wait at once.
type pipes struct {
	accept chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.IPAddr{} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	p.accept <- there
	return here, nil
}

// virtually runs a server and its clients in virtual time.
func virtually(t *testing.T, change func(*Config), play func(s *site, dial func() *peer)) {
	synctest.Test(t, func(t *testing.T) {
		s := &site{t: t, desk: newFakeDesk(), present: map[ClientID]bool{}}
		cfg := Config{Backend: s}
		if change != nil {
			change(&cfg)
		}
		server, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		s.server = server
		network := &pipes{accept: make(chan net.Conn), closed: make(chan struct{})}
		web := &http.Server{Handler: server}
		served := make(chan error)
		go func() { served <- web.Serve(network) }()
		play(s, func() *peer {
			d := websocket.Dialer{NetDialContext: network.dial}
			ws, _, err := d.Dial("ws://node/connection/websocket", nil) //nolint:bodyclose // the library has read it
			if err != nil {
				t.Fatal(err)
			}
			return &peer{t: t, ws: ws}
		})
		s.stop()
		if err := web.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}

func (p *peer) connect(token string) *frame {
	p.send(`{"id":1,"connect":{"token":"` + token + `"}}`)
	return p.next()
}

// silence reads without answering, until the server closes.
func (p *peer) silence() (code int, pings int) {
	if err := p.ws.SetReadDeadline(time.Time{}); err != nil {
		p.t.Fatal(err)
	}
	for {
		_, message, err := p.ws.ReadMessage()
		if err != nil {
			var end *websocket.CloseError
			if !asClose(err, &end) {
				p.t.Fatalf("ended by %v", err)
			}
			p.close()
			return end.Code, pings
		}
		if string(message) == "{}" {
			pings++
		}
	}
}

func TestPingTimes(t *testing.T) {
	for _, c := range []struct {
		token string
		after time.Duration
		pings int
	}{
		{"ann", 5*time.Second + 8*time.Second, 2},
		{"visitor", 25*time.Second + 8*time.Second, 1},
	} {
		virtually(t, nil, func(_ *site, dial func() *peer) {
			p := dial()
			p.connect(c.token)
			start := time.Now()
			if code, pings := p.silence(); code != int(CloseNoPong) || pings != c.pings {
				t.Errorf("%s: %d after %d pings", c.token, code, pings)
			}
			if took := time.Since(start); took != c.after {
				t.Errorf("%s: cut after %v, want %v", c.token, took, c.after)
			}
		})
	}
}

func TestPresentIsPingedMoreOften(t *testing.T) {
	virtually(t, nil, func(s *site, dial func() *peer) {
		p := dial()
		p.connect("visitor")
		synctest.Wait() // for the server to know him
		for id := range s.ids() {
			s.server.Present(id, true)
		}
		start := time.Now()
		for range 3 {
			if f, err := p.read(); err != nil || f.raw != "{}" {
				t.Fatalf("no ping: %v", err)
			}
			p.send("{}")
		}
		if took := time.Since(start); took != 15*time.Second {
			t.Errorf("three pings in %v", took)
		}
		p.close()
	})
}

func TestStaleTime(t *testing.T) {
	virtually(t, nil, func(_ *site, dial func() *peer) {
		p, start := dial(), time.Now()
		if code, _ := p.silence(); code != int(CloseStale) || time.Since(start) != 10*time.Second {
			t.Errorf("%d after %v", code, time.Since(start))
		}
	})
}

// TestNobodyReads has a client that takes nothing at all: no socket, no queue
// and no goroutine of it outlives the time that a write may take.
func TestNobodyReads(t *testing.T) {
	virtually(t, nil, func(s *site, dial func() *peer) {
		p := dial()
		p.connect("visitor")
		p.subscribe("chat:1", evenkeel.Position{})
		start := time.Now()
		s.publish("chat:1", 3)
		synctest.Wait()
		until(t, "the end", func() bool { return s.server.Stats().Connections == 0 })
		if took := time.Since(start).Round(time.Second); took != 10*time.Second {
			t.Errorf("gone after %v", took)
		}
		p.close()
	})
}

// TestSlowIsToldWhy cuts a client with a full queue, which then reads again
// just in time.
func TestSlowIsToldWhy(t *testing.T) {
	virtually(t, func(c *Config) {
		c.Settings = DefaultSettings()
		c.Settings.MaxQueueBytes = 10000
	}, func(s *site, dial func() *peer) {
		p := dial()
		p.connect("visitor")
		p.subscribe("chat:1", evenkeel.Position{})
		for s.server.Stats().Slow == 0 {
			s.publish("chat:1", 1)
			synctest.Wait()
		}
		if code, _ := p.silence(); code != int(CloseSlow) {
			t.Errorf("told %d", code)
		}
	})
}
