package journal

import "io"

// FS is one directory of a disk: all that the journal asks of an operating
// system. Names are plain file names. An implementation must be safe for use by
// several goroutines at once, on different files.
//
// It asks for nothing that Windows lacks: no rename, no removal of an open
// file, no order among writes but the one that Sync makes.
type FS interface {
	// Lock takes the directory for this process until the closer is closed or
	// the process dies. A directory in use yields ErrLocked.
	Lock() (io.Closer, error)

	// Create makes a new file of size zero bytes of value zero, with the room
	// for all of them allocated on the disk. The name is durable only after
	// SyncDir, the size after Sync. An existing name yields fs.ErrExist, a lack
	// of room ErrNoSpace and no file.
	Create(name string, size int64) (File, error)

	// Open opens an existing file for reading and writing; fs.ErrNotExist if
	// there is none.
	Open(name string) (File, error)

	// Remove removes a file that nobody has open.
	Remove(name string) error

	// List returns the names of all files, sorted.
	List() ([]string, error)

	// SyncDir makes all names created and removed so far durable.
	SyncDir() error

	// Free returns the bytes that may still be allocated.
	Free() (int64, error)
}

// File is an open file of an FS. A write is durable after the Sync that follows
// it; until then a crash may keep any part of it.
type File interface {
	io.ReaderAt
	io.WriterAt // beyond the end it extends the file; ErrNoSpace when that fails
	io.Closer

	// Size returns the length of the file in bytes.
	Size() (int64, error)

	// Sync makes all bytes written so far durable. After an error it is not
	// known which of them are, and a later success does not tell.
	Sync() error
}
