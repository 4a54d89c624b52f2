package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel"
)

// ConnConfig is how a connection behaves; the zero value is good.
type ConnConfig struct {
	// Queue is how many publications wait for Next at most; 0: 1,024.
	Queue int

	// CallTimeout is how long a call waits for its answer on one socket; then
	// the socket counts as broken, and the call is repeated on the next one.
	// 0: 5 s, a second more than a server takes to give up.
	CallTimeout time.Duration

	// MaxPause bounds the pause between two tries to connect; 0: 5 s.
	MaxPause time.Duration

	// Token gives a fresh token when the one in use runs out. nil: logins and
	// visitors' tokens are renewed by the API.
	Token func(ctx context.Context) (string, error)

	// OnState is called with each change, in order, under no lock. It must not
	// block.
	OnState func(State, error)
}

// State is what a connection is at the moment.
type State uint8

// The states. Closed is the last one.
const (
	Connecting State = iota + 1
	Connected
	Closed
)

// Conn is a realtime connection that outlives its sockets. It may be used by
// many goroutines; events are usually taken by one.
type Conn struct {
	Talk // what can be done with chats, over this connection

	client *Client
	cfg    ConnConfig
	places places
	ctx    context.Context
	cancel context.CancelFunc
	tasks  sync.WaitGroup
	done   chan struct{} // closed when the connection has come to its end
	slots  chan struct{} // one for each call that is not answered

	mu     sync.Mutex
	state  State
	link   *link // the socket in use; nil between two
	subs   map[string]*subscription
	inbox  inbox
	calls  []*call // not answered, in the order in which they were made
	timers map[*time.Timer]struct{}
	opened chan struct{} // closed when connected for the first time
	why    error         // the last socket's end
	err    error         // why all of it ended
}

// Connect opens a realtime connection. It returns when the server has let the
// caller in for the first time; ctx bounds that wait only.
func (c *Client) Connect(ctx context.Context, cfg ConnConfig) (*Conn, error) {
	if cfg.Queue <= 0 {
		cfg.Queue = 1024
	}
	if cfg.CallTimeout <= 0 {
		cfg.CallTimeout = 5 * time.Second
	}
	if cfg.MaxPause <= 0 {
		cfg.MaxPause = 5 * time.Second
	}
	own, cancel := context.WithCancel(context.Background())
	conn := &Conn{
		client: c, cfg: cfg, places: places{client: c}, ctx: own, cancel: cancel,
		done: make(chan struct{}), slots: make(chan struct{}, maxCalls), state: Connecting,
		subs: map[string]*subscription{}, inbox: newInbox(cfg.Queue), timers: map[*time.Timer]struct{}{}, opened: make(chan struct{}),
	}
	conn.Talk = Talk{call: func(ctx context.Context, method, _ string, params map[string]any, result any) error {
		return conn.Call(ctx, method, params, result)
	}}
	conn.tasks.Go(conn.run)
	select {
	case <-conn.opened:
		return conn, nil
	case <-conn.done:
		conn.Close()
		return nil, conn.Err()
	case <-ctx.Done():
		conn.Close()
		return nil, fmt.Errorf("connect to %s: %w (%v)", c.base, ctx.Err(), conn.failure())
	}
}

// Close ends the connection and waits until nothing of it runs any more.
// Events that were not taken can still be taken.
func (c *Conn) Close() {
	c.cancel()
	c.tasks.Wait()
}

// Done is closed when the connection has ended: by Close, or because the server
// will not have the caller any more.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err tells why the connection has ended: ErrClosed after a Close, nil while
// it has not.
func (c *Conn) Err() error {
	select {
	case <-c.done:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.err
	default:
		return nil
	}
}

// failure is why there was no connection at the last try.
func (c *Conn) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.why
}

// State is what the connection is at the moment.
func (c *Conn) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// run connects again and again.
func (c *Conn) run() {
	pauses := newBackoff(100*time.Millisecond, c.cfg.MaxPause)
	renewed := false // the token was renewed because it was refused
	var err error
	for {
		was := time.Now()
		err = c.serve()
		if c.ctx.Err() != nil {
			err = ErrClosed
			break
		}
		if stale(err) && !renewed {
			if renewed = c.renew(c.ctx) == nil; renewed {
				continue
			}
		}
		if hopeless(err) {
			break
		}
		if time.Since(was) > c.cfg.MaxPause { // it was connected, or waited long enough
			pauses.reset()
			renewed = false
		}
		c.enter(Connecting, err)
		if _, wait := retry(err, &pauses); !pause(c.ctx, wait) {
			err = ErrClosed
			break
		}
	}
	c.finish(err)
}

// stale tells whether a fresh token may help.
func stale(err error) bool {
	var closed *Disconnected
	if errors.As(err, &closed) {
		return closed.Code == 3500
	}
	code := evenkeel.ErrorCode(err)
	return code == evenkeel.CodeTokenExpired
}

// serve connects once and reads until the socket ends. It returns why.
func (c *Conn) serve() error {
	address, err := c.places.next(c.ctx)
	if err != nil {
		return err
	}
	l, err := dial(c.ctx, address)
	if err != nil {
		c.places.failed()
		return err
	}
	stop := context.AfterFunc(c.ctx, l.bye)
	defer stop()
	c.tasks.Go(func() { l.write(func() []byte { return c.unsent(l) }) })
	defer c.detach(l)
	var silence time.Duration
	if silence, err = c.enterLink(l); err != nil {
		return err
	}
	for {
		if err := l.read(silence, func(f *frame) error { c.take(l, f); return nil }); err != nil {
			return err
		}
	}
}

// enterLink sends the connect command and waits for its reply. It returns how
// long the server may be silent.
func (c *Conn) enterLink(l *link) (time.Duration, error) {
	c.mu.Lock()
	command := connectCommand{Token: c.client.credential(), Name: "evenkeel-go"}
	for channel, s := range c.subs {
		if s.server {
			if command.Subs == nil {
				command.Subs = map[string]recoveryCommand{}
			}
			command.Subs[channel] = s.recovery()
		}
	}
	var reply *frame
	body, err := encode("connect", command)
	if err == nil {
		l.ask(body, func(f *frame) { reply = f })
	}
	c.mu.Unlock()
	for err == nil && reply == nil {
		err = l.read(firstReply, func(f *frame) error {
			c.take(l, f)
			if reply == nil || reply != f {
				return nil
			}
			if f.Error != nil {
				return f.Error.err()
			}
			if f.Conn == nil {
				return errors.New("the server does not speak the protocol: no connect reply")
			}
			c.attach(l, f.Conn)
			c.places.connected()
			return nil
		})
	}
	if err != nil {
		return 0, err
	}
	if reply.Conn.Ping == 0 {
		return time.Hour, nil
	}
	return time.Duration(reply.Conn.Ping)*time.Second + pingGrace, nil
}

// attach makes a link the one in use: subscriptions go on, calls are repeated.
func (c *Conn) attach(l *link, r *connReply) {
	c.mu.Lock()
	c.link = l
	for channel, start := range r.Subs {
		s := c.subs[channel]
		if s == nil {
			s = &subscription{channel: channel, server: true, settled: make(chan struct{})}
			s.settle(nil)
			c.subs[channel] = s
		}
		c.begin(s, &start)
	}
	for _, s := range c.subs {
		if !s.server {
			c.join(s)
		}
	}
	for _, call := range c.calls {
		c.send(call)
	}
	if r.Expires && r.TTL > 0 {
		c.later(time.Duration(r.TTL)*time.Second*9/10, func() { c.refreshSoon(l) })
	}
	c.mu.Unlock()
	c.enter(Connected, nil)
	select {
	case <-c.opened:
	default:
		close(c.opened)
	}
}

// detach ends the use of a link.
func (c *Conn) detach(l *link) {
	l.drop()
	c.mu.Lock()
	defer c.mu.Unlock()
	l.ended, l.out, l.waiting = true, nil, nil
	if c.link == l {
		c.link = nil
	}
	for _, s := range c.subs {
		s.fetching = false
	}
}

// unsent hands what waits on a link to its writer.
func (c *Conn) unsent(l *link) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := l.out
	l.out = nil
	return out
}

// take obeys one frame of the server.
func (c *Conn) take(l *link, f *frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case f.Push != nil:
		c.pushed(f.Push)
	case f.ID != 0:
		then := l.waiting[f.ID]
		delete(l.waiting, f.ID)
		if then != nil {
			then(f)
		}
	default: // a ping
		l.out = append(l.out, "{}\n"...)
		l.flush()
	}
}

// enter changes the state and says so.
func (c *Conn) enter(s State, why error) {
	c.mu.Lock()
	changed := c.state != s
	c.state = s
	if s == Connecting {
		c.why = why
	}
	c.mu.Unlock()
	if changed && c.cfg.OnState != nil {
		c.cfg.OnState(s, why)
	}
}

// finish ends the connection for good: whoever waits is told why.
func (c *Conn) finish(err error) {
	c.cancel()
	c.mu.Lock()
	c.err = err
	for t := range c.timers {
		if t.Stop() {
			c.tasks.Done()
		}
	}
	c.timers = nil
	for _, call := range c.calls {
		call.answer(nil, err)
	}
	c.calls = nil
	for _, s := range c.subs {
		s.settle(err)
	}
	c.mu.Unlock()
	close(c.done)
	c.enter(Closed, err)
}

// later runs fn under the lock after a while, unless the connection has ended.
// Called under the lock.
func (c *Conn) later(d time.Duration, fn func()) {
	if c.timers == nil {
		return
	}
	c.tasks.Add(1)
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		defer c.tasks.Done()
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.timers != nil {
			delete(c.timers, t)
			fn()
		}
	})
	c.timers[t] = struct{}{}
}
