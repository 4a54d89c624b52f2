package evenkeel

import "encoding/json"

// What a replica answers when it is read. Views are copies: they may be kept
// and change nothing.

// Login is what a token or a key proves.
type Login struct {
	Principal  Principal
	Role       Role
	Name       string
	MustChange bool     // the password was a one-time one
	Expires    DeskTime // 0: never
	Session    string   // the token's hash: names this login
}

// LoginState is a login as its owner sees it in a list.
type LoginState struct {
	ID      string `json:"id"` // a part of the hash
	Created Time   `json:"created"`
	Expires Time   `json:"expires"`
	Address string `json:"address,omitempty"`
	Program string `json:"program,omitempty"`

	Hash string `json:"-"` // of the token
}

// Credentials are what a password is checked against.
type Credentials struct {
	Agent      string
	Hash       string // argon2id
	MustChange bool
}

// HistoryItem is one publication at its place in a channel.
type HistoryItem struct {
	Offset uint64
	Pub    *Publication
}

// ChatFilter selects live chats; empty fields select all.
type ChatFilter struct {
	State    ChatState
	Queue    string
	Agent    string
	Customer string
}

// MessageRange selects messages: numbers above After or, if Before is not 0,
// the last ones below it; always in ascending order.
type MessageRange struct {
	After, Before uint64
	Limit         int
}

// Transcript is a part of a chat's talk. A note belongs behind the message
// that its After names.
type Transcript struct {
	Messages []*Message
	Notes    []*Note
}

// AgentDesk is an agent's own state, from which his page starts: everything
// later comes on his channel from Position on.
type AgentDesk struct {
	State    AgentState
	Chats    []*Chat
	Offers   []Offer
	Position Position
}

// VisitorDesk is a customer's own state.
type VisitorDesk struct {
	Chats    []*Chat
	Position Position
}

// Why explains a decision: who was considered for a chat and who was passed
// over for what.
type Why struct {
	Chat       string       `json:"chat"`
	Decided    Time         `json:"decided,omitzero"` // zero: it still waits
	Chosen     string       `json:"chosen,omitempty"`
	Considered []Considered `json:"considered"`
}

// Considered is one agent in an explanation.
type Considered struct {
	Agent      string `cbor:"1,keyasint" json:"agent"`
	Rank       int64  `cbor:"2,keyasint,omitempty" json:"rank,omitempty"`
	PassedOver string `cbor:"3,keyasint,omitempty" json:"passed_over,omitempty"`
}

// CustomerState is a customer as staff sees him.
type CustomerState struct {
	ID         string          `json:"id"`
	Name       string          `json:"name,omitempty"`
	Attributes json.RawMessage `json:"attributes"` // that staff and services have set
	// Identity is what a signed identity says of him: proven.
	Identity *SignedProfile `json:"identity,omitempty"`
	// Claimed is what he says of himself: not proven.
	Claimed   json.RawMessage `json:"claimed,omitempty"`
	Context   uint64          `json:"context_version"` // 0: there is none
	Connected bool            `json:"connected"`
	Chats     []string        `json:"chats"` // live ones
	Past      []*Chat         `json:"past"`  // over and still in the desk, the newest first, 20 at most
	Last      string          `json:"last_chat,omitempty"`
}

// QueueState is a queue with its counts at one index.
type QueueState struct {
	Queue
	Waiting int64 `json:"waiting"`
	Live    int64 `json:"live"`           // offered, active or wrapping
	Missed  int64 `json:"missed"`         // items that are open or claimed
	Open    bool  `json:"open"`           // neither closed by its settings nor by its hours
	Until   Time  `json:"until,omitzero"` // of hours: it stays so until then, at least
	// Unlisted counts abandoned chats that have no missed item, because the list
	// was full of open ones.
	Unlisted uint64 `json:"missed_unlisted,omitempty"`
}

// Widget is what a page shows of a queue to whoever looks at it, before a chat.
type Widget struct {
	Queue          string `json:"queue"`
	Name           string `json:"name"`
	Open           bool   `json:"open"` // a chat could be started now
	Greeting       string `json:"greeting,omitempty"`
	OfflineMessage string `json:"offline_message,omitempty"`
	OfflineForm    bool   `json:"offline_form"`
}

// ArchiveState is what the desk knows of the archive.
type ArchiveState struct {
	On      bool   // the cell has copies, or had and was not told to do without
	Last    uint64 // the last operation
	Dropped uint64 // operations up to here, and the chats that they put away, have left the desk
	Held    uint64 // operations up to here are in enough copies
	Overdue int64  // chats that stay only because too few copies have them
	Copies  []ArchiveCopy
}

// ArchiveCopy is one node's copy, as it was last reported.
type ArchiveCopy struct {
	Node   string
	Copy   string
	State  CopyState
	Cursor uint64
}

// DeskStatus is a replica's own account of itself.
type DeskStatus struct {
	CellID     string
	Generation string
	Level      uint64 // feature level
	Index      uint64 // of the last applied entry
	Time       DeskTime
	Wall       Time
	Bytes      int64 // logical bytes of the state
	Hash       uint64
	Chats      int64
	Sessions   int64
	Incidents  int64  // open
	MaxBytes   int64  // budget of Bytes
	Skipped    uint64 // steps that panicked and were left out
}
