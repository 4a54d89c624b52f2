//evenkeel:shell

package archive

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/evenkeel/evenkeel"
)

// errReport is a desk that did not take the cursor. The copy is sound.
var errReport = errors.New("report the archive's cursor")

// Chat returns an archived chat, or not_found. As all reads it answers
// archive_unavailable while there is no file to read.
func (r *Runner) Chat(ctx context.Context, workspace, id string) (c *evenkeel.Chat, err error) {
	err = r.read(ctx, func(s *Store) error { c, err = s.Chat(ctx, workspace, id); return err })
	return c, err
}

// Transcript returns a part of what was said in an archived chat.
func (r *Runner) Transcript(ctx context.Context, workspace, id string, span evenkeel.MessageRange, notes bool) (t *evenkeel.Transcript, err error) {
	err = r.read(ctx, func(s *Store) error { t, err = s.Transcript(ctx, workspace, id, span, notes); return err })
	return t, err
}

// Search returns a page of the chats that a query selects.
func (r *Runner) Search(ctx context.Context, q evenkeel.ArchiveQuery) (p *evenkeel.ArchivePage, err error) {
	err = r.read(ctx, func(s *Store) error { p, err = s.Search(ctx, q); return err })
	return p, err
}

// Walk calls fn with every chat that a query selects, and returns fn's error as
// it is.
func (r *Runner) Walk(ctx context.Context, q evenkeel.ArchiveQuery, fn func(*evenkeel.ArchiveRecord) error) error {
	var own error
	err := r.read(ctx, func(s *Store) error {
		return s.Walk(ctx, q, func(rec *evenkeel.ArchiveRecord) error {
			own = fn(rec)
			return own
		})
	})
	if own != nil {
		return own
	}
	return err
}

// Backup writes one state of the copy into a new file.
func (r *Runner) Backup(ctx context.Context, path string) error {
	return r.read(ctx, func(s *Store) error { return s.Backup(ctx, path) })
}

// Check reads the whole file and tells whether it is sound. One that is damaged
// is set aside, as when it is met by chance.
func (r *Runner) Check(ctx context.Context) error {
	return r.read(ctx, func(s *Store) error { return s.Check(ctx) })
}

func (r *Runner) read(ctx context.Context, do func(*Store) error) error {
	s := r.store.Load()
	if s == nil {
		return evenkeel.Errorf(evenkeel.CodeArchiveUnavailable, "this node's archive is not open: %s", r.Status().Detail)
	}
	err := do(s)
	var known *evenkeel.Error
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, ErrDamaged):
		if r.store.Load() == s { // not one that was set aside meanwhile
			r.suspect.Store(true)
			r.alarm()
		}
	}
	r.cfg.Log.Warn("the archive could not be read", "file", r.cfg.Path, "error", err)
	return fmt.Errorf("%w: %w", evenkeel.Errorf(evenkeel.CodeArchiveUnavailable, "this node's archive cannot be read: %s", remedy(err)), err)
}

func (r *Runner) alarm() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Status tells how the copy is, and what to do if something is wrong with it.
func (r *Runner) Status() evenkeel.ArchiveStatus {
	var st evenkeel.ArchiveStatus
	s := r.store.Load()
	if s != nil {
		st = s.Status()
	}
	_, _, last := r.cfg.Source.Ops(st.Cursor, 0, 0)
	if last > st.Cursor {
		st.Behind = last - st.Cursor
	}
	r.mu.Lock()
	fault, since, gap, caught, filling := r.fault, r.since, r.gap, r.caught, r.filling
	r.mu.Unlock()
	switch {
	case fault != nil:
		st.State = stateFailed
		st.Detail = fmt.Sprintf("for %v: %s (%v)", time.Since(since).Round(time.Second), remedy(fault), fault)
	case s == nil:
		st.State, st.Detail = stateFilling, "it is being opened"
	case filling != nil && filling.trouble == nil:
		st.State, st.Detail = stateFilling, filling.String()
	case filling != nil && gap != 0:
		st.State, st.Detail = stateStale, filling.String()
	case gap != 0:
		st.State = stateStale
		st.Detail = fmt.Sprintf("the copy has done operation %d, and the desk has none before %d: put a newer copy in the place of %s, or move that file away "+
			"to begin an empty one", st.Cursor, gap, r.cfg.Path)
	case !caught && st.Behind > 0 || r.far(st.Behind):
		st.State = stateFilling
	default:
		st.State = stateLive
	}
	if s != nil && st.Detail == "" {
		st.Detail = r.losses(s)
	}
	return st
}

// Lacks says what is not in the copy; empty: it is whole.
func (r *Runner) Lacks() string { return r.Status().Detail }

// losses tells what a copy that works does not have.
func (r *Runner) losses(s *Store) string {
	text := ""
	if m := s.Missing(); m > 0 {
		text = fmt.Sprintf("chats of operations 1 to %d are not in this copy, which was made after they had left the desk: they are in a backup, "+
			"or in a file %s.damaged-N beside it", m, r.cfg.Path)
	}
	if n := s.damaged.Load(); n > 0 {
		if text != "" {
			text += "; "
		}
		text += fmt.Sprintf("the bytes of some chats are damaged (met %d times since the start): check the disk", n)
	}
	return text
}

// remedy tells an operator what to do about an error.
func remedy(err error) string {
	switch {
	case errors.Is(err, ErrLocked):
		return "another process has the file locked: close the program that has it open, such as sqlite3"
	case errors.Is(err, ErrFull):
		return "the disk is full: make room"
	case errors.Is(err, ErrReadOnly):
		return "the file cannot be opened or written: look at the rights of its directory and whether the disk is mounted read-only"
	case errors.Is(err, ErrDamaged):
		return "the file is damaged: it is set aside and a new one is made"
	case errors.Is(err, ErrForeign):
		return "the file is of another cell or generation: put the right one in its place, or move it away to begin an empty one"
	case errors.Is(err, ErrNewer):
		return "the file was written by a newer version: start that one"
	case errors.Is(err, ErrRow):
		return "the bytes of a chat are damaged: check the disk"
	case errors.Is(err, ErrDisk):
		return "the disk failed: look at the system's log"
	}
	return "it is tried again"
}
