package evenkeel

import "encoding/json"

// UnmarshalText reads a type's name. One that this version does not know is 0,
// so that an old client lives on beside a newer server.
func (t *PublicationType) UnmarshalText(b []byte) error {
	*t = 0
	for i, name := range publicationNames {
		if i > 0 && name == string(b) {
			*t = PublicationType(i)
		}
	}
	return nil
}

// UnmarshalText reads a side's name.
func (s *Side) UnmarshalText(b []byte) error { return parseEnum(s, sideNames, "side", b) }

// UnmarshalText reads a reason's name.
func (r *EndReason) UnmarshalText(b []byte) error {
	return parseEnum(r, endReasonNames, "reason", b)
}

// UnmarshalJSON reads the form of AppendJSON: the reverse, for clients. Of a
// type that this version does not know only that is told: Type is 0.
func (p *Publication) UnmarshalJSON(b []byte) error {
	var wire struct {
		Type       PublicationType `json:"type"`
		Message    *Message        `json:"message"`
		Note       *Note           `json:"note"`
		Chat       json.RawMessage `json:"chat"` // an object, or an id
		Offer      string          `json:"offer"`
		Deadline   Time            `json:"deadline"`
		ServerTime Time            `json:"server_time"`
		Preview    string          `json:"preview"`
		Reason     string          `json:"reason"`
		Side       Side            `json:"side"`
		Number     uint64          `json:"number"`
		Status     AgentStatus     `json:"status"`
		Connected  bool            `json:"connected"`
		Missed     *Missed         `json:"missed"`
	}
	var kind struct {
		Type PublicationType `json:"type"`
	}
	if err := json.Unmarshal(b, &kind); err != nil {
		return err
	}
	*p = Publication{}
	if kind.Type == 0 {
		return nil
	}
	if err := json.Unmarshal(b, &wire); err != nil {
		return err
	}
	*p = Publication{
		Type: wire.Type, Time: wire.ServerTime, Message: wire.Message, Note: wire.Note, Offer: wire.Offer, Deadline: wire.Deadline,
		Preview: wire.Preview, Side: wire.Side, Number: wire.Number, Status: wire.Status, Online: wire.Connected,
		Missed: wire.Missed,
	}
	switch {
	case wire.Type == PubStatus:
		p.Away = wire.Reason
	case wire.Reason != "":
		if err := p.Reason.UnmarshalText([]byte(wire.Reason)); err != nil {
			return err
		}
	}
	switch {
	case len(wire.Chat) == 0:
		return nil
	case wire.Chat[0] == '"':
		return json.Unmarshal(wire.Chat, &p.ChatID)
	}
	p.Chat = &Chat{}
	return json.Unmarshal(wire.Chat, p.Chat)
}
