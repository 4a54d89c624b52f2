package evenkeel

import (
	"errors"
	"strconv"
	"strings"
)

// DefaultWorkspace is the tenant of a fresh cell. Channel names of the others
// carry the workspace as a prefix.
const DefaultWorkspace = "default"

// Role says what a caller may do. The order is the order of the documentation;
// a role's rights are in permissions.go, not in its number.
type Role uint8

// The roles.
const (
	RoleNone Role = iota
	RoleCustomer
	RoleAgent
	RoleSupervisor
	RoleAdmin
	RoleService
	RoleOperator
)

var roleNames = []string{"none", "customer", "agent", "supervisor", "admin", "service", "operator"}

func (r Role) String() string { return enumString(r, roleNames) }

// MarshalText writes the role's name.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads a role's name.
func (r *Role) UnmarshalText(b []byte) error { return parseEnum(r, roleNames, "role", b) }

// Staff tells whether the role is a person's who works for the workspace.
func (r Role) Staff() bool {
	return r == RoleAgent || r == RoleSupervisor || r == RoleAdmin || r == RoleOperator
}

// Supervises tells whether the role may see and steer every chat of its
// workspace.
func (r Role) Supervises() bool { return r.Staff() && r != RoleAgent || r == RoleService }

// PrincipalKind is the sort of a principal.
type PrincipalKind uint8

// The kinds of principals.
const (
	PrincipalNone    PrincipalKind = iota
	PrincipalVisitor               // a customer, anonymous or signed
	PrincipalAgent                 // a person with a role: agent, supervisor, admin, operator
	PrincipalService               // an API key
	PrincipalSystem                // the cell itself: never from outside
	PrincipalUser                  // one of the operator's own users, who only follows channels
)

var principalNames = []string{"none", "visitor", "agent", "service", "system", "user"}

func (k PrincipalKind) String() string { return enumString(k, principalNames) }

// Principal is who asks: the owner of idempotency ids.
type Principal struct {
	Workspace string        `cbor:"1,keyasint" json:"workspace"`
	Kind      PrincipalKind `cbor:"2,keyasint" json:"kind"`
	ID        string        `cbor:"3,keyasint" json:"id"`
}

// System is the principal of the cell's own commands.
func System() Principal { return Principal{Kind: PrincipalSystem, ID: "cell"} }

func (p Principal) String() string { return p.Workspace + "/" + p.Kind.String() + ":" + p.ID }

// SessionID names one client's lease on one node. Incarnations are unique in
// the cell, so a session of a dead process can never be taken for another's.
// The zero SessionID means "no session" (HTTP requests).
type SessionID struct {
	Incarnation uint64 `cbor:"1,keyasint"`
	Number      uint64 `cbor:"2,keyasint"` // counted by the edge from 1
}

// IsZero tells whether the command came without a session.
func (s SessionID) IsZero() bool { return s == SessionID{} }

func (s SessionID) String() string {
	return strconv.FormatUint(s.Incarnation, 10) + "." + strconv.FormatUint(s.Number, 10)
}

// Position is a place in a channel's stream. Offsets count from 1; offset 0 is
// the place before the first event. An empty epoch with offset 0 means "from
// the first event, whichever stream that is".
type Position struct {
	Epoch  string `json:"epoch"`
	Offset uint64 `json:"offset"`
}

// Channel joins a kind and an id to the name that clients see, such as
// "chat:c1" or, outside the default workspace, "acme/chat:c1". The one channel
// without an id is "desk".
func Channel(workspace, kind, id string) string {
	name := kind
	if kind != ChannelDesk {
		name += ":" + id
	}
	if workspace == DefaultWorkspace {
		return name
	}
	return workspace + "/" + name
}

// ParseChannel is the reverse of Channel. A channel has one name: with the
// default workspace spelt out it is none, for nothing is published under that.
func ParseChannel(name string) (workspace, kind, id string, ok bool) {
	workspace = DefaultWorkspace
	rest := name
	prefix, _, _ := strings.Cut(name, ":")
	if i := strings.IndexByte(prefix, '/'); i >= 0 {
		if workspace, rest = name[:i], name[i+1:]; workspace == DefaultWorkspace {
			return "", "", "", false
		}
	}
	if rest == ChannelDesk {
		return workspace, ChannelDesk, "", workspace != ""
	}
	kind, id, ok = strings.Cut(rest, ":")
	return workspace, kind, id, ok && kind != "" && id != "" && workspace != ""
}

// The kinds of channels of the desk.
const (
	ChannelChat    = "chat"
	ChannelStaff   = "staff"
	ChannelAgent   = "agent"
	ChannelVisitor = "visitor"
	ChannelQueue   = "queue"  // live figures of a queue, without a history
	ChannelDesk    = "desk"   // those of the workspace; it has no id
	ChannelMissed  = "missed" // of a queue: its missed items
	ChannelDevice  = "device" // reserved
)

// ChannelUser is the channel of one of the operator's users. It is a namespace
// like others, but for who follows it: that user, by the server.
const ChannelUser = "user"

func enumString[E ~uint8](e E, names []string) string {
	if int(e) < len(names) {
		return names[e]
	}
	return "unknown(" + strconv.Itoa(int(e)) + ")"
}

func parseEnum[E ~uint8](e *E, names []string, what string, b []byte) error {
	for i, name := range names {
		if name == string(b) {
			*e = E(i)
			return nil
		}
	}
	return errors.New(what + " must be one of " + strings.Join(names, ", "))
}
