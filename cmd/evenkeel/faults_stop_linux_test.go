package main

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/client"
)

// A server that stands still for a while.

// stopped stops the process for twice as long as an offer stands, and for longer
// than calls are waited for. Nobody and nothing is lost for it: who could not
// accept the offer meanwhile can do so after it.
func stopped(t *testing.T, binary string) {
	p := admit(t, binary, "", nil)
	agent, customer := p.pair(t, 6*evenkeel.Second)
	chat, err := customer.StartChat(t.Context(), client.ChatStart{Queue: "general", Message: "hello"})
	if err != nil {
		t.Fatal(err)
	}
	offer := next(t, agent, "offer")
	if err := p.stopFor(t, 12*time.Second, func() error {
		_, err := customer.Send(t.Context(), chat.Chat.ID, "are you there?")
		return err
	}); err != nil {
		t.Fatalf("what was sent to a stopped server: %v\n%s", err, p.tail())
	}
	if _, err := agent.Accept(t.Context(), offer.Chat.ID, offer.Offer); err != nil {
		t.Fatalf("the offer did not outlast the stop: %v\n%s", err, p.tail())
	}
	hear(t, agent, "are you there?")
	p.chat, p.acked = p.startChat(t, "dora"), map[uint64]string{}
	p.talk(t, 3, 100)
	p.check(t)
}

// stoppedForAMinute outlasts every connection: all of them are over. Who comes back
// finds a cell in which no time has passed: the agent is still there for it,
// missed nothing, and gets the chat that is still waiting.
func stoppedForAMinute(t *testing.T, binary string) {
	p := admit(t, binary, "", nil)
	agent, customer := p.pair(t, 6*evenkeel.Second)
	chat, err := customer.StartChat(t.Context(), client.ChatStart{Queue: "general", Message: "hello"})
	if err != nil {
		t.Fatal(err)
	}
	offer := next(t, agent, "offer")
	// The call gives up before the minute is over. What became of it, the chat shows.
	if err := p.stopFor(t, time.Minute, func() error {
		_, err := customer.Send(t.Context(), chat.Chat.ID, "are you there?")
		return err
	}); err != nil {
		t.Logf("what was sent to a stopped server: %v", err)
	}
	p.until(t, "it is ready", 10*time.Second, func() bool { return p.ready(t.Context()) })
	_, err = agent.Accept(t.Context(), offer.Chat.ID, offer.Offer)
	for err != nil { // it was withdrawn with the agent's connection, and made to him again
		t.Logf("the offer before the stop: %v", err)
		offer = next(t, agent, "offer")
		_, err = agent.Accept(t.Context(), offer.Chat.ID, offer.Offer)
	}
	if offer.Chat.ID != chat.Chat.ID {
		t.Fatalf("he got %s, and %s was waiting", offer.Chat.ID, chat.Chat.ID)
	}
	if _, err := customer.Send(t.Context(), chat.Chat.ID, "thanks for waiting"); err != nil {
		t.Fatal(err)
	}
	hear(t, agent, "thanks for waiting")
	if missed := p.missed(t); missed != 0 {
		t.Errorf("%d offers were counted as missed", missed)
	}
	p.chat, p.acked = p.startChat(t, "dora"), map[uint64]string{}
	p.talk(t, 3, 100)
	p.check(t)
}

// stopFor stops the process and does something to it meanwhile.
func (p *patient) stopFor(t *testing.T, pause time.Duration, meanwhile func() error) error {
	t.Helper()
	signal := func(s syscall.Signal) {
		if err := p.process.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	signal(syscall.SIGSTOP)
	done := make(chan error, 1)
	go func() { done <- meanwhile() }()
	wait(t.Context(), pause)
	signal(syscall.SIGCONT)
	return <-done
}

// missed is how many offers ended for want of an answer, by the cell's own figures.
func (p *patient) missed(t *testing.T) int64 {
	t.Helper()
	var report struct {
		Items []struct {
			Missed int64 `json:"missed_offers"`
		}
	}
	if _, err := p.service.Do(t.Context(), client.Request{Method: "GET", Path: "/v1/reports/agents"}, &report); err != nil {
		t.Fatal(err)
	}
	if len(report.Items) == 0 {
		t.Fatal("the report has no rows")
	}
	all := int64(0)
	for _, row := range report.Items {
		all += row.Missed
	}
	return all
}

// hear waits until an agent gets a message: those of a chat come from the first on.
func hear(t *testing.T, agent *client.Agent, text string) {
	t.Helper()
	for u := next(t, agent, "message"); u.Message.Text != text; u = next(t, agent, "message") {
	}
}

// pair is an agent who is online, and a customer, each with a connection. Offers
// stand for so long.
func (p *patient) pair(t *testing.T, offers evenkeel.Duration) (*client.Agent, *client.Visitor) {
	t.Helper()
	admin := p.client(t, client.Config{})
	if _, err := admin.Login(t.Context(), client.Credentials{Email: adminEmail, Password: crashPassword}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.service.For(client.Behalf{Customer: "carla"}).CloseChat(t.Context(), p.chat); err != nil {
		t.Fatal(err)
	}
	queue, err := admin.Queue(t.Context(), "general")
	if err != nil {
		t.Fatal(err)
	}
	queue.Queue.OfferTimeout = offers
	if _, err := admin.PutQueue(t.Context(), queue.Queue); err != nil {
		t.Fatal(err)
	}
	_, err = admin.PutAgent(t.Context(), evenkeel.Agent{
		ID: "ann", Name: "Ann", Email: "ann@example.com", Role: evenkeel.RoleAgent, Capacity: 1, Queues: []evenkeel.Membership{{Queue: "general", Level: 1}},
	}, crashPassword)
	if err != nil {
		t.Fatal(err)
	}
	ann := p.client(t, client.Config{})
	if _, err := ann.Login(t.Context(), client.Credentials{Email: "ann@example.com", Password: crashPassword}); err != nil {
		t.Fatal(err)
	}
	agent, err := ann.Agent(t.Context(), client.ConnConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(agent.Close)
	if err := agent.SetStatus(t.Context(), evenkeel.StatusOnline, ""); err != nil {
		t.Fatal(err)
	}
	customer, err := p.client(t, client.Config{}).Visitor(t.Context(), client.ConnConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(customer.Close)
	return agent, customer
}

// next waits for an agent's next update of a kind.
func next(t *testing.T, agent *client.Agent, kind string) client.Update {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		u, err := agent.Next(ctx)
		if err != nil {
			t.Fatalf("waiting for %q: %v", kind, err)
		}
		if u.Kind == kind {
			return u
		}
	}
}
