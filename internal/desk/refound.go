package desk

import (
	"errors"
	"io"
)

// Refounding is what makes a desk that of a new generation of its cell.
type Refounding struct {
	Generation string
	Node       uint64 // the number of the one node that is left
	// Authority is a new authority over the nodes' certificates, with its sealed key;
	// nil: it stays.
	Authority, AuthorityKey []byte
}

// Refound makes the desk one of another generation of its cell, as a restore from
// a backup does before anything is applied, and one node that goes on without the
// others: whoever follows a channel from a position of the old generation is told
// that its history is gone.
func (d *Desk) Refound(r Refounding) error {
	switch {
	case r.Generation == "" || r.Generation == d.cell.Generation:
		return errors.New("refound: a new generation needs a name of its own")
	case r.Node == 0 || r.Node > max(1, d.cell.NodeSeq):
		return errors.New("refound: the node was never one of the cell")
	}
	d.cell.Generation = r.Generation
	if r.Authority != nil {
		d.cell.Authority, d.cell.AuthorityKey = r.Authority, r.AuthorityKey
	}
	d.standAlone(r.Node)
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
