package desk

import (
	"sort"
	"strconv"

	"github.com/tidwall/btree"

	"github.com/evenkeel/evenkeel"
)

// Presence: what the coming and going of sessions means for chats.

// present is desk time less all outages: the time during which clients could
// be connected.
func (d *Desk) present() evenkeel.DeskTime {
	return max(1, d.cell.Now-evenkeel.DeskTime(d.cell.Shift))
}

// armGone starts the grace that fits the chat's state if its customer has gone
// and none runs: offers that come and go do not prolong it.
func (d *Desk) armGone(c *chatRow) {
	if !c.Gone || c.GoneTimer != 0 {
		return
	}
	grace := c.queue.Config.CustomerGrace
	if c.State == evenkeel.ChatActive {
		if grace = c.queue.Config.CustomerGoneClose; grace == 0 {
			return
		}
	}
	c.GoneTimer = d.setTimer(timerGone, "", c.ID, d.cell.Now+evenkeel.DeskTime(grace))
}

// customerGone ends a customer's grace.
func (d *Desk) customerGone(c *chatRow) {
	switch c.State {
	case evenkeel.ChatQueued, evenkeel.ChatOffered:
		d.abandoned(c)
		d.closeChat(c, evenkeel.ClosedAbandoned)
	case evenkeel.ChatActive:
		d.closeChat(c, evenkeel.ClosedCustomerGone)
	}
}

// idleCheck starts or stops the idle clock: it runs while both sides are
// connected and it is the customer's turn.
func (d *Desk) idleCheck(c *chatRow) {
	rule := c.queue.Config.CustomerIdle
	runs := c.State == evenkeel.ChatActive && c.HisTurn && c.customer.connected() && c.agent.connected()
	switch {
	case !runs:
		c.IdleFrom, c.IdleWarned = 0, false
	case c.IdleFrom == 0:
		c.IdleFrom, c.IdleWarned = d.present(), false
		d.armIdle(c, rule)
	}
}

// armIdle sets the timer for the next step of the rule, unless one runs that is
// not later: a timer that fires early sees so and is set again, so a message
// does not move it.
func (d *Desk) armIdle(c *chatRow, rule evenkeel.CustomerIdle) {
	step := rule.Close
	if rule.Warn > 0 && !c.IdleWarned {
		step = rule.Warn
	}
	if step <= 0 {
		return
	}
	at := c.IdleFrom + evenkeel.DeskTime(step)
	if t := d.timers.get(c.IdleTimer); t != nil && t.At > at {
		d.stopTimer(&c.IdleTimer)
	}
	if c.IdleTimer == 0 {
		c.IdleTimer = d.setTimer(timerIdle, "", c.ID, at+evenkeel.DeskTime(d.cell.Shift))
	}
}

// idleDue takes the next step of the idle rule if its time has really come.
func (d *Desk) idleDue(c *chatRow) {
	if c.IdleFrom == 0 || c.State != evenkeel.ChatActive {
		return
	}
	rule := c.queue.Config.CustomerIdle
	idle := evenkeel.Duration(d.present() - c.IdleFrom)
	switch {
	case rule.Warn > 0 && !c.IdleWarned && idle >= rule.Warn:
		c.IdleWarned = true
		d.say(c, "Are you still there? This chat will be closed soon if nobody answers.")
	case rule.Close > 0 && (c.IdleWarned || rule.Warn == 0) && idle >= rule.Close:
		d.closeChat(c, evenkeel.ClosedIdle)
		return
	}
	d.armIdle(c, rule)
}

// setStatus changes what an agent wants to be. Offers that he holds go back
// unless he is online.
func (d *Desk) setStatus(a *agentRow, status evenkeel.AgentStatus, reason string) {
	d.agents.touch(a)
	if a.Status != status {
		a.Since = d.Wall()
	}
	a.Status, a.Reason = status, reason
	if status == evenkeel.StatusOnline {
		a.Missed = 0
	}
	d.floorAgent(a)
	d.publishStatus(a)
	if status != evenkeel.StatusOnline {
		d.rescindAll(a)
	}
}

func (d *Desk) publishStatus(a *agentRow) {
	d.publish(a.channel, &evenkeel.Publication{Type: evenkeel.PubStatus, Status: a.Status, Away: a.Reason, Online: a.connected()})
}

func (d *Desk) rescindAll(a *agentRow) {
	for len(a.offers) > 0 {
		d.rescind(a.offers[0])
	}
}

// agentConnected is called when an agent's first session opens, agentGone when
// his last one ends.
func (d *Desk) agentConnected(a *agentRow) {
	d.floorAgent(a)
	d.publishStatus(a)
	for _, c := range a.owned {
		d.chats.touch(c)
		d.stopTimer(&c.LostTimer)
		d.idleCheck(c)
	}
}

func (d *Desk) agentGone(a *agentRow) {
	d.floorAgent(a)
	d.publishStatus(a)
	d.rescindAll(a)
	for _, c := range a.owned {
		if c.State == evenkeel.ChatActive {
			d.chats.touch(c)
			d.armLost(c)
			d.idleCheck(c)
		}
	}
}

// customerBack is called when a customer's first session opens, customerLeft
// when his last one ends.
func (d *Desk) customerBack(cu *customerRow) {
	for _, c := range cu.live {
		d.chats.touch(c)
		if c.Gone {
			c.Gone = false
			d.stopTimer(&c.GoneTimer)
			d.detailsChanged(c)
		}
		d.idleCheck(c)
	}
}

func (d *Desk) customerLeft(cu *customerRow) {
	for _, c := range cu.live {
		d.chats.touch(c)
		c.Gone = true
		d.armGone(c)
		d.idleCheck(c)
		d.detailsChanged(c)
	}
	d.forgetCustomer(cu)
}

// endSession removes a session and does what follows from it.
func (d *Desk) endSession(s *sessionRow) {
	d.sessions.remove(s)
	d.account(-rowBytes)
	if crew := d.crews[s.ID.Incarnation]; crew != nil {
		crew.Delete(s.ID.Number)
		if crew.Len() == 0 {
			delete(d.crews, s.ID.Incarnation)
		}
	}
	s.who.sessions--
	d.dropCaller(s.Principal, s.who)
	d.emit(evenkeel.Event{Kind: evenkeel.EventSessionEnded, Session: s.ID, Principal: s.Principal})
	switch k := (key{s.Principal.Workspace, s.Principal.ID}); s.Principal.Kind {
	case evenkeel.PrincipalAgent:
		if a := d.agents.get(k); a != nil {
			a.sessions = removeSession(a.sessions, s)
			if !a.connected() {
				d.agents.touch(a)
				d.agentGone(a)
			}
		}
	case evenkeel.PrincipalVisitor:
		if cu := d.customers.get(k); cu != nil {
			cu.sessions = removeSession(cu.sessions, s)
			if !cu.connected() {
				d.customerLeft(cu)
			}
		}
	}
}

// linkSession adds a session to the indexes.
func (d *Desk) linkSession(s *sessionRow) {
	c := d.crews[s.ID.Incarnation]
	if c == nil {
		c = btree.NewMap[uint64, *sessionRow](0)
		d.crews[s.ID.Incarnation] = c
	}
	c.Set(s.ID.Number, s)
	s.who = d.callerOf(s.Principal)
	s.who.sessions++
	s.ws = d.workspaces.get(s.Principal.Workspace)
	switch k := (key{s.Principal.Workspace, s.Principal.ID}); s.Principal.Kind {
	case evenkeel.PrincipalAgent:
		s.agent = d.agents.get(k)
		s.agent.sessions = insertSession(s.agent.sessions, s)
	case evenkeel.PrincipalVisitor:
		cu := d.customers.get(k)
		cu.sessions = insertSession(cu.sessions, s)
	}
}

func before(a, b evenkeel.SessionID) bool {
	return a.Incarnation < b.Incarnation || a.Incarnation == b.Incarnation && a.Number < b.Number
}

func insertSession(list []*sessionRow, s *sessionRow) []*sessionRow {
	i := sort.Search(len(list), func(i int) bool { return !before(list[i].ID, s.ID) })
	list = append(list, nil)
	copy(list[i+1:], list[i:])
	list[i] = s
	return list
}

func removeSession(list []*sessionRow, s *sessionRow) []*sessionRow {
	for i := range list {
		if list[i] == s {
			return append(list[:i:i], list[i+1:]...)
		}
	}
	return list
}

// customerFor returns the customer's row, made if there is none.
func (d *Desk) customerFor(ws, id string) *customerRow {
	if cu := d.customers.get(key{ws, id}); cu != nil {
		return cu
	}
	cu := &customerRow{Workspace: ws, ID: id}
	cu.channel = d.openChannel(evenkeel.Channel(ws, evenkeel.ChannelVisitor, id), visitorHistory)
	d.customers.add(cu)
	d.workspaces.get(ws).people.Set(id, cu)
	d.account(rowBytes)
	return cu
}

// roomForCustomer refuses a customer who would be one too many.
func (d *Desk) roomForCustomer(ws, id string) *evenkeel.Error {
	if d.customers.get(key{ws, id}) == nil && int64(d.customers.len()) >= d.cell.Limits.Customers {
		return evenkeel.Errorf(evenkeel.CodeLimitReached, "the cell knows %d customers, which is its limit", d.customers.len())
	}
	return nil
}

// forgetCustomer removes a customer of whom nothing is to be remembered: no
// session, no chat in the desk, no attributes or context that staff or a service
// has set, nothing to reopen, and no signed profile whose token is still good: the
// next signed identity brings that again. One who is only remembered has no
// history: what it could tell him of has left, and thousands are remembered for
// a day.
func (d *Desk) forgetCustomer(cu *customerRow) {
	if cu.connected() || len(cu.live) > 0 || len(cu.kept) > 0 {
		return
	}
	d.dropHistory(cu.channel)
	if len(cu.Attributes) > 0 || cu.Version != 0 || cu.Timer != 0 {
		return
	}
	if cu.Signed != nil && d.cell.Now < cu.SignedUntil {
		d.customers.touch(cu)
		cu.Timer = d.setTimer(timerCustomer, cu.Workspace, cu.ID, cu.SignedUntil)
		return
	}
	d.closeChannel(cu.channel)
	d.account(-rowBytes - customerSize(cu))
	d.customers.remove(cu)
	d.workspaces.get(cu.Workspace).people.Delete(cu.ID)
}

// The numbers of publications that are kept for agents and visitors.
const (
	agentHistory   = 256
	visitorHistory = 64
)

func base36(n uint64) string { return strconv.FormatUint(n, 36) }

func base10(n uint64) string { return strconv.FormatUint(n, 10) }

func parseBase36(s string) (uint64, bool) {
	n, err := strconv.ParseUint(s, 36, 64)
	return n, err == nil
}
