package evenkeel

// CopyState is how a copy of the archive stands.
type CopyState uint8

// The states. A cell archives while it knows a copy in any of the others than
// CopyNone.
const (
	CopyNone    CopyState = iota // there is none, or it is given up
	CopyLive                     // applies operations as they come
	CopyFilling                  // is being filled
	CopyStale                    // lacks operations that the desk no longer has
	CopyFailed                   // cannot be written or read
)

var copyStateNames = []string{"none", "live", "filling", "stale", "failed"}

func (s CopyState) String() string { return enumString(s, copyStateNames) }

// MarshalText writes the state's name.
func (s CopyState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a state's name.
func (s *CopyState) UnmarshalText(b []byte) error {
	return parseEnum(s, copyStateNames, "archive state", b)
}

// ArchiveReport says how far a node's copy of the archive has come: every
// operation up to Cursor is in it for good.
type ArchiveReport struct {
	Node string `cbor:"1,keyasint"`
	// Copy is the copy's own random id. Of one copy the cursor never goes back;
	// a copy that was made anew has another id and starts where it says.
	Copy   string    `cbor:"2,keyasint"`
	Cursor uint64    `cbor:"3,keyasint,omitempty"`
	State  CopyState `cbor:"4,keyasint,omitempty"` // CopyNone: the node has no copy any more
}

// ArchiveAmend changes a chat that has left the desk: it becomes operations of
// the archive. Whether the caller may was judged by the archived record, which
// the desk has not.
type ArchiveAmend struct {
	Chat     string   `cbor:"1,keyasint"`
	Customer string   `cbor:"2,keyasint"`           // of the record
	Messages uint64   `cbor:"3,keyasint,omitempty"` // of the record: what a note comes after
	Rating   *Rating  `cbor:"4,keyasint,omitempty"`
	Tags     []string `cbor:"5,keyasint"` // nil: unchanged
	Note     string   `cbor:"6,keyasint,omitempty"`
	NoteID   string   `cbor:"7,keyasint,omitempty"` // the sender's own id of the note
}

// CustomerErase removes what a customer said and what is known of him, from the
// desk and from the archive. Counts stay.
type CustomerErase struct {
	Customer string `cbor:"1,keyasint"`
}

func (*ArchiveReport) Kind() Kind { return KindArchiveReport }
func (*ArchiveAmend) Kind() Kind  { return KindArchiveAmend }
func (*CustomerErase) Kind() Kind { return KindCustomerErase }
