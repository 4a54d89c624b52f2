package desk

import (
	"sort"

	"github.com/evenkeel/evenkeel"
)

// view copies a chat as staff sees it.
func (d *Desk) view(c *chatRow) *evenkeel.Chat {
	v := &evenkeel.Chat{
		ID: c.ID, Workspace: c.Workspace, Queue: c.Queue, Customer: c.Customer, State: c.State, Priority: c.Priority,
		Subject: c.Subject, Attributes: c.Attributes, Tags: c.Tags, QueuedAt: c.QueuedOn, OfferedAt: c.OfferedOn,
		AnsweredAt: c.AnsweredOn, ClosedAt: c.ClosedOn, Reason: c.Reason, Messages: c.Messages, LastMessage: c.last,
		Delivered: c.Delivered, Seen: c.Seen, Previous: c.Previous, Rating: c.Rating, CustomerGone: c.Gone,
	}
	if c.Agent != "" {
		p := d.person(c.Workspace, c.Agent)
		v.Agent = &p
	}
	for _, id := range c.Invited {
		v.Participants = append(v.Participants, d.person(c.Workspace, id))
	}
	return v
}

// person names an agent, who may be gone by now.
func (d *Desk) person(ws, id string) evenkeel.Person {
	if a := d.agents.get(key{ws, id}); a != nil {
		return a.person()
	}
	return evenkeel.Person{ID: id, Name: id}
}

func (d *Desk) reader(by evenkeel.Principal) (actor, error) {
	a, refusal := d.actorOf(by)
	if refusal != nil {
		return a, refusal
	}
	return a, nil
}

// Chat returns a chat that the caller may know of, as staff sees it: what a
// customer gets is for the edge to cut.
func (d *Desk) Chat(by evenkeel.Principal, id string) (*evenkeel.Chat, error) {
	a, err := d.reader(by)
	if err != nil {
		return nil, err
	}
	c, refusal := d.knownChat(&a, id)
	if refusal != nil {
		return nil, refusal
	}
	return d.view(c), nil
}

// Chats lists the chats in the desk that the caller may know of, oldest first,
// behind the chat with the id after.
func (d *Desk) Chats(by evenkeel.Principal, f evenkeel.ChatFilter, after string, limit int) ([]*evenkeel.Chat, error) {
	a, err := d.reader(by)
	if err != nil {
		return nil, err
	}
	var from uint64
	if after != "" {
		seq, ok := chatSeq(after)
		if !ok {
			return nil, evenkeel.FieldErrorf("cursor", "the cursor is not one of this list")
		}
		from = seq
	}
	selected := func(c *chatRow) bool {
		return c.Seq > from && (f.State == 0 || c.State == f.State) && (f.Queue == "" || c.Queue == f.Queue) &&
			(f.Agent == "" || c.Agent == f.Agent) && (f.Customer == "" || c.Customer == f.Customer) && !c.leaving() && a.knows(c)
	}
	var rows []*chatRow
	if few, ok := d.candidates(&a, f); ok {
		rows = pageRows(few, limit, selected, func(x, y *chatRow) bool { return x.Seq < y.Seq })
	} else {
		rows = d.workspaces.get(a.ws).page(from, limit, selected)
	}
	out := make([]*evenkeel.Chat, 0, len(rows))
	for _, c := range rows {
		out = append(out, d.view(c))
	}
	return out, nil
}

// candidates returns a small set of chats that holds all that the filter can
// select, if there is one.
func (d *Desk) candidates(a *actor, f evenkeel.ChatFilter) (few []*chatRow, ok bool) {
	if a.customer != "" {
		f.Customer = a.customer
	}
	switch {
	case f.Customer != "":
		if cu := d.customers.get(key{a.ws, f.Customer}); cu != nil {
			few = append(cu.live[:len(cu.live):len(cu.live)], cu.kept...)
		}
		return few, true
	case f.Agent != "" && (f.State == evenkeel.ChatActive || f.State == evenkeel.ChatWrapping):
		if ag := d.agents.get(key{a.ws, f.Agent}); ag != nil {
			few = ag.owned
		}
		return few, true
	}
	return nil, false
}

// page returns the workspace's first chats behind a sequence that are selected.
func (r *workspaceRow) page(from uint64, limit int, selected func(*chatRow) bool) (rows []*chatRow) {
	r.rooms.Ascend(from+1, func(_ uint64, c *chatRow) bool {
		if selected(c) {
			rows = append(rows, c)
		}
		return len(rows) < limit
	})
	return rows
}

// chatSeq is the reverse of a chat's id.
func chatSeq(id string) (uint64, bool) {
	if len(id) < 2 || id[0] != 'c' {
		return 0, false
	}
	return parseBase36(id[1:])
}

// Transcript returns a part of a chat's talk. Notes are given to staff only;
// asking for them as a customer gives none.
func (d *Desk) Transcript(by evenkeel.Principal, chat string, r evenkeel.MessageRange, notes bool) (*evenkeel.Transcript, error) {
	a, err := d.reader(by)
	if err != nil {
		return nil, err
	}
	c, refusal := d.chatFor(&a, chat)
	if refusal != nil {
		return nil, refusal
	}
	t := &evenkeel.Transcript{}
	r.After = min(r.After, c.Messages)
	first, last := r.After+1, c.Messages
	if r.Before > 0 {
		last = min(last, r.Before-1)
		first = 1
		if n := uint64(r.Limit); last > n {
			first = last - n + 1
		}
	} else if n := uint64(r.Limit); last >= first && last-first+1 > n {
		last = first + n - 1
	}
	if first <= last {
		c.talk.spoken(first, last, func(p *evenkeel.Publication) { t.Messages = append(t.Messages, p.Message) })
	}
	if notes && a.customer == "" {
		d.notesWithin(c, t, first, last, r)
	}
	return t, nil
}

// notesWithin adds the notes that stand behind the messages returned, and those
// before the first one where the range starts there.
func (d *Desk) notesWithin(c *chatRow, t *evenkeel.Transcript, first, last uint64, r evenkeel.MessageRange) {
	from := first
	if r.After == 0 && first <= 1 {
		from = 0
	}
	c.staff.spoken(1, c.Notes, func(p *evenkeel.Publication) {
		if n := p.Note; n.After >= from && (n.After <= last || last >= c.Messages) {
			t.Notes = append(t.Notes, n)
		}
	})
}

// spoken calls fn with the publications that carry the messages or notes of the
// given numbers, in order.
func (ch *channelRow) spoken(first, last uint64, fn func(*evenkeel.Publication)) {
	i := sort.Search(len(ch.chunks), func(i int) bool { return ch.chunks[i].Before >= first }) - 1
	for i = max(i, 0); i < len(ch.chunks); i++ {
		for j := range ch.chunks[i].Records {
			p := ch.chunks[i].Records[j].Pub
			switch n := spoken(p); {
			case n > last:
				return
			case n >= first && n > 0:
				fn(p)
			}
		}
	}
}

// Why explains a chat's last assignment or, while it waits, why nobody has it.
func (d *Desk) Why(by evenkeel.Principal, chat string) (*evenkeel.Why, error) {
	a, err := d.staffReader(by)
	if err != nil {
		return nil, err
	}
	c, refusal := d.knownChat(&a, chat)
	if refusal != nil {
		return nil, refusal
	}
	w := &evenkeel.Why{Chat: c.ID, Considered: []evenkeel.Considered{}}
	if c.State != evenkeel.ChatQueued {
		w.Decided, w.Chosen = c.Why.Decided, c.Why.Chosen
		w.Considered = append(w.Considered, c.Why.Considered...)
		return w, nil
	}
	considered, _ := d.floor.Why(c.ID, int64(d.cell.Now))
	for _, x := range considered {
		w.Considered = append(w.Considered, evenkeel.Considered{Agent: x.Agent[len(c.Workspace)+1:], Rank: x.Rank, PassedOver: x.PassedOver})
	}
	return w, nil
}

// AgentDesk returns an agent's own state with the position of his channel at
// which it holds.
func (d *Desk) AgentDesk(by evenkeel.Principal) (*evenkeel.AgentDesk, error) {
	a, err := d.staffReader(by)
	if err != nil {
		return nil, err
	}
	me := a.agent
	if me == nil {
		return nil, evenkeel.Errorf(evenkeel.CodeBadRequest, "this is for agents")
	}
	s := &evenkeel.AgentDesk{State: *d.agentState(me), Position: d.Position(me.channel.Name)}
	for _, c := range me.owned {
		s.Chats = append(s.Chats, d.view(c))
	}
	for _, c := range me.invited {
		s.Chats = append(s.Chats, d.view(c))
	}
	for _, c := range me.offers {
		deadline := c.Offer.Deadline + evenkeel.DeskTime(d.cell.Shift)
		s.Offers = append(s.Offers, evenkeel.Offer{ID: c.Offer.ID, Chat: d.view(c), Deadline: d.wallOf(deadline)})
	}
	return s, nil
}

// VisitorDesk returns a customer's own state with the position of his channel
// at which it holds: his live chats, and the last one that is over while it is
// in the desk.
func (d *Desk) VisitorDesk(by evenkeel.Principal) (*evenkeel.VisitorDesk, error) {
	a, err := d.reader(by)
	if err != nil {
		return nil, err
	}
	if a.customer == "" {
		return nil, evenkeel.Errorf(evenkeel.CodeBadRequest, "this is for customers")
	}
	s := &evenkeel.VisitorDesk{Position: d.Position(evenkeel.Channel(a.ws, evenkeel.ChannelVisitor, a.customer))}
	cu := d.customers.get(key{a.ws, a.customer})
	if cu == nil {
		return s, nil
	}
	if last := d.chats.get(cu.Last.Chat); last != nil && !last.leaving() && len(cu.live) == 0 {
		s.Chats = append(s.Chats, d.view(last))
	}
	for _, c := range cu.live {
		s.Chats = append(s.Chats, d.view(c))
	}
	return s, nil
}
