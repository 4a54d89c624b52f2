package jsonscan

import (
	"encoding/json"
	"strings"
	"testing"
)

var samples = []string{
	``, ` `, `null`, ` true `, `false`, `nul`, `truex`, `-`, `0`, `-0`, `01`, `1.`, `.5`, `1.5`, `1e`, `1e+`, `-1.25E-7`, `1e5 `, `+1`, `1 2`,
	`""`, `"a`, `"\"`, `"\u12"`, `"\u12Fg"`, `"\uD83d"`, `"\x"`, `"\`, "\"\x00\"", "\"\xff\"", `"\n\t\/\\\b"`, `'a'`,
	`{}`, `{ }`, `[]`, `[ 1 , 2 ]`, `[1,]`, `[,1]`, `[1 2]`, `{"a":1}`, `{"a" : { "b" : [ ] } , "c" : null}`, `{"a"}`, `{"a":}`, `{"a":1,}`,
	`{a:1}`, `{"a":1 "b":2}`, `{"a":1]`, `[1}`, `[`, `{`, `{"`, `]`, `{"a":1}}`, "\ufeff{}", "\u00a01", "{\v}",
	strings.Repeat("[", 63) + strings.Repeat("]", 63), strings.Repeat("[", 65) + strings.Repeat("]", 65),
	strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200), strings.Repeat("[", 20000) + strings.Repeat("]", 20000),
}

// check holds the scanner against encoding/json.
func check(t *testing.T, text string) {
	b := []byte(text)
	want := json.Valid(b)
	if Valid(b) != want {
		t.Errorf("%q: valid %v, want %v", text, !want, want)
	}
	start := Space(b, 0)
	end := End(b, start)
	sure := end != Unsure && Space(b, end) == len(b)
	shallow := strings.Count(text, "[")+strings.Count(text, "{") < maxDepth
	if sure && !want || want && shallow && !sure {
		t.Errorf("%q: ends at %d of %d, valid is %v", text, end, len(b), want)
	}
	if end != Unsure && !json.Valid(b[start:end]) {
		t.Errorf("%q: %q is no value", text, b[start:end])
	}
}

func TestValid(t *testing.T) {
	for _, text := range samples {
		check(t, text)
	}
}

// FuzzScan: the scanner and encoding/json agree on every text.
func FuzzScan(f *testing.F) {
	for _, text := range samples {
		if len(text) < 1000 {
			f.Add(text)
		}
	}
	f.Fuzz(check)
}

func BenchmarkValid(b *testing.B) {
	text := []byte(`{"id":"0123456789abcdef","chat":"c12345","text":"` + strings.Repeat("hello ", 15) + `"}`)
	b.Run("jsonscan", func(b *testing.B) {
		for b.Loop() {
			_ = Valid(text)
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		for b.Loop() {
			_ = json.Valid(text)
		}
	})
}
