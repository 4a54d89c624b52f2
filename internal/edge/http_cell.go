//evenkeel:shell

package edge

import (
	"net/http"

	"github.com/evenkeel/evenkeel"
)

func (e *Edge) cellRoutes() []route {
	return []route{
		{http.MethodGet, "/v1/cell", asking(evenkeel.KindChatNote), getCell, "The cell and its nodes"},
		{http.MethodGet, "/healthz", open(), health, "Whether the process lives"},
		{http.MethodGet, "/readyz", open(), ready, "Whether this node can serve, or why not"},
	}
}

func getCell(q *request) (*answer, *evenkeel.Error) {
	status := q.edge.cfg.Cell.Status()
	if status.Nodes == nil {
		status.Nodes = []NodeStatus{}
	}
	return &answer{index: status.Index, value: &status}, nil
}

func health(*request) (*answer, *evenkeel.Error) {
	return &answer{raw: []byte(`{"status":"live"}` + "\n")}, nil
}

func ready(q *request) (*answer, *evenkeel.Error) {
	if why := q.edge.cfg.Cell.Status().NotReady; why != "" {
		return nil, &evenkeel.Error{Code: evenkeel.CodeNoLeader, Detail: "not ready: " + why, RetryAfter: evenkeel.Second}
	}
	return &answer{raw: []byte(`{"status":"ready"}` + "\n")}, nil
}
