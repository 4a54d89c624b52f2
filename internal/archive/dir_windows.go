//evenkeel:shell

package archive

// syncDir does nothing: Windows keeps names in its own journal and cannot sync
// a directory.
func syncDir(string) error { return nil }
