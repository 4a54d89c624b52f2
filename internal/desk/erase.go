package desk

import (
	"github.com/evenkeel/evenkeel"
)

// customerErase removes what a customer said and what is known of him. What
// remains are counts: that there were chats, when, in which queue and of whom.
func (d *Desk) customerErase(c *call, b *evenkeel.CustomerErase) (evenkeel.Result, *evenkeel.Error) {
	ws := c.actor.ws
	if d.workspaces.get(ws) == nil {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no workspace %q", ws)
	}
	if b.Customer == "" || len(b.Customer) > maxName {
		return evenkeel.Result{}, evenkeel.FieldErrorf("id", "a customer's id has 1 to %d bytes", maxName)
	}
	cu := d.customers.get(key{ws, b.Customer})
	if cu != nil {
		if len(cu.live) > 0 {
			return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeConflict, "the customer has the live chat %s; close it first", cu.live[0].ID)
		}
		for _, chat := range cu.kept {
			if chat.State != evenkeel.ChatClosed {
				return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeConflict, "the chat %s is in wrap-up; finish it first", chat.ID)
			}
		}
	}
	result := evenkeel.Result{}
	if cu != nil {
		for _, chat := range cu.kept {
			if !chat.leaving() {
				result.Number++
			}
		}
		d.eraseCustomer(cu)
	}
	d.eraseMissed(d.workspaces.get(ws), b.Customer)
	if d.archiving {
		result.Operation = d.addOp(opRow{Kind: evenkeel.ArchiveErase, Workspace: ws, Customer: b.Customer})
	}
	return result, nil
}

// eraseCustomer forgets what the desk knows of a customer without live chats. What
// stands in the histories of his chats and of agents goes in parts.
func (d *Desk) eraseCustomer(cu *customerRow) {
	d.customers.touch(cu)
	d.account(-customerSize(cu))
	cu.Name, cu.Attributes, cu.Last = "", nil, lastChat{}
	cu.Signed, cu.SignedUntil, cu.Claimed, cu.Aliases = nil, 0, nil, nil
	cu.Context, cu.Version, cu.Changed = nil, 0, 0
	d.stopTimer(&cu.Timer)
	d.dropHistory(cu.channel)
	for _, c := range cu.kept {
		d.chats.touch(c)
		size := chatSize(c)
		c.Subject, c.Attributes = "", nil
		if c.Rating != nil {
			c.Rating = &evenkeel.Rating{Score: c.Rating.Score}
		}
		d.account(chatSize(c) - size)
		d.reput(c)
		d.addWork(workEraseChat, c.ID, 0)
	}
	d.addWork(workEraseAgent, evenkeel.Channel(cu.Workspace, evenkeel.ChannelVisitor, cu.ID), 0)
	d.forgetCustomer(cu)
}

// eraseSome empties the next chunk of an erased chat.
func (d *Desk) eraseSome(w *workRow) (done bool) {
	c := d.chats.get(w.Ref)
	if c == nil || c.leaving() {
		return true // it goes as a whole
	}
	n := int(w.N)
	for _, ch := range []*channelRow{c.talk, c.staff} {
		if n < len(ch.chunks) {
			d.work.touch(w)
			w.N++
			d.forgetRecords(c, ch.chunks[n])
			d.eraseChunk(ch.chunks[n], func(*evenkeel.Publication) bool { return true })
			for i := range ch.chunks[n].Records {
				m := ch.chunks[n].Records[i].Pub.Message
				if m != nil && (m.Number == c.Messages || c.said != nil && m.Number == c.said.Number) {
					c.noteLast(m)
				}
			}
			return false
		}
		n -= len(ch.chunks)
	}
	d.chats.touch(c)
	d.reput(c)
	return true
}

// eraseFromAgent empties what one agent's history says of an erased customer's
// chats.
func (d *Desk) eraseFromAgent(w *workRow) (done bool) {
	ws, _, customer, _ := evenkeel.ParseChannel(w.Ref)
	var next *agentRow
	for _, a := range d.agents.list {
		if a.Workspace == ws && a.Seq > w.N && (next == nil || a.Seq < next.Seq) {
			next = a
		}
	}
	if next == nil {
		return true
	}
	d.work.touch(w)
	w.N = next.Seq
	for _, chunk := range next.channel.chunks {
		d.eraseChunk(chunk, func(p *evenkeel.Publication) bool { return p.Chat != nil && p.Chat.Customer == customer })
	}
	return false
}

// eraseChunk replaces the publications of a chunk that are to be erased by ones
// without texts. A snapshot that is being taken keeps the old ones.
func (d *Desk) eraseChunk(chunk *chunkRow, erase func(*evenkeel.Publication) bool) {
	d.touchChunk(chunk)
	ch := d.channels.get(chunk.Channel)
	records := make([]record, len(chunk.Records), max(len(chunk.Records), 8))
	for i := range chunk.Records {
		rec := &chunk.Records[i]
		records[i] = *rec
		if !erase(rec.Pub) {
			continue
		}
		records[i] = record{Pub: erasePublication(rec.Pub)}
		d.store(ch, recordSize(&records[i])-recordSize(rec))
	}
	chunk.Records = records
}

func erasePublication(p *evenkeel.Publication) *evenkeel.Publication {
	e := *p
	e.Preview = ""
	if e.Message != nil {
		e.Message = eraseMessage(e.Message)
	}
	if e.Note != nil {
		n := *e.Note
		n.Text, n.Author = "", eraseAuthor(n.Author)
		e.Note = &n
	}
	if e.Chat != nil {
		c := *e.Chat
		c.Subject, c.Attributes = "", nil
		if c.LastMessage != nil {
			c.LastMessage = eraseMessage(c.LastMessage)
		}
		if c.Rating != nil {
			c.Rating = &evenkeel.Rating{Score: c.Rating.Score}
		}
		e.Chat = &c
	}
	return &e
}

func eraseMessage(m *evenkeel.Message) *evenkeel.Message {
	e := *m
	e.Text, e.Author = "", eraseAuthor(e.Author)
	return &e
}

// eraseAuthor leaves a customer his id, by which chats are counted.
func eraseAuthor(a evenkeel.Author) evenkeel.Author {
	if a.Kind == evenkeel.AuthorCustomer {
		a.Name = ""
	}
	return a
}
