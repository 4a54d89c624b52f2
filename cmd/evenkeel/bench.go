package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/evenkeel/evenkeel/client"
)

// benchVerb is `evenkeel bench`.
type benchVerb struct {
	Desk     benchDeskVerb     `cmd:"" help:"Measure durable commands: messages a second and how long each takes."`
	Closed   benchClosedVerb   `cmd:"" help:"Measure what chats leave behind in memory when they are over."`
	Idle     benchIdleVerb     `cmd:"" help:"Measure what clients cost in memory that only listen."`
	Failover benchFailoverVerb `cmd:"" help:"Measure for how long nothing can be written when the leader is lost."`
}

type benchDeskVerb struct {
	InFlight []int         `name:"in-flight" default:"1,64,512,4096" placeholder:"N" help:"Commands under way at a time, a step for each."`
	Duration time.Duration `name:"duration" default:"5s" placeholder:"TIME" help:"How long each step measures."`
	Warmup   time.Duration `name:"warmup" default:"1s" placeholder:"TIME" help:"How long each step runs before it measures."`
	Text     int           `name:"text" default:"100" placeholder:"BYTES" help:"Length of a message."`
	Dir      string        `name:"dir" default:"" placeholder:"DIR" help:"Where the server and the baseline write; empty: the system's place for temporary files."`
	URL      string        `name:"url" placeholder:"URL" env:"EVENKEEL_URL" help:"Measure this cell instead of one of its own. Agents, a queue and chats are made in it."`
	APIKey   string        `name:"api-key" placeholder:"KEY" env:"EVENKEEL_API_KEY" help:"API key for that cell."`
	Profile  string        `name:"cpuprofile" placeholder:"FILE" help:"Write a CPU profile of the own server while the last step but one measures."`
	JSON     bool          `name:"json" help:"Print JSON, for programs."`
}

func (v *benchDeskVerb) Help() string {
	return "Each command is a chat.send through the public WebSocket, answered when it is on the disk. Before and after each step " +
		"the baseline writes and syncs the same bytes on the same disk, as many commands at once as are in flight; \"asked\" is its p50 " +
		"where they come over a connection and are answered, as the least server there can be would do it."
}

// benchStep is one row of the result.
type benchStep struct {
	InFlight    int     `json:"in_flight"`
	Connections int     `json:"connections"`
	Each        int     `json:"in_flight_each"`
	Commands    uint64  `json:"commands"`
	Rate        float64 `json:"commands_per_second"`
	P50         float64 `json:"p50_ms"`
	P90         float64 `json:"p90_ms"`
	P99         float64 `json:"p99_ms"`
	Max         float64 `json:"max_ms"`
	ServerCPU   float64 `json:"server_cpu_us,omitempty"` // of a command
	RawRate     float64 `json:"raw_commands_per_second"`
	RawP50      float64 `json:"raw_p50_ms"`
	RawP99      float64 `json:"raw_p99_ms"`
	AskedP50    float64 `json:"raw_asked_p50_ms"`
	P50Ratio    float64 `json:"p50_to_raw"`
	RateRatio   float64 `json:"rate_to_raw"`
}

type benchResult struct {
	Version    string      `json:"version"`
	CPUs       int         `json:"cpus"`
	Own        bool        `json:"own_server"`
	TextBytes  int         `json:"text_bytes"`
	EntryBytes int         `json:"entry_bytes"` // of one command
	Steps      []benchStep `json:"steps"`
}

func (v *benchDeskVerb) Run(env *environment) error {
	for _, n := range v.InFlight {
		if n < 1 || n > 65536 {
			return usageError("--in-flight: each number must be from 1 to 65536")
		}
	}
	switch {
	case v.Text < 1 || v.Text > 10000:
		return usageError("--text must be from 1 to 10000")
	case v.Duration <= 0 || v.Warmup < 0:
		return usageError("--duration must be above 0, and --warmup not below")
	case v.URL != "" && v.APIKey == "":
		return usageError("--url needs an --api-key")
	case v.URL != "" && v.Profile != "":
		return usageError("--cpuprofile is for the own server, not for one at --url")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	target, err := v.target(ctx)
	if err != nil {
		return err
	}
	result, err := v.run(ctx, env, target)
	target.admin.Close()
	if target.child != nil {
		err = errors.Join(err, target.child.stop())
	}
	if err != nil {
		return err
	}
	if v.JSON {
		return json.NewEncoder(env.stdout).Encode(result)
	}
	return nil
}

// benchTarget is the cell that is measured.
type benchTarget struct {
	url   string
	admin *client.Client
	child *child // nil: it is somebody else's
}

func (v *benchDeskVerb) target(ctx context.Context) (*benchTarget, error) {
	if v.URL != "" {
		admin, err := client.New(client.Config{URL: v.URL, APIKey: v.APIKey})
		return &benchTarget{url: strings.TrimRight(v.URL, "/"), admin: admin}, err
	}
	c, err := startChild(ctx, childConfig{parent: v.Dir, http: "127.0.0.1:0", profile: v.Profile != ""})
	if err != nil {
		return nil, err
	}
	admin, err := c.admin(ctx)
	if err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return &benchTarget{url: c.url, admin: admin, child: c}, nil
}

func (v *benchDeskVerb) run(ctx context.Context, env *environment, target *benchTarget) (*benchResult, error) {
	text := benchText(v.Text)
	size, err := entryBytes(text)
	if err != nil {
		return nil, err
	}
	result := &benchResult{Version: version().Version, CPUs: runtime.NumCPU(), Own: target.child != nil, TextBytes: v.Text, EntryBytes: size}
	crew, err := newCrew(ctx, target)
	if err != nil {
		return nil, err
	}
	if !v.JSON {
		fmt.Fprintf(env.stdout, "chat.send of %d bytes (a log entry of %d) through the WebSocket, on %d CPUs that the load shares; %s a step after %s\n\n",
			v.Text, size, result.CPUs, v.Duration, v.Warmup)
		fmt.Fprintf(env.stdout, "%9s %12s %11s %9s %9s %9s %9s %7s | %11s %9s %7s %7s %9s\n",
			"in flight", "connections", "commands/s", "p50 ms", "p90 ms", "p99 ms", "max ms", "CPU us", "raw cmds/s", "p50 ms", "p50 x", "rate x", "asked ms")
	}
	for i, n := range v.InFlight {
		step, err := v.step(ctx, env, crew, n, size, text, i == max(len(v.InFlight)-2, 0))
		if err != nil {
			return nil, fmt.Errorf("with %d in flight: %w", n, err)
		}
		result.Steps = append(result.Steps, *step)
		if !v.JSON {
			cpu := "-"
			if step.ServerCPU > 0 {
				cpu = fmt.Sprintf("%.1f", step.ServerCPU)
			}
			fmt.Fprintf(env.stdout, "%9d %12s %11.0f %9.3f %9.3f %9.3f %9.3f %7s | %11.0f %9.3f %7.2f %7.2f %9.3f\n",
				step.InFlight, fmt.Sprintf("%d x %d", step.Connections, step.Each), step.Rate, step.P50, step.P90, step.P99, step.Max, cpu,
				step.RawRate, step.RawP50, step.P50Ratio, step.RateRatio, step.AskedP50)
		}
	}
	return result, nil
}

// step measures one number of commands in flight, between two halves of the
// baseline.
func (v *benchDeskVerb) step(ctx context.Context, env *environment, crew *crew, n, size int, text string, profile bool) (*benchStep, error) {
	connections, each := split(n)
	loaders, err := crew.loaders(ctx, connections, each, text, v.Warmup+v.Duration)
	if err != nil {
		return nil, err
	}
	defer func() {
		for _, l := range loaders {
			_ = l.ws.Close() // the step is over
		}
	}()
	half := min(v.Duration/4, time.Second)
	bare, err := raw(v.Dir, size, n, half)
	if err != nil {
		return nil, err
	}
	asked, err := rawAsked(v.Dir, size, n, half)
	if err != nil {
		return nil, err
	}
	progress(env, v.JSON, fmt.Sprintf("%d in flight ...", n))
	var cpu []time.Duration
	if v.Profile != "" && profile {
		stop := crew.target.child.profile(v.Profile, v.Warmup+v.Duration)
		defer func() {
			if err := stop(); err != nil {
				fmt.Fprintln(env.stderr, "evenkeel: no profile:", err)
			}
		}()
	}
	all, took, err := measure(ctx, loaders, v.Warmup, v.Duration, func() { cpu = append(cpu, crew.target.cpu()) })
	progress(env, v.JSON, "")
	if err != nil {
		return nil, err
	}
	after, err := raw(v.Dir, size, n, half)
	if err != nil {
		return nil, err
	}
	bare.merge(after)
	s := &benchStep{
		InFlight: n, Connections: connections, Each: each, Commands: all.count, Rate: float64(all.count) / took.Seconds(),
		P50: ms(all.at(0.5)), P90: ms(all.at(0.9)), P99: ms(all.at(0.99)), Max: ms(all.longest),
		RawRate: float64(bare.count) * float64(n) / (2 * half).Seconds(), RawP50: ms(bare.at(0.5)), RawP99: ms(bare.at(0.99)),
		AskedP50: ms(asked.at(0.5)),
	}
	s.P50Ratio, s.RateRatio = s.P50/s.RawP50, s.Rate/s.RawRate
	if spent := cpu[1] - cpu[0]; spent > 0 && all.count > 0 {
		s.ServerCPU = float64(spent.Microseconds()) / float64(all.count)
	}
	return s, nil
}

// split says how many connections have how many commands in flight each. A
// server takes 64 of one.
func split(n int) (connections, each int) {
	each = min(n, 64)
	if n == 64 {
		each = 8
	}
	connections = (n + each - 1) / each
	return connections, each
}

// progress shows a line that the next one replaces, where somebody looks.
func progress(env *environment, quiet bool, text string) {
	if f, ok := env.stderr.(*os.File); ok && !quiet && isTerminal(f) {
		fmt.Fprintf(f, "\r\033[K%s", text)
	}
}

func ms(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

func benchText(n int) string {
	const words = "the quick brown fox asks whether size 42 is there in black, and if so when it can be sent; "
	return strings.Repeat(words, n/len(words)+1)[:n]
}
