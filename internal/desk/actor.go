package desk

import (
	"github.com/evenkeel/evenkeel"
)

// actor is who asks, as the desk knows him at this index.
type actor struct {
	ws       string
	role     evenkeel.Role
	agent    *agentRow // a person of the staff
	customer string    // a customer's id
	service  *apiKeyRow
	sign     string             // the name with which the system signs, if it has one
	by       evenkeel.Principal // in whose name it is done
}

// resolve finds out who asks and whether his role may. The cell itself may do
// anything.
func (d *Desk) resolve(c *call) *evenkeel.Error {
	if c.by.Kind == evenkeel.PrincipalSystem {
		c.actor = actor{by: c.by, ws: c.onBehalfOf.Workspace}
		return nil
	}
	a, refusal := d.actorBehind(c)
	if refusal != nil {
		return refusal
	}
	if !evenkeel.Allowed(a.role, c.kind) {
		return evenkeel.Errorf(evenkeel.CodeForbidden, "the role %s may not ask for %s", a.role, c.kind)
	}
	if c.onBehalfOf != (evenkeel.Principal{}) {
		if a, refusal = d.behalf(a, c); refusal != nil {
			return refusal
		}
	}
	c.actor = a
	return nil
}

// actorBehind returns who sent a command: of a session it is known.
func (d *Desk) actorBehind(c *call) (actor, *evenkeel.Error) {
	s := c.from
	if s == nil || s.ws.Suspended {
		return d.actorOf(c.by)
	}
	a := actor{ws: c.by.Workspace, by: c.by}
	if s.agent != nil {
		a.agent, a.role = s.agent, s.agent.Config.Role
	} else {
		a.customer, a.role = c.by.ID, evenkeel.RoleCustomer
	}
	return a, nil
}

// behalf turns a service into the customer or agent that it acts for.
func (d *Desk) behalf(a actor, c *call) (actor, *evenkeel.Error) {
	if a.service == nil {
		return a, evenkeel.Errorf(evenkeel.CodeForbidden, "only a service may act on behalf of somebody")
	}
	if c.onBehalfOf.Workspace != a.ws || c.onBehalfOf.Kind == evenkeel.PrincipalService || c.onBehalfOf.Kind == evenkeel.PrincipalSystem {
		return a, evenkeel.FieldErrorf("on_behalf_of", "a service acts for a customer or an agent of its own workspace")
	}
	other, refusal := d.actorOf(c.onBehalfOf)
	if refusal != nil {
		return a, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no %s to act for", c.onBehalfOf)
	}
	if !evenkeel.Allowed(other.role, c.kind) {
		return a, evenkeel.Errorf(evenkeel.CodeForbidden, "the role %s may not ask for %s", other.role, c.kind)
	}
	other.service = a.service
	return other, nil
}

func (d *Desk) actorOf(p evenkeel.Principal) (actor, *evenkeel.Error) {
	a := actor{ws: p.Workspace, by: p}
	ws := d.workspaces.get(p.Workspace)
	if ws == nil {
		return a, evenkeel.Errorf(evenkeel.CodeUnauthenticated, "there is no such workspace")
	}
	switch p.Kind {
	case evenkeel.PrincipalVisitor:
		a.role, a.customer = evenkeel.RoleCustomer, p.ID
	case evenkeel.PrincipalAgent:
		if a.agent = d.agents.get(key{p.Workspace, p.ID}); a.agent == nil {
			return a, evenkeel.Errorf(evenkeel.CodeUnauthenticated, "the agent %s does not exist any more", p.ID)
		}
		a.role = a.agent.Config.Role
	case evenkeel.PrincipalService:
		if a.service = d.apiKeys.get(key{p.Workspace, p.ID}); a.service == nil {
			return a, evenkeel.Errorf(evenkeel.CodeUnauthenticated, "the API key %s does not exist any more", p.ID)
		}
		a.role = a.service.Config.Role
	default:
		return a, evenkeel.Errorf(evenkeel.CodeUnauthenticated, "nobody may act as %s", p.Kind)
	}
	if ws.Suspended && a.role != evenkeel.RoleOperator {
		return a, evenkeel.Errorf(evenkeel.CodeForbidden, "the workspace %s is suspended", ws.ID)
	}
	return a, nil
}

// supervises tells whether the actor may see and steer every chat of the
// workspace.
func (a *actor) supervises() bool {
	return a.role.Supervises() && (a.agent != nil || a.service != nil)
}

// author returns how the actor signs what he writes in a chat.
func (a *actor) author(c *chatRow) evenkeel.Author {
	if a.customer != "" && a.agent == nil {
		return evenkeel.Author{Kind: evenkeel.AuthorCustomer, ID: c.Customer, Name: c.customer.Name}
	}
	return a.signature()
}

// signature is how the staff and the system sign.
func (a *actor) signature() evenkeel.Author {
	switch {
	case a.agent != nil:
		return evenkeel.Author{Kind: evenkeel.AuthorAgent, ID: a.agent.Config.ID, Name: a.agent.Config.Name}
	case a.service != nil:
		name := a.service.Config.Name
		if name == "" {
			name = a.service.Config.ID
		}
		return evenkeel.Author{Kind: evenkeel.AuthorBot, ID: a.service.Config.ID, Name: name}
	default:
		return evenkeel.Author{Kind: evenkeel.AuthorSystem, Name: a.sign}
	}
}

// sees tells whether the actor may know of the chat and read it: its customer,
// its owner and participants, and whoever supervises.
func (a *actor) sees(c *chatRow) bool {
	switch {
	case a.by.Kind == evenkeel.PrincipalSystem:
		return a.ws == "" || a.ws == c.Workspace
	case c.Workspace != a.ws:
		return false
	case a.agent != nil:
		return a.supervises() || c.works(a.agent.Config.ID)
	case a.customer != "":
		return c.Customer == a.customer
	default:
		return a.service != nil && a.supervises()
	}
}

// works tells whether an agent owns the chat or was invited to it.
func (c *chatRow) works(agent string) bool {
	if c.Agent == agent {
		return true
	}
	for _, id := range c.Invited {
		if id == agent {
			return true
		}
	}
	return false
}

// knows tells whether the actor may see that the chat exists and how it
// stands: whoever reads it, the agent it is offered to, and the members of a
// queue in which agents pick.
func (a *actor) knows(c *chatRow) bool {
	if a.sees(c) {
		return true
	}
	if a.agent == nil || c.Workspace != a.ws {
		return false
	}
	if c.Offer != nil && c.Offer.Agent == a.agent.Config.ID {
		return true
	}
	return a.mayPick(c)
}

// mayPick tells whether the actor may take this waiting chat by himself.
func (a *actor) mayPick(c *chatRow) bool {
	waits := c.State == evenkeel.ChatQueued || c.State == evenkeel.ChatOffered
	return waits && c.queue.Config.Pick && a.agent.member(c.Queue)
}

func (a *agentRow) member(queue string) bool { return memberOf(a.Config.Queues, queue) }

func memberOf(queues []evenkeel.Membership, queue string) bool {
	for _, m := range queues {
		if m.Queue == queue {
			return true
		}
	}
	return false
}

// chatFor finds a chat that the actor may read; for everybody else it does not
// exist.
func (d *Desk) chatFor(a *actor, id string) (*chatRow, *evenkeel.Error) {
	c := d.chats.get(id)
	if c == nil || c.leaving() || !a.sees(c) {
		return nil, errNoChat(id)
	}
	return c, nil
}

// knownChat finds a chat that the actor may know of.
func (d *Desk) knownChat(a *actor, id string) (*chatRow, *evenkeel.Error) {
	c := d.chats.get(id)
	if c == nil || c.leaving() || !a.knows(c) {
		return nil, errNoChat(id)
	}
	return c, nil
}

// leaving tells whether the chat's history is being dropped, in parts: it is
// gone for everybody.
func (c *chatRow) leaving() bool {
	return c.State == evenkeel.ChatClosed && c.LingerTimer == 0 && c.Lingered == 0
}

func errNoChat(id string) *evenkeel.Error {
	return evenkeel.Errorf(evenkeel.CodeNotFound, "there is no chat %q", id)
}

// MaySubscribe tells whether a principal may follow a channel: nil, or the
// refusal.
func (d *Desk) MaySubscribe(by evenkeel.Principal, channel string) error {
	denied := evenkeel.Errorf(evenkeel.CodeNotFound, "there is no channel %q", channel)
	if by.Kind == evenkeel.PrincipalUser {
		return denied // the desk's channels are none of his
	}
	a, refusal := d.actorOf(by)
	if refusal != nil {
		return refusal
	}
	ws, kind, id, ok := evenkeel.ParseChannel(channel)
	if !ok || ws != a.ws {
		return denied
	}
	allowed := false
	switch kind {
	case evenkeel.ChannelChat, evenkeel.ChannelStaff:
		_, refusal := d.chatFor(&a, id)
		allowed = refusal == nil && (kind == evenkeel.ChannelChat || a.customer == "")
	case evenkeel.ChannelAgent:
		allowed = a.agent != nil && a.agent.Config.ID == id || a.supervises() && d.agents.get(key{ws, id}) != nil
	case evenkeel.ChannelVisitor:
		allowed = a.customer == id
	case evenkeel.ChannelQueue:
		allowed = a.supervises() && d.queues.get(key{ws, id}) != nil
	case evenkeel.ChannelDesk:
		allowed = a.supervises()
	case evenkeel.ChannelMissed:
		allowed = a.handles(id) && d.queues.get(key{ws, id}) != nil
	}
	if !allowed {
		return denied
	}
	return nil
}
