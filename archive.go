package evenkeel

// ArchiveOpKind is the sort of an archive operation.
type ArchiveOpKind uint8

// The operations. The number is in the log: never change or reuse one.
const (
	ArchivePut    ArchiveOpKind = iota + 1 // a closed chat, whole; replaces what is there
	ArchiveRate                            // a customer's judgement after the close
	ArchiveTag                             // tags replaced after the close
	ArchiveNote                            // a note added after the close
	ArchiveErase                           // a customer's bodies and attributes removed, counts kept
	ArchiveExpire                          // chats of a queue that closed before a time removed
	ArchiveMerge                           // a visitor's chats become an identified customer's
	ArchiveLeave                           // a workspace is gone, with all its chats
)

var archiveOpNames = []string{"none", "put", "rate", "tag", "note", "erase", "expire", "merge", "leave"}

func (k ArchiveOpKind) String() string { return enumString(k, archiveOpNames) }

// ArchiveOp is one step of the archive. Operations are numbered from 1 over the
// whole cell without holes, in the order of the log; every copy of the archive
// applies them in that order and remembers the number of the last one that it
// has done in full as its cursor. To apply one again changes nothing, and one
// for a chat that is not there (any more) does nothing.
type ArchiveOp struct {
	Seq       uint64        `cbor:"1,keyasint"`
	Kind      ArchiveOpKind `cbor:"2,keyasint"`
	Workspace string        `cbor:"3,keyasint"`
	Chat      string        `cbor:"4,keyasint,omitempty"` // put, rate, tag, note

	// Record is what a put archives; nil: the chat went with its workspace before
	// it was asked for.
	Record *ArchiveRecord `cbor:"5,keyasint,omitempty"`

	Rating *Rating  `cbor:"6,keyasint,omitempty"` // rate
	Tags   []string `cbor:"7,keyasint,omitempty"` // tag
	// Note is what note adds. Its Number is 0: each copy gives it the next one
	// of its chat, which comes out the same everywhere.
	Note *Note `cbor:"8,keyasint,omitempty"`

	// Customer is whose chats an erase empties: subject, attributes, messages,
	// notes and the rating's comment. Who, when, why, tags and counts stay.
	// For a merge it is the identified customer.
	Customer string `cbor:"9,keyasint,omitempty"`
	Visitor  string `cbor:"10,keyasint,omitempty"` // merge: whose chats become the Customer's
	Queue    string `cbor:"11,keyasint,omitempty"` // expire: of which queue
	Before   Time   `cbor:"12,keyasint,omitempty"` // expire: closed earlier than this
}

// ArchiveRecord is a chat as it is archived: what staff sees, and all that was
// said.
type ArchiveRecord struct {
	Chat     *Chat      `cbor:"1,keyasint"`
	Messages []*Message `cbor:"2,keyasint,omitempty"`
	Notes    []*Note    `cbor:"3,keyasint,omitempty"`
}

// ArchiveQuery selects archived chats of one workspace; empty fields select all.
type ArchiveQuery struct {
	Workspace string
	// Text is what a person typed: words that all must be found in the subject,
	// messages or (Notes) notes; the last one may be only begun; words in
	// double quotes stand one behind the other. Nothing else is syntax.
	Text     string
	Notes    bool // search notes too: for staff
	Customer string
	Agent    string
	Queue    string
	Tag      string
	Reason   CloseReason
	Score    int64 // 1 to 5: rated so
	From, To Time  // closed at From or later, before To
	After    string
	Limit    int
}

// ArchivePage is a part of the archived chats that a query selects, those closed
// last first.
type ArchivePage struct {
	Hits []ArchiveHit
	Next string // the After of the next page; empty on the last
}

// ArchiveHit is one archived chat that was found, and where.
type ArchiveHit struct {
	Chat       *Chat
	Highlights []ArchiveHighlight
}

// ArchiveHighlight is a piece of a text in which a searched word stands.
type ArchiveHighlight struct {
	Field  string   `json:"field"`            // subject, message or note
	Number uint64   `json:"number,omitempty"` // of the message or note
	Text   string   `json:"text"`             // an excerpt, plain text
	Marks  [][2]int `json:"marks"`            // from, to: characters of Text that match
}

// ArchiveStatus is a copy's own account of itself.
type ArchiveStatus struct {
	// State is live; filling: behind and catching up; stale: operations that it
	// needs are gone from the desk; or failed: it cannot be written now.
	State  string
	Cursor uint64 // the last operation applied and synced
	Behind uint64 // operations that the desk has and this copy has not
	// Missing is the number up to which operations were never applied, for they were
	// gone when the copy was made. Zero: the copy is whole.
	Missing uint64
	Chats   int64
	Bytes   int64  // on the disk
	Detail  string // what is wrong and what to do about it; empty: nothing
}
