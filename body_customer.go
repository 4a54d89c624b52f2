package evenkeel

import (
	"encoding/json"
	"strings"
)

// IdentifiedPrefix begins the id of a customer whom a signed identity names:
// the prefix and the operator's own id of him. No id that the cell gives to an
// anonymous visitor begins so.
const IdentifiedPrefix = "u-"

// Identified tells whether a customer's id came from a signed identity.
func Identified(customer string) bool { return strings.HasPrefix(customer, IdentifiedPrefix) }

// SigningUse says for whom signed tokens are.
type SigningUse uint8

// The uses.
const (
	SigningCustomers SigningUse = iota + 1 // identities of customers
	SigningUsers                           // tokens of the operator's push users
)

var signingUseNames = []string{"none", "identity", "tokens"}

func (u SigningUse) String() string { return enumString(u, signingUseNames) }

// Signing says which signed tokens a workspace trusts. Without a secret and
// without a jwks_url it trusts none.
type Signing struct {
	Secret   []byte `cbor:"1,keyasint,omitempty" json:"-"` // of HS256, sealed with the cell key
	JWKSURL  string `cbor:"2,keyasint,omitempty" json:"jwks_url,omitempty"`
	Issuer   string `cbor:"3,keyasint,omitempty" json:"issuer,omitempty"`
	Audience string `cbor:"4,keyasint,omitempty" json:"audience,omitempty"`
}

// SigningPut replaces what a workspace trusts.
type SigningPut struct {
	Workspace string     `cbor:"1,keyasint"`
	Use       SigningUse `cbor:"2,keyasint"`
	Signing   Signing    `cbor:"3,keyasint"`
	Keep      bool       `cbor:"4,keyasint,omitempty"` // the secret that is there
}

// SignedProfile is what a signed identity says of a customer.
type SignedProfile struct {
	Name       string          `cbor:"1,keyasint,omitempty" json:"name,omitempty"`
	Email      string          `cbor:"2,keyasint,omitempty" json:"email,omitempty"`
	Attributes json.RawMessage `cbor:"3,keyasint,omitempty" json:"attributes,omitempty"` // a JSON object
	Priority   int64           `cbor:"4,keyasint,omitempty" json:"priority,omitempty"`   // of the chats that he starts
}

// CustomerIdentify says that a visitor turned out to be a customer with a
// signed identity: what he has becomes the customer's.
type CustomerIdentify struct {
	Customer string        `cbor:"1,keyasint"`
	Visitor  string        `cbor:"2,keyasint,omitempty"` // empty: nobody known
	Profile  SignedProfile `cbor:"3,keyasint"`
	Life     Duration      `cbor:"4,keyasint"` // of the token that he gets
}

// CustomerClaim is what a customer says of himself, unproven. It replaces what
// he said before.
type CustomerClaim struct {
	Attributes json.RawMessage `cbor:"1,keyasint"` // a JSON object
}

// ContextSet replaces a customer's context if it still has the given version.
type ContextSet struct {
	Customer string  `cbor:"1,keyasint,omitempty"`
	Chat     string  `cbor:"2,keyasint,omitempty"` // instead: the customer of a chat
	Version  *uint64 `cbor:"3,keyasint,omitempty"` // 0: there is none yet; nil: whatever it is
	// Data is any JSON document in its canonical form; empty: the context is
	// removed.
	Data json.RawMessage `cbor:"4,keyasint,omitempty"`
}

// Context is a small document about a customer that agents' pages, bots and API
// calls share.
type Context struct {
	Customer string          `json:"customer"`
	Version  uint64          `json:"version"` // 0: there is none
	Data     json.RawMessage `json:"data"`
	Changed  Time            `json:"changed,omitzero"`
}

func (*SigningPut) Kind() Kind       { return KindSigningPut }
func (*CustomerIdentify) Kind() Kind { return KindCustomerIdentify }
func (*CustomerClaim) Kind() Kind    { return KindCustomerClaim }
func (*ContextSet) Kind() Kind       { return KindContextSet }
