package archive

import (
	"path/filepath"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/evenkeel/evenkeel"
)

// FuzzText types anything at all into the search: it is never a syntax error,
// and a text that is said finds the chat that says it.
func FuzzText(f *testing.F) {
	for _, text := range []string{"", "hello", `"a b" c*`, "NEAR(a b)", "don't", "東京", "Straße", "a\x00b", "\xff", "e\u0301", "{talk} : x", "ﷺ", "İ", "ﬁn", "½", "\u0e33\u0e33"} {
		f.Add(text)
	}
	s, err := Open(f.Context(), filepath.Join(f.TempDir(), "archive.db"), ours())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := s.Close(); err != nil {
			f.Error(err)
		}
	})
	f.Fuzz(func(t *testing.T, text string) {
		terms, err := parseText(text)
		if err != nil {
			if evenkeel.ErrorCode(err) != evenkeel.CodeTooLarge {
				t.Fatal(err)
			}
			return
		}
		marks := matches(text, terms)
		if utf8.ValidString(text) && len(terms) > 0 && len(marks) == 0 && !slices.ContainsFunc([]rune(text), isQuote) {
			t.Fatalf("%q does not match itself as %+v", text, terms)
		}
		if h, ok := highlight(text, terms); ok {
			n := utf8.RuneCountInString(h.Text)
			for i, m := range h.Marks {
				if m[0] >= m[1] || m[1] > n || i > 0 && m[0] < h.Marks[i-1][1] {
					t.Fatalf("%q has marks %v", h.Text, h.Marks)
				}
			}
		}
		if text == "" {
			return // selects all
		}
		a := assistant{t, s, 0}
		a.put("c1", text)
		found := a.find(evenkeel.ArchiveQuery{Text: text})
		if (found == "c1") != (len(marks) > 0) {
			t.Fatalf("%q found %q and is marked %v", text, found, marks)
		}
	})
}

func isQuote(r rune) bool { return slices.Contains([]rune{'"', '“', '”', '„', '«', '»'}, r) }
