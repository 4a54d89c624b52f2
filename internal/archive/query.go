//evenkeel:pure

package archive

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/evenkeel/evenkeel"
)

// Bounds of what a person may type.
const (
	maxTextBytes = 2000
	maxTerms     = 32 // words, in quotes or not
	minBegun     = 3  // letters: what is shorter is a whole word, else it would find nearly all
)

// term is one condition of a query: words that stand one behind the other.
type term struct {
	words []string
	begun bool // the last word is only the beginning of one
}

// parseText reads what a person typed. Every text is a query: there is nothing
// to get wrong but its length.
func parseText(text string) ([]term, error) {
	if len(text) > maxTextBytes {
		return nil, evenkeel.Errorf(evenkeel.CodeTooLarge, "a text to search for has at most %d bytes: search for fewer words", maxTextBytes)
	}
	var terms []term
	count := 0
	add := func(s string, begun bool) {
		var t term
		eachWord(s, func(folded string, _, to int) bool {
			t.words = append(t.words, folded)
			t.begun = begun && to == len(s) && letters(folded) >= minBegun
			return true
		})
		if len(t.words) > 0 {
			terms = append(terms, t)
			count += len(t.words)
		}
	}
	parts := strings.Split(straightQuotes(text), `"`)
	for i, part := range parts {
		last := i == len(parts)-1
		if i%2 == 1 {
			add(part, last) // a quote that is still open is still being typed
			continue
		}
		fields := strings.Fields(part)
		for j, field := range fields {
			// What holds several words, as "don't" and mail addresses do, is a phrase.
			add(field, last && j == len(fields)-1 && strings.HasSuffix(part, field))
		}
	}
	if count > maxTerms {
		return nil, evenkeel.Errorf(evenkeel.CodeTooLarge, "a text to search for has at most %d words", maxTerms)
	}
	return terms, nil
}

// letters counts those of a Korean syllable apart.
func letters(word string) int { return utf8.RuneCountInString(norm.NFD.String(word)) }

// straightQuotes turns what word processors and telephones make of a quote
// back into one.
func straightQuotes(text string) string {
	return strings.NewReplacer("“", `"`, "”", `"`, "„", `"`, "«", `"`, "»", `"`).Replace(text)
}

// The columns of the full-text index.
const (
	columnTalk  = "talk"  // subject and messages
	columnNotes = "notes" // notes
	columnFacet = "facet" // what the filters select by
)

// matchExpression writes a query in the language of the full-text index. Words
// hold letters and digits only, so nothing needs to be escaped.
func matchExpression(q *evenkeel.ArchiveQuery, terms []term) string {
	var b strings.Builder
	for i, token := range queryFacets(q) {
		if i > 0 {
			b.WriteString(" AND ")
		}
		b.WriteString(columnFacet + ` : "` + token + `"`)
	}
	columns := "{" + columnTalk + "}"
	if q.Notes {
		columns = "{" + columnTalk + " " + columnNotes + "}"
	}
	for _, t := range terms {
		b.WriteString(" AND " + columns + ` : "` + strings.Join(t.words, " ") + `"`)
		if t.begun {
			b.WriteString(" *")
		}
	}
	return b.String()
}
