package desk

import (
	"sort"

	"github.com/evenkeel/evenkeel"
)

// ArchiveOps returns operations behind after, in order: at most maxOps, and about
// maxBytes of text but always one. A put carries its chat as it is now. first
// and last are the oldest operation that the desk has and the newest: with after
// below first-1 operations are missing.
func (d *Desk) ArchiveOps(after uint64, maxOps, maxBytes int) (ops []evenkeel.ArchiveOp, first, last uint64) {
	first, last = d.cell.ArchiveDropped+1, d.cell.ArchiveSeq
	size := 0
	for seq := max(after+1, first); seq <= last && len(ops) < maxOps && (size < maxBytes || len(ops) == 0); seq++ {
		o := d.opAt(seq)
		op := evenkeel.ArchiveOp{
			Seq: o.Seq, Kind: o.Kind, Workspace: o.Workspace, Chat: o.Chat, Rating: o.Rating, Tags: o.Tags, Note: o.Note,
			Customer: o.Customer, Visitor: o.Visitor, Queue: o.Queue, Before: o.Before,
		}
		size += int(opSize(o))
		if c := d.chats.get(o.Chat); o.Kind == evenkeel.ArchivePut && c != nil {
			op.Record = d.archiveRecord(c)
			for _, m := range op.Record.Messages {
				size += recordBytes + len(m.Text)
			}
			for _, n := range op.Record.Notes {
				size += recordBytes + len(n.Text)
			}
		}
		ops = append(ops, op)
	}
	return ops, first, last
}

func (d *Desk) archiveRecord(c *chatRow) *evenkeel.ArchiveRecord {
	r := &evenkeel.ArchiveRecord{Chat: d.view(c)}
	c.talk.spoken(1, c.Messages, func(p *evenkeel.Publication) { r.Messages = append(r.Messages, p.Message) })
	c.staff.spoken(1, c.Notes, func(p *evenkeel.Publication) { r.Notes = append(r.Notes, p.Note) })
	return r
}

// Archived tells whether a chat has left the desk: its id was given out, and it
// is not here.
func (d *Desk) Archived(chat string) bool {
	seq, ok := chatSeq(chat)
	if !ok || seq == 0 || seq > d.cell.ChatSeq || chat != "c"+base36(seq) {
		return false
	}
	c := d.chats.get(chat)
	return c == nil || c.leaving()
}

// ArchiveState returns what the desk knows of the archive, copies by node.
func (d *Desk) ArchiveState() evenkeel.ArchiveState {
	s := evenkeel.ArchiveState{On: d.archiving, Last: d.cell.ArchiveSeq, Dropped: d.cell.ArchiveDropped, Held: d.held, Overdue: d.overdue}
	for _, n := range d.nodes.list {
		if n.Copy != nil {
			s.Copies = append(s.Copies, evenkeel.ArchiveCopy{Node: n.ID, Copy: n.Copy.ID, State: n.Copy.State, Cursor: n.Copy.Cursor})
		}
	}
	sort.Slice(s.Copies, func(i, j int) bool { return s.Copies[i].Node < s.Copies[j].Node })
	return s
}

// MayReadArchived judges a caller by the record of a chat that has left the
// desk, as the desk would if it were here: its customer, its owner and
// participants, whoever supervises. Besides, an agent reads the past of a
// customer whom he serves now.
func (d *Desk) MayReadArchived(by evenkeel.Principal, chat *evenkeel.Chat) error {
	a, err := d.reader(by)
	if err != nil {
		return err
	}
	if chat.Workspace == a.ws {
		switch {
		case a.customer != "":
			if chat.Customer == a.customer {
				return nil
			}
		case a.supervises() || worked(chat, a.by.ID) || d.servesNow(&a, chat.Customer):
			return nil
		}
	}
	return errNoChat(chat.ID)
}

// MayAmendArchived tells whether a caller may write notes and tags of a chat that
// has left: its owner, its participants, and whoever supervises.
func (d *Desk) MayAmendArchived(by evenkeel.Principal, chat *evenkeel.Chat) error {
	a, err := d.staffReader(by)
	if err != nil {
		return err
	}
	if chat.Workspace == a.ws && (a.supervises() || worked(chat, a.by.ID)) {
		return nil
	}
	return errNoChat(chat.ID)
}

// worked tells whether an agent owned the chat or took part in it.
func worked(chat *evenkeel.Chat, agent string) bool {
	if chat.Agent != nil && chat.Agent.ID == agent {
		return true
	}
	for _, p := range chat.Participants {
		if p.ID == agent {
			return true
		}
	}
	return false
}

// servesNow tells whether an agent works in a live chat of the customer.
func (d *Desk) servesNow(a *actor, customer string) bool {
	cu := d.customers.get(key{a.ws, customer})
	if cu == nil || a.agent == nil {
		return false
	}
	for _, c := range cu.live {
		if c.works(a.agent.Config.ID) {
			return true
		}
	}
	return false
}
