//evenkeel:shell

package edge

import (
	"net/http"

	"github.com/evenkeel/evenkeel"
)

func (e *Edge) cellRoutes() []route {
	return []route{
		{http.MethodGet, "/v1/cell", asking(evenkeel.KindChatNote), getCell, "The cell and its nodes", gives[CellStatus]()},
		{http.MethodGet, "/v1/cell/limits", asking(evenkeel.KindLimitsSet), getLimits, "What bounds the cell's state", gives[evenkeel.Limits]()},
		{http.MethodPut, "/v1/cell/limits", asking(evenkeel.KindLimitsSet), putLimits(), "Replace what bounds the cell's state; what is left out takes its default", takes[evenkeel.Limits, evenkeel.Limits]().defaulting(evenkeel.DefaultLimits())},
		{http.MethodGet, "/v1/incidents", asking(evenkeel.KindIncidentEnd), listIncidents, "What the operator should know of, the newest first", lists[evenkeel.Incident]("state")},
		{http.MethodPost, "/v1/incidents/{id}/end", asking(evenkeel.KindIncidentEnd), endIncident, "Close an incident that was seen to", ends()},
		{http.MethodPost, "/v1/backup", being(evenkeel.RoleOperator), e.makeBackup(), "A backup of the whole cell, to be restored by the command line", takes[backupBody, struct{}]("passphrase").as(backupKind)},
		{http.MethodGet, "/healthz", open(), health, "Whether the process lives", gives[healthReply]()},
		{http.MethodGet, "/readyz", open(), ready, "Whether this node can serve, or why not", gives[healthReply]()},
	}
}

func getCell(q *request) (*answer, *evenkeel.Error) {
	status := q.edge.cfg.Cell.Status()
	if status.Nodes == nil {
		status.Nodes = []NodeStatus{}
	}
	return &answer{index: status.Index, value: &status}, nil
}

func getLimits(q *request) (*answer, *evenkeel.Error) {
	return q.view(func(r Reader) (any, error) { return r.Limits(), nil })
}

func putLimits() handler {
	s := shapeFor[evenkeel.Limits]()
	return func(q *request) (*answer, *evenkeel.Error) {
		b := evenkeel.DefaultLimits()
		if err := s.decode(q.body, &b); err != nil {
			return nil, err
		}
		return q.put(&evenkeel.LimitsSet{Limits: b}, func(r Reader) (any, error) { return r.Limits(), nil })
	}
}

// healthReply is the answer of the two questions after a node's health.
type healthReply struct {
	Status string `json:"status"` // live or ready
}

func health(*request) (*answer, *evenkeel.Error) {
	return &answer{value: healthReply{"live"}}, nil
}

func ready(q *request) (*answer, *evenkeel.Error) {
	if why := q.edge.cfg.Cell.Status().NotReady; why != "" {
		return nil, &evenkeel.Error{Code: evenkeel.CodeNoLeader, Detail: "not ready: " + why, RetryAfter: evenkeel.Second}
	}
	return &answer{value: healthReply{"ready"}}, nil
}

func listIncidents(q *request) (*answer, *evenkeel.Error) {
	state := q.URL.Query().Get("state")
	if state != "" && state != "open" {
		return nil, badQuery("state", "must be open, or left out")
	}
	return listPage(q, 'i', func(i *evenkeel.Incident) string { return i.ID }, func(r Reader, after string, limit int) ([]*evenkeel.Incident, error) {
		return r.Incidents(q.who.Principal, state == "open", after, limit)
	}, func(i *evenkeel.Incident) any { return i })
}

func endIncident(q *request) (*answer, *evenkeel.Error) {
	return q.remove(&evenkeel.IncidentEnd{ID: q.PathValue("id")})
}
