package desk

import (
	"github.com/evenkeel/evenkeel"
)

// steers tells whether the actor may move or close the chat for the staff: its
// owner, a supervisor or a service.
func (a *actor) steers(c *chatRow) bool {
	return a.supervises() || a.agent != nil && c.Agent == a.agent.Config.ID
}

func (d *Desk) chatTransfer(c *call, b *evenkeel.ChatTransfer) (evenkeel.Result, *evenkeel.Error) {
	chat, refusal := d.steered(c, b.Chat)
	if refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if (b.Queue == "") == (b.Agent == "") {
		return evenkeel.Result{}, evenkeel.FieldErrorf("queue", "a transfer names either a queue or an agent")
	}
	to, target, refusal := d.checkTransfer(chat, b)
	if refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if b.Note != "" {
		if refusal := d.checkNote(chat, "note", b.Note); refusal != nil {
			return evenkeel.Result{}, refusal
		}
	}
	d.chats.touch(chat)
	if b.Note != "" {
		d.addNote(chat, &c.actor, c.id, b.Note, nil)
	}
	owner := chat.Agent
	if owner != "" {
		d.handsOver(chat)
	}
	d.detach(chat, evenkeel.EndTransferred)
	if to != nil {
		d.moveTo(chat, to)
		if owner != "" {
			d.exclude(chat, owner, d.cell.Now+evenkeel.DeskTime(d.cell.Limits.ReOffer))
		}
		d.wait(chat)
		return evenkeel.Result{Chat: d.view(chat)}, nil
	}
	w := why{Decided: d.Wall(), Chosen: target.Config.ID, Considered: []evenkeel.Considered{{Agent: target.Config.ID, Rank: 1}}}
	if chat.queue.Config.AutoAccept {
		d.give(chat, target, w)
	} else {
		d.offerTo(chat, target, w)
	}
	return evenkeel.Result{Chat: d.view(chat)}, nil
}

// steered finds a chat that is not over and that the actor may steer.
func (d *Desk) steered(c *call, id string) (*chatRow, *evenkeel.Error) {
	chat, refusal := d.chatFor(&c.actor, id)
	if refusal != nil {
		return nil, refusal
	}
	if chat.State.Over() {
		return nil, errClosed(chat)
	}
	if !c.actor.steers(chat) {
		return nil, evenkeel.Errorf(evenkeel.CodeForbidden, "only the chat's owner or a supervisor may do this")
	}
	return chat, nil
}

// checkTransfer finds the queue or the agent that the chat goes to.
func (d *Desk) checkTransfer(chat *chatRow, b *evenkeel.ChatTransfer) (*queueRow, *agentRow, *evenkeel.Error) {
	if b.Queue != "" {
		q := d.queues.get(key{chat.Workspace, b.Queue})
		switch {
		case q == nil:
			return nil, nil, &evenkeel.Error{Code: evenkeel.CodeNotFound, Field: "queue", Detail: "there is no queue \"" + b.Queue + "\""}
		case q.closed():
			return nil, nil, d.errQueueClosed(q)
		case q.waiting >= q.Config.MaxLength:
			return nil, nil, evenkeel.Errorf(evenkeel.CodeQueueFull, "the queue %q is full: %d chats wait", b.Queue, q.waiting)
		}
		return q, nil, nil
	}
	a, refusal := d.colleague(chat, b.Agent)
	if refusal != nil {
		return nil, nil, refusal
	}
	if chat.agent == a || chat.Offer != nil && chat.Offer.Agent == b.Agent {
		return nil, nil, evenkeel.Errorf(evenkeel.CodeConflict, "the chat is %s's already", b.Agent)
	}
	if a.Status != evenkeel.StatusOnline || !a.connected() {
		return nil, nil, evenkeel.Errorf(evenkeel.CodeConflict, "%s is not online and connected; choose somebody else or a queue", b.Agent)
	}
	return nil, a, nil
}

// maxHeld bounds the chats that an agent has to do with, for all of them change
// when he goes. Routing respects his capacity and stays below.
const maxHeld = maxCapacity

func (a *agentRow) checkHeld() *evenkeel.Error {
	if n := len(a.offers) + len(a.owned) + len(a.invited); n >= maxHeld {
		return evenkeel.Errorf(evenkeel.CodeLimitReached, "%s has %d chats, which is the limit", a.Config.ID, n)
	}
	return nil
}

// colleague finds an agent who may be given a chat, or invited to it.
func (d *Desk) colleague(chat *chatRow, id string) (*agentRow, *evenkeel.Error) {
	a := d.agents.get(key{chat.Workspace, id})
	if a == nil {
		return nil, &evenkeel.Error{Code: evenkeel.CodeNotFound, Field: "agent", Detail: "there is no agent \"" + id + "\""}
	}
	return a, a.checkHeld()
}

// detach takes a touched chat from wherever it is: its queue, its offer or its
// owner.
func (d *Desk) detach(c *chatRow, reason evenkeel.EndReason) {
	switch c.State {
	case evenkeel.ChatQueued:
		d.unwait(c)
	case evenkeel.ChatOffered:
		end := evenkeel.EndRescinded
		if reason == evenkeel.EndClosed {
			end = evenkeel.EndClosed
		}
		d.endOffer(c, end)
	case evenkeel.ChatActive:
		if reason == evenkeel.EndClosed {
			d.relieve(c, reason)
		} else {
			d.release(c, reason)
		}
	}
}

func (d *Desk) chatInvite(c *call, b *evenkeel.ChatInvite) (evenkeel.Result, *evenkeel.Error) {
	chat, refusal := d.steered(c, b.Chat)
	if refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if chat.State != evenkeel.ChatActive {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeConflict, "the chat is not active")
	}
	a, refusal := d.colleague(chat, b.Agent)
	if refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if chat.works(b.Agent) {
		return evenkeel.Result{Chat: d.view(chat)}, nil
	}
	if int64(len(chat.Invited)) >= d.cell.Limits.Participants {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeLimitReached, "the chat has %d participants, which is the limit", len(chat.Invited))
	}
	d.chats.touch(chat)
	chat.Invited = append(chat.Invited[:len(chat.Invited):len(chat.Invited)], b.Agent)
	a.invited = insertChat(a.invited, chat)
	d.publish(a.channel, &evenkeel.Publication{Type: evenkeel.PubAssigned, Chat: d.view(chat)})
	d.stateChanged(chat)
	return evenkeel.Result{Chat: d.view(chat)}, nil
}

func (d *Desk) chatLeave(c *call, b *evenkeel.ChatLeave) (evenkeel.Result, *evenkeel.Error) {
	me, refusal := c.me()
	if refusal != nil {
		return evenkeel.Result{}, refusal
	}
	chat, refusal := d.chatFor(&c.actor, b.Chat)
	if refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if chat.Agent == me.Config.ID {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeConflict, "the owner cannot leave; transfer the chat or close it")
	}
	if !chat.works(me.Config.ID) {
		return evenkeel.Result{Chat: d.view(chat)}, nil
	}
	d.chats.touch(chat)
	d.uninvite(chat, me, evenkeel.EndLeft)
	d.stateChanged(chat)
	return evenkeel.Result{Chat: d.view(chat)}, nil
}

// uninvite ends an agent's participation in a touched chat.
func (d *Desk) uninvite(c *chatRow, a *agentRow, reason evenkeel.EndReason) {
	c.Invited = without(c.Invited, a.Config.ID)
	a.invited = removeChat(a.invited, c)
	d.publish(a.channel, &evenkeel.Publication{Type: evenkeel.PubUnassigned, ChatID: c.ID, Reason: reason})
	d.revoke(c, a)
}
