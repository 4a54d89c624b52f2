//evenkeel:shell

package archive

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/evenkeel/evenkeel"
)

// readRecord puts a chat together from its head and the rows (notes, body) of
// its talk, in their order. It closes the rows.
func readRecord(u *unpacker, head []byte, rows *sql.Rows) (*evenkeel.ArchiveRecord, error) {
	defer rows.Close()
	rec := &evenkeel.ArchiveRecord{Chat: &evenkeel.Chat{}}
	if err := u.unpack(head, rec.Chat); err != nil {
		return nil, err
	}
	for rows.Next() {
		var notes bool
		var body []byte
		if err := rows.Scan(&notes, &body); err != nil {
			return nil, err
		}
		var err error
		if notes {
			err = appendPart(u, &rec.Notes, body)
		} else {
			err = appendPart(u, &rec.Messages, body)
		}
		if err != nil {
			return nil, err
		}
	}
	if n := len(rec.Messages); n > 0 {
		rec.Chat.LastMessage = rec.Messages[n-1]
	}
	return rec, rows.Err()
}

func appendPart[T any](u *unpacker, all *[]*T, body []byte) error {
	var some []*T
	if err := u.unpack(body, &some); err != nil {
		return err
	}
	if slices.Contains(some, nil) {
		return fmt.Errorf("%w: an entry is empty", ErrRow)
	}
	*all = append(*all, some...)
	return nil
}

// view is one state of the file, and what reading it takes.
type view struct {
	*sql.Tx
	u unpacker
}

// reading runs do on one state of the file.
func (s *Store) reading(ctx context.Context, do func(v *view) error) error {
	tx, err := s.readers.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return sorted(err)
	}
	err = do(&view{Tx: tx})
	if end := tx.Rollback(); err == nil && !errors.Is(end, sql.ErrTxDone) {
		err = end
	}
	return sorted(err)
}

// find reads a chat's row and head.
func (v *view) find(ctx context.Context, workspace, id string) (row int64, head []byte, err error) {
	err = v.QueryRowContext(ctx, "SELECT row, head FROM chats WHERE workspace = ? AND id = ?", workspace, id).Scan(&row, &head)
	if errors.Is(err, sql.ErrNoRows) {
		err = evenkeel.Errorf(evenkeel.CodeNotFound, "the archive has no chat %q", id)
	}
	return row, head, err
}

// Chat returns an archived chat, or not_found.
func (s *Store) Chat(ctx context.Context, workspace, id string) (c *evenkeel.Chat, err error) {
	err = s.reading(ctx, func(v *view) error {
		row, head, err := v.find(ctx, workspace, id)
		if err == nil {
			c, err = v.chat(ctx, row, head)
		}
		return err
	})
	return c, err
}

// chat opens a head and adds the last message, which the talk has.
func (v *view) chat(ctx context.Context, row int64, head []byte) (*evenkeel.Chat, error) {
	c := &evenkeel.Chat{}
	if err := v.u.unpack(head, c); err != nil {
		return nil, err
	}
	var body []byte
	err := v.QueryRowContext(ctx, "SELECT body FROM talk WHERE chat = ? AND notes = 0 ORDER BY first DESC LIMIT 1", row).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return c, nil
	}
	var last []*evenkeel.Message
	if err == nil {
		err = appendPart(&v.u, &last, body)
	}
	if err == nil && len(last) > 0 {
		c.LastMessage = last[len(last)-1]
	}
	return c, err
}

// Transcript returns a part of what was said, as the desk does for a live chat:
// messages of the range and, if notes are wanted, those that stand behind them
// or, where the range starts at the beginning, before the first. not_found if
// there is no such chat.
func (s *Store) Transcript(ctx context.Context, workspace, id string, r evenkeel.MessageRange, notes bool) (t *evenkeel.Transcript, err error) {
	err = s.reading(ctx, func(v *view) error {
		row, head, err := v.find(ctx, workspace, id)
		if err != nil {
			return err
		}
		var c evenkeel.Chat
		if err := v.u.unpack(head, &c); err != nil {
			return err
		}
		t = &evenkeel.Transcript{}
		first, last := bounds(r, c.Messages)
		if first <= last {
			if t.Messages, err = v.messages(ctx, row, first, last); err != nil {
				return err
			}
		}
		if notes {
			t.Notes, err = v.notesWithin(ctx, row, first, last, r, c.Messages)
		}
		return err
	})
	return t, err
}

// messages reads those numbered first to last.
func (v *view) messages(ctx context.Context, row int64, first, last uint64) ([]*evenkeel.Message, error) {
	rows, err := v.QueryContext(ctx, `SELECT body FROM talk WHERE chat = ?1 AND notes = 0 AND first <= ?3 AND first >=
		coalesce((SELECT max(first) FROM talk WHERE chat = ?1 AND notes = 0 AND first <= ?2), 0) ORDER BY first`, row, int64(first), int64(last))
	if err != nil {
		return nil, err
	}
	all, err := parts[evenkeel.Message](&v.u, rows)
	return slices.DeleteFunc(all, func(m *evenkeel.Message) bool { return m.Number < first || m.Number > last }), err
}

func (v *view) notesWithin(ctx context.Context, row int64, first, last uint64, r evenkeel.MessageRange, count uint64) ([]*evenkeel.Note, error) {
	rows, err := v.QueryContext(ctx, "SELECT body FROM talk WHERE chat = ? AND notes = 1 ORDER BY first", row)
	if err != nil {
		return nil, err
	}
	all, err := parts[evenkeel.Note](&v.u, rows)
	return slices.DeleteFunc(all, func(n *evenkeel.Note) bool { return !behind(n, first, last, r, count) }), err
}

func parts[T any](u *unpacker, rows *sql.Rows) (all []*T, err error) {
	defer rows.Close()
	for rows.Next() {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return nil, err
		}
		if err := appendPart(u, &all, body); err != nil {
			return nil, err
		}
	}
	return all, rows.Err()
}
