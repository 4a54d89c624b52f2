package desk

import (
	"github.com/evenkeel/evenkeel"
)

// The logical sizes by which the state is counted against its budget, in
// bytes: a round allowance for a row, beside the texts that it carries.
const (
	rowBytes    = 64
	keyBytes    = 160
	chatBytes   = 1024
	recordBytes = 256
	nameBytes   = 16 // a name in a list
)

func (d *Desk) account(n int64) { d.cell.Bytes += n }

// room refuses what would let the state grow over its budget.
func (d *Desk) room(n int64) *evenkeel.Error {
	if d.cell.Bytes+n > d.cell.Limits.MaxState {
		return evenkeel.Errorf(evenkeel.CodeLimitReached, "the cell's state has reached its budget of %d bytes (max_state)", d.cell.Limits.MaxState)
	}
	return nil
}

// roomToStart keeps the last sixteenth of the budget for chats that are live.
func (d *Desk) roomToStart(n int64) *evenkeel.Error {
	return d.room(n + d.cell.Limits.MaxState/16)
}

func recordSize(r *record) int64 {
	n := recordBytes
	switch p := r.Pub; {
	case p.Message != nil:
		n += len(p.Message.Text) + len(p.Message.ID)
	case p.Note != nil:
		n += len(p.Note.Text) + len(p.Note.ID)
	case p.Missed != nil:
		n += int(missedSize(p.Missed))
	case p.Chat != nil:
		c := p.Chat
		n += recordBytes + len(c.Attributes) + len(c.Subject) + len(p.Preview) + int(tagsSize(c.Tags)+ratingSize(c.Rating))
		if c.LastMessage != nil {
			n += len(c.LastMessage.Text) // shared now, but not after a restore
		}
	}
	return int64(n)
}

func chatSize(c *chatRow) int64 {
	return chatBytes + int64(len(c.Attributes)+len(c.Subject)) + tagsSize(c.Tags) + ratingSize(c.Rating)
}

func opSize(o *opRow) int64 {
	n := rowBytes + tagsSize(o.Tags) + ratingSize(o.Rating)
	if o.Note != nil {
		n += int64(len(o.Note.Text) + len(o.Note.ID))
	}
	return n
}

func customerSize(cu *customerRow) int64 {
	n := int64(len(cu.Attributes)+len(cu.Claimed)+len(cu.Context)) + profileSize(cu.Signed)
	return n + tagsSize(cu.Aliases)
}

func profileSize(p *evenkeel.SignedProfile) int64 {
	if p == nil {
		return 0
	}
	return int64(len(p.Name) + len(p.Email) + len(p.Attributes))
}

func signingSize(s *evenkeel.Signing) int64 {
	if s == nil {
		return 0
	}
	return rowBytes + int64(len(s.Secret)+len(s.JWKSURL)+len(s.Issuer)+len(s.Audience))
}

func tagsSize(tags []string) (n int64) {
	for _, t := range tags {
		n += int64(len(t)) + nameBytes
	}
	return n
}

func ratingSize(r *evenkeel.Rating) int64 {
	if r == nil {
		return 0
	}
	return int64(len(r.Comment))
}

func skillsSize(skills evenkeel.Skills) (n int64) {
	for _, s := range skills {
		n += int64(len(s.Name)) + nameBytes
	}
	return n
}

func agentSize(a *evenkeel.Agent) int64 {
	n := chatBytes + int64(len(a.Name)+len(a.Email)+len(a.Avatar)) + skillsSize(a.Skills)
	for _, m := range a.Queues {
		n += int64(len(m.Queue)) + nameBytes
	}
	return n
}

func queueSize(q *evenkeel.Queue) int64 {
	return chatBytes + int64(len(q.Name)+len(q.Greeting)+len(q.OfflineMessage)+len(q.AcceptMessage)) + skillsSize(q.Skills) + hoursSize(q.Hours)
}

func namespaceSize(n *evenkeel.Namespace) int64 { return 2*rowBytes + int64(len(n.Name)) }

func hoursSize(h *evenkeel.Hours) int64 {
	if h == nil {
		return 0
	}
	return rowBytes*int64(1+len(h.Weekly)) + tagsSize(h.Holidays)
}

func workspaceSize(w *evenkeel.Workspace) int64 {
	return chatBytes + int64(len(w.Name)) + tagsSize(w.Origins) + tagsSize(w.Hosts)
}

// resize counts a row that came to another size, if there is room for it: a row
// that does not grow always has.
func (d *Desk) resize(from, to int64) *evenkeel.Error {
	if to > from {
		if refusal := d.room(to - from); refusal != nil {
			return refusal
		}
	}
	d.account(to - from)
	return nil
}
