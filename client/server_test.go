package client

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/auth"
	"github.com/evenkeel/evenkeel/internal/node"
)

// envServe makes this test binary a server that can be killed: it names the
// data directory; envAddr names the address.
const (
	envServe = "EVENKEEL_SDK_TEST_DATA"
	envAddr  = "EVENKEEL_SDK_TEST_ADDR"

	adminPassword = "a long enough password"
)

func TestMain(m *testing.M) {
	if data := os.Getenv(envServe); data != "" {
		if err := serveUntilClosed(data, os.Getenv(envAddr)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func startNode(ctx context.Context, data, addr string) (*node.Node, error) {
	cfg := node.DefaultConfig()
	cfg.Data, cfg.HTTP, cfg.Name, cfg.SegmentSize = data, addr, "keel-1", 1<<20
	return node.Start(ctx, cfg, node.Host{
		Version: "test", Random: rand.Reader, AdminPassword: adminPassword, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		PasswordCost: auth.Cost{Memory: 8, Passes: 1, Threads: 1},
	})
}

// serveUntilClosed runs a node until the standard input ends.
func serveUntilClosed(data, addr string) error {
	n, err := startNode(context.Background(), data, addr)
	if err != nil {
		return err
	}
	fmt.Println(n.Addr().String())
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return n.Stop(ctx)
}

// server is a real node in a process of its own, behind a proxy that can cut.
type server struct {
	t     *testing.T
	data  string
	addr  string // the node's
	cmd   *exec.Cmd
	input io.Closer
	log   lockedBuffer
	proxy *proxy
}

type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, data: filepath.Join(t.TempDir(), "data"), addr: "127.0.0.1:0"}
	s.start()
	s.proxy = newProxy(t, s.addr)
	t.Cleanup(func() {
		s.proxy.close()
		s.stop()
		if t.Failed() {
			t.Log(s.log.String())
		}
	})
	return s
}

func (s *server) start() {
	s.t.Helper()
	s.cmd = exec.Command(os.Args[0], "-test.run=^$")
	s.cmd.Env = append(os.Environ(), envServe+"="+s.data, envAddr+"="+s.addr)
	s.cmd.Stderr = &s.log
	in, err := s.cmd.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.input = in
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		s.t.Fatalf("the server did not start: %v\n%s", err, s.log.String())
	}
	s.addr = strings.TrimSpace(line)
}

// kill ends the server as a crash does, and starts it again on its address.
func (s *server) killAndRestart() {
	s.t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		s.t.Fatal(err)
	}
	_ = s.cmd.Wait() // "signal: killed"
	s.start()
}

func (s *server) stop() {
	if err := s.input.Close(); err != nil {
		s.t.Error(err)
	}
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("the server: %v", err)
	}
}

// admin returns a client of the cell's admin, straight to the node.
func (s *server) admin() *Client {
	s.t.Helper()
	return s.login("http://"+s.addr, "admin@localhost", adminPassword)
}

func (s *server) client(url string) *Client {
	s.t.Helper()
	c, err := New(Config{URL: url})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(c.Close)
	return c
}

func (s *server) login(url, email, password string) *Client {
	s.t.Helper()
	c := s.client(url)
	if _, err := c.Login(s.t.Context(), Credentials{Email: email, Password: password}); err != nil {
		s.t.Fatal(err)
	}
	return c
}

// agent makes an agent of the queue general and logs him in, over the proxy.
func (s *server) agent(id string) *Client {
	s.t.Helper()
	a := evenkeel.Agent{ID: id, Email: id + "@example.com", Capacity: 20, Queues: []evenkeel.Membership{{Queue: "general", Level: 1}}}
	if _, err := s.admin().PutAgent(s.t.Context(), a, "password of "+id); err != nil {
		s.t.Fatal(err)
	}
	return s.login(s.proxy.url(), a.Email, "password of "+id)
}

// proxy is a TCP proxy that can cut its connections.
type proxy struct {
	t        *testing.T
	listener net.Listener
	target   string
	tasks    sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	cuts  int
	over  bool
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{t: t, listener: l, target: target, conns: map[net.Conn]struct{}{}}
	p.tasks.Go(p.accept)
	return p
}

func (p *proxy) url() string { return "http://" + p.listener.Addr().String() }

func (p *proxy) accept() {
	for {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = in.Close() // the node is down: as if it had refused itself
			continue
		}
		p.mu.Lock()
		if p.over {
			p.mu.Unlock()
			_, _ = in.Close(), out.Close()
			return
		}
		p.conns[in], p.conns[out] = struct{}{}, struct{}{}
		p.mu.Unlock()
		p.tasks.Go(func() { p.pipe(in, out) })
		p.tasks.Go(func() { p.pipe(out, in) })
	}
}

func (p *proxy) pipe(from, to net.Conn) {
	_, _ = io.Copy(to, from) // however it ends, both ends close
	_, _ = from.Close(), to.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, from)
	delete(p.conns, to)
}

// cut breaks all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cuts++
	for c := range p.conns {
		_ = c.Close() // its pipe notices
	}
}

func (p *proxy) close() {
	if err := p.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		p.t.Error(err)
	}
	p.mu.Lock()
	p.over = true
	p.mu.Unlock()
	p.cut()
	p.tasks.Wait()
}
