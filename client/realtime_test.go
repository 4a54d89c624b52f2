package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel"
)

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// closing closes a connection at the test's end, before its server goes.
func closing(t *testing.T, c interface{ Close() }) {
	t.Helper()
	t.Cleanup(c.Close)
}

// expect takes updates until one of the kind comes.
func expect(ctx context.Context, t *testing.T, next func(context.Context) (Update, error), kind string) Update {
	t.Helper()
	for {
		u, err := next(ctx)
		if err != nil {
			t.Fatalf("while waiting for %q: %v", kind, err)
		}
		if u.Kind == kind {
			return u
		}
	}
}

// pair brings a customer and an agent together.
func pair(ctx context.Context, t *testing.T, s *server, cfg ConnConfig) (*Visitor, *Agent, string) {
	t.Helper()
	agent, err := s.agent("ann").Agent(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	closing(t, agent)
	if err := agent.SetStatus(ctx, evenkeel.StatusOnline, ""); err != nil {
		t.Fatal(err)
	}
	visitor, err := s.client(s.proxy.url()).Visitor(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	closing(t, visitor)
	started, err := visitor.Start(ctx, ChatStart{Message: "first"})
	if err != nil {
		t.Fatal(err)
	}
	offer := expect(ctx, t, agent.Next, "offer")
	if offer.ChatID != started.Chat.ID || offer.Preview != "first" {
		t.Fatalf("offered %+v", offer)
	}
	if _, err := agent.Accept(ctx, offer.ChatID, offer.Offer); err != nil {
		t.Fatal(err)
	}
	expect(ctx, t, agent.Next, "assigned")
	return visitor, agent, started.Chat.ID
}

// listen collects messages until there are as many as wanted.
func listen(ctx context.Context, next func(context.Context) (Update, error), want int) ([]*evenkeel.Message, error) {
	var got []*evenkeel.Message
	for len(got) < want {
		u, err := next(ctx)
		if err != nil {
			return got, fmt.Errorf("after %d messages: %w", len(got), err)
		}
		if u.Kind == "message" {
			got = append(got, u.Message)
		}
	}
	return got, nil
}

// checkTalk wants each text once and in its author's order, numbered without a
// hole.
func checkTalk(t *testing.T, who string, got []*evenkeel.Message, each int) {
	t.Helper()
	next := map[string]int{}
	for i, m := range got {
		if m.Number != uint64(i+1) {
			t.Fatalf("%s: message %d has the number %d", who, i+1, m.Number)
		}
		author, _, _ := strings.Cut(m.Text, " ")
		if author == "first" {
			continue
		}
		if want := fmt.Sprintf("%s %d", author, next[author]); m.Text != want {
			t.Fatalf("%s: heard %q, want %q", who, m.Text, want)
		}
		next[author]++
	}
	if next["c"] != each || next["a"] != each {
		t.Errorf("%s: heard %v, want %d of each", who, next, each)
	}
}

func TestConversationOverCutsAndCrashes(t *testing.T) {
	const each = 120
	ctx, s := testContext(t), newServer(t)
	visitor, agent, chat := pair(ctx, t, s, ConnConfig{MaxPause: 200 * time.Millisecond})
	var tasks sync.WaitGroup
	talk := func(who string, send func(context.Context, string, string) (Sent, error)) {
		for i := range each {
			if _, err := send(ctx, chat, fmt.Sprintf("%s %d", who, i)); err != nil {
				t.Errorf("%s %d: %v", who, i, err)
				return
			}
			if who == "c" && i%10 == 9 {
				s.proxy.cut()
			}
			if who == "a" && i%40 == 39 {
				s.killAndRestart()
			}
		}
	}
	hear := func(who string, next func(context.Context) (Update, error)) {
		got, err := listen(ctx, next, 2*each+1)
		if err != nil {
			t.Errorf("%s: %v", who, err)
			return
		}
		checkTalk(t, who, got, each)
	}
	tasks.Go(func() { hear("customer", visitor.Next) })
	tasks.Go(func() { hear("agent", agent.Next) })
	tasks.Go(func() { talk("c", visitor.Send) })
	tasks.Go(func() { talk("a", agent.Send) })
	tasks.Wait()
	var lines int
	for line, err := range s.admin().Transcript(ctx, chat, 0, false) {
		if err != nil {
			t.Fatal(err)
		}
		if lines++; line.Message.Number != uint64(lines) {
			t.Fatalf("the transcript's line %d has the number %d", lines, line.Message.Number)
		}
	}
	if lines != 2*each+1 {
		t.Errorf("the transcript has %d messages, want %d", lines, 2*each+1)
	}
}

func TestCallsAtOnceAreCarriedOutOnce(t *testing.T) {
	ctx, s := testContext(t), newServer(t)
	_, agent, chat := pair(ctx, t, s, ConnConfig{MaxPause: 100 * time.Millisecond})
	const calls = 300 // more than a server takes at once
	numbers := make(chan uint64, calls)
	var tasks sync.WaitGroup
	for i := range calls {
		tasks.Go(func() {
			sent, err := agent.Send(ctx, chat, fmt.Sprint("text ", i))
			if err != nil {
				t.Error(err)
			}
			numbers <- sent.Number
			if i%60 == 59 {
				s.proxy.cut()
			}
		})
	}
	tasks.Wait()
	seen := map[uint64]bool{}
	for range calls {
		if n := <-numbers; n < 2 || n > calls+1 || seen[n] {
			t.Fatalf("number %d was given twice, or is out of range", n)
		} else {
			seen[n] = true
		}
	}
}

func TestSlowConsumerLosesNothing(t *testing.T) {
	ctx, s := testContext(t), newServer(t)
	visitor, agent, chat := pair(ctx, t, s, ConnConfig{Queue: 7})
	const each = 150
	for i := range each {
		if _, err := agent.Send(ctx, chat, fmt.Sprint("a ", i)); err != nil {
			t.Fatal(err)
		}
		if _, err := visitor.Send(ctx, chat, fmt.Sprint("c ", i)); err != nil {
			t.Fatal(err)
		}
	}
	visitor.Conn.mu.Lock()
	waiting := visitor.Conn.inbox.len()
	visitor.Conn.mu.Unlock()
	if waiting > 7 {
		t.Errorf("%d events wait, 7 are allowed", waiting)
	}
	got, err := listen(ctx, visitor.Next, 2*each+1)
	if err != nil {
		t.Fatal(err)
	}
	checkTalk(t, "customer", got, each)
}

func TestHistoryThatIsGoneIsSaid(t *testing.T) {
	ctx, s := testContext(t), newServer(t)
	c := s.agent("ann")
	slow, err := c.Agent(ctx, ConnConfig{Queue: 3})
	if err != nil {
		t.Fatal(err)
	}
	closing(t, slow)
	for i := range 301 { // the channel keeps 256
		status := []evenkeel.AgentStatus{evenkeel.StatusOnline, evenkeel.StatusAway}[i%2]
		if err := slow.SetStatus(ctx, status, ""); err != nil {
			t.Fatal(err)
		}
	}
	if u := expect(ctx, t, slow.Next, "resync"); u.Channel != "agent:ann" {
		t.Errorf("resync of %s", u.Channel)
	}
	if d := slow.Desk(); d.Status != evenkeel.StatusOnline {
		t.Errorf("after the resync the status is %s", d.Status)
	}
	// And it goes on from there.
	if err := slow.SetStatus(ctx, evenkeel.StatusAway, "lunch"); err != nil {
		t.Fatal(err)
	}
	if u := expect(ctx, t, slow.Next, "status"); u.Away != "lunch" {
		t.Errorf("then came %+v", u)
	}
}

func TestLogoutEndsTheConnection(t *testing.T) {
	ctx, s := testContext(t), newServer(t)
	c := s.agent("ann")
	agent, err := c.Agent(ctx, ConnConfig{})
	if err != nil {
		t.Fatal(err)
	}
	closing(t, agent)
	if err := c.Logout(ctx); err != nil {
		t.Fatal(err)
	}
	select {
	case <-agent.Done():
	case <-ctx.Done():
		t.Fatal("the connection outlives its login")
	}
	if err := agent.Err(); err == nil || evenkeel.ErrorCode(err) == evenkeel.CodeNoLeader {
		t.Errorf("the reason of the end is %v", err)
	}
	if _, err := agent.Send(ctx, "c1", "too late"); err == nil {
		t.Error("an ended connection takes calls")
	}
}

func TestTokenIsRenewedInTime(t *testing.T) {
	ctx, s := testContext(t), newServer(t)
	c := s.agent("ann")
	agent, err := c.Agent(ctx, ConnConfig{})
	if err != nil {
		t.Fatal(err)
	}
	closing(t, agent)
	before := c.Token()
	agent.Conn.mu.Lock()
	agent.refreshSoon(agent.link)
	agent.Conn.mu.Unlock()
	for c.Token() == before {
		if !pause(ctx, 5*time.Millisecond) {
			t.Fatal("no fresh token came")
		}
	}
	if err := agent.SetStatus(ctx, evenkeel.StatusOnline, ""); err != nil {
		t.Errorf("after the renewal: %v", err)
	}
}

func TestStateIsTold(t *testing.T) {
	ctx, s := testContext(t), newServer(t)
	states := make(chan State, 100)
	conn, err := s.agent("ann").Connect(ctx, ConnConfig{OnState: func(st State, _ error) { states <- st }})
	if err != nil {
		t.Fatal(err)
	}
	want := func(st State) {
		t.Helper()
		select {
		case got := <-states:
			if got != st {
				t.Fatalf("state %d, want %d", got, st)
			}
		case <-ctx.Done():
			t.Fatalf("state %d did not come", st)
		}
	}
	want(Connected)
	s.proxy.cut()
	want(Connecting)
	want(Connected)
	conn.Close()
	want(Closed)
	for {
		if _, err := conn.Next(ctx); errors.Is(err, ErrClosed) {
			break // behind what had come before
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestRightToAChannelEnds(t *testing.T) {
	ctx, s := testContext(t), newServer(t)
	_, agent, chat := pair(ctx, t, s, ConnConfig{})
	other, err := s.agent("bob").Connect(ctx, ConnConfig{})
	if err != nil {
		t.Fatal(err)
	}
	closing(t, other)
	if err := other.Subscribe(ctx, "chat:"+chat, nil); evenkeel.ErrorCode(err) != evenkeel.CodeNotFound {
		t.Errorf("a stranger subscribes: %v", err)
	}
	if _, err := agent.Invite(ctx, chat, "bob"); err != nil {
		t.Fatal(err)
	}
	if err := other.Subscribe(ctx, "chat:"+chat, nil); err != nil {
		t.Fatal(err)
	}
	if err := other.Leave(ctx, chat); err != nil {
		t.Fatal(err)
	}
	for {
		e, err := other.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == Unsubscribed && e.Channel == "chat:"+chat && e.Err != nil {
			return
		}
	}
}
