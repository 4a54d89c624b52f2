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

// demoVerb is `evenkeel demo`: a node with people in it, all made up, who use
// the public protocol as anybody's page does.
type demoVerb struct {
	HTTP      string        `name:"http" default:"127.0.0.1:0" placeholder:"ADDR" help:"Address of the node. Port 0 takes any free one."`
	Customers int           `name:"customers" default:"40" placeholder:"N" help:"Made-up customers."`
	Agents    int           `name:"agents" default:"6" placeholder:"N" help:"Made-up agents."`
	Duration  time.Duration `name:"duration" default:"0s" placeholder:"TIME" help:"When to end; 0: at Ctrl-C."`
	Seed      uint64        `name:"seed" default:"1" placeholder:"N" help:"What they do, and when, follows from it; how long the machine takes does not."`
	Pace      float64       `name:"pace" default:"1" placeholder:"X" help:"How many times as fast as people they are."`
	Soak      bool          `name:"soak" help:"Sample the node's memory, state and goroutines, and fail if they grow. What stays for a while stays for a minute then."`
	JSON      bool          `name:"json" help:"Print the figures as JSON, a line a second, for programs."`
}

func (v *demoVerb) Help() string {
	return "It runs a node in a temporary directory, which is removed at the end. The figures are what the made-up people measure " +
		"themselves. The exit code is 1 if a message was lost, doubled or reordered."
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
	case v.Duration < 0:
		return usageError("--duration must not be below 0")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cfg := childConfig{http: v.HTTP}
	if v.Soak {
		cfg.args = []string{"--snapshot-after", soakSnapshot}
	}
	server, err := startChild(ctx, cfg)
	if err != nil {
		return err
	}
	err = v.play(ctx, env, server)
	return errors.Join(err, server.stop())
}

// play fills the node with people and watches them until it is time.
func (v *demoVerb) play(ctx context.Context, env *environment, server *child) error {
	t := &demoTown{url: server.url, seed: v.Seed, pace: v.Pace, figures: newFigures(demoThreshold)}
	whole := ctx
	samples := &soak{pid: server.cmd.Process.Pid, url: server.url, from: time.Now().Add(soakWarm), agents: v.Agents}
	if v.Soak {
		var err error
		if samples.before, err = takeVitals(ctx, server.url, samples.pid); err != nil {
			return err
		}
	}
	admin, err := server.admin(ctx)
	if err != nil {
		return err
	}
	defer admin.Close()
	if v.Soak {
		t.remember = soakStay
		if err := samples.prepare(ctx, admin); err != nil {
			return err
		}
	}
	if err := t.build(ctx, admin, v.Agents); err != nil {
		return err
	}
	if !v.JSON {
		fmt.Fprintf(env.stdout, "A node with %d made-up customers and %d agents.\n", v.Customers, v.Agents)
		fmt.Fprintf(env.stdout, "  Join in as a customer:  %s/\n", server.url)
		fmt.Fprintf(env.stdout, "  Join in as an agent:    %s/ as %s with the password %s\n", server.url, adminEmail, server.password)
		fmt.Fprintf(env.stdout, "  Stop: Ctrl-C\n\n")
	}
	if v.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, v.Duration)
		defer cancel()
	}
	var people sync.WaitGroup
	leave := t.people(ctx, &people, v.Customers)
	v.watch(ctx, env, server, t, samples)
	leave()
	people.Wait()
	if v.Soak && len(samples.samples) >= soakEnough {
		if err := samples.settle(whole); err != nil {
			return err
		}
	}
	return v.sum(env, t, samples)
}

// watch shows the figures until ctx ends, or the server does.
func (v *demoVerb) watch(ctx context.Context, env *environment, server *child, t *demoTown, samples *soak) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	out, _ := env.stdout.(*os.File)
	live := out != nil && isTerminal(out)
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			if live && !v.JSON {
				fmt.Fprint(out, "\r\033[K")
			}
			return
		case <-server.exited:
			t.figures.failed(fmt.Errorf("the node has ended: %s", server.log.String()))
			return
		case <-ticker.C:
		}
		f := t.figures.now()
		if v.Soak {
			samples.take(ctx, f.Heard)
		}
		switch {
		case v.JSON:
			_ = json.NewEncoder(env.stdout).Encode(f) // whoever reads has gone: the summary fails as well
		case live:
			fmt.Fprintf(out, "\r\033[K%s", f)
		case n%10 == 0:
			fmt.Fprintln(env.stdout, f)
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
	fmt.Fprintf(env.stdout, "%d messages acknowledged, %d heard; lost %d, doubled %d, reordered %d; heard after %.1f ms (p50), %.1f ms (p99)\n",
		f.Sent, f.Heard, f.Lost, f.Doubled, f.Reordered, f.P50, f.P99)
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
