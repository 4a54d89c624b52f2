//evenkeel:shell

package archive

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/evenkeel/evenkeel"
)

// Options say whose copy a file is and what it may take.
type Options struct {
	Cell       string // of the cell that the copy belongs to
	Generation string // of that cell; a copy of another one is refused

	Readers   int           // connections that read at once; 0: 2
	CacheKiB  int           // page cache of the writer, and of all readers together; 0: 4096
	LockWait  time.Duration // how long a call waits for another process's lock; 0: 2 s
	MaxPages  int64         // of 4 KiB; 0: no limit but the disk
	hookApply func()        // of tests: inside of the transaction, before it is committed

	anyGeneration bool // of Adopt
}

func (o *Options) defaults() {
	if o.Readers == 0 {
		o.Readers = 2
	}
	if o.CacheKiB == 0 {
		o.CacheKiB = 4096
	}
	if o.LockWait == 0 {
		o.LockWait = 2 * time.Second
	}
}

// Store is one SQLite file. Its methods may be called by any goroutine; those
// that write wait for each other.
type Store struct {
	path    string
	options Options
	file    fs.FileInfo // as it was opened, to notice when it is moved

	writing sync.Mutex
	db      *sql.DB // of the writer
	conn    *sql.Conn
	stmts   map[string]statement
	packer  packer
	run     run
	swept   sweepPlace
	wiped   bool // the log still has what an erasure removed
	readers *sql.DB

	cursor, missing atomic.Uint64
	chats           atomic.Int64
	slack           atomic.Int64 // see rowFor
	damaged         atomic.Int64 // chats that were found unreadable since the start
}

const (
	applicationID = 0x45564b41 // "EVKA": what the file is, for file(1) as well
	formatVersion = 1
)

// schema is the form of the file; DESIGN.md says why. An index on erased
// chats' customers stays: merging and counting go on.
const schema = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE chats (
	row       INTEGER PRIMARY KEY, -- about when it closed: the order of the archive
	workspace TEXT NOT NULL,
	id        TEXT NOT NULL,
	customer  TEXT NOT NULL,
	queue     TEXT NOT NULL,
	closed_at INTEGER NOT NULL,    -- milliseconds since 1970 UTC
	head      BLOB NOT NULL        -- the chat, packed
);
CREATE UNIQUE INDEX chats_id ON chats (workspace, id);
CREATE INDEX chats_customer ON chats (workspace, customer);
CREATE INDEX chats_queue ON chats (workspace, queue, closed_at);
CREATE TABLE talk (
	chat  INTEGER NOT NULL,        -- chats.row
	notes INTEGER NOT NULL,        -- 0: messages, 1: notes
	first INTEGER NOT NULL,        -- number of the first one
	body  BLOB NOT NULL,           -- some messages or notes, packed
	PRIMARY KEY (chat, notes, first)
) WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5 (talk, notes, facet, content='', columnsize=0, tokenize='ascii');
INSERT INTO words (words, rank) VALUES ('secure-delete', 1);
`

// Open opens the copy in a file and makes it if it is not there.
func Open(ctx context.Context, path string, o Options) (*Store, error) {
	o.defaults()
	s := &Store{path: path, options: o, stmts: map[string]statement{}}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the archive %s: %w", path, sorted(err)), s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return err
	}
	// SQLite gives its other files the mode of this one. A file that is there is
	// not opened here: closing it again would drop SQLite's locks on it.
	f, err := os.OpenFile(s.path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if s.file, err = os.Stat(s.path); err != nil {
		return err
	}
	if s.db, err = sql.Open("sqlite", s.dsn("rwc", s.options.CacheKiB/2)); err != nil {
		return err
	}
	s.db.SetMaxOpenConns(1)
	if s.conn, err = s.db.Conn(ctx); err != nil {
		return err
	}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	if s.readers, err = sql.Open("sqlite", s.dsn("rw", s.options.CacheKiB/2/s.options.Readers)+"&_pragma=query_only(1)"); err != nil {
		return err
	}
	s.readers.SetMaxOpenConns(s.options.Readers)
	s.readers.SetMaxIdleConns(s.options.Readers)
	s.readers.SetConnMaxIdleTime(time.Minute) // its cache goes with it
	return nil
}

// dsn is the connection string. Write-ahead logging lets readers go on while
// the writer writes; synchronous=FULL syncs each commit, which is what the
// cursor promises.
func (s *Store) dsn(mode string, cacheKiB int) string {
	path := (&url.URL{Path: filepath.ToSlash(s.path)}).EscapedPath()
	return fmt.Sprintf("file:%s?mode=%s&_pragma=busy_timeout(%d)&_pragma=journal_mode(wal)&_pragma=synchronous(full)"+
		"&_pragma=secure_delete(1)&_pragma=cache_size(-%d)&_pragma=mmap_size(0)&_pragma=journal_size_limit(%d)",
		path, mode, s.options.LockWait.Milliseconds(), cacheKiB, 4<<20)
}

// prepare makes the tables of a new file, and looks at whose an old one is.
func (s *Store) prepare(ctx context.Context) error {
	if s.options.MaxPages > 0 {
		if _, err := s.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA max_page_count = %d", s.options.MaxPages)); err != nil {
			return err
		}
	}
	var app, version, tables int64
	if err := s.conn.QueryRowContext(ctx, "SELECT * FROM pragma_application_id, pragma_user_version").Scan(&app, &version); err != nil {
		return err
	}
	if err := s.conn.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return err
	}
	switch {
	case app == 0 && tables == 0:
		if err := s.create(ctx); err != nil {
			return err
		}
	case app != applicationID:
		return fmt.Errorf("%w: it is a database, but no archive", ErrForeign)
	case version > formatVersion:
		return fmt.Errorf("%w: it has format %d, this version knows %d", ErrNewer, version, formatVersion)
	}
	return s.readMeta(ctx)
}

func (s *Store) create(ctx context.Context) error {
	return s.transaction(ctx, func() error {
		marks := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", applicationID, formatVersion)
		if _, err := s.conn.ExecContext(ctx, marks+schema); err != nil {
			return err
		}
		_, err := s.conn.ExecContext(ctx, `INSERT INTO meta VALUES ('cell', ?), ('generation', ?),
			('cursor', 0), ('missing', 0), ('chats', 0), ('slack', 0)`, s.options.Cell, s.options.Generation)
		return err
	})
}

func (s *Store) readMeta(ctx context.Context) error {
	var cell, generation string
	err := s.conn.QueryRowContext(ctx, `SELECT (SELECT value FROM meta WHERE key = 'cell'), (SELECT value FROM meta WHERE key = 'generation')`).
		Scan(&cell, &generation)
	switch {
	case err != nil:
		return err
	case cell != s.options.Cell:
		return fmt.Errorf("%w: it is of cell %q, this is cell %q", ErrForeign, cell, s.options.Cell)
	case generation != s.options.Generation && !s.options.anyGeneration:
		return fmt.Errorf("%w: it is of generation %q of the cell, which is in generation %q", ErrForeign, generation, s.options.Generation)
	}
	return s.recall(ctx)
}

// recall sets the counts in memory to those of the file.
func (s *Store) recall(ctx context.Context) error {
	var cursor, missing, chats, slack int64
	err := s.conn.QueryRowContext(ctx, `SELECT (SELECT value FROM meta WHERE key = 'cursor'), (SELECT value FROM meta WHERE key = 'missing'),
		(SELECT value FROM meta WHERE key = 'chats'), (SELECT value FROM meta WHERE key = 'slack')`).Scan(&cursor, &missing, &chats, &slack)
	if err != nil {
		return err
	}
	s.cursor.Store(uint64(cursor))
	s.missing.Store(uint64(missing))
	s.chats.Store(chats)
	s.slack.Store(slack)
	return nil
}

// statement is one that is kept for the next use, until Close.
type statement struct{ *sql.Stmt }

// stmt returns the writer's prepared statement of a text.
func (s *Store) stmt(ctx context.Context, text string) (statement, error) {
	if st, ok := s.stmts[text]; ok {
		return st, nil
	}
	st, err := s.conn.PrepareContext(ctx, text)
	if err != nil {
		return statement{}, err
	}
	s.stmts[text] = statement{st}
	return s.stmts[text], nil
}

func (s *Store) exec(ctx context.Context, text string, args ...any) error {
	st, err := s.stmt(ctx, text)
	if err == nil {
		_, err = st.ExecContext(ctx, args...)
	}
	return err
}

// transaction does everything or nothing. What is read in it cannot change
// before it is written, so it takes the write lock at once.
func (s *Store) transaction(ctx context.Context, do func() error) error {
	if err := s.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := do()
	if err == nil && s.options.hookApply != nil {
		s.options.hookApply()
	}
	// A context that ends now must leave neither a transaction open nor a doubt
	// whether it was committed.
	after := context.WithoutCancel(ctx)
	if err == nil {
		if err = s.exec(after, "COMMIT"); err == nil {
			return nil
		}
	}
	s.run = run{}
	// Some failures, such as a full disk, have rolled back by themselves.
	if rollback := s.exec(after, "ROLLBACK"); rollback != nil && !noTransaction(rollback) {
		return errors.Join(err, fmt.Errorf("roll back: %w", rollback))
	}
	return err
}

// Cursor is the number of the last operation that was applied and synced.
func (s *Store) Cursor() uint64 { return s.cursor.Load() }

// Missing is the number up to which operations were never applied because they
// were gone when the copy was made: chats from that time are not in it. Zero:
// the copy is whole.
func (s *Store) Missing() uint64 { return s.missing.Load() }

// Status tells what the file itself knows; State and Behind are the runner's.
func (s *Store) Status() evenkeel.ArchiveStatus {
	st := evenkeel.ArchiveStatus{Cursor: s.cursor.Load(), Missing: s.missing.Load(), Chats: s.chats.Load()}
	for _, suffix := range fileSuffixes() {
		if info, err := os.Stat(s.path + suffix); err == nil {
			st.Bytes += info.Size()
		}
	}
	return st
}

// fileSuffixes are what the names of a database's files end in.
func fileSuffixes() []string { return []string{"", "-wal", "-shm"} }

// Moved tells whether the path leads to another file than the one that is open,
// or to none.
func (s *Store) Moved() bool {
	info, err := os.Stat(s.path)
	return errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(info, s.file)
}

// Close ends all use of the file. Nothing is lost without it.
func (s *Store) Close() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	var all []error
	for _, st := range s.stmts {
		all = append(all, st.Close())
	}
	s.stmts = nil
	if s.readers != nil {
		all = append(all, s.readers.Close())
	}
	if s.conn != nil {
		all = append(all, s.conn.Close())
	}
	if s.db != nil {
		all = append(all, s.db.Close())
	}
	return errors.Join(all...)
}
