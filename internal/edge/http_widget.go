//evenkeel:shell

package edge

import (
	"net/http"

	"github.com/evenkeel/evenkeel"
)

func (e *Edge) widgetRoutes() []route {
	return []route{
		{http.MethodGet, "/v1/widget", open(), getWidget, "What a page shows of a queue before a chat", gives[evenkeel.Widget]().asks("workspace", "queue")},
	}
}

// getWidget tells anybody what a page shows before there is a chat, or a
// visitor at all.
func getWidget(q *request) (*answer, *evenkeel.Error) {
	query := q.URL.Query()
	workspace, queue := query.Get("workspace"), query.Get("queue")
	if err := firstError(checkOptionalID("workspace", workspace), checkOptionalID("queue", queue), q.mayLook()); err != nil {
		return nil, err
	}
	switch {
	case workspace != "":
	case q.who.Principal.Workspace != "":
		workspace = q.who.Principal.Workspace
	default:
		workspace = q.homeOf()
	}
	return q.view(func(r Reader) (any, error) { return r.Widget(workspace, queue) })
}

// mayLook refuses an address that asks more often than pages are opened.
func (q *request) mayLook() *evenkeel.Error {
	address := addressOf(q.Request)
	if address.loopback {
		return nil
	}
	q.edge.limits.mu.Lock()
	defer q.edge.limits.mu.Unlock()
	if ok, wait := q.edge.limits.looks.take(address.key, q.edge.since()); !ok {
		return tooManyRequests(wait, "this address asks more often than pages are opened; keep the answer for as long as the page is open")
	}
	return nil
}
