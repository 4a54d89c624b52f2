package sim

import (
	"slices"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
)

// model is what an attentive reader of all channels knows about the chats: it is
// made of publications alone, and held against what the desk answers.
type model struct {
	w      *World
	chats  map[string]*chat
	order  []*chat
	wall   evenkeel.Time
	made   moment // the present entry
	more   bool   // follow-up work is left
	shift  evenkeel.Duration
	time   evenkeel.DeskTime // of the last entry
	queues map[string]*evenkeel.Queue

	offline map[string]evenkeel.Time // agents who are not connected, and since when
	revoked map[string]time.Duration // when somebody last lost the right to a channel
	steered map[string]bool          // chats that the present entry moves by command
	asked   []asked                  // again, in the present entry
}

// asked is an offer to somebody who refused the chat before.
type asked struct {
	chat  *chat
	agent string
}

// chat is one as its channels show it.
type chat struct {
	id    string
	view  *evenkeel.Chat
	owner string // by the agents' own channels
	staff []string

	offer    *offer
	told     evenkeel.Time     // when details were last told
	toldAt   evenkeel.Duration // the shift then
	given    evenkeel.Time     // when it got its owner
	messages uint64
	notes    uint64
	gone     bool // it has left the desk
	// transferred: it is elsewhere than where it was asked for.
	transferred bool
	born        evenkeel.Time
	// refusers are agents who declined or missed it since it was last given.
	refusers []string
	// givers are agents who may be spared it for a while for other reasons.
	givers []string
}

type offer struct {
	id, agent string
	deadline  evenkeel.Time
	shift     evenkeel.Duration // when it was made
	made      moment
	length    evenkeel.Time // for which it was to stand
}

func newModel(w *World) *model {
	m := &model{w: w, chats: map[string]*chat{}, queues: map[string]*evenkeel.Queue{}, revoked: map[string]time.Duration{}, offline: map[string]evenkeel.Time{}}
	for i := range w.shape.Queues {
		m.queues[w.shape.Queues[i].ID] = &w.shape.Queues[i]
	}
	return m
}

// spared tells whether routing may have a reason not to give an agent the chat.
func (c *chat) spared(agent string) bool {
	return slices.Contains(c.refusers, agent) || slices.Contains(c.givers, agent)
}

func (m *model) chat(id string) *chat {
	c := m.chats[id]
	if c == nil {
		c = &chat{id: id, born: m.wall}
		m.chats[id] = c
		m.order = append(m.order, c)
	}
	return c
}

// observe takes what one entry came to.
func (m *model) observe(d *desk.Desk, entry []byte, out *desk.Output) {
	commands := decode(entry)
	m.w.check(len(out.Results) == len(commands), "each command has a result", "%d results for %d commands", len(out.Results), len(commands))
	m.steered, m.asked = map[string]bool{}, nil
	for i, c := range commands {
		m.w.ledger.applied(c, &out.Results[i])
		switch body := c.Body.(type) {
		case *evenkeel.ChatTransfer:
			m.steered[body.Chat] = true
		case *evenkeel.ChatTake:
			m.steered[body.Chat] = true
		}
	}
	header, _, err := desk.ParseEntry(entry)
	m.w.check(err == nil, "an entry can be read", "%v", err)
	if header.Resume {
		m.w.stats.add("outages told", 1)
		m.shift += min(header.Gap, evenkeel.Duration(max(0, header.Time-m.time)))
		most := evenkeel.DurationOf(m.w.stood.most)
		m.w.check(m.w.stood.off || m.shift <= most, "no outage is made up", "offers are extended by %s, and there was nobody for %s", m.shift, most)
	}
	m.time = max(m.time, header.Time)
	m.wall, m.more = d.Wall(), out.More
	m.made = m.w.made[entryName(out.Index, entry)]
	for i := range out.Events {
		m.event(&out.Events[i])
	}
	if out.More {
		m.w.stats.add("entries with work left over", 1)
	}
	if len(m.asked) > 0 && !out.More {
		m.askedAgain(d)
	}
	m.w.archive.observe(d, m.order)
	m.w.audit(d, len(out.Events) > 0)
}

func (m *model) event(e *evenkeel.Event) {
	switch e.Kind {
	case evenkeel.EventDropped:
		m.w.tracef("%s is dropped", e.Channel)
		m.w.streams.dropped(e.Channel)
		if _, kind, id, _ := evenkeel.ParseChannel(e.Channel); kind == evenkeel.ChannelChat {
			m.left(m.chat(id))
			m.w.stats.add("chats that left the desk", 1)
		}
		return
	case evenkeel.EventPublication:
	case evenkeel.EventRevoked:
		m.w.stats.add("rights revoked", 1)
		m.w.tracef("%s loses the right to %s", e.Principal.ID, e.Channel)
		m.revoked[e.Channel] = m.w.now
		return
	default:
		return
	}
	m.w.streams.published(e)
	_, kind, id, _ := evenkeel.ParseChannel(e.Channel)
	switch p := e.Pub; {
	case p.Message != nil:
		c := m.chat(id)
		c.messages++
		m.w.check(p.Message.Number == c.messages, "messages are numbered without holes", "%s: %d behind %d", id, p.Message.Number, c.messages-1)
		m.w.check(c.view == nil || !c.view.State.Over(), "nobody speaks in a chat that is over", "%s: %q", id, p.Message.Text)
		m.w.ledger.spoken(place{id, false, p.Message.Number}, p.Message.Author, p.Message.ID, p.Message.Text)
	case p.Note != nil:
		c := m.chat(id)
		c.notes++
		m.w.check(p.Note.Number == c.notes, "notes are numbered without holes", "%s: %d behind %d", id, p.Note.Number, c.notes-1)
		m.w.check(p.Note.After == c.messages, "a note stands behind the last message", "%s: %d, not %d", id, p.Note.After, c.messages)
		m.w.ledger.spoken(place{id, true, p.Note.Number}, p.Note.Author, p.Note.ID, p.Note.Text)
	case p.Type == evenkeel.PubDetails:
		m.details(p.Chat)
	case kind == evenkeel.ChannelAgent:
		m.agent(id, p)
	}
}

// left takes note of a chat that has left the desk.
func (m *model) left(c *chat) {
	c.gone = true
	if c.view != nil && !slices.ContainsFunc(m.order, func(o *chat) bool { return !o.gone && o.view != nil && o.view.Customer == c.view.Customer }) {
		m.w.streams.spent(evenkeel.Channel(evenkeel.DefaultWorkspace, evenkeel.ChannelVisitor, c.view.Customer))
	}
}

// agent is a publication on an agent's own channel.
func (m *model) agent(id string, p *evenkeel.Publication) {
	switch p.Type {
	case evenkeel.PubStatus:
		if p.Online {
			delete(m.offline, id)
		} else if _, known := m.offline[id]; !known {
			m.offline[id] = m.wall
		}
	case evenkeel.PubOffer:
		c := m.chat(p.Chat.ID)
		m.w.check(c.offer == nil && c.owner == "", "a chat is in one place", "%s is offered to %s while %+v, owner %q", c.id, id, c.offer, c.owner)
		c.offer = &offer{p.Offer, id, p.Deadline, m.shift, m.made, p.Deadline - m.wall}
		m.inOrder(c, p.Chat, id)
		if slices.Contains(c.refusers, id) && !m.steered[c.id] {
			m.asked = append(m.asked, asked{c, id})
		}
		m.w.stats.add("offers", 1)
	case evenkeel.PubOfferEnd:
		c := m.chat(p.ChatID)
		m.w.check(c.offer != nil && c.offer.agent == id && c.offer.id == p.Offer, "an offer ends once", "%s for %s: %+v", c.id, id, c.offer)
		m.stood(c.id, c.offer, p.Reason)
		c.offer = nil
		if p.Reason == evenkeel.EndDeclined || p.Reason == evenkeel.EndTimeout {
			c.refusers = append(c.refusers, id)
		}
		m.w.stats.add("offers ended: "+p.Reason.String(), 1)
	case evenkeel.PubAssigned:
		c := m.chat(p.Chat.ID)
		if p.Chat.Agent == nil || p.Chat.Agent.ID != id {
			m.w.check(!slices.Contains(c.staff, id), "an agent joins a chat once", "%s, %s", c.id, id)
			c.staff = append(c.staff, id)
			return
		}
		m.w.check(c.owner == "" && c.offer == nil, "a chat has one owner at most", "%s is %s's and was given to %s (offer %+v)", c.id, c.owner, id, c.offer)
		if c.view != nil && c.view.State == evenkeel.ChatQueued {
			m.inOrder(c, p.Chat, id)
		}
		c.owner, c.given, c.refusers, c.givers = id, m.wall, nil, nil
		c.staff = slices.DeleteFunc(c.staff, func(other string) bool { return other == id })
		m.w.stats.add("assignments", 1)
	case evenkeel.PubUnassigned:
		c := m.chat(p.ChatID)
		if c.owner == id {
			c.owner = ""
			if p.Reason == evenkeel.EndTransferred {
				c.givers = append(c.givers, id)
			}
			m.w.stats.add("assignments ended: "+p.Reason.String(), 1)
			return
		}
		if p.Reason == evenkeel.EndLeft && c.view.State == evenkeel.ChatClosed {
			return // who leaves a closed chat stops reading it, and is told so
		}
		m.w.check(slices.Contains(c.staff, id), "only who had a chat loses it", "%s never was %s's", c.id, id)
		c.staff = slices.DeleteFunc(c.staff, func(other string) bool { return other == id })
	}
}

// stood: an offer that ends for want of an answer stood for its time, and none of
// that is time for which nobody could have accepted it.
func (m *model) stood(chat string, o *offer, why evenkeel.EndReason) {
	if why != evenkeel.EndTimeout {
		return
	}
	lost := m.w.stood.lost - o.made.lost
	stood := evenkeel.Time((m.w.now - o.made.at - lost) / time.Millisecond)
	if m.w.shape.Drift > 0 {
		stood += stood / 20
	}
	m.w.check(stood >= o.length-1, "no offer ends that nobody could have accepted", "that of %s to %s stood for %d of %d ms, and %s were lost", chat, o.agent, stood, o.length, lost)
}

// details is how a chat stands, for the staff.
func (m *model) details(v *evenkeel.Chat) {
	c := m.chat(v.ID)
	if c.view != nil {
		m.w.check(follows(c.view.State, v.State), "a chat's life has an order", "%s goes from %s to %s", v.ID, c.view.State, v.State)
		m.w.check(c.view.QueuedAt == v.QueuedAt && c.view.Customer == v.Customer, "a chat keeps its place in time", "%s: %v, before %v", v.ID, v.QueuedAt, c.view.QueuedAt)
		if c.view.Queue != v.Queue {
			c.transferred = true
			c.givers, c.refusers = append(c.givers, c.refusers...), nil
		}
	}
	m.w.check(v.Messages == c.messages, "messages are numbered without holes", "%s has %d messages, and %d were published", v.ID, v.Messages, c.messages)
	c.view, c.told, c.toldAt = v, m.wall, m.shift
	agent := ""
	if v.Agent != nil {
		agent = v.Agent.ID
	}
	switch v.State {
	case evenkeel.ChatQueued:
		m.w.check(agent == "" && c.owner == "" && c.offer == nil, "a chat is in one place", "%s waits, agent %q, owner %q, offer %+v", v.ID, agent, c.owner, c.offer)
	case evenkeel.ChatOffered:
		m.w.check(agent == "" && c.owner == "" && c.offer != nil, "a chat is in one place", "%s is offered, agent %q, owner %q, offer %+v", v.ID, agent, c.owner, c.offer)
	case evenkeel.ChatActive, evenkeel.ChatWrapping:
		m.w.check(agent != "" && c.owner == agent && c.offer == nil, "a chat has one owner at most", "%s is %s, agent %q, owner %q, offer %+v", v.ID, v.State, agent, c.owner, c.offer)
	case evenkeel.ChatClosed:
		m.w.check(c.owner == "" && c.offer == nil, "a slot is freed", "%s is closed, owner %q, offer %+v", v.ID, c.owner, c.offer)
	}
}

// follows tells whether a chat may go from one state to another.
func follows(from, to evenkeel.ChatState) bool {
	switch from {
	case evenkeel.ChatWrapping:
		return to == evenkeel.ChatWrapping || to == evenkeel.ChatClosed
	case evenkeel.ChatClosed:
		return to == evenkeel.ChatClosed
	default:
		return true
	}
}
