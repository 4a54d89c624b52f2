package journal

import (
	"errors"
	"fmt"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrLocked: another process has the data directory open.
	ErrLocked = errors.New("the data directory is in use by another process")

	// ErrNoSpace: the disk has no room. Returned by an FS, and found in the
	// chain of every error of the journal that has this cause.
	ErrNoSpace = errors.New("no space left on the disk")

	// ErrFull: the append would have broken into the reserve and was refused
	// whole. Nothing was written, the journal is sound, a batch without entries
	// can still be appended, and the same append may succeed once there is room.
	ErrFull = errors.New("the journal is full: only its reserve is left")

	// ErrDoubt: the last batch is in doubt; ResolveDoubt comes first.
	ErrDoubt = errors.New("the last batch of the journal is in doubt")

	// ErrTooLarge: one entry, or the records beside the entries, do not fit into
	// a segment. Nothing was written.
	ErrTooLarge = errors.New("the batch does not fit into a segment")

	// ErrGap: the batch does not continue the log (a hole in the indexes, an
	// index at or below the snapshot, a falling term). Nothing was written.
	ErrGap = errors.New("the batch does not continue the log")

	// ErrClosed: the journal was closed.
	ErrClosed = errors.New("the journal is closed")

	// ErrNoSnapshot: there is no snapshot at this index.
	ErrNoSnapshot = errors.New("no such snapshot")
)

// DamageError says that bytes which were once acknowledged cannot be read. The
// journal was left as it was found. The node must not act under its id again
// with this data; what becomes of it is told in DESIGN.md.
type DamageError struct {
	File   string // name in the data directory
	Offset int64  // place in the file, bytes
	Reason string
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("the journal is damaged: %s, at byte %d: %s", e.File, e.Offset, e.Reason)
}
