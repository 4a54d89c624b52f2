package desk

import (
	"unicode/utf8"

	"github.com/evenkeel/evenkeel"
)

func (d *Desk) chatClose(c *call, b *evenkeel.ChatClose) (evenkeel.Result, *evenkeel.Error) {
	a := &c.actor
	chat, refusal := d.chatFor(a, b.Chat)
	if refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if chat.State.Over() {
		return evenkeel.Result{}, errClosed(chat)
	}
	reason := evenkeel.ClosedByAgent
	if a.customer != "" {
		reason = evenkeel.ClosedByCustomer
	} else if !a.steers(chat) {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeForbidden, "only the chat's customer, its owner or a supervisor may close it")
	}
	switch {
	case b.Reason == 0 || b.Reason == reason:
	case a.customer == "" && (b.Reason == evenkeel.ClosedIdle || b.Reason == evenkeel.ClosedCustomerGone):
		reason = b.Reason
	default:
		return evenkeel.Result{}, evenkeel.FieldErrorf("reason", "the reason %s cannot be given by the caller", b.Reason)
	}
	d.chats.touch(chat)
	d.closeChat(chat, reason)
	return evenkeel.Result{Chat: d.view(chat)}, nil
}

// closeChat ends the talk. A chat that its agent answered goes into wrap-up, if
// its queue has one.
func (d *Desk) closeChat(c *chatRow, reason evenkeel.CloseReason) {
	wrap := c.queue.Config.WrapUp
	wrapping := c.State == evenkeel.ChatActive && wrap > 0 && reason != evenkeel.ClosedAgentLost
	switch {
	case wrapping:
		c.queue.active--
	default:
		d.endsUnanswered(c, reason)
		c.queue.line.Delete(c)
		d.detach(c, evenkeel.EndClosed)
	}
	d.stopTimer(&c.WaitTimer)
	d.stopTimer(&c.GoneTimer)
	d.stopTimer(&c.IdleTimer)
	d.stopTimer(&c.LostTimer)
	c.IdleFrom = 0
	c.Reason, c.ClosedOn, c.ClosedAt = reason, d.Wall(), d.cell.Now
	c.Excluded, c.Prefer, c.HoldUntil = nil, "", 0
	d.leaveCustomer(c)
	if wrapping {
		c.State = evenkeel.ChatWrapping
		c.WrapTimer = d.setTimer(timerWrap, "", c.ID, d.cell.Now+evenkeel.DeskTime(wrap))
		d.stateChanged(c)
		return
	}
	d.settle(c)
}

// leaveCustomer notes for the customer that this chat is over.
func (d *Desk) leaveCustomer(c *chatRow) {
	cu := c.customer
	d.customers.touch(cu)
	cu.live = removeChat(cu.live, c)
	cu.kept = insertChat(cu.kept, c)
	cu.Last = lastChat{Chat: c.ID, Queue: c.Asked, Agent: c.Agent, Closed: d.cell.Now}
	if c.Reason == evenkeel.ClosedAbandoned {
		cu.Last.Abandoned = true
		cu.Last.QueuedAt, cu.Last.QueuedOn, cu.Last.Priority = c.QueuedAt, c.QueuedOn, c.Priority
	}
	d.stopTimer(&cu.Timer)
	remember := max(c.queue.Config.ReopenWithin, c.queue.Config.AbandonedResume)
	cu.Timer = d.setTimer(timerCustomer, cu.Workspace, cu.ID, d.cell.Now+evenkeel.DeskTime(remember))
}

// finish ends the wrap-up of a touched chat: its slot is free.
func (d *Desk) finish(c *chatRow) {
	d.stopTimer(&c.WrapTimer)
	d.relieve(c, evenkeel.EndClosed)
	d.settle(c)
}

// settle closes a chat for good and starts its linger.
func (d *Desk) settle(c *chatRow) {
	c.State = evenkeel.ChatClosed
	c.queue.live--
	c.queue, c.agent = nil, nil // they may be deleted before the chat leaves
	for _, id := range c.Invited {
		if a := d.agents.get(key{c.Workspace, id}); a != nil {
			a.invited = removeChat(a.invited, c)
			d.publish(a.channel, &evenkeel.Publication{Type: evenkeel.PubUnassigned, ChatID: c.ID, Reason: evenkeel.EndClosed})
		}
	}
	c.LingerTimer = d.setTimer(timerLinger, "", c.ID, d.cell.Now+evenkeel.DeskTime(d.cell.Limits.Linger))
	if d.archiving {
		d.put(c)
	}
	d.stateChanged(c)
}

func (d *Desk) chatWrapup(c *call, b *evenkeel.ChatWrapup) (evenkeel.Result, *evenkeel.Error) {
	chat, refusal := d.chatFor(&c.actor, b.Chat)
	if refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if !c.actor.steers(chat) {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeForbidden, "only the chat's owner or a supervisor may wrap it up")
	}
	if b.Done && !chat.State.Over() {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeConflict, "the chat is not over; close it first")
	}
	if refusal := d.checkTags(b.Tags); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if b.Notes != "" {
		if refusal := d.checkNote(chat, "notes", b.Notes); refusal != nil {
			return evenkeel.Result{}, refusal
		}
	}
	if b.Tags != nil {
		if refusal := d.roomToTell(chat, tagsSize(b.Tags)); refusal != nil {
			return evenkeel.Result{}, refusal
		}
	}
	d.chats.touch(chat)
	if b.Notes != "" {
		d.addNote(chat, &c.actor, c.id, b.Notes, nil)
	}
	if b.Tags != nil {
		d.retag(chat, b.Tags)
		d.detailsChanged(chat)
	}
	if b.Done && chat.State == evenkeel.ChatWrapping {
		d.finish(chat)
	} else {
		d.reput(chat)
	}
	return evenkeel.Result{Chat: d.view(chat)}, nil
}

// tellLimit is the offset in a chat's channels from which nothing is told that
// somebody could say over and over: marks, ratings, details. They alone could
// grow without a bound.
const tellLimit = 1 << 16

// roomToTell refuses a change of a chat by n bytes for which its history, or the
// desk, has no room.
func (d *Desk) roomToTell(c *chatRow, n int64) *evenkeel.Error {
	if max(c.talk.Next, c.staff.Next) > tellLimit {
		return evenkeel.Errorf(evenkeel.CodeLimitReached, "the chat's history is full")
	}
	const copies = 4 // in the row, and in three channels
	return d.roomIn(c.talk.ws, copies*(n+2*recordBytes))
}

// retag replaces the tags of a touched chat.
func (d *Desk) retag(c *chatRow, tags []string) {
	d.account(tagsSize(tags) - tagsSize(c.Tags))
	c.Tags = tags
}

func (d *Desk) checkTags(tags []string) *evenkeel.Error {
	if int64(len(tags)) > d.cell.Limits.Tags {
		return &evenkeel.Error{Code: evenkeel.CodeLimitReached, Field: "tags", Detail: "a chat has at most " + itoa(int(d.cell.Limits.Tags)) + " tags"}
	}
	for _, t := range tags {
		if t == "" || utf8.RuneCountInString(t) > maxLabel {
			return evenkeel.FieldErrorf("tags", "a tag has 1 to %d characters", maxLabel)
		}
	}
	return nil
}

func (d *Desk) chatRate(c *call, b *evenkeel.ChatRate) (evenkeel.Result, *evenkeel.Error) {
	chat, refusal := d.chatFor(&c.actor, b.Chat)
	if refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if c.actor.customer == "" {
		return evenkeel.Result{}, evenkeel.FieldErrorf("on_behalf_of", "a chat is rated by its customer, or by a service on his behalf")
	}
	if !chat.State.Over() {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeConflict, "a chat is rated after its end")
	}
	if b.Score < 1 || b.Score > 5 {
		return evenkeel.Result{}, evenkeel.FieldErrorf("score", "the score must be from 1 to 5")
	}
	if b.Comment != "" {
		if refusal := d.checkText("comment", b.Comment); refusal != nil {
			return evenkeel.Result{}, refusal
		}
	}
	rating := &evenkeel.Rating{Score: b.Score, Comment: b.Comment}
	if chat.Rating != nil && *chat.Rating == *rating {
		return evenkeel.Result{Chat: d.view(chat)}, nil
	}
	if refusal := d.roomToTell(chat, ratingSize(rating)); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	d.chats.touch(chat)
	d.account(ratingSize(rating) - ratingSize(chat.Rating))
	chat.Rating = rating
	d.reput(chat)
	d.stateChanged(chat)
	return evenkeel.Result{Chat: d.view(chat)}, nil
}

func (d *Desk) chatUpdate(c *call, b *evenkeel.ChatUpdate) (evenkeel.Result, *evenkeel.Error) {
	chat, refusal := d.chatFor(&c.actor, b.Chat)
	if refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if c.actor.customer != "" {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeForbidden, "a customer may not change this")
	}
	if refusal := d.checkTags(b.Tags); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if refusal := d.checkAttributes(b.Attributes); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if p := b.Priority; p != nil {
		if *p < -maxPriority || *p > maxPriority {
			return evenkeel.Result{}, evenkeel.FieldErrorf("priority", "the priority must be from -%d to %d", maxPriority, maxPriority)
		}
		if chat.State.Over() {
			return evenkeel.Result{}, errClosed(chat)
		}
	}
	if refusal := d.roomToTell(chat, int64(len(b.Attributes))+tagsSize(b.Tags)); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	d.chats.touch(chat)
	if b.Tags != nil {
		d.retag(chat, b.Tags)
	}
	if b.Attributes != nil {
		d.account(int64(len(b.Attributes) - len(chat.Attributes)))
		chat.Attributes = b.Attributes
	}
	if b.Priority != nil {
		chat.Priority = *b.Priority
		if chat.State == evenkeel.ChatQueued {
			d.floorChat(chat)
		}
	}
	d.reput(chat)
	d.detailsChanged(chat)
	return evenkeel.Result{Chat: d.view(chat)}, nil
}
