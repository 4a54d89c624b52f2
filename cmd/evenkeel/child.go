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
	"slices"
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
	program  string
	wrap     []string
	args     []string
	cmd      *exec.Cmd
	log      tail

	mu     sync.Mutex    // for the next line
	exited chan struct{} // of the process that runs, or ran last; nil: none
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
	program string   // empty: this one
	wrap    []string // a command that runs it
	parent  string   // directory in which it gets its own; empty: the system's for temporary files
	http    string   // address
	profile bool     // serve profiles
	args    []string
}

// startChild starts a server and waits until it is ready.
func startChild(ctx context.Context, cfg childConfig) (*child, error) {
	c := &child{password: rand.Text(), program: cfg.program, wrap: cfg.wrap}
	var err error
	if c.program == "" {
		if c.program, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("find this program, to start a server with it: %w", err)
		}
	}
	if c.dir, err = os.MkdirTemp(cfg.parent, "evenkeel-"); err != nil {
		return nil, fmt.Errorf("make a temporary directory: %w", err)
	}
	c.args = []string{"serve", "--data", filepath.Join(c.dir, "data"), "--http", cfg.http, "--log-level", "warn"}
	c.args = append(c.args, cfg.args...)
	if cfg.profile {
		if c.debug, err = freeLoopback(); err != nil {
			return nil, errors.Join(err, os.RemoveAll(c.dir))
		}
		c.args = append(c.args, "--debug-http", c.debug)
	}
	if err := c.launch(ctx); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

// launch starts the process, once more if it has ended, and waits until it is
// ready. It listens where it did before.
func (c *child) launch(ctx context.Context) error {
	whole := slices.Concat(c.wrap, []string{c.program}, c.args)
	c.cmd = exec.Command(whole[0], whole[1:]...)
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
		return fmt.Errorf("start a server: %w", err)
	}
	address, exited := make(chan string, 1), make(chan struct{})
	c.mu.Lock()
	c.exited = exited
	c.mu.Unlock()
	go watchChild(c.cmd, out, address, exited)
	select {
	case url := <-address:
		c.url = url
		if at := slices.Index(c.args, "--http") + 1; strings.HasSuffix(c.args[at], ":0") {
			c.args[at] = strings.TrimPrefix(url, "http://")
		}
		return nil
	case <-exited:
		return fmt.Errorf("the server did not start: %s", c.log.String())
	case <-ctx.Done():
		return ctx.Err()
	}
}

// watchChild reads where a child listens, and notices its end.
func watchChild(cmd *exec.Cmd, out io.Reader, address chan<- string, exited chan<- struct{}) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, url, ok := strings.Cut(lines.Text(), " is ready: "); ok {
			address <- strings.TrimSpace(url)
		}
	}
	_ = cmd.Wait() // stop tells what is to be told
	close(exited)
}

// running tells whether the process has not ended.
func (c *child) running() bool {
	exited := c.ended()
	if exited == nil {
		return false
	}
	select {
	case <-exited:
		return false
	default:
		return true
	}
}

// ended is closed when the process has ended that was started last.
func (c *child) ended() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.exited
}

// kill ends the process at once, as a loss of power would.
func (c *child) kill() {
	if c.running() {
		_ = c.cmd.Process.Kill() // it may be gone by now
		<-c.ended()
	}
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

// end ends the process gracefully, or at once where that takes too long.
func (c *child) end() {
	if !c.running() {
		return
	}
	_ = c.cmd.Process.Signal(os.Interrupt) // where there are no signals it is killed below
	select {
	case <-c.ended():
	case <-time.After(stopWithin + time.Second):
		c.kill()
	}
}

// stop ends the child and removes its directory.
func (c *child) stop() error {
	c.end()
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

// waitUntil asks until the answer is yes. If that takes too long it is an error,
// unless it has no text.
func waitUntil(ctx context.Context, every, most time.Duration, late string, yes func() (bool, error)) error {
	for end := time.Now().Add(most); ; {
		ok, err := yes()
		switch {
		case ok || err != nil:
			return err
		case time.Now().After(end) && late != "":
			return fmt.Errorf("%s within %s", late, most)
		case time.Now().After(end):
			return nil
		}
		if !nap(ctx, every) {
			return ctx.Err()
		}
	}
}
