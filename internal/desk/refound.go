package desk

import (
	"errors"
	"io"
)

// Refound makes the desk one of another generation of its cell, as a restore from
// a backup does before anything is applied: whoever follows a channel from a
// position of the old generation is told that its history is gone.
func (d *Desk) Refound(generation string) error {
	if generation == "" || generation == d.cell.Generation {
		return errors.New("refound: a new generation needs a name of its own")
	}
	d.cell.Generation = generation
	d.standAlone()
	return nil
}

// WriteSnapshot writes a whole snapshot and returns its hash: of a desk that
// stands still.
func (d *Desk) WriteSnapshot(w io.Writer) (hash uint64, err error) {
	f := d.Freeze()
	for {
		part, done, err := f.Slice(256 << 10)
		if err == nil {
			_, err = w.Write(part)
		}
		if err != nil {
			f.Abandon()
			return 0, err
		}
		if done {
			return f.Hash(), nil
		}
	}
}

// ArchiveSpan returns what a copy of the archive must have to belong to this
// state: at least all that has left the desk, and nothing that it does not know.
func (d *Desk) ArchiveSpan() (dropped, last uint64) { return d.cell.ArchiveDropped, d.cell.ArchiveSeq }
