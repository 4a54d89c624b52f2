package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/archive"
	"github.com/evenkeel/evenkeel/internal/desk"
	"github.com/evenkeel/evenkeel/internal/journal"
	"github.com/evenkeel/evenkeel/internal/replica"
	"github.com/evenkeel/evenkeel/internal/transport"
)

// newJournalDir is the journal of a new generation until it takes the place of the
// old one.
const newJournalDir = "journal.new"

// Survivor is a node's data, which a new generation of its cell is to be made of.
// While it is open no process can use it.
type Survivor struct {
	Cell       string
	Generation string // the old one
	Node       string
	Index      uint64          // of the last entry that this node has
	Committed  uint64          // what comes after it may never have been acknowledged
	Torn       bool            // and a last write cannot be read
	Others     []evenkeel.Node // that the cell goes on without
	Chats      int64           // live ones

	dir      string
	identity identity
	key      []byte
	salvaged *replica.Salvaged
}

// OpenSurvivor reads a data directory that is not in use.
func OpenSurvivor(dir string) (*Survivor, error) {
	if err := finishRecovery(dir); err != nil {
		return nil, err
	}
	if entries, err := os.ReadDir(filepath.Join(dir, journalDir)); errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil, fmt.Errorf("there is no node's data in %s: --data names the directory of the node that is left", dir)
	}
	disk, err := journal.OpenDir(filepath.Join(dir, journalDir))
	if err != nil {
		return nil, dataError(dir, err)
	}
	salvaged, err := replica.Salvage(replica.Config{FS: disk})
	if err != nil {
		return nil, dataError(dir, err)
	}
	s := &Survivor{dir: dir, salvaged: salvaged}
	if err := s.read(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Survivor) read() (err error) {
	if s.identity, err = decodeIdentity(s.salvaged.Meta); err != nil {
		return err
	}
	d := s.salvaged.Desk
	if !d.Formed() {
		return fmt.Errorf("the node %s has nothing of its cell yet: no cell can be made of it", s.identity.Node)
	}
	if s.key, err = loadCellKey(s.dir, false, nil); err != nil {
		return err
	}
	s.Cell, s.Generation, s.Node = s.identity.Cell, s.identity.Generation, s.identity.Node
	s.Index, s.Committed, s.Torn = s.salvaged.Index, s.salvaged.Committed, s.salvaged.Doubt != nil
	s.Chats = d.Status().Chats
	for _, n := range d.Nodes() {
		if n.Number != s.salvaged.ID {
			s.Others = append(s.Others, n)
		}
	}
	return nil
}

// Close lets the directory go.
func (s *Survivor) Close() error { return s.salvaged.Close() }

// Recovered is what a recovery has made.
type Recovered struct {
	Generation string // the new one
	Aside      string // where the old journal is
}

// Recover makes a cell of this node alone out of all that it has: a new generation
// with an authority of its own, so that no node of the old one can take part in it.
// The old journal is kept. It closes the survivor. After an error the node is as it
// was; one that was cut off is finished by the next start, or made again.
func (s *Survivor) Recover(ctx context.Context, random io.Reader) (*Recovered, error) {
	made, err := s.recover(ctx, random)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("recover %s: %w", s.dir, err), s.Close())
	}
	// The directory is in use until it is moved, or else another process could begin
	// in between; Windows moves nothing that is open.
	if err := s.Close(); err != nil {
		return nil, err
	}
	if err := os.Rename(filepath.Join(s.dir, journalDir), filepath.Join(s.dir, made.Aside)); err != nil {
		return nil, fmt.Errorf("recover %s: %w", s.dir, err)
	}
	return made, finishRecovery(s.dir)
}

func (s *Survivor) recover(ctx context.Context, random io.Reader) (*Recovered, error) {
	fresh, err := newIdentity(random)
	if err != nil {
		return nil, err
	}
	next := identity{Cell: s.Cell, Generation: fresh.Generation, Node: s.Node}
	founding := desk.Refounding{Generation: next.Generation, Node: s.salvaged.ID}
	if founding.Authority, founding.AuthorityKey, err = newAuthority(random, s.Cell, s.key, s.salvaged.Desk.Wall().Std()); err != nil {
		return nil, err
	}
	d := s.salvaged.Desk
	if err := d.Refound(founding); err != nil {
		return nil, err
	}
	path := filepath.Join(s.dir, newJournalDir)
	if err := os.RemoveAll(path); err != nil { // an earlier one that was cut off
		return nil, err
	}
	disk, err := journal.OpenDir(path)
	if err != nil {
		return nil, err
	}
	cfg := replica.Config{FS: disk, NodeID: s.salvaged.ID, Meta: next.encode()}
	if err := replica.Found(cfg, s.salvaged.Index, s.salvaged.Term, d.WriteSnapshot); err != nil {
		return nil, errors.Join(err, os.RemoveAll(path))
	}
	if err := s.adoptArchive(ctx, next.Generation); err != nil {
		return nil, errors.Join(err, os.RemoveAll(path))
	}
	return &Recovered{Generation: next.Generation, Aside: journalDir + ".before-" + next.Generation}, nil
}

// newAuthority makes an authority, and seals its key. now is the cell's time, by
// which certificates are judged.
func newAuthority(random io.Reader, cell string, cellKey []byte, now time.Time) (certificate, sealed []byte, err error) {
	authority, err := transport.NewAuthority(random, cell, now)
	if err != nil {
		return nil, nil, err
	}
	keys, err := newSealer(cellKey, random)
	if err != nil {
		return nil, nil, err
	}
	sealed, err = keys.seal(purposeAuthority, authority.Key())
	return authority.Certificate(), sealed, err
}

// adoptArchive makes the node's copy of the archive one of the new generation. A copy
// that is damaged stays as it is: the node finds out, and says so.
func (s *Survivor) adoptArchive(ctx context.Context, generation string) error {
	path := filepath.Join(s.dir, archiveDir, archiveFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	_, last := s.salvaged.Desk.ArchiveSpan()
	err := archive.Adopt(ctx, path, s.Cell, generation, last)
	if errors.Is(err, archive.ErrDamaged) {
		return nil
	}
	return err
}

// finishRecovery gives a new generation's journal its name, if a recovery has moved
// the old one away and could do no more.
func finishRecovery(dir string) error {
	journal, next := filepath.Join(dir, journalDir), filepath.Join(dir, newJournalDir)
	if _, err := os.Lstat(journal); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := os.Rename(next, journal); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return dataError(dir, err)
	}
	return nil
}
