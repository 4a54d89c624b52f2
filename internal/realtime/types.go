//evenkeel:pure

package realtime

import (
	"time"

	"github.com/evenkeel/evenkeel"
)

// ClientID names a connection on this node: from 1, never used twice.
type ClientID uint64

// Client is who connected, as the backend found out.
type Client struct {
	Principal evenkeel.Principal
	Role      evenkeel.Role
	Name      string
	Login     string        // the token's hash, as in EventLoggedOut; may be empty
	TTL       time.Duration // until the token expires; 0: it does not
	Channels  []string      // to be subscribed by the server
	Present   bool          // an agent, or a customer with a live chat: pinged more often
	Loopback  bool          // it connects from this machine
	Data      []byte        // JSON for the connect reply; may be empty

	// User and Info are how other clients see this one: who it is, and JSON about
	// him, which may be empty.
	User string
	Info []byte
	// Grants are channels of namespaces to be subscribed by the server.
	Grants []Grant
}

// Grant is a channel that a client is subscribed to by the server, on terms.
type Grant struct {
	Channel string
	Terms   evenkeel.Terms
}

// AdmitRequest asks on which terms a client may have a channel of a namespace.
type AdmitRequest struct {
	By      evenkeel.Principal
	Client  string // the connection's id, as the client knows it
	Channel string
	Token   string // that names the channel; may be empty
}

// PublishRequest is what a client wants to publish on a channel that it is
// subscribed to.
type PublishRequest struct {
	By      evenkeel.Principal
	Channel string
	Data    []byte      // JSON on one line
	Info    *ClientInfo // of who publishes
	Signed  bool        // a token named the channel
}

// ConnectRequest is what a client shows to be let in, or to stay.
type ConnectRequest struct {
	Token   string
	Data    []byte // JSON, as the client sent it
	Name    string // of the client's library
	Version string
	// Refresh says that the client is connected and only renews its token. It
	// must still be the same principal.
	Refresh bool
}

// ReadRequest asks for a part of a channel's history, of which the caller must
// be allowed to read.
type ReadRequest struct {
	By      evenkeel.Principal
	Channel string
	Since   evenkeel.Position
	Limit   int // publications; 0: only the channel's ends
	Bytes   int // about; more are not wanted
	// Kept says that the node keeps the channel. Then there is no right to be
	// looked at: the client has been admitted.
	Kept bool
	Last bool // the last publication is wanted, whatever Since is
}

// Page is a part of a channel's history as one state of the replica has it.
type Page struct {
	Top evenkeel.Position // the channel's end; zero: there is no such channel yet
	// First is the offset of the oldest publication that is kept; 0 counts as 1.
	First uint64
	// Items follow Since without a hole, oldest first. They may end below Top,
	// at a limit.
	Items []evenkeel.HistoryItem
}
