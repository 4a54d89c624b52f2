//evenkeel:shell

package edge

import (
	"net/http"

	"github.com/evenkeel/evenkeel"
)

func (e *Edge) cannedRoutes() []route {
	who := asking(evenkeel.KindCannedPut)
	return []route{
		{http.MethodGet, "/v1/canned", who, listCanned, "Canned replies that the caller may use, by id; those whose shortcut, or a word of whose title, begins with q",
			lists[evenkeel.Canned]("q", "queue", "owner")},
		{http.MethodGet, "/v1/canned/{id}", who, getCanned, "One canned reply", gives[evenkeel.Canned]().of(evenkeel.KindCannedPut)},
		{http.MethodPut, "/v1/canned/{id}", who, e.putCanned(), "Create or replace a canned reply; an agent's is his own",
			puts[evenkeel.Canned, evenkeel.Canned](evenkeel.Canned{}).of(evenkeel.KindCannedPut)},
		{http.MethodDelete, "/v1/canned/{id}", who, deleteCanned, "Remove a canned reply", ends().of(evenkeel.KindCannedPut)},
		{http.MethodGet, "/v1/chats/{id}/canned/{canned}", who, renderCanned, "A canned reply, filled in for a chat", gives[cannedReply]()},
	}
}

func getCanned(q *request) (*answer, *evenkeel.Error) {
	return q.view(func(r Reader) (any, error) { return r.Canned(q.who.Principal, q.PathValue("id")) })
}

func listCanned(q *request) (*answer, *evenkeel.Error) {
	query := q.URL.Query()
	text := query.Get("q")
	if err := tooLong("q", text, maxNameRunes); err != nil {
		return nil, err
	}
	filter := evenkeel.CannedFilter{Queue: query.Get("queue"), Owner: query.Get("owner"), Match: cannedMatch(text)}
	return listPage(q, 'r', func(c *evenkeel.Canned) string { return c.ID }, func(r Reader, after string, limit int) ([]*evenkeel.Canned, error) {
		return r.CannedReplies(q.who.Principal, filter, after, limit)
	}, func(c *evenkeel.Canned) any { return c })
}

func (e *Edge) putCanned() handler {
	s := shapeFor[evenkeel.Canned]()
	return func(q *request) (*answer, *evenkeel.Error) {
		b := evenkeel.Canned{ID: q.PathValue("id"), Title: q.PathValue("id")}
		if err := s.decode(q.body, &b); err != nil {
			return nil, err
		}
		if err := firstError(q.takeID(&b.ID), checkCanned(&b)); err != nil {
			return nil, err
		}
		return q.put(&evenkeel.CannedPut{Canned: b}, func(r Reader) (any, error) { return r.Canned(q.who.Principal, b.ID) })
	}
}

func deleteCanned(q *request) (*answer, *evenkeel.Error) {
	return q.remove(&evenkeel.CannedDelete{Canned: q.PathValue("id")})
}

func renderCanned(q *request) (*answer, *evenkeel.Error) {
	chat, canned := q.PathValue("id"), q.PathValue("canned")
	return q.view(func(r Reader) (any, error) {
		text, err := r.RenderCanned(q.who.Principal, chat, canned)
		return &cannedReply{Text: text, Index: r.Index()}, err
	})
}
