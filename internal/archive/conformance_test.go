package archive

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/evenkeel/evenkeel"
)

// backend is what every keeper of an archive does, SQLite or another. The tests
// of this file know nothing else of it.
type backend interface {
	Apply(context.Context, []evenkeel.ArchiveOp) error
	Cursor() uint64
	Chat(ctx context.Context, workspace, id string) (*evenkeel.Chat, error)
	Transcript(ctx context.Context, workspace, id string, r evenkeel.MessageRange, notes bool) (*evenkeel.Transcript, error)
	Search(context.Context, evenkeel.ArchiveQuery) (*evenkeel.ArchivePage, error)
	Walk(context.Context, evenkeel.ArchiveQuery, func(*evenkeel.ArchiveRecord) error) error
	Status() evenkeel.ArchiveStatus
	Close() error
}

// opener opens the same archive again each time.
type opener func(t rapid.TB) backend

// conforms runs all that a backend promises.
func conforms(t *testing.T, fresh func(t testing.TB) opener) {
	t.Run("property", func(t *testing.T) {
		rapid.Check(t, func(r *rapid.T) { driveBackend(r, fresh(t)) })
	})
	for name, test := range map[string]func(*testing.T, backend){
		"gap": testGap, "transcripts": testTranscripts, "sweeps": testSweeps, "typed": testTyped, "same time": testSameTime,
		"highlights": testHighlights, "walk stops": testWalkStops, "order and filters": testOrder,
	} {
		t.Run(name, func(t *testing.T) {
			b := fresh(t)(t)
			test(t, b)
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// driver draws operations and asks the backend and the model the same things.
type driver struct {
	*rapid.T
	backend
	model *model
	open  opener
	ops   []evenkeel.ArchiveOp // all so far
	seq   uint64
}

func driveBackend(t *rapid.T, open opener) {
	d := &driver{T: t, open: open, backend: open(t), model: newModel()}
	defer func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	t.Repeat(map[string]func(*rapid.T){
		"":       d.check,
		"apply":  d.apply,
		"again":  d.again,
		"search": d.search,
		"reopen": func(t *rapid.T) {
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			d.backend = d.open(t)
		},
	})
}

func (d *driver) check(t *rapid.T) {
	st := d.Status()
	if d.Cursor() != d.seq || st.Cursor != d.seq || st.Chats != int64(len(d.model.chats)) {
		t.Fatalf("cursor %d, status %+v; want cursor %d and %d chats", d.Cursor(), st, d.seq, len(d.model.chats))
	}
}

func (d *driver) apply(t *rapid.T) {
	var ops []evenkeel.ArchiveOp
	for range rapid.IntRange(1, 6).Draw(t, "ops") {
		d.seq++
		ops = append(ops, drawOp(t, d.seq))
	}
	if err := d.Apply(context.Background(), ops); err != nil {
		t.Fatal(err)
	}
	d.ops = append(d.ops, ops...)
	for i := range ops {
		d.model.apply(&ops[i])
	}
}

// again applies operations that were done before, with or without new ones.
func (d *driver) again(t *rapid.T) {
	if len(d.ops) == 0 {
		return
	}
	from := rapid.IntRange(0, len(d.ops)-1).Draw(t, "from")
	if err := d.Apply(context.Background(), d.ops[from:]); err != nil {
		t.Fatal(err)
	}
}

func (d *driver) search(t *rapid.T) {
	q := drawQuery(t)
	var got, want []string
	for _, c := range d.model.search(q) {
		want = append(want, c.Chat.ID)
	}
	page := &evenkeel.ArchivePage{}
	for first := true; first || page.Next != ""; first = false {
		q.After = page.Next
		var err error
		if page, err = d.Search(context.Background(), q); err != nil {
			t.Fatal(err)
		}
		if len(page.Hits) > q.Limit || page.Next != "" && len(page.Hits) == 0 {
			t.Fatalf("a page of %d for a limit of %d", len(page.Hits), q.Limit)
		}
		for _, h := range page.Hits {
			got = append(got, h.Chat.ID)
			if rec := d.model.chats[chatKey{q.Workspace, h.Chat.ID}]; rec == nil || !reflect.DeepEqual(tidy(rec.Chat), tidy(h.Chat)) {
				t.Fatalf("got %+v", h.Chat)
			}
			if (q.Text != "") != (len(h.Highlights) > 0) {
				t.Fatalf("%q found %s with highlights %v", q.Text, h.Chat.ID, h.Highlights)
			}
		}
	}
	d.inOrder(t, q, got)
	listed := slices.Clone(got)
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Fatalf("%+v\nfound %v\nwant  %v", q, got, want)
	}
	q.After = ""
	var walked []string
	err := d.Walk(context.Background(), q, func(rec *evenkeel.ArchiveRecord) error {
		walked = append(walked, rec.Chat.ID)
		d.same(t, d.model.chats[chatKey{q.Workspace, rec.Chat.ID}], rec)
		return nil
	})
	if err != nil || !slices.Equal(walked, listed) {
		t.Fatalf("%+v walked %v, %v, want %v", q, walked, err, listed)
	}
	d.read(t)
}

// inOrder wants those closed last first. Where several close at one time, one of
// them may stand among those of the next few milliseconds.
func (d *driver) inOrder(t *rapid.T, q evenkeel.ArchiveQuery, ids []string) {
	latest := evenkeel.Time(1 << 60)
	for _, id := range ids {
		closed := d.model.chats[chatKey{q.Workspace, id}].Chat.ClosedAt
		if closed > latest+16 {
			t.Fatalf("%v is not the order of closing", ids)
		}
		latest = min(latest, closed)
	}
}

// read compares each chat and its transcript.
func (d *driver) read(t *rapid.T) {
	for _, id := range chatIDs {
		want := d.model.chats[chatKey{"default", id}]
		c, err := d.Chat(context.Background(), "default", id)
		if want == nil {
			if evenkeel.ErrorCode(err) != evenkeel.CodeNotFound {
				t.Fatalf("%s is there: %+v, %v", id, c, err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(tidy(c), tidy(want.Chat)) {
			t.Fatalf("%s: %v\ngot  %+v\nwant %+v", id, err, c, want.Chat)
		}
		tr, err := d.Transcript(context.Background(), "default", id, evenkeel.MessageRange{Limit: 1000}, true)
		if err != nil {
			t.Fatal(err)
		}
		d.same(t, want, &evenkeel.ArchiveRecord{Chat: c, Messages: tr.Messages, Notes: tr.Notes})
	}
}

func (d *driver) same(t *rapid.T, want, got *evenkeel.ArchiveRecord) {
	if want == nil || !reflect.DeepEqual(tidy(want.Chat), tidy(got.Chat)) || fmt.Sprint(texts(want)) != fmt.Sprint(texts(got)) {
		t.Fatalf("got %+v %v\nwant %+v", got.Chat, texts(got), want)
	}
}

func texts(rec *evenkeel.ArchiveRecord) (all []string) {
	for _, m := range rec.Messages {
		all = append(all, fmt.Sprintf("%+v", *m))
	}
	for _, n := range rec.Notes {
		all = append(all, fmt.Sprintf("%+v", *n))
	}
	return all
}

// tidy makes empty and absent lists equal.
func tidy(c *evenkeel.Chat) evenkeel.Chat {
	out := *c
	if len(out.Tags) == 0 {
		out.Tags = nil
	}
	if len(out.Attributes) == 0 {
		out.Attributes = nil
	}
	return out
}

func testGap(t *testing.T, b backend) {
	a := assistant{t, b, 0}
	a.put("c1", "hello")
	err := b.Apply(t.Context(), []evenkeel.ArchiveOp{{Seq: 3, Kind: evenkeel.ArchiveExpire, Workspace: "default"}})
	if !errors.Is(err, ErrGap) || b.Cursor() != 1 {
		t.Errorf("operation 3 after 1: %v, cursor %d", err, b.Cursor())
	}
	err = b.Apply(t.Context(), []evenkeel.ArchiveOp{
		{Seq: 2, Kind: evenkeel.ArchiveErase, Workspace: "default", Customer: "v1"},
		{Seq: 4, Kind: evenkeel.ArchiveExpire, Workspace: "default"},
	})
	if !errors.Is(err, ErrGap) || b.Cursor() != 1 {
		t.Errorf("a hole inside: %v, cursor %d", err, b.Cursor())
	}
	if a.find(evenkeel.ArchiveQuery{Text: "hello"}) != "c1" {
		t.Error("a refused batch left a trace")
	}
	hollow := evenkeel.ArchiveOp{Seq: 2, Kind: evenkeel.ArchivePut, Workspace: "default", Chat: "c2", Record: &evenkeel.ArchiveRecord{}}
	if err := b.Apply(t.Context(), []evenkeel.ArchiveOp{hollow}); err == nil {
		t.Error("a put without a chat was applied")
	}
	hollow.Record = nil // the chat went with its workspace
	if err := b.Apply(t.Context(), []evenkeel.ArchiveOp{hollow, {Seq: 3, Kind: evenkeel.ArchiveLeave, Workspace: "default"}}); err != nil || b.Cursor() != 3 {
		t.Errorf("a put of a chat that is gone: %v, cursor %d", err, b.Cursor())
	}
	if found := a.find(evenkeel.ArchiveQuery{Text: "hello"}); found != "" {
		t.Errorf("the workspace left, %s did not", found)
	}
}

// testSameTime closes many chats in one millisecond: each has a place of its own.
func testSameTime(t *testing.T, b backend) {
	a := assistant{t, b, 0}
	var want string
	for i := range 130 {
		a.putAt(fmt.Sprintf("c%03d", i), 5000, "hello")
		want = fmt.Sprintf("c%03d ", i) + want
	}
	a.putAt("later", 5050, "hello")
	var got string
	q := evenkeel.ArchiveQuery{Workspace: "default", Text: "hello", From: 5000, To: 5001, Limit: 7}
	for {
		page, err := b.Search(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range page.Hits {
			got += h.Chat.ID + " "
		}
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func testWalkStops(t *testing.T, b backend) {
	a := assistant{t, b, 0}
	for i := range 150 {
		a.put(fmt.Sprintf("c%03d", i), "hello")
	}
	n := 0
	stop := errors.New("enough")
	err := b.Walk(t.Context(), evenkeel.ArchiveQuery{Workspace: "default"}, func(*evenkeel.ArchiveRecord) error {
		if n++; n == 100 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || n != 100 {
		t.Errorf("walked %d: %v", n, err)
	}
}
