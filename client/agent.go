package client

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel"
)

// Agent is a connection of a person who works in a queue. While it is open the
// agent counts as connected; offers come when he is online as well.
type Agent struct {
	person
	id     string
	status AgentDesk
}

// AgentDesk is what an agent has before him.
type AgentDesk struct {
	Agent     string
	Status    evenkeel.AgentStatus
	Reason    string
	Connected bool
	Chats     map[string]*evenkeel.Chat  // his own, and those he was invited to
	Offers    map[string]*evenkeel.Offer // by the offer's id
}

// agentState is the answer of agent.state.
type agentState struct {
	Agent     string               `json:"agent"`
	Status    evenkeel.AgentStatus `json:"status"`
	Reason    string               `json:"reason"`
	Connected bool                 `json:"connected"`
	Chats     []*evenkeel.Chat     `json:"chats"`
	Offers    []*evenkeel.Offer    `json:"offers"`
	Position  evenkeel.Position    `json:"position"`
}

// Agent connects as the agent whose login the client has. The chats that he has
// are followed from their first message on, and so is each that he is assigned.
// Updates must be taken by Next all the time.
func (c *Client) Agent(ctx context.Context, cfg ConnConfig) (*Agent, error) {
	me, err := c.Me(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := c.Connect(ctx, cfg)
	if err != nil {
		return nil, err
	}
	a := &Agent{id: me.ID, person: person{Conn: conn, workspace: me.Workspace, notes: true, told: map[string]uint64{}}}
	if err := a.resync(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return a, nil
}

// resync fetches the state and follows its chats.
func (a *Agent) resync(ctx context.Context) error {
	var s agentState
	if err := a.Call(ctx, "agent.state", struct{}{}, &s); err != nil {
		return err
	}
	a.mu.Lock()
	had := a.status.Chats
	a.own = s.Position
	a.status = AgentDesk{
		Agent: s.Agent, Status: s.Status, Reason: s.Reason, Connected: s.Connected,
		Chats: map[string]*evenkeel.Chat{}, Offers: map[string]*evenkeel.Offer{},
	}
	for _, o := range s.Offers {
		a.status.Offers[o.ID] = o
	}
	for _, chat := range s.Chats {
		a.status.Chats[chat.ID] = chat
	}
	a.mu.Unlock()
	for _, chat := range s.Chats {
		a.followChat(chat.ID)
		delete(had, chat.ID)
	}
	for _, gone := range slices.Sorted(maps.Keys(had)) {
		a.leaveChat(gone)
	}
	return nil
}

// Next waits for the next update.
func (a *Agent) Next(ctx context.Context) (Update, error) {
	u, err := a.next(ctx, a.resync)
	if err == nil {
		a.apply(&u)
	}
	return u, err
}

// apply keeps the agent's desk up to date.
func (a *Agent) apply(u *Update) {
	a.mu.Lock()
	defer a.mu.Unlock()
	d := &a.status
	switch u.Type {
	case evenkeel.PubStatus:
		d.Status, d.Reason, d.Connected = u.Status, u.Away, u.Online
	case evenkeel.PubOffer:
		d.Offers[u.Offer] = &evenkeel.Offer{ID: u.Offer, Chat: u.Chat, Deadline: u.Deadline}
	case evenkeel.PubOfferEnd:
		delete(d.Offers, u.Offer)
	case evenkeel.PubAssigned:
		d.Chats[u.ChatID] = u.Chat
		a.mu.Unlock()
		a.followChat(u.ChatID)
		a.mu.Lock()
	case evenkeel.PubUnassigned:
		delete(d.Chats, u.ChatID)
		a.mu.Unlock()
		a.leaveChat(u.ChatID)
		a.mu.Lock()
	case evenkeel.PubDetails:
		if _, mine := d.Chats[u.ChatID]; mine && strings.Contains(u.Channel, evenkeel.ChannelStaff+":") {
			d.Chats[u.ChatID] = u.Chat
		}
	}
}

// ID is the agent's own id.
func (a *Agent) ID() string { return a.id }

// Desk is what the agent has before him, as of the last update that Next has
// returned.
func (a *Agent) Desk() AgentDesk {
	a.mu.Lock()
	defer a.mu.Unlock()
	d := a.status
	d.Chats, d.Offers = maps.Clone(d.Chats), maps.Clone(d.Offers)
	return d
}

// SetStatus sets what the agent wants to be, with a reason for being away.
func (a *Agent) SetStatus(ctx context.Context, s evenkeel.AgentStatus, reason string) error {
	params := map[string]any{"id": NewID(), "status": s}
	put(params, "reason", reason)
	return a.Call(ctx, "agent.status", params, nil)
}

// Seen tells the customer that messages up to a number were seen.
func (a *Agent) Seen(ctx context.Context, chat string, number uint64) error {
	return a.Call(ctx, "chat.seen", map[string]any{"chat": chat, "number": number}, nil)
}

// Typing shows the customer that the agent types. It is not kept, and not
// repeated where it gets lost.
func (a *Agent) Typing(ctx context.Context, chat string) error {
	return a.Call(ctx, "chat.typing", map[string]any{"chat": chat}, nil)
}
