//evenkeel:shell

package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/evenkeel/evenkeel"
)

// Peers are the copies of the archive on other nodes.
type Peers interface {
	// Exist tells whether the cell knows of another copy that has all that has left
	// the desk, whether its node answers now or not.
	Exist() bool
	// Whole tells whether one that answers lacks less than what is missing here.
	Whole(missing uint64) bool
	// Fetch asks for the image of one that has done an operation: the best that
	// answers. The caller closes it.
	Fetch(ctx context.Context, least uint64) (io.ReadCloser, error)
	// Room tells whether a file of a size may be made beside the old one.
	Room(size int64) error
}

// nobody is a cell of one.
type nobody struct{}

func (nobody) Exist() bool       { return false }
func (nobody) Whole(uint64) bool { return false }
func (nobody) Room(int64) error  { return nil }
func (nobody) Fetch(context.Context, uint64) (io.ReadCloser, error) {
	return nil, errors.New("there is no other copy")
}

var (
	// errRefill is a refill that did not succeed: the copy is as it was.
	errRefill = errors.New("fill the archive from another node's copy")
	// errWentOn is a copy that was too old by the time that the desk knew of the refill.
	errWentOn = errors.New("the desk has gone on meanwhile")
)

// filling is how far a refill has come.
type filling struct {
	have, size int64
	trouble    error // why the one before did not succeed; nil: none did not
}

// bridge gets a copy over operations that the desk no longer has: from another
// node's copy, or, if there is none, an empty one begins behind them.
func (r *Runner) bridge(ctx context.Context, s *Store, first uint64) (more bool, err error) {
	switch {
	case r.cfg.Peers.Exist():
		r.setGap(first)
		return true, r.refill(ctx, s, want{least: first - 1, lacks: math.MaxUint64})
	case s.Cursor() == 0:
		r.setGap(0)
		r.cfg.Log.Warn("a new archive begins after operations that the desk no longer has, and no other node has a copy", "file", r.cfg.Path, "first", first)
		return true, s.Skip(ctx, first-1)
	}
	r.setGap(first)
	return false, r.tell(ctx, s.Cursor(), evenkeel.CopyStale)
}

// want is what a copy must be to be taken: it has done an operation, and lacks fewer
// than so many.
type want struct{ least, lacks uint64 }

// refill puts another node's copy in the place of this one.
func (r *Runner) refill(ctx context.Context, s *Store, w want) error {
	began, before := time.Now(), r.trouble()
	r.setFilling(&filling{})
	head, err := r.fetch(ctx, s, w)
	if errors.Is(err, errWentOn) {
		w.least = max(w.least, r.oldest()-1)
		head, err = r.fetch(ctx, s, w)
	}
	if err == nil {
		err = r.replace(s, head)
	}
	if err == nil {
		r.setFilling(nil)
		r.setGap(0)
		if s.Cursor() > 0 && r.loss == "" {
			r.loss = "it lacked what the cell no longer had"
		}
		if r.loss != "" && r.cfg.Refilled != nil {
			r.cfg.Refilled(r.loss)
		}
		r.loss = ""
		r.cfg.Log.Info("the archive was filled from another node's copy", "file", r.cfg.Path, "operation", head.cursor, "bytes", head.size, "took", time.Since(began).Round(time.Millisecond))
		return nil
	}
	r.setFilling(&filling{trouble: err})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err.Error() != before {
		r.cfg.Log.Warn("the archive could not be filled from another node's copy; it is tried again", "file", r.cfg.Path, "error", err)
	}
	// Nothing is to wait for a copy that does not come. What is wrong with the other
	// copy is not wrong with this one, so that error is told and not wrapped.
	return errors.Join(fmt.Errorf("%w: %v", errRefill, err), r.tell(ctx, s.Cursor(), evenkeel.CopyStale))
}

// oldest is the first operation that the desk still has.
func (r *Runner) oldest() uint64 {
	_, first, _ := r.cfg.Source.Ops(0, 0, 0)
	return first
}

func (r *Runner) fetchPath() string { return r.cfg.Path + ".refill" }

// fetch makes a sound file of another node's copy, beside this node's own. From
// its beginning on the desk keeps what this copy will need after it.
func (r *Runner) fetch(ctx context.Context, s *Store, w want) (image, error) {
	path := r.fetchPath()
	if err := removeAll(path); err != nil { // what a crash has left
		return image{}, err
	}
	body, err := r.cfg.Peers.Fetch(ctx, w.least)
	if err != nil {
		return image{}, err
	}
	head, err := receive(body, path, func(head image, have int64) error {
		if have == 0 {
			if err := r.begin(ctx, s, head, w); err != nil {
				return err
			}
		}
		r.setFilling(&filling{have: have, size: head.size})
		return nil
	})
	if err = errors.Join(sorted(err), body.Close()); err == nil {
		if err = r.prove(ctx, path, head); err != nil {
			err = errors.Join(err, removeAll(path))
		}
	}
	return head, err
}

// begin sees by its head that a copy is worth being received.
func (r *Runner) begin(ctx context.Context, s *Store, head image, w want) error {
	switch {
	case head.cursor < w.least:
		return fmt.Errorf("it has done operation %d, and this copy needs %d", head.cursor, w.least)
	case head.missing >= w.lacks:
		return fmt.Errorf("it lacks operations 1 to %d, which is no less than this copy", head.missing)
	}
	if err := r.cfg.Peers.Room(head.size); err != nil {
		return err
	}
	if err := r.tell(ctx, s.Cursor(), evenkeel.CopyFilling); err != nil {
		return err
	}
	if r.oldest() > head.cursor+1 {
		return errWentOn
	}
	return nil
}

// prove opens a file that was received, and reads it whole.
func (r *Runner) prove(ctx context.Context, path string, head image) error {
	s, err := Open(ctx, path, r.cfg.Options)
	if err != nil {
		return err
	}
	err = s.Check(ctx)
	if errors.Is(err, ErrRow) {
		r.cfg.Log.Warn("the bytes of a chat are damaged in the other node's copy too", "error", err)
		err = nil
	}
	if err == nil && s.Cursor() != head.cursor {
		err = fmt.Errorf("it says to have done operation %d, and has done %d", head.cursor, s.Cursor())
	}
	// What is beside it belongs to it, and is empty once it is closed.
	return errors.Join(err, s.Close(), removeAll(path, "-wal", "-shm"))
}

// replace puts a sound file in the place of the copy. That is deleted if all that
// it has is in the new one, for it also has what was erased since; else it is kept
// under another name.
func (r *Runner) replace(old *Store, head image) error {
	r.close()
	aside := r.cfg.Path + ".old" // a crash may have left one
	superseded := head.missing <= old.Missing() || old.Cursor() == 0
	if superseded {
		if err := errors.Join(removeAll(aside), r.move(aside)); err != nil {
			return err
		}
	} else {
		var err error
		if aside, err = r.moveAside(".replaced-"); err != nil {
			return err
		}
		r.cfg.Log.Warn("the other node's copy lacks what was closed before it was made; the file that was here may have some of that and is kept",
			"aside", aside, "lacks", head.missing)
	}
	if err := settle(r.fetchPath(), r.cfg.Path); err != nil {
		return err
	}
	if superseded {
		return removeAll(aside)
	}
	return nil
}

// removeAll deletes a file and what SQLite keeps beside it, or only the latter.
func removeAll(path string, suffixes ...string) error {
	if len(suffixes) == 0 {
		suffixes = fileSuffixes()
	}
	for _, suffix := range suffixes {
		if err := gone(os.Remove(path + suffix)); err != nil {
			return sorted(err)
		}
	}
	return nil
}

// tell reports the cursor and how the copy stands, if that is news to the desk.
func (r *Runner) tell(ctx context.Context, cursor uint64, state evenkeel.CopyState) error {
	if r.told && cursor == r.reported && state == r.state {
		return nil
	}
	if err := r.cfg.Source.Report(ctx, cursor, state); err != nil {
		return fmt.Errorf("%w: %w", errReport, err)
	}
	r.told, r.reported, r.state = true, cursor, state
	return nil
}

// trouble is why the refill before did not succeed; empty: there was none.
func (r *Runner) trouble() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.filling == nil || r.filling.trouble == nil {
		return ""
	}
	return r.filling.trouble.Error()
}

func (r *Runner) setFilling(f *filling) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.filling = f
}

// String says how a refill goes, for Status.
func (f *filling) String() string {
	switch {
	case f.trouble != nil:
		return fmt.Sprintf("it is to be filled from another node's copy, which did not succeed and is tried again: %v", f.trouble)
	case f.size == 0:
		return "it is being filled from another node's copy"
	}
	return fmt.Sprintf("it is being filled from another node's copy: %d of %d MiB", f.have>>20, f.size>>20)
}

// Send writes the copy as an image for another node, if it has done an operation.
func (r *Runner) Send(ctx context.Context, least uint64, w io.Writer) error {
	return r.read(ctx, func(s *Store) error {
		if s.Cursor() < least {
			return evenkeel.Errorf(evenkeel.CodeArchiveUnavailable, "this node's copy has done operation %d, and %d is needed", s.Cursor(), least)
		}
		return s.Send(ctx, w)
	})
}
