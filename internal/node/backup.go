package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/backup"
	"github.com/evenkeel/evenkeel/internal/desk"
	"github.com/evenkeel/evenkeel/internal/journal"
)

// archiveCopyFile is the copy of the archive that a backup reads. It is gone
// when the backup is there.
const archiveCopyFile = "backup.tmp"

// How long a backup waits for the leader to say what has been acknowledged, and how
// often it begins anew if the archive goes on too fast.
const (
	backupFresh = 4 * time.Second
	backupTries = 3
)

// Backup prepares a backup of all that was acknowledged before the call, anywhere
// in the cell, and returns what writes it. Chats go on meanwhile. There is one at a
// time. A node that has no sound copy of the archive has another one make it.
func (n *Node) Backup(ctx context.Context, passphrase string) (write func(context.Context, io.Writer) error, err error) {
	if len(passphrase) < backup.MinPassphrase {
		return nil, evenkeel.FieldErrorf("passphrase", "the passphrase must have at least %d bytes: it is all that keeps the cell's secrets in a backup", backup.MinPassphrase)
	}
	if n.backingUp.Load() {
		return nil, errBackingUp()
	}
	key, err := backup.Wrap(n.cellKey, passphrase, n.host.Random)
	if err != nil {
		return nil, err
	}
	fresh, cancel := context.WithTimeout(ctx, backupFresh)
	defer cancel()
	if err := n.replica.Fresh(fresh); err != nil {
		return nil, evenkeel.Errorf(evenkeel.CodeNoLeader, "a backup has all that was acknowledged, and without a leader nobody knows what that is: try again when the cell has one")
	}
	return func(ctx context.Context, w io.Writer) error {
		if !n.backingUp.CompareAndSwap(false, true) {
			return n.failBackup(w, key, errBackingUp())
		}
		defer n.backingUp.Store(false)
		return n.writeBackup(ctx, w, key)
	}, nil
}

func errBackingUp() error {
	return evenkeel.Errorf(evenkeel.CodeConflict, "a backup is being made already: wait until it is done")
}

func (n *Node) writeBackup(ctx context.Context, w io.Writer, key *backup.Key) error {
	if !n.ownCopyGood() && (copiesOf{n}).Exist() {
		return n.relayBackup(ctx, w, key)
	}
	return n.writeOwnBackup(ctx, w, key)
}

// ownCopyGood tells whether this node's copy of the archive has all that has left the
// desk.
func (n *Node) ownCopyGood() bool {
	dropped, _ := n.archiveSpan()
	_, good := pastOf{n}.own(dropped)
	return good
}

// relayBackup has a node make the backup that has a copy of the archive.
func (n *Node) relayBackup(ctx context.Context, w io.Writer, key *backup.Key) error {
	body, err := copiesOf{n}.fetch(ctx, 0, fetchRequest{What: fetchBackup, Key: key, Index: n.replica.Status().Applied})
	if err != nil {
		return n.failBackup(w, key, fmt.Errorf("this node's copy of the archive is not whole, and no other makes a backup: %w", err))
	}
	_, err = io.Copy(w, body) // what is cut off does not pass for a whole backup
	return errors.Join(err, body.Close())
}

// giveBackup makes a backup for another node, which has wrapped the key.
func (c *cluster) giveBackup(ctx context.Context, r *fetchRequest, w io.Writer) error {
	n := c.node
	if r.Key == nil {
		return errors.New("a backup needs a key")
	}
	if !n.ownCopyGood() {
		return errors.New("this node's copy of the archive is not whole")
	}
	fresh, cancel := context.WithTimeout(ctx, backupFresh)
	defer cancel()
	if err := n.replica.WaitApplied(fresh, r.Index); err != nil {
		return fmt.Errorf("this node is behind: %w", err)
	}
	if !n.backingUp.CompareAndSwap(false, true) {
		return sentence(errBackingUp())
	}
	defer n.backingUp.Store(false)
	return n.writeOwnBackup(ctx, w, r.Key)
}

func (n *Node) writeOwnBackup(ctx context.Context, w io.Writer, key *backup.Key) error {
	began := time.Now()
	snapshot, copied, err := n.takeState(ctx)
	if err != nil {
		return n.failBackup(w, key, err)
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

// takeState opens a snapshot of the desk and a copy of the archive that belong
// together: the copy has all that had left the desk, and nothing that the snapshot
// does not know of. For that the archive takes nothing newer while it is made.
func (n *Node) takeState(ctx context.Context) (*journal.SnapshotReader, *os.File, error) {
	defer func() {
		n.archiveUntil.Store(math.MaxUint64)
		n.wakeArchive()
	}()
	for range backupTries {
		_, last := n.archiveSpan()
		n.archiveUntil.Store(last)
		snapshot, err := n.replica.Snapshot(ctx)
		if err != nil || n.archive == nil {
			return snapshot, nil, err
		}
		dropped, _ := n.archiveSpan() // by now: no less than when the snapshot was made
		if dropped <= last && n.reach(ctx, dropped) == nil {
			copied, err := n.copyArchive(ctx)
			if err != nil {
				return nil, nil, errors.Join(err, snapshot.Close())
			}
			return snapshot, copied, nil
		}
		if err := snapshot.Close(); err != nil {
			return nil, nil, err
		}
	}
	return nil, nil, unavailable("this node's copy of the archive does not keep up with the others: try again, or ask another node")
}

func (n *Node) archiveSpan() (dropped, last uint64) {
	n.replica.View(func(d *desk.Desk) { dropped, last = d.ArchiveSpan() })
	return dropped, last
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
