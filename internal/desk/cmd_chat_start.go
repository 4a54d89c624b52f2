package desk

import (
	"unicode/utf8"

	"github.com/evenkeel/evenkeel"
)

// The bounds of short texts, in characters.
const (
	maxSubject = 200
	maxLabel   = 100
)

// maxHops bounds a chain of overflows.
const maxHops = 5

func (d *Desk) chatStart(c *call, b *evenkeel.ChatStart) (evenkeel.Result, *evenkeel.Error) {
	a := &c.actor
	if a.customer == "" {
		return evenkeel.Result{}, evenkeel.FieldErrorf("on_behalf_of", "a chat is started by a customer, or by a service on behalf of one")
	}
	if refusal := d.checkStart(a, b); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	q, refusal := d.startQueue(a, b.Queue)
	if refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if old := d.liveIn(a, q.Config.ID); old != nil {
		return evenkeel.Result{Chat: d.view(old), Existing: true}, nil
	}
	asked := q.Config.ID
	if q, refusal = d.overflowByLength(q); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if old := d.liveIn(a, q.Config.ID); old != nil {
		return evenkeel.Result{Chat: d.view(old), Existing: true}, nil
	}
	ws := d.workspaces.get(a.ws)
	if ws.chats >= most(ws.Limits.LiveChats, d.cell.Limits.LiveChats) {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeLimitReached, "the workspace has %d live chats, which is its limit", ws.chats)
	}
	greeting := d.greeting(a, b, q)
	size := chatBytes + int64(len(b.Attributes)+len(b.Subject)+len(b.Message)+len(greeting))
	if refusal := d.roomToArchive(size); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if refusal := d.roomIn(ws, size); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if refusal := d.roomToStart(size); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if refusal := d.roomForCustomer(a.ws, a.customer); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	chat := d.openChat(a, b, q, asked)
	if b.Message != "" {
		d.addMessage(chat, a, c.id, b.Message, evenkeel.MessageText, nil)
	}
	if greeting != "" {
		d.sayAs(chat, q.Config.Name, greeting)
	}
	d.wait(chat)
	return evenkeel.Result{Chat: d.view(chat)}, nil
}

func (d *Desk) checkStart(a *actor, b *evenkeel.ChatStart) *evenkeel.Error {
	if b.Priority != 0 && a.service == nil {
		return &evenkeel.Error{Code: evenkeel.CodeForbidden, Field: "priority", Detail: "a visitor may not set the priority"}
	}
	if b.Priority < -maxPriority || b.Priority > maxPriority {
		return evenkeel.FieldErrorf("priority", "the priority must be from -%d to %d", maxPriority, maxPriority)
	}
	if refusal := checkLabel("subject", b.Subject, maxSubject); refusal != nil {
		return refusal
	}
	if refusal := checkLabel("name", b.Name, maxLabel); refusal != nil {
		return refusal
	}
	if refusal := d.checkAttributes(b.Attributes); refusal != nil {
		return refusal
	}
	if b.Message == "" {
		return nil
	}
	return d.checkText("message", b.Message)
}

// maxPriority bounds priorities on both sides of 0.
const maxPriority = 1000

func checkLabel(field, s string, limit int) *evenkeel.Error {
	if utf8.RuneCountInString(s) > limit {
		return &evenkeel.Error{Code: evenkeel.CodeTooLarge, Field: field, Detail: field + " is longer than " + itoa(limit) + " characters"}
	}
	return nil
}

func (d *Desk) checkAttributes(doc []byte) *evenkeel.Error {
	if int64(len(doc)) > d.cell.Limits.Attributes {
		return &evenkeel.Error{Code: evenkeel.CodeTooLarge, Field: "attributes", Detail: "the attributes are longer than " + itoa(int(d.cell.Limits.Attributes)) + " bytes"}
	}
	return nil
}

// startQueue finds the queue that the customer asks for.
func (d *Desk) startQueue(a *actor, id string) (*queueRow, *evenkeel.Error) {
	if id == "" {
		id = d.workspaces.get(a.ws).DefaultQueue
	}
	q := d.queues.get(key{a.ws, id})
	if q == nil {
		return nil, &evenkeel.Error{Code: evenkeel.CodeNotFound, Field: "queue", Detail: "there is no queue \"" + id + "\""}
	}
	return q, nil
}

// liveIn returns the customer's live chat that he asked for in a queue, or that
// is in it now.
func (d *Desk) liveIn(a *actor, queue string) *chatRow {
	cu := d.customers.get(key{a.ws, a.customer})
	if cu == nil {
		return nil
	}
	for _, c := range cu.live {
		if c.Asked == queue || c.Queue == queue {
			return c
		}
	}
	return nil
}

// overflowByLength follows the overflow of full queues.
func (d *Desk) overflowByLength(q *queueRow) (*queueRow, *evenkeel.Error) {
	if q.closed() {
		return nil, d.errQueueClosed(q)
	}
	first := q
	for hop := 0; hop < maxHops; hop++ {
		if q.waiting < q.Config.MaxLength && !q.closed() {
			return q, nil
		}
		next := d.queues.get(key{q.Workspace, q.Config.Overflow})
		if next == nil {
			break
		}
		q = next
	}
	return nil, evenkeel.Errorf(evenkeel.CodeQueueFull, "the queue %q is full: %d chats wait", first.Config.ID, first.waiting)
}

// openChat creates a chat with its channels. It waits nowhere yet.
func (d *Desk) openChat(a *actor, b *evenkeel.ChatStart, q *queueRow, asked string) *chatRow {
	cu := d.customerFor(a.ws, a.customer)
	d.customers.touch(cu)
	signed := cu.Signed
	if signed == nil {
		signed = &evenkeel.SignedProfile{}
	}
	cu.Name = cu.nameAs(a, b.Name)
	priority := b.Priority
	if priority == 0 {
		priority = signed.Priority
	}
	d.cell.ChatSeq++
	c := &chatRow{
		Seq: d.cell.ChatSeq, ID: "c" + base36(d.cell.ChatSeq), Workspace: a.ws, Queue: q.Config.ID, Asked: asked,
		Customer: cu.ID, State: evenkeel.ChatQueued, Priority: priority, QueuedAt: d.cell.Now, QueuedOn: d.Wall(),
		Entered: d.cell.Now, Waits: d.cell.Now, Started: d.cell.Now, Subject: b.Subject, Attributes: b.Attributes,
		queue: q, customer: cu,
	}
	d.placeFromPast(c, cu)
	d.chats.add(c)
	c.talk = d.openChannel(evenkeel.Channel(a.ws, evenkeel.ChannelChat, c.ID), 0)
	c.staff = d.openChannel(evenkeel.Channel(a.ws, evenkeel.ChannelStaff, c.ID), 0)
	cu.live = insertChat(cu.live, c)
	d.stopTimer(&cu.Timer)
	q.live++
	ws := d.workspaces.get(a.ws)
	d.workspaces.touch(ws)
	ws.chats++
	ws.Started++
	ws.rooms.Set(c.Seq, c)
	d.account(chatSize(c))
	d.comes(c)
	return c
}

// nameAs returns the name under which a customer starts a chat. Nobody passes for
// another by giving his name.
func (c *customerRow) nameAs(a *actor, given string) string {
	if given == "" || c.Signed != nil && c.Signed.Name != "" && a.service == nil {
		return c.Name
	}
	return given
}

// placeFromPast gives a returning customer what his last chat left him: the
// same agent, and after an abandoned wait his old place.
func (d *Desk) placeFromPast(c *chatRow, cu *customerRow) {
	last := &cu.Last
	if last.Chat == "" {
		return
	}
	age := evenkeel.Duration(d.cell.Now - last.Closed)
	q := &c.queue.Config
	sameQueue := last.Queue == c.Asked
	if sameQueue && age <= q.ReopenWithin {
		c.Previous = last.Chat
		c.Prefer = last.Agent
	} else if q.Sticky > 0 {
		c.Prefer = last.Agent
	}
	if c.Prefer != "" && q.Sticky > 0 {
		c.HoldUntil = d.cell.Now + evenkeel.DeskTime(q.Sticky)
	}
	if last.Abandoned && sameQueue && age <= q.AbandonedResume {
		c.QueuedAt, c.QueuedOn, c.Previous = last.QueuedAt, last.QueuedOn, last.Chat
		c.Priority = max(c.Priority, last.Priority)
		*last = lastChat{}
	}
}
