package client

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff gives the pauses between tries: random between 0 and a bound that
// doubles ("full jitter"), so that many clients that were cut at once do not
// come back at once.
type backoff struct {
	least, most time.Duration
	bound       time.Duration
}

func newBackoff(least, most time.Duration) backoff { return backoff{least: least, most: most} }

// next returns the next pause.
func (b *backoff) next() time.Duration {
	b.bound = min(max(b.bound*2, b.least), b.most)
	return rand.N(b.bound) + 1
}

// reset begins anew, after a success.
func (b *backoff) reset() { b.bound = 0 }

// pause waits, or returns false if ctx ends before.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
