//evenkeel:shell

package realtime

import (
	"bytes"
	"sync"
	"sync/atomic"
	"time"

	"github.com/evenkeel/evenkeel"
)

// conn is one connection: a transport and its session. It lives as long as it is
// read: at each time one goroutine does that.
type conn struct {
	srv    *Server
	link   transport
	kind   kind
	enc    Encoding
	id     ClientID
	name   string // of the session, for transports that go one way only
	remote string

	mu      sync.Mutex
	session *Session
	// todo are effects to be run, in order, by whoever has set running.
	todo    []Effect
	running bool
	// writing says that there is a writing goroutine.
	writing bool
	closing *Close // to be sent when all else is
	asking  int    // answers of the backend that are awaited

	// room is closed when the reading goroutine may look again whether it may
	// go on; nil while it does not wait.
	room chan struct{}

	// turn is held by the request whose commands are obeyed, on transports that
	// go one way only; requests counts it and those that wait.
	turn     sync.Mutex
	requests atomic.Int32

	timer *time.Timer
	armed time.Duration // when the timer fires, by the server's clock; 0: it is not set
}

const (
	maxBatch = 64 << 10 // bytes of frames in a message, about
	// maxUnsent is how much may wait for a client that asks for more.
	maxUnsent = 256 << 10
	// closeTime is how long a client has to answer a close frame.
	closeTime = 2 * time.Second
	// slowest is the speed, in bytes a second, below which a client counts as
	// one that does not read.
	slowest = 32 << 10
)

// step moves the session and sees to it that what follows is done: here, if
// inline is set, else by another goroutine, for the caller may not wait.
func (c *conn) step(in Input, inline bool) {
	if c.advance(in, inline) {
		c.run()
	}
}

// advance is the part of step under the lock. It returns true if the caller
// has to run effects.
func (c *conn) advance(in Input, inline bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	effects := c.session.Step(in, c.srv.now())
	c.todo = append(c.todo, effects...)
	c.arm()
	if c.session.Pending() > 0 {
		c.startWriting()
	}
	if c.session.Closed() {
		c.makeRoom()
	}
	if len(c.todo) == 0 || c.running {
		return false
	}
	c.running = true
	if !inline {
		c.srv.running.Go(c.run)
	}
	return inline
}

// run does what the session asked for, until nothing is left.
func (c *conn) run() {
	for {
		c.mu.Lock()
		todo := c.todo
		c.todo = nil
		c.running = len(todo) > 0
		c.mu.Unlock()
		if len(todo) == 0 {
			return
		}
		for _, e := range todo {
			c.do(e)
		}
	}
}

func (c *conn) do(e Effect) {
	switch e := e.(type) {
	case Join:
		shard := c.srv.shard(e.Key)
		shard.mu.Lock()
		shard.hub.Join(e.Key, c)
		shard.mu.Unlock()
	case Leave:
		shard := c.srv.shard(e.Key)
		shard.mu.Lock()
		shard.hub.Leave(e.Key, c)
		shard.mu.Unlock()
	case Authenticate:
		c.ask(func() Input {
			client, err := c.srv.cfg.Backend.Authenticate(c.srv.ctx, e.Request, c.remote)
			return Authenticated{Client: client, Err: err}
		})
	case Admit:
		c.ask(func() Input {
			terms, err := c.srv.cfg.Backend.Admit(c.srv.ctx, e.Request)
			return &Admitted{Tag: e.Tag, Terms: terms, Err: err}
		})
	case Enter:
		c.srv.enter(e)
	case Exit:
		c.srv.exit(e)
	case Count:
		c.srv.count(e, func(in *Counted) { c.step(in, false) })
	case Publish:
		c.step(&Published{ID: e.ID, Err: c.srv.cfg.Backend.Publish(e.Request)}, false)
	case Read:
		if e.Request.Kept {
			c.step(c.srv.readKept(e), false)
			return
		}
		c.ask(func() Input {
			page, err := c.srv.cfg.Backend.Read(c.srv.ctx, e.Request)
			return NewReadDone(e.Tag, page, err)
		})
	case Call:
		c.srv.cfg.Backend.Call(c.id, e.Method, e.Params, func(result []byte, err *evenkeel.Error) {
			c.step(&CallDone{ID: e.ID, Result: result, Err: err}, false)
		})
	case Connected:
		c.srv.cfg.Backend.Connected(c.id, e.Client)
	case Disconnected:
		c.srv.cfg.Backend.Disconnected(c.id)
	case Close:
		c.end(e)
	}
}

// ask runs a question to the backend beside everything else. The client is not
// read until it is answered.
func (c *conn) ask(question func() Input) {
	c.mu.Lock()
	c.asking++
	c.mu.Unlock()
	c.srv.running.Go(func() {
		in := question()
		c.step(in, true)
		c.mu.Lock()
		c.asking--
		c.makeRoom()
		c.mu.Unlock()
	})
}

// arm sets the timer for the session's next time, unless it fires before that
// anyway: an early wake-up does no harm. Called under the lock.
func (c *conn) arm() {
	at, ok := c.session.Next()
	switch {
	case !ok:
		if c.timer != nil {
			c.timer.Stop()
		}
		c.armed = 0
		return
	case c.armed != 0 && c.armed <= at:
		return
	}
	c.armed = at
	wait := at - c.srv.now()
	if c.timer == nil {
		c.timer = time.AfterFunc(wait, c.wake)
	} else {
		c.timer.Reset(wait)
	}
}

func (c *conn) wake() {
	c.mu.Lock()
	if c.srv.now() >= c.armed {
		c.armed = 0
	}
	c.mu.Unlock()
	c.step(Wake{}, false)
}

// read takes the client's messages until there are no more.
//
// What a command leads to needs a stack of several KiB, which a goroutine would
// keep while it waits. So when a client that sent commands does nothing but
// answer a ping, another goroutine reads on, with a small stack.
//
// Once the session is over what still comes is thrown away, so that the client
// gets to read the close frame.
func (c *conn) read() {
	grown := false
	for {
		message, err := c.receive()
		if err != nil {
			break
		}
		pong := c.enc.isPong(message.Bytes())
		c.handle(message.Bytes())
		c.srv.buffers.Put(message)
		if pong && grown {
			go c.read()
			return
		}
		grown = grown || !pong
	}
	c.step(Gone{}, true)
	c.link.cut()
	c.srv.remove(c)
}

// receive reads one message.
func (c *conn) receive() (*bytes.Buffer, error) {
	message := c.srv.buffer()
	message.Reset()
	if err := c.link.receive(message); err != nil {
		c.srv.buffers.Put(message)
		return nil, err
	}
	return message, nil
}

// handle obeys a message. A client that breaks the protocol is told so.
func (c *conn) handle(message []byte) {
	commands, err := c.enc.Decode(message)
	if err != nil {
		c.step(Disconnect{Code: CloseBadRequest, Reason: err.Error()}, true)
	}
	c.obey(commands)
}

func (c *conn) obey(commands []*Command) {
	for _, cmd := range commands {
		c.step(cmd, true)
		c.waitForRoom()
	}
}

// waitForRoom holds the reading of a client up while the backend works for this client, or much of what
// it was answered has not been taken yet: a client is read no faster than it
// reads.
func (c *conn) waitForRoom() {
	c.mu.Lock()
	for !c.session.Closed() && (c.asking > 0 || c.session.Pending() > maxUnsent) {
		if c.room == nil {
			c.room = make(chan struct{})
		}
		room := c.room
		c.mu.Unlock()
		<-room
		c.mu.Lock()
	}
	c.mu.Unlock()
}

// makeRoom lets the reading goroutine look again. Called under the lock.
func (c *conn) makeRoom() {
	if c.room != nil {
		close(c.room)
		c.room = nil
	}
}
