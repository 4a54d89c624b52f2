package evenkeel_test

import (
	"encoding/json"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// FuzzPublication reads anything as what a channel carries. What is read is
// written and read again as the same.
func FuzzPublication(f *testing.F) {
	f.Add([]byte(`{"type":"message","message":{"id":"m","number":3,"author":{"kind":"agent","id":"ann"},"text":"hello","time":"2026-01-31T12:00:00.000Z"}}`))
	f.Add([]byte(`{"type":"offer","offer":"o1","chat":{"id":"c1","state":"offered"},"deadline":"2026-01-31T12:00:00Z"}`))
	f.Add([]byte(`{"type":"chat_ended","chat":"c1","reason":"left"}`))
	f.Add([]byte(`{"type":"unheard_of","chat":7}`))
	f.Add([]byte(`{"type":"chat","chat":null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var p evenkeel.Publication
		if json.Unmarshal(b, &p) != nil || p.Type == 0 {
			return
		}
		if p.Chat != nil && p.ChatID != "" {
			t.Fatalf("%q has two chats", b)
		}
	})
}

// FuzzScalars reads any text as the small values of the vocabulary.
func FuzzScalars(f *testing.F) {
	for _, text := range []string{`"2026-01-31T12:00:00.5+01:00"`, `"9999-12-31T23:59:59Z"`, "0.5", "-1000000000000.999", "1h30m", `{"french":3}`, "shop/chat:c1", "default/desk", "agent", "-0.001"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var at, at2 evenkeel.Time
		if json.Unmarshal([]byte(text), &at) == nil {
			b, err := json.Marshal(at)
			if err != nil || json.Unmarshal(b, &at2) != nil || at != at2 {
				t.Errorf("the time %q is written as %s and read back as %v", text, b, at2)
			}
		}
		var d, d2 evenkeel.Duration
		if json.Unmarshal([]byte(text), &d) == nil {
			b, err := json.Marshal(d)
			if err != nil || json.Unmarshal(b, &d2) != nil || d != d2 {
				t.Errorf("the span %q is written as %s and read back as %v", text, b, d2)
			}
		}
		var skills, skills2 evenkeel.Skills
		if json.Unmarshal([]byte(text), &skills) == nil {
			b, err := json.Marshal(skills)
			if err != nil || json.Unmarshal(b, &skills2) != nil || len(skills) != len(skills2) {
				t.Errorf("the skills %q are written as %s and read back as %v", text, b, skills2)
			}
		}
		if ws, kind, id, ok := evenkeel.ParseChannel(text); ok && evenkeel.Channel(ws, kind, id) != text {
			t.Errorf("the channel %q is taken apart as %q %q %q", text, ws, kind, id)
		}
	})
}
