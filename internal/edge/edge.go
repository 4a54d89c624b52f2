//evenkeel:shell

package edge

import (
	"io"
	"log/slog"
	"time"

	"github.com/evenkeel/evenkeel/internal/auth"
)

// Config is what an edge needs. Fields without a default must be set.
type Config struct {
	Cell   Cell
	Random io.Reader // of tokens and ids, such as crypto/rand.Reader

	// VisitorKey returns the key that signs visitors' tokens: the desk's
	// VisitorKey, opened with the cell key.
	VisitorKey func() ([]byte, error)

	// Typing publishes without an offset, to the subscribers of a channel that
	// are connected here. It must not block.
	Typing func(channel string, data []byte)

	Now          func() time.Time // default time.Now
	Log          *slog.Logger     // default: nothing is logged
	PasswordCost auth.Cost        // default auth.DefaultCost()
}
