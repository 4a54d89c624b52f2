package desk

import (
	"github.com/evenkeel/evenkeel"
)

// me returns the agent in whose name the command comes.
func (c *call) me() (*agentRow, *evenkeel.Error) {
	if c.actor.agent == nil {
		return nil, evenkeel.FieldErrorf("on_behalf_of", "%s is done by an agent, or by a service on behalf of one", c.kind)
	}
	return c.actor.agent, nil
}

func (d *Desk) chatAccept(c *call, b *evenkeel.ChatAccept) (evenkeel.Result, *evenkeel.Error) {
	me, refusal := c.me()
	if refusal != nil {
		return evenkeel.Result{}, refusal
	}
	chat := d.chats.get(b.Chat)
	if chat != nil && chat.State == evenkeel.ChatActive && chat.agent == me {
		return evenkeel.Result{Chat: d.view(chat)}, nil
	}
	if refusal := d.checkOffer(c, chat, b.Chat, b.Offer); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	d.chats.touch(chat)
	w := chat.Why
	d.endOffer(chat, evenkeel.EndAccepted)
	d.give(chat, me, w)
	return evenkeel.Result{Chat: d.view(chat)}, nil
}

func (d *Desk) chatDecline(c *call, b *evenkeel.ChatDecline) (evenkeel.Result, *evenkeel.Error) {
	me, refusal := c.me()
	if refusal != nil {
		return evenkeel.Result{}, refusal
	}
	chat := d.chats.get(b.Chat)
	if refusal := d.checkOffer(c, chat, b.Chat, b.Offer); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	d.chats.touch(chat)
	d.endOffer(chat, evenkeel.EndDeclined)
	me.Missed = 0 // touched by endOffer
	d.declined(chat, me)
	d.exclude(chat, me.Config.ID, d.cell.Now+evenkeel.DeskTime(d.cell.Limits.ReOffer))
	d.wait(chat)
	return evenkeel.Result{Chat: d.view(chat)}, nil
}

// checkOffer refuses unless the chat is offered to the caller, in time. Who may
// know of the chat is told what became of it.
func (d *Desk) checkOffer(c *call, chat *chatRow, id, offerID string) *evenkeel.Error {
	me := c.actor.agent
	if chat == nil || chat.Workspace != c.actor.ws || !c.actor.knows(chat) && !me.member(chat.Queue) {
		return errNoChat(id)
	}
	if chat.State.Over() {
		return errClosed(chat)
	}
	mine := chat.Offer != nil && chat.Offer.Agent == me.Config.ID
	switch {
	case mine && (offerID == "" || offerID == chat.Offer.ID):
		if d.cell.Now < chat.Offer.Deadline+evenkeel.DeskTime(d.cell.Shift) {
			return nil
		}
	case !mine && offerID == "" && !chat.excludes(me.Config.ID):
		return evenkeel.Errorf(evenkeel.CodeNotYourOffer, "the chat %s is not offered to you", chat.ID)
	}
	return evenkeel.Errorf(evenkeel.CodeOfferExpired, "the offer of the chat %s is over", chat.ID)
}

func (c *chatRow) excludes(agent string) bool {
	for _, x := range c.Excluded {
		if x.Agent == agent {
			return true
		}
	}
	return false
}

// chatTake lets an agent pick a waiting chat, and a supervisor take any.
func (d *Desk) chatTake(c *call, b *evenkeel.ChatTake) (evenkeel.Result, *evenkeel.Error) {
	me, refusal := c.me()
	if refusal != nil {
		return evenkeel.Result{}, refusal
	}
	chat, refusal := d.knownChat(&c.actor, b.Chat)
	if refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if chat.State.Over() {
		return evenkeel.Result{}, errClosed(chat)
	}
	if chat.agent == me {
		return evenkeel.Result{Chat: d.view(chat)}, nil
	}
	if !c.actor.supervises() && !c.actor.mayPick(chat) {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeForbidden, "agents may take chats only in a queue with pick; ask a supervisor")
	}
	if chat.Offer != nil && chat.Offer.Agent != me.Config.ID && !c.actor.supervises() {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeConflict, "the chat %s is offered to somebody else", chat.ID)
	}
	if refusal := me.checkHeld(); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	d.chats.touch(chat)
	switch chat.State {
	case evenkeel.ChatQueued:
		d.unwait(chat)
	case evenkeel.ChatOffered:
		d.endOffer(chat, evenkeel.EndTaken)
	case evenkeel.ChatActive:
		d.release(chat, evenkeel.EndTakenOver)
	}
	d.give(chat, me, why{Decided: d.Wall(), Chosen: me.Config.ID, Considered: []evenkeel.Considered{{Agent: me.Config.ID, Rank: 1}}})
	return evenkeel.Result{Chat: d.view(chat)}, nil
}
