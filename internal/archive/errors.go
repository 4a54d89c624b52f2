//evenkeel:pure

package archive

import "errors"

// What can be wrong with a copy. Each is wrapped with what was being done.
var (
	ErrGap      = errors.New("operations are missing")                            // Apply: some before the first given one
	ErrForeign  = errors.New("the file belongs to another cell")                  // or generation, or is no archive
	ErrNewer    = errors.New("the file was written by a newer version")           // nothing was changed
	ErrLocked   = errors.New("the file is locked by another process")             // try again
	ErrFull     = errors.New("the disk is full")                                  // or the file's limit is reached
	ErrReadOnly = errors.New("the file cannot be written")                        // rights, or a read-only file system
	ErrDisk     = errors.New("the disk failed")                                   // an error of reading, writing or syncing
	ErrDamaged  = errors.New("the file is damaged")                               // SQLite cannot go on with it
	ErrMoved    = errors.New("the file was moved or deleted while it was in use") // what is open is no longer at the path
	ErrRow      = errors.New("a chat's bytes are damaged")                        // one chat; the file is sound otherwise
	ErrClosed   = errors.New("the copy is closed")
)
