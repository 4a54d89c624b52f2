package node

import (
	"context"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel"
)

// Commands of a client whose transport goes one way only come by requests of their
// own, which a balancer may take to any node. That node passes them on to the one
// that has the client's stream.

const (
	emulateTime = 5 * time.Second
	maxEmulates = 1024 // of other nodes at a time
)

// emulates are commands that this node has passed on and those that it obeys for
// others.
type emulates struct {
	slots chan struct{} // one for each that is obeyed

	mu      sync.Mutex
	last    uint64
	waiting map[uint64]chan *evenkeel.Error // each has room for its answer
}

func (e *emulates) init() {
	e.slots, e.waiting = make(chan struct{}, maxEmulates), map[uint64]chan *evenkeel.Error{}
}

// ask names a request.
func (e *emulates) ask() (request uint64, came chan *evenkeel.Error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last++
	came = make(chan *evenkeel.Error, 1)
	e.waiting[e.last] = came
	return e.last, came
}

func (e *emulates) forget(request uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.waiting, request)
}

func (e *emulates) answered(a *emulated) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if came := e.waiting[a.Request]; came != nil {
		delete(e.waiting, a.Request)
		came <- a.Err
	}
}

// Emulate passes a message of a client on to the node that has its stream.
func (c *cluster) Emulate(ctx context.Context, node, session string, message []byte) *evenkeel.Error {
	number, ok := c.numbered(node)
	if !ok {
		return evenkeel.Errorf(evenkeel.CodeNotFound, "there is no node %q: connect anew", node)
	}
	ctx, cancel := context.WithTimeout(ctx, emulateTime)
	defer cancel()
	request, came := c.emulates.ask()
	defer c.emulates.forget(request)
	away := &evenkeel.Error{Code: evenkeel.CodeNoLeader, Detail: "the node " + node + " that has this session does not answer", RetryAfter: evenkeel.Second}
	if !c.transport.Send(number, frameEmulate, encodeWire(emulate{request, session, message})) {
		return away
	}
	select {
	case refusal := <-came:
		return refusal
	case <-ctx.Done():
		return away
	}
}

// numbered finds another node by its id.
func (c *cluster) numbered(id string) (uint64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for number, m := range c.members {
		if m.ID == id {
			return number, true
		}
	}
	return 0, false
}

// obey does what a client has asked of another node.
func (c *cluster) obey(from uint64, e *emulate) {
	answer := func(refusal *evenkeel.Error) {
		c.transport.Send(from, frameEmulated, encodeWire(emulated{e.Request, refusal})) // lost: the other node gives up waiting
	}
	select {
	case c.emulates.slots <- struct{}{}:
	default:
		answer(&evenkeel.Error{Code: evenkeel.CodeTooManyRequests, Detail: "the node that has this session has too many requests to do", RetryAfter: evenkeel.Second})
		return
	}
	c.node.tasks.Go(func() {
		defer func() { <-c.emulates.slots }()
		answer(c.node.realtime.Emulate(e.Session, e.Message))
	})
}
