package evenkeel

// Node is a member of the cell, as the desk knows it.
type Node struct {
	ID      string   `cbor:"1,keyasint" json:"id"`                      // "n" and the number
	Number  uint64   `cbor:"2,keyasint" json:"number"`                  // its replica's; never given twice
	Name    string   `cbor:"3,keyasint,omitempty" json:"name"`          // for people
	Address string   `cbor:"4,keyasint,omitempty" json:"address"`       // where other nodes reach it, HOST:PORT
	URL     string   `cbor:"5,keyasint,omitempty" json:"url,omitempty"` // where clients reach it
	Roles   []string `cbor:"6,keyasint,omitempty" json:"roles"`         // of core, edge and worker
	Version string   `cbor:"7,keyasint,omitempty" json:"version"`       // of its program
	Level   uint64   `cbor:"8,keyasint,omitempty" json:"level"`         // the highest feature level it understands
	Drained bool     `cbor:"9,keyasint,omitempty" json:"drained"`       // it takes no new clients, and does not lead
	Joined  DeskTime `cbor:"10,keyasint,omitempty" json:"-"`
	// Quarantined is the entry at which its state differed from that of most; 0: it does
	// not. Such a node neither leads nor serves.
	Quarantined uint64 `cbor:"11,keyasint,omitempty" json:"quarantined,omitempty"`
}

// NodeFacts are what a node says of itself whenever its process starts.
type NodeFacts struct {
	Name    string   `cbor:"1,keyasint,omitempty"`
	Address string   `cbor:"2,keyasint,omitempty"` // empty: it has no address for others
	URL     string   `cbor:"3,keyasint,omitempty"`
	Roles   []string `cbor:"4,keyasint,omitempty"`
	Version string   `cbor:"5,keyasint,omitempty"`
	Level   uint64   `cbor:"6,keyasint,omitempty"`
}

// NodeUp says that a node's process started. All sessions of its earlier
// incarnations end.
type NodeUp struct {
	Node  string    `cbor:"1,keyasint"`
	Boot  string    `cbor:"2,keyasint"` // random, for each run of the process
	Facts NodeFacts `cbor:"3,keyasint"`
}

// NodeLost says that an incarnation is gone.
type NodeLost struct {
	Node        string `cbor:"1,keyasint"`
	Incarnation uint64 `cbor:"2,keyasint"`
}

// NodeInvite lets one node join that shows a token.
type NodeInvite struct {
	Hash string   `cbor:"1,keyasint"` // SHA-256 of the token
	Life Duration `cbor:"2,keyasint"` // how long it is good; at most 7 days
}

// NodeJoin makes a node a member. It uses up the token; the same node may ask
// again with it, in case that the answer was lost.
type NodeJoin struct {
	Hash  string    `cbor:"1,keyasint"` // of the token
	Key   []byte    `cbor:"2,keyasint"` // the node's public key, by which it is known when it asks again
	Facts NodeFacts `cbor:"3,keyasint"`
}

// NodeRejoin gives a member that cannot act under its number any more another one, in
// its place: its disk has lost what it had acknowledged, or it was replaced while it was
// away. It may ask again with the same key, in case that the answer was lost.
type NodeRejoin struct {
	Number uint64    `cbor:"1,keyasint"` // the old one
	Key    []byte    `cbor:"2,keyasint"` // public, made for this
	Facts  NodeFacts `cbor:"3,keyasint"`
	Why    string    `cbor:"4,keyasint,omitempty"` // a sentence for the operator
}

// NodeHash says what a node's state had come to at an entry. What most nodes say is
// right; one that says otherwise is quarantined.
type NodeHash struct {
	Node string `cbor:"1,keyasint"`
	At   uint64 `cbor:"2,keyasint"` // index of the entry
	Hash uint64 `cbor:"3,keyasint"` // of all results and events up to it
}

// NodeRemove ends a node's membership for good: its number is never given again.
type NodeRemove struct {
	Node string `cbor:"1,keyasint"`
	// Replaced: it was away for too long, and another has its place. It may join
	// again by itself. Otherwise the operator wants it gone.
	Replaced bool `cbor:"2,keyasint,omitempty"`
}

// NodeDrain takes a node out of service for a while, or back.
type NodeDrain struct {
	Node  string `cbor:"1,keyasint"`
	Drain bool   `cbor:"2,keyasint"`
}

// Kind returns the kind of the command.
func (*NodeUp) Kind() Kind { return KindNodeUp }

// Kind returns the kind of the command.
func (*NodeLost) Kind() Kind { return KindNodeLost }

// Kind returns the kind of the command.
func (*NodeInvite) Kind() Kind { return KindNodeInvite }

// Kind returns the kind of the command.
func (*NodeJoin) Kind() Kind { return KindNodeJoin }

// Kind returns the kind of the command.
func (*NodeRejoin) Kind() Kind { return KindNodeRejoin }

// Kind returns the kind of the command.
func (*NodeHash) Kind() Kind { return KindNodeHash }

// Kind returns the kind of the command.
func (*NodeRemove) Kind() Kind { return KindNodeRemove }

// Kind returns the kind of the command.
func (*NodeDrain) Kind() Kind { return KindNodeDrain }
