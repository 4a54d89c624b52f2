package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// benchIdleVerb is `evenkeel bench idle`: what clients cost that only listen.
type benchIdleVerb struct {
	memoryOptions
	Clients   int           `name:"clients" default:"5000" placeholder:"N" help:"Clients that are connected at a time. A process may have that many files open, and a few more."`
	Transport string        `name:"transport" default:"websocket" enum:"websocket,http_stream,sse" placeholder:"NAME" help:"How they are connected: ${enum}."`
	Rest      time.Duration `name:"rest" default:"2m30s" placeholder:"TIME" help:"How long they are watched; a ping comes every 25s."`
	Allow     float64       `name:"allow" default:"16" placeholder:"KIB" help:"Resident memory that a client may take."`
}

func (v *benchIdleVerb) Help() string {
	return "Visitors connect to a server of its own from this process, are subscribed to their own channels, answer pings and do nothing else. " +
		"What a client costs is the most resident memory that the server had while they were watched, less what it had before, divided by their number. On Linux only."
}

// idleResult is what was measured.
type idleResult struct {
	Version   string  `json:"version"`
	Clients   int     `json:"clients"`
	Transport string  `json:"transport"`
	Before    *vitals `json:"before"` // ready, nobody has called
	Connected *vitals `json:"connected"`
	After     *vitals `json:"after"`
	Most      float64 `json:"most_bytes"`    // resident, while they were watched
	Average   float64 `json:"average_bytes"` // likewise
	Each      float64 `json:"client_bytes"`  // by Most
	Usual     float64 `json:"client_average_bytes"`
}

func (v *benchIdleVerb) Run(env *environment) error {
	switch {
	case v.Clients < 1 || v.Clients > 50000:
		return usageError("--clients must be from 1 to 50000")
	case v.Rest < time.Second || v.Rest > 24*time.Hour:
		return usageError("--rest must be from 1s to 24h")
	case v.Allow < 0:
		return usageError("--allow must not be below 0")
	}
	r, err := measureMemory(&v.memoryOptions, env, v.run)
	if err != nil {
		return err
	}
	if !v.JSON {
		fmt.Fprintf(env.stdout, "\n%d clients over %s: %.1f KiB each on average, %.1f KiB at most\n", v.Clients, v.Transport, r.Usual/1024, r.Each/1024)
	}
	if r.Each > v.Allow*1024 {
		return fmt.Errorf("a client takes %.1f KiB, %.1f are allowed", r.Each/1024, v.Allow)
	}
	return nil
}

func (v *benchIdleVerb) run(ctx context.Context, env *environment, server *child) (r *idleResult, err error) {
	r = &idleResult{Version: version().Version, Clients: v.Clients, Transport: v.Transport}
	pid := server.cmd.Process.Pid
	look := func(what string, into **vitals) error {
		at, err := takeVitals(ctx, server.url, pid)
		if *into = at; err == nil && !v.JSON {
			fmt.Fprintf(env.stdout, "%-26s %11s resident %11s heap %11s stacks %7.0f goroutines\n", what, mib(at.RSS), mib(at.Heap), mib(at.Stack), at.Goroutines)
		}
		return err
	}
	if err := look("ready", &r.Before); err != nil {
		return nil, err
	}
	c := newCrowd(server.url, v.Transport)
	defer func() { err = errors.Join(err, c.leave()) }()
	for i := range v.Clients {
		if err := c.join(ctx); err != nil {
			return nil, fmt.Errorf("connect client %d: %w", i+1, err)
		}
		if i%500 == 499 {
			progress(env, v.JSON, fmt.Sprintf("%d connected ...", i+1))
		}
	}
	progress(env, v.JSON, "")
	if err := look("all are connected", &r.Connected); err != nil {
		return nil, err
	}
	samples := 0.0
	for end := time.Now().Add(v.Rest); time.Now().Before(end); samples++ {
		rss, err := resident(pid)
		if err != nil {
			return nil, err
		}
		r.Most, r.Average = max(r.Most, rss), r.Average+rss
		if err := c.lost(); err != nil {
			return nil, err
		}
		if !nap(ctx, time.Second) {
			return nil, ctx.Err()
		}
	}
	r.Average /= samples
	r.Each, r.Usual = (r.Most-r.Before.RSS)/float64(v.Clients), (r.Average-r.Before.RSS)/float64(v.Clients)
	if err := look(fmt.Sprintf("%s later", v.Rest), &r.After); err != nil {
		return nil, err
	}
	return r, v.profile(server)
}

// crowd are clients that listen, each in a goroutine of its own.
type crowd struct {
	hall
	transport string
	streams   *http.Client // a connection for each
	pongs     *http.Client // likewise: the server keeps none open for a pong
	ctx       context.Context
	end       context.CancelFunc
	clients   sync.WaitGroup
	failed    chan error // the first that was sent away
}

func newCrowd(url, transport string) *crowd {
	c := &crowd{hall: hall{url: url, world: &http.Client{}}, transport: transport, failed: make(chan error, 1)}
	c.streams = &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}
	c.pongs = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	c.ctx, c.end = context.WithCancel(context.Background())
	return c
}

// join connects one more.
func (c *crowd) join(ctx context.Context) error {
	token, err := c.visitor(ctx)
	if err != nil {
		return err
	}
	var listen func() error
	if c.transport == "websocket" {
		listen, err = c.socket(ctx, token)
	} else {
		listen, err = c.stream(token)
	}
	if err != nil {
		return err
	}
	c.clients.Go(func() {
		if err := listen(); err != nil && c.ctx.Err() == nil {
			select {
			case c.failed <- err:
			default:
			}
		}
	})
	return nil
}

// lost is why the first client was lost that was.
func (c *crowd) lost() error {
	select {
	case err := <-c.failed:
		return fmt.Errorf("a client was lost: %w", err)
	default:
		return nil
	}
}

// leave ends all, and tells whether one was lost before.
func (c *crowd) leave() error {
	err := c.lost()
	c.end()
	c.clients.Wait()
	c.world.CloseIdleConnections()
	return err
}

func (c *crowd) socket(ctx context.Context, token string) (listen func() error, err error) {
	p, err := dialPhone(ctx, websocketOf(c.url), token, 512)
	if err != nil {
		return nil, err
	}
	return func() error {
		defer context.AfterFunc(c.ctx, func() { _ = p.ws.Close() })()
		for {
			if err := p.read(); err != nil {
				return err
			}
			if bytes.Equal(p.in.Bytes(), []byte("{}")) {
				if err := p.ws.WriteMessage(websocket.TextMessage, []byte("{}")); err != nil {
					return err
				}
			}
		}
	}, nil
}

// stream opens a response that does not end.
func (c *crowd) stream(token string) (listen func() error, err error) {
	connect := `{"id":1,"connect":{"token":"` + token + `"}}`
	method, address, body := http.MethodPost, c.url+"/connection/http_stream", connect
	if c.transport == "sse" {
		method, address, body = http.MethodGet, c.url+"/connection/sse?cf_connect="+url.QueryEscape(connect), ""
	}
	q, err := http.NewRequestWithContext(c.ctx, method, address, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	answer, err := c.streams.Do(q) //nolint:bodyclose // listen does, which is called then
	if err != nil {
		return nil, err
	}
	lines := bufio.NewReaderSize(answer.Body, 512)
	line, err := nextLine(lines)
	var reply struct {
		Connect struct{ Session, Node string }
	}
	if err == nil {
		err = json.Unmarshal(line, &reply)
	}
	if err == nil && reply.Connect.Session == "" {
		err = fmt.Errorf("the server does not let the client in: %s", line)
	}
	if err != nil {
		return nil, errors.Join(err, answer.Body.Close())
	}
	return func() error {
		defer answer.Body.Close()
		for {
			line, err := nextLine(lines)
			if err != nil {
				return err
			}
			if string(line) == "{}" {
				if err := c.pong(reply.Connect.Session, reply.Connect.Node); err != nil {
					return err
				}
			}
		}
	}, nil
}

// nextLine reads the next frame of a stream: a line, which SSE dresses up.
func nextLine(r *bufio.Reader) ([]byte, error) {
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		if line = bytes.TrimSpace(bytes.TrimPrefix(line, []byte("data: "))); len(line) > 0 {
			return line, nil
		}
	}
}

// pong answers a ping of a stream, by a request of its own.
func (c *crowd) pong(session, node string) error {
	body, err := json.Marshal(map[string]string{"session": session, "node": node, "data": "{}"})
	if err != nil {
		return err
	}
	q, err := http.NewRequestWithContext(c.ctx, http.MethodPost, c.url+"/emulation", bytes.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := c.pongs.Do(q)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	if answer.StatusCode >= 300 {
		err = fmt.Errorf("a pong was answered %s", answer.Status)
	}
	return errors.Join(err, answer.Body.Close())
}
