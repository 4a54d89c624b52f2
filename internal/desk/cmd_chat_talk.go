package desk

import (
	"strconv"
	"unicode/utf8"

	"github.com/evenkeel/evenkeel"
)

func itoa(n int) string { return strconv.Itoa(n) }

func (d *Desk) chatSend(c *call, b *evenkeel.ChatSend) (evenkeel.Result, *evenkeel.Error) {
	a := &c.actor
	chat, refusal := d.chatFor(a, b.Chat)
	if refusal != nil {
		return evenkeel.Result{}, refusal
	}
	kind := b.Type
	switch {
	case kind == 0:
		kind = evenkeel.MessageText
	case kind != evenkeel.MessageText && kind != evenkeel.MessageSystem,
		kind == evenkeel.MessageSystem && a.service == nil && a.by.Kind != evenkeel.PrincipalSystem:
		return evenkeel.Result{}, evenkeel.FieldErrorf("kind", "the kind must be text")
	}
	if chat.State.Over() {
		return evenkeel.Result{}, errClosed(chat)
	}
	if refusal := d.checkText("text", b.Text); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if int64(chat.Messages) >= d.cell.Limits.ChatMessages {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeLimitReached, "the chat has %d messages, which is the limit", chat.Messages)
	}
	if refusal := d.roomIn(chat.talk.ws, recordBytes+int64(len(b.Text))); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	d.chats.touch(chat)
	m := d.addMessage(chat, a, c.id, b.Text, kind, c)
	return evenkeel.Result{Number: m.Number, Time: m.Time}, nil
}

// signer returns who sent a message if that is not its author.
func signer(c *call) *evenkeel.Principal {
	if c.onBehalfOf == (evenkeel.Principal{}) && c.by.Kind != evenkeel.PrincipalSystem {
		return nil
	}
	by := c.by
	return &by
}

// checkText refuses an empty or too long text.
func (d *Desk) checkText(field, s string) *evenkeel.Error {
	if s == "" {
		return evenkeel.FieldErrorf(field, "the %s must not be empty", field)
	}
	limit := d.cell.Limits.MessageChars
	if int64(len(s)) > limit && int64(utf8.RuneCountInString(s)) > limit {
		return &evenkeel.Error{Code: evenkeel.CodeTooLarge, Field: field, Detail: "the " + field + " is longer than " + itoa(int(limit)) + " characters"}
	}
	return nil
}

func errClosed(c *chatRow) *evenkeel.Error {
	return evenkeel.Errorf(evenkeel.CodeChatClosed, "the chat %s is closed", c.ID)
}

// messagePub is a message in its publication: one allocation for both.
type messagePub struct {
	pub evenkeel.Publication
	msg evenkeel.Message
}

// addMessage publishes a message in a touched chat. cause is the command whose
// id is to be remembered with it; nil if its key is kept elsewhere, or it has
// none.
func (d *Desk) addMessage(c *chatRow, a *actor, id, text string, kind evenkeel.MessageKind, cause *call) *evenkeel.Message {
	c.Messages++
	d.workspaces.touch(c.talk.ws)
	c.talk.ws.Sent++
	both := &messagePub{
		pub: evenkeel.Publication{Type: evenkeel.PubMessage},
		msg: evenkeel.Message{Number: c.Messages, ID: id, Author: a.author(c), Kind: kind, Text: text, Time: d.Wall()},
	}
	both.pub.Message = &both.msg
	d.sayRecord(c.talk, &both.pub, cause)
	c.noteLast(&both.msg)
	if a.agent != nil && !c.Responded {
		d.responded(c)
	}
	d.spoke(c, a)
	return &both.msg
}

// noteLast notes the chat's last message.
func (c *chatRow) noteLast(m *evenkeel.Message) {
	c.last = m
	if m.Author.Kind == evenkeel.AuthorCustomer {
		c.said = m
	}
}

// sayRecord publishes a message or a note and keeps the key of its command.
func (d *Desk) sayRecord(ch *channelRow, pub *evenkeel.Publication, cause *call) {
	if cause == nil || cause.digest == nil {
		d.publish(ch, pub)
		return
	}
	rec := d.publishRecord(ch, record{Pub: pub, Digest: cause.digest, By: signer(cause)})
	if cause.who == nil {
		cause.who = d.callerOf(cause.by)
	}
	cause.who.rememberRecord(cause.id, rec)
	cause.stored = true
}

// spoke notes whose turn it is after a message, for the idle rule.
func (d *Desk) spoke(c *chatRow, a *actor) {
	if a.customer != "" {
		c.HisTurn = false
		c.IdleFrom, c.IdleWarned = 0, false
		return
	}
	if a.by.Kind == evenkeel.PrincipalSystem {
		return // the system's own words are nobody's turn
	}
	c.HisTurn = true
	c.IdleFrom = 0 // counts from the last message
	d.idleCheck(c)
}

// say adds a message of the system to a touched chat.
func (d *Desk) say(c *chatRow, text string) { d.sayAs(c, "", text) }

// sayAs does the same under a name.
func (d *Desk) sayAs(c *chatRow, name, text string) {
	if int64(c.Messages) >= d.cell.Limits.ChatMessages {
		return // it says nothing that the state does not
	}
	a := actor{ws: c.Workspace, by: evenkeel.System(), sign: name}
	d.addMessage(c, &a, "", text, evenkeel.MessageSystem, nil)
}

func (d *Desk) chatNote(c *call, b *evenkeel.ChatNote) (evenkeel.Result, *evenkeel.Error) {
	chat, refusal := d.chatFor(&c.actor, b.Chat)
	if refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if c.actor.customer != "" {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeForbidden, "notes are for staff")
	}
	if refusal := d.checkNote(chat, "text", b.Text); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	d.chats.touch(chat)
	n := d.addNote(chat, &c.actor, c.id, b.Text, c)
	d.reput(chat)
	return evenkeel.Result{Number: n.Number, Time: n.Time}, nil
}

func (d *Desk) checkNote(chat *chatRow, field, text string) *evenkeel.Error {
	if refusal := d.checkText(field, text); refusal != nil {
		return refusal
	}
	if int64(chat.Notes) >= d.cell.Limits.ChatMessages {
		return evenkeel.Errorf(evenkeel.CodeLimitReached, "the chat has %d notes, which is the limit", chat.Notes)
	}
	return d.roomIn(chat.staff.ws, recordBytes+int64(len(text)))
}

// addNote publishes a note in a touched chat.
func (d *Desk) addNote(c *chatRow, a *actor, id, text string, cause *call) *evenkeel.Note {
	c.Notes++
	n := &evenkeel.Note{Number: c.Notes, After: c.Messages, ID: id, Author: a.author(c), Text: text, Time: d.Wall()}
	d.sayRecord(c.staff, &evenkeel.Publication{Type: evenkeel.PubNote, Note: n}, cause)
	return n
}

// systemNote adds a note of the system to a touched chat.
func (d *Desk) systemNote(c *chatRow, text string) {
	if int64(c.Notes) >= d.cell.Limits.ChatMessages {
		return
	}
	a := actor{ws: c.Workspace, by: evenkeel.System()}
	d.addNote(c, &a, "", text, nil)
}

// chatMark moves a side's delivered or seen mark forward. A mark that does not
// move is a success that says nothing.
func (d *Desk) chatMark(c *call, id string, number uint64, what evenkeel.PublicationType) (evenkeel.Result, *evenkeel.Error) {
	a := &c.actor
	chat, refusal := d.chatFor(a, id)
	if refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if number > chat.Messages {
		return evenkeel.Result{}, evenkeel.FieldErrorf("number", "the chat has %d messages", chat.Messages)
	}
	side := evenkeel.SideCustomer
	if a.customer == "" {
		side = evenkeel.SideAgent
		if a.agent == nil || !chat.works(a.agent.Config.ID) {
			return evenkeel.Result{}, nil // a supervisor who watches leaves no mark
		}
	}
	if chat.State == evenkeel.ChatClosed || number <= *chat.mark(side, what) {
		return evenkeel.Result{}, nil
	}
	if chat.talk.Next > tellLimit {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeLimitReached, "the chat's history is full")
	}
	d.chats.touch(chat)
	*chat.mark(side, what) = number
	if what == evenkeel.PubSeen {
		*chat.mark(side, evenkeel.PubDelivered) = max(number, *chat.mark(side, evenkeel.PubDelivered))
	}
	d.publish(chat.talk, &evenkeel.Publication{Type: what, Side: side, Number: number})
	return evenkeel.Result{}, nil
}

func (c *chatRow) mark(side evenkeel.Side, what evenkeel.PublicationType) *uint64 {
	marks := &c.Delivered
	if what == evenkeel.PubSeen {
		marks = &c.Seen
	}
	if side == evenkeel.SideCustomer {
		return &marks.Customer
	}
	return &marks.Agent
}
