//evenkeel:shell

package realtime

import (
	"context"

	"github.com/evenkeel/evenkeel"
)

// Backend is what a server needs of its node.
type Backend interface {
	// Authenticate finds out who connects or refreshes. It may block; errors go
	// to the client as they are.
	Authenticate(ctx context.Context, r ConnectRequest, remote string) (Client, *evenkeel.Error)

	// Read reads the local replica: whether the principal may read the channel
	// (not_found or forbidden if not), and its history. All of the page comes
	// from one state, and that state is no older than the last events that were
	// published. A position that the history does not reach (another epoch, an
	// offset that is gone) is unrecoverable_position, with Top and First set. A
	// position past the end is no error: there are no items.
	//
	// A refusal must be by all that was acknowledged before: Read may wait to know
	// that. It must not wait for anything else.
	Read(ctx context.Context, r ReadRequest) (Page, *evenkeel.Error)

	// Admit finds out on which terms a client may have a channel of a namespace.
	// It may block; errors go to the client as they are.
	Admit(ctx context.Context, r AdmitRequest) (evenkeel.Terms, *evenkeel.Error)

	// Publish passes on what a client publishes, by the server's Live where it is
	// to be heard, or refuses. It may not block.
	Publish(r PublishRequest) *evenkeel.Error

	// Call runs an RPC method. reply is called at most once, on any goroutine,
	// possibly before Call returns; it does not block. result is JSON.
	Call(id ClientID, method string, params []byte, reply func(result []byte, err *evenkeel.Error))

	// Connected tells of a client that was let in, before any of its calls.
	// Disconnected follows exactly once when it is gone. Neither may block.
	Connected(id ClientID, c Client)
	Disconnected(id ClientID)
}
