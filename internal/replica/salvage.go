//evenkeel:shell

package replica

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/evenkeel/evenkeel/internal/desk"
	"github.com/evenkeel/evenkeel/internal/journal"
)

// Salvaged is all that a replica's directory holds, whether the others ever had it
// or not.
type Salvaged struct {
	ID          uint64
	Meta        []byte
	Desk        *desk.Desk
	Index, Term uint64         // of the last entry
	Committed   uint64         // up to here it is known that a majority had it
	Doubt       *journal.Doubt // a last write that cannot be read; nil: none

	disk    *journal.Journal
	machine Machine
}

// Salvage reads a directory and keeps it from being used until Close. It applies
// every entry that is there: what was acknowledged is among them, as far as this
// replica had it, and may be any of them. Nothing is changed but what every start
// changes.
func Salvage(cfg Config) (s *Salvaged, err error) {
	if cfg.machines.New == nil {
		cfg.machines = Desks()
	}
	cfg.machines.Stack = func() string { return string(debug.Stack()) }
	disk, found, err := journal.Open(cfg.FS, journal.Options{SegmentSize: cfg.SegmentSize})
	if err != nil {
		return nil, fmt.Errorf("read the replica: %w", err)
	}
	s = &Salvaged{Committed: found.HardState.GetCommit(), Doubt: found.Doubt, disk: disk}
	if err := s.read(cfg.machines, found); err != nil {
		return nil, errors.Join(fmt.Errorf("read the replica: %w", err), disk.Close())
	}
	return s, nil
}

// Close lets the directory go.
func (s *Salvaged) Close() error { return s.disk.Close() }

func (s *Salvaged) read(machines Machines, found *journal.Recovered) error {
	if len(found.Meta) < 8 {
		return errors.New("the journal does not say which node it belongs to")
	}
	s.ID, s.Meta = binary.BigEndian.Uint64(found.Meta), found.Meta[8:]
	skips := make([]Skip, 0, len(found.Skips))
	for _, skip := range found.Skips {
		skips = append(skips, Skip{Index: skip.Index, Step: int(skip.Ordinal)})
	}
	if found.Snapshot != nil {
		s.Index, s.Term = found.Snapshot.Index, found.Snapshot.Term
	}
	var applier *Applier
	err := s.withSnapshot(found, func(base uint64, r io.Reader) (err error) {
		applier, err = NewApplier(machines, base, r, skips)
		return err
	})
	for i := 0; i < len(found.Entries) && err == nil; i++ {
		e := found.Entries[i]
		s.Index, s.Term = e.GetIndex(), e.GetTerm()
		var fault *Fault
		for _, fault, err = applier.Apply(e); fault != nil && err == nil; _, fault, err = applier.Apply(e) {
			err = s.withSnapshot(found, func(_ uint64, r io.Reader) error { return applier.Rebuild(r, fault) })
			if err != nil {
				break
			}
		}
	}
	if err == nil {
		s.machine = applier.Machine()
		s.Desk = DeskOf(s.machine)
	}
	return err
}

// withSnapshot reads the snapshot, if there is one.
func (s *Salvaged) withSnapshot(found *journal.Recovered, do func(base uint64, r io.Reader) error) error {
	if found.Snapshot == nil {
		return do(0, nil)
	}
	r, err := s.disk.OpenSnapshot(found.Snapshot.Index)
	if err != nil {
		return fmt.Errorf("open the snapshot of %d: %w", found.Snapshot.Index, err)
	}
	return errors.Join(do(found.Snapshot.Index, r), r.Close())
}
