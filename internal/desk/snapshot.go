package desk

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cespare/xxhash/v2"
)

// A snapshot is a stream of records, one a row, each
//
//	table(uvarint) length(uvarint) row(CBOR)
//
// behind an eight-byte magic and before an end record that counts them. The
// order of rows depends on what changed while the snapshot was taken, so their
// order says nothing; the hash of the snapshot is the sum of the rows' hashes.

const snapshotMagic = "ekdesk01"

const (
	tableEnd   = 0
	tableCell  = 1
	firstTable = 2
	chunkTable = firstTable + 10
)

// maxRowBytes bounds a row in a snapshot: a chunk full of the longest messages
// is the largest.
const maxRowBytes = 16 << 20

var errTwice = errors.New("the same row twice")

// Frozen is a snapshot of the desk at one index that is being taken while the
// desk goes on. Rows are written as they were at that index: by touch before
// they change, or by Slice.
type Frozen struct {
	desk  *Desk
	gen   uint64
	buf   []byte
	err   error
	late  []chunkRow // as they were, to be written
	table int        // of desk.tables(), being walked
	at    int        // rows of it below this place are still to be written
	count uint64
	sum   uint64
	done  bool
}

// Freeze starts a snapshot of the desk as it is now. There is one at a time:
// an earlier one that is not done is abandoned.
func (d *Desk) Freeze() *Frozen {
	if d.frozen != nil {
		d.frozen.Abandon()
	}
	f := &Frozen{desk: d, gen: d.gen + 1, table: -1}
	d.gen, d.frozen = f.gen, f
	f.buf = append(f.buf, snapshotMagic...)
	f.write(tableCell, &d.cell)
	return f
}

// Abandon ends a snapshot that is not wanted any more.
func (f *Frozen) Abandon() {
	if f.desk.frozen == f {
		f.desk.frozen = nil
	}
	f.buf, f.late, f.done = nil, nil, true
}

// write appends a row to the stream. touch calls it on a nil Frozen when no
// snapshot is being taken.
func (f *Frozen) write(table uint64, row any) {
	if f == nil || f.done {
		return
	}
	b, err := encMode.Marshal(row)
	if err != nil {
		f.err = fmt.Errorf("snapshot: row of table %d: %w", table, err)
		return
	}
	f.buf = binary.AppendUvarint(f.buf, table)
	f.buf = binary.AppendUvarint(f.buf, uint64(len(b)))
	f.buf = append(f.buf, b...)
	f.count++
	f.sum += rowHash(table, b)
}

// touchChunk announces that records will be appended to a chunk, or that it
// goes. What it holds does not change, so noting how far it went is enough, and
// an entry that touches a thousand chats does not wait for their histories to
// be written.
func (d *Desk) touchChunk(c *chunkRow) {
	if c.gen == d.gen {
		return
	}
	if f := d.frozen; f != nil {
		n := len(c.Records)
		f.late = append(f.late, chunkRow{Channel: c.Channel, Base: c.Base, Before: c.Before, Records: c.Records[:n:n]})
	}
	c.gen = d.gen
}

func rowHash(table uint64, row []byte) uint64 {
	return xxhash.Sum64(row)*0x9e3779b97f4a7c15 + table
}

// Slice returns the next part of the stream, about limit bytes long or longer if
// much has changed since the last call, and whether it was the last part. The
// part is the caller's. It is called between entries, on the goroutine of
// Apply.
func (f *Frozen) Slice(limit int) (part []byte, done bool, err error) {
	if f.done {
		return nil, true, f.err
	}
	tables := f.desk.tables()
	for len(f.buf) < limit && (f.table < len(tables) || len(f.late) > 0) {
		if n := len(f.late); n > 0 {
			f.write(chunkTable, &f.late[n-1])
			f.late[n-1] = chunkRow{}
			f.late = f.late[:n-1]
			continue
		}
		if f.at == 0 {
			if f.table++; f.table < len(tables) {
				f.at = tables[f.table].rows()
			}
			continue
		}
		t := tables[f.table]
		f.at = min(f.at, t.rows()) - 1
		if f.at >= 0 {
			t.encodeRow(f, f.at)
		} else {
			f.at = 0
		}
	}
	if f.table == len(tables) && len(f.late) == 0 {
		f.finish()
	}
	part, f.buf = f.buf, nil
	return part, f.done, f.err
}

func (f *Frozen) finish() {
	f.buf = binary.AppendUvarint(f.buf, tableEnd)
	f.buf = binary.AppendUvarint(f.buf, f.count)
	f.buf = binary.LittleEndian.AppendUint64(f.buf, f.sum)
	f.done = true
	f.desk.frozen = nil
}

// Hash returns the hash of the rows, once Slice has returned the last part. It
// is equal on all replicas that froze at the same index.
func (f *Frozen) Hash() uint64 { return f.sum }

// Snapshot takes a whole snapshot at once: for tests, backups of a desk that
// stands still, and tools.
func (d *Desk) Snapshot() ([]byte, uint64, error) {
	f := d.Freeze()
	var out []byte
	for {
		part, done, err := f.Slice(1 << 20)
		if err != nil {
			return nil, 0, err
		}
		out = append(out, part...)
		if done {
			return out, f.Hash(), nil
		}
	}
}

// StateHash returns a hash of all rows, as the hash of a snapshot is, but for what
// each command leaves even if it is refused: the index and the time of its entry,
// the running hash of what entries came to, and the number that it had in its
// session. It only reads.
func (d *Desk) StateHash() (uint64, error) {
	cell := d.cell
	cell.Index, cell.Now, cell.Hash = 0, 0, 0
	sum := uint64(0)
	add := func(table uint64, row any) error {
		b, err := encMode.Marshal(row)
		if err != nil {
			return fmt.Errorf("hash a row of table %d: %w", table, err)
		}
		sum += rowHash(table, b)
		return nil
	}
	if err := add(tableCell, &cell); err != nil {
		return 0, err
	}
	for id, t := range d.tables() {
		for i := range t.rows() {
			row := t.row(i)
			if s, ok := row.(*sessionRow); ok {
				row = &sessionRow{ID: s.ID, Principal: s.Principal, Token: s.Token}
			}
			if err := add(uint64(id+firstTable), row); err != nil {
				return 0, err
			}
		}
	}
	return sum, nil
}

// Restore makes a desk from a snapshot.
func Restore(r io.Reader) (*Desk, error) {
	d := New()
	br := bufio.NewReaderSize(r, 64<<10)
	magic := make([]byte, len(snapshotMagic))
	if _, err := io.ReadFull(br, magic); err != nil || string(magic) != snapshotMagic {
		return nil, errors.New("restore: this is not a snapshot of a desk")
	}
	var count, sum uint64
	var row []byte
	for {
		table, err := binary.ReadUvarint(br)
		if err != nil {
			return nil, fmt.Errorf("restore: the snapshot ends early: %w", err)
		}
		if table == tableEnd {
			break
		}
		if row, err = readRow(br, row); err != nil {
			return nil, fmt.Errorf("restore: row %d: %w", count, err)
		}
		if err := d.restoreRow(table, row); err != nil {
			return nil, fmt.Errorf("restore: row %d of table %d: %w", count, table, err)
		}
		count++
		sum += rowHash(table, row)
	}
	if err := checkEnd(br, count, sum); err != nil {
		return nil, err
	}
	if d.cell.Level > FeatureLevel {
		return nil, fmt.Errorf("restore: the snapshot is of feature level %d, this program knows %d: use a newer one", d.cell.Level, FeatureLevel)
	}
	if err := d.relink(); err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	return d, nil
}

func readRow(br *bufio.Reader, row []byte) ([]byte, error) {
	n, err := binary.ReadUvarint(br)
	if err != nil || n > maxRowBytes {
		return nil, errors.New("its length is damaged")
	}
	row = row[:0]
	for rest := int(n); rest > 0; {
		// Grow as data comes, so that a false length costs no memory.
		step := min(rest, 64<<10)
		start := len(row)
		row = append(row, make([]byte, step)...)
		if _, err := io.ReadFull(br, row[start:]); err != nil {
			return nil, fmt.Errorf("it ends early: %w", err)
		}
		rest -= step
	}
	return row, nil
}

func checkEnd(br *bufio.Reader, count, sum uint64) error {
	n, err := binary.ReadUvarint(br)
	var b [8]byte
	if err == nil {
		_, err = io.ReadFull(br, b[:])
	}
	if err != nil || n != count || binary.LittleEndian.Uint64(b[:]) != sum {
		return errors.New("restore: the snapshot's end does not fit its rows")
	}
	return nil
}

func (d *Desk) restoreRow(table uint64, row []byte) error {
	if table == tableCell {
		return decMode.Unmarshal(row, &d.cell)
	}
	tables := d.tables()
	if table-firstTable >= uint64(len(tables)) {
		return errors.New("the table is unknown: this program is older than the snapshot")
	}
	return tables[table-firstTable].decodeRow(row)
}
