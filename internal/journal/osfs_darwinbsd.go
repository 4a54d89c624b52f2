//go:build darwin || freebsd

package journal

import "os"

// allocate reserves room by writing it: there is no call for it that all of
// these systems have.
func allocate(f *os.File, size int64) error { return writeZeros(f, size) }

// syncData flushes a file; on darwin through the drive's cache too.
func syncData(f *os.File) error { return f.Sync() }
