package edge

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
)

// TestBuckets: within any span of time a key gets no more than its bucket and
// what came back in that span, whatever else is asked; and a key that stays
// below its rate is never refused while the table has room.
func TestBuckets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const burst, per, most = 5, 50 * time.Second, 8
		b := newBuckets(burst, per, most)
		var now time.Duration
		granted := map[string][]time.Duration{}
		quiet := -per
		for range rapid.IntRange(1, 100).Draw(t, "asks") {
			now += time.Duration(rapid.IntRange(0, 20).Draw(t, "seconds")) * time.Second
			key := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "key")
			ok, wait := b.take(key, now)
			if ok {
				granted[key] = append(granted[key], now)
			} else if wait <= 0 || wait > per/burst {
				t.Fatalf("refused for %s", wait)
			}
			if now-quiet >= per/burst {
				quiet = now
				if ok, _ := b.take("quiet", now); !ok {
					t.Fatal("somebody who asks no oftener than he may was refused")
				}
			}
		}
		for key, times := range granted {
			for i := range times {
				for j := i; j < len(times); j++ {
					span := times[j] - times[i]
					if most := burst + int(span/(per/burst)) + 1; j-i+1 > most {
						t.Fatalf("%s got %d within %s", key, j-i+1, span)
					}
				}
			}
		}
	})
}

// TestFullBucketsGo: of thousands who came once nothing stays, but where it is
// asked who has been here.
func TestFullBucketsGo(t *testing.T) {
	b, known := newBuckets(10, time.Minute, 20000), newBuckets(1, time.Hour, 20000)
	known.lasts = true
	for i := range 10000 {
		now := time.Duration(i) * time.Second
		b.takeMany(fmt.Sprint(i), 3, now)
		known.take(fmt.Sprint(i), now)
	}
	if len(b.table) > 20 {
		t.Errorf("%d buckets are kept, of which 18 are not full again", len(b.table))
	}
	if !known.has("0") || len(known.table) != 10000 {
		t.Errorf("%d of 10000 are known, the first %v", len(known.table), known.has("0"))
	}
	// After a rush at one time the table becomes small while few come.
	for i := range 5000 {
		b.take(fmt.Sprint("r", i), 20000*time.Second)
	}
	for i := range 2600 {
		b.take("one", time.Duration(20100+i)*time.Second)
	}
	if len(b.table) > 2 {
		t.Errorf("%d buckets are kept of a rush", len(b.table))
	}
}

func TestBucketsAreBounded(t *testing.T) {
	b := newBuckets(1, time.Minute, 3)
	for i := range 10 {
		b.take(fmt.Sprint(i), 0)
		b.take("kept", 0) // used again and again: not the oldest
	}
	if len(b.table) != 3 {
		t.Errorf("the table holds %d buckets, want 3", len(b.table))
	}
	if ok, _ := b.take("kept", 0); ok {
		t.Error("a bucket in use was forgotten")
	}
	if ok, _ := b.take("0", 0); !ok {
		t.Error("the oldest bucket was not forgotten")
	}
	b.giveBack("kept")
	if ok, _ := b.take("kept", 0); !ok {
		t.Error("what was given back is not there")
	}
	b.giveBack("nobody")
	if n := b.order.Len(); n != len(b.table) {
		t.Errorf("the list holds %d buckets, the table %d", n, len(b.table))
	}
}

type inner struct {
	Level int64 `json:"level"`
}

type sample struct {
	commonParams
	Name   string            `json:"name"`
	Yes    bool              `json:"yes"`
	Span   evenkeel.Duration `json:"span"`
	Skills evenkeel.Skills   `json:"skills"`
	List   []inner           `json:"list"`
	Texts  []string          `json:"texts"`
	One    inner             `json:"one"`
	Raw    json.RawMessage   `json:"raw"`
	Count  uint64            `json:"count"`
	Role   evenkeel.Role     `json:"role"`
	hidden int
}

func TestStrict(t *testing.T) {
	s := shapeFor[sample]()
	for _, c := range []struct{ text, field, detail string }{
		{`{"name":"x","id":"i","yes":true,"span":1.5,"skills":{"a":1},"list":[{"level":2}],"one":{"level":3},"raw":[1],"count":4,"role":"admin"}`, "", ""},
		{``, "", ""},
		{" \n", "", ""},
		{`{}`, "", ""},
		{`{"name":null,"list":null}`, "", ""},
		{`{"hidden":1}`, "hidden", "unknown"},
		{`{"Name":"x"}`, "Name", "unknown"},
		{`{"name":"x","name":"y"}`, "name", "twice"},
		{`{"name":1}`, "name", "must be a string"},
		{`{"yes":1}`, "yes", "must be true or false"},
		{`{"count":-1}`, "count", "must be a whole number and not negative"},
		{`{"one":{"level":1.5}}`, "one.level", "must be a whole number"},
		{`{"one":[]}`, "one", "must be an object"},
		{`{"list":{}}`, "list", "must be a list"},
		{`{"list":[{"level":1},{"level":"x"}]}`, "list[1].level", "must be a whole number"},
		{`{"list":[{"size":1}]}`, "list[0].size", "unknown"},
		{`{"list":[1]}`, "list[0]", "must be an object"},
		{`{"on_behalf_of":{"customer":"c","tenant":"t"}}`, "on_behalf_of.tenant", "unknown"},
		{`{"texts":"x"}`, "texts", "must be a list"},
		{`{"span":"20s"}`, "span", "number of seconds"},
		{`{"skills":[]}`, "skills", "must be an object of levels"},
		{`{"role":"king"}`, "role", "must be one of"},
		{`{"` + strings.Repeat("x", 1000) + `":1}`, strings.Repeat("x", 128) + "...", "unknown"},
		{`[]`, "", "the body must be an object"},
		{`"x"`, "", "the body must be an object"},
		{`{"name":"x"`, "", "not a JSON text"},
		{`{"name":"x"} x`, "", "not a JSON text"},
		{"\xff", "", "not a JSON text"},
		{"{\"name\":\"\xff\"}", "", "not UTF-8"},
		{"{\"raw\":{\"a\":\"\xff\"}}", "", "not UTF-8"}, // a browser would cut the connection over it
	} {
		var v sample
		err := s.decode([]byte(c.text), &v)
		switch {
		case c.detail == "" && err != nil:
			t.Errorf("%.60s: %v", c.text, err)
		case c.detail != "" && (err == nil || err.Code != evenkeel.CodeBadRequest || err.Field != c.field || !strings.Contains(err.Detail, c.detail)):
			t.Errorf("%.60s: %+v, want the field %q and %q", c.text, err, c.field, c.detail)
		}
	}
	v := sample{Texts: []string{"a", "b"}, Name: "kept"}
	if err := s.decode([]byte(`{"texts":["c"],"one":{"level":7},"id":"i"}`), &v); err != nil || len(v.Texts) != 1 || v.Name != "kept" || v.One.Level != 7 || v.ID != "i" || v.hidden != 0 {
		t.Errorf("read %+v, %v", v, err)
	}
}

func TestCursor(t *testing.T) {
	if last, err := readCursor('q', makeCursor('q', "sales")); err != nil || last != "sales" {
		t.Errorf("read back %q, %v", last, err)
	}
	for _, cursor := range []string{"!", makeCursor('a', "sales"), strings.Repeat("A", 600)} {
		if _, err := readCursor('q', cursor); err == nil {
			t.Errorf("the cursor %.20q was taken", cursor)
		}
	}
}

func TestInterleave(t *testing.T) {
	m := func(n uint64) *evenkeel.Message { return &evenkeel.Message{Number: n} }
	n := func(n, after uint64) *evenkeel.Note { return &evenkeel.Note{Number: n, After: after} }
	items := interleave(&evenkeel.Transcript{
		Messages: []*evenkeel.Message{m(1), m(2), m(3)}, Notes: []*evenkeel.Note{n(1, 0), n(2, 2), n(3, 2), n(4, 3)},
	})
	var got []string
	for _, item := range items {
		switch x := item.(type) {
		case *evenkeel.Message:
			got = append(got, fmt.Sprint(x.Number))
		case *evenkeel.Note:
			got = append(got, fmt.Sprint("n", x.Number))
		}
	}
	if want := "n1 1 2 n2 n3 3 n4"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

// FuzzParams sends any text to any method: it is refused with a field or a
// reason, or becomes a command that fits into the log.
func FuzzParams(f *testing.F) {
	methods := Methods()
	var names []string
	for name := range methods {
		names = append(names, name)
	}
	f.Add("chat.send", `{"id":"a","chat":"c1","text":"hi"}`)
	f.Add("chat.start", `{"id":"a","attributes":{"a":[1,{"b":null}]},"on_behalf_of":{"customer":"c"}}`)
	f.Add("chat.wrapup", `{"id":"a","chat":"c1","tags":["x","y"],"done":true}`)
	f.Add("chat.update", `{"id":"a","chat":"c1","priority":-1,"tags":[]}`)
	f.Add("agent.status", `{"id":"a","status":"away","reason":"\u0000"}`)
	f.Fuzz(func(t *testing.T, name, text string) {
		m := methods[name]
		if m == nil {
			m = methods[names[len(name)%len(names)]]
		}
		for _, role := range []evenkeel.Role{evenkeel.RoleCustomer, evenkeel.RoleService, evenkeel.RoleAdmin} {
			c, err := m.Read(principalNamed("service", "shop"), role, []byte(text))
			if err != nil {
				if err.Detail == "" || err.Code == evenkeel.CodeInternal {
					t.Fatalf("%s %q: refused without a reason: %+v", m.Name, text, err)
				}
				continue
			}
			b, failure := desk.EncodeCommand(nil, c)
			if failure != nil || len(b) > desk.MaxCommandBytes {
				t.Fatalf("%s %q: passed, but is %d bytes as a command: %v", m.Name, text, len(b), failure)
			}
			if _, failure := desk.DecodeCommand(b); failure != nil {
				t.Fatalf("%s %q: passed, but cannot be read back: %v", m.Name, text, failure)
			}
		}
	})
}

// FuzzStrict compares what is read with what encoding/json reads of it.
func FuzzStrict(f *testing.F) {
	s := shapeFor[sample]()
	f.Add(`{"name":"x","id":"i","yes":true,"span":1.5,"skills":{"a":1},"list":[{"level":2},null],"one":{"level":3},"raw":[1],"count":4,"role":"admin"}`)
	f.Add(`{ "name" : "\u00e4\n\ud83d" , "texts" : [ "a" , "b" ] , "raw" : { "a" : "}" } }`)
	f.Add(`{"on_behalf_of":{"customer":"c","agent":null},"raw":"\"","span":null}`)
	f.Fuzz(func(t *testing.T, text string) {
		var ours, theirs sample
		if err := s.decode([]byte(text), &ours); err != nil || strings.TrimSpace(text) == "" || strings.Contains(text, "null") {
			return // nothing and null are absent here, and errors or zeros there
		}
		if err := json.Unmarshal([]byte(text), &theirs); err != nil {
			t.Fatalf("%q was read, but is not what it should be: %v", text, err)
		}
		theirs.hidden = ours.hidden
		if a, b := fmt.Sprintf("%+v", ours), fmt.Sprintf("%+v", theirs); ours.OnBehalfOf == nil && a != b {
			t.Fatalf("%q was read as\n%s, not as\n%s", text, a, b)
		}
	})
}

// TestLargestCommand: the largest text that passes fits.
func TestLargestCommand(t *testing.T) {
	wide := strings.Repeat("\U0001F600", maxTextRunes)
	m := Methods()["chat.start"]
	document := `{"a":"` + strings.Repeat("x", maxDocument-8) + `"}`
	text := `{"id":"` + strings.Repeat("i", maxIDBytes) + `","message":"` + wide + `","attributes":` + document + `}`
	c, err := m.Read(principalNamed("visitor", "v"), evenkeel.RoleCustomer, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	b, failure := desk.EncodeCommand(nil, c)
	if failure != nil || len(b) > desk.MaxCommandBytes || len(b)+maxBatchBytes > desk.MaxEntryBytes {
		t.Errorf("%d bytes as a command: %v", len(b), failure)
	}
}

func BenchmarkReadSend(b *testing.B) {
	m := Methods()["chat.send"]
	raw := []byte(`{"id":"0123456789abcdef","chat":"c12345","text":"Good morning, what can I do for you?"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Read(principalNamed("visitor", "v1"), evenkeel.RoleCustomer, raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCourier(b *testing.B) {
	c := NewCourier()
	c.Step(0, IncarnationIssued{1}, ClientConnected{Client: 1, Principal: principalNamed("visitor", "v1"), Need: SessionOnDemand})
	body := &evenkeel.ChatSend{Chat: "c1", Text: "hello"}
	results := make([]evenkeel.Result, 2)
	tag := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		tag++
		now := time.Duration(tag) * time.Microsecond
		out := c.Step(now, Submitted{Client: 1, Tag: tag, Command: &evenkeel.Command{ID: "x", Body: body}, Size: 50})
		p, ok := out[0].(Proposal)
		if !ok {
			b.Fatal("no proposal")
		}
		c.Step(now, ProposalDone{Batch: p.Batch, Results: results[:len(p.Commands)]})
	}
}
