package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestChaos lets a cell of three live through one fault after the other while people
// chat: nodes are killed, all at once too, frozen, cut off, made deaf or dumb, and
// kept from each other altogether. Nothing that was acknowledged is lost, doubled or
// reordered, no chat has two owners, and in the end all nodes have come to the same.
//
// Each node is a process in a network namespace of its own, on a bridge; as root
// only. EVENKEEL_CHAOS_ROUNDS sets the rounds (3), EVENKEEL_CHAOS_SEED what happens.
func TestChaos(t *testing.T) {
	rounds := crashNumber(t, "EVENKEEL_CHAOS_ROUNDS", 3)
	seed := crashNumber(t, "EVENKEEL_CHAOS_SEED", int(time.Now().UnixNano()%1e9))
	t.Logf("%d rounds; to replay: EVENKEEL_CHAOS_ROUNDS=%d EVENKEEL_CHAOS_SEED=%d", rounds, rounds, seed)
	wires := newWires(t, 3)
	s, err := raise(t.Context(), "127.0.0.1:0", fleetConfig{
		childConfig: childConfig{program: buildBinary(t), args: []string{"--limit-address-visitors", "off"}}, nodes: 3, site: wires.site,
	})
	if err != nil {
		t.Fatal(err)
	}
	town := startTown(t, s, 20, 5, 5)
	c := &chaos{stage: s, wires: wires, rng: rand.New(rand.NewPCG(uint64(seed), 2))}
	for round := 1; round <= rounds && !t.Failed(); round++ {
		f := chaosFaults[c.rng.IntN(len(chaosFaults))]
		took, err := c.round(t.Context(), f)
		if err != nil {
			t.Errorf("round %d, %s: %v", round, f.name, err)
			break
		}
		t.Logf("round %d: %s; all in step again after %s", round, f.name, took.Round(time.Millisecond))
	}
	town.finish(t)
	if err := s.same(t.Context()); err != nil {
		t.Error(err)
	}
	t.Logf("%+v", *town.figures.now())
	if t.Failed() {
		for _, n := range s.nodes {
			t.Logf("node %d said:\n%s", n.number, n.log.String())
		}
	}
	if err := s.lower(); err != nil {
		t.Error(err)
	}
}

// chaos does things to a stage.
type chaos struct {
	*stage
	wires *wires
	rng   *rand.Rand
}

// chaosFault is something that happens, and ends by itself when it is healed.
type chaosFault struct {
	name string
	do   func(c *chaos, leader, other *fleetNode) error
}

var chaosFaults = []chaosFault{ //state: constants
	{"the leader is killed", func(_ *chaos, leader, _ *fleetNode) error { return leader.suffer("kill") }},
	{"a follower is killed", func(_ *chaos, _, other *fleetNode) error { return other.suffer("kill") }},
	{"two nodes are killed", func(_ *chaos, leader, other *fleetNode) error {
		return errors.Join(leader.suffer("kill"), other.suffer("kill"))
	}},
	{"all nodes are killed at once", func(c *chaos, _, _ *fleetNode) error {
		var err error
		for _, n := range c.nodes {
			n.killed.Store(true)
			err = errors.Join(err, n.cmd.Process.Kill())
		}
		for _, n := range c.nodes {
			<-n.ended()
		}
		return err
	}},
	{"the leader is frozen", func(_ *chaos, leader, _ *fleetNode) error { return leader.suffer("freeze") }},
	{"a follower is frozen", func(_ *chaos, _, other *fleetNode) error { return other.suffer("freeze") }},
	{"the leader is cut off", func(c *chaos, leader, _ *fleetNode) error { return c.wires.silence(leader.number, true, true) }},
	{"the leader is deaf", func(c *chaos, leader, _ *fleetNode) error { return c.wires.silence(leader.number, true, false) }},
	{"the leader is dumb", func(c *chaos, leader, _ *fleetNode) error { return c.wires.silence(leader.number, false, true) }},
	{"a follower is cut off", func(c *chaos, _, other *fleetNode) error { return c.wires.silence(other.number, true, true) }},
	{"a follower is deaf", func(c *chaos, _, other *fleetNode) error { return c.wires.silence(other.number, true, false) }},
	{"a follower is dumb", func(c *chaos, _, other *fleetNode) error { return c.wires.silence(other.number, false, true) }},
	{"no node hears another", func(c *chaos, _, _ *fleetNode) error {
		var err error
		for _, n := range c.nodes {
			err = errors.Join(err, c.wires.silence(n.number, true, true))
		}
		return err
	}},
	{"the leader's link is down", func(c *chaos, leader, _ *fleetNode) error { return c.wires.link(leader.number, false) }},
}

// round has a fault happen, last for a while and end, and waits until all nodes are
// in step again.
func (c *chaos) round(ctx context.Context, f chaosFault) (took time.Duration, err error) {
	leader := c.leader(ctx)
	if leader == nil {
		return 0, errors.New("there is no leader")
	}
	other := c.nodes[leader.number%len(c.nodes)]
	if err := f.do(c, leader, other); err != nil {
		return 0, err
	}
	wait(ctx, time.Duration(500+c.rng.IntN(3500))*time.Millisecond) // how long it lasts
	healed := time.Now()
	for _, n := range c.nodes {
		err = errors.Join(err, n.setFrozen(false), c.wires.silence(n.number, false, false), c.wires.link(n.number, true))
		if !n.running() {
			err = errors.Join(err, n.start(ctx))
		}
	}
	if err == nil {
		err = c.healthy(ctx)
	}
	return time.Since(healed), err
}

// same is an error if the nodes have come to different states.
func (f *fleet) same(ctx context.Context) error {
	last := ""
	err := waitUntil(ctx, 50*time.Millisecond, formTime, "the nodes are not equal", func() (bool, error) {
		hashes := map[string]bool{}
		last = ""
		for _, n := range f.nodes {
			cell, err := f.ask(ctx, n)
			if err != nil {
				return false, ctx.Err()
			}
			for _, m := range cell.Nodes {
				if m.ID == n.id() {
					hashes[fmt.Sprint(m.Applied, " ", m.Hash)] = true
					last += fmt.Sprintf("; %s at %d: %s", m.ID, m.Applied, m.Hash)
				}
			}
		}
		return len(hashes) == 1 && !strings.Contains(last, ": ;"), nil
	})
	if err != nil {
		return fmt.Errorf("%w%s", err, last)
	}
	return nil
}

// wires are the network between the nodes: a namespace for each, on a bridge of
// this machine.
type wires struct {
	short int // in names
	nodes int
}

func newWires(t *testing.T, nodes int) *wires {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("network namespaces with a bridge need root: make chaos, and make test with them, are for root")
	}
	w := &wires{short: os.Getpid() % 10000, nodes: nodes}
	t.Cleanup(func() {
		for i := range nodes {
			_ = sh("ip", "netns", "del", w.space(i+1)) // it may not have come to it
		}
		_ = sh("ip", "link", "del", w.bridge()) // likewise
	})
	must := func(args ...string) {
		t.Helper()
		if err := sh(args...); err != nil {
			t.Fatal(err)
		}
	}
	must("ip", "link", "add", w.bridge(), "type", "bridge")
	must("ip", "addr", "add", w.address(254)+"/24", "dev", w.bridge())
	must("ip", "link", "set", w.bridge(), "up")
	for i := range nodes {
		n := i + 1
		must("ip", "netns", "add", w.space(n))
		must("ip", "link", "add", w.end(n), "type", "veth", "peer", "name", "eth0", "netns", w.space(n))
		must("ip", "link", "set", w.end(n), "master", w.bridge(), "up")
		must("ip", "-n", w.space(n), "addr", "add", w.address(n)+"/24", "dev", "eth0")
		must("ip", "-n", w.space(n), "link", "set", "eth0", "up")
		must("ip", "-n", w.space(n), "link", "set", "lo", "up")
		must(w.inside(n, "nft", "add", "table", "inet", "chaos")...)
		must(w.inside(n, "nft", "add", "chain", "inet", "chaos", "in", "{ type filter hook input priority 0; }")...)
		must(w.inside(n, "nft", "add", "chain", "inet", "chaos", "out", "{ type filter hook output priority 0; }")...)
	}
	return w
}

func (w *wires) bridge() string       { return fmt.Sprintf("ek%db", w.short) }
func (w *wires) end(n int) string     { return fmt.Sprintf("ek%dv%d", w.short, n) }
func (w *wires) space(n int) string   { return fmt.Sprintf("ek%d-%d", w.short, n) }
func (w *wires) address(n int) string { return net.IPv4(10, 203, byte(w.short), byte(n)).String() }

func (w *wires) inside(n int, command ...string) []string {
	return append([]string{"ip", "netns", "exec", w.space(n)}, command...)
}

// site is where a node lives.
func (w *wires) site(n int) (address string, wrap []string) { return w.address(n), w.inside(n) }

// silence keeps a node from hearing the others, or from being heard by them, or
// neither. Clients are served all the same.
func (w *wires) silence(n int, deaf, dumb bool) error {
	err := sh(w.inside(n, "nft", "flush", "table", "inet", "chaos")...)
	var others []string
	for i := range w.nodes {
		if i+1 != n {
			others = append(others, w.address(i+1))
		}
	}
	set := "{ " + strings.Join(others, ", ") + " }"
	if deaf {
		err = errors.Join(err, sh(w.inside(n, "nft", "add", "rule", "inet", "chaos", "in", "ip", "saddr", set, "drop")...))
	}
	if dumb {
		err = errors.Join(err, sh(w.inside(n, "nft", "add", "rule", "inet", "chaos", "out", "ip", "daddr", set, "drop")...))
	}
	return err
}

// link takes a node's link down, clients and all, or up.
func (w *wires) link(n int, up bool) error {
	return sh("ip", "link", "set", w.end(n), map[bool]string{true: "up", false: "down"}[up])
}

func sh(command ...string) error {
	out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strconv.Quote(strings.Join(command, " ")), err, out)
	}
	return nil
}
