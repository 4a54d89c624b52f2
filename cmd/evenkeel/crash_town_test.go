package main

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// The queues of the town: one is worked on, in the other people wait.
const (
	openQueue   = "general"
	parkedQueue = "parked"
)

// town is everybody who uses the server.
type town struct {
	server *crashServer
	ledger *ledger
	admin  string // token

	customers []*customer
	agents    []*agent
	parker    *agent // of the parked queue; comes at the end
	intruder  *intruder
	meddler   *meddler
}

func newTown(t *testing.T, server *crashServer, ledger *ledger, seed uint64) *town {
	t.Helper()
	w := &town{server: server, ledger: ledger}
	w.admin, _ = w.login(t, "admin@localhost", crashPassword)
	// Nobody is given up on while a server is away, and no slot is freed by time.
	for _, queue := range []string{openQueue, parkedQueue} {
		w.must(t, "PUT", "/v1/queues/"+queue, w.admin, map[string]any{
			"id": queue, "name": queue, "wrap_up": 3600, "customer_grace": 3600, "agent_grace": 3600, "max_length": 500, "offer_timeout": 120,
		}, nil)
	}
	people := uint64(0)
	human := func(name, id, token string) person {
		people++
		return person{name: name, id: id, token: token, town: w, random: rand.New(rand.NewPCG(seed, 100+people))}
	}
	visitor := func(name string) person {
		var v struct{ Visitor, Token string }
		w.must(t, "POST", "/v1/visitors", "", map[string]any{}, &v)
		return human(name, v.Visitor, v.Token)
	}
	staff := func(name string, queues ...string) person {
		members := []map[string]any{}
		for _, queue := range queues {
			members = append(members, map[string]any{"id": queue, "level": 1})
		}
		w.must(t, "PUT", "/v1/agents/"+name, w.admin, map[string]any{
			"id": name, "name": name, "email": name + "@example.com", "password": crashPassword, "role": "agent",
			"capacity": 3, "queues": members,
		}, nil)
		token, id := w.login(t, name+"@example.com", crashPassword)
		return human(name, id, token)
	}
	for _, name := range []string{"ann", "ben", "cleo", "dan"} {
		w.agents = append(w.agents, &agent{person: staff(name, openQueue), offers: map[string]string{}, chats: map[string]bool{}})
	}
	w.parker = &agent{person: staff("parker", parkedQueue), offers: map[string]string{}, chats: map[string]bool{}}
	w.meddler = &meddler{staff("mel")}
	w.intruder = &intruder{visitor("ivo")}
	for _, name := range []string{"c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9", "c10"} {
		w.customers = append(w.customers, &customer{person: visitor(name), queue: openQueue})
	}
	for _, name := range []string{"p1", "p2", "p3", "p4", "p5", "p6"} {
		w.customers = append(w.customers, &customer{person: visitor(name), queue: parkedQueue})
	}
	return w
}

func (w *town) must(t *testing.T, method, path, token string, body, result any) {
	t.Helper()
	if err := callHTTP(t.Context(), w.server.addr, method, path, token, body, result); err != nil {
		t.Fatalf("%s %s: %v\n%s", method, path, err, w.server.tail())
	}
}

func (w *town) login(t *testing.T, email, password string) (token, id string) {
	t.Helper()
	var login struct {
		Token string
		User  struct{ ID string }
	}
	w.must(t, "POST", "/v1/auth/login", "", map[string]string{"email": email, "password": password}, &login)
	return login.Token, login.User.ID
}

// load is the town at work.
type load struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
}

func (w *town) work() *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{cancel: cancel}
	nothing := func(string, json.RawMessage) {}
	for _, c := range w.customers {
		l.done.Go(func() { c.live(ctx, nothing, c.day) })
	}
	for _, a := range w.agents {
		l.done.Go(func() { a.live(ctx) })
	}
	l.done.Go(func() { w.intruder.live(ctx, nothing, w.intruder.day) })
	l.done.Go(func() { w.meddler.live(ctx, nothing, w.meddler.day) })
	return l
}

func (l *load) stop() {
	l.cancel()
	l.done.Wait()
}

// refusedCustomers are those who never had a chat.
func (w *town) refusedCustomers() []string { return []string{w.intruder.id} }

// askAgents connects all agents at the same time and returns, by chat, who
// claims it and who is offered it.
func (w *town) askAgents(t *testing.T) (claims, offers map[string][]string) {
	t.Helper()
	claims, offers = map[string][]string{}, map[string][]string{}
	for _, p := range append([]person{w.meddler.person}, w.staff()...) {
		c, err := dial(t.Context(), w.server.addr, p.token, func(string, json.RawMessage) {})
		if err != nil {
			t.Fatalf("%s cannot connect: %v", p.name, err)
		}
		defer c.close()
		var desk agentDesk
		if err := c.call(t.Context(), "agent.state", map[string]any{}, &desk); err != nil {
			t.Fatalf("agent.state of %s: %v", p.name, err)
		}
		for _, chat := range desk.Chats {
			claims[chat.ID] = append(claims[chat.ID], p.id)
		}
		for _, o := range desk.Offers {
			offers[o.Chat.ID] = append(offers[o.Chat.ID], p.id)
		}
	}
	return claims, offers
}

func (w *town) staff() []person {
	var all []person
	for _, a := range w.agents {
		all = append(all, a.person)
	}
	return all
}

// finish lets those who waited through all crashes have their turn: they must
// be served in the order in which they came.
func (w *town) finish(t *testing.T) {
	t.Helper()
	want := w.ledger.byPlace()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	served := make(chan string, len(want)+1)
	c, err := dial(ctx, w.server.addr, w.parker.token, func(_ string, data json.RawMessage) {
		var p struct {
			Type string
			Chat shownChat
		}
		if json.Unmarshal(data, &p) == nil && p.Type == "offer" {
			served <- p.Chat.ID
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	do := func(method string, params map[string]any) {
		params["id"] = w.parker.fresh("last")
		if err := c.call(ctx, method, params, nil); err != nil {
			t.Fatalf("%s: %v", method, err)
		}
	}
	do("agent.status", map[string]any{"status": "online"})
	var got []string
	for len(got) < len(want) {
		select {
		case chat := <-served:
			got = append(got, chat)
			do("chat.accept", map[string]any{"chat": chat})
			do("chat.close", map[string]any{"chat": chat})
			do("chat.wrapup", map[string]any{"chat": chat, "done": true})
		case <-ctx.Done():
			t.Fatalf("served %v of %v, then nobody was offered", got, want)
		}
	}
	for i := range want {
		if w.ledger.parked[got[i]] != w.ledger.parked[want[i]] { // who came in the same millisecond may change places
			t.Fatalf("waiting customers were served in the order %v, they came as %v", got, want)
		}
	}
}
