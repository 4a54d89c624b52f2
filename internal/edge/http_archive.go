//evenkeel:shell

package edge

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel"
)

func (e *Edge) archiveRoutes() []route {
	staff := asking(evenkeel.KindChatNote)
	filters := []string{"q", "customer", "agent", "queue", "tag", "reason", "score", "from", "to"}
	whole := being(evenkeel.RoleSupervisor, evenkeel.RoleAdmin, evenkeel.RoleOperator, evenkeel.RoleService)
	return []route{
		{http.MethodGet, "/v1/archive/chats", staff, searchArchive, "Archived chats, the newest first, found by words and filters", lists[archiveHit](filters...)},
		{http.MethodGet, "/v1/archive/export", whole, exportArchive, "All archived chats that the filters select, one JSON document a line",
			form{query: append(slices.Clone(filters), "format"), status: []int{http.StatusOK}}.as(ndjsonKind)},
		{http.MethodGet, "/v1/chats/{id}/export", asking(evenkeel.KindChatStart), exportChat, "One chat with all that was said, as text, JSON or NDJSON",
			form{query: []string{"format"}, status: []int{http.StatusOK}}.as(textKind)},
		{http.MethodGet, "/v1/customers/{id}/chats", staff, customerChats, "A customer's past chats, the newest first", lists[anyChat]()},
		{http.MethodDelete, "/v1/customers/{id}", asking(evenkeel.KindCustomerErase), eraseCustomer, "Erase what a customer said and what is known of him", gives[eraseReceipt]()},
	}
}

// archiveHit is one archived chat that was found, and where.
type archiveHit struct {
	Chat       *evenkeel.Chat              `json:"chat"`
	Highlights []evenkeel.ArchiveHighlight `json:"highlights"`
}

// past reads the archive with all that the desk has not.
func (q *request) past() (past Past, index uint64, refusal *evenkeel.Error) {
	if !q.edge.archives() {
		return nil, 0, evenkeel.Errorf(evenkeel.CodeArchiveUnavailable, "this cell has no archive (archive: none)")
	}
	var dropped uint64
	q.edge.cfg.Cell.View(func(r Reader) { index, dropped = r.Index(), r.ArchiveState().Dropped })
	past, refusal = q.edge.past(q.Context(), dropped)
	return past, index, refusal
}

// archiveQuery reads the filters. An agent finds the chats that were his.
func (q *request) archiveQuery() (evenkeel.ArchiveQuery, *evenkeel.Error) {
	v := q.URL.Query()
	query := evenkeel.ArchiveQuery{
		Workspace: q.who.Principal.Workspace, Text: v.Get("q"), Notes: true, Customer: v.Get("customer"), Agent: v.Get("agent"),
		Queue: v.Get("queue"), Tag: v.Get("tag"),
	}
	if q.who.Role == evenkeel.RoleAgent {
		if query.Agent != "" && query.Agent != q.who.Principal.ID {
			return query, &evenkeel.Error{Code: evenkeel.CodeForbidden, Field: "agent", Detail: "an agent finds his own chats; a supervisor finds those of all"}
		}
		query.Agent = q.who.Principal.ID
	}
	if s := v.Get("reason"); s != "" {
		if err := query.Reason.UnmarshalText([]byte(s)); err != nil || query.Reason == 0 {
			return query, badQuery("reason", "is no reason of a closed chat")
		}
	}
	if s := v.Get("score"); s != "" {
		if len(s) != 1 || s[0] < '1' || s[0] > '5' {
			return query, badQuery("score", "must be from 1 to 5")
		}
		query.Score = int64(s[0] - '0')
	}
	from, err := readInstant("from", v)
	to, err2 := readInstant("to", v)
	query.From, query.To = from, to
	return query, firstError(err, err2, tooLong("q", query.Text, maxNameRunes))
}

// readInstant reads a time, or a day in UTC.
func readInstant(name string, v url.Values) (evenkeel.Time, *evenkeel.Error) {
	s := v.Get(name)
	if s == "" {
		return 0, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return evenkeel.TimeOf(t), nil
		}
	}
	return 0, badQuery(name, "must be a time such as 2026-01-31T12:00:00Z, or a day such as 2026-01-31")
}

func searchArchive(q *request) (*answer, *evenkeel.Error) {
	query, err := q.archiveQuery()
	limit, err2 := readLimit(q.URL.Query().Get("limit"))
	after, err3 := readCursor('s', q.URL.Query().Get("cursor"))
	if err := firstError(err, err2, err3); err != nil {
		return nil, err
	}
	past, index, err := q.past()
	if err != nil {
		return nil, err
	}
	query.After, query.Limit = after, limit
	found, failure := past.Search(q.Context(), query)
	if failure != nil {
		return nil, asError(failure)
	}
	page := &listReply{Items: []any{}}
	for _, h := range found.Hits {
		if h.Highlights == nil {
			h.Highlights = []evenkeel.ArchiveHighlight{}
		}
		page.Items = append(page.Items, archiveHit{h.Chat, h.Highlights})
	}
	if found.Next != "" {
		next := makeCursor('s', found.Next)
		page.Next = &next
	}
	return &answer{index: index, value: page}, nil
}

func customerChats(q *request) (*answer, *evenkeel.Error) {
	customer := q.PathValue("id")
	if err := checkID("id", customer); err != nil {
		return nil, err
	}
	query := evenkeel.ArchiveQuery{Workspace: q.who.Principal.Workspace, Customer: customer}
	if q.who.Role == evenkeel.RoleAgent {
		// Of a customer whom he serves now he reads all, of others what was his.
		of := &evenkeel.Chat{Workspace: query.Workspace, Customer: customer}
		q.edge.cfg.Cell.View(func(r Reader) {
			if r.MayReadArchived(q.who.Principal, of) != nil {
				query.Agent = q.who.Principal.ID
			}
		})
	}
	return q.pastChats(query)
}

// maxPast bounds the closed chats of one customer that are in the desk and stand
// before the archived ones.
const maxPast = 1000

// pastChats lists closed chats, the newest first: those in the desk, then the
// archived ones. A chat is in both while it lingers, and is shown once.
func (q *request) pastChats(query evenkeel.ArchiveQuery) (*answer, *evenkeel.Error) {
	limit, err := readLimit(q.URL.Query().Get("limit"))
	cursor, err2 := readCursor('p', q.URL.Query().Get("cursor"))
	if err := firstError(err, err2); err != nil {
		return nil, err
	}
	var here []*evenkeel.Chat
	var failure error
	var index uint64
	q.edge.cfg.Cell.View(func(r Reader) {
		index = r.Index()
		here, failure = r.Chats(q.who.Principal, evenkeel.ChatFilter{State: evenkeel.ChatClosed, Customer: query.Customer}, "", maxPast)
	})
	if failure != nil {
		return nil, asError(failure)
	}
	slices.Reverse(here)
	page := &listReply{Items: []any{}}
	at, archived := strings.CutPrefix(cursor, "archive ")
	if !archived {
		from := slices.IndexFunc(here, func(c *evenkeel.Chat) bool { return c.ID == cursor }) + 1
		for _, c := range here[from:] {
			if len(page.Items) == limit {
				break
			}
			page.Items = append(page.Items, chatView(q.who.Role, c))
			cursor = c.ID
		}
		if len(page.Items) == limit && q.edge.archives() {
			next := makeCursor('p', cursor)
			page.Next = &next
			return &answer{index: index, value: page}, nil
		}
		at = ""
	}
	if !q.edge.archives() {
		return &answer{index: index, value: page}, nil
	}
	past, _, err := q.past()
	if err != nil {
		return nil, err
	}
	query.After, query.Limit = at, limit-len(page.Items)
	found, failure := past.Search(q.Context(), query)
	if failure != nil {
		return nil, asError(failure)
	}
	for _, h := range found.Hits {
		if !slices.ContainsFunc(here, func(c *evenkeel.Chat) bool { return c.ID == h.Chat.ID }) {
			page.Items = append(page.Items, chatView(q.who.Role, h.Chat))
		}
	}
	if found.Next != "" {
		next := makeCursor('p', "archive "+found.Next)
		page.Next = &next
	}
	return &answer{index: index, value: page}, nil
}

// eraseReceipt says what an erasure did.
type eraseReceipt struct {
	Customer  string `json:"customer"`
	Chats     int64  `json:"chats"`
	Operation uint64 `json:"operation"`
	Note      string `json:"note"`
}

const eraseNote = "The texts are gone from the state of the cell and from its archive as soon as each copy has done the operation. " +
	"The log holds them until it is cut behind the next snapshot; backups made before now hold them until you delete those."

func eraseCustomer(q *request) (*answer, *evenkeel.Error) {
	customer := q.PathValue("id")
	if err := firstError(q.noBody(), checkID("id", customer)); err != nil {
		return nil, err
	}
	result, err := q.propose(&evenkeel.Command{Body: &evenkeel.CustomerErase{Customer: customer}})
	if err != nil {
		return nil, err
	}
	receipt := eraseReceipt{Customer: customer, Chats: int64(result.Number), Operation: result.Operation, Note: eraseNote}
	if q.edge.cfg.Archive != nil && result.Operation != 0 {
		n, err := q.countArchived(q.Context(), customer, result.Operation)
		if err != nil {
			receipt.Note = "Archived chats are not counted here (" + err.Detail + "). " + eraseNote
		}
		receipt.Chats += n
	}
	return &answer{index: result.Index, value: receipt}, nil
}

// countArchived counts a customer's archived chats that are not in the desk.
func (q *request) countArchived(ctx context.Context, customer string, operation uint64) (n int64, refusal *evenkeel.Error) {
	past, refusal := q.edge.past(ctx, operation)
	if refusal != nil {
		return 0, refusal
	}
	query := evenkeel.ArchiveQuery{Workspace: q.who.Principal.Workspace, Customer: customer, Limit: maxLimit}
	for {
		found, err := past.Search(ctx, query)
		if err != nil {
			return n, asError(err)
		}
		q.edge.cfg.Cell.View(func(r Reader) {
			for _, h := range found.Hits {
				if r.Archived(h.Chat.ID) {
					n++
				}
			}
		})
		if query.After = found.Next; query.After == "" {
			return n, nil
		}
	}
}
