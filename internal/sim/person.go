package sim

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel/evenkeel"
)

// noteMark is in every note, and in nothing else.
const noteMark = "[note]"

// person is who sits before a client.
type person interface {
	welcome(c *client)            // the client is connected
	refresh(c *client)            // what was missed is gone: look at the state
	hear(c *client, data []byte)  // something on his own channel
	succeeded(c *client, o *wish) // a wish was granted
	refused(c *client, o *wish)   // a wish was refused
	act(c *client)                // time to do something
}

// populate makes everybody.
func (w *World) populate() {
	for i := range w.shape.Agents {
		a := &w.shape.Agents[i]
		w.enter(&client{name: a.ID, principal: agentPrincipal(a.ID), staff: true, person: &agent{config: a, role: map[string]bool{}, offers: map[string]string{}}})
	}
	for i := range w.shape.Visitors {
		name := "v" + strconv.Itoa(i)
		p := evenkeel.Principal{Workspace: evenkeel.DefaultWorkspace, Kind: evenkeel.PrincipalVisitor, ID: name}
		w.enter(&client{name: name, principal: p, person: &visitor{}})
	}
	w.configure()
}

func (w *World) enter(c *client) {
	c.w, c.subs, c.calls = w, map[string]*follow{}, map[uint32]*wish{}
	w.clients = append(w.clients, c)
	w.byName[c.name] = c
	w.after(w.around(w.shape.Pace), c.dial)
	w.live(c)
}

// live lets a person do something now and then, until it gets calm.
func (w *World) live(c *client) {
	w.after(w.around(w.shape.Pace), func() {
		if w.calm {
			return
		}
		if c.open && len(c.queue) < w.shape.Window {
			c.person.act(c)
		}
		w.live(c)
	})
}

// configure has the queues and the agents made, by the cell itself.
func (w *World) configure() {
	var bodies []evenkeel.Body
	for _, q := range w.shape.Queues {
		bodies = append(bodies, &evenkeel.QueuePut{Queue: q})
	}
	for _, a := range w.shape.Agents {
		bodies = append(bodies, &evenkeel.AgentPut{Agent: a})
	}
	w.install(bodies, 0)
}

// install has the bodies done, one after the other.
func (w *World) install(bodies []evenkeel.Body, at int) {
	if at == len(bodies) {
		w.tracef("the cell is configured")
		return
	}
	ws := evenkeel.Principal{Workspace: evenkeel.DefaultWorkspace}
	command := &evenkeel.Command{By: evenkeel.System(), OnBehalfOf: ws, ID: "config" + strconv.Itoa(at), Body: bodies[at]}
	w.orderAs(command, func(r *evenkeel.Result) {
		w.check(r != nil, "the cell can be configured", "%s was refused", command.Body.Kind())
		w.install(bodies, at+1)
	})
}

// words makes a text that nobody else will ever say.
func (w *World) words(mark string) string {
	w.count++
	s := "t" + strconv.FormatUint(w.count, 10) + mark
	if w.chance(300) {
		s += strings.Repeat(" blah", w.rng.IntN(w.shape.Filler/5+1))
	}
	if w.chance(w.shape.Poison) {
		s += poison
	}
	return cutTo(s, int(w.shape.Limits.MessageChars))
}

func cutTo(s string, n int) string { return s[:min(len(s), n)] }

// say sends a message.
func (c *client) say(chat string) *wish {
	text := c.w.words("")
	return c.ask(&evenkeel.ChatSend{Chat: chat, Text: text}, func(o *wish) {
		o.text, o.chat = text, chat
	})
}

func (c *client) note(chat string) {
	text := c.w.words(noteMark)
	c.ask(&evenkeel.ChatNote{Chat: chat, Text: text}, func(o *wish) {
		o.text, o.chat, o.note = text, chat, true
	})
}

// about asks for something that concerns a chat and says nothing.
func (c *client) about(chat string, body evenkeel.Body) {
	c.ask(body, func(o *wish) { o.chat = chat })
}

// wrong asks for something that has to be refused.
func (c *client) wrong(chat, text string, body evenkeel.Body) {
	c.ask(body, func(o *wish) { o.chat, o.text, o.wrong = chat, text, true })
}

// reuse asks for something else under an id that was used.
func (c *client) reuse() {
	for _, o := range slices.Backward(c.w.ledger.wishes) {
		if _, said := o.body.(*evenkeel.ChatSend); said && o.client == c && o.done && o.ok && !c.w.model.chats[o.chat].gone {
			text := c.w.words("")
			c.ask(&evenkeel.ChatSend{Chat: o.chat, Text: text}, func(again *wish) {
				again.id, again.chat, again.text, again.wrong = o.id, o.chat, text, true
			})
			return
		}
	}
}

// mistake asks for one of the things that anybody may get wrong.
func (c *client) mistake(mine string) {
	w := c.w
	other := ""
	for _, chat := range w.model.order {
		if chat.view != nil && !chat.gone && chat.view.Customer != c.principal.ID && !c.staff {
			other = chat.id
		}
	}
	text := w.words("")
	switch k := w.rng.IntN(8); {
	case k == 0 && mine != "":
		long := strings.Repeat("x", int(w.shape.Limits.MessageChars)+1)
		c.wrong(mine, "", &evenkeel.ChatSend{Chat: mine, Text: long})
	case k == 1 && mine != "":
		c.wrong(mine, "", &evenkeel.ChatSend{Chat: mine})
	case k == 2:
		c.wrong("c999999", text, &evenkeel.ChatSend{Chat: "c999999", Text: text})
	case k == 3 && other != "":
		c.wrong(other, text, &evenkeel.ChatSend{Chat: other, Text: text})
	case k == 4 && mine != "" && !c.staff:
		c.wrong(mine, text+noteMark, &evenkeel.ChatNote{Chat: mine, Text: text + noteMark})
	case k == 5 && !c.staff && other != "":
		c.wrong(other, "", &evenkeel.ChatClose{Chat: other})
	case k == 6 && !c.staff:
		c.wrong("", "", &evenkeel.SetAgentStatus{Agent: "a0", Status: evenkeel.StatusAway})
	case k == 7 && !c.staff:
		c.wrong("", text, &evenkeel.ChatStart{Priority: 5, Message: text})
	default:
		c.reuse()
	}
}

// visitor is a customer.
type visitor struct {
	chat string // his live one, as far as he knows
	last string // his last one that is over
}

func (v *visitor) welcome(c *client) {}

// refresh looks at the state, as a page does that was away for too long.
func (v *visitor) refresh(c *client) {
	if c.conn == nil || !c.conn.node.reachable() {
		return
	}
	state, err := c.conn.node.desk().VisitorDesk(c.principal)
	if err != nil {
		return
	}
	v.chat = ""
	for _, chat := range state.Chats {
		if !chat.State.Over() {
			v.chat = chat.ID
			c.want("chat:"+v.chat, true)
		}
	}
}

func (v *visitor) hear(c *client, data []byte) {
	var p struct {
		Type string `json:"type"`
		Chat struct {
			ID    string `json:"id"`
			State string `json:"state"`
		} `json:"chat"`
	}
	if json.Unmarshal(data, &p) != nil || p.Type != "state" {
		return
	}
	if p.Chat.State == "closed" {
		v.last = p.Chat.ID
		if v.chat == p.Chat.ID {
			v.chat = ""
		}
		return
	}
	v.chat = p.Chat.ID
	c.want("chat:"+v.chat, true)
}

func (v *visitor) succeeded(c *client, o *wish) {
	if _, start := o.body.(*evenkeel.ChatStart); start && o.got.State != "closed" && o.got.State != "wrapping" {
		v.chat = o.got.Chat
		c.want("chat:"+v.chat, c.w.chance(500))
	}
}

// refused makes room: of what is full nobody has any use.
func (v *visitor) refused(c *client, o *wish) {
	if o.code == evenkeel.CodeLimitReached && o.chat != "" && o.chat == v.chat && c.w.chance(300) {
		c.about(v.chat, &evenkeel.ChatClose{Chat: v.chat})
	}
}

func (v *visitor) act(c *client) {
	w := c.w
	k := w.rng.IntN(100)
	switch {
	case k < 6:
		c.leave(w.around(w.shape.Pace * 2))
	case k < 16:
		c.mistake(v.chat)
	case v.chat == "" && (k < 75 || v.last == ""):
		q := pick(w.rng, w.shape.Queues...)
		start := &evenkeel.ChatStart{Queue: q.ID, Subject: "help", Name: "Visitor " + c.name}
		if w.chance(600) {
			start.Message = w.words("")
		}
		c.ask(start, func(o *wish) { o.text = start.Message })
	case v.chat == "" && k < 85:
		c.wrong(v.last, "", &evenkeel.ChatRate{Chat: v.last, Score: 9})
	case v.chat == "" && k < 92:
		c.about(v.last, &evenkeel.ChatRate{Chat: v.last, Score: int64(1 + w.rng.IntN(5)), Comment: "thanks"})
	case v.chat == "":
		text := w.words("")
		c.wrong(v.last, text, &evenkeel.ChatSend{Chat: v.last, Text: text})
	case k < 22:
		c.mark(v.chat)
	case k < 32:
		c.about(v.chat, &evenkeel.ChatClose{Chat: v.chat})
	default:
		for range 1 + w.rng.IntN(w.shape.Window) {
			c.say(v.chat)
		}
	}
}

// mark says how far the client has seen.
func (c *client) mark(chat string) {
	if m := c.w.model.chats[chat]; m != nil && m.messages > 0 {
		number := 1 + c.w.rng.Uint64N(m.messages)
		var body evenkeel.Body = &evenkeel.ChatSeen{Chat: chat, Number: number}
		if c.w.chance(400) {
			body = &evenkeel.ChatDelivered{Chat: chat, Number: number}
		}
		c.ask(body, func(o *wish) { o.chat, o.id = chat, "" })
	}
}
