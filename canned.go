package evenkeel

// Canned is a reply that is kept ready: shared by the staff of a workspace, or an
// agent's own.
type Canned struct {
	ID       string   `cbor:"1,keyasint" json:"id"`
	Shortcut string   `cbor:"2,keyasint,omitempty" json:"shortcut,omitempty"` // typed to find it
	Title    string   `cbor:"3,keyasint,omitempty" json:"title"`
	Text     string   `cbor:"4,keyasint" json:"text"`                      // with variables
	Queues   []string `cbor:"5,keyasint,omitempty" json:"queues"`          // for whose chats it is meant; empty: for all
	Owner    string   `cbor:"6,keyasint,omitempty" json:"owner,omitempty"` // the agent whose own it is; empty: shared
	Tags     []string `cbor:"7,keyasint,omitempty" json:"tags"`
}

// CannedPut creates or replaces a canned reply.
type CannedPut struct {
	Canned Canned `cbor:"1,keyasint"`
}

// CannedDelete removes a canned reply.
type CannedDelete struct {
	Canned string `cbor:"1,keyasint"`
}

func (*CannedPut) Kind() Kind    { return KindCannedPut }
func (*CannedDelete) Kind() Kind { return KindCannedDelete }

// CannedFilter selects canned replies; empty fields select all that are the
// caller's to use: the shared ones and his own.
type CannedFilter struct {
	Queue string // meant for this queue, or for all
	Owner string // an agent's own
	// Match, if set, judges the words: whoever asks knows how letters compare.
	Match func(*Canned) bool
}
