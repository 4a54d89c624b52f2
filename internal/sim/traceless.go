package sim

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/fxamacker/cbor/v2"

	"github.com/evenkeel/evenkeel/internal/desk"
)

// The tables of a snapshot that a refused command may change: the numbers of
// sessions' commands are used up by a refusal.
const (
	tableCell     = 1
	tableSessions = 9
)

// Fields of the row about the cell that differ by nature.
const cellHash = 9

// traceless applies the refused commands of an entry alone to a copy of the desk,
// and to another copy an entry of the same time that has none: the two must come
// to the same state.
func (w *World) traceless(d *desk.Desk, index uint64, r *record) {
	header, commands, err := desk.ParseEntry(r.entry)
	w.check(err == nil, "an entry can be read", "%v", err)
	with, without := w.copy(d), w.copy(d)
	var refused [][]byte
	for _, i := range r.refused {
		refused = append(refused, commands[i])
	}
	out, err := with.Apply(index, desk.AppendEntry(nil, header, refused), nil)
	w.check(err == nil, "what is in the log can be applied", "%v", err)
	for i := range out.Results {
		if out.Results[i].Err == nil {
			return // another command of the entry was the reason
		}
	}
	_, err = without.Apply(index, desk.AppendEntry(nil, header, nil), nil)
	w.check(err == nil, "what is in the log can be applied", "%v", err)
	a, b := w.rows(with), w.rows(without)
	w.stats.add("refusals compared", 1)
	w.check(slices.Equal(a, b), "what was refused left no trace", "entry %d: %s", index, difference(a, b))
}

// rows are those of a desk's snapshot in their encoded form, sorted.
func (w *World) rows(d *desk.Desk) []string {
	stream, _, err := d.Snapshot()
	w.check(err == nil, "a snapshot can be taken", "%v", err)
	r := bytes.NewReader(stream[8:])
	var out []string
	for {
		table, err := binary.ReadUvarint(r)
		w.check(err == nil, "a snapshot can be read back", "%v", err)
		if table == 0 {
			break
		}
		n, err := binary.ReadUvarint(r)
		w.check(err == nil && n <= uint64(r.Len()), "a snapshot can be read back", "%v", err)
		row := make([]byte, n)
		_, _ = r.Read(row) // it has that many
		switch table {
		case tableSessions:
			continue
		case tableCell:
			row = w.withoutHash(row)
		}
		out = append(out, fmt.Sprintf("%d %x", table, row))
	}
	slices.Sort(out)
	return out
}

func (w *World) withoutHash(row []byte) []byte {
	var fields map[int]any
	err := cbor.Unmarshal(row, &fields)
	w.check(err == nil, "a snapshot can be read back", "%v", err)
	delete(fields, cellHash)
	mode, err := cbor.CoreDetEncOptions().EncMode()
	w.check(err == nil, "a snapshot can be read back", "%v", err)
	row, err = mode.Marshal(fields)
	w.check(err == nil, "a snapshot can be read back", "%v", err)
	return row
}

// difference names the first rows that are not in both.
func difference(a, b []string) string {
	for _, row := range a {
		if !slices.Contains(b, row) {
			return "new or changed: table " + cutTo(row, 200)
		}
	}
	for _, row := range b {
		if !slices.Contains(a, row) {
			return "missing: table " + cutTo(row, 200)
		}
	}
	return "none"
}
