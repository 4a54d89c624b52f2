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
	name, err := r.moveAside(".damaged-")
	if err != nil {
		return err
	}
	r.loss = "it was damaged, and lies in " + name
	r.cfg.Log.Error("the archive is damaged: it was set aside, and a new one is made", "file", r.cfg.Path, "aside", name, "error", cause)
	return nil
}

// moveAside gives the closed file a free name that ends in a mark and a number.
func (r *Runner) moveAside(mark string) (name string, err error) {
	if name, err = freeName(r.cfg.Path + mark); err != nil {
		return "", fmt.Errorf("set the old archive aside: %w", err)
	}
	return name, r.move(name)
}

// move gives the closed file another name. The log first: a log without its file
// is harmless, a new file with the old one's log is not.
func (r *Runner) move(name string) error {
	for _, suffix := range []string{"-wal", "-shm", ""} {
		if err := gone(os.Rename(r.cfg.Path+suffix, name+suffix)); err != nil {
			return fmt.Errorf("set the old archive aside: %w", sorted(err))
		}
	}
	if err := syncDir(filepath.Dir(r.cfg.Path)); err != nil {
		return fmt.Errorf("set the old archive aside: %w", sorted(err))
	}
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
