package evenkeel

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// ChatState is where a chat is in its life.
//
//	queued -> offered -> active -> wrapping -> closed
//	  ^          |          |
//	  +----------+----------+
type ChatState uint8

// The states of a chat.
const (
	ChatQueued   ChatState = iota + 1 // waits in one queue
	ChatOffered                       // reserved for one agent until a deadline
	ChatActive                        // owned by exactly one agent
	ChatWrapping                      // over; the agent still writes notes
	ChatClosed
)

var chatStateNames = []string{"none", "queued", "offered", "active", "wrapping", "closed"}

func (s ChatState) String() string { return enumString(s, chatStateNames) }

// MarshalText writes the state's name.
func (s ChatState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a state's name.
func (s *ChatState) UnmarshalText(b []byte) error { return parseEnum(s, chatStateNames, "state", b) }

// Over tells whether the talk has ended: nobody can send any more.
func (s ChatState) Over() bool { return s == ChatWrapping || s == ChatClosed }

// CloseReason says why a chat ended.
type CloseReason uint8

// The reasons.
const (
	ClosedByCustomer   CloseReason = iota + 1
	ClosedByAgent                  // also by a supervisor or a service
	ClosedAbandoned                // the customer left while waiting
	ClosedCustomerGone             // the customer left an active chat
	ClosedIdle                     // the customer did not answer
	ClosedRefused                  // the queue was closed or full
	ClosedErased                   // privacy
	ClosedAgentLost                // the queue says: close when the agent is lost
)

var closeReasonNames = []string{"none", "by_customer", "by_agent", "abandoned", "customer_gone", "idle", "refused", "erased", "agent_lost"}

func (r CloseReason) String() string { return enumString(r, closeReasonNames) }

// MarshalText writes the reason's name.
func (r CloseReason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads a reason's name.
func (r *CloseReason) UnmarshalText(b []byte) error {
	return parseEnum(r, closeReasonNames, "reason", b)
}

// AuthorKind is the sort of who wrote a message.
type AuthorKind uint8

// The kinds of authors.
const (
	AuthorCustomer AuthorKind = iota + 1
	AuthorAgent
	AuthorBot
	AuthorSystem
)

var authorKindNames = []string{"none", "customer", "agent", "bot", "system"}

func (k AuthorKind) String() string { return enumString(k, authorKindNames) }

// MarshalText writes the kind's name.
func (k AuthorKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads a kind's name.
func (k *AuthorKind) UnmarshalText(b []byte) error {
	return parseEnum(k, authorKindNames, "author kind", b)
}

// MessageKind is the sort of a message.
type MessageKind uint8

// The kinds of messages.
const (
	MessageText MessageKind = iota + 1
	MessageSystem
	MessageFile
)

var messageKindNames = []string{"none", "text", "system", "file"}

func (k MessageKind) String() string { return enumString(k, messageKindNames) }

// MarshalText writes the kind's name.
func (k MessageKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads a kind's name.
func (k *MessageKind) UnmarshalText(b []byte) error {
	return parseEnum(k, messageKindNames, "kind", b)
}

// Author is who wrote a message or a note.
type Author struct {
	Kind AuthorKind `cbor:"1,keyasint" json:"kind"`
	ID   string     `cbor:"2,keyasint" json:"id"`
	Name string     `cbor:"3,keyasint,omitempty" json:"name"`
}

// Message is one utterance that the customer may see. Messages of a chat are
// numbered from 1 without holes.
type Message struct {
	Number uint64      `cbor:"1,keyasint" json:"number"`
	ID     string      `cbor:"2,keyasint" json:"id"` // the sender's own id
	Author Author      `cbor:"3,keyasint" json:"author"`
	Kind   MessageKind `cbor:"4,keyasint" json:"kind"`
	Text   string      `cbor:"5,keyasint" json:"text"`
	Time   Time        `cbor:"6,keyasint" json:"time"`
}

// AppendJSON appends the message's JSON form. Messages are what a cell moves
// most, so this does not go through reflection.
func (m *Message) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"number":`...)
	dst = strconv.AppendUint(dst, m.Number, 10)
	dst = append(dst, `,"id":`...)
	dst = AppendJSONString(dst, m.ID)
	dst = append(dst, `,"author":`...)
	dst = m.Author.appendJSON(dst)
	dst = append(dst, `,"kind":"`...)
	dst = append(dst, m.Kind.String()...)
	dst = append(dst, `","text":`...)
	dst = AppendJSONString(dst, m.Text)
	dst = append(dst, `,"time":"`...)
	dst = m.Time.AppendFormat(dst)
	return append(dst, `"}`...)
}

// MarshalJSON writes the form of AppendJSON.
func (m *Message) MarshalJSON() ([]byte, error) { return m.AppendJSON(nil), nil }

func (a Author) appendJSON(dst []byte) []byte {
	dst = append(dst, `{"kind":"`...)
	dst = append(dst, a.Kind.String()...)
	dst = append(dst, `","id":`...)
	dst = AppendJSONString(dst, a.ID)
	dst = append(dst, `,"name":`...)
	dst = AppendJSONString(dst, a.Name)
	return append(dst, '}')
}

// Note is one utterance among staff. Notes are numbered apart from messages.
type Note struct {
	Number uint64 `cbor:"1,keyasint" json:"note"`
	After  uint64 `cbor:"2,keyasint" json:"after"` // the message it follows, 0 for none
	ID     string `cbor:"3,keyasint" json:"id"`
	Author Author `cbor:"4,keyasint" json:"author"`
	Text   string `cbor:"5,keyasint" json:"text"`
	Time   Time   `cbor:"6,keyasint" json:"time"`
}

// Person is an agent as a chat shows him.
type Person struct {
	ID     string `cbor:"1,keyasint" json:"id"`
	Name   string `cbor:"2,keyasint,omitempty" json:"name"`
	Avatar string `cbor:"3,keyasint,omitempty" json:"avatar,omitempty"`
}

// Marks are message numbers, one for each side of a chat: how far messages
// were delivered to it, or seen by it.
type Marks struct {
	Customer uint64 `cbor:"1,keyasint,omitempty" json:"customer"`
	Agent    uint64 `cbor:"2,keyasint,omitempty" json:"agent"`
}

// Chat is a chat as staff sees it: a copy, made at one index of the log.
type Chat struct {
	ID           string          `cbor:"1,keyasint" json:"id"`
	Workspace    string          `cbor:"2,keyasint" json:"workspace"`
	Queue        string          `cbor:"3,keyasint" json:"queue"`
	Customer     string          `cbor:"4,keyasint" json:"customer"`
	Agent        *Person         `cbor:"5,keyasint,omitempty" json:"agent,omitempty"`
	Participants []Person        `cbor:"6,keyasint,omitempty" json:"participants"`
	State        ChatState       `cbor:"7,keyasint" json:"state"`
	Priority     int64           `cbor:"8,keyasint,omitempty" json:"priority"`
	Subject      string          `cbor:"9,keyasint,omitempty" json:"subject,omitempty"`
	Attributes   json.RawMessage `cbor:"10,keyasint,omitempty" json:"attributes"` // a JSON object
	Tags         []string        `cbor:"11,keyasint,omitempty" json:"tags"`
	QueuedAt     Time            `cbor:"12,keyasint" json:"queued_at"`
	OfferedAt    Time            `cbor:"13,keyasint,omitempty" json:"offered_at,omitzero"`
	AnsweredAt   Time            `cbor:"14,keyasint,omitempty" json:"answered_at,omitzero"`
	ClosedAt     Time            `cbor:"15,keyasint,omitempty" json:"closed_at,omitzero"`
	Reason       CloseReason     `cbor:"16,keyasint,omitempty" json:"reason,omitzero"`
	Messages     uint64          `cbor:"17,keyasint,omitempty" json:"messages"`
	LastMessage  *Message        `cbor:"18,keyasint,omitempty" json:"last_message,omitempty"`
	Delivered    Marks           `cbor:"19,keyasint,omitempty" json:"delivered"`
	Seen         Marks           `cbor:"20,keyasint,omitempty" json:"seen"`
	Previous     string          `cbor:"21,keyasint,omitempty" json:"previous,omitempty"`
	Rating       *Rating         `cbor:"22,keyasint,omitempty" json:"rating,omitempty"`
	CustomerGone bool            `cbor:"23,keyasint,omitempty" json:"customer_gone"` // had a session and has none now
}

// Rating is the customer's judgement of a chat.
type Rating struct {
	Score   int64  `cbor:"1,keyasint" json:"score"` // 1 to 5
	Comment string `cbor:"2,keyasint,omitempty" json:"comment,omitempty"`
}

// MarshalJSON writes the staff's view, with empty lists instead of null.
func (c *Chat) MarshalJSON() ([]byte, error) {
	type plain Chat
	p := plain(*c)
	if p.Participants == nil {
		p.Participants = []Person{}
	}
	if p.Tags == nil {
		p.Tags = []string{}
	}
	if len(p.Attributes) == 0 {
		p.Attributes = json.RawMessage("{}")
	}
	return json.Marshal(&p)
}

// CustomerChat is a chat as its customer sees it.
type CustomerChat struct {
	ID          string      `json:"id"`
	Workspace   string      `json:"workspace"`
	Queue       string      `json:"queue"`
	Customer    string      `json:"customer"`
	Agent       *Person     `json:"agent,omitempty"`
	State       ChatState   `json:"state"`
	Subject     string      `json:"subject,omitempty"`
	QueuedAt    Time        `json:"queued_at"`
	AnsweredAt  Time        `json:"answered_at,omitzero"`
	ClosedAt    Time        `json:"closed_at,omitzero"`
	Reason      CloseReason `json:"reason,omitzero"`
	Messages    uint64      `json:"messages"`
	LastMessage *Message    `json:"last_message,omitempty"`
	Delivered   Marks       `json:"delivered"`
	Seen        Marks       `json:"seen"`
	Previous    string      `json:"previous,omitempty"`
	Rating      *Rating     `json:"rating,omitempty"`
}

// ForCustomer returns what the customer may see of the chat. To him a chat in
// wrap-up is closed.
func (c *Chat) ForCustomer() *CustomerChat {
	state := c.State
	if state == ChatWrapping {
		state = ChatClosed
	}
	return &CustomerChat{
		ID: c.ID, Workspace: c.Workspace, Queue: c.Queue, Customer: c.Customer, Agent: c.Agent, State: state,
		Subject: c.Subject, QueuedAt: c.QueuedAt, AnsweredAt: c.AnsweredAt, ClosedAt: c.ClosedAt, Reason: c.Reason,
		Messages: c.Messages, LastMessage: c.LastMessage, Delivered: c.Delivered, Seen: c.Seen, Previous: c.Previous,
		Rating: c.Rating,
	}
}

// AppendJSONString appends s as a JSON string. Control characters, quotes and
// the two line separators that JavaScript dislikes are escaped, and "<" is, so
// that a message is harmless inside a page; bytes that are not UTF-8 become
// the replacement character.
func AppendJSONString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= 0x20 && c != '"' && c != '\\' && c != '<' && c != 0x7f {
				i++
				continue
			}
			dst = append(dst, s[start:i]...)
			switch c {
			case '"', '\\':
				dst = append(dst, '\\', c)
			case '\n':
				dst = append(dst, '\\', 'n')
			case '\t':
				dst = append(dst, '\\', 't')
			case '\r':
				dst = append(dst, '\\', 'r')
			default:
				dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if (r == utf8.RuneError && size == 1) || r == '\u2028' || r == '\u2029' {
			dst = append(dst, s[start:i]...)
			dst = append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
			start = i + size
		}
		i += size
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}
