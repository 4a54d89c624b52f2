package desk

import (
	"github.com/tidwall/btree"

	"github.com/evenkeel/evenkeel"
)

// What is counted of a chat, and when. A chat is a contact of a queue from the
// moment it comes to it until it is answered, abandoned or has flowed out, and
// is counted as one of these exactly once. A chat that returns because its agent
// was lost is no new contact: it was answered before.

// line is the chats of a queue that wait or ring, the longest waiting first.
type line = btree.BTreeG[*chatRow]

func newLine() *line {
	return btree.NewBTreeGOptions(func(a, b *chatRow) bool {
		return a.Waits < b.Waits || a.Waits == b.Waits && a.Seq < b.Seq
	}, btree.Options{NoLocks: true})
}

// comes counts a chat as a new contact of its queue.
func (d *Desk) comes(c *chatRow) {
	c.Contact = true
	d.countQueue(c.queue, evenkeel.QueueCounts{Offered: 1})
}

// ended returns how long a contact has waited. It is none any more.
func (d *Desk) ended(c *chatRow) (wait evenkeel.Duration, bucket evenkeel.WaitBucket) {
	c.Contact = false
	wait = evenkeel.Duration(d.cell.Now - c.Waits)
	return wait, evenkeel.WaitBucket{Up: evenkeel.WaitEdge(wait)}
}

func (d *Desk) answered(c *chatRow) {
	if !c.Contact {
		return
	}
	wait, bucket := d.ended(c)
	bucket.Answered = 1
	d.countQueue(c.queue, evenkeel.QueueCounts{Answered: 1, AnswerWait: wait, LongestWait: wait, Waits: []evenkeel.WaitBucket{bucket}})
}

func (d *Desk) flowsOut(c *chatRow) {
	if !c.Contact {
		return
	}
	wait, bucket := d.ended(c)
	bucket.FlowedOut = 1
	d.countQueue(c.queue, evenkeel.QueueCounts{FlowedOut: 1, LongestWait: wait, Waits: []evenkeel.WaitBucket{bucket}})
}

// endsUnanswered counts a contact that is closed while it waits: abandoned if
// its customer left, flowed out if staff sent him away.
func (d *Desk) endsUnanswered(c *chatRow, reason evenkeel.CloseReason) {
	if !c.Contact {
		return
	}
	if reason != evenkeel.ClosedByCustomer && reason != evenkeel.ClosedAbandoned {
		d.flowsOut(c)
		return
	}
	wait, bucket := d.ended(c)
	bucket.Abandoned = 1
	d.countQueue(c.queue, evenkeel.QueueCounts{Abandoned: 1, AbandonWait: wait, LongestWait: wait, Waits: []evenkeel.WaitBucket{bucket}})
}

// handled counts that an owner is done with a chat.
func (d *Desk) handled(c *chatRow) {
	time := evenkeel.Duration(d.cell.Now - c.Taken)
	wrap := evenkeel.Duration(0)
	if c.State == evenkeel.ChatWrapping {
		wrap = evenkeel.Duration(d.cell.Now - c.ClosedAt)
	}
	d.countQueue(c.queue, evenkeel.QueueCounts{Handled: 1, HandleTime: time, WrapTime: wrap})
	d.countAgent(c.agent, evenkeel.AgentCounts{Handled: 1, HandleTime: time, WrapTime: wrap})
}

// responded counts the first message of an agent in a chat.
func (d *Desk) responded(c *chatRow) {
	c.Responded = true
	d.countQueue(c.queue, evenkeel.QueueCounts{Responded: 1, ResponseTime: evenkeel.Duration(d.cell.Now - c.Started)})
}

// handsOver counts that an active chat leaves its owner for somebody else.
func (d *Desk) handsOver(c *chatRow) {
	d.countQueue(c.queue, evenkeel.QueueCounts{Transferred: 1})
	d.countAgent(c.agent, evenkeel.AgentCounts{Transferred: 1})
}

func (d *Desk) missed(c *chatRow, a *agentRow) {
	d.countQueue(c.queue, evenkeel.QueueCounts{Missed: 1})
	d.countAgent(a, evenkeel.AgentCounts{Missed: 1})
}

func (d *Desk) declined(c *chatRow, a *agentRow) {
	d.countQueue(c.queue, evenkeel.QueueCounts{Declined: 1})
	d.countAgent(a, evenkeel.AgentCounts{Declined: 1})
}

// maxRefused bounds the refusals that one command tells of.
const maxRefused = 1_000_000

// queueRefused counts starts that a queue refused. A refused start leaves no
// trace of its own, so whoever refused it tells afterwards.
func (d *Desk) queueRefused(c *call, b *evenkeel.QueueRefused) (evenkeel.Result, *evenkeel.Error) {
	ws := d.workspaces.get(c.actor.ws)
	if ws == nil {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no workspace %q", c.actor.ws)
	}
	id := b.Queue
	if id == "" {
		id = ws.DefaultQueue
	}
	q := d.queues.get(key{ws.ID, id})
	if q == nil {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no queue %q", id)
	}
	if b.Number < 1 || b.Number > maxRefused {
		return evenkeel.Result{}, evenkeel.FieldErrorf("number", "the number must be from 1 to %d", maxRefused)
	}
	d.countQueue(q, evenkeel.QueueCounts{Refused: b.Number})
	return evenkeel.Result{}, nil
}
