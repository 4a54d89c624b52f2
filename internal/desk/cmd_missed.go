package desk

import (
	"strings"

	"github.com/evenkeel/evenkeel"
)

// Missed items: people who wanted to be served and were not. An abandoned chat
// makes one by itself; whoever was refused, or came while the queue was closed,
// leaves one with the offline form. A refused start makes none: a command that
// fails leaves no trace.

// maxEmail bounds an e-mail address, in bytes.
const maxEmail = 320

// chatOffline takes the offline form, whether the queue is open or not: who
// would rather be written to need not wait.
func (d *Desk) chatOffline(c *call, b *evenkeel.ChatOffline) (evenkeel.Result, *evenkeel.Error) {
	a := &c.actor
	if a.customer == "" {
		return evenkeel.Result{}, evenkeel.FieldErrorf("on_behalf_of", "the form is filled in by a customer, or by a service on behalf of one")
	}
	if refusal := d.checkForm(b); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	q, refusal := d.startQueue(a, b.Queue)
	if refusal != nil {
		return evenkeel.Result{}, refusal
	}
	ws := d.workspaces.get(a.ws)
	if ws.forms[a.customer] >= d.cell.Limits.MissedOwn {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeLimitReached,
			"the customer has left %d messages that are not answered yet, which is the limit", ws.forms[a.customer])
	}
	if !d.roomForMissed(ws) {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeLimitReached, "the workspace has %d missed items, which is its limit", ws.missed.Len())
	}
	m := &missedRow{Asked: q.Config.ID, Item: evenkeel.Missed{
		Workspace: a.ws, Queue: q.Config.ID, Kind: evenkeel.MissedOffline, Customer: a.customer,
		Name: b.Name, Email: b.Email, Text: b.Text, Refused: b.Refused,
	}}
	if b.Refused != "" {
		m.Item.Kind = evenkeel.MissedRefused
	}
	if cu := d.customers.get(key{a.ws, a.customer}); cu != nil {
		d.signMissed(m, cu)
	}
	if refusal := d.roomToStart(roomOfMissed(&m.Item)); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	d.addMissed(ws, q, m)
	return evenkeel.Result{Missed: d.missedView(m), Created: true}, nil
}

func (d *Desk) checkForm(b *evenkeel.ChatOffline) *evenkeel.Error {
	if refusal := checkLabel("name", b.Name, maxLabel); refusal != nil {
		return refusal
	}
	if b.Email != "" && !isEmail(b.Email) {
		return evenkeel.FieldErrorf("email", "an e-mail address has an @, no blanks and %d bytes at most", maxEmail)
	}
	switch b.Refused {
	case "", evenkeel.CodeQueueClosed, evenkeel.CodeQueueFull, evenkeel.CodeLimitReached:
	default:
		return evenkeel.FieldErrorf("refused", "refused is the code of a start that was refused: queue_closed, queue_full or limit_reached")
	}
	return d.checkText("text", b.Text)
}

func isEmail(s string) bool {
	at := strings.LastIndexByte(s, '@')
	return at > 0 && at < len(s)-1 && len(s) <= maxEmail && !strings.ContainsAny(s, " \t\r\n<>,;")
}

// signMissed fills in from what is known of the customer how he can be
// answered, where he has not said so himself.
func (d *Desk) signMissed(m *missedRow, cu *customerRow) {
	if m.Item.Name == "" {
		m.Item.Name = cu.Name
	}
	if email := evenkeel.Attribute(cu.Attributes, "email"); m.Item.Email == "" && isEmail(email) {
		m.Item.Email = email
	}
}

// abandoned notes that a waiting customer gave up. It is one item for each
// customer and queue until it is answered, however often he comes and goes. The
// chat is touched, and still in its queue.
func (d *Desk) abandoned(c *chatRow) {
	ws := d.workspaces.get(c.Workspace)
	if m := ws.abandoned[waiter{c.Asked, c.Customer}]; m != nil {
		d.misses.touch(m)
		before := missedSize(&m.Item)
		m.Item.Chat = c.ID
		m.Item.Times++
		m.Item.Asked = d.Wall()
		d.account(missedSize(&m.Item) - before)
		d.missedChanged(m)
		return
	}
	m := &missedRow{Asked: c.Asked, Item: evenkeel.Missed{
		Workspace: c.Workspace, Queue: c.Queue, Kind: evenkeel.MissedAbandoned, Customer: c.Customer, Chat: c.ID, Text: firstWords(c),
	}}
	if email := evenkeel.Attribute(c.Attributes, "email"); isEmail(email) {
		m.Item.Email = email
	}
	d.signMissed(m, c.customer)
	if !d.roomForMissed(ws) || d.room(roomOfMissed(&m.Item)) != nil {
		// No open item is given up for it, and the chat itself is not lost.
		d.queues.touch(c.queue)
		c.queue.Unlisted++
		d.systemNote(c, "The customer left while waiting. The list of missed items is full, so this chat is not in it.")
		return
	}
	d.addMissed(ws, c.queue, m)
}

// openingWords is how many messages are looked through for the customer's first.
const openingWords = 16

// firstWords returns what a waiting customer came for.
func firstWords(c *chatRow) string {
	text := c.Subject
	found := false
	c.talk.spoken(1, openingWords, func(p *evenkeel.Publication) {
		if p.Message.Author.Kind == evenkeel.AuthorCustomer && !found {
			text, found = p.Message.Text, true
		}
	})
	return text
}

// served closes the abandoned item of a customer who came back and has been
// given to an agent.
func (d *Desk) served(c *chatRow) {
	ws := d.workspaces.get(c.Workspace)
	m := ws.abandoned[waiter{c.Asked, c.Customer}]
	if m == nil {
		return
	}
	d.misses.touch(m)
	before := missedSize(&m.Item)
	m.Item.Reason, m.Item.Served = evenkeel.MissedServed, c.ID
	d.account(missedSize(&m.Item) - before)
	d.endMissed(m, evenkeel.MissedClosed)
}

func (d *Desk) missedClaim(c *call, b *evenkeel.MissedClaim) (evenkeel.Result, *evenkeel.Error) {
	me, refusal := c.me()
	if refusal != nil {
		return evenkeel.Result{}, refusal
	}
	m, refusal := d.missedFor(&c.actor, b.Missed)
	if refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if m.agent == me {
		return evenkeel.Result{Missed: d.missedView(m)}, nil
	}
	if refusal := d.checkMissed(c, m, ""); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if int64(len(me.claims)) >= d.cell.Limits.MissedClaims {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeLimitReached, "you have claimed %d items, which is the limit; answer or release some", len(me.claims))
	}
	d.misses.touch(m)
	d.claim(m, me)
	d.missedChanged(m)
	return evenkeel.Result{Missed: d.missedView(m)}, nil
}

func (d *Desk) missedRelease(c *call, b *evenkeel.MissedRelease) (evenkeel.Result, *evenkeel.Error) {
	m, refusal := d.missedFor(&c.actor, b.Missed)
	if refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if m.Item.State == evenkeel.MissedOpen {
		return evenkeel.Result{Missed: d.missedView(m)}, nil
	}
	if refusal := d.checkMissed(c, m, ""); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	d.misses.touch(m)
	d.unclaim(m)
	return evenkeel.Result{Missed: d.missedView(m)}, nil
}

func (d *Desk) missedAnswer(c *call, b *evenkeel.MissedAnswer) (evenkeel.Result, *evenkeel.Error) {
	m, refusal := d.missedFor(&c.actor, b.Missed)
	if refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if refusal := d.checkMissed(c, m, b.Text); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if refusal := d.checkText("text", b.Text); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	d.misses.touch(m)
	m.Item.Answer = b.Text
	d.account(int64(len(b.Text)))
	d.finishMissed(c, m, evenkeel.MissedAnswered)
	return evenkeel.Result{Missed: d.missedView(m)}, nil
}

func (d *Desk) missedClose(c *call, b *evenkeel.MissedClose) (evenkeel.Result, *evenkeel.Error) {
	m, refusal := d.missedFor(&c.actor, b.Missed)
	if refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if refusal := d.checkMissed(c, m, b.Note); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if b.Note != "" {
		if refusal := d.checkText("note", b.Note); refusal != nil {
			return evenkeel.Result{}, refusal
		}
	}
	d.misses.touch(m)
	m.Item.Note, m.Item.Reason = b.Note, evenkeel.MissedByStaff
	d.account(int64(len(b.Note)))
	d.finishMissed(c, m, evenkeel.MissedClosed)
	return evenkeel.Result{Missed: d.missedView(m)}, nil
}

// finishMissed ends a touched item in the name of whoever asks.
func (d *Desk) finishMissed(c *call, m *missedRow, state evenkeel.MissedState) {
	if me := c.actor.agent; me != nil && me != m.agent {
		d.claim(m, me)
	}
	d.endMissed(m, state)
}

// handles tells whether the actor may see and treat the missed items of a
// queue: its members, and whoever supervises.
func (a *actor) handles(queue string) bool {
	return a.supervises() || a.agent != nil && a.agent.member(queue)
}

// missedFor finds an item that the actor may treat; for everybody else it does
// not exist.
func (d *Desk) missedFor(a *actor, id string) (*missedRow, *evenkeel.Error) {
	seq, ok := missedSeq(id)
	m := d.misses.get(seq)
	if !ok || m == nil || m.Item.Workspace != a.ws || !a.handles(m.Item.Queue) {
		return nil, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no missed item %q", id)
	}
	return m, nil
}

// checkMissed refuses to change what is over, what somebody else looks after,
// and what there is no room to tell of.
func (d *Desk) checkMissed(c *call, m *missedRow, text string) *evenkeel.Error {
	if m.Item.State.Done() {
		return evenkeel.Errorf(evenkeel.CodeConflict, "the missed item %s is %s already", m.Item.ID, m.Item.State)
	}
	if m.agent != nil && m.agent != c.actor.agent && !c.actor.supervises() {
		return evenkeel.Errorf(evenkeel.CodeConflict, "%s looks after the missed item %s; ask a supervisor", m.agent.Config.Name, m.Item.ID)
	}
	return d.room(roomOfMissed(&m.Item) + 2*int64(len(text)))
}

// missedSeq is the reverse of an item's id.
func missedSeq(id string) (uint64, bool) {
	if len(id) < 2 || id[0] != 'm' {
		return 0, false
	}
	return parseBase36(id[1:])
}
