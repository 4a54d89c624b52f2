package evenkeel

// MissedKind says how somebody was missed.
type MissedKind uint8

// The kinds.
const (
	MissedAbandoned MissedKind = iota + 1 // he left while he waited
	MissedRefused                         // his start was refused, and he left a word
	MissedOffline                         // he filled in the form without trying to start
)

var missedKindNames = []string{"none", "abandoned", "refused", "offline"}

func (k MissedKind) String() string { return enumString(k, missedKindNames) }

// MarshalText writes the kind's name.
func (k MissedKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads a kind's name.
func (k *MissedKind) UnmarshalText(b []byte) error { return parseEnum(k, missedKindNames, "kind", b) }

// MissedState is where a missed item is in its life.
//
//	open <-> claimed -> answered | closed
//	  +------------------^
type MissedState uint8

// The states. The last two are final.
const (
	MissedOpen MissedState = iota + 1
	MissedClaimed
	MissedAnswered
	MissedClosed
)

var missedStateNames = []string{"none", "open", "claimed", "answered", "closed"}

func (s MissedState) String() string { return enumString(s, missedStateNames) }

// MarshalText writes the state's name.
func (s MissedState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a state's name.
func (s *MissedState) UnmarshalText(b []byte) error {
	return parseEnum(s, missedStateNames, "state", b)
}

// Done tells whether nobody has to look after the item any more.
func (s MissedState) Done() bool { return s == MissedAnswered || s == MissedClosed }

// MissedReason says why an item was closed without an answer.
type MissedReason uint8

// The reasons.
const (
	MissedByStaff MissedReason = iota + 1 // somebody decided so
	MissedServed                          // the customer came back and was answered in a chat
	MissedErased                          // privacy
	MissedMerged                          // the same person has another item for the queue
)

var missedReasonNames = []string{"none", "by_staff", "served", "erased", "merged"}

func (r MissedReason) String() string { return enumString(r, missedReasonNames) }

// MarshalText writes the reason's name.
func (r MissedReason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads a reason's name.
func (r *MissedReason) UnmarshalText(b []byte) error {
	return parseEnum(r, missedReasonNames, "reason", b)
}

// Missed is somebody who wanted to be served and was not: a copy, made at one
// index of the log.
type Missed struct {
	ID        string       `cbor:"1,keyasint" json:"id"`
	Workspace string       `cbor:"2,keyasint" json:"workspace"`
	Queue     string       `cbor:"3,keyasint" json:"queue"`
	Kind      MissedKind   `cbor:"4,keyasint" json:"kind"`
	State     MissedState  `cbor:"5,keyasint" json:"state"`
	Customer  string       `cbor:"6,keyasint" json:"customer"`
	Name      string       `cbor:"7,keyasint,omitempty" json:"name,omitempty"`
	Email     string       `cbor:"8,keyasint,omitempty" json:"email,omitempty"`
	Text      string       `cbor:"9,keyasint,omitempty" json:"text"`
	Chat      string       `cbor:"10,keyasint,omitempty" json:"chat,omitempty"`      // abandoned: the last one
	Times     uint64       `cbor:"11,keyasint,omitempty" json:"times"`               // how often he was missed since it was made
	Refused   Code         `cbor:"12,keyasint,omitempty" json:"refused,omitempty"`   // refused: what his start was told
	Agent     *Person      `cbor:"13,keyasint,omitempty" json:"agent,omitempty"`     // who claimed, answered or closed it
	Answer    string       `cbor:"14,keyasint,omitempty" json:"answer,omitempty"`    // what he was answered, and how
	Note      string       `cbor:"15,keyasint,omitempty" json:"note,omitempty"`      // closed: for what
	Reason    MissedReason `cbor:"16,keyasint,omitempty" json:"reason,omitzero"`     // closed: why
	Created   Time         `cbor:"17,keyasint" json:"created"`                       // when he was missed first
	ClaimedAt Time         `cbor:"18,keyasint,omitempty" json:"claimed_at,omitzero"` // by Agent
	ClosedAt  Time         `cbor:"19,keyasint,omitempty" json:"closed_at,omitzero"`  // answered or closed
	Served    string       `cbor:"20,keyasint,omitempty" json:"served,omitempty"`    // closed because he was served: the chat
	Asked     Time         `cbor:"21,keyasint,omitempty" json:"asked,omitzero"`      // when he was missed last
}

// MissedReceipt is a missed item as the customer who left it is shown it.
type MissedReceipt struct {
	ID      string     `json:"id"`
	Queue   string     `json:"queue"`
	Kind    MissedKind `json:"kind"`
	Name    string     `json:"name,omitempty"`
	Email   string     `json:"email,omitempty"`
	Text    string     `json:"text"`
	Created Time       `json:"created"`
}

// ForCustomer returns what the customer may see: what he has left himself.
func (m *Missed) ForCustomer() *MissedReceipt {
	return &MissedReceipt{ID: m.ID, Queue: m.Queue, Kind: m.Kind, Name: m.Name, Email: m.Email, Text: m.Text, Created: m.Created}
}

// MissedFilter selects missed items; empty fields select all.
type MissedFilter struct {
	State    MissedState
	Kind     MissedKind
	Queue    string
	Agent    string
	Customer string
}
