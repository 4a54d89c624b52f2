package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/client"
)

// demoVerb is `evenkeel demo`: a cell with people in it, all made up, who use
// the public protocol as anybody's page does.
type demoVerb struct {
	Nodes     int           `name:"nodes" default:"3" placeholder:"N" help:"Nodes of the cell, each a process of its own."`
	HTTP      string        `name:"http" default:"127.0.0.1:0" placeholder:"ADDR" help:"Address of the cell. Port 0 takes any free one."`
	Customers int           `name:"customers" default:"40" placeholder:"N" help:"Made-up customers."`
	Agents    int           `name:"agents" default:"6" placeholder:"N" help:"Made-up agents."`
	Duration  time.Duration `name:"duration" default:"0s" placeholder:"TIME" help:"When to end; 0: at Ctrl-C."`
	Seed      uint64        `name:"seed" default:"1" placeholder:"N" help:"What they do, and when, follows from it; how long the machine takes does not."`
	Pace      float64       `name:"pace" default:"1" placeholder:"X" help:"How many times as fast as people they are."`
	Soak      bool          `name:"soak" help:"Sample the memory, state and goroutines of a single node, and fail if they grow. What stays for a while stays for a minute then."`
	JSON      bool          `name:"json" help:"Print the figures as JSON, a line a second, for programs."`
}

func (v *demoVerb) Help() string {
	return "It runs the nodes in temporary directories, which are removed at the end. Before them is one address that stands for the balancer that you " +
		"would have: it passes connections on to nodes that are ready. On standard input it takes kill N, freeze N, cut N, drain N, " +
		"start N and why, N being a number or leader, and tells for how long writes paused and when the last client was back. " +
		"The figures are what the made-up people measure themselves. The exit code is 1 if a message was lost, doubled or reordered, or a chat had two owners."
}

// demoQueues are where customers go, by chance, and agents transfer to.
var demoQueues = []string{"general", "billing"}

const demoThreshold = 20 * time.Second // of an answer in time

func (v *demoVerb) Run(env *environment) error {
	switch {
	case v.Customers < 1 || v.Customers > 5000:
		return usageError("--customers must be from 1 to 5000")
	case v.Agents < 1 || v.Agents > 500:
		return usageError("--agents must be from 1 to 500")
	case v.Pace < 0.1 || v.Pace > 1000:
		return usageError("--pace must be from 0.1 to 1000")
	case v.Nodes < 1 || v.Nodes > 9:
		return usageError("--nodes must be from 1 to 9")
	case v.Soak && v.Nodes != 1:
		return usageError("--soak watches a single node: --nodes 1")
	case v.Duration < 0:
		return usageError("--duration must not be below 0")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cfg := fleetConfig{nodes: v.Nodes}
	if v.Soak {
		cfg.args = []string{"--snapshot-after", soakSnapshot}
	}
	s, err := raise(ctx, v.HTTP, cfg)
	if err != nil {
		return err
	}
	err = v.play(ctx, env, s)
	return errors.Join(err, s.lower())
}

// play fills the cell with people and watches them until it is time.
func (v *demoVerb) play(ctx context.Context, env *environment, s *stage) error {
	out, _ := env.stdout.(*os.File)
	s.out = &curtain{to: env.stdout, live: out != nil && isTerminal(out) && !v.JSON, json: v.JSON}
	t := &demoTown{url: s.url, seed: v.Seed, pace: v.Pace, figures: newFigures(demoThreshold)}
	s.town = t
	first := s.nodes[0]
	samples := &soak{pid: first.cmd.Process.Pid, url: first.url, from: time.Now().Add(soakWarm), agents: v.Agents}
	if v.Soak {
		var err error
		if samples.before, err = takeVitals(ctx, first.url, samples.pid); err != nil {
			return err
		}
		t.remember = soakStay
		if err := samples.prepare(ctx, s.admin); err != nil {
			return err
		}
	}
	if err := t.build(ctx, s.admin, v.Agents); err != nil {
		return err
	}
	if !v.JSON {
		v.greet(env, s)
	}
	whole := ctx
	ctx, quit := context.WithCancel(ctx)
	defer quit()
	if v.Duration > 0 {
		ctx, quit = context.WithTimeout(ctx, v.Duration)
		defer quit()
	}
	if v.Nodes > 1 {
		go s.obey(ctx, os.Stdin, quit) // reading cannot be ended: it ends with the process
	}
	var people sync.WaitGroup
	leave := t.people(ctx, &people, v.Customers)
	v.watch(ctx, env, s, samples)
	leave()
	people.Wait()
	if v.Soak && len(samples.samples) >= soakEnough {
		if err := samples.settle(whole); err != nil {
			return err
		}
	}
	return v.sum(env, t, samples)
}

// greet tells who may join in, and how.
func (v *demoVerb) greet(env *environment, s *stage) {
	out := env.stdout
	what := fmt.Sprintf("A cell of %d nodes", v.Nodes)
	if v.Nodes == 1 {
		what = "A node"
	}
	fmt.Fprintf(out, "%s with %d made-up customers and %d agents.\n", what, v.Customers, v.Agents)
	fmt.Fprintf(out, "  Join in as a customer:  %s/\n", s.url)
	fmt.Fprintf(out, "  Join in as an agent:    %s/ as %s with the password %s\n", s.url, adminEmail, s.nodes[0].password)
	if s.door != nil {
		fmt.Fprintln(out, "  That address is this program, in place of the balancer that you would have. The nodes:")
		for _, n := range s.nodes {
			fmt.Fprintf(out, "    %s  %s\n", n.id(), n.url)
		}
		fmt.Fprintln(out, stageHelp)
	}
	fmt.Fprintf(out, "  Stop: Ctrl-C\n\n")
}

// watch shows the figures until ctx ends, or what should run does not.
func (v *demoVerb) watch(ctx context.Context, env *environment, s *stage, samples *soak) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			if s.out.live {
				s.out.now("")
			}
			return
		case <-ticker.C:
		}
		if err := s.ended(); err != nil {
			s.town.figures.failed(err)
			return
		}
		f := s.town.figures.now()
		if v.Soak {
			samples.take(ctx, f.Heard)
		}
		switch {
		case v.JSON:
			_ = s.out.object(f) // whoever reads has gone: the summary fails as well
		case s.out.live:
			s.out.now(f.String())
		case n%10 == 0:
			s.out.line(f.String())
		}
	}
}

// sum prints the summary and judges.
func (v *demoVerb) sum(env *environment, t *demoTown, samples *soak) error {
	f := t.figures.now()
	f.Summary = true
	verdict := t.figures.verdict()
	if v.Soak {
		f.Soak = samples.report()
		verdict = errors.Join(verdict, samples.verdict())
	}
	if v.JSON {
		return errors.Join(json.NewEncoder(env.stdout).Encode(f), verdict)
	}
	fmt.Fprintf(env.stdout, "\nIn all: %d chats begun, %d answered, %d abandoned, %d transferred, %d ended, %d rated (%.1f on average)\n",
		f.Started, f.Answered, f.Abandoned, f.Transferred, f.Ended, f.Rated, f.Score)
	fmt.Fprintf(env.stdout, "%d messages acknowledged, %d heard; lost %d, doubled %d, reordered %d; %d chats with two owners; heard after %.1f ms (p50), %.1f ms (p99)\n",
		f.Sent, f.Heard, f.Lost, f.Doubled, f.Reordered, f.TwoOwners, f.P50, f.P99)
	if f.Soak != nil {
		fmt.Fprintln(env.stdout, f.Soak)
	}
	return verdict
}

// build makes the queues and the agents.
func (t *demoTown) build(ctx context.Context, admin *client.Client, agents int) error {
	for _, id := range demoQueues {
		q := evenkeel.NewQueue(id)
		q.Name, q.OfferTimeout, q.WrapUp = map[string]string{"general": "General", "billing": "Billing"}[id], 10*evenkeel.Second, 5*evenkeel.Second
		q.MaxLength = 10000
		if t.remember > 0 {
			q.ReopenWithin, q.AbandonedResume = evenkeel.DurationOf(t.remember), evenkeel.DurationOf(t.remember)
		}
		if _, err := admin.PutQueue(ctx, q); err != nil {
			return err
		}
	}
	for i := range agents {
		name := agentNames[i%len(agentNames)]
		id := fmt.Sprintf("%s-%d", lower(name), i+1)
		a := evenkeel.Agent{ID: id, Name: name, Email: id + "@demo.invalid", Capacity: 5}
		for _, queue := range demoQueues {
			a.Queues = append(a.Queues, evenkeel.Membership{Queue: queue, Level: 1})
		}
		password := client.NewID()
		if _, err := admin.PutAgent(ctx, a, password); err != nil {
			return err
		}
		t.agents = append(t.agents, client.Credentials{Email: a.Email, Password: password})
	}
	return nil
}
