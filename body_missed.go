package evenkeel

// ChatOffline leaves a word for a queue that cannot take a chat: the offline
// form.
type ChatOffline struct {
	Queue string `cbor:"1,keyasint,omitempty"` // empty: the workspace's default queue
	Name  string `cbor:"2,keyasint,omitempty"`
	Email string `cbor:"3,keyasint,omitempty"`
	Text  string `cbor:"4,keyasint"`
	// Refused is the code with which a start was refused just before, if one
	// was: the refusal itself left no trace.
	Refused Code `cbor:"5,keyasint,omitempty"`
}

// MissedClaim makes the caller the one who looks after a missed item.
type MissedClaim struct {
	Missed string `cbor:"1,keyasint"`
}

// MissedRelease gives a claimed item back.
type MissedRelease struct {
	Missed string `cbor:"1,keyasint"`
}

// MissedAnswer records that the customer was answered, and how.
type MissedAnswer struct {
	Missed string `cbor:"1,keyasint"`
	Text   string `cbor:"2,keyasint"`
}

// MissedClose ends an item without an answer.
type MissedClose struct {
	Missed string `cbor:"1,keyasint"`
	Note   string `cbor:"2,keyasint,omitempty"`
}

func (*ChatOffline) Kind() Kind   { return KindChatOffline }
func (*MissedClaim) Kind() Kind   { return KindMissedClaim }
func (*MissedRelease) Kind() Kind { return KindMissedRelease }
func (*MissedAnswer) Kind() Kind  { return KindMissedAnswer }
func (*MissedClose) Kind() Kind   { return KindMissedClose }
