package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"
)

// errand is one request that must have its answer, however often it is made.
type errand struct {
	method string
	params map[string]any // with the id that it keeps
	answer func(data json.RawMessage, err error)
}

// person is somebody with a token who asks again until he is answered.
type person struct {
	name   string
	id     string // as the server knows him
	token  string
	town   *town
	random *rand.Rand
	count  int
	todo   []errand // begun and not yet answered, in order
}

// fresh makes something that nobody else makes: an id, a text.
func (p *person) fresh(what string) string {
	p.count++
	return fmt.Sprintf("%s-%s-%d", what, p.name, p.count)
}

func (p *person) chance(percent int) bool { return p.random.IntN(100) < percent }

// pause is how long somebody thinks.
func (p *person) pause(ctx context.Context, most time.Duration) {
	wait(ctx, time.Duration(p.random.Int64N(int64(most))))
}

func (p *person) plan(method string, params map[string]any, answer func(json.RawMessage, error)) {
	params["id"] = p.fresh("id")
	p.todo = append(p.todo, errand{method, params, answer})
}

// run sends all errands at once, in order, and waits for the answers. It
// returns false if one has none: the connection is of no use any more.
func (p *person) run(ctx context.Context, c *wsClient) bool {
	answers := make([]<-chan wsReply, len(p.todo))
	for i, e := range p.todo {
		answers[i] = c.send(e.method, e.params)
	}
	if len(p.todo) > 0 && p.chance(4) { // a cut: perhaps it was done, perhaps not
		p.pause(ctx, 3*time.Millisecond)
		return false
	}
	for _, answer := range answers {
		data, err := c.await(ctx, answer)
		if err != nil && !refused(err) {
			return false
		}
		e := p.todo[0]
		p.todo = p.todo[1:]
		e.answer(data, err)
	}
	return true
}

// live connects, again and again, and does what the person does.
func (p *person) live(ctx context.Context, pushed func(string, json.RawMessage), day func(ctx context.Context, c *wsClient) bool) {
	for ctx.Err() == nil {
		c, err := dial(ctx, p.town.server.addr, p.token, pushed)
		if err != nil {
			if refused(err) {
				p.town.ledger.broke("%s was not let in: %v", p.name, err)
				return
			}
			p.pause(ctx, 40*time.Millisecond)
			continue
		}
		for ok := p.run(ctx, c); ok && ctx.Err() == nil; {
			ok = day(ctx, c) && p.run(ctx, c)
		}
		c.close()
	}
}

// say plans a message.
func (p *person) say(chat string, gone func()) {
	text := p.fresh("text")
	p.plan("chat.send", map[string]any{"chat": chat, "text": text}, func(data json.RawMessage, err error) {
		if err != nil {
			p.town.ledger.forbid(text, "its sender was told: "+err.Error())
			gone()
			return
		}
		var ack struct{ Number uint64 }
		if err := json.Unmarshal(data, &ack); err != nil || ack.Number == 0 {
			p.town.ledger.broke("%s sent a message and was answered %s", p.name, data)
			return
		}
		p.town.ledger.heard(chat, utterance{p.id, text, ack.Number})
	})
}

// customer asks for chats in one queue and talks.
type customer struct {
	person
	queue string
	chat  string
}

func (c *customer) day(ctx context.Context, ws *wsClient) bool {
	c.pause(ctx, 80*time.Millisecond)
	switch {
	case c.chat == "":
		c.start()
	case c.queue != parkedQueue && c.chance(3):
		chat := c.chat
		c.plan("chat.close", map[string]any{"chat": chat}, func(json.RawMessage, error) { c.chat = "" })
	case c.chance(4):
		return c.sayOverHTTP(ctx)
	default:
		for range 1 + c.random.IntN(3) {
			c.say(c.chat, func() { c.chat = "" })
		}
	}
	return true
}

func (c *customer) start() {
	text := c.fresh("hello")
	params := map[string]any{"queue": c.queue, "message": text, "name": c.name}
	c.plan("chat.start", params, func(data json.RawMessage, err error) {
		var answer struct {
			Chat     shownChat
			Existing bool
		}
		if err == nil {
			err = json.Unmarshal(data, &answer)
		}
		if err != nil {
			c.town.ledger.broke("%s could not start a chat: %v", c.name, err)
			return
		}
		c.chat = answer.Chat.ID
		if !answer.Existing {
			c.town.ledger.heard(c.chat, utterance{c.id, text, 0})
		}
		if c.queue == parkedQueue {
			c.town.ledger.waits(c.chat, answer.Chat.QueuedAt)
		}
	})
}

// sayOverHTTP sends one message by the other way in, until it is answered or
// the day is over; what has no answer then is left open.
func (c *customer) sayOverHTTP(ctx context.Context) bool {
	text, key := c.fresh("text"), c.fresh("key")
	var ack struct{ Number uint64 }
	path := "/v1/chats/" + c.chat + "/messages"
	for ctx.Err() == nil {
		err := callHTTP(ctx, c.town.server.addr, "POST", path, c.token, map[string]string{"text": text}, &ack, key)
		switch {
		case err == nil:
			c.town.ledger.heard(c.chat, utterance{c.id, text, ack.Number})
			return true
		case refused(err):
			c.town.ledger.forbid(text, "its sender was told: "+err.Error())
			c.chat = ""
			return true
		}
		c.pause(ctx, 20*time.Millisecond)
	}
	return false
}

// agent takes what he is offered, talks, closes and hands over.
type agent struct {
	person

	mu     sync.Mutex // the pushes come from the connection's reader
	offers map[string]string
	chats  map[string]bool
}

func (a *agent) live(ctx context.Context) {
	a.person.live(ctx, a.pushed, func(ctx context.Context, c *wsClient) bool { return a.arrive(ctx, c) && a.work(ctx, c) })
}

// arrive learns what is the agent's after each connection.
func (a *agent) arrive(ctx context.Context, c *wsClient) bool {
	a.mu.Lock()
	a.offers, a.chats = map[string]string{}, map[string]bool{}
	a.mu.Unlock()
	var desk agentDesk
	if err := c.call(ctx, "agent.state", map[string]any{}, &desk); err != nil {
		return false
	}
	a.mu.Lock() // what was pushed in between is there already
	for _, o := range desk.Offers {
		a.offers[o.Offer] = o.Chat.ID
	}
	var done []string
	for _, chat := range desk.Chats {
		if chat.State == "wrapping" {
			done = append(done, chat.ID)
		} else {
			a.chats[chat.ID] = true
		}
	}
	a.mu.Unlock()
	a.plan("agent.status", map[string]any{"status": "online"}, func(_ json.RawMessage, err error) {
		if err != nil {
			a.town.ledger.broke("%s could not go online: %v", a.name, err)
		}
	})
	for _, chat := range done {
		a.wrapUp(chat)
	}
	return a.run(ctx, c)
}

func (a *agent) pushed(_ string, data json.RawMessage) {
	var p struct {
		Type, Offer string
		Chat        json.RawMessage // an object or an id
	}
	if json.Unmarshal(data, &p) != nil {
		return
	}
	var chat shownChat
	var id string
	if json.Unmarshal(p.Chat, &chat) != nil {
		_ = json.Unmarshal(p.Chat, &id) // neither: an event without a chat
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch p.Type {
	case "offer":
		a.offers[p.Offer] = chat.ID
	case "offer_end":
		delete(a.offers, p.Offer)
	case "assigned":
		a.chats[chat.ID] = true
	case "unassigned":
		delete(a.chats, id)
	}
}

// work goes on until the connection is cut.
func (a *agent) work(ctx context.Context, c *wsClient) bool {
	for ctx.Err() == nil {
		a.pause(ctx, 60*time.Millisecond)
		a.mu.Lock()
		offer, offered := any1(a.offers, a.random)
		chat, owned := any1(a.chats, a.random)
		a.mu.Unlock()
		switch {
		case offered != "":
			a.accept(offer, offered)
		case a.chance(5):
			a.grab()
		case chat == "" || !owned:
		case a.chance(6):
			a.close(chat)
		case a.chance(4):
			a.handOver(chat)
		default:
			for range 1 + a.random.IntN(3) {
				a.say(chat, func() { a.drop(chat) })
			}
		}
		if !a.run(ctx, c) {
			return false
		}
	}
	return true
}

func (a *agent) drop(chat string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.chats, chat)
}

func (a *agent) accept(offer, chat string) {
	a.mu.Lock()
	delete(a.offers, offer)
	a.mu.Unlock()
	a.plan("chat.accept", map[string]any{"chat": chat, "offer": offer}, func(_ json.RawMessage, err error) {
		if err != nil {
			return // it ended meanwhile
		}
		a.town.ledger.owned(chat, a.id)
		a.mu.Lock()
		a.chats[chat] = true
		a.mu.Unlock()
	})
}

// grab reaches for a colleague's chat, which is not allowed in these queues.
func (a *agent) grab() {
	chat := a.town.ledger.someChat(a.random.IntN)
	a.mu.Lock()
	mine := a.chats[chat]
	a.mu.Unlock()
	if mine || chat == "" {
		return
	}
	a.plan("chat.take", map[string]any{"chat": chat}, func(data json.RawMessage, err error) {
		if err == nil {
			a.town.ledger.broke("%s took chat %s, which was not to be had, and was answered %s", a.name, chat, data)
		}
	})
}

func (a *agent) close(chat string) {
	a.drop(chat)
	a.plan("chat.close", map[string]any{"chat": chat}, func(json.RawMessage, error) {})
	a.wrapUp(chat)
}

func (a *agent) wrapUp(chat string) {
	a.plan("chat.wrapup", map[string]any{"chat": chat, "tags": []string{"crash"}, "done": true}, func(json.RawMessage, error) {})
}

func (a *agent) handOver(chat string) {
	a.drop(chat)
	a.town.ledger.moving(chat)
	a.plan("chat.transfer", map[string]any{"chat": chat, "queue": openQueue}, func(json.RawMessage, error) {})
}

// any1 picks one entry of a map by chance.
func any1[V any](m map[string]V, random *rand.Rand) (key string, value V) {
	if len(m) == 0 {
		return key, value
	}
	skip := random.IntN(len(m))
	for key, value = range m {
		if skip == 0 {
			break
		}
		skip--
	}
	return key, value
}

// intruder asks for what he may not have. None of it may ever be seen.
type intruder struct{ person }

func (i *intruder) day(ctx context.Context, c *wsClient) bool {
	i.pause(ctx, 40*time.Millisecond)
	text := i.fresh("refused")
	chat := i.town.ledger.someChat(i.random.IntN)
	i.town.ledger.forbid(text, "its sender had no right to send it")
	method, params := "chat.start", map[string]any{"message": text}
	switch i.random.IntN(4) {
	case 0:
		params["queue"] = "no-such-queue"
	case 1:
		params["priority"] = 7
	case 2:
		params["queue"], params["subject"] = openQueue, strings.Repeat("long", 5000)
	case 3:
		if chat == "" {
			return true
		}
		method, params = "chat.send", map[string]any{"chat": chat, "text": text}
	}
	i.plan(method, params, func(data json.RawMessage, err error) {
		if err == nil {
			i.town.ledger.broke("%s %v by a stranger was answered %s", method, params, data)
		}
	})
	return true
}

// meddler is an agent of no queue who reaches for other people's chats.
type meddler struct{ person }

func (m *meddler) day(ctx context.Context, _ *wsClient) bool {
	m.pause(ctx, 60*time.Millisecond)
	chat := m.town.ledger.someChat(m.random.IntN)
	if chat == "" {
		return true
	}
	method := []string{"chat.accept", "chat.take", "chat.transfer", "chat.close", "chat.send"}[m.random.IntN(5)]
	params := map[string]any{"chat": chat}
	switch method {
	case "chat.transfer":
		params["agent"] = m.id
	case "chat.send":
		params["text"] = m.fresh("refused")
		m.town.ledger.forbid(params["text"].(string), "its sender is not in the chat")
	}
	m.plan(method, params, func(data json.RawMessage, err error) {
		if err == nil {
			m.town.ledger.broke("%s %v by an agent of no queue was answered %s", method, params, data)
		}
	})
	return true
}
