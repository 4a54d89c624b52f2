//evenkeel:shell

package edge

import (
	"context"

	"github.com/evenkeel/evenkeel"
)

// Proven looks at the local replica, once more if need be: that something is not
// there, or not the caller's, is said only by a replica that knows all that was
// acknowledged before the question. Another node may have made it a moment ago.
//
// look must not do anything that may not be done twice.
func (e *Edge) Proven(ctx context.Context, look func() *evenkeel.Error) *evenkeel.Error {
	before := e.reflects()
	refusal := look()
	if !absent(refusal) {
		return refusal
	}
	if err := e.fresh(ctx); err != nil {
		return err
	}
	if e.reflects() == before {
		return refusal
	}
	return look()
}

// fresh waits until the local replica knows all that was acknowledged before.
func (e *Edge) fresh(ctx context.Context) *evenkeel.Error {
	ctx, cancel := context.WithTimeout(ctx, indexWait)
	defer cancel()
	if e.cfg.Cell.Fresh(ctx) != nil {
		return &evenkeel.Error{
			Code: evenkeel.CodeNoLeader, RetryAfter: evenkeel.Second,
			Detail: "this node hears of no leader, and cannot tell whether it knows the newest state",
		}
	}
	return nil
}

// reflects is the position in the log that the local replica has come to.
func (e *Edge) reflects() (index uint64) {
	e.cfg.Cell.View(func(r Reader) { index = r.Index() })
	return index
}

// absent tells whether a refusal is what a replica says that is behind.
func absent(refusal *evenkeel.Error) bool {
	if refusal == nil {
		return false
	}
	switch refusal.Code {
	case evenkeel.CodeNotFound, evenkeel.CodeForbidden, evenkeel.CodeUnauthenticated:
		return true
	}
	return false
}
