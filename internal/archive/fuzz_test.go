package archive

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"path/filepath"
	"slices"
	"strings"
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
		if text == "" || !utf8.ValidString(text) {
			return // selects all; is said by nobody, for the edge refuses it
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

// FuzzRow reads anything as a row of the archive whose checksum is right: it is
// refused as a broken row, or is whole and can be packed again. What it unpacks
// to is bounded, however little it takes.
func FuzzRow(f *testing.F) {
	var p packer
	for _, v := range []any{
		&evenkeel.Chat{ID: "c1", Messages: 2}, []*evenkeel.Message{{ID: "m", Number: 1, Text: "hello"}}, []*evenkeel.Message{nil}, []*evenkeel.Note{},
		strings.Repeat("\x00", maxUnpacked),
	} {
		row, err := p.pack(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(row[4:])
	}
	f.Add([]byte("\x9b\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, packed []byte) {
		row := append(binary.LittleEndian.AppendUint32(nil, crc32.Checksum(packed, castagnoli)), packed...)
		var u unpacker
		var chat evenkeel.Chat
		if err := u.unpack(row, &chat); err == nil {
			if _, err := p.head(&chat); err != nil {
				t.Fatalf("a head that was read cannot be packed: %v", err)
			}
		} else if !errors.Is(err, ErrRow) {
			t.Fatalf("a broken row is not called one: %v", err)
		}
		if u.raw.Len() > maxUnpacked {
			t.Fatalf("%d bytes are unpacked to %d", len(packed), u.raw.Len())
		}
		var said []*evenkeel.Message
		if appendPart(&u, &said, row) == nil && slices.Contains(said, nil) {
			t.Fatal("a message is nil")
		}
		row[0]++
		if err := u.unpack(row, &chat); !errors.Is(err, ErrRow) {
			t.Fatalf("with a wrong checksum: %v", err)
		}
	})
}
