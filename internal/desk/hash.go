package desk

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"github.com/evenkeel/evenkeel"
)

// The output hash runs over a canonical form of every result and event, in
// order. It is there to show that replicas agree, not against an adversary,
// so a fast hash serves.

func (d *Desk) mix() {
	d.cell.Hash = xxhash.Sum64(d.scratch)
}

// begin starts the next link of the chain.
func (d *Desk) begin(tag byte) []byte {
	b := binary.LittleEndian.AppendUint64(d.scratch[:0], d.cell.Hash)
	return append(b, tag)
}

func (d *Desk) hashResult(r *evenkeel.Result) {
	b := d.begin('r')
	if r.Err != nil {
		b = appendString(b, string(r.Err.Code))
		b = appendString(b, r.Err.Field)
	}
	b = binary.AppendUvarint(b, r.Number)
	b = binary.AppendUvarint(b, uint64(r.Time))
	b = binary.AppendUvarint(b, r.Incarnation)
	b = binary.AppendUvarint(b, r.Operation)
	b = append(b, bit(r.Existing, 1)|bit(r.Created, 2)|bit(r.Repeated, 4))
	if r.Chat != nil {
		b = appendChat(b, r.Chat)
	}
	if r.Agent != nil {
		b = appendString(b, r.Agent.ID)
		b = append(b, byte(r.Agent.Status))
	}
	if r.Missed != nil {
		b = appendMissed(b, r.Missed)
	}
	d.scratch = b
	d.mix()
}

func (d *Desk) hashSkip() {
	b := d.begin('s')
	d.scratch = binary.AppendUvarint(b, uint64(d.step))
	d.mix()
}

func (d *Desk) hashEvent(e *evenkeel.Event) {
	b := d.begin('e')
	b = append(b, byte(e.Kind))
	b = appendString(b, e.Channel)
	b = binary.AppendUvarint(b, e.Position.Offset)
	if e.Pub != nil {
		b = appendPublication(b, e.Pub)
	} else {
		b = appendPrincipal(b, e.Principal)
		b = appendString(b, e.Token)
		b = binary.AppendUvarint(b, e.Session.Incarnation)
		b = binary.AppendUvarint(b, e.Session.Number)
	}
	d.scratch = b
	d.mix()
}

func appendPublication(b []byte, p *evenkeel.Publication) []byte {
	b = append(b, byte(p.Type))
	b = binary.AppendUvarint(b, uint64(p.Time))
	if p.Message != nil {
		return appendMessage(b, p.Message)
	}
	if n := p.Note; n != nil {
		b = binary.AppendUvarint(b, n.Number)
		b = binary.AppendUvarint(b, n.After)
		b = appendString(b, n.ID)
		b = appendAuthor(b, n.Author)
		return appendString(b, n.Text)
	}
	if p.Missed != nil {
		return appendMissed(b, p.Missed)
	}
	if p.Chat != nil {
		b = appendChat(b, p.Chat)
	}
	b = appendString(b, p.ChatID)
	b = appendString(b, p.Offer)
	b = binary.AppendUvarint(b, uint64(p.Deadline))
	b = append(b, byte(p.Reason), byte(p.Side), byte(p.Status), bit(p.Online, 1))
	b = binary.AppendUvarint(b, p.Number)
	b = appendString(b, p.Away)
	b = appendString(b, p.Customer)
	return appendString(b, p.Preview)
}

func appendMessage(b []byte, m *evenkeel.Message) []byte {
	b = binary.AppendUvarint(b, m.Number)
	b = appendString(b, m.ID)
	b = appendAuthor(b, m.Author)
	b = append(b, byte(m.Kind))
	b = appendString(b, m.Text)
	return binary.AppendUvarint(b, uint64(m.Time))
}

func appendAuthor(b []byte, a evenkeel.Author) []byte {
	b = append(b, byte(a.Kind))
	b = appendString(b, a.ID)
	return appendString(b, a.Name)
}

func appendChat(b []byte, c *evenkeel.Chat) []byte {
	b = appendString(b, c.ID)
	b = appendString(b, c.Queue)
	b = append(b, byte(c.State), byte(c.Reason))
	if c.Agent != nil {
		b = appendString(b, c.Agent.ID)
	}
	b = binary.AppendUvarint(b, uint64(len(c.Participants)))
	for _, p := range c.Participants {
		b = appendString(b, p.ID)
	}
	b = binary.AppendVarint(b, c.Priority)
	b = appendString(b, c.Subject)
	b = appendString(b, string(c.Attributes))
	for _, t := range c.Tags {
		b = appendString(b, t)
	}
	for _, t := range []evenkeel.Time{c.QueuedAt, c.OfferedAt, c.AnsweredAt, c.ClosedAt} {
		b = binary.AppendVarint(b, int64(t))
	}
	for _, n := range []uint64{c.Messages, c.Delivered.Customer, c.Delivered.Agent, c.Seen.Customer, c.Seen.Agent} {
		b = binary.AppendUvarint(b, n)
	}
	b = append(b, bit(c.CustomerGone, 1))
	if c.Rating != nil {
		b = binary.AppendVarint(b, c.Rating.Score)
		b = appendString(b, c.Rating.Comment)
	}
	return appendString(b, c.Previous)
}

func appendMissed(b []byte, m *evenkeel.Missed) []byte {
	for _, s := range []string{m.ID, m.Queue, m.Customer, m.Name, m.Email, m.Text, m.Chat, string(m.Refused), m.Answer, m.Note, m.Served} {
		b = appendString(b, s)
	}
	if m.Agent != nil {
		b = appendString(b, m.Agent.ID)
	}
	b = append(b, byte(m.Kind), byte(m.State), byte(m.Reason))
	b = binary.AppendUvarint(b, m.Times)
	for _, t := range []evenkeel.Time{m.Created, m.Asked, m.ClaimedAt, m.ClosedAt} {
		b = binary.AppendVarint(b, int64(t))
	}
	return b
}

func bit(on bool, mask byte) byte {
	if on {
		return mask
	}
	return 0
}
