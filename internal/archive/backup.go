//evenkeel:shell

package archive

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Backup writes one state of the copy into a new file, compact and synced. The
// copy can be read and written meanwhile. The file is there whole or not at all.
func (s *Store) Backup(ctx context.Context, path string) error {
	if err := s.backup(ctx, path); err != nil {
		return fmt.Errorf("back the archive up into %s: %w", path, sorted(err))
	}
	return nil
}

func (s *Store) backup(ctx context.Context, path string) error {
	if _, err := os.Lstat(path); err == nil {
		return os.ErrExist
	}
	partial := path + ".part"
	if err := os.Remove(partial); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	db, err := sql.Open("sqlite", s.dsn("rw", s.options.CacheKiB/2))
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", partial)
	if err = errors.Join(err, db.Close()); err == nil {
		err = settle(partial, path)
	}
	if err != nil {
		return errors.Join(err, gone(os.Remove(partial)))
	}
	return nil
}

// settle syncs a finished file and gives it its name.
func settle(from, to string) error {
	if err := os.Chmod(from, 0o600); err != nil {
		return err
	}
	if err := syncPath(from, os.O_RDWR); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(to))
}

func syncPath(path string, flag int) error {
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// gone makes nothing of a file's not being there.
func gone(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// Check reads the whole file and returns ErrDamaged with what it found, or nil.
// It takes seconds for each gigabyte; reading and writing go on.
func (s *Store) Check(ctx context.Context) error {
	return s.reading(ctx, func(v *view) error {
		rows, err := v.QueryContext(ctx, "PRAGMA integrity_check(10)")
		if err != nil {
			return err
		}
		defer rows.Close()
		var found []string
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				return err
			}
			if line != "ok" {
				found = append(found, line)
			}
		}
		if err := rows.Err(); err != nil {
			return err
		}
		if len(found) > 0 {
			return fmt.Errorf("%w: %s", ErrDamaged, strings.Join(found, "; "))
		}
		return v.checkChats(ctx)
	})
}

// checkChats tries each chat's checksums, which SQLite does not know of.
func (v *view) checkChats(ctx context.Context) error {
	for _, text := range []string{"SELECT row, head FROM chats", "SELECT chat, body FROM talk"} {
		if err := v.checkRows(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

func (v *view) checkRows(ctx context.Context, text string) error {
	rows, err := v.QueryContext(ctx, text)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var row int64
		var body []byte
		if err := rows.Scan(&row, &body); err != nil {
			return err
		}
		if err := intact(body); err != nil {
			return fmt.Errorf("the chat in row %d: %w", row, err)
		}
	}
	return rows.Err()
}

// Skip lets an empty copy begin at an operation: those up to it are gone for
// good, and chats of their time are not in the copy. Missing remembers it.
func (s *Store) Skip(ctx context.Context, to uint64) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.stmts == nil {
		return ErrClosed
	}
	if s.cursor.Load() != 0 {
		return fmt.Errorf("%w: a copy that is not empty cannot leave some out", ErrGap)
	}
	err := s.transaction(ctx, func() error {
		return s.exec(ctx, "UPDATE meta SET value = ? WHERE key IN ('cursor', 'missing')", int64(to))
	})
	if err != nil {
		return fmt.Errorf("begin at operation %d: %w", to+1, sorted(err))
	}
	s.cursor.Store(to)
	s.missing.Store(to)
	return nil
}

// Adopt makes the copy in a file, of whatever generation of its cell, one of
// another, as a restore or a recovery of the cell needs it. The new generation will
// number its own operations after last: where the copy has come further, it is as
// if it had not. What it has then of chats that are lost elsewhere stays.
func Adopt(ctx context.Context, path string, cell, generation string, last uint64) error {
	s, err := Open(ctx, path, Options{Cell: cell, anyGeneration: true})
	if err != nil {
		return err
	}
	err = s.transaction(ctx, func() error {
		return errors.Join(
			s.exec(ctx, "UPDATE meta SET value = ? WHERE key = 'generation'", generation),
			s.exec(ctx, "UPDATE meta SET value = min(value, ?) WHERE key IN ('cursor', 'missing')", int64(last)),
		)
	})
	if err != nil {
		err = fmt.Errorf("adopt the archive %s: %w", path, sorted(err))
	}
	return errors.Join(err, s.Close())
}
