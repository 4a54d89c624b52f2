package evenkeel

import (
	"encoding/json"
	"strconv"
)

// PublicationType is the sort of a publication.
type PublicationType uint8

// The types, with the channels that carry them.
const (
	PubMessage    PublicationType = iota + 1 // chat: a message
	PubState                                 // chat:, visitor: the chat as the customer sees it
	PubDelivered                             // chat: messages up to a number reached a side
	PubSeen                                  // chat: a side saw the messages up to a number
	PubNote                                  // staff: a note
	PubDetails                               // staff: the chat as staff sees it
	PubOffer                                 // agent: a chat is offered
	PubOfferEnd                              // agent: an offer is over
	PubAssigned                              // agent: a chat is the agent's (or he was invited)
	PubUnassigned                            // agent: a chat is no longer the agent's
	PubStatus                                // agent: status and connection
	PubMissed                                // missed: an item that was made or changed
	PubContext                               // staff: the customer's context has another version
)

var publicationNames = []string{"none", "message", "state", "delivered", "seen", "note", "details", "offer", "offer_end", "assigned", "unassigned", "status", "missed", "context"}

func (t PublicationType) String() string { return enumString(t, publicationNames) }

// MarshalText writes the type's name.
func (t PublicationType) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// Side is one of the two sides of a chat.
type Side uint8

// The sides.
const (
	SideCustomer Side = iota + 1
	SideAgent
)

var sideNames = []string{"none", "customer", "agent"}

func (s Side) String() string { return enumString(s, sideNames) }

// MarshalText writes the side's name.
func (s Side) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// EndReason says why an offer ended or a chat was taken from an agent.
type EndReason uint8

// The reasons: the first six end offers, the others assignments.
const (
	EndAccepted EndReason = iota + 1
	EndDeclined
	EndTimeout
	EndRescinded // the agent went away, lost his connection or lost the queue
	EndTaken     // somebody else took the chat
	EndClosed
	EndTransferred
	EndTakenOver
	EndAgentLost
	EndLeft // a participant left
)

var endReasonNames = []string{"none", "accepted", "declined", "timeout", "rescinded", "taken", "closed", "transferred", "taken_over", "agent_lost", "left"}

func (r EndReason) String() string { return enumString(r, endReasonNames) }

// MarshalText writes the reason's name.
func (r EndReason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Publication is what an event says, without where it was said. It is
// immutable once made: the desk keeps it in a channel's history and hands it to
// every subscriber.
type Publication struct {
	Type     PublicationType `cbor:"1,keyasint"`
	Time     Time            `cbor:"2,keyasint"`
	Message  *Message        `cbor:"3,keyasint,omitempty"`
	Note     *Note           `cbor:"4,keyasint,omitempty"`
	Chat     *Chat           `cbor:"5,keyasint,omitempty"`
	ChatID   string          `cbor:"6,keyasint,omitempty"` // offer_end, unassigned
	Offer    string          `cbor:"7,keyasint,omitempty"`
	Deadline Time            `cbor:"8,keyasint,omitempty"`
	Reason   EndReason       `cbor:"9,keyasint,omitempty"`
	Side     Side            `cbor:"10,keyasint,omitempty"`
	Number   uint64          `cbor:"11,keyasint,omitempty"` // delivered, seen: the highest message number
	Status   AgentStatus     `cbor:"12,keyasint,omitempty"`
	Away     string          `cbor:"13,keyasint,omitempty"` // the reason of a status
	Online   bool            `cbor:"14,keyasint,omitempty"` // status: connected
	Preview  string          `cbor:"15,keyasint,omitempty"` // offer: the last message's text
	Missed   *Missed         `cbor:"16,keyasint,omitempty"`
	Customer string          `cbor:"17,keyasint,omitempty"` // context: whose; Number is its version
}

// AppendJSON appends the form that clients see.
func (p *Publication) AppendJSON(dst []byte) ([]byte, error) {
	if p.Type == PubMessage {
		dst = append(dst, `{"type":"message","message":`...)
		return append(p.Message.AppendJSON(dst), '}'), nil
	}
	dst = append(dst, `{"type":"`...)
	dst = append(dst, p.Type.String()...)
	dst = append(dst, '"')
	var err error
	switch p.Type {
	case PubState:
		dst, err = appendField(dst, "chat", p.Chat.ForCustomer())
	case PubDetails, PubAssigned:
		dst, err = appendField(dst, "chat", p.Chat)
	case PubNote:
		dst, err = appendField(dst, "note", p.Note)
	case PubDelivered, PubSeen:
		dst = append(dst, `,"side":"`...)
		dst = append(dst, p.Side.String()...)
		dst = append(dst, `","number":`...)
		dst = strconv.AppendUint(dst, p.Number, 10)
	case PubOffer:
		dst = appendText(dst, "offer", p.Offer)
		dst, err = appendField(dst, "chat", p.Chat)
		dst = appendTime(dst, "deadline", p.Deadline)
		dst = appendTime(dst, "server_time", p.Time)
		dst = appendText(dst, "preview", p.Preview)
	case PubOfferEnd:
		dst = appendText(dst, "offer", p.Offer)
		dst = appendText(dst, "chat", p.ChatID)
		dst = appendText(dst, "reason", p.Reason.String())
	case PubUnassigned:
		dst = appendText(dst, "chat", p.ChatID)
		dst = appendText(dst, "reason", p.Reason.String())
	case PubStatus:
		dst = appendText(dst, "status", p.Status.String())
		if p.Away != "" {
			dst = appendText(dst, "reason", p.Away)
		}
		dst = append(dst, `,"connected":`...)
		dst = strconv.AppendBool(dst, p.Online)
	case PubMissed:
		dst, err = appendField(dst, "missed", p.Missed)
	case PubContext:
		dst = appendText(dst, "customer", p.Customer)
		dst = append(dst, `,"version":`...)
		dst = strconv.AppendUint(dst, p.Number, 10)
	default:
		return nil, Errorf(CodeInternal, "publication of unknown type %d", p.Type)
	}
	return append(dst, '}'), err
}

// MarshalJSON writes the form of AppendJSON.
func (p *Publication) MarshalJSON() ([]byte, error) { return p.AppendJSON(nil) }

func appendField(dst []byte, name string, v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	dst = append(dst, ',', '"')
	dst = append(dst, name...)
	dst = append(dst, '"', ':')
	return append(dst, b...), nil
}

func appendText(dst []byte, name, value string) []byte {
	dst = append(dst, ',', '"')
	dst = append(dst, name...)
	dst = append(dst, '"', ':')
	return AppendJSONString(dst, value)
}

func appendTime(dst []byte, name string, t Time) []byte {
	dst = append(dst, ',', '"')
	dst = append(dst, name...)
	dst = append(dst, '"', ':', '"')
	return append(t.AppendFormat(dst), '"')
}

// EventKind is the sort of an event.
type EventKind uint8

// The kinds of events.
const (
	// EventPublication is a publication on a channel.
	EventPublication EventKind = iota + 1
	// EventRevoked says that a principal lost its right to a channel: edges
	// unsubscribe it at once.
	EventRevoked
	// EventDropped says that a channel is gone with all its history.
	EventDropped
	// EventLoggedOut says that a principal's logins ended (token revoked,
	// agent deleted): edges disconnect it. Token names one login; empty: all.
	EventLoggedOut
	// EventSessionEnded says that the desk ended a session: the edge that
	// holds it closes the connection.
	EventSessionEnded
	// EventSuspended says that a workspace was suspended: edges disconnect its
	// people and visitors, except operators. Principal has the workspace alone.
	EventSuspended
)

// Event is one thing that an entry caused, in order. What a field means
// depends on the kind.
type Event struct {
	Kind      EventKind
	Channel   string // publication, revoked, dropped
	Position  Position
	Pub       *Publication
	Principal Principal // revoked, logged out, suspended
	Token     string    // logged out: the token's hash
	Session   SessionID // session ended
}
