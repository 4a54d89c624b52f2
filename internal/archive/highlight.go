//evenkeel:pure

package archive

import (
	"unicode/utf8"

	"github.com/evenkeel/evenkeel"
)

// Bounds of what a hit shows.
const (
	maxHighlights = 3
	excerptRunes  = 120
	leadRunes     = 40 // of them before the first match
)

// highlights shows where a chat has what was searched for: in the subject,
// then in its messages and notes, each in their order.
func highlights(rec *evenkeel.ArchiveRecord, terms []term, notes bool) []evenkeel.ArchiveHighlight {
	var found []evenkeel.ArchiveHighlight
	look := func(field string, number uint64, text string) bool {
		if h, ok := highlight(text, terms); ok {
			h.Field, h.Number = field, number
			found = append(found, h)
		}
		return len(found) < maxHighlights
	}
	if !look("subject", 0, rec.Chat.Subject) {
		return found
	}
	for _, m := range rec.Messages {
		if !look("message", m.Number, m.Text) {
			return found
		}
	}
	if notes {
		for _, n := range rec.Notes {
			if !look("note", n.Number, n.Text) {
				return found
			}
		}
	}
	return found
}

// place is a word of a text and the bytes that it was made of.
type place struct {
	word     string
	from, to int
}

// highlight cuts the excerpt around the first match and marks all matches in it.
func highlight(text string, terms []term) (evenkeel.ArchiveHighlight, bool) {
	marks := matches(text, terms)
	if len(marks) == 0 {
		return evenkeel.ArchiveHighlight{}, false
	}
	from, to := excerpt(text, marks[0])
	h := evenkeel.ArchiveHighlight{Text: text[from:to]}
	runes := func(at int) int { return utf8.RuneCountInString(text[from:at]) }
	for _, m := range marks {
		if m[0] < to {
			h.Marks = append(h.Marks, [2]int{runes(m[0]), runes(min(m[1], to))})
		}
	}
	return h, true
}

// matches are the byte ranges of a text that match one of the terms, in order,
// those that touch or overlap joined.
func matches(text string, terms []term) [][2]int {
	var places []place
	eachWord(text, func(folded string, from, to int) bool {
		places = append(places, place{folded, from, to})
		return true
	})
	covered := make([]bool, len(places))
	for i := range places {
		for _, t := range terms {
			if t.at(places[i:]) {
				for j := range t.words {
					covered[i+j] = true
				}
			}
		}
	}
	var marks [][2]int
	for i, p := range places {
		if !covered[i] {
			continue
		}
		if n := len(marks); n > 0 && marks[n-1][1] == p.from {
			marks[n-1][1] = p.to
		} else {
			marks = append(marks, [2]int{p.from, p.to})
		}
	}
	return marks
}

// at tells whether the term's words stand at the beginning of places.
func (t *term) at(places []place) bool {
	if len(places) < len(t.words) {
		return false
	}
	for i, word := range t.words {
		have := places[i].word
		if t.begun && i == len(t.words)-1 {
			have = have[:min(len(have), len(word))]
		}
		if have != word {
			return false
		}
	}
	return true
}

// excerpt chooses the bytes to show: some characters before the match, from the
// beginning of a word.
func excerpt(text string, match [2]int) (from, to int) {
	from = match[0]
	for i := 0; i < leadRunes && from > 0; i++ {
		_, size := utf8.DecodeLastRuneInString(text[:from])
		from -= size
	}
	if from > 0 {
		eachWord(text[from:match[0]], func(_ string, start, end int) bool {
			if start > 0 {
				from += start
				return false
			}
			return true
		})
	}
	to = from + len(firstRunes(text[from:], excerptRunes))
	return from, to
}
