package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"
)

// door is the demo's one address: it stands for the balancer, or the floating
// address, that an operator has before his nodes. It passes connections on to
// nodes that say that they are ready, one after the other.
type door struct {
	fleet    *fleet
	listener net.Listener
	cancel   context.CancelFunc
	tasks    sync.WaitGroup

	mu    sync.Mutex
	ready []*fleetNode
	turn  int
	conns map[net.Conn]struct{}
}

const (
	doorLooks = 100 * time.Millisecond // at each node
	doorWaits = 500 * time.Millisecond // for an answer
)

// openDoor begins to listen.
func openDoor(f *fleet, l net.Listener) *door {
	ctx, cancel := context.WithCancel(context.Background())
	d := &door{fleet: f, listener: l, cancel: cancel, ready: f.nodes, conns: map[net.Conn]struct{}{}}
	d.tasks.Go(func() { d.look(ctx) })
	d.tasks.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			d.tasks.Go(func() { d.pass(conn) })
		}
	})
	return d
}

func (d *door) url() string { return "http://" + d.listener.Addr().String() }

// close ends all that goes through.
func (d *door) close() error {
	d.cancel()
	err := d.listener.Close()
	d.mu.Lock()
	for conn := range d.conns {
		_ = conn.Close() // its use ends
	}
	d.conns = nil
	d.mu.Unlock()
	d.tasks.Wait()
	return err
}

// look finds out again and again which nodes are ready.
func (d *door) look(ctx context.Context) {
	for nap(ctx, doorLooks) {
		found := make([]bool, len(d.fleet.nodes))
		var asking sync.WaitGroup
		for i, n := range d.fleet.nodes {
			asking.Go(func() { found[i] = n.isReady(ctx) })
		}
		asking.Wait()
		var ready []*fleetNode
		for i, n := range d.fleet.nodes {
			if found[i] {
				ready = append(ready, n)
			}
		}
		d.mu.Lock()
		d.ready = ready
		d.mu.Unlock()
	}
}

// isReady asks a node whether it can serve.
func (n *fleetNode) isReady(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, doorWaits)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url+"/readyz", nil)
	if err != nil {
		return false
	}
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return errors.Join(err, answer.Body.Close()) == nil && answer.StatusCode == http.StatusOK
}

// next is the node that gets the next connection; nil: none is ready.
func (d *door) next() *fleetNode {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.ready) == 0 {
		return nil
	}
	d.turn++
	return d.ready[d.turn%len(d.ready)]
}

func (d *door) keep(conn net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conns == nil {
		_ = conn.Close() // it came too late
		return false
	}
	d.conns[conn] = struct{}{}
	return true
}

func (d *door) drop(conn net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.conns, conn)
	_ = conn.Close() // its use has ended
}

// pass carries one connection. Who comes while no node is ready is sent away, and
// comes again.
func (d *door) pass(client net.Conn) {
	if !d.keep(client) {
		return
	}
	defer d.drop(client)
	for range d.fleet.nodes {
		n := d.next()
		if n == nil {
			return
		}
		node, err := net.DialTimeout("tcp", strings.TrimPrefix(n.url, "http://"), doorWaits)
		if err != nil {
			continue
		}
		if !d.keep(node) {
			return
		}
		defer d.drop(node)
		ctx, end := context.WithCancel(context.Background())
		d.tasks.Go(func() { defer end(); carry(ctx, node, client, nil) })
		d.tasks.Go(func() { defer end(); carry(ctx, client, node, nil) })
		<-ctx.Done()
		return
	}
}

// listenDoor takes the demo's address.
func listenDoor(ctx context.Context, address string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("listen on %s: another program has this port; stop it, or choose another with --http", address)
	case err != nil:
		return nil, fmt.Errorf("listen on the address of --http: %w", err)
	}
	return l, nil
}
