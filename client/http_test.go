package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel"
)

// losing is a network that loses answers: the server carries the request out,
// and the caller hears nothing.
type losing struct {
	http.RoundTripper
	mu      sync.Mutex
	lose    int // the next so many answers
	headers []http.Header
}

func (l *losing) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := l.RoundTripper.RoundTrip(r)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.headers = append(l.headers, r.Header)
	if err == nil && l.lose > 0 {
		l.lose--
		_ = answer.Body.Close()
		return nil, errors.New("the network lost the answer")
	}
	return answer, err
}

func losingClient(t *testing.T, s *server, token string) (*Client, *losing) {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	network := &losing{RoundTripper: transport}
	c, err := New(Config{URL: "http://" + s.addr, Token: token, HTTP: &http.Client{Transport: network}})
	if err != nil {
		t.Fatal(err)
	}
	return c, network
}

func TestLostAnswersDoNothingTwice(t *testing.T) {
	ctx, s := testContext(t), newServer(t)
	plain := s.client("http://" + s.addr)
	if _, err := plain.NewVisitor(ctx, ""); err != nil {
		t.Fatal(err)
	}
	c, network := losingClient(t, s, plain.Token())
	network.lose = 2
	started, err := c.StartChat(ctx, ChatStart{Message: "hello", Subject: "size 42"})
	if err != nil || started.Chat.Subject != "size 42" || started.Index == 0 {
		t.Fatalf("started %+v, %v", started, err)
	}
	network.lose = 1
	sent, err := c.Send(ctx, started.Chat.ID, "are you there?")
	if err != nil || sent.Number != 2 {
		t.Fatalf("sent %+v, %v", sent, err)
	}
	if first, third := network.headers[0], network.headers[2]; first.Get("Idempotency-Key") == "" ||
		first.Get("Idempotency-Key") != third.Get("Idempotency-Key") {
		t.Errorf("the key was %q and then %q", first.Get("Idempotency-Key"), third.Get("Idempotency-Key"))
	}
	if index := network.headers[len(network.headers)-1].Get("Evenkeel-Index"); index != fmt.Sprint(started.Index) {
		t.Errorf("the index sent back is %q, want %d", index, started.Index)
	}
	var texts []string
	for line, err := range c.Transcript(ctx, started.Chat.ID, 0, true) {
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, line.Message.Text)
	}
	if len(texts) != 2 {
		t.Errorf("the transcript is %q", texts)
	}

	admin, network := losingClient(t, s, s.admin().Token())
	if _, err := admin.PutQueue(ctx, evenkeel.NewQueue("short")); err != nil {
		t.Fatal(err)
	}
	network.lose = 1
	if err := admin.DeleteQueue(ctx, "short"); err != nil {
		t.Errorf("a delete whose answer was lost: %v", err)
	}
	if err := admin.DeleteQueue(ctx, "short"); evenkeel.ErrorCode(err) != evenkeel.CodeNotFound {
		t.Errorf("a delete of nothing: %v", err)
	}
}

func TestRefusalsAreNotTriedAgain(t *testing.T) {
	ctx, s := testContext(t), newServer(t)
	c, network := losingClient(t, s, "ekt_wrong")
	_, err := c.Me(ctx)
	var refusal *evenkeel.Error
	if !errors.As(err, &refusal) || refusal.Code != evenkeel.CodeUnauthenticated || refusal.Detail == "" || len(network.headers) != 1 {
		t.Errorf("after %d tries: %v", len(network.headers), err)
	}
	admin := s.admin()
	_, err = admin.Do(ctx, Request{Method: "PUT", Path: "/v1/queues/q1", Body: map[string]any{"colour": "red"}}, nil)
	if !errors.As(err, &refusal) || refusal.Field != "colour" {
		t.Errorf("an unknown field: %v", err)
	}
	if _, err := New(Config{URL: "localhost:8080"}); err == nil {
		t.Error("a URL without a scheme is taken")
	}
}

func TestPatienceEnds(t *testing.T) {
	ctx := testContext(t)
	c, err := New(Config{URL: "http://127.0.0.1:1", Patience: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	began := time.Now()
	if _, err := c.Cell(ctx); err == nil {
		t.Fatal("nobody answered, and all is well")
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the patience of 0.3 s lasted %s", took)
	}
	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	if _, err := c.Connect(short, ConnConfig{}); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("connecting to nobody: %v", err)
	}
}

func TestEveryTypedMethod(t *testing.T) {
	ctx, s := testContext(t), newServer(t)
	admin := s.admin()
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	for i := range 205 { // more than a page
		queue := evenkeel.NewQueue(fmt.Sprint("q", i))
		queue.OfferTimeout = evenkeel.Minute
		_, err := admin.PutQueue(ctx, queue)
		must("put queue", err)
	}
	queues := 0
	for q, err := range admin.Queues(ctx) {
		must("queues", err)
		if queues++; q.ID == "q7" && q.OfferTimeout != evenkeel.Minute {
			t.Errorf("q7 is %+v", q)
		}
	}
	if queues != 206 {
		t.Errorf("%d queues are listed, want 206", queues)
	}
	agent := s.agent("ann")
	for a, err := range admin.Agents(ctx) {
		must("agents", err)
		if a.ID == "ann" && a.Capacity != 20 {
			t.Errorf("ann is %+v", a)
		}
	}
	key, err := admin.PutAPIKey(ctx, evenkeel.APIKey{ID: "shop", Name: "Shop"}, "")
	must("put key", err)
	service, err := New(Config{URL: "http://" + s.addr, APIKey: key.Key})
	must("new", err)
	defer service.Close()
	me, err := service.Me(ctx)
	must("me", err)
	if me.Role != evenkeel.RoleService {
		t.Errorf("the key is %+v", me)
	}
	started, err := service.For(Behalf{Customer: "c77"}).StartChat(ctx, ChatStart{Message: "hi", Priority: 3, Name: "Cleo"})
	must("start", err)
	chat := started.Chat.ID
	_, err = agent.Take(ctx, chat)
	if evenkeel.ErrorCode(err) != evenkeel.CodeNotFound { // the queue has no pick: it is not hers to know of
		t.Errorf("an agent picks: %v", err)
	}
	_, err = service.For(Behalf{Agent: "ann"}).Accept(ctx, chat, "")
	if evenkeel.ErrorCode(err) != evenkeel.CodeNotYourOffer {
		t.Errorf("accepting what is not offered: %v", err)
	}
	must("transfer", admin.TransferToQueue(ctx, chat, "q1", "please"))
	_, err = admin.Take(ctx, chat)
	must("take", err)
	_, err = admin.Note(ctx, chat, "a good one")
	must("note", err)
	_, err = admin.Invite(ctx, chat, "ann")
	must("invite", err)
	must("leave", agent.Leave(ctx, chat))
	_, err = admin.Update(ctx, chat, Change{Tags: []string{"vip"}})
	must("update", err)
	why, err := admin.Why(ctx, chat)
	must("why", err)
	if why.Chat != chat {
		t.Errorf("why is %+v", why)
	}
	lines := 0
	for line, err := range admin.Transcript(ctx, chat, 0, true) {
		must("transcript", err)
		lines++
		if line.Note != nil && line.Note.Text == "" || line.Note == nil && line.Message == nil {
			t.Errorf("line %+v", line)
		}
	}
	if lines < 3 { // the message and two notes
		t.Errorf("%d lines", lines)
	}
	for live, err := range admin.Chats(ctx, evenkeel.ChatFilter{State: evenkeel.ChatActive}) {
		must("chats", err)
		if live.ID != chat || len(live.Tags) != 1 {
			t.Errorf("live is %+v", live)
		}
	}
	_, err = admin.CloseChat(ctx, chat)
	must("close", err)
	_, err = admin.WrapUp(ctx, chat, Wrapup{Notes: "done", Done: true})
	must("wrap up", err)
	_, err = service.For(Behalf{Customer: "c77"}).Rate(ctx, chat, evenkeel.Rating{Score: 5, Comment: "thanks"})
	must("rate", err)
	one, err := admin.Chat(ctx, chat)
	must("chat", err)
	if one.State != evenkeel.ChatClosed || one.Rating == nil || one.Rating.Score != 5 {
		t.Errorf("in the end the chat is %+v", one)
	}
	_, err = admin.PutCustomer(ctx, "c77", "Cleo", []byte(`{"plan":"gold"}`))
	must("put customer", err)
	cell, err := admin.Cell(ctx)
	must("cell", err)
	if cell.State != "healthy" || len(cell.Nodes) != 1 {
		t.Errorf("the cell is %+v", cell)
	}
	limits, err := admin.Limits(ctx)
	must("limits", err)
	limits.Linger = evenkeel.Minute
	must("set limits", admin.SetLimits(ctx, limits))
	if limits, err = admin.Limits(ctx); err != nil || limits.Linger != evenkeel.Minute || limits.Queues != evenkeel.DefaultLimits().Queues {
		t.Errorf("the limits are %+v, %v", limits, err)
	}
	must("status", admin.SetAgentStatus(ctx, "ann", evenkeel.StatusAway, "tea"))
	ann, err := admin.AgentByID(ctx, "ann")
	must("agent", err)
	if ann.Reason != "tea" {
		t.Errorf("ann is %+v", ann)
	}
	ws, err := admin.Workspace(ctx, evenkeel.DefaultWorkspace)
	must("workspace", err)
	_, err = admin.PutWorkspace(ctx, *ws)
	must("put workspace", err)
	must("delete key", admin.DeleteAPIKey(ctx, "shop"))
	must("delete agent", admin.DeleteAgent(ctx, "ann"))
	must("ready", admin.Ready(ctx))
}
