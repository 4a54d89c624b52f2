package evenkeel

import "time"

// Namespace is the configuration of the channels `<name>:<rest>` of a
// workspace: who may follow them and publish on them, and what is kept of them.
// What is kept is kept by the node, in memory: such a channel is as lively as a
// conversation, and no more is promised of it.
type Namespace struct {
	Name      string        `cbor:"1,keyasint" json:"name"`
	Subscribe SubscribeRule `cbor:"2,keyasint,omitempty" json:"subscribe"`
	Publish   PublishRule   `cbor:"3,keyasint,omitempty" json:"publish"`
	// Presence lets subscribers ask who else is there, JoinLeave has those told
	// of comings and goings who ask for it.
	Presence  bool `cbor:"4,keyasint,omitempty" json:"presence"`
	JoinLeave bool `cbor:"5,keyasint,omitempty" json:"join_leave"`
	// ClientHistory lets subscribers read what is kept, Recover has them sent
	// what they missed, LastValue what came last before they came. All need a
	// history.
	ClientHistory bool        `cbor:"6,keyasint,omitempty" json:"client_history"`
	Recover       bool        `cbor:"7,keyasint,omitempty" json:"recover"`
	LastValue     bool        `cbor:"8,keyasint,omitempty" json:"last_value"`
	History       KeptHistory `cbor:"9,keyasint,omitempty" json:"history"`
	MaxRate       int64       `cbor:"10,keyasint" json:"max_rate"` // publications a second on a channel
}

// KeptHistory bounds what is kept of each channel of a namespace. Size 0: nothing
// is.
type KeptHistory struct {
	Size  int64    `cbor:"1,keyasint,omitempty" json:"size"`  // publications
	Bytes int64    `cbor:"2,keyasint,omitempty" json:"bytes"` // of their data
	Age   Duration `cbor:"3,keyasint,omitempty" json:"age"`
}

// NewNamespace returns the documented defaults.
func NewNamespace(name string) Namespace {
	return Namespace{Name: name, History: KeptHistory{Bytes: 16 << 10, Age: Minute}, MaxRate: 1000}
}

// SubscribeRule says who may follow the channels of a namespace.
type SubscribeRule uint8

// The rules.
const (
	SubscribeToken SubscribeRule = iota // users whose token names the channel
	SubscribeAny                        // everybody who is connected to the workspace
	SubscribeStaff                      // its people and services
)

var subscribeNames = []string{"token", "any", "staff"}

func (r SubscribeRule) String() string { return enumString(r, subscribeNames) }

// MarshalText writes the rule's name.
func (r SubscribeRule) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads a rule's name.
func (r *SubscribeRule) UnmarshalText(b []byte) error {
	return parseEnum(r, subscribeNames, "subscribe", b)
}

// PublishRule says which clients may publish on the channels of a namespace.
type PublishRule uint8

// The rules.
const (
	PublishNone        PublishRule = iota // nobody
	PublishSubscribers                    // everybody who is subscribed
	PublishToken                          // users who are subscribed because a token names the channel
)

var publishNames = []string{"none", "subscribers", "token"}

func (r PublishRule) String() string { return enumString(r, publishNames) }

// MarshalText writes the rule's name.
func (r PublishRule) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads a rule's name.
func (r *PublishRule) UnmarshalText(b []byte) error {
	return parseEnum(r, publishNames, "publish", b)
}

// ReservedNamespace tells whether a name is one of the cell's own channels, of
// which no namespace can be made.
func ReservedNamespace(name string) bool {
	switch name {
	case ChannelChat, ChannelStaff, ChannelAgent, ChannelVisitor, ChannelQueue, ChannelDesk, ChannelMissed, ChannelDevice:
		return true
	}
	return false
}

// NamespacePut creates or replaces a namespace. Clients that are subscribed stay
// so, on the terms that they came by; publishing is judged anew each time.
type NamespacePut struct {
	Namespace Namespace `cbor:"1,keyasint"`
}

// NamespaceDelete removes a namespace; subscriptions to its channels end.
type NamespaceDelete struct {
	Namespace string `cbor:"1,keyasint"`
}

func (*NamespacePut) Kind() Kind    { return KindNamespacePut }
func (*NamespaceDelete) Kind() Kind { return KindNamespaceDelete }

// Terms are what a client's subscription to a channel allows. The zero Terms are
// those of the desk's own streams, of which it may do nothing but follow them.
type Terms struct {
	// Kept says that the node keeps the channel, not the desk: it is one of a
	// namespace. What is published reaches those who are there; with Recover also
	// those who come back.
	Kept    bool
	Recover bool
	Last    bool // the last publication is sent at once
	History bool // what is kept may be read
	Publish bool
	Signed  bool // a token named the channel

	Shown    bool // others may learn that the subscriber is there
	Presence bool // he may ask who is there
	Joins    bool // he may be told who comes and goes

	Info []byte        // JSON about him, for the others; may be empty
	TTL  time.Duration // until the subscription expires; 0: it does not
}

// Terms returns what a subscription to a channel of the namespace allows. signed
// says that it was a token that named the channel.
func (n *Namespace) Terms(signed bool) Terms {
	return Terms{
		Kept: true, Recover: n.Recover, Last: n.LastValue, History: n.ClientHistory,
		Publish: n.Publish == PublishSubscribers || n.Publish == PublishToken && signed, Signed: signed,
		Shown: n.Presence || n.JoinLeave, Presence: n.Presence, Joins: n.JoinLeave,
	}
}
