//evenkeel:pure

package realtime

import "github.com/evenkeel/evenkeel"

// Delivery is one publication on its way to all subscribers of its channel. It
// is made once for an event and not changed after that.
type Delivery struct {
	Channel  string
	Position evenkeel.Position // zero: ephemeral
	Data     []byte            // JSON
}
