//evenkeel:pure

package edge

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/evenkeel/evenkeel"
)

const (
	defaultLimit = 50
	maxLimit     = 200
)

// A cursor is opaque to callers: a letter for the sort of list and the last id
// of the page before, so that a cursor of one list is refused by another.
func makeCursor(sort byte, last string) string {
	return base64.RawURLEncoding.EncodeToString(append([]byte{sort}, last...))
}

func readCursor(sort byte, cursor string) (string, *evenkeel.Error) {
	if cursor == "" {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(cursor) > 512 || len(b) == 0 || b[0] != sort {
		return "", badQuery("cursor", "is not one that this list gave")
	}
	return string(b[1:]), nil
}

// readLimit reads the wanted length of a page.
func readLimit(s string) (int, *evenkeel.Error) {
	if s == "" {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxLimit {
		return 0, badQuery("limit", "must be a whole number from 1 to "+strconv.Itoa(maxLimit))
	}
	return n, nil
}

// readNumber reads an optional message number.
func readNumber(name, s string) (uint64, *evenkeel.Error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || strings.HasPrefix(s, "+") {
		return 0, badQuery(name, "must be a message number")
	}
	return n, nil
}

func badQuery(name, what string) *evenkeel.Error {
	return evenkeel.FieldErrorf(name, "the query parameter %s %s", name, what)
}

func formatNumber(n uint64) string { return strconv.FormatUint(n, 10) }

// interleave puts each note behind the message that it was written after.
func interleave(t *evenkeel.Transcript) []any {
	items := make([]any, 0, len(t.Messages)+len(t.Notes))
	notes := t.Notes
	for _, m := range t.Messages {
		for len(notes) > 0 && notes[0].After < m.Number {
			items, notes = append(items, notes[0]), notes[1:]
		}
		items = append(items, m)
	}
	for _, n := range notes {
		items = append(items, n)
	}
	return items
}
