package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/backup"
	"github.com/evenkeel/evenkeel/internal/desk"
)

// archiveCopyFile is the copy of the archive that a backup reads. It is gone
// when the backup is there.
const archiveCopyFile = "backup.tmp"

// Backup prepares a backup of all that was acknowledged before the call, and
// returns what writes it. Chats go on meanwhile. There is one at a time.
//
// The desk's snapshot is made while the archive takes nothing new, and the
// archive is copied before it does: so the copy has all that had left the desk,
// and nothing that the desk did not know of.
func (n *Node) Backup(_ context.Context, passphrase string) (write func(context.Context, io.Writer) error, err error) {
	if len(passphrase) < backup.MinPassphrase {
		return nil, evenkeel.FieldErrorf("passphrase", "the passphrase must have at least %d bytes: it is all that keeps the cell's secrets in a backup", backup.MinPassphrase)
	}
	busy := evenkeel.Errorf(evenkeel.CodeConflict, "a backup is being made already: wait until it is done")
	if n.backingUp.Load() {
		return nil, busy
	}
	key, err := backup.Wrap(n.cellKey, passphrase, n.host.Random)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, w io.Writer) error {
		if !n.backingUp.CompareAndSwap(false, true) {
			return n.failBackup(w, key, busy)
		}
		defer n.backingUp.Store(false)
		return n.writeBackup(ctx, w, key)
	}, nil
}

func (n *Node) writeBackup(ctx context.Context, w io.Writer, key *backup.Key) error {
	began := time.Now()
	n.archiveHeld.Store(true)
	release := func() {
		n.archiveHeld.Store(false)
		n.wakeArchive()
	}
	snapshot, err := n.replica.Snapshot(ctx)
	if err != nil {
		release()
		return n.failBackup(w, key, err)
	}
	copied, err := n.copyArchive(ctx)
	release()
	if err != nil {
		return errors.Join(n.failBackup(w, key, err), snapshot.Close())
	}
	meta := snapshot.Meta()
	header := n.backupHeader()
	header.Index, header.Term, header.Archive = meta.Index, meta.Term, copied != nil
	b, err := backup.NewWriter(w, header, key, n.cellKey)
	if err == nil {
		err = b.Desk(snapshot)
	}
	if err == nil && copied != nil {
		err = b.Archive(copied)
	}
	if err == nil {
		err = b.End()
	}
	err = errors.Join(err, snapshot.Close(), n.dropArchiveCopy(copied))
	if err == nil {
		n.log.Info("a backup was made", "index", meta.Index, "took", time.Since(began).Round(time.Millisecond))
	}
	return err
}

func (n *Node) backupHeader() backup.Header {
	var status evenkeel.DeskStatus
	n.replica.View(func(d *desk.Desk) { status = d.Status() })
	return backup.Header{
		Made: time.Now().UTC().Format(time.RFC3339), Program: n.host.Version, Cell: status.CellID, Name: n.name,
		Generation: status.Generation, Level: status.Level,
	}
}

// failBackup says in the stream why there is no backup: its reader has no other
// way to learn of it.
func (n *Node) failBackup(w io.Writer, key *backup.Key, why error) error {
	b, err := backup.NewWriter(w, n.backupHeader(), key, n.cellKey)
	if err == nil {
		err = b.Fail(why.Error())
	}
	return errors.Join(why, err)
}

// copyArchive copies the node's archive into a file, and opens it; nil: there is
// none. A copy that a crash has left is replaced.
func (n *Node) copyArchive(ctx context.Context) (*os.File, error) {
	if n.archive == nil {
		return nil, nil
	}
	path := filepath.Join(n.cfg.Data, archiveDir, archiveCopyFile)
	if err := removeFile(path); err != nil {
		return nil, err
	}
	if err := n.archive.Backup(ctx, path); err != nil {
		return nil, err
	}
	return os.Open(path)
}

func (n *Node) dropArchiveCopy(f *os.File) error {
	if f == nil {
		return nil
	}
	return errors.Join(f.Close(), removeFile(f.Name()))
}

// wakeArchive lets the archive's runner look for work. It does not block.
func (n *Node) wakeArchive() {
	select {
	case n.archiveChanged <- struct{}{}:
	default:
	}
}

// errNotEmpty says where a restore may go to.
func errNotEmpty(dir string) error {
	return fmt.Errorf("%s is not empty, and nothing is overwritten: restore into a directory that is empty or not there", dir)
}
