//evenkeel:shell

package archive

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/evenkeel/evenkeel"
)

// Bounds of a page.
const (
	defaultPage = 50
	maxPage     = 200
	walkPage    = 64
)

// Search returns a page of the chats that a query selects, those closed last
// first. A text without a word in it finds nothing; without a text the filters
// alone select.
func (s *Store) Search(ctx context.Context, q evenkeel.ArchiveQuery) (*evenkeel.ArchivePage, error) {
	terms, err := parseText(q.Text)
	if err != nil {
		return nil, err
	}
	page := &evenkeel.ArchivePage{Hits: []evenkeel.ArchiveHit{}}
	if q.Text != "" && len(terms) == 0 {
		return page, nil
	}
	limit := q.Limit
	if limit <= 0 {
		limit = defaultPage
	}
	limit = min(limit, maxPage)
	err = s.reading(ctx, func(v *view) error {
		found, more, err := s.found(ctx, v, &q, terms, limit)
		if err != nil {
			return err
		}
		for _, f := range found {
			hit, err := v.hit(ctx, f, terms, q.Notes)
			if errors.Is(err, ErrRow) {
				s.damaged.Add(1) // the others can still be shown
				continue
			}
			if err != nil {
				return err
			}
			page.Hits = append(page.Hits, hit)
		}
		if more {
			page.Next = place36(found[len(found)-1].row)
		}
		return nil
	})
	return page, err
}

// foundChat is a chat that a query selects.
type foundChat struct {
	row  int64
	head []byte
	chat *evenkeel.Chat
}

// found looks chats up in the index until it has enough, and tells whether
// there are more.
func (s *Store) found(ctx context.Context, v *view, q *evenkeel.ArchiveQuery, terms []term, limit int) (all []foundChat, more bool, err error) {
	from, to, err := s.rowRange(q)
	if err != nil {
		return nil, false, err
	}
	// CROSS JOIN: the index leads, and it walks its rows downwards by itself.
	rows, err := v.QueryContext(ctx, `SELECT c.row, c.head FROM words CROSS JOIN chats AS c ON c.row = words.rowid
		WHERE words MATCH ? AND words.rowid >= ? AND words.rowid < ? ORDER BY words.rowid DESC`, matchExpression(q, terms), from, to)
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	for rows.Next() {
		f := foundChat{chat: &evenkeel.Chat{}}
		if err := rows.Scan(&f.row, &f.head); err != nil {
			return nil, false, err
		}
		if err := v.u.unpack(f.head, f.chat); err != nil {
			s.damaged.Add(1)
			continue
		}
		if !selects(q, f.chat) {
			continue
		}
		if len(all) == limit {
			return all, true, nil
		}
		all = append(all, f)
	}
	return all, false, rows.Err()
}

// rowRange is where the chats of a query's time and page stand: from, and
// before to. A row is never before its chat's time, and at most the slack
// behind it.
func (s *Store) rowRange(q *evenkeel.ArchiveQuery) (from, to int64, err error) {
	from, to = max(int64(q.From), 0), math.MaxInt64
	if q.To > 0 {
		to = int64(q.To) + s.slack.Load()
	}
	if q.After != "" {
		after, err := strconv.ParseInt(q.After, 36, 64)
		if err != nil || after < 0 {
			return 0, 0, evenkeel.FieldErrorf("cursor", "the cursor is not one that this list has given")
		}
		to = min(to, after)
	}
	return from, to, nil
}

// place36 writes a place in the list, for a page that starts behind it.
func place36(row int64) string { return strconv.FormatInt(row, 36) }

// hit reads of a chat what is shown of it.
func (v *view) hit(ctx context.Context, f foundChat, terms []term, notes bool) (evenkeel.ArchiveHit, error) {
	if len(terms) == 0 {
		c, err := v.chat(ctx, f.row, f.head)
		return evenkeel.ArchiveHit{Chat: c}, err
	}
	rec, err := v.record(ctx, f)
	if err != nil {
		return evenkeel.ArchiveHit{}, err
	}
	return evenkeel.ArchiveHit{Chat: rec.Chat, Highlights: highlights(rec, terms, notes)}, nil
}

func (v *view) record(ctx context.Context, f foundChat) (*evenkeel.ArchiveRecord, error) {
	rows, err := v.QueryContext(ctx, "SELECT notes, body FROM talk WHERE chat = ? ORDER BY notes, first", f.row)
	if err != nil {
		return nil, err
	}
	return readRecord(&v.u, f.head, rows)
}

// Walk calls fn with every chat that a query selects, those closed last first,
// whole; its Limit does not count. No transaction is held while fn works: what
// changes behind the place that was reached is seen as changed.
func (s *Store) Walk(ctx context.Context, q evenkeel.ArchiveQuery, fn func(*evenkeel.ArchiveRecord) error) error {
	terms, err := parseText(q.Text)
	if err != nil {
		return err
	}
	if q.Text != "" && len(terms) == 0 {
		return nil
	}
	lost := 0
	for {
		var recs []*evenkeel.ArchiveRecord
		var next string
		err := s.reading(ctx, func(v *view) error {
			found, more, err := s.found(ctx, v, &q, terms, walkPage)
			if err != nil {
				return err
			}
			bytes := 0
			for i, f := range found {
				switch rec, err := v.record(ctx, f); {
				case errors.Is(err, ErrRow):
					s.damaged.Add(1)
					lost++
				case err != nil:
					return err
				default:
					recs = append(recs, rec)
					bytes += recordBytes(rec)
				}
				// A page of long talks is cut short: it is held in memory.
				if i+1 == len(found) && more || i+1 < len(found) && bytes > heldBytes {
					next = place36(f.row)
					break
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, rec := range recs {
			if err := fn(rec); err != nil {
				return err
			}
		}
		if next == "" && lost > 0 {
			return fmt.Errorf("%w: %d of those selected could not be read and were left out", ErrRow, lost)
		}
		if next == "" {
			return nil
		}
		q.After = next
	}
}
