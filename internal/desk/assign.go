package desk

import (
	"sort"
	"unicode/utf8"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/routing"
)

// A chat's way: wait -> offerTo -> give -> release, and back to wait. Each
// function expects the chat to be touched, keeps the counts, the slots, the
// routing floor and the timers right, and publishes what changed.

// wait puts a chat into its queue, at its place.
func (d *Desk) wait(c *chatRow) {
	c.State = evenkeel.ChatQueued
	c.queue.waiting++
	c.queue.line.Set(c)
	d.floorChat(c)
	q := &c.queue.Config
	if q.MaxWait > 0 && q.Overflow != "" && c.WaitTimer == 0 {
		c.WaitTimer = d.setTimer(timerWait, "", c.ID, c.Entered+evenkeel.DeskTime(q.MaxWait))
	}
	d.armGone(c)
	d.stateChanged(c)
}

// unwait takes a queued chat off the floor.
func (d *Desk) unwait(c *chatRow) {
	d.floor.DeleteChat(c.ID)
	c.queue.waiting--
}

// decide carries out what routing chose.
func (d *Desk) decide(dec routing.Decision) {
	c := d.chats.get(dec.Chat)
	d.chats.touch(c)
	agent := dec.Agent[len(c.Workspace)+1:]
	if d.skipped() {
		d.exclude(c, agent, maxTime)
		d.floorChat(c)
		return
	}
	w := why{Decided: d.Wall(), Chosen: agent}
	for _, x := range dec.Why {
		w.Considered = append(w.Considered, evenkeel.Considered{Agent: x.Agent[len(c.Workspace)+1:], Rank: x.Rank, PassedOver: x.PassedOver})
	}
	a := d.agents.get(key{c.Workspace, agent})
	d.unwait(c)
	if c.queue.Config.AutoAccept {
		d.give(c, a, w)
		return
	}
	d.offerTo(c, a, w)
}

// maxTime is later than any desk time.
const maxTime = evenkeel.DeskTime(1<<63 - 1)

// offerTo reserves a chat that waits nowhere for an agent.
func (d *Desk) offerTo(c *chatRow, a *agentRow, w why) {
	deadline := d.cell.Now + evenkeel.DeskTime(c.queue.Config.OfferTimeout)
	d.cell.OfferSeq++
	c.State, c.Why, c.OfferedOn = evenkeel.ChatOffered, w, d.Wall()
	c.Offer = &offer{ID: "o" + base36(d.cell.OfferSeq), Agent: a.Config.ID, Deadline: deadline - evenkeel.DeskTime(d.cell.Shift)}
	c.Offer.Timer = d.setTimer(timerOffer, "", c.ID, deadline)
	c.queue.ringing++
	c.queue.line.Set(c)
	d.agents.touch(a)
	a.offers = insertChat(a.offers, c)
	d.occupy(c, a)
	d.armGone(c)
	d.publish(a.channel, &evenkeel.Publication{
		Type: evenkeel.PubOffer, Offer: c.Offer.ID, Chat: d.view(c), Deadline: d.wallOf(deadline), Preview: preview(c),
	})
	d.stateChanged(c)
}

// maxPreview bounds the text that an offer shows, in bytes.
const maxPreview = 400

func preview(c *chatRow) string {
	text := c.Subject
	if c.said != nil {
		text = c.said.Text
	}
	if len(text) <= maxPreview {
		return text
	}
	end := maxPreview
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// occupy takes the slots of a chat from a touched agent and notes the
// assignment.
func (d *Desk) occupy(c *chatRow, a *agentRow) {
	c.Weight = c.queue.Config.Weight
	a.Used += c.Weight
	a.LastAssigned = d.cell.Now
	d.cell.TurnSeq++
	a.setTurn(c.Queue, d.cell.TurnSeq)
	d.floorAgent(a)
}

func (a *agentRow) setTurn(queue string, n uint64) {
	if !a.member(queue) {
		return // handed to him: it is not his turn that was taken
	}
	for i := range a.Turns {
		if a.Turns[i].Queue == queue {
			a.Turns[i].Turn = n
			return
		}
	}
	a.Turns = append(a.Turns, turn{queue, n})
}

// vacate gives the slots of a chat back to a touched agent.
func (d *Desk) vacate(c *chatRow, a *agentRow) {
	a.Used -= c.Weight
	c.Weight = 0
	a.IdleSince = d.cell.Now
	d.floorAgent(a)
}

// endOffer ends the reservation. What becomes of the chat is the caller's.
func (d *Desk) endOffer(c *chatRow, reason evenkeel.EndReason) *agentRow {
	a := d.agents.get(key{c.Workspace, c.Offer.Agent})
	d.agents.touch(a)
	d.stopTimer(&c.Offer.Timer)
	a.offers = removeChat(a.offers, c)
	d.publish(a.channel, &evenkeel.Publication{Type: evenkeel.PubOfferEnd, Offer: c.Offer.ID, ChatID: c.ID, Reason: reason})
	c.Offer = nil
	c.queue.ringing--
	d.vacate(c, a)
	return a
}

// rescind takes an offer back and lets the chat wait again at its old place.
func (d *Desk) rescind(c *chatRow) {
	d.chats.touch(c)
	d.endOffer(c, evenkeel.EndRescinded)
	d.wait(c)
}

// missOffer ends an offer that nobody answered in time.
func (d *Desk) missOffer(c *chatRow) {
	a := d.endOffer(c, evenkeel.EndTimeout)
	d.missed(c, a)
	a.Missed++
	d.exclude(c, a.Config.ID, d.cell.Now+evenkeel.DeskTime(d.cell.Limits.ReOffer))
	if a.Missed >= d.cell.Limits.MissedOffers && a.Status == evenkeel.StatusOnline {
		d.setStatus(a, evenkeel.StatusAway, evenkeel.ReasonNotResponding)
	}
	d.wait(c)
}

// maxExcluded bounds the agents remembered as having declined a chat.
const maxExcluded = 64

func (d *Desk) exclude(c *chatRow, agent string, retry evenkeel.DeskTime) {
	kept := make([]exclusion, 0, len(c.Excluded)+1)
	for _, x := range c.Excluded {
		if x.Agent != agent {
			kept = append(kept, x)
		}
	}
	if len(kept) == maxExcluded {
		kept = kept[1:]
	}
	c.Excluded = append(kept, exclusion{agent, retry})
}

// give makes an agent the owner of a chat that waits nowhere and has none.
func (d *Desk) give(c *chatRow, a *agentRow, w why) {
	c.State, c.Why = evenkeel.ChatActive, w
	c.Agent, c.agent = a.Config.ID, a
	if c.AnsweredOn == 0 {
		c.AnsweredOn = d.Wall()
	}
	c.Excluded, c.Prefer, c.HoldUntil = nil, "", 0
	c.queue.line.Delete(c)
	c.queue.active++
	d.answered(c)
	c.Taken = d.cell.Now
	d.stopTimer(&c.WaitTimer)
	d.stopTimer(&c.GoneTimer) // the wait's: another one is for active chats
	d.agents.touch(a)
	a.Missed = 0
	a.owned = insertChat(a.owned, c)
	a.invited = removeChat(a.invited, c)
	c.Invited = without(c.Invited, a.Config.ID)
	d.occupy(c, a)
	if !a.connected() {
		d.armLost(c)
	}
	d.armGone(c)
	d.idleCheck(c)
	d.served(c)
	d.sayAccepted(c)
	d.publish(a.channel, &evenkeel.Publication{Type: evenkeel.PubAssigned, Chat: d.view(c)})
	d.stateChanged(c)
}

// armLost starts the grace for an owner who is not connected.
func (d *Desk) armLost(c *chatRow) {
	q := &c.queue.Config
	if c.LostTimer == 0 && q.OnAgentLost != evenkeel.LostStay {
		c.LostTimer = d.setTimer(timerLost, "", c.ID, d.cell.Now+evenkeel.DeskTime(q.AgentGrace))
	}
}

// release takes a chat from its owner. What becomes of it is the caller's.
func (d *Desk) release(c *chatRow, reason evenkeel.EndReason) {
	a := c.agent
	d.relieve(c, reason)
	d.stopTimer(&c.GoneTimer)
	c.Agent, c.agent = "", nil
	c.Entered, c.Waits = d.cell.Now, d.cell.Now // it has not waited meanwhile
	d.revoke(c, a)
}

// relieve frees the owner's slots. The chat still names him, for he may go on
// reading a chat that is closed.
func (d *Desk) relieve(c *chatRow, reason evenkeel.EndReason) {
	a := c.agent
	d.handled(c)
	if c.State == evenkeel.ChatActive {
		c.queue.active--
	}
	d.stopTimer(&c.LostTimer)
	c.IdleFrom = 0
	d.agents.touch(a)
	a.owned = removeChat(a.owned, c)
	d.vacate(c, a)
	d.publish(a.channel, &evenkeel.Publication{Type: evenkeel.PubUnassigned, ChatID: c.ID, Reason: reason})
}

// revoke tells the edges that an agent may not follow a chat any more, if that
// is so.
func (d *Desk) revoke(c *chatRow, a *agentRow) {
	if c.works(a.Config.ID) || a.Config.Role.Supervises() {
		return
	}
	d.emit(evenkeel.Event{Kind: evenkeel.EventRevoked, Channel: c.talk.Name, Principal: a.principal()})
	d.emit(evenkeel.Event{Kind: evenkeel.EventRevoked, Channel: c.staff.Name, Principal: a.principal()})
}

// agentLost ends an owner's grace.
func (d *Desk) agentLost(c *chatRow) {
	if c.State != evenkeel.ChatActive || c.queue.Config.OnAgentLost == evenkeel.LostStay {
		return
	}
	name := c.agent.Config.Name
	if c.queue.Config.OnAgentLost == evenkeel.LostClose {
		d.closeChat(c, evenkeel.ClosedAgentLost)
		return
	}
	d.systemNote(c, name+" lost the connection; the chat returned to the queue.")
	d.release(c, evenkeel.EndAgentLost)
	d.wait(c)
}

// overflowByWait moves a chat that has waited too long to the queue's overflow.
func (d *Desk) overflowByWait(c *chatRow) {
	if c.State != evenkeel.ChatQueued {
		return // wait sets the timer again when the chat returns
	}
	q := &c.queue.Config
	if q.MaxWait == 0 {
		return
	}
	if at := c.Entered + evenkeel.DeskTime(q.MaxWait); at > d.cell.Now { // it was raised meanwhile
		c.WaitTimer = d.setTimer(timerWait, "", c.ID, at)
		return
	}
	to := d.queues.get(key{c.Workspace, q.Overflow})
	if to == nil || to == c.queue {
		return
	}
	if to.closed() || to.waiting >= to.Config.MaxLength {
		c.WaitTimer = d.setTimer(timerWait, "", c.ID, d.cell.Now+overflowRetry)
		return
	}
	d.systemNote(c, "Waited too long in "+q.Name+"; moved to "+to.Config.Name+".")
	d.unwait(c)
	d.moveTo(c, to)
	d.wait(c)
}

// overflowRetry is the pause before an overflow into a full queue is tried
// again.
const overflowRetry = evenkeel.DeskTime(10 * evenkeel.Second)

// moveTo changes the queue of a chat that waits nowhere. It keeps its place in
// time.
func (d *Desk) moveTo(c *chatRow, to *queueRow) {
	d.stopTimer(&c.WaitTimer)
	c.queue.line.Delete(c)
	fresh := to != c.queue || c.State == evenkeel.ChatActive
	if to != c.queue {
		c.Excluded = nil // who refused it there may be right for it here
		d.flowsOut(c)
	}
	c.queue.live--
	to.live++
	c.Queue, c.queue = to.Config.ID, to
	if fresh {
		d.comes(c)
	}
	c.Entered = d.cell.Now
	c.HoldUntil = 0
}

// stateChanged tells everybody concerned how the chat stands.
func (d *Desk) stateChanged(c *chatRow) {
	d.told++
	v := d.view(c)
	d.publish(c.talk, &evenkeel.Publication{Type: evenkeel.PubState, Chat: v})
	d.publish(c.staff, &evenkeel.Publication{Type: evenkeel.PubDetails, Chat: v})
	d.publish(c.customer.channel, &evenkeel.Publication{Type: evenkeel.PubState, Chat: v})
}

// detailsChanged tells the staff alone.
func (d *Desk) detailsChanged(c *chatRow) {
	d.told++
	d.publish(c.staff, &evenkeel.Publication{Type: evenkeel.PubDetails, Chat: d.view(c)})
}

// wallOf converts a desk time to wall time.
func (d *Desk) wallOf(t evenkeel.DeskTime) evenkeel.Time {
	return evenkeel.Time(int64(t) + int64(d.cell.Offset))
}

func insertChat(list []*chatRow, c *chatRow) []*chatRow {
	i := sort.Search(len(list), func(i int) bool { return list[i].Seq >= c.Seq })
	if i < len(list) && list[i] == c {
		return list
	}
	list = append(list, nil)
	copy(list[i+1:], list[i:])
	list[i] = c
	return list
}

func removeChat(list []*chatRow, c *chatRow) []*chatRow {
	i := sort.Search(len(list), func(i int) bool { return list[i].Seq >= c.Seq })
	if i == len(list) || list[i] != c {
		return list
	}
	copy(list[i:], list[i+1:])
	list[len(list)-1] = nil
	return list[:len(list)-1]
}

// without returns the list less one name, in memory of its own.
func without(list []string, name string) []string {
	var out []string
	for _, s := range list {
		if s != name {
			out = append(out, s)
		}
	}
	return out
}
