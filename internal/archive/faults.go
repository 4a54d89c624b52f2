//evenkeel:shell

package archive

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sorted says what an error of SQLite or the operating system means for a copy:
// it wraps it in one of this package's errors. Others are returned as they are.
func sorted(err error) error {
	if kind := kindOf(err); kind != nil && !errors.Is(err, kind) {
		return fmt.Errorf("%w: %w", kind, err)
	}
	return err
}

func kindOf(err error) error {
	var e *sqlite.Error
	switch {
	case errors.Is(err, sql.ErrConnDone):
		return ErrClosed
	case errors.Is(err, syscall.ENOSPC):
		return ErrFull
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return ErrReadOnly
	case !errors.As(err, &e):
		return nil
	}
	switch e.Code() {
	case sqlite3.SQLITE_READONLY_DBMOVED:
		return ErrMoved
	case sqlite3.SQLITE_IOERR_SHMSIZE: // the file beside the log found no room
		return ErrFull
	}
	switch e.Code() & 0xff { // the rest says where in SQLite
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL:
		return ErrLocked
	case sqlite3.SQLITE_FULL:
		return ErrFull
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_CANTOPEN:
		return ErrReadOnly
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT:
		return ErrDamaged
	case sqlite3.SQLITE_IOERR:
		return ErrDisk
	}
	return nil
}

func noTransaction(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && strings.Contains(e.Error(), "no transaction is active")
}
