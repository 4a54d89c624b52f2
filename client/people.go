package client

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/evenkeel/evenkeel"
)

// Update is one thing that an agent or a visitor is told, in order.
//
// Kind is the publication's type as docs/realtime.md has it ("message",
// "offer", "assigned", "state", ...), or "resync": so much was missed that the
// server does not keep it any more; the state was fetched anew, ask for it.
type Update struct {
	evenkeel.Publication // Type 0: of a kind that this version does not know, see Raw
	Kind                 string
	Channel              string
	Raw                  json.RawMessage
}

// person is what Agent and Visitor have in common: a connection, the chats that
// it follows, and how far each has been told.
type person struct {
	*Conn
	workspace string
	notes     bool // follows staff channels, too

	mu      sync.Mutex
	told    map[string]uint64 // the last message of each chat that was told
	pending []Update          // to be told before what the connection has
	owed    *Event            // taken from the connection, but not digested yet
	own     evenkeel.Position // of the own channel, as the fetched state reflects it
}

// followChat subscribes to a chat from its first event on.
func (p *person) followChat(chat string) {
	p.follow(evenkeel.Channel(p.workspace, evenkeel.ChannelChat, chat), &evenkeel.Position{})
	if p.notes {
		p.follow(evenkeel.Channel(p.workspace, evenkeel.ChannelStaff, chat), &evenkeel.Position{})
	}
}

func (p *person) leaveChat(chat string) {
	p.Unsubscribe(evenkeel.Channel(p.workspace, evenkeel.ChannelChat, chat))
	if p.notes {
		p.Unsubscribe(evenkeel.Channel(p.workspace, evenkeel.ChannelStaff, chat))
	}
	p.mu.Lock()
	delete(p.told, chat)
	p.mu.Unlock()
}

// next waits for the next update. resync fetches the own state after a hole in
// the own channel.
func (p *person) next(ctx context.Context, resync func(context.Context) error) (Update, error) {
	for {
		if u, ok := p.shift(); ok {
			return u, nil
		}
		e, err := p.event(ctx)
		if err != nil {
			return Update{}, err
		}
		u, ok, err := p.digest(ctx, &e, resync)
		if err != nil {
			p.mu.Lock()
			p.owed = &e // it is told by the next call
			p.mu.Unlock()
			return Update{}, err
		}
		if ok {
			return u, nil
		}
	}
}

// event is the one that a call could not digest in its time, or the
// connection's next.
func (p *person) event(ctx context.Context) (Event, error) {
	p.mu.Lock()
	owed := p.owed
	p.owed = nil
	p.mu.Unlock()
	if owed != nil {
		return *owed, nil
	}
	return p.Conn.Next(ctx)
}

// digest makes an update of an event; false: none, or those that are pending.
func (p *person) digest(ctx context.Context, e *Event, resync func(context.Context) error) (Update, bool, error) {
	_, kind, id, _ := evenkeel.ParseChannel(e.Channel)
	switch {
	case e.Kind == Published:
		u, ok := p.read(e, id)
		if ok && kind == evenkeel.ChannelChat && u.Type == evenkeel.PubMessage {
			return u, false, p.tell(ctx, id, u)
		}
		return u, ok, nil
	case e.Kind == Gap && kind == evenkeel.ChannelChat:
		return Update{}, false, p.fill(ctx, id)
	case e.Kind == Gap && (kind == evenkeel.ChannelAgent || kind == evenkeel.ChannelVisitor):
		return Update{Kind: "resync", Channel: e.Channel}, true, resync(ctx)
	}
	return Update{}, false, nil
}

func (p *person) shift() (Update, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.pending) == 0 {
		return Update{}, false
	}
	u := p.pending[0]
	p.pending = slices.Delete(p.pending, 0, 1)
	return u, true
}

// read makes an update of an event; false: it is no news.
func (p *person) read(e *Event, id string) (Update, bool) {
	u := Update{Channel: e.Channel, Raw: e.Data}
	var kind struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(e.Data, &kind) != nil || json.Unmarshal(e.Data, &u.Publication) != nil {
		return u, false // not a publication of the desk
	}
	if kind.Type == "" || u.Type == evenkeel.PubMessage && u.Message == nil {
		return u, false // nor this: the desk gives each its type, and a message with "message"
	}
	u.Kind = kind.Type
	p.mu.Lock()
	own := p.own
	p.mu.Unlock()
	chat := strings.Contains(e.Channel, evenkeel.ChannelChat+":") || strings.Contains(e.Channel, evenkeel.ChannelStaff+":")
	if !chat && e.Position.Offset > 0 && e.Position.Epoch == own.Epoch && e.Position.Offset <= own.Offset {
		return u, false // the fetched state has it
	}
	switch {
	case u.ChatID != "":
	case u.Chat != nil:
		u.ChatID = u.Chat.ID
	case chat:
		u.ChatID = id
	}
	return u, true
}

// tell queues a message, and before it those that are missing.
func (p *person) tell(ctx context.Context, chat string, u Update) error {
	p.mu.Lock()
	last := p.told[chat]
	p.mu.Unlock()
	if u.Message.Number > last+1 {
		if err := p.fill(ctx, chat); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if u.Message.Number == p.told[chat]+1 {
		p.told[chat] = u.Message.Number
		p.pending = append(p.pending, u)
	}
	return nil
}

// fill reads the messages of a chat behind the last one that was told.
func (p *person) fill(ctx context.Context, chat string) error {
	p.mu.Lock()
	last := p.told[chat]
	p.mu.Unlock()
	for line, err := range p.client.Transcript(ctx, chat, last, false) {
		if err != nil {
			return err
		}
		if line.Message == nil {
			continue
		}
		u := Update{Kind: "message", Channel: evenkeel.Channel(p.workspace, evenkeel.ChannelChat, chat)}
		u.Type, u.Message, u.ChatID = evenkeel.PubMessage, line.Message, chat
		p.mu.Lock()
		p.told[chat] = line.Message.Number
		p.pending = append(p.pending, u)
		p.mu.Unlock()
	}
	return nil
}
