//evenkeel:shell

package archive

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/evenkeel/evenkeel"
)

// Bounds of what one transaction changes or holds in memory. An erase, merge or
// expire that touches more chats is done in several, and the cursor moves with
// the last of them: a crash between them does the rest again, and changes
// nothing twice.
const (
	stepChats = 200
	heldBytes = 8 << 20
)

// Apply does operations in order, in one transaction with the cursor. Those that
// were done before are skipped. If it fails, none was done, except that a large
// erase, merge or expire may have been done in part.
func (s *Store) Apply(ctx context.Context, ops []evenkeel.ArchiveOp) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.stmts == nil {
		return ErrClosed
	}
	for len(ops) > 0 {
		rest, err := s.applySome(ctx, ops)
		if err != nil {
			return fmt.Errorf("apply operations %d to %d: %w", ops[0].Seq, ops[len(ops)-1].Seq, sorted(err))
		}
		ops = rest
	}
	if s.wiped {
		if err := s.truncateLog(ctx); err != nil {
			return fmt.Errorf("empty the write-ahead log after an erasure: %w", sorted(err))
		}
	}
	return nil
}

// applySome commits what one transaction takes and returns what is left.
func (s *Store) applySome(ctx context.Context, ops []evenkeel.ArchiveOp) (rest []evenkeel.ArchiveOp, err error) {
	b := &batch{
		s: s, cursor: s.cursor.Load(), chats: s.chats.Load(), slack: s.slack.Load(), swept: s.swept,
		held: map[chatKey]*held{}, rows: map[int64]bool{},
	}
	err = s.transaction(ctx, func() error {
		for i := range ops {
			done, err := b.apply(ctx, &ops[i])
			if err != nil {
				return fmt.Errorf("%s %d: %w", ops[i].Kind, ops[i].Seq, err)
			}
			if !done {
				rest = ops[i:]
				break
			}
		}
		if err := b.flush(ctx); err != nil {
			return err
		}
		return b.remember(ctx)
	})
	if err != nil {
		return nil, err
	}
	s.cursor.Store(b.cursor)
	s.chats.Store(b.chats)
	s.slack.Store(b.slack)
	s.swept = b.swept
	s.wiped = s.wiped || b.wiped
	s.damaged.Add(b.damaged)
	return rest, nil
}

// truncateLog empties the write-ahead log, which still has pages as they were
// before an erasure. A reader may hold it up: then the next Apply tries again.
func (s *Store) truncateLog(ctx context.Context) error {
	var busy, pages, moved int64
	if err := s.conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &moved); err != nil {
		return err
	}
	s.wiped = busy != 0
	return nil
}

type chatKey struct{ workspace, id string }

// held is a chat that a batch has read or made, and not yet written.
type held struct {
	row   int64
	rec   *evenkeel.ArchiveRecord // nil: there is no such chat
	old   *document               // as it is in the index; nil: it is not
	dirty bool
}

// batch is one transaction. Chats are changed in memory and written once, in the
// order of their rows, which is the order that the index takes fastest.
type batch struct {
	s            *Store
	cursor       uint64
	chats, slack int64
	held         map[chatKey]*held
	rows         map[int64]bool // taken by held chats
	bytes        int            // of the held ones, about
	u            unpacker
	swept        sweepPlace
	wiped        bool  // something was removed that must not stay in the log
	damaged      int64 // chats that could not be read, and so not be changed
}

// apply does one operation, or a step of it: then it is not done.
func (b *batch) apply(ctx context.Context, op *evenkeel.ArchiveOp) (done bool, err error) {
	switch {
	case op.Seq <= b.cursor:
		return true, nil
	case op.Seq != b.cursor+1:
		return false, fmt.Errorf("%w: after %d came %d", ErrGap, b.cursor, op.Seq)
	case !wellFormed(op):
		return false, errors.New("the operation lacks what its kind needs")
	}
	switch op.Kind {
	case evenkeel.ArchivePut:
		if done = true; op.Record != nil {
			err = b.put(ctx, op)
		}
	case evenkeel.ArchiveRate, evenkeel.ArchiveTag, evenkeel.ArchiveNote:
		err, done = b.amend(ctx, op), true
	default:
		done, err = b.sweep(ctx, op)
	}
	if done && err == nil {
		b.cursor = op.Seq
	}
	if err == nil && b.bytes > heldBytes {
		err = b.flush(ctx)
	}
	return done, err
}

func (b *batch) put(ctx context.Context, op *evenkeel.ArchiveOp) error {
	h, err := b.chat(ctx, op.Workspace, op.Chat)
	if errors.Is(err, ErrRow) || err == nil && h.rec != nil && h.rec.Chat.ClosedAt != op.Record.Chat.ClosedAt {
		h, err = b.displace(ctx, op)
	}
	if err != nil {
		return err
	}
	if h.rec == nil {
		if h.row, err = b.rowFor(ctx, op.Record.Chat.ClosedAt); err != nil {
			return err
		}
		b.rows[h.row] = true
		b.chats++
	}
	rec := *op.Record
	chat := *rec.Chat
	rec.Chat = &chat
	b.change(h, &rec)
	return nil
}

// displace takes out a chat that is put again with another time, so that it
// gets the row of that time, or whose bytes are damaged.
func (b *batch) displace(ctx context.Context, op *evenkeel.ArchiveOp) (*held, error) {
	if err := b.flush(ctx); err != nil {
		return nil, err
	}
	h, err := b.chat(ctx, op.Workspace, op.Chat)
	if err != nil && !errors.Is(err, ErrRow) {
		return nil, err
	}
	if err := b.remove(ctx, h.row, h.old); err != nil {
		return nil, err
	}
	h = &held{}
	b.held[chatKey{op.Workspace, op.Chat}] = h
	return h, nil
}

func (b *batch) amend(ctx context.Context, op *evenkeel.ArchiveOp) error {
	h, err := b.chat(ctx, op.Workspace, op.Chat)
	if errors.Is(err, ErrRow) {
		b.damaged++ // one lost chat must not hold up all that comes after
		return nil
	}
	if err != nil || h.rec == nil {
		return err
	}
	amend(h.rec, op)
	b.change(h, h.rec)
	return nil
}

func (b *batch) change(h *held, rec *evenkeel.ArchiveRecord) {
	h.rec, h.dirty = rec, true
	b.bytes += recordBytes(rec)
}

func recordBytes(rec *evenkeel.ArchiveRecord) int {
	n := 1000 + len(rec.Chat.Attributes)
	for _, m := range rec.Messages {
		n += 200 + len(m.Text)
	}
	for _, m := range rec.Notes {
		n += 200 + len(m.Text)
	}
	return n
}

// chat finds a chat among those held or in the file.
func (b *batch) chat(ctx context.Context, workspace, id string) (*held, error) {
	key := chatKey{workspace, id}
	if h := b.held[key]; h != nil {
		return h, nil
	}
	h := &held{}
	var head []byte
	st, err := b.s.stmt(ctx, "SELECT row, head FROM chats WHERE workspace = ? AND id = ?")
	if err != nil {
		return nil, err
	}
	switch err := st.QueryRowContext(ctx, workspace, id).Scan(&h.row, &head); {
	case errors.Is(err, sql.ErrNoRows):
		b.held[key] = h
		return h, nil
	case err != nil:
		return nil, err
	}
	if h.rec, err = b.read(ctx, h.row, head); err != nil {
		return h, fmt.Errorf("chat %s of %s: %w", id, workspace, err)
	}
	b.held[key] = h
	doc := documentOf(h.rec)
	h.old = &doc
	b.bytes += 2 * recordBytes(h.rec)
	return h, nil
}

func (b *batch) read(ctx context.Context, row int64, head []byte) (*evenkeel.ArchiveRecord, error) {
	st, err := b.s.stmt(ctx, "SELECT notes, body FROM talk WHERE chat = ? ORDER BY notes, first")
	if err != nil {
		return nil, err
	}
	rows, err := st.QueryContext(ctx, row)
	if err != nil {
		return nil, err
	}
	return readRecord(&b.u, head, rows)
}

// run is a row that was found free, after rows that are all taken.
type run struct{ from, next int64 }

// rowFor chooses a chat's place in the archive: the millisecond at which it
// closed, or the first free one after it. So rows are in the order of closing,
// and a time is found without an index. How far a row may stand behind its
// time is remembered as the slack.
func (b *batch) rowFor(ctx context.Context, closed evenkeel.Time) (int64, error) {
	row := max(int64(closed), 0)
	r := &b.s.run
	if row < r.from || row >= r.next {
		*r = run{from: row, next: row}
	}
	for ; ; r.next++ {
		if b.rows[r.next] {
			continue
		}
		st, err := b.s.stmt(ctx, "SELECT 1 FROM chats WHERE row = ?")
		if err != nil {
			return 0, err
		}
		var one int
		err = st.QueryRowContext(ctx, r.next).Scan(&one)
		if errors.Is(err, sql.ErrNoRows) {
			break
		}
		if err != nil {
			return 0, err
		}
	}
	b.slack = max(b.slack, r.next-row)
	r.next++
	return r.next - 1, nil
}

// flush writes the chats that have changed.
func (b *batch) flush(ctx context.Context) error {
	var dirty []*held
	for _, h := range b.held { //order: sorted below
		if h.dirty {
			dirty = append(dirty, h)
		}
	}
	slices.SortFunc(dirty, func(x, y *held) int { return cmp.Compare(x.row, y.row) })
	for _, h := range dirty {
		if err := b.write(ctx, h); err != nil {
			return err
		}
	}
	clear(b.held)
	clear(b.rows)
	b.bytes = 0
	return nil
}

func (b *batch) write(ctx context.Context, h *held) error {
	c := h.rec.Chat
	head, err := b.s.packer.head(c)
	if err != nil {
		return err
	}
	parts, err := b.s.packer.talk(h.rec)
	if err != nil {
		return err
	}
	if h.old != nil {
		if err := b.unindex(ctx, h.row, *h.old); err != nil {
			return err
		}
		if err := b.s.exec(ctx, "DELETE FROM talk WHERE chat = ?", h.row); err != nil {
			return err
		}
	}
	err = b.s.exec(ctx, `INSERT INTO chats (row, workspace, id, customer, queue, closed_at, head) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (row) DO UPDATE SET customer = excluded.customer, queue = excluded.queue, closed_at = excluded.closed_at, head = excluded.head`,
		h.row, c.Workspace, c.ID, c.Customer, c.Queue, int64(c.ClosedAt), head)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if err := b.s.exec(ctx, "INSERT INTO talk (chat, notes, first, body) VALUES (?, ?, ?, ?)", h.row, p.notes, int64(p.first), p.body); err != nil {
			return err
		}
	}
	doc := documentOf(h.rec)
	return b.s.exec(ctx, "INSERT INTO words (rowid, talk, notes, facet) VALUES (?, ?, ?, ?)", h.row, doc.talk, doc.notes, doc.facets)
}

// unindex takes a chat out of the index. The index needs to be told what it
// holds of it.
func (b *batch) unindex(ctx context.Context, row int64, doc document) error {
	return b.s.exec(ctx, "INSERT INTO words (words, rowid, talk, notes, facet) VALUES ('delete', ?, ?, ?, ?)", row, doc.talk, doc.notes, doc.facets)
}

// remember writes the cursor and the counts.
func (b *batch) remember(ctx context.Context) error {
	for key, value := range map[string]int64{"cursor": int64(b.cursor), "chats": b.chats, "slack": b.slack} { //order: three rows
		if err := b.s.exec(ctx, "UPDATE meta SET value = ? WHERE key = ?", value, key); err != nil {
			return err
		}
	}
	return nil
}
