package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"github.com/evenkeel/evenkeel/internal/archive"
	"github.com/evenkeel/evenkeel/internal/backup"
	"github.com/evenkeel/evenkeel/internal/desk"
	"github.com/evenkeel/evenkeel/internal/journal"
	"github.com/evenkeel/evenkeel/internal/replica"
)

// Restored is what a restore has made.
type Restored struct {
	backup.Header
	Fresh string // the new generation
	Chats int64  // live ones
}

// Restore makes a data directory of a backup: a cell of one node that goes on
// from the backup's last entry, in a new generation. Everything is checked before
// anything is written; what is written lies beside the directory under another
// name until it is whole. After an error nothing is left.
func Restore(ctx context.Context, from io.ReadSeeker, passphrase, dir string, random io.Reader) (*Restored, error) {
	if err := mustBeEmpty(dir); err != nil {
		return nil, err
	}
	d, header, key, err := verifyBackup(from, passphrase)
	if err != nil {
		return nil, err
	}
	i, err := newIdentity(random)
	if err != nil {
		return nil, err
	}
	i.Cell = header.Cell
	if err := d.Refound(desk.Refounding{Generation: i.Generation, Node: firstNode}); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(filepath.Clean(dir)), 0o700); err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	work, err := os.MkdirTemp(filepath.Dir(filepath.Clean(dir)), ".evenkeel-restore-")
	if err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	r := restoring{ctx: ctx, work: work, header: header, identity: i, desk: d, from: from, passphrase: passphrase}
	if err = r.write(key); err == nil {
		err = moveInto(work, dir)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("restore into %s: %w", dir, err), os.RemoveAll(work))
	}
	return &Restored{Header: header, Fresh: i.Generation, Chats: d.Status().Chats}, nil
}

// verifyBackup reads a backup whole, the desk into memory.
func verifyBackup(from io.Reader, passphrase string) (d *desk.Desk, h backup.Header, key []byte, err error) {
	b, err := backup.NewReader(from, passphrase)
	if err != nil {
		return nil, h, nil, err
	}
	d, deskErr := desk.Restore(b.Desk())
	// What was not read of the desk is read now, so that the file's own fault is
	// told rather than what the desk made of it.
	_, err = io.Copy(io.Discard, b.Desk())
	if err == nil {
		_, err = io.Copy(io.Discard, b.Archive())
	}
	if err == nil {
		err = b.End()
	}
	h = b.Header()
	switch {
	case err != nil:
		return nil, h, nil, err
	case deskErr != nil:
		return nil, h, nil, deskErr
	case d.Status().CellID != h.Cell || d.Index() > h.Index: // not every entry is one of the desk's
		return nil, h, nil, fmt.Errorf("%w: its state is not the one that its head tells of", backup.ErrDamaged)
	}
	return d, h, b.CellKey(), nil
}

func mustBeEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("restore: %w", err)
	case len(entries) > 0:
		return errNotEmpty(dir)
	}
	return nil
}

// moveInto gives a finished directory its name. An empty one of that name makes
// room.
func moveInto(work, dir string) error {
	if err := removeFile(filepath.Clean(dir)); err != nil {
		return err
	}
	return os.Rename(work, dir)
}

// restoring is a restore that has been checked.
type restoring struct {
	ctx        context.Context
	work       string
	header     backup.Header
	identity   identity
	desk       *desk.Desk
	from       io.ReadSeeker
	passphrase string
}

func (r *restoring) write(key []byte) error {
	if err := writeDurably(filepath.Join(r.work, cellKeyFile), key); err != nil {
		return fmt.Errorf("write the cell key: %w", err)
	}
	disk, err := journal.OpenDir(filepath.Join(r.work, journalDir))
	if err != nil {
		return err
	}
	cfg := replica.Config{FS: disk, NodeID: firstNode, Meta: r.identity.encode()}
	if err := replica.Found(cfg, r.header.Index, r.header.Term, r.desk.WriteSnapshot); err != nil {
		return err
	}
	if !r.header.Archive {
		return nil
	}
	return r.writeArchive()
}

// writeArchive reads the backup a second time, for the archive, and checks that
// it and the desk belong together.
func (r *restoring) writeArchive() error {
	if _, err := r.from.Seek(0, io.SeekStart); err != nil {
		return err
	}
	b, err := backup.NewReader(r.from, r.passphrase)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, b.Desk()); err != nil {
		return err
	}
	path := filepath.Join(r.work, archiveDir, archiveFile)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, b.Archive())
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := b.End(); err != nil { // the file may have changed since it was checked
		return err
	}
	if err := archive.Adopt(r.ctx, path, r.identity.Cell, r.identity.Generation, math.MaxInt64); err != nil {
		return err
	}
	s, err := archive.Open(r.ctx, path, archive.Options{Cell: r.identity.Cell, Generation: r.identity.Generation})
	if err != nil {
		return err
	}
	cursor := s.Cursor()
	if dropped, last := r.desk.ArchiveSpan(); cursor < dropped || cursor > last {
		err = fmt.Errorf("the archive is at operation %d, and the desk needs one from %d to %d", cursor, dropped, last)
	}
	return errors.Join(err, s.Close())
}
