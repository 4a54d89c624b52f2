package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel/client"
)

// child is a server of this very binary in a process and a directory of its
// own, for the verbs that need one to play with.
type child struct {
	url      string
	debug    string // address of profiles; empty: none
	dir      string // removed at the end
	password string // of the admin
	cmd      *exec.Cmd
	log      tail
	exited   chan struct{}
}

const adminEmail = "admin@localhost"

// tail keeps the end of what is written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if over := len(t.b) - 8<<10; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.b))
}

// childConfig says what a child is for.
type childConfig struct {
	parent  string // directory in which it gets its own; empty: the system's for temporary files
	http    string // address
	profile bool   // serve profiles
	args    []string
}

// startChild starts a server and waits until it is ready.
func startChild(ctx context.Context, cfg childConfig) (*child, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program, to start a server with it: %w", err)
	}
	c := &child{password: rand.Text(), exited: make(chan struct{})}
	if c.dir, err = os.MkdirTemp(cfg.parent, "evenkeel-"); err != nil {
		return nil, fmt.Errorf("make a temporary directory: %w", err)
	}
	args := []string{"serve", "--data", filepath.Join(c.dir, "data"), "--http", cfg.http, "--log-level", "warn"}
	args = append(args, cfg.args...)
	if cfg.profile {
		if c.debug, err = freeLoopback(); err != nil {
			return nil, errors.Join(err, os.RemoveAll(c.dir))
		}
		args = append(args, "--debug-http", c.debug)
	}
	c.cmd = exec.Command(program, args...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "EVENKEEL_") {
			c.cmd.Env = append(c.cmd.Env, v)
		}
	}
	c.cmd.Env = append(c.cmd.Env, envAdminPassword+"="+c.password)
	c.cmd.Stderr = &c.log
	out, err := c.cmd.StdoutPipe()
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start a server: %w", err), os.RemoveAll(c.dir))
	}
	address := make(chan string, 1)
	go c.watch(out, address)
	select {
	case c.url = <-address:
		return c, nil
	case <-c.exited:
		err = fmt.Errorf("the server did not start: %s", c.log.String())
	case <-ctx.Done():
		err = ctx.Err()
	}
	return nil, errors.Join(err, c.stop())
}

// watch reads where the child listens, and notices its end.
func (c *child) watch(out io.Reader, address chan<- string) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, url, ok := strings.Cut(lines.Text(), " is ready: "); ok {
			address <- strings.TrimSpace(url)
		}
	}
	_ = c.cmd.Wait() // stop tells what is to be told
	close(c.exited)
}

// admin logs in as the child's admin.
func (c *child) admin(ctx context.Context) (*client.Client, error) {
	admin, err := client.New(client.Config{URL: c.url})
	if err != nil {
		return nil, err
	}
	_, err = admin.Login(ctx, client.Credentials{Email: adminEmail, Password: c.password})
	return admin, err
}

// stop ends the child gracefully, or at once where that takes too long, and
// removes its directory.
func (c *child) stop() error {
	select {
	case <-c.exited: // by itself
	default:
		_ = c.cmd.Process.Signal(os.Interrupt) // where there are no signals it is killed below
		select {
		case <-c.exited:
		case <-time.After(stopWithin + time.Second):
			_ = c.cmd.Process.Kill() // it may be gone by now
			<-c.exited
		}
	}
	return os.RemoveAll(c.dir)
}

// freeLoopback finds an address on this machine that nobody listens on.
func freeLoopback() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
