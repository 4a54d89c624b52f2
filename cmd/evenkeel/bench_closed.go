package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/client"
)

// benchClosedVerb is `evenkeel bench closed`: what chats leave behind in memory
// when they are over.
type benchClosedVerb struct {
	memoryOptions
	Chats    int           `name:"chats" default:"100000" placeholder:"N" help:"Chats that are held and closed."`
	AtOnce   int           `name:"at-once" default:"16" placeholder:"N" help:"Chats under way at a time."`
	Linger   time.Duration `name:"linger" default:"1m" placeholder:"TIME" help:"How long a closed chat stays in memory; a cell's default is 15m."`
	Remember time.Duration `name:"remember" default:"1m" placeholder:"TIME" help:"How long a customer is remembered after his chat, to reopen it; a queue's default is 24h."`
	Settle   time.Duration `name:"settle" default:"10m" placeholder:"TIME" help:"How long memory may take to be given back once the last chat has left."`
	Allow    int           `name:"allow" default:"32" placeholder:"MIB" help:"How much more than before may stay."`
}

func (v *benchClosedVerb) Help() string {
	return "A server of its own holds chats over the public protocol: each is a new visitor with a WebSocket of his own who says hello, is taken and " +
		"answered by a supervisor, says two things more and closes. Then it waits until the archive alone has them, and until the server's resident memory is back. " +
		"The exit code is 1 if it does not come back. On Linux only."
}

// closedResult is what was measured, in the order of time.
type closedResult struct {
	Version  string  `json:"version"`
	Chats    int     `json:"chats"`
	Linger   float64 `json:"linger_seconds"`
	Remember float64 `json:"remember_seconds"`
	Took     float64 `json:"held_in_seconds"`
	Before   *vitals `json:"before"`             // ready, nobody has called
	Peak     float64 `json:"peak_bytes"`         // the most resident memory
	Closed   *vitals `json:"closed"`             // the last chat is closed
	Left     *vitals `json:"left"`               // the last chat has left the desk
	After    *vitals `json:"after"`              // memory has come back, or time is over
	Waited   float64 `json:"settled_in_seconds"` // from Left to After
}

func (v *benchClosedVerb) Run(env *environment) error {
	switch {
	case v.Chats < 1 || v.Chats > 10000000:
		return usageError("--chats must be from 1 to 10000000")
	case v.AtOnce < 1 || v.AtOnce > 500:
		return usageError("--at-once must be from 1 to 500")
	case v.Linger < time.Second || v.Linger > 24*time.Hour:
		return usageError("--linger must be from 1s to 24h")
	case v.Remember < 0 || v.Remember > 366*24*time.Hour:
		return usageError("--remember must be from 0s to 366 days")
	case v.Settle < 0 || v.Allow < 0:
		return usageError("--settle and --allow must not be below 0")
	}
	result, err := measureMemory(&v.memoryOptions, env, v.run)
	if err != nil {
		return err
	}
	if most := result.Before.RSS + float64(v.Allow)*(1<<20); result.After.RSS > most {
		return fmt.Errorf("%s of resident memory stay, %s are allowed", mib(result.After.RSS), mib(most))
	}
	return nil
}

// keyLife is how long ids of requests are remembered here: a supervisor who
// takes a dozen chats a second must not run into the limit of them.
const keyLife = 20 * evenkeel.Second

func (v *benchClosedVerb) run(ctx context.Context, env *environment, server *child) (*closedResult, error) {
	r := &closedResult{Version: version().Version, Chats: v.Chats, Linger: v.Linger.Seconds(), Remember: v.Remember.Seconds()}
	look := func(into **vitals) (err error) {
		*into, err = takeVitals(ctx, server.url, server.cmd.Process.Pid)
		return err
	}
	if err := look(&r.Before); err != nil {
		return nil, err
	}
	v.print(env, "%d chats, %d at a time; closed ones stay in memory for %s, customers are remembered for %s and ids of requests for %s\n\n",
		v.Chats, v.AtOnce, v.Linger, v.Remember, keyLife)
	v.print(env, "%-34s %12s %12s %12s %9s\n", "", "resident", "heap", "state", "chats")
	v.row(env, "ready, nobody has called", r.Before)
	hall, err := v.prepare(ctx, server)
	if err != nil {
		return nil, err
	}
	defer hall.close()
	top, began := peak(server.cmd.Process.Pid), time.Now()
	err = hall.hold(ctx, v.Chats, func(n int) { progress(env, v.JSON, fmt.Sprintf("%d chats held ...", n)) })
	progress(env, v.JSON, "")
	r.Took = time.Since(began).Seconds()
	if err == nil {
		err = look(&r.Closed)
	}
	if err == nil {
		v.row(env, fmt.Sprintf("all closed, %.0f s later", r.Took), r.Closed)
		err = waitUntil(ctx, 500*time.Millisecond, v.Linger+10*time.Minute, "the chats have not left for the archive", func() (bool, error) {
			err := look(&r.Left)
			return err == nil && r.Left.Chats == 0 && r.Left.Archived == float64(v.Chats), err
		})
	}
	r.Peak = top()
	if err != nil {
		return nil, err
	}
	v.row(env, "the archive alone has them", r.Left)
	left := time.Now()
	err = waitUntil(ctx, 500*time.Millisecond, v.Settle, "", func() (bool, error) {
		err := look(&r.After)
		return err == nil && r.After.RSS <= r.Before.RSS+float64(v.Allow)*(1<<20), err
	})
	r.Waited = time.Since(left).Seconds()
	v.row(env, fmt.Sprintf("%.0f s later", r.Waited), r.After)
	v.print(env, "\nat most %s were resident\n", mib(r.Peak))
	if err != nil {
		return nil, err
	}
	return r, v.profile(server)
}

func (v *benchClosedVerb) print(env *environment, format string, args ...any) {
	if !v.JSON {
		fmt.Fprintf(env.stdout, format, args...)
	}
}

func (v *benchClosedVerb) row(env *environment, when string, at *vitals) {
	v.print(env, "%-34s %12s %12s %12s %9.0f\n", when, mib(at.RSS), mib(at.Heap), mib(at.State), at.Chats)
}

// hall is where the chats of bench closed are held.
type hall struct {
	url         string
	world       *http.Client // of the visitors
	supervisors []*phone
}

func (h *hall) close() {
	h.world.CloseIdleConnections()
	for _, s := range h.supervisors {
		_ = s.ws.Close() // all that was asked was answered
	}
}

func (v *benchClosedVerb) prepare(ctx context.Context, server *child) (*hall, error) {
	admin, err := server.admin(ctx)
	if err != nil {
		return nil, err
	}
	limits := evenkeel.DefaultLimits()
	limits.Linger, limits.KeyLife = evenkeel.DurationOf(v.Linger), keyLife
	limits.LiveChats, limits.Customers = int64(v.Chats)+1000, int64(v.Chats)+1000
	if err := admin.SetLimits(ctx, &limits); err != nil {
		return nil, err
	}
	q := evenkeel.NewQueue(benchQueue)
	q.WrapUp, q.ReopenWithin, q.AbandonedResume = 0, evenkeel.DurationOf(v.Remember), evenkeel.DurationOf(v.Remember)
	if _, err := admin.PutQueue(ctx, q); err != nil {
		return nil, err
	}
	crew := &crew{target: &benchTarget{url: server.url, admin: admin, child: server}}
	h := &hall{url: server.url, world: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: v.AtOnce}}}
	for i := range v.AtOnce {
		token, err := crew.token(ctx, i)
		if err != nil {
			return nil, err
		}
		s, err := dialPhone(ctx, websocketOf(server.url), token, 1<<10)
		if err != nil {
			return nil, err
		}
		h.supervisors = append(h.supervisors, s)
	}
	return h, nil
}

// hold holds n chats, at any time one for each supervisor.
func (h *hall) hold(ctx context.Context, n int, told func(done int)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var begun, done atomic.Int64
	var workers sync.WaitGroup
	for _, supervisor := range h.supervisors {
		workers.Go(func() {
			for ctx.Err() == nil && begun.Add(1) <= int64(n) {
				if err := h.chat(ctx, supervisor); err != nil {
					cancel(err)
				}
				if d := done.Add(1); d%1000 == 0 {
					told(int(d))
				}
			}
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}

// chat is one chat from the visitor's first step to his last.
func (h *hall) chat(ctx context.Context, supervisor *phone) error {
	token, err := h.visitor(ctx)
	if err != nil {
		return err
	}
	visitor, err := dialPhone(ctx, websocketOf(h.url), token, 1<<10)
	if err != nil {
		return err
	}
	defer func() { _ = visitor.ws.Close() }() // all that was asked was answered
	var started struct{ Chat evenkeel.Chat }
	if err := visitor.call("chat.start", map[string]string{"id": client.NewID(), "queue": benchQueue, "message": benchText(60)}, &started); err != nil {
		return err
	}
	chat := started.Chat.ID
	say := func(p *phone, text string) error {
		return p.call("chat.send", map[string]string{"id": client.NewID(), "chat": chat, "text": text}, nil)
	}
	if err := supervisor.call("chat.take", map[string]string{"id": client.NewID(), "chat": chat}, nil); err != nil {
		return err
	}
	if err := errors.Join(say(supervisor, benchText(90)), say(visitor, benchText(40)), say(visitor, "Thank you, bye!")); err != nil {
		return err
	}
	return visitor.call("chat.close", map[string]string{"id": client.NewID(), "chat": chat}, nil)
}

// visitor asks for the token of a new visitor.
func (h *hall) visitor(ctx context.Context) (string, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+"/v1/visitors", nil)
	if err != nil {
		return "", err
	}
	answer, err := h.world.Do(q)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", fmt.Errorf("read a visitor's token: %w", err)
	}
	var made struct{ Token string }
	if err := json.Unmarshal(body, &made); err != nil || made.Token == "" {
		return "", fmt.Errorf("there is no visitor's token in %q", body)
	}
	return made.Token, nil
}
