package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/evenkeel/evenkeel/client"
)

// fleet is a cell on this machine of which every node is a process of its own, to
// be killed, frozen and cut off.
type fleet struct {
	nodes []*fleetNode
	doors []*gate        // of each node, by its number less one; there before the nodes are
	admin *client.Client // of the first node
}

// fleetNode is one of them. Its id is "n" and its number.
type fleetNode struct {
	*child
	number int
	cable  *cable // by which the others call it; nil: directly
	gate   *gate  // of all that it says and hears of the others

	killed atomic.Bool // on purpose

	mu     sync.Mutex
	frozen bool
	cut    bool
}

func (n *fleetNode) id() string { return "n" + strconv.Itoa(n.number) }

// fleetConfig says what a fleet is for.
type fleetConfig struct {
	childConfig
	nodes  int
	cables bool // nodes can be cut off from each other
	// site is where a node lives: an address of its own, and the command that runs it
	// there. nil: they share this machine's loopback.
	site func(number int) (address string, wrap []string)
}

// formTime bounds how long a fleet may take to become a cell.
const formTime = 30 * time.Second

// startFleet starts a cell and waits until all of its nodes vote.
func startFleet(ctx context.Context, cfg fleetConfig) (*fleet, error) {
	ctx, cancel := context.WithTimeout(ctx, formTime)
	defer cancel()
	f := &fleet{}
	err := f.form(ctx, cfg)
	if err != nil {
		return nil, errors.Join(err, f.stop())
	}
	return f, nil
}

func (f *fleet) form(ctx context.Context, cfg fleetConfig) error {
	for range cfg.nodes {
		f.doors = append(f.doors, newGate())
	}
	first, err := f.add(ctx, cfg, nil)
	if err != nil {
		return err
	}
	if f.admin, err = first.admin(ctx); err != nil {
		return err
	}
	for range cfg.nodes - 1 { // one after the other, so that numbers follow the order
		invitation, err := f.admin.InviteNode(ctx, formTime)
		if err != nil {
			return fmt.Errorf("invite a node: %w", err)
		}
		if _, err := f.add(ctx, cfg, invitation); err != nil {
			return err
		}
	}
	return f.healthy(ctx)
}

// add starts one more node, which joins the others if it is invited.
func (f *fleet) add(ctx context.Context, cfg fleetConfig, invited *client.Invitation) (*fleetNode, error) {
	n := &fleetNode{number: len(f.nodes) + 1, gate: f.doors[len(f.nodes)]}
	own := cfg.childConfig
	if f.nodes != nil {
		own.http = "127.0.0.1:0" // of the first one something may be expected
	}
	at, err := cfg.place(n.number, &own)
	if err != nil {
		return nil, fmt.Errorf("find an address for node %d: %w", n.number, err)
	}
	own.args = append([]string{"--name", "node-" + strconv.Itoa(n.number), "--cluster", at}, cfg.args...)
	if invited != nil {
		own.args = append(own.args, "--join", invited.Join, "--token", invited.Token)
	}
	if cfg.cables {
		if n.cable, err = layCable(at, func(caller net.IP) []*gate { return f.gates(n, caller) }); err != nil {
			return nil, err
		}
		if err := n.cable.plug(); err != nil {
			return nil, err
		}
		own.args = append(own.args, "--cluster-advertise", n.cable.address)
	}
	if n.child, err = startChild(ctx, own); err != nil {
		if n.cable != nil {
			n.cable.unplug()
		}
		return nil, fmt.Errorf("node %d: %w", n.number, err)
	}
	f.nodes = append(f.nodes, n)
	n.watch()
	return n, nil
}

// place finds where a node is to listen for the others.
func (cfg *fleetConfig) place(number int, own *childConfig) (cluster string, err error) {
	switch {
	case cfg.site != nil:
		var address string
		address, own.wrap = cfg.site(number)
		own.http = net.JoinHostPort(address, "8080") // it has the place for itself
		return net.JoinHostPort(address, "7400"), nil
	case cfg.cables:
		return freeAt(sourceOf(number).String())
	default:
		return freeAt("127.0.0.1")
	}
}

// sourceOf is the address from which a node calls the others.
func sourceOf(number int) net.IP { return net.IPv4(127, 0, 1, byte(number)) }

// gates are those that a call of one node to another passes.
func (f *fleet) gates(to *fleetNode, caller net.IP) []*gate {
	gates := []*gate{to.gate}
	for i, g := range f.doors {
		if sourceOf(i + 1).Equal(caller) {
			gates = append(gates, g)
		}
	}
	return gates
}

// freeAt finds a free port of an address of this machine.
func freeAt(host string) (string, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// watch unplugs the node when its process ends: what is sent to a process that is
// no more is refused by the machine, and so it is here.
func (n *fleetNode) watch() {
	if n.cable == nil {
		return
	}
	exited := n.ended()
	go func() {
		<-exited
		n.cable.unplug()
	}()
}

// start starts a node whose process has ended.
func (n *fleetNode) start(ctx context.Context) error {
	if n.running() {
		return fmt.Errorf("node %d runs", n.number)
	}
	if n.cable != nil {
		n.cable.tasks.Wait() // unplug has come to its end
		if err := n.cable.plug(); err != nil {
			return err
		}
	}
	if err := n.launch(ctx); err != nil {
		return err
	}
	n.killed.Store(false)
	n.watch()
	return nil
}

// setCut pulls the node's cable, or plugs it in again.
func (n *fleetNode) setCut(cut bool) error {
	if n.cable == nil {
		return errors.New("nodes cannot be cut off here: this machine has no addresses 127.0.1.x")
	}
	n.mu.Lock()
	n.cut = cut
	n.mu.Unlock()
	n.gate.set(!cut)
	return nil
}

// setFrozen stops the node's process in the middle of what it does, or lets it go
// on.
func (n *fleetNode) setFrozen(frozen bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.frozen == frozen || !n.running() {
		n.frozen = false
		return nil
	}
	if err := freezeProcess(n.cmd.Process, frozen); err != nil {
		return fmt.Errorf("node %d: %w", n.number, err)
	}
	n.frozen = frozen
	return nil
}

// leader is the node that leads, as most of the running ones know it; nil: none.
func (f *fleet) leader(ctx context.Context) *fleetNode {
	for _, n := range f.nodes {
		if !n.serves() {
			continue
		}
		if cell, err := f.ask(ctx, n); err == nil {
			for _, m := range f.nodes {
				if m.id() == cell.Leader && m.serves() {
					return m
				}
			}
		}
	}
	return nil
}

// serves tells whether a node runs, and nothing was done to it.
func (n *fleetNode) serves() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.running() && !n.frozen && !n.cut
}

// ask reads the cell's state from one node.
func (f *fleet) ask(ctx context.Context, n *fleetNode) (*client.Cell, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	c, err := client.New(client.Config{URL: n.url, Token: f.admin.Token(), Patience: -1})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Cell(ctx)
}

// healthy waits until every node sees all nodes up, voting and in step.
func (f *fleet) healthy(ctx context.Context) error {
	return waitUntil(ctx, 20*time.Millisecond, formTime, "the nodes are not all in step", func() (bool, error) {
		for _, n := range f.nodes {
			cell, err := f.ask(ctx, n)
			if err != nil || cell.State != "healthy" || cell.Voters != min(len(f.nodes), 5) || len(cell.Nodes) != len(f.nodes) {
				return false, ctx.Err()
			}
			for _, m := range cell.Nodes {
				if m.State != "up" || m.Lag > 1000 {
					return false, nil
				}
			}
		}
		return true, nil
	})
}

// stop ends all nodes and removes what they kept.
func (f *fleet) stop() error {
	var tasks sync.WaitGroup
	errs := make([]error, len(f.nodes))
	for i, n := range f.nodes {
		tasks.Go(func() {
			n.gate.set(true)
			errs[i] = errors.Join(n.setFrozen(false), n.child.stop())
		})
	}
	tasks.Wait()
	if f.admin != nil {
		f.admin.Close()
	}
	return errors.Join(errs...)
}
