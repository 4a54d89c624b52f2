package archive

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"pgregory.net/rapid"

	"github.com/evenkeel/evenkeel"
)

// model is an archive in a map that looks at everything for every question.
type model struct {
	chats map[chatKey]*evenkeel.ArchiveRecord
}

func newModel() *model { return &model{chats: map[chatKey]*evenkeel.ArchiveRecord{}} }

func (m *model) apply(op *evenkeel.ArchiveOp) {
	key := chatKey{op.Workspace, op.Chat}
	rec := m.chats[key]
	switch op.Kind {
	case evenkeel.ArchivePut:
		c := *op.Record.Chat
		m.chats[key] = &evenkeel.ArchiveRecord{Chat: &c, Messages: op.Record.Messages, Notes: op.Record.Notes}
	case evenkeel.ArchiveRate, evenkeel.ArchiveTag, evenkeel.ArchiveNote:
		if rec != nil {
			amend(rec, op)
		}
	case evenkeel.ArchiveErase:
		for k, rec := range m.chats {
			if k.workspace == op.Workspace && rec.Chat.Customer == op.Customer {
				erase(rec)
			}
		}
	case evenkeel.ArchiveExpire:
		for k, rec := range m.chats {
			if k.workspace == op.Workspace && rec.Chat.Queue == op.Queue && rec.Chat.ClosedAt < op.Before {
				delete(m.chats, k)
			}
		}
	case evenkeel.ArchiveLeave:
		for k := range m.chats {
			if k.workspace == op.Workspace {
				delete(m.chats, k)
			}
		}
	case evenkeel.ArchiveMerge:
		for k, rec := range m.chats {
			if k.workspace == op.Workspace && rec.Chat.Customer == op.Visitor {
				rec.Chat.Customer = op.Customer
			}
		}
	}
}

// search finds by comparing texts as strings of words, not as an index does.
func (m *model) search(q evenkeel.ArchiveQuery) []*evenkeel.ArchiveRecord {
	var all []*evenkeel.ArchiveRecord
	for _, rec := range m.chats {
		if selects(&q, rec.Chat) && m.says(rec, &q) {
			all = append(all, rec)
		}
	}
	slices.SortFunc(all, func(a, b *evenkeel.ArchiveRecord) int { return cmp.Compare(a.Chat.ID, b.Chat.ID) })
	return all
}

// says tells whether a chat has all that drawText can ask for: words of the
// test's own vocabulary, the last one begun, or one phrase.
func (m *model) says(rec *evenkeel.ArchiveRecord, q *evenkeel.ArchiveQuery) bool {
	texts := []string{rec.Chat.Subject}
	for _, msg := range rec.Messages {
		texts = append(texts, msg.Text)
	}
	for _, n := range rec.Notes {
		if q.Notes {
			texts = append(texts, n.Text)
		}
	}
	has := func(piece string) bool {
		return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(" "+text+" ", piece) })
	}
	if phrase, ok := strings.CutPrefix(q.Text, `"`); ok {
		return has(" " + strings.TrimSuffix(phrase, `"`) + " ")
	}
	fields := strings.Fields(q.Text)
	for i, f := range fields {
		if i == len(fields)-1 && len(f) >= minBegun {
			if !has(" " + f) {
				return false
			}
		} else if !has(" " + f + " ") {
			return false
		}
	}
	return true
}

var (
	chatIDs    = []string{"c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"}
	vocab      = []string{"red", "green", "blue", "greenhouse", "ship", "shipping", "keel", "to"}
	workspaces = []string{"default", "default", "default", "acme"}
)

func pick(t *rapid.T, name string, from []string) string {
	return rapid.SampledFrom(from).Draw(t, name)
}

func drawText(t *rapid.T, n int) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(vocab), 0, n).Draw(t, "text"), " ")
}

func drawOp(t *rapid.T, seq uint64) evenkeel.ArchiveOp {
	op := evenkeel.ArchiveOp{Seq: seq, Workspace: pick(t, "workspace", workspaces)}
	kinds := []evenkeel.ArchiveOpKind{1, 1, 1, 1, 1, 2, 3, 4, 4, 5, 6, 7}
	op.Kind = rapid.SampledFrom(kinds).Draw(t, "kind")
	switch op.Kind {
	case evenkeel.ArchivePut:
		op.Chat = pick(t, "chat", chatIDs)
		op.Record = drawRecord(t, op.Workspace, op.Chat)
	case evenkeel.ArchiveRate:
		op.Chat, op.Rating = pick(t, "chat", chatIDs), &evenkeel.Rating{Score: rapid.Int64Range(1, 5).Draw(t, "score"), Comment: "fine"}
	case evenkeel.ArchiveTag:
		op.Chat, op.Tags = pick(t, "chat", chatIDs), rapid.SliceOfNDistinct(rapid.SampledFrom(vocab), 0, 3, rapid.ID[string]).Draw(t, "tags")
	case evenkeel.ArchiveNote:
		op.Chat, op.Note = pick(t, "chat", chatIDs), &evenkeel.Note{ID: "n", Text: drawText(t, 4)}
	case evenkeel.ArchiveErase:
		op.Customer = pick(t, "customer", vocab[:3])
	case evenkeel.ArchiveExpire:
		op.Queue, op.Before = pick(t, "queue", vocab[:3]), evenkeel.Time(rapid.Int64Range(1000, 1010).Draw(t, "before"))
	case evenkeel.ArchiveMerge:
		op.Visitor, op.Customer = pick(t, "visitor", vocab[:3]), pick(t, "customer", vocab[:3])
	}
	return op
}

func drawRecord(t *rapid.T, workspace, id string) *evenkeel.ArchiveRecord {
	rec := &evenkeel.ArchiveRecord{Chat: &evenkeel.Chat{
		ID: id, Workspace: workspace, Queue: pick(t, "queue", vocab[:3]), Customer: pick(t, "customer", vocab[:3]), State: evenkeel.ChatClosed,
		Subject: drawText(t, 2), Reason: evenkeel.CloseReason(rapid.IntRange(1, 3).Draw(t, "reason")),
		ClosedAt: evenkeel.Time(rapid.Int64Range(1000, 1010).Draw(t, "closed")), Attributes: []byte(`{"a":1}`),
	}}
	if agent := pick(t, "agent", []string{"", "ann", "bob"}); agent != "" {
		rec.Chat.Agent = &evenkeel.Person{ID: agent}
	}
	for n := range rapid.IntRange(0, 4).Draw(t, "messages") {
		m := &evenkeel.Message{Number: uint64(n + 1), ID: strconv.Itoa(n), Text: drawText(t, 5), Time: rec.Chat.ClosedAt}
		rec.Messages, rec.Chat.LastMessage, rec.Chat.Messages = append(rec.Messages, m), m, m.Number
	}
	if rapid.Bool().Draw(t, "note") {
		rec.Notes = []*evenkeel.Note{{Number: 1, ID: "n", Text: drawText(t, 4)}}
	}
	return rec
}

func drawQuery(t *rapid.T) evenkeel.ArchiveQuery {
	q := evenkeel.ArchiveQuery{
		Workspace: pick(t, "workspace", workspaces), Notes: rapid.Bool().Draw(t, "notes"), Text: drawText(t, 2),
		Customer: pick(t, "customer", []string{"", "", "red", "blue"}), Agent: pick(t, "agent", []string{"", "", "ann"}),
		Queue: pick(t, "queue", []string{"", "", "red", "green"}), Tag: pick(t, "tag", []string{"", "", "", "red"}),
		Limit: rapid.IntRange(1, 5).Draw(t, "limit"),
	}
	if q.Text != "" && rapid.Bool().Draw(t, "phrase") {
		q.Text = `"` + q.Text + `"`
	}
	if rapid.Bool().Draw(t, "time") {
		q.From = evenkeel.Time(rapid.Int64Range(998, 1012).Draw(t, "from"))
		q.To = q.From + evenkeel.Time(rapid.Int64Range(0, 6).Draw(t, "span"))
	}
	switch rapid.IntRange(0, 5).Draw(t, "more") {
	case 0:
		q.Score = rapid.Int64Range(1, 5).Draw(t, "score")
	case 1:
		q.Reason = evenkeel.ClosedByAgent
	}
	return q
}

// assistant applies operations one by one for tests that tell a story.
type assistant struct {
	t   interface{ Fatalf(string, ...any) }
	b   backend
	seq uint64
}

func (a *assistant) do(op evenkeel.ArchiveOp) {
	a.seq = a.b.Cursor() + 1
	op.Seq = a.seq
	if op.Workspace == "" {
		op.Workspace = "default"
	}
	if err := a.b.Apply(background(), []evenkeel.ArchiveOp{op}); err != nil {
		a.t.Fatalf("%v", err)
	}
}

func (a *assistant) put(id string, messages ...string) {
	a.putAt(id, evenkeel.Time(1000+a.b.Cursor()), messages...)
}

func (a *assistant) putAt(id string, closed evenkeel.Time, messages ...string) {
	a.do(evenkeel.ArchiveOp{Kind: evenkeel.ArchivePut, Chat: id, Record: talk(id, closed, messages...)})
}

func talk(id string, closed evenkeel.Time, messages ...string) *evenkeel.ArchiveRecord {
	rec := &evenkeel.ArchiveRecord{Chat: &evenkeel.Chat{
		ID: id, Workspace: "default", Queue: "general", Customer: "v1", State: evenkeel.ChatClosed, ClosedAt: closed, Reason: evenkeel.ClosedByAgent,
		Messages: uint64(len(messages)),
	}}
	for i, text := range messages {
		rec.Messages = append(rec.Messages, &evenkeel.Message{Number: uint64(i + 1), ID: fmt.Sprint(i), Text: text})
	}
	return rec
}

// find returns the ids of what a query selects, in order.
func (a *assistant) find(q evenkeel.ArchiveQuery) string {
	if q.Workspace == "" {
		q.Workspace = "default"
	}
	page, err := a.b.Search(background(), q)
	if err != nil {
		a.t.Fatalf("%+v: %v", q, err)
	}
	var ids []string
	for _, h := range page.Hits {
		ids = append(ids, h.Chat.ID)
	}
	return strings.Join(ids, " ")
}
