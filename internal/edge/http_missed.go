//evenkeel:shell

package edge

import (
	"net/http"

	"github.com/evenkeel/evenkeel"
)

func (e *Edge) missedRoutes() []route {
	form, claim := asking(evenkeel.KindChatOffline), asking(evenkeel.KindMissedClaim)
	change := asking(evenkeel.KindMissedClose)
	return []route{
		{http.MethodPost, "/v1/offline", form, e.command("chat.offline"), "Leave a word instead of a chat: the offline form",
			e.acts("chat.offline", "text").creates()},
		{http.MethodGet, "/v1/missed", change, listMissed, "Missed items, by state, kind, queue, agent or customer",
			lists[evenkeel.Missed]("state", "kind", "queue", "agent", "customer")},
		{http.MethodGet, "/v1/missed/{id}", change, getMissed, "One missed item", gives[evenkeel.Missed]()},
		{http.MethodPost, "/v1/missed/{id}/claim", claim, e.command("missed.claim"), "Look after a missed item", e.acts("missed.claim")},
		{http.MethodPost, "/v1/missed/{id}/release", change, e.command("missed.release"), "Give a claimed item back", e.acts("missed.release")},
		{http.MethodPost, "/v1/missed/{id}/answer", change, e.command("missed.answer"), "Record that the customer was answered, and how",
			e.acts("missed.answer", "text")},
		{http.MethodPost, "/v1/missed/{id}/close", change, e.command("missed.close"), "End a missed item without an answer", e.acts("missed.close")},
	}
}

func getMissed(q *request) (*answer, *evenkeel.Error) {
	return q.view(func(r Reader) (any, error) { return r.Missed(q.who.Principal, q.PathValue("id")) })
}

func listMissed(q *request) (*answer, *evenkeel.Error) {
	query := q.URL.Query()
	filter := evenkeel.MissedFilter{Queue: query.Get("queue"), Agent: query.Get("agent"), Customer: query.Get("customer")}
	if s := query.Get("state"); s != "" {
		if err := filter.State.UnmarshalText([]byte(s)); err != nil || filter.State == 0 {
			return nil, badQuery("state", "must be one of open, claimed, answered, closed")
		}
	}
	if s := query.Get("kind"); s != "" {
		if err := filter.Kind.UnmarshalText([]byte(s)); err != nil || filter.Kind == 0 {
			return nil, badQuery("kind", "must be one of abandoned, refused, offline")
		}
	}
	return listPage(q, 'f', func(m *evenkeel.Missed) string { return m.ID }, func(r Reader, after string, limit int) ([]*evenkeel.Missed, error) {
		return r.MissedItems(q.who.Principal, filter, after, limit)
	}, func(m *evenkeel.Missed) any { return m })
}
