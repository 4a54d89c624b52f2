//go:build unix

//evenkeel:shell

package archive

import "os"

// syncDir makes the names in a directory as durable as the files.
func syncDir(path string) error { return syncPath(path, os.O_RDONLY) }
