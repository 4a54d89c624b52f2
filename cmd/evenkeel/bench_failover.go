package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"
)

// benchFailoverVerb is `evenkeel bench failover`: for how long nothing can be
// written when the leader is lost.
type benchFailoverVerb struct {
	Nodes  int      `name:"nodes" default:"3" placeholder:"N" help:"Nodes of the cell, each a process of its own."`
	Rounds int      `name:"rounds" default:"30" placeholder:"N" help:"How often each fault happens."`
	Faults []string `name:"faults" default:"kill,freeze,cut" placeholder:"LIST" help:"What happens to the leader: kill, freeze, cut."`
	Dir    string   `name:"dir" default:"" placeholder:"DIR" help:"Where the nodes write; empty: the system's place for temporary files."`
	JSON   bool     `name:"json" help:"Print JSON, for programs."`
}

func (v *benchFailoverVerb) Help() string {
	return "A cell of its own loses its leader again and again: the process is killed, or frozen (SIGSTOP), or cut off from the other nodes. " +
		"A client of each other node writes all the while; it is measured from the fault to the acknowledgement of the first message that " +
		"was begun after it. Afterwards the node comes back, and the next round begins when all are in step."
}

// failoverResult is what one kind of fault did.
type failoverResult struct {
	Fault   string  `json:"fault"`
	Rounds  int     `json:"rounds"`
	Samples int     `json:"samples"` // one for each client that stayed
	P50     float64 `json:"p50_ms"`
	P90     float64 `json:"p90_ms"`
	P99     float64 `json:"p99_ms"`
	Max     float64 `json:"max_ms"`
}

func (v *benchFailoverVerb) Run(env *environment) error {
	switch {
	case v.Nodes < 3 || v.Nodes > 9:
		return usageError("--nodes must be from 3 to 9: a smaller cell does not survive the loss of a node")
	case v.Rounds < 1 || v.Rounds > 100000:
		return usageError("--rounds must be from 1 to 100000")
	}
	for _, f := range v.Faults {
		if !slices.Contains([]string{"kill", "freeze", "cut"}, f) {
			return usageError("--faults knows kill, freeze and cut")
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	f, err := startFleet(ctx, fleetConfig{
		childConfig: childConfig{parent: v.Dir, http: "127.0.0.1:0"}, nodes: v.Nodes, cables: slices.Contains(v.Faults, "cut"),
	})
	if err != nil {
		return err
	}
	results, err := v.run(ctx, env, f)
	err = errors.Join(err, f.stop())
	if err == nil && v.JSON {
		err = json.NewEncoder(env.stdout).Encode(results)
	}
	return err
}

func (v *benchFailoverVerb) run(ctx context.Context, env *environment, f *fleet) ([]failoverResult, error) {
	probes, stop, err := f.probes(ctx, f.nodes[0].url)
	if err != nil {
		return nil, err
	}
	defer stop()
	if !v.JSON {
		fmt.Fprintf(env.stdout, "%d nodes on this machine; from the fault to the next acknowledged message of a client of another node\n\n", v.Nodes)
		fmt.Fprintf(env.stdout, "%-8s %7s %8s %9s %9s %9s %9s\n", "leader", "rounds", "samples", "p50 ms", "p90 ms", "p99 ms", "max ms")
	}
	var results []failoverResult
	for _, fault := range v.Faults {
		took := &latencies{}
		for round := range v.Rounds {
			progress(env, v.JSON, fmt.Sprintf("%s: round %d of %d ...", fault, round+1, v.Rounds))
			if err := f.failover(ctx, fault, probes, took); err != nil {
				return nil, fmt.Errorf("%s, round %d: %w", fault, round+1, err)
			}
		}
		progress(env, v.JSON, "")
		r := failoverResult{
			Fault: fault, Rounds: v.Rounds, Samples: int(took.count), //nolint:gosec // a few hundred
			P50: ms(took.at(0.5)), P90: ms(took.at(0.9)), P99: ms(took.at(0.99)), Max: ms(took.longest),
		}
		results = append(results, r)
		if !v.JSON {
			fmt.Fprintf(env.stdout, "%-8s %7d %8d %9.1f %9.1f %9.1f %9.1f\n", lostBy[fault], r.Rounds, r.Samples, r.P50, r.P90, r.P99, r.Max)
		}
	}
	return results, nil
}

var lostBy = map[string]string{"kill": "killed", "freeze": "frozen", "cut": "cut off", "drain": "drained"}

// probes starts a client of each node. Chats to write in are made by way of an
// address that is always there.
func (f *fleet) probes(ctx context.Context, url string) (probes []*probe, stop func(), err error) {
	crew, err := newCrew(ctx, &benchTarget{url: url, admin: f.admin, child: f.nodes[0].child})
	if err != nil {
		return nil, nil, err
	}
	token, err := crew.token(ctx, 0)
	if err != nil {
		return nil, nil, err
	}
	var mu sync.Mutex
	chat := func(ctx context.Context) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		return crew.chat(ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	var tasks sync.WaitGroup
	for _, n := range f.nodes {
		p := newProbe(n, token, chat)
		probes = append(probes, p)
		tasks.Go(func() { p.run(ctx) })
	}
	return probes, func() { cancel(); tasks.Wait() }, nil
}

// Times of a round.
const (
	beforeFault = 200 * time.Millisecond // the clients write without pauses
	mostOutage  = 30 * time.Second
)

// failover is one round: the leader is lost, and comes back.
func (f *fleet) failover(ctx context.Context, fault string, probes []*probe, took *latencies) error {
	if err := f.healthy(ctx); err != nil {
		return err
	}
	leader := f.leader(ctx)
	if leader == nil {
		return errors.New("there is no leader")
	}
	rush(probes, true)
	defer rush(probes, false)
	if !nap(ctx, beforeFault) {
		return ctx.Err()
	}
	fell := time.Now()
	if err := leader.suffer(fault); err != nil {
		return err
	}
	var back []<-chan time.Time
	for _, p := range probes {
		if p.node != leader {
			back = append(back, p.after(fell))
		}
	}
	late := time.After(mostOutage)
	for _, came := range back {
		select {
		case at := <-came:
			took.add(at.Sub(fell))
		case <-late:
			return fmt.Errorf("nothing can be written at another node since %s", mostOutage)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	rush(probes, false)
	return leader.recover(ctx, fault)
}

func rush(probes []*probe, yes bool) {
	for _, p := range probes {
		p.rush.Store(yes)
	}
}

// suffer does a fault to a node.
func (n *fleetNode) suffer(fault string) error {
	switch fault {
	case "kill":
		n.killed.Store(true)
		n.kill()
		return nil
	case "freeze":
		return n.setFrozen(true)
	default:
		return n.setCut(true)
	}
}

// recover ends a fault.
func (n *fleetNode) recover(ctx context.Context, fault string) error {
	switch fault {
	case "kill":
		return n.start(ctx)
	case "freeze":
		return n.setFrozen(false)
	default:
		return n.setCut(false)
	}
}
