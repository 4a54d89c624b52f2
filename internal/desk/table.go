package desk

// rowMeta is what a table keeps in each of its rows.
type rowMeta struct {
	// gen is the generation in which the row was created, or last written to a
	// snapshot. A row of an older generation than the table's belongs to the
	// snapshot being taken and is written before it changes.
	gen uint64
	pos int // in the table's list
}

func (m *rowMeta) meta() *rowMeta { return m }

type rowPtr[K comparable, R any] interface {
	*R
	meta() *rowMeta
	key() K
}

// table is a set of rows that a snapshot can walk while they change. Every
// change of a row's replicated fields is announced by touch, before it is made.
type table[K comparable, R any, P rowPtr[K, R]] struct {
	id   uint64 // in the snapshot stream; append-only
	byID lookup[K, P]
	list []P // dense, in no particular order: nothing may depend on it
	desk *Desk
}

func (t *table[K, R, P]) init(d *Desk, id uint64) {
	t.id, t.desk, t.byID = id, d, newLookup[K, P]()
}

func (t *table[K, R, P]) get(k K) P { return t.byID.get(k) }

func (t *table[K, R, P]) len() int { return len(t.list) }

// add inserts a new row. Its key must be free.
func (t *table[K, R, P]) add(r P) {
	m := r.meta()
	m.gen, m.pos = t.desk.gen, len(t.list)
	t.list = append(t.list, r)
	t.byID.set(r.key(), r)
}

// touch announces a change of the row.
func (t *table[K, R, P]) touch(r P) {
	if m := r.meta(); m.gen != t.desk.gen {
		t.desk.frozen.write(t.id, r)
		m.gen = t.desk.gen
	}
}

// remove deletes the row.
func (t *table[K, R, P]) remove(r P) {
	t.touch(r)
	last := len(t.list) - 1
	pos := r.meta().pos
	moved := t.list[last]
	t.list[pos] = moved
	moved.meta().pos = pos
	t.list[last] = nil
	t.list = shrunk(t.list[:last])
	t.byID.remove(r.key())
}

// walker lets the snapshot go through a table from its end, a few rows at a
// time, while rows are added behind it and swapped on removal: a row that it
// missed because of a swap was written by touch, one that it meets twice has
// the current generation.
type walker interface {
	rows() int
	row(i int) any
	encodeRow(f *Frozen, i int)
	decodeRow(b []byte) error
}

func (t *table[K, R, P]) rows() int { return len(t.list) }

func (t *table[K, R, P]) row(i int) any { return t.list[i] }

func (t *table[K, R, P]) encodeRow(f *Frozen, i int) {
	r := t.list[i]
	if m := r.meta(); m.gen != f.gen {
		f.write(t.id, r)
		m.gen = f.gen
	}
}

// decodeRow reads a row of a snapshot back.
func (t *table[K, R, P]) decodeRow(b []byte) error {
	r := P(new(R))
	if err := decMode.Unmarshal(b, r); err != nil {
		return err
	}
	if t.byID.get(r.key()) != nil {
		return errTwice
	}
	t.add(r)
	return nil
}
