package main

import (
	"context"
	"fmt"
	"net"
	"sync"
)

// gate lets bytes through while it is open.
type gate struct {
	mu   sync.Mutex
	open chan struct{} // closed while the gate is open
}

func newGate() *gate {
	g := &gate{open: make(chan struct{})}
	close(g.open)
	return g
}

// set opens the gate or shuts it.
func (g *gate) set(open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.open:
		if !open {
			g.open = make(chan struct{})
		}
	default:
		if open {
			close(g.open)
		}
	}
}

// passed is closed as soon as the gate is open.
func (g *gate) passed() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open
}

// cable is how other nodes reach one: a relay that knows by the address from which
// it is called who calls. Two nodes of which one is cut off are as on a pulled
// cable: nothing is closed, and nothing arrives.
type cable struct {
	address string                      // where the others call, for ever
	to      string                      // where the node listens
	gates   func(caller net.IP) []*gate // that bytes have to pass

	mu       sync.Mutex
	listener net.Listener       // nil: the node is down, and calls are refused
	pull     context.CancelFunc // ends all calls
	conns    map[net.Conn]struct{}
	tasks    sync.WaitGroup
}

// layCable finds an address for a cable to a node.
func layCable(to string, gates func(net.IP) []*gate) (*cable, error) {
	address, err := freeLoopback()
	return &cable{address: address, to: to, gates: gates, conns: map[net.Conn]struct{}{}}, err
}

// plug begins to take calls.
func (c *cable) plug() error {
	l, err := net.Listen("tcp", c.address)
	if err != nil {
		return fmt.Errorf("listen for calls of other nodes: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listener = l
	ctx, pull := context.WithCancel(context.Background())
	c.pull = pull
	c.tasks.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.tasks.Go(func() { c.relay(ctx, conn) })
		}
	})
	return nil
}

// unplug ends all calls and refuses further ones: the node's process has ended.
func (c *cable) unplug() {
	c.mu.Lock()
	if c.listener != nil {
		_ = c.listener.Close() // it is open
		c.listener = nil
		c.pull()
	}
	for conn := range c.conns {
		_ = conn.Close() // as its other end does, maybe
	}
	c.mu.Unlock()
	c.tasks.Wait()
}

// keep has unplug close a connection; false: it has been called.
func (c *cable) keep(conn net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.listener == nil {
		_ = conn.Close() // nobody uses it
		return false
	}
	c.conns[conn] = struct{}{}
	return true
}

func (c *cable) drop(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.conns, conn)
	_ = conn.Close() // its use has ended
}

// relay carries one call until one side ends it.
func (c *cable) relay(plugged context.Context, caller net.Conn) {
	if !c.keep(caller) {
		return
	}
	defer c.drop(caller)
	node, err := net.Dial("tcp", c.to)
	if err != nil || !c.keep(node) {
		return
	}
	defer c.drop(node)
	var gates []*gate
	if from, ok := caller.RemoteAddr().(*net.TCPAddr); ok {
		gates = c.gates(from.IP)
	}
	ctx, end := context.WithCancel(plugged)
	defer end()
	for _, way := range [][2]net.Conn{{node, caller}, {caller, node}} {
		c.tasks.Go(func() {
			defer end()
			carry(ctx, way[0], way[1], gates)
		})
	}
	<-ctx.Done()
}

// carry copies until one side ends, or ctx does. What is held up at a gate goes on
// when the gate opens.
func carry(ctx context.Context, to, from net.Conn, gates []*gate) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		for _, g := range gates {
			select {
			case <-g.passed():
			case <-ctx.Done():
				return
			}
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
