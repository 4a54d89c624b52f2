package transport

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a node's transport with all that it was told.
type site struct {
	t *testing.T
	*Transport
	hello Hello
	judge func(Hello) error
	take  func(from uint64, header []byte, body io.Reader) error
	give  func(ctx context.Context, from uint64, request []byte, body io.Writer) error

	mu     sync.Mutex
	frames []string
	events []string
	news   chan struct{}
}

var testTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func newAuthority(t *testing.T) *Authority {
	t.Helper()
	a, err := NewAuthority(rand.Reader, "cell-1", testTime)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// open starts a node at an address; "" is any.
func open(t *testing.T, a *Authority, node uint64, boot, address string, change ...func(*site)) *site {
	t.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := a.Issue(rand.Reader, "cell-1", node, public, testTime, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	identity, err := NewIdentity(cert, a.Certificate(), key, func() time.Time { return testTime })
	if err != nil {
		t.Fatal(err)
	}
	if address == "" {
		address = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, news: make(chan struct{}, 1), hello: Hello{
		Cell: "cell-1", Generation: "g", Node: node, Boot: boot, Version: "1.0", Address: listener.Addr().String(),
	}}
	for _, c := range change {
		c(s)
	}
	s.Transport = Listen(listener, Config{
		Identity: identity,
		Hello:    func() Hello { return s.hello },
		Judge: func(h Hello) error {
			if s.judge != nil {
				return s.judge(h)
			}
			return nil
		},
		Frame: func(from uint64, kind Kind, payload []byte) {
			s.note(&s.frames, fmt.Sprintf("%d:%d:%s", from, kind, payload))
		},
		Stream: func(from uint64, header []byte, body io.Reader) error { return s.take(from, header, body) },
		Fetch: func(ctx context.Context, from uint64, request []byte, body io.Writer) error {
			return s.give(ctx, from, request, body)
		},
		Join: func(_ context.Context, request []byte) ([]byte, error) {
			if string(request) != "please" {
				return nil, errors.New("say please")
			}
			return []byte("welcome"), nil
		},
		Event: func(e Event) {
			what := []string{"connected", "lost", "dead", "refused"}[e.What]
			if e.Err != nil {
				what += ": " + e.Err.Error()
			}
			s.note(&s.events, fmt.Sprintf("%d %s", e.Node, what))
		},
	})
	t.Cleanup(s.Stop)
	return s
}

func (s *site) note(list *[]string, what string) {
	s.mu.Lock()
	*list = append(*list, what)
	s.mu.Unlock()
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// until waits for something that the site is told.
func (s *site) until(what string, met func() bool) {
	s.t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		s.mu.Lock()
		ok := met()
		s.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-s.news:
		case <-timeout:
			s.mu.Lock()
			defer s.mu.Unlock()
			s.t.Fatalf("waited for %s; events %q, frames %d", what, s.events, len(s.frames))
		}
	}
}

func (s *site) event(what string) {
	s.t.Helper()
	s.until(what, func() bool {
		for _, e := range s.events {
			if e == what {
				return true
			}
		}
		return false
	})
}

func pair(t *testing.T) (*Authority, *site, *site) {
	t.Helper()
	a := newAuthority(t)
	one, two := open(t, a, 1, "a", ""), open(t, a, 2, "b", "")
	one.Peer(2, two.Addr().String())
	two.Peer(1, one.Addr().String())
	one.event("2 connected")
	two.event("1 connected")
	return a, one, two
}

func TestFramesArriveInOrder(t *testing.T) {
	_, one, two := pair(t)
	const count = 5000
	for i := range count {
		payload := []byte(fmt.Sprint(i))
		if i == 17 {
			payload = bytes.Repeat([]byte("x"), MaxFrame)
		}
		if !one.Send(2, firstKind, payload) {
			t.Fatalf("frame %d was dropped", i)
		}
	}
	two.until("all frames", func() bool { return len(two.frames) == count })
	for i, f := range two.frames {
		if i != 17 && f != fmt.Sprintf("1:8:%d", i) || i == 17 && len(f) != MaxFrame+4 {
			t.Fatalf("frame %d is %.20q", i, f)
		}
	}
	switch {
	case one.Send(2, firstKind, make([]byte, MaxFrame+1)):
		t.Error("a frame that is too long was taken")
	case one.Send(3, firstKind, nil):
		t.Error("a frame to nobody was taken")
	case one.Send(2, kindGoodbye, nil):
		t.Error("a frame of the transport's own kind was taken")
	}
}

// TestDeathIsTold: of a process that says goodbye, and of one that is killed; and
// that another one came in its place.
func TestDeathIsTold(t *testing.T) {
	a, one, two := pair(t)
	address := two.Addr().String()
	two.Stop()
	one.event("2 dead")

	again := open(t, a, 2, "c", address)
	again.Peer(1, one.Addr().String())
	one.until("a new process", func() bool { return strings.Count(strings.Join(one.events, ","), "2 connected") == 2 })
	again.kill()
	one.until("its death", func() bool { return strings.Count(strings.Join(one.events, ","), "2 dead") == 2 })

	// One that is back before anybody has looked shows it by its boot.
	third := open(t, a, 2, "d", address)
	third.Peer(1, one.Addr().String())
	one.until("the third", func() bool { return strings.Count(strings.Join(one.events, ","), "2 connected") == 3 })
}

// kill ends a transport as the end of its process would: without a word.
func (s *site) kill() {
	s.Transport.mu.Lock()
	s.Transport.stopped = true
	peers := s.Transport.peers
	s.Transport.peers = nil
	s.Transport.mu.Unlock()
	_ = s.listener.Close()
	for _, p := range peers {
		p.stop()
	}
	s.Transport.mu.Lock()
	defer s.Transport.mu.Unlock()
	for conn := range s.callers {
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}
}

// TestSilenceIsNoDeath puts a line between two nodes that stops to carry
// anything: that is told as a loss, and never as a death.
func TestSilenceIsNoDeath(t *testing.T) {
	a := newAuthority(t)
	one, two := open(t, a, 1, "a", ""), open(t, a, 2, "b", "", func(s *site) { s.hello.Address = "" })
	line := newLine(t, two.Addr().String())
	one.Peer(2, line.Addr().String())
	two.Peer(1, one.Addr().String())
	one.event("2 connected")
	two.event("1 connected")
	line.cut()
	one.event("2 lost")
	one.mu.Lock()
	defer one.mu.Unlock()
	for _, e := range one.events {
		if strings.HasSuffix(e, "dead") {
			t.Fatalf("silence was told as a death: %q", one.events)
		}
	}
}

// line carries bytes to an address, until it is cut: then it neither carries nor
// closes, and new connections hang, too.
type line struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
	dead  bool
}

func newLine(t *testing.T, to string) *line {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{Listener: listener}
	var tasks sync.WaitGroup
	tasks.Go(func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			l.mu.Lock()
			l.conns = append(l.conns, in)
			if l.dead {
				l.mu.Unlock()
				continue
			}
			out, err := net.Dial("tcp", to)
			if err == nil {
				l.conns = append(l.conns, out)
				tasks.Go(func() { l.carry(out, in) })
				tasks.Go(func() { l.carry(in, out) })
			}
			l.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		l.mu.Lock()
		for _, c := range l.conns {
			_ = c.Close()
		}
		l.mu.Unlock()
		tasks.Wait()
	})
	return l
}

func (l *line) carry(to, from net.Conn) {
	b := make([]byte, 4096)
	for {
		n, err := from.Read(b)
		l.mu.Lock()
		dead := l.dead
		l.mu.Unlock()
		if dead {
			if err != nil {
				return
			}
			continue
		}
		if n > 0 {
			_, _ = to.Write(b[:n])
		}
		if err != nil {
			_ = to.Close()
			return
		}
	}
}

func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead = true
}

// TestRefusals: each side may refuse the other, and the other learns why.
func TestRefusals(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	one := open(t, a, 1, "a", "", func(s *site) {
		s.judge = func(h Hello) error {
			if h.Node == 3 {
				return errors.New("node 3 was removed from the cell")
			}
			return nil
		}
	})
	one.Peer(4, "127.0.0.1:1")
	removed := open(t, a, 3, "b", "")
	removed.Peer(1, one.Addr().String())
	removed.event("1 refused: the other node refuses: node 3 was removed from the cell")

	liar := open(t, a, 4, "b", "", func(s *site) { s.hello.Node = 2 })
	liar.Peer(1, one.Addr().String())
	liar.event("1 refused: the other node refuses: the certificate is that of node 4 of cell cell-1, not of node 2 of cell cell-1")

	// The address of another node of the cell is no way to this one.
	if _, _, err := liar.call(t.Context(), 2, one.Addr().String(), forFrames); err == nil {
		t.Fatal("a node that lies was let in")
	}
	stranger := open(t, other, 2, "b", "")
	if _, _, err := stranger.call(t.Context(), 1, one.Addr().String(), forFrames); err == nil || !strings.Contains(err.Error(), "another authority") {
		t.Fatalf("a node of another cell was answered %v", err)
	}
	// A node of the cell as it was before it was founded anew.
	stranger.Peer(1, one.Addr().String())
	stranger.until("why", func() bool {
		return strings.Contains(strings.Join(stranger.events, ","), "1 refused: dial "+one.Addr().String()+": node 1 answers there under another authority of the cell cell-1")
	})
}

func TestJoin(t *testing.T) {
	a := newAuthority(t)
	one := open(t, a, 1, "a", "")
	address, known := one.Addr().String(), Fingerprint(a.Certificate())
	if answer, err := Join(t.Context(), Door{Address: address, Fingerprint: known}, "1.0", []byte("please")); err != nil || string(answer) != "welcome" {
		t.Fatalf("the answer is %q, %v", answer, err)
	}
	var refused *RefusedError
	if _, err := Join(t.Context(), Door{Address: address, Fingerprint: known}, "1.0", []byte("now")); !errors.As(err, &refused) || refused.Reason != "say please" {
		t.Fatalf("the refusal is %v", err)
	}
	if _, err := Join(t.Context(), Door{Address: address, Fingerprint: Fingerprint([]byte("another"))}, "1.0", []byte("please")); !errors.Is(err, ErrWrongCell) {
		t.Fatalf("another cell's token: %v", err)
	}
}

func TestStreams(t *testing.T) {
	_, one, two := pair(t)
	body := make([]byte, 3*partBytes+17)
	_, _ = rand.Read(body)
	var got []byte
	two.take = func(from uint64, header []byte, r io.Reader) (err error) {
		got, err = io.ReadAll(r)
		if string(header) != "head" || from != 1 {
			return fmt.Errorf("from %d with %q", from, header)
		}
		return err
	}
	if err := one.Stream(t.Context(), 2, []byte("head"), bytes.NewReader(body), 0); err != nil || !bytes.Equal(got, body) {
		t.Fatalf("%d of %d bytes, %v", len(got), len(body), err)
	}
	// What the receiver does not want, or not to its end.
	two.take = func(uint64, []byte, io.Reader) error { return errors.New("no room") }
	var refused *RefusedError
	if err := one.Stream(t.Context(), 2, []byte("head"), bytes.NewReader(body), 0); !errors.As(err, &refused) || refused.Reason != "no room" {
		t.Fatalf("the refusal is %v", err)
	}
	two.take = func(uint64, []byte, io.Reader) error { return nil }
	if err := one.Stream(t.Context(), 2, []byte("head"), bytes.NewReader(body), 0); err == nil {
		t.Fatal("a stream that nobody read is told as taken")
	}
	// A sender that breaks off is no end of the stream.
	end := make(chan error, 1)
	two.take = func(_ uint64, _ []byte, r io.Reader) error { _, err := io.Copy(io.Discard, r); end <- err; return err }
	broken := io.MultiReader(bytes.NewReader(body), failing{})
	if err := one.Stream(t.Context(), 2, []byte("head"), broken, 0); err == nil {
		t.Fatal("a body that cannot be read is told as sent")
	}
	if err := <-end; !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("the receiver was told %v", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("it is gone") }

// TestAnAddressMayChange: a node that comes up elsewhere is found by those that it
// says hello to.
func TestAnAddressMayChange(t *testing.T) {
	a, one, two := pair(t)
	two.Stop()
	one.event("2 dead")
	moved := open(t, a, 2, "c", "")
	moved.Peer(1, one.Addr().String())
	one.until("the new address", func() bool { return strings.Count(strings.Join(one.events, ","), "2 connected") == 2 })
	if !one.Send(2, firstKind, []byte("hi")) {
		t.Fatal("nothing can be sent to the new address")
	}
	moved.until("a frame", func() bool { return len(moved.frames) == 1 })
}

// TestAFullQueueDrops: what a node does not take is dropped beyond the bound.
func TestAFullQueueDrops(t *testing.T) {
	a := newAuthority(t)
	one, two := open(t, a, 1, "a", ""), open(t, a, 2, "b", "", func(s *site) { s.hello.Address = "" })
	line := newLine(t, two.Addr().String())
	one.cfg.QueueBytes = 2 << 20
	one.Peer(2, line.Addr().String())
	two.Peer(1, one.Addr().String())
	one.event("2 connected")
	line.cut()
	payload := make([]byte, 64<<10)
	for i := 0; one.Send(2, firstKind, payload); i++ {
		if i > 1000 {
			t.Fatal("the queue has no bound")
		}
	}
}
