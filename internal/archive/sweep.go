//evenkeel:shell

package archive

import (
	"context"
	"errors"
	"fmt"

	"github.com/evenkeel/evenkeel"
)

// sweep does a step of an operation on all chats of a customer or a queue. What
// is done is no longer found by the same question, or not changed by it, so a
// step needs no memory of the one before but, for an erasure, the last row.
func (b *batch) sweep(ctx context.Context, op *evenkeel.ArchiveOp) (done bool, err error) {
	if err := b.flush(ctx); err != nil {
		return false, err
	}
	found, err := b.affected(ctx, op)
	if err != nil {
		return false, err
	}
	for _, f := range found {
		if err := b.sweepChat(ctx, op, f); err != nil {
			return false, fmt.Errorf("chat %s of %s: %w", f.id, op.Workspace, err)
		}
	}
	if len(found) > 0 {
		b.wiped = b.wiped || op.Kind != evenkeel.ArchiveMerge
		b.swept = sweepPlace{op.Seq, found[len(found)-1].row}
	}
	return len(found) < stepChats, nil
}

// sweepPlace is how far the steps of an operation have come.
type sweepPlace struct {
	op  uint64
	row int64
}

type affected struct {
	row  int64
	id   string
	head []byte
}

func (b *batch) affected(ctx context.Context, op *evenkeel.ArchiveOp) ([]affected, error) {
	after := int64(-1)
	if b.swept.op == op.Seq {
		after = b.swept.row
	}
	text, args := "SELECT row, id, head FROM chats WHERE workspace = ? AND customer = ? AND row > ? ORDER BY row LIMIT ?", []any{op.Workspace, op.Customer, after, stepChats}
	switch op.Kind {
	case evenkeel.ArchiveMerge:
		args[1] = op.Visitor
	case evenkeel.ArchiveExpire:
		text = "SELECT row, id, head FROM chats WHERE workspace = ? AND queue = ? AND closed_at < ? LIMIT ?"
		args = []any{op.Workspace, op.Queue, int64(op.Before), stepChats}
	case evenkeel.ArchiveLeave:
		text, args = "SELECT row, id, head FROM chats WHERE workspace = ? LIMIT ?", []any{op.Workspace, stepChats}
	}
	st, err := b.s.stmt(ctx, text)
	if err != nil {
		return nil, err
	}
	rows, err := st.QueryContext(ctx, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []affected
	for rows.Next() {
		var f affected
		if err := rows.Scan(&f.row, &f.id, &f.head); err != nil {
			return nil, err
		}
		found = append(found, f)
	}
	return found, rows.Err()
}

func (b *batch) sweepChat(ctx context.Context, op *evenkeel.ArchiveOp, f affected) error {
	rec, err := b.read(ctx, f.row, f.head)
	if errors.Is(err, ErrRow) {
		b.damaged++
		if op.Kind == evenkeel.ArchiveMerge {
			return nil
		}
		return b.remove(ctx, f.row, nil) // what cannot be read can still be taken away
	}
	if err != nil {
		return err
	}
	doc := documentOf(rec)
	switch op.Kind {
	case evenkeel.ArchiveErase:
		erase(rec)
	case evenkeel.ArchiveMerge:
		rec.Chat.Customer = op.Customer
	default:
		return b.remove(ctx, f.row, &doc)
	}
	return b.write(ctx, &held{row: f.row, rec: rec, old: &doc})
}

// remove takes a chat out of the file. Without a document its words stay in the
// index, where they lead nowhere.
func (b *batch) remove(ctx context.Context, row int64, doc *document) error {
	if doc != nil {
		if err := b.unindex(ctx, row, *doc); err != nil {
			return err
		}
	}
	if err := b.s.exec(ctx, "DELETE FROM talk WHERE chat = ?", row); err != nil {
		return err
	}
	b.chats--
	b.s.run = run{} // a row may have become free
	return b.s.exec(ctx, "DELETE FROM chats WHERE row = ?", row)
}
