package client

import (
	"context"
	"maps"

	"github.com/evenkeel/evenkeel"
)

// Visitor is a connection of a customer. While it is open he counts as present.
type Visitor struct {
	person
	id    string
	chats map[string]*evenkeel.Chat
}

// Visitor connects as the visitor whose token the client has, or as a new one
// if it has none. His live chats are followed from their first message on.
// Updates must be taken by Next all the time.
func (c *Client) Visitor(ctx context.Context, cfg ConnConfig) (*Visitor, error) {
	if c.credential() == "" {
		if _, err := c.NewVisitor(ctx, ""); err != nil {
			return nil, err
		}
	}
	me, err := c.Me(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := c.Connect(ctx, cfg)
	if err != nil {
		return nil, err
	}
	v := &Visitor{id: me.ID, person: person{Conn: conn, workspace: me.Workspace, told: map[string]uint64{}}}
	if err := v.resync(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return v, nil
}

func (v *Visitor) resync(ctx context.Context) error {
	var s struct {
		Chats    []*evenkeel.Chat  `json:"chats"`
		Position evenkeel.Position `json:"position"`
	}
	if err := v.Call(ctx, "visitor.state", struct{}{}, &s); err != nil {
		return err
	}
	v.mu.Lock()
	v.own, v.chats = s.Position, map[string]*evenkeel.Chat{}
	for _, chat := range s.Chats {
		v.chats[chat.ID] = chat
	}
	v.mu.Unlock()
	for _, chat := range s.Chats {
		v.followChat(chat.ID)
	}
	return nil
}

// Start starts a chat, or finds the live one in that queue, and follows it from
// its first message on.
func (v *Visitor) Start(ctx context.Context, s ChatStart) (*Started, error) {
	started, err := v.StartChat(ctx, s)
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	if v.chats[started.Chat.ID] == nil {
		v.chats[started.Chat.ID] = started.Chat
	}
	v.mu.Unlock()
	v.followChat(started.Chat.ID)
	return started, nil
}

// Next waits for the next update.
func (v *Visitor) Next(ctx context.Context) (Update, error) {
	u, err := v.next(ctx, v.resync)
	if err == nil && u.Type == evenkeel.PubState {
		v.apply(&u)
	}
	return u, err
}

// apply keeps the chats up to date. A chat that is over is left when its own
// channel says so: that is the last word there but for a rating.
func (v *Visitor) apply(u *Update) {
	_, kind, _, _ := evenkeel.ParseChannel(u.Channel)
	v.mu.Lock()
	over := u.Chat.State == evenkeel.ChatClosed
	if over && kind == evenkeel.ChannelChat {
		delete(v.chats, u.ChatID)
	} else if !over || v.chats[u.ChatID] != nil {
		v.chats[u.ChatID] = u.Chat
	}
	v.mu.Unlock()
	if over && kind == evenkeel.ChannelChat {
		v.leaveChat(u.ChatID)
	}
}

// ID is the visitor's own id.
func (v *Visitor) ID() string { return v.id }

// Chats are the visitor's live chats, by id, as of the last update that Next has
// returned.
func (v *Visitor) Chats() map[string]*evenkeel.Chat {
	v.mu.Lock()
	defer v.mu.Unlock()
	return maps.Clone(v.chats)
}

// Seen tells the agents that messages up to a number were seen.
func (v *Visitor) Seen(ctx context.Context, chat string, number uint64) error {
	return v.Call(ctx, "chat.seen", map[string]any{"chat": chat, "number": number}, nil)
}

// Typing shows the agents what the customer is about to say.
func (v *Visitor) Typing(ctx context.Context, chat, preview string) error {
	params := map[string]any{"chat": chat}
	put(params, "preview", preview)
	return v.Call(ctx, "chat.typing", params, nil)
}
