//evenkeel:shell

package edge

import (
	"net/http"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/auth"
)

func (e *Edge) chatRoutes() []route {
	read := asking(evenkeel.KindChatStart) // whoever may start a chat may read his own
	staff := asking(evenkeel.KindChatNote)
	rows := []route{
		{http.MethodGet, "/v1/chats", read, listChats, "Live chats, by state, queue, agent or customer", lists[anyChat]("state", "queue", "agent", "customer")},
		{http.MethodPost, "/v1/chats", asking(evenkeel.KindChatStart), e.command("chat.start"), "Start a chat", e.acts("chat.start")},
		{http.MethodGet, "/v1/chats/{id}", read, getChat, "One chat", gives[anyChat]()},
		{http.MethodPatch, "/v1/chats/{id}", asking(evenkeel.KindChatUpdate), e.command("chat.update"), "Change priority, tags or attributes", e.acts("chat.update")},
		{http.MethodGet, "/v1/chats/{id}/messages", read, listMessages, "Messages, and notes for staff, in order", lists[talk]("after", "before", "notes")},
		{http.MethodPost, "/v1/chats/{id}/messages", asking(evenkeel.KindChatSend, evenkeel.KindChatNote), e.command("chat.send"), "Send a message or write a note", e.acts("chat.send", "text")},
		{http.MethodGet, "/v1/chats/{id}/why", staff, getWhy, "Why the chat is where it is", gives[evenkeel.Why]()},
		{http.MethodPut, "/v1/agents/{id}/status", asking(evenkeel.KindAgentStatus), e.command("agent.status"), "Set what an agent wants to be", e.acts("agent.status", "status")},
	}
	for _, action := range []struct {
		path, method string
		kind         evenkeel.Kind
		about        string
		needs        []string
	}{
		{"accept", "chat.accept", evenkeel.KindChatAccept, "Take an offered chat", nil},
		{"decline", "chat.decline", evenkeel.KindChatDecline, "Refuse an offered chat", nil},
		{"take", "chat.take", evenkeel.KindChatTake, "Take a waiting chat, or take one over", nil},
		{"transfer", "chat.transfer", evenkeel.KindChatTransfer, "Hand a chat to a queue or an agent", nil},
		{"invite", "chat.invite", evenkeel.KindChatInvite, "Add an agent to a chat", []string{"agent"}},
		{"leave", "chat.leave", evenkeel.KindChatLeave, "Leave a chat as a participant", nil},
		{"close", "chat.close", evenkeel.KindChatClose, "End a chat", nil},
		{"wrapup", "chat.wrapup", evenkeel.KindChatWrapup, "Write notes and tags after the talk", nil},
		{"rating", "chat.rate", evenkeel.KindChatRate, "Judge a chat that is over", []string{"score"}},
	} {
		rows = append(rows, route{
			http.MethodPost, "/v1/chats/{id}/" + action.path, asking(action.kind), e.command(action.method), action.about,
			e.acts(action.method, action.needs...),
		})
	}
	return rows
}

// command is the handler of a route that does the same as an RPC method: the
// same fields, the same answer. What the address names comes from there; the
// id from the body, or from the Idempotency-Key.
func (e *Edge) command(name string) handler {
	m := e.methods[name]
	return func(q *request) (*answer, *evenkeel.Error) {
		p, err := m.parse(q.body)
		if err != nil {
			return nil, err
		}
		if id := q.PathValue("id"); id != "" {
			if err := p.aim(id); err != nil {
				return nil, err
			}
		}
		if p.common().ID == "" {
			if p.common().ID, err = q.idempotencyKey(); err != nil {
				return nil, err
			}
		}
		c, err := m.command(q.who.Principal, q.who.Role, p)
		if err == nil {
			err = e.mayWrite(q.who, c.Body.Kind(), len(q.body))
		}
		if err != nil {
			return nil, err
		}
		if start, ok := c.Body.(*evenkeel.ChatStart); c.ID == "" && !(ok && start.Message == "") {
			// Named here, so that the courier can ask again, and so that a
			// message has an id. A start alone needs none: a second one finds
			// the first one's chat.
			id, failure := auth.NewID(e.cfg.Random, "http-")
			if failure != nil {
				return nil, asError(failure)
			}
			c.ID = id
		}
		result, err := q.propose(c)
		if e.hasLeft(c, err) {
			result, err = e.amend(q.Context(), c, len(q.body))
		}
		if err != nil {
			return nil, err
		}
		body, failure := AppendResult(nil, m.View, q.who.Role, &result)
		if failure != nil {
			return nil, asError(failure)
		}
		a := &answer{index: result.Index, raw: append(body, '\n')}
		if m.View == ViewNumber || m.View == ViewStart && !result.Existing || m.View == ViewMissed && result.Created {
			a.status = http.StatusCreated
		}
		return a, nil
	}
}

func getChat(q *request) (*answer, *evenkeel.Error) {
	p, err := q.edge.find(q.Context(), q.who.Principal, q.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return &answer{index: p.index, value: chatView(q.who.Role, p.chat)}, nil
}

func getWhy(q *request) (*answer, *evenkeel.Error) {
	return q.view(func(r Reader) (any, error) {
		why, err := r.Why(q.who.Principal, q.PathValue("id"))
		if err != nil {
			return nil, err
		}
		if why.Considered == nil {
			why.Considered = []evenkeel.Considered{}
		}
		return why, nil
	})
}

func listChats(q *request) (*answer, *evenkeel.Error) {
	query := q.URL.Query()
	filter := evenkeel.ChatFilter{Queue: query.Get("queue"), Agent: query.Get("agent"), Customer: query.Get("customer")}
	if s := query.Get("state"); s != "" {
		if err := filter.State.UnmarshalText([]byte(s)); err != nil || filter.State == 0 {
			return nil, badQuery("state", "must be one of queued, offered, active, wrapping, closed")
		}
	}
	if q.who.Role == evenkeel.RoleCustomer && filter.State == evenkeel.ChatClosed {
		return q.pastChats(evenkeel.ArchiveQuery{
			Workspace: q.who.Principal.Workspace, Customer: q.who.Principal.ID, Queue: filter.Queue, Agent: filter.Agent,
		})
	}
	return listPage(q, 'c', func(c *evenkeel.Chat) string { return c.ID }, func(r Reader, after string, limit int) ([]*evenkeel.Chat, error) {
		return r.Chats(q.who.Principal, filter, after, limit)
	}, func(c *evenkeel.Chat) any { return chatView(q.who.Role, c) })
}

// listMessages gives a page of the talk. Each note follows the message that it
// was written after.
func listMessages(q *request) (*answer, *evenkeel.Error) {
	query := q.URL.Query()
	limit, err := readLimit(query.Get("limit"))
	after, err2 := readNumber("after", query.Get("after"))
	before, err3 := readNumber("before", query.Get("before"))
	cursor, err4 := readCursor('m', query.Get("cursor"))
	if err := firstError(err, err2, err3, err4); err != nil {
		return nil, err
	}
	if cursor != "" {
		if after, err = readNumber("cursor", cursor); err != nil {
			return nil, err
		}
	}
	if after != 0 && before != 0 {
		return nil, badQuery("before", "cannot stand beside after or a cursor")
	}
	notes := query.Get("notes")
	if notes != "" && notes != "true" && notes != "false" {
		return nil, badQuery("notes", "must be true or false")
	}
	withNotes := notes != "false" && q.who.Role != evenkeel.RoleCustomer
	p, err := q.edge.find(q.Context(), q.who.Principal, q.PathValue("id"))
	if err != nil {
		return nil, err
	}
	span := evenkeel.MessageRange{After: after, Before: before, Limit: limit}
	t, err := q.edge.transcript(q.Context(), q.who.Principal, &p, span, withNotes)
	if err != nil {
		return nil, err
	}
	page := &listReply{Items: interleave(t)}
	if n := len(t.Messages); n > 0 && before == 0 && t.Messages[n-1].Number < p.chat.Messages {
		next := makeCursor('m', formatNumber(t.Messages[n-1].Number))
		page.Next = &next
	}
	return &answer{index: p.index, value: page}, nil
}
