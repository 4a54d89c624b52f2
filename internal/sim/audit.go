package sim

import (
	"slices"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
)

// auditEvery is how many entries pass between two audits of the whole desk.
const auditEvery = 5

// overdue is how late a deadline may be: none at all, once an entry of that time
// was applied and no work is left over.
const overdue = 0

// audit asks the desk for all it has and holds it against the model and itself.
func (w *World) audit(d *desk.Desk, changed bool) {
	if !d.Formed() || w.model.more {
		return
	}
	if at, ok := d.NextDeadline(); ok {
		w.check(at > d.Now(), "no deadline is lost", "at %d one of %d is due and no work is left", d.Now(), at)
	}
	if w.stats["entries applied"]%auditEvery != 0 && !w.calm || !changed {
		return
	}
	w.stats.add("audits", 1)
	a := w.gather(d)
	a.places()
	a.slots()
	a.queues()
	a.waiting()
	a.deadlines()
}

// books are the desk's answers at one index.
type books struct {
	w       *World
	agents  []*evenkeel.AgentState
	desks   map[string]*evenkeel.AgentDesk
	chats   []*evenkeel.Chat
	states  []*evenkeel.QueueState
	present evenkeel.Time
}

func (w *World) gather(d *desk.Desk) *books {
	a := &books{w: w, desks: map[string]*evenkeel.AgentDesk{}, present: d.Wall()}
	var err error
	must := func(err error) { w.check(err == nil, "the desk can be read", "%v", err) }
	a.agents, err = d.Agents(admin(), "", 1000)
	must(err)
	a.chats, err = d.Chats(admin(), evenkeel.ChatFilter{}, "", 100000)
	must(err)
	a.states, err = d.Queues(admin(), "", 1000)
	must(err)
	for _, agent := range a.agents {
		a.desks[agent.ID], err = d.AgentDesk(agentPrincipal(agent.ID))
		must(err)
	}
	return a
}

// places: every chat that is not over is in exactly one place, and the one that
// was published.
func (a *books) places() {
	held, offered := map[string][]string{}, map[string][]string{}
	for _, agent := range a.agents {
		for _, c := range a.desks[agent.ID].Chats {
			if c.Agent != nil && c.Agent.ID == agent.ID {
				held[c.ID] = append(held[c.ID], agent.ID)
			}
		}
		for _, o := range a.desks[agent.ID].Offers {
			offered[o.Chat.ID] = append(offered[o.Chat.ID], agent.ID)
		}
	}
	live := map[[2]string]string{}
	for _, c := range a.chats {
		m := a.w.model.chats[c.ID]
		a.w.check(m != nil && m.view != nil && m.view.State == c.State && !m.gone, "what the desk says was published", "%s is %s", c.ID, c.State)
		wantHeld, wantOffered := 0, 0
		switch c.State {
		case evenkeel.ChatOffered:
			wantOffered = 1
		case evenkeel.ChatActive, evenkeel.ChatWrapping:
			wantHeld = 1
		}
		a.w.check(len(held[c.ID]) == wantHeld && len(offered[c.ID]) == wantOffered, "a chat is in one place",
			"%s is %s, held by %v, offered to %v", c.ID, c.State, held[c.ID], offered[c.ID])
		if wantHeld == 1 {
			a.w.check(held[c.ID][0] == m.owner, "a chat has one owner at most", "%s is %s's and was given to %s", c.ID, held[c.ID][0], m.owner)
		}
		if c.State == evenkeel.ChatQueued || c.State == evenkeel.ChatOffered {
			key := [2]string{c.Customer, c.Queue}
			a.w.check(live[key] == "" || a.w.model.moved(live[key]) || a.w.model.moved(c.ID), "a customer has one live chat in a queue", "%s and %s", live[key], c.ID)
			live[key] = c.ID
		}
	}
	known := 0
	for _, c := range a.w.model.order {
		if !c.gone {
			known++
		}
	}
	a.w.check(known == len(a.chats), "what was published is in the desk", "%d chats were published, the desk has %d", known, len(a.chats))
}

// moved tells whether a chat is elsewhere than where it was asked for.
func (m *model) moved(id string) bool { return m.chats[id] != nil && m.chats[id].transferred }

// slots: an agent's slots in use are those of the chats that he has.
func (a *books) slots() {
	for _, agent := range a.agents {
		var used int64
		for _, c := range a.desks[agent.ID].Chats {
			if c.Agent != nil && c.Agent.ID == agent.ID && c.State != evenkeel.ChatClosed {
				used += a.w.model.queues[c.Queue].Weight
			}
		}
		for _, o := range a.desks[agent.ID].Offers {
			used += a.w.model.queues[o.Chat.Queue].Weight
		}
		a.w.check(used == agent.Used, "a slot is freed", "%s has %d slots in use and chats for %d", agent.ID, agent.Used, used)
	}
}

// queues: a queue counts what waits in it.
func (a *books) queues() {
	for _, q := range a.states {
		var waiting, live int64
		for _, c := range a.chats {
			switch {
			case c.Queue != q.ID || c.State == evenkeel.ChatClosed:
			case c.State == evenkeel.ChatQueued:
				waiting++
			default:
				live++
			}
		}
		a.w.check(waiting == q.Waiting && live == q.Live, "a queue counts its chats", "%s: %d wait and %d are live, it says %d and %d", q.ID, waiting, live, q.Waiting, q.Live)
	}
}

// waiting: no chat waits that somebody could take.
func (a *books) waiting() {
	for _, c := range a.chats {
		if c.State != evenkeel.ChatQueued {
			continue
		}
		q := a.w.model.queues[c.Queue]
		m := a.w.model.chats[c.ID]
		if q.Pick || a.w.model.held(m) {
			continue
		}
		for _, agent := range a.agents {
			if able(agent, q) && !m.spared(agent.ID) {
				a.w.fail("no chat waits that somebody could take", "%s waits in %s, and %s has %d of %d slots in use", c.ID, q.ID, agent.ID, agent.Used, agent.Capacity)
			}
		}
	}
}

// able tells whether routing may give an agent a chat of a queue.
func able(a *evenkeel.AgentState, q *evenkeel.Queue) bool {
	if a.Status != evenkeel.StatusOnline || !a.Connected || a.Capacity-a.Used < q.Weight {
		return false
	}
	for _, s := range q.Skills {
		if a.Skills.Level(s.Name) < s.Level {
			return false
		}
	}
	return slices.ContainsFunc(a.Queues, func(m evenkeel.Membership) bool { return m.Queue == q.ID })
}

// deadlines: what had to end by now has ended.
func (a *books) deadlines() {
	m := a.w.model
	for _, c := range m.order {
		if c.gone || c.view == nil {
			continue
		}
		q := m.queues[c.view.Queue]
		if o := c.offer; o != nil {
			late := a.present - o.deadline - evenkeel.Time(m.shift-o.shift)
			a.w.check(late <= overdue, "no deadline is lost", "the offer of %s to %s is %d ms over", c.id, o.agent, late)
		}
		a.graces(c, q)
		if c.view.State == evenkeel.ChatWrapping {
			late := a.present - c.view.ClosedAt - evenkeel.Time(q.WrapUp)
			a.w.check(late <= overdue, "no deadline is lost", "the wrap-up of %s is %d ms over", c.id, late)
		}
	}
}

// graces: who is gone for too long loses the chat. A change of the chat's state
// begins the customer's grace anew, an outage extends both.
func (a *books) graces(c *chat, q *evenkeel.Queue) {
	m := a.w.model
	if c.view.CustomerGone {
		grace := evenkeel.Duration(0)
		switch c.view.State {
		case evenkeel.ChatQueued, evenkeel.ChatOffered:
			for _, other := range m.queues { //order: the longest; a chat that moves keeps the grace that runs
				grace = max(grace, other.CustomerGrace)
			}
		case evenkeel.ChatActive:
			grace = q.CustomerGoneClose
		}
		late := a.present - c.told - evenkeel.Time(grace+m.shift-c.toldAt)
		a.w.check(grace == 0 || late <= overdue, "no deadline is lost", "the customer of %s, which is %s, is gone for %d ms more than the grace", c.id, c.view.State, late)
	}
	since, gone := m.offline[c.owner]
	if gone && c.view.State == evenkeel.ChatActive && q.OnAgentLost != evenkeel.LostStay {
		late := a.present - max(since, c.given) - evenkeel.Time(q.AgentGrace+m.shift)
		a.w.check(late <= overdue, "no deadline is lost", "%s, who has %s, is gone for %d ms more than the grace", c.owner, c.id, late)
	}
}

func agentPrincipal(id string) evenkeel.Principal {
	return evenkeel.Principal{Workspace: evenkeel.DefaultWorkspace, Kind: evenkeel.PrincipalAgent, ID: id}
}
