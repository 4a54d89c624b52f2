package archive

import (
	"fmt"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// testTranscripts reads a long talk in pages, as a live one.
func testTranscripts(t *testing.T, b backend) {
	a := assistant{t, b, 0}
	var texts []string
	for i := range 500 {
		texts = append(texts, fmt.Sprintf("%d %s", i+1, strings.Repeat("long ", i%200)))
	}
	rec := talk("c1", 1000, texts...)
	for i, after := range []uint64{0, 3, 3, 499, 500} {
		rec.Notes = append(rec.Notes, &evenkeel.Note{Number: uint64(i + 1), After: after, Text: "note"})
	}
	a.do(evenkeel.ArchiveOp{Kind: evenkeel.ArchivePut, Chat: "c1", Record: rec})
	for _, tc := range []struct {
		r           evenkeel.MessageRange
		first, last uint64
		notes       string
	}{
		{evenkeel.MessageRange{Limit: 10}, 1, 10, "[1 2 3]"},
		{evenkeel.MessageRange{After: 3, Limit: 10}, 4, 13, "[]"},
		{evenkeel.MessageRange{After: 63, Limit: 66}, 64, 129, "[]"},
		{evenkeel.MessageRange{Before: 4, Limit: 10}, 1, 3, "[1 2 3]"},
		{evenkeel.MessageRange{Before: 501, Limit: 2}, 499, 500, "[4 5]"},
		{evenkeel.MessageRange{After: 490, Limit: 50}, 491, 500, "[4 5]"},
		{evenkeel.MessageRange{After: 500, Limit: 50}, 0, 0, "[]"},
		{evenkeel.MessageRange{Before: 1, Limit: 50}, 0, 0, "[1]"},
		{evenkeel.MessageRange{Before: 9999, Limit: 500}, 1, 500, "[1 2 3 4 5]"},
	} {
		tr, err := b.Transcript(t.Context(), "default", "c1", tc.r, true)
		if err != nil {
			t.Fatal(err)
		}
		var first, last uint64
		for i, m := range tr.Messages {
			if i == 0 {
				first = m.Number
			}
			if last = m.Number; m.Number != first+uint64(i) || m.Text != texts[m.Number-1] {
				t.Fatalf("%+v: message %d is %+v", tc.r, i, m)
			}
		}
		notes := []uint64{}
		for _, n := range tr.Notes {
			notes = append(notes, n.Number)
		}
		if first != tc.first || last != tc.last || fmt.Sprint(notes) != tc.notes {
			t.Errorf("%+v: messages %d to %d, notes %v; want %d to %d, %s", tc.r, first, last, notes, tc.first, tc.last, tc.notes)
		}
	}
	if tr, err := b.Transcript(t.Context(), "default", "c1", evenkeel.MessageRange{Limit: 3}, false); err != nil || len(tr.Notes) > 0 {
		t.Errorf("without notes: %+v, %v", tr, err)
	}
	if _, err := b.Transcript(t.Context(), "acme", "c1", evenkeel.MessageRange{Limit: 3}, true); evenkeel.ErrorCode(err) != evenkeel.CodeNotFound {
		t.Errorf("another workspace: %v", err)
	}
	if c, err := b.Chat(t.Context(), "default", "c1"); err != nil || c.LastMessage.Text != texts[499] {
		t.Errorf("%+v, %v", c, err)
	}
}

// testSweeps erases, merges and expires more chats than one transaction takes.
func testSweeps(t *testing.T, b backend) {
	a := assistant{t, b, 0}
	const many = 2*stepChats + 7
	for i := range many {
		a.put(fmt.Sprintf("c%04d", i), "confidential words")
	}
	a.do(evenkeel.ArchiveOp{Kind: evenkeel.ArchiveMerge, Visitor: "v1", Customer: "ann"})
	if a.find(evenkeel.ArchiveQuery{Customer: "v1"}) != "" {
		t.Error("the visitor still has chats")
	}
	count := func(q evenkeel.ArchiveQuery) (n int) {
		q.Workspace = "default"
		if err := b.Walk(t.Context(), q, func(*evenkeel.ArchiveRecord) error { n++; return nil }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(evenkeel.ArchiveQuery{Customer: "ann", Text: "confidential"}); n != many {
		t.Errorf("%d chats came to ann", n)
	}
	a.do(evenkeel.ArchiveOp{Kind: evenkeel.ArchiveErase, Customer: "ann"})
	if n := count(evenkeel.ArchiveQuery{Text: "confidential"}); n != 0 {
		t.Errorf("%d chats still say it", n)
	}
	if n := count(evenkeel.ArchiveQuery{Customer: "ann"}); n != many {
		t.Errorf("%d chats are still counted", n)
	}
	if c, err := b.Chat(t.Context(), "default", "c0001"); err != nil || c.Messages != 1 || c.LastMessage != nil {
		t.Errorf("%+v, %v", c, err)
	}
	a.put("new", "a word")
	a.do(evenkeel.ArchiveOp{Kind: evenkeel.ArchiveExpire, Queue: "general", Before: evenkeel.Time(1000 + many)})
	if got := a.find(evenkeel.ArchiveQuery{}); got != "new" || b.Status().Chats != 1 {
		t.Errorf("%q and %d chats are left", got, b.Status().Chats)
	}
}

// testTyped finds what people type.
func testTyped(t *testing.T, b backend) {
	a := assistant{t, b, 0}
	a.put("zurich", "Das Café in der Bahnhofstraße, Zürich", "don't open it, I'm in a hurry", "mail me: ann@example.com")
	a.put("tokyo", "東京都に行きました。", "今日はいい天気です")
	a.put("thai", "สวัสดีครับ")
	a.put("hindi", "मुझे पैसे वापस चाहिए")
	a.put("korean", "환불을 원합니다")
	a.put("greek", "Πού είναι η παραγγελία μου;")
	a.put("code", "error_code=E-4711 at C:\\temp", "100% \"quoted\" (NEAR AND OR NOT) ^col:umn*")
	a.put("long", strings.Repeat("x", maxTextBytes)+" end")
	for text, want := range map[string]string{
		"cafe": "zurich", "CAFÉ": "zurich", "bahnhofstrasse": "zurich", "bahnhofstraße": "zurich", "Zuri": "zurich", "zuri ": "",
		"don't": "zurich", "ann@example.com": "zurich", "example.com ann": "zurich", `"com ann"`: "", "hurry cafe": "zurich",
		`"Zürich don"`: "", "京都": "tokyo", "東京 天気": "tokyo", "京東": "", "行きました": "tokyo", "สวัสดี": "thai", "पैसे": "hindi", "पैसा": "",
		"환불": "korean", "ΠΟΥ ειναι": "greek", "e-4711": "code", "4711-e": "", "error_code": "code", "NEAR AND": "code", `"`: "", `"""`: "", "*": "",
		"NOT code": "code", "^col:umn*": "code", `"quoted near`: "code", "“quoted near”": "code", "(": "", "talk:end": "", "facet:end": "",
		"end": "long", strings.Repeat("x", maxTextBytes): "long", strings.Repeat("X", 45): "long", "\x00\xff\xfe": "", "!!!": "", "\ue000": "",
	} {
		if got := a.find(evenkeel.ArchiveQuery{Text: text}); got != want {
			t.Errorf("%q found %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{strings.Repeat("a ", maxTerms+1), strings.Repeat("x", maxTextBytes+1)} {
		if _, err := b.Search(t.Context(), evenkeel.ArchiveQuery{Workspace: "default", Text: text}); evenkeel.ErrorCode(err) != evenkeel.CodeTooLarge {
			t.Errorf("%d bytes: %v", len(text), err)
		}
	}
	if got := a.find(evenkeel.ArchiveQuery{Text: strings.Repeat("hurry ", maxTerms)}); got != "zurich" {
		t.Errorf("as many words as are allowed: %q", got)
	}
	if _, err := b.Search(t.Context(), evenkeel.ArchiveQuery{Workspace: "default", After: "no cursor"}); evenkeel.ErrorCode(err) != evenkeel.CodeBadRequest {
		t.Errorf("a made-up cursor: %v", err)
	}
}

// testHighlights shows the marks as brackets and a filling word as "~".
func testHighlights(t *testing.T, b backend) {
	a := assistant{t, b, 0}
	long := strings.Repeat("filler ", 40)
	rec := talk("c1", 1000, "Grüße! Das Paket ist weg", long+"das 📦 Paket kam, paketweise "+long, "ein Paket", "noch ein Paket")
	rec.Chat.Subject = "Paket verloren"
	rec.Notes = []*evenkeel.Note{{Number: 1, Text: "Paket: notiz"}}
	a.do(evenkeel.ArchiveOp{Kind: evenkeel.ArchivePut, Chat: "c1", Record: rec})
	for _, tc := range []struct {
		text  string
		notes bool
		want  string
	}{
		{"grusse das ", false, "message 1: [Grüße]! [Das] Paket ist weg|message 2: ~~~~~[das] 📦 Paket kam, paketweise ~~~~~~~~f"},
		{`"das paket"`, false, "message 1: Grüße! [Das] [Paket] ist weg|message 2: ~~~~~[das] 📦 [Paket] kam, paketweise ~~~~~~~~f"},
		{"paketw", false, "message 2: ~~~das 📦 Paket kam, [paketweise] ~~~~~~~~~~f"},
		{"verlo", false, "subject 0: Paket [verloren]"},
		{"paket", false, "subject 0: [Paket] verloren|message 1: Grüße! Das [Paket] ist weg|message 2: ~~~~das 📦 [Paket] kam, [paketweise] ~~~~~~~~~f"},
		{"notiz", false, ""},
		{"notiz", true, "note 1: Paket: [notiz]"},
	} {
		page, err := b.Search(t.Context(), evenkeel.ArchiveQuery{Workspace: "default", Text: tc.text, Notes: tc.notes})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, hit := range page.Hits {
			for _, h := range hit.Highlights {
				got = append(got, fmt.Sprintf("%s %d: %s", h.Field, h.Number, strings.ReplaceAll(bracketed(h), "filler ", "~")))
			}
		}
		if strings.Join(got, "|") != tc.want {
			t.Errorf("%q:\ngot  %q\nwant %q", tc.text, strings.Join(got, "|"), tc.want)
		}
	}
}

func bracketed(h evenkeel.ArchiveHighlight) string {
	runes := []rune(h.Text)
	var b strings.Builder
	at := 0
	for _, m := range h.Marks {
		b.WriteString(string(runes[at:m[0]]) + "[" + string(runes[m[0]:m[1]]) + "]")
		at = m[1]
	}
	return b.String() + string(runes[at:])
}

// testOrder archives chats in another order than they closed.
func testOrder(t *testing.T, b backend) {
	a := assistant{t, b, 0}
	for i, at := range []evenkeel.Time{5000, 3000, 9000, 1000, 7000} {
		a.putAt(fmt.Sprintf("c%d", i), at, "hello there")
	}
	a.do(evenkeel.ArchiveOp{Kind: evenkeel.ArchiveTag, Chat: "c1", Tags: []string{"vip", "two words"}})
	a.do(evenkeel.ArchiveOp{Kind: evenkeel.ArchiveRate, Chat: "c4", Rating: &evenkeel.Rating{Score: 5}})
	a.do(evenkeel.ArchiveOp{Kind: evenkeel.ArchiveRate, Chat: "nowhere", Rating: &evenkeel.Rating{Score: 5}})
	for _, tc := range []struct {
		q    evenkeel.ArchiveQuery
		want string
	}{
		{evenkeel.ArchiveQuery{}, "c2 c4 c0 c1 c3"},
		{evenkeel.ArchiveQuery{Text: "hello"}, "c2 c4 c0 c1 c3"},
		{evenkeel.ArchiveQuery{Text: "hello", From: 3000, To: 7000}, "c0 c1"},
		{evenkeel.ArchiveQuery{From: 3001}, "c2 c4 c0"},
		{evenkeel.ArchiveQuery{Tag: "two words"}, "c1"},
		{evenkeel.ArchiveQuery{Tag: "words"}, ""},
		{evenkeel.ArchiveQuery{Score: 5, Text: "hello"}, "c4"},
		{evenkeel.ArchiveQuery{Reason: evenkeel.ClosedByCustomer}, ""},
		{evenkeel.ArchiveQuery{Workspace: "acme"}, ""},
	} {
		if got := a.find(tc.q); got != tc.want {
			t.Errorf("%+v found %q, want %q", tc.q, got, tc.want)
		}
	}
}
