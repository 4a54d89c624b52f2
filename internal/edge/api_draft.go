//evenkeel:shell

package edge

import (
	"context"
	"net/http"

	"github.com/evenkeel/evenkeel"
)

// API is what New(Config) (*Edge, error) returns, until the code is here.
type API interface {
	Start()
	Stop() // ends the courier's loop; clients are no longer answered

	// Handler serves the HTTP API: /v1/..., /healthz, /readyz and, for all
	// other paths, the answer 404 as a problem document.
	Handler() http.Handler
	// OriginAllowed judges the Origin header of a request (also of a
	// WebSocket's). Requests without one are allowed.
	OriginAllowed(r *http.Request) bool

	// Authenticate finds out who connects (or refreshes) with a token: an
	// agent's, a visitor's, or an API key.
	Authenticate(ctx context.Context, token string) (Identity, *evenkeel.Error)
	// MaySubscribe tells whether the principal may read a channel.
	MaySubscribe(by evenkeel.Principal, channel string) *evenkeel.Error

	// Connected tells of a client that was authenticated; disconnect is called
	// at most once, on the courier's goroutine, if the desk ends its session. It
	// must not block.
	Connected(id ClientID, who Identity, disconnect func(code uint32, reason string))
	Disconnected(id ClientID)
	// Call runs an RPC method. reply is called exactly once unless the client
	// disconnects before; it must not block.
	Call(id ClientID, method string, params []byte, reply func(result []byte, err *evenkeel.Error))

	// Events takes what the local replica applied, in log order (from OnApply).
	Events(events []evenkeel.Event)
	// Incarnation says which incarnation the desk issued to this process
	// (Result.Incarnation of NodeUp); sessions open from then on.
	Incarnation(n uint64)
}

// ClientID names a connection on this node: chosen by the realtime server,
// never 0, never used twice.
type ClientID uint64

// Identity is who a connection belongs to.
type Identity struct {
	Principal evenkeel.Principal
	Role      evenkeel.Role
	Name      string
	Login     string        // the token's hash, as in EventLoggedOut; empty for visitors
	Expires   evenkeel.Time // of the token; 0: never
	Channels  []string      // to be subscribed by the server
	Present   bool          // an agent, or a customer with a live chat: ping every 5 s
}
