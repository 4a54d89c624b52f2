//evenkeel:shell

package archive

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// setAside gives a damaged file another name, so that a new one can be made and
// the old one be looked into. Nothing is deleted.
func (r *Runner) setAside(cause error) error {
	r.close()
	r.suspect.Store(false)
	name, err := freeName(r.cfg.Path + ".damaged-")
	if err != nil {
		return fmt.Errorf("set the damaged archive aside: %w", err)
	}
	// The log first: a log without its file is harmless, a new file with the
	// old one's log is not.
	for _, suffix := range []string{"-wal", "-shm", ""} {
		if err := gone(os.Rename(r.cfg.Path+suffix, name+suffix)); err != nil {
			return fmt.Errorf("set the damaged archive aside: %w", sorted(err))
		}
	}
	if err := syncDir(filepath.Dir(r.cfg.Path)); err != nil {
		return fmt.Errorf("set the damaged archive aside: %w", sorted(err))
	}
	r.cfg.Log.Error("the archive is damaged: it was set aside, and a new one is made from what the desk has", "file", r.cfg.Path, "aside", name, "error", cause)
	return nil
}

// freeName returns the first numbered name that is not taken.
func freeName(prefix string) (string, error) {
	for n := 1; ; n++ {
		name := fmt.Sprintf("%s%d", prefix, n)
		if _, err := os.Lstat(name); errors.Is(err, os.ErrNotExist) {
			return name, nil
		} else if err != nil {
			return "", err
		}
	}
}
