package desk

import (
	"strings"
	"unicode/utf8"

	"github.com/evenkeel/evenkeel"
)

func (d *Desk) agentPut(c *call, b *evenkeel.AgentPut) (evenkeel.Result, *evenkeel.Error) {
	ws := d.workspaces.get(c.actor.ws)
	if ws == nil {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no workspace %q", c.actor.ws)
	}
	old := d.agents.get(key{ws.ID, b.Agent.ID})
	if refusal := d.checkAgent(c, ws, old, b); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if old == nil {
		if ws.agents >= most(ws.Limits.Agents, d.cell.Limits.Agents) {
			return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeLimitReached, "the workspace has %d agents, which is its limit", ws.agents)
		}
		if refusal := d.room(agentSize(&b.Agent)); refusal != nil {
			return evenkeel.Result{}, refusal
		}
		a := &agentRow{Workspace: ws.ID, Config: b.Agent, Password: b.Password, Since: d.Wall()}
		d.addAgent(a)
		return evenkeel.Result{Agent: d.agentState(a), Created: true}, nil
	}
	if refusal := d.resize(agentSize(&old.Config), agentSize(&b.Agent)); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	d.agents.touch(old)
	if old.Config.Email != b.Agent.Email {
		delete(ws.emails, old.Config.Email)
	}
	before := old.Config
	demoted := old.Config.Role.Supervises() && !b.Agent.Role.Supervises()
	lost := old.offersLost(b.Agent.Queues)
	d.discharge(old)
	old.Config = b.Agent
	d.enlist(old)
	old.Turns = old.turnsIn(b.Agent.Queues)
	if b.Password != "" {
		old.Password, old.OneTime = b.Password, false
		d.dropTokens(old, "")
	}
	if b.Agent.Email != "" {
		ws.emails[b.Agent.Email] = old
	}
	d.floorAgent(old)
	for _, chat := range lost {
		d.rescind(chat)
	}
	d.missedLost(old, before.Queues)
	if demoted {
		// What he could follow as a supervisor only the edges know: they
		// disconnect him and he comes back with his new rights.
		d.emit(evenkeel.Event{Kind: evenkeel.EventLoggedOut, Principal: old.principal()})
	}
	return evenkeel.Result{Agent: d.agentState(old)}, nil
}

// offersLost returns the offers that an agent holds as a member of queues in
// which he is not to be any more.
func (a *agentRow) offersLost(queues []evenkeel.Membership) (lost []*chatRow) {
	for _, c := range a.offers {
		if a.member(c.Queue) && !memberOf(queues, c.Queue) {
			lost = append(lost, c)
		}
	}
	return lost
}

// turnsIn returns the turns that mean something: an agent has at most one for
// each of his queues.
func (a *agentRow) turnsIn(queues []evenkeel.Membership) (turns []turn) {
	for _, t := range a.Turns {
		if memberOf(queues, t.Queue) {
			turns = append(turns, t)
		}
	}
	return turns
}

func (d *Desk) addAgent(a *agentRow) {
	d.cell.AgentSeq++
	a.Seq = d.cell.AgentSeq
	a.channel = d.openChannel(evenkeel.Channel(a.Workspace, evenkeel.ChannelAgent, a.Config.ID), agentHistory)
	d.agents.add(a)
	d.account(agentSize(&a.Config))
	a.Stands, a.Settled = a.stands(), d.cell.Now
	d.enlist(a)
	d.linkAgent(a)
}

func (d *Desk) linkAgent(a *agentRow) {
	a.floorID = floorID(a.Workspace, a.Config.ID)
	ws := d.workspaces.get(a.Workspace)
	ws.agents++
	if a.Config.Email != "" {
		ws.emails[a.Config.Email] = a
	}
	d.floorAgent(a)
}

func (d *Desk) checkAgent(c *call, ws *workspaceRow, old *agentRow, b *evenkeel.AgentPut) *evenkeel.Error {
	a := &b.Agent
	if refusal := checkID("id", a.ID); refusal != nil {
		return refusal
	}
	for _, l := range []struct{ field, text string }{{"name", a.Name}, {"email", a.Email}} {
		if refusal := checkLabel(l.field, l.text, maxSubject); refusal != nil {
			return refusal
		}
	}
	if utf8.RuneCountInString(a.Avatar) > 1000 {
		return evenkeel.FieldErrorf("avatar", "the avatar's address is longer than 1000 characters")
	}
	if a.Email != "" && (!strings.Contains(a.Email, "@") || strings.ContainsAny(a.Email, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")) {
		return evenkeel.FieldErrorf("email", "the e-mail address must be in lower case and have an @")
	}
	if other := ws.emails[a.Email]; a.Email != "" && other != nil && other != old {
		return &evenkeel.Error{Code: evenkeel.CodeConflict, Field: "email", Detail: "another agent has this e-mail address"}
	}
	if a.Capacity < 0 || a.Capacity > maxCapacity {
		return evenkeel.FieldErrorf("capacity", "the capacity must be from 0 to %d slots", maxCapacity)
	}
	if len(b.Password) > maxName {
		return evenkeel.FieldErrorf("password", "a password's hash is too long")
	}
	if refusal := d.checkRole(c, ws, old, b); refusal != nil {
		return refusal
	}
	if int64(len(a.Queues)) > d.cell.Limits.AgentQueues {
		return evenkeel.FieldErrorf("queues", "an agent is in at most %d queues", d.cell.Limits.AgentQueues)
	}
	for i, m := range a.Queues {
		if d.queues.get(key{ws.ID, m.Queue}) == nil {
			return evenkeel.FieldErrorf("queues", "there is no queue %q", m.Queue)
		}
		if m.Level < 1 || m.Level > maxLevel {
			return evenkeel.FieldErrorf("queues", "a level is from 1 to %d", maxLevel)
		}
		for _, other := range a.Queues[:i] {
			if other.Queue == m.Queue {
				return evenkeel.FieldErrorf("queues", "the queue %q is listed twice", m.Queue)
			}
		}
	}
	return checkSkills(a.Skills)
}

// checkRole keeps callers from making somebody mightier than themselves or
// signing in as one who is, and the workspace from losing its last admin.
func (d *Desk) checkRole(c *call, ws *workspaceRow, old *agentRow, b *evenkeel.AgentPut) *evenkeel.Error {
	role := b.Agent.Role
	if !role.Staff() {
		return evenkeel.FieldErrorf("role", "an agent's role is agent, supervisor, admin or operator")
	}
	was := old != nil && old.Config.Role == evenkeel.RoleOperator
	if was != (role == evenkeel.RoleOperator) && !c.actor.operates() {
		return &evenkeel.Error{Code: evenkeel.CodeForbidden, Field: "role", Detail: "only an operator can make operators, or unmake them"}
	}
	if was && b.Password != "" && !c.actor.operates() {
		return &evenkeel.Error{Code: evenkeel.CodeForbidden, Field: "password", Detail: "only an operator can set an operator's password"}
	}
	if old != nil && administers(old.Config.Role) && !administers(role) && d.lastAdmin(old) {
		return &evenkeel.Error{Code: evenkeel.CodeConflict, Field: "role", Detail: "the workspace " + ws.ID + " needs an admin"}
	}
	return nil
}

// operates tells whether the actor has an operator's rights of his own: a
// service that acts for one has not.
func (a *actor) operates() bool {
	own := a.service == nil || a.by.Kind == evenkeel.PrincipalService
	return a.by.Kind == evenkeel.PrincipalSystem || a.role == evenkeel.RoleOperator && own
}

func administers(r evenkeel.Role) bool {
	return r == evenkeel.RoleAdmin || r == evenkeel.RoleOperator
}

func (d *Desk) lastAdmin(a *agentRow) bool {
	for _, other := range d.agents.list { // rare, and any order gives the same answer
		if other != a && other.Workspace == a.Workspace && administers(other.Config.Role) {
			return false
		}
	}
	return true
}

// agentDelete removes an agent. His offers and chats go back to their queues.
func (d *Desk) agentDelete(c *call, b *evenkeel.AgentDelete) (evenkeel.Result, *evenkeel.Error) {
	a := d.agents.get(key{c.actor.ws, b.Agent})
	if a == nil {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no agent %q", b.Agent)
	}
	if a.Config.Role == evenkeel.RoleOperator && !c.actor.operates() {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeForbidden, "only an operator can remove an operator")
	}
	if administers(a.Config.Role) && d.lastAdmin(a) {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeConflict, "the workspace %s needs an admin", a.Workspace)
	}
	d.agents.touch(a)
	d.dropAgent(a)
	return evenkeel.Result{}, nil
}

// dropAgent removes a touched agent.
func (d *Desk) dropAgent(a *agentRow) {
	d.setStatus(a, evenkeel.StatusOffline, "deleted") // takes his offers back
	for len(a.owned) > 0 {
		c := a.owned[0]
		d.chats.touch(c)
		if c.State == evenkeel.ChatWrapping {
			d.finish(c)
			continue
		}
		d.systemNote(c, a.Config.Name+" was removed; the chat returned to the queue.")
		d.release(c, evenkeel.EndAgentLost)
		d.wait(c)
	}
	for len(a.invited) > 0 {
		c := a.invited[0]
		d.chats.touch(c)
		d.uninvite(c, a, evenkeel.EndLeft)
		d.stateChanged(c)
	}
	d.unclaimLost(a, func(string) bool { return false })
	d.dropCannedOf(a)
	d.dropTokens(a, "")
	d.emit(evenkeel.Event{Kind: evenkeel.EventLoggedOut, Principal: a.principal()})
	for len(a.sessions) > 0 {
		d.endSession(a.sessions[0])
	}
	ws := d.workspaces.get(a.Workspace)
	d.discharge(a)
	ws.agents--
	if a.Config.Email != "" {
		delete(ws.emails, a.Config.Email)
	}
	d.closeChannel(a.channel)
	d.floor.DeleteAgent(a.floorID)
	d.agents.remove(a)
	d.account(-agentSize(&a.Config))
}

// agentStatus sets what an agent wants to be.
func (d *Desk) agentStatus(c *call, b *evenkeel.SetAgentStatus) (evenkeel.Result, *evenkeel.Error) {
	id := b.Agent
	if id == "" && c.actor.agent != nil {
		id = c.actor.agent.Config.ID
	}
	a := d.agents.get(key{c.actor.ws, id})
	if a == nil {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no agent %q", id)
	}
	if a != c.actor.agent && !c.actor.supervises() {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeForbidden, "only a supervisor may set somebody else's status")
	}
	if b.Status > evenkeel.StatusOnline {
		return evenkeel.Result{}, evenkeel.FieldErrorf("status", "the status must be online, away or offline")
	}
	if refusal := checkLabel("reason", b.Reason, maxLabel); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if a.Status != b.Status || a.Reason != b.Reason {
		d.setStatus(a, b.Status, b.Reason)
	}
	return evenkeel.Result{Agent: d.agentState(a)}, nil
}
