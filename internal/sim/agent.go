package sim

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel"
)

// agent is a person who answers chats. The first one supervises.
type agent struct {
	config *evenkeel.Agent
	chats  []string        // that he works in
	role   map[string]bool // of those: whether he owns them
	offers map[string]string
	asked  bool // to be online
}

func (a *agent) welcome(c *client) {
	if !a.asked {
		a.asked = true
		c.ask(&evenkeel.SetAgentStatus{Status: evenkeel.StatusOnline}, nil)
	}
}

// refresh looks at the state.
func (a *agent) refresh(c *client) {
	a.chats, a.role, a.offers = nil, map[string]bool{}, map[string]string{}
	if c.conn == nil || !c.conn.node.reachable() {
		return
	}
	state, err := c.conn.node.desk().AgentDesk(c.principal)
	if err != nil {
		return
	}
	for _, chat := range state.Chats {
		a.gain(c, chat.ID, chat.Agent != nil && chat.Agent.ID == c.principal.ID)
	}
	for _, o := range state.Offers {
		a.ring(c, o.ID, o.Chat.ID)
	}
}

func (a *agent) gain(c *client, chat string, owns bool) {
	if !slices.Contains(a.chats, chat) {
		a.chats = append(a.chats, chat)
	}
	a.role[chat] = owns
	c.want("chat:"+chat, c.w.chance(700))
	c.want("staff:"+chat, c.w.chance(700))
}

func (a *agent) lose(c *client, chat string) {
	a.chats = slices.DeleteFunc(a.chats, func(id string) bool { return id == chat })
	if c.w.chance(500) {
		c.drop("chat:" + chat)
		c.drop("staff:" + chat)
	}
}

func (a *agent) hear(c *client, data []byte) {
	var p struct {
		Type  string          `json:"type"`
		Offer string          `json:"offer"`
		Chat  json.RawMessage `json:"chat"`
	}
	if json.Unmarshal(data, &p) != nil || len(p.Chat) == 0 {
		return
	}
	var chat struct {
		ID    string `json:"id"`
		Agent struct {
			ID string `json:"id"`
		} `json:"agent"`
	}
	if p.Chat[0] == '"' {
		_ = json.Unmarshal(p.Chat, &chat.ID)
	} else {
		_ = json.Unmarshal(p.Chat, &chat)
	}
	switch p.Type {
	case "offer":
		a.ring(c, p.Offer, chat.ID)
	case "offer_end":
		delete(a.offers, p.Offer)
	case "assigned":
		a.gain(c, chat.ID, chat.Agent.ID == c.principal.ID)
	case "unassigned":
		a.lose(c, chat.ID)
	}
}

// ring is an offer that wants an answer; it may get none.
func (a *agent) ring(c *client, offer, chat string) {
	w := c.w
	a.offers[offer] = chat
	if !w.calm && w.chance(120) {
		return
	}
	thinking := 200*time.Millisecond + w.around(2*time.Second)
	w.after(thinking, func() {
		if a.offers[offer] != chat || !c.open {
			return
		}
		name := ""
		if w.chance(500) {
			name = offer
		}
		if !w.calm && w.chance(150) {
			c.about(chat, &evenkeel.ChatDecline{Chat: chat, Offer: name})
			return
		}
		c.about(chat, &evenkeel.ChatAccept{Chat: chat, Offer: name})
	})
}

func (a *agent) succeeded(c *client, o *wish) {}

func (a *agent) refused(c *client, o *wish) {}

func (a *agent) act(c *client) {
	w := c.w
	k := w.rng.IntN(100)
	supervises := a.config.Role.Supervises()
	switch {
	case k < 5:
		c.leave(w.around(w.shape.Pace * 2))
	case k < 12:
		c.ask(&evenkeel.SetAgentStatus{Status: evenkeel.AgentStatus(w.rng.IntN(3)), Reason: "lunch"}, nil)
	case k < 24:
		c.ask(&evenkeel.SetAgentStatus{Status: evenkeel.StatusOnline}, nil)
	case k < 30:
		c.mistake(a.any(w))
	case k < 36:
		a.reach(c)
	case k < 42 && supervises:
		a.supervise(c)
	case len(a.chats) > 0:
		a.work(c, pick(w.rng, a.chats...))
	}
}

func (a *agent) any(w *World) string {
	if len(a.chats) == 0 {
		return ""
	}
	return pick(w.rng, a.chats...)
}

// reach asks for chats that may be somebody else's.
func (a *agent) reach(c *client) {
	chat := c.w.someChat()
	if chat == "" {
		return
	}
	switch c.w.rng.IntN(3) {
	case 0:
		c.about(chat, &evenkeel.ChatTake{Chat: chat})
	case 1:
		c.about(chat, &evenkeel.ChatAccept{Chat: chat})
	default:
		c.about(chat, &evenkeel.ChatDecline{Chat: chat})
	}
}

func (w *World) someChat() string {
	var open []string
	for _, c := range w.model.order {
		if !c.gone && c.view != nil && c.view.State != evenkeel.ChatClosed {
			open = append(open, c.id)
		}
	}
	if len(open) == 0 {
		return ""
	}
	return pick(w.rng, open...)
}

// supervise steers somebody else's chats and people.
func (a *agent) supervise(c *client) {
	w := c.w
	chat := w.someChat()
	switch k := w.rng.IntN(6); {
	case k == 0:
		other := pick(w.rng, w.shape.Agents...)
		c.ask(&evenkeel.SetAgentStatus{Agent: other.ID, Status: evenkeel.AgentStatus(w.rng.IntN(3))}, nil)
	case chat == "":
	case k == 1:
		priority := int64(w.rng.IntN(3))
		c.about(chat, &evenkeel.ChatUpdate{Chat: chat, Priority: &priority, Tags: []string{"vip"}})
	case k == 2:
		c.about(chat, &evenkeel.ChatTake{Chat: chat})
	case k == 3:
		c.about(chat, &evenkeel.ChatClose{Chat: chat})
	default:
		a.transfer(c, chat)
	}
}

// work is what an agent does in a chat.
func (a *agent) work(c *client, chat string) {
	w := c.w
	switch k := w.rng.IntN(100); {
	case k < 8:
		a.transfer(c, chat)
	case k < 12:
		c.about(chat, &evenkeel.ChatInvite{Chat: chat, Agent: pick(w.rng, w.shape.Agents...).ID})
	case k < 15:
		c.about(chat, &evenkeel.ChatLeave{Chat: chat})
	case k < 23:
		c.about(chat, &evenkeel.ChatClose{Chat: chat})
	case k < 31:
		text := w.words(noteMark)
		body := &evenkeel.ChatWrapup{Chat: chat, Notes: text, Tags: []string{"done"}, Done: w.chance(600)}
		c.ask(body, func(o *wish) { o.chat, o.text, o.note = chat, text, true })
	case k < 45:
		c.note(chat)
	case k < 55:
		c.mark(chat)
	default:
		for range 1 + w.rng.IntN(w.shape.Window) {
			c.say(chat)
		}
	}
}

func (a *agent) transfer(c *client, chat string) {
	w := c.w
	body := &evenkeel.ChatTransfer{Chat: chat}
	if w.chance(600) {
		body.Note = w.words(noteMark)
	}
	if w.chance(500) {
		body.Queue = pick(w.rng, w.shape.Queues...).ID
	} else {
		body.Agent = pick(w.rng, w.shape.Agents...).ID
	}
	c.ask(body, func(o *wish) {
		o.chat, o.text, o.note = chat, body.Note, true
	})
}
