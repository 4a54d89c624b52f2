package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/client"
)

// crew is who writes in a benchmark: supervisors, who may write in any chat, so
// that no agent's capacity matters, and chats of made-up customers that wait in
// a queue that nobody serves.
type crew struct {
	target  *benchTarget
	service *client.Client // starts the chats
	tokens  []string       // of the supervisors
	run     string         // makes names unique in a cell that was measured before
	steps   int
	chats   int
}

// perSupervisor is how many connections share a login: a desk takes 20.
const perSupervisor = 16

const benchQueue = "evenkeel-bench"

func newCrew(ctx context.Context, target *benchTarget) (*crew, error) {
	c := &crew{target: target, run: strings.ToLower(rand.Text()[:6])}
	q := evenkeel.NewQueue(benchQueue)
	q.MaxLength, q.CustomerGrace = 100000, evenkeel.Hour
	if _, err := target.admin.PutQueue(ctx, q); err != nil {
		return nil, err
	}
	c.service = target.admin
	if target.child != nil { // staff cannot start chats for customers
		key, err := target.admin.PutAPIKey(ctx, evenkeel.APIKey{ID: benchQueue}, "")
		if err != nil {
			return nil, err
		}
		if c.service, err = client.New(client.Config{URL: target.url, APIKey: key.Key}); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// loaders makes the connections of a step, with chats enough for it.
func (c *crew) loaders(ctx context.Context, connections, each int, text string, span time.Duration) ([]*loader, error) {
	c.steps++
	// Nobody gets more than 150,000 messages a second out of two cores.
	most := int(span.Seconds()*min(150000, 20000*float64(each))/float64(connections))/perChat + 2
	loaders := make([]*loader, 0, connections)
	for i := range connections {
		token, err := c.token(ctx, i/perSupervisor)
		if err != nil {
			return nil, err
		}
		l, err := dialLoader(ctx, websocketOf(c.target.url), token)
		if err != nil {
			return nil, err
		}
		l.depth, l.text, l.name = each, text, fmt.Sprintf("b%d-%d-", c.steps, i)
		for range most {
			chat, err := c.chat(ctx)
			if err != nil {
				return nil, err
			}
			l.chats = append(l.chats, chat)
		}
		loaders = append(loaders, l)
	}
	return loaders, nil
}

// token logs the i-th supervisor in, whom it makes if he is not there.
func (c *crew) token(ctx context.Context, i int) (string, error) {
	if i < len(c.tokens) {
		return c.tokens[i], nil
	}
	id, password := "bench-"+strconv.Itoa(i), rand.Text()
	a := evenkeel.Agent{ID: id, Name: "Benchmark", Email: id + "@evenkeel.invalid", Role: evenkeel.RoleSupervisor}
	if _, err := c.target.admin.PutAgent(ctx, a, password); err != nil {
		return "", err
	}
	one, err := client.New(client.Config{URL: c.target.url})
	if err != nil {
		return "", err
	}
	defer one.Close()
	login, err := one.Login(ctx, client.Credentials{Email: a.Email, Password: password})
	if err != nil {
		return "", err
	}
	c.tokens = append(c.tokens, login.Token)
	return login.Token, nil
}

func (c *crew) chat(ctx context.Context) (string, error) {
	c.chats++
	customer := client.Behalf{Customer: fmt.Sprintf("bench-%s-%d", c.run, c.chats)}
	started, err := c.service.For(customer).StartChat(ctx, client.ChatStart{Queue: benchQueue})
	if err != nil {
		return "", fmt.Errorf("start a chat to write in: %w", err)
	}
	return started.Chat.ID, nil
}

// cpu is what the own server has used of the processors; 0 where that is not
// known.
func (t *benchTarget) cpu() time.Duration {
	if t.child == nil {
		return 0
	}
	return processCPU(t.child.cmd.Process.Pid)
}

// processCPU reads the processor time of a process on Linux.
func processCPU(pid int) time.Duration {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	// Behind the name, which may hold anything, utime and stime are fields 14
	// and 15 of proc(5), in hundredths of a second.
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	if err1 != nil || err2 != nil {
		return 0
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// profile has the server profiled for a while; the answer waits for the end.
func (c *child) profile(file string, span time.Duration) (wait func() error) {
	done := make(chan error, 1)
	go func() {
		answer, err := http.Get("http://" + c.debug + "/debug/pprof/profile?seconds=" + strconv.Itoa(max(int(span.Seconds()), 1)))
		if err != nil {
			done <- err
			return
		}
		defer answer.Body.Close()
		f, err := os.Create(file)
		if err != nil {
			done <- err
			return
		}
		_, err = io.Copy(f, answer.Body)
		done <- errors.Join(err, f.Close())
	}()
	return func() error { return <-done }
}

// isTerminal tells whether a file is a terminal, or something like it.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
