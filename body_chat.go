package evenkeel

import "encoding/json"

// ChatStart asks for a chat. A customer has one live chat in a queue: a second
// start returns it.
type ChatStart struct {
	Queue      string          `cbor:"1,keyasint,omitempty"` // empty: the workspace's default queue
	Subject    string          `cbor:"2,keyasint,omitempty"`
	Message    string          `cbor:"3,keyasint,omitempty"` // the first message, if any
	Attributes json.RawMessage `cbor:"4,keyasint,omitempty"` // a JSON object
	Priority   int64           `cbor:"5,keyasint,omitempty"` // refused from visitors
	Name       string          `cbor:"6,keyasint,omitempty"` // the customer's display name
}

// ChatSend adds a message.
type ChatSend struct {
	Chat string      `cbor:"1,keyasint"`
	Text string      `cbor:"2,keyasint"`
	Type MessageKind `cbor:"3,keyasint,omitempty"` // 0: text
}

// ChatNote adds a note, for staff only.
type ChatNote struct {
	Chat string `cbor:"1,keyasint"`
	Text string `cbor:"2,keyasint"`
}

// ChatAccept takes an offered chat. By its owner again it is a success.
type ChatAccept struct {
	Chat  string `cbor:"1,keyasint"`
	Offer string `cbor:"2,keyasint,omitempty"` // empty: whichever is the caller's
}

// ChatDecline refuses an offered chat.
type ChatDecline struct {
	Chat  string `cbor:"1,keyasint"`
	Offer string `cbor:"2,keyasint,omitempty"`
}

// ChatTake takes a waiting chat (of a pick queue, or by a supervisor), or takes
// over an active one (a supervisor).
type ChatTake struct {
	Chat string `cbor:"1,keyasint"`
}

// ChatTransfer hands a chat to a queue or to an agent, with a note.
type ChatTransfer struct {
	Chat  string `cbor:"1,keyasint"`
	Queue string `cbor:"2,keyasint,omitempty"`
	Agent string `cbor:"3,keyasint,omitempty"`
	Note  string `cbor:"4,keyasint,omitempty"`
}

// ChatInvite adds an agent as a participant.
type ChatInvite struct {
	Chat  string `cbor:"1,keyasint"`
	Agent string `cbor:"2,keyasint"`
}

// ChatLeave ends the caller's participation.
type ChatLeave struct {
	Chat string `cbor:"1,keyasint"`
}

// ChatClose ends a chat: by its customer, its owner or a supervisor.
type ChatClose struct {
	Chat   string      `cbor:"1,keyasint"`
	Reason CloseReason `cbor:"2,keyasint,omitempty"` // 0: by whoever closes
}

// ChatWrapup writes notes and tags after the talk; Done frees the slot.
type ChatWrapup struct {
	Chat  string   `cbor:"1,keyasint"`
	Notes string   `cbor:"2,keyasint,omitempty"`
	Tags  []string `cbor:"3,keyasint"` // nil: unchanged
	Done  bool     `cbor:"4,keyasint,omitempty"`
}

// ChatRate is the customer's judgement, of a chat that is over.
type ChatRate struct {
	Chat    string `cbor:"1,keyasint"`
	Score   int64  `cbor:"2,keyasint"` // 1 to 5
	Comment string `cbor:"3,keyasint,omitempty"`
}

// ChatDelivered says that the messages up to a number reached the caller.
type ChatDelivered struct {
	Chat   string `cbor:"1,keyasint"`
	Number uint64 `cbor:"2,keyasint"`
}

// ChatSeen says that the caller saw the messages up to a number.
type ChatSeen struct {
	Chat   string `cbor:"1,keyasint"`
	Number uint64 `cbor:"2,keyasint"`
}

// ChatUpdate changes what staff keeps beside a chat. Nil fields stay.
type ChatUpdate struct {
	Chat       string          `cbor:"1,keyasint"`
	Priority   *int64          `cbor:"2,keyasint,omitempty"`
	Tags       []string        `cbor:"3,keyasint"`
	Attributes json.RawMessage `cbor:"4,keyasint,omitempty"`
}

func (*ChatStart) Kind() Kind     { return KindChatStart }
func (*ChatSend) Kind() Kind      { return KindChatSend }
func (*ChatNote) Kind() Kind      { return KindChatNote }
func (*ChatAccept) Kind() Kind    { return KindChatAccept }
func (*ChatDecline) Kind() Kind   { return KindChatDecline }
func (*ChatTake) Kind() Kind      { return KindChatTake }
func (*ChatTransfer) Kind() Kind  { return KindChatTransfer }
func (*ChatInvite) Kind() Kind    { return KindChatInvite }
func (*ChatLeave) Kind() Kind     { return KindChatLeave }
func (*ChatClose) Kind() Kind     { return KindChatClose }
func (*ChatWrapup) Kind() Kind    { return KindChatWrapup }
func (*ChatRate) Kind() Kind      { return KindChatRate }
func (*ChatDelivered) Kind() Kind { return KindChatDelivered }
func (*ChatSeen) Kind() Kind      { return KindChatSeen }
func (*ChatUpdate) Kind() Kind    { return KindChatUpdate }
