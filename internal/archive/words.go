//evenkeel:pure

package archive

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxWord bounds a word in the index, in characters: what is longer is no
// word that a person searches for, and is found by its beginning.
const maxWord = 40

// eachWord calls fn with each word of a text, folded, and the bytes of the
// text that it was made of, until fn returns false. Indexing, queries and
// highlights all go through here: what is found is what is marked.
//
// A word is a run of letters, digits and their marks. Scripts that put no space
// between words give one for each character, so that a part of what was written
// can be found.
func eachWord(text string, fn func(folded string, from, to int) bool) {
	from, alone := -1, false
	for i, r := range text {
		part, single := wordRune(r)
		mark := part && unicode.IsMark(r)
		if from >= 0 && !mark && (!part || single || alone) {
			if !emit(text, from, i, fn) {
				return
			}
			from = -1
		}
		if part && from < 0 {
			from, alone = i, single
		}
	}
	if from >= 0 {
		emit(text, from, len(text), fn)
	}
}

func emit(text string, from, to int, fn func(string, int, int) bool) bool {
	folded := fold(text[from:to])
	return folded == "" || fn(folded, from, to)
}

// wordRune tells whether a character is part of a word, and whether it is one
// by itself.
func wordRune(r rune) (part, single bool) {
	if r < utf8.RuneSelf {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9', false
	}
	if !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r) {
		return false, false
	}
	return true, unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// fold makes equal what people take for equal: capitals, accents, and the
// forms of a character that look the same.
func fold(word string) string {
	if isASCII(word) {
		word = strings.ToLower(word)
		return word[:min(len(word), maxWord)]
	}
	var b strings.Builder
	for _, r := range norm.NFKD.String(strings.ToLower(word)) {
		if plain := plainLetters(r); plain != "" {
			b.WriteString(plain)
		} else if part, _ := wordRune(r); part && !accent(r) {
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return firstRunes(norm.NFC.String(b.String()), maxWord)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// accent tells whether a mark may be left out. Those outside of these blocks
// are vowels and the like, without which it is another word.
func accent(r rune) bool {
	return r >= 0x300 && r <= 0x36f || r >= 0x1ab0 && r <= 0x1aff || r >= 0x1dc0 && r <= 0x1dff ||
		r >= 0x20d0 && r <= 0x20ff || r >= 0xfe20 && r <= 0xfe2f
}

// plainLetters is what people type for letters that do not come apart into one
// and an accent; empty for all others.
func plainLetters(r rune) string {
	switch r {
	case 'ß':
		return "ss"
	case 'æ':
		return "ae"
	case 'œ':
		return "oe"
	case 'ø':
		return "o"
	case 'ł':
		return "l"
	case 'đ', 'ð':
		return "d"
	case 'þ':
		return "th"
	case 'ı':
		return "i"
	}
	return ""
}

// firstRunes cuts a text after n characters.
func firstRunes(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// words appends the words of a text to dst, each behind a space.
func words(dst []byte, text string) []byte {
	eachWord(text, func(folded string, _, _ int) bool {
		dst = append(append(dst, ' '), folded...)
		return true
	})
	return dst
}
