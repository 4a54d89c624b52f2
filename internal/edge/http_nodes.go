//evenkeel:shell

package edge

import (
	"context"
	"net/http"

	"github.com/evenkeel/evenkeel"
)

// Nodes is what the edge asks of the node about its cell's other nodes.
type Nodes interface {
	// Invite makes a token by which one node may join, in the name of its maker.
	Invite(ctx context.Context, by evenkeel.Principal, life evenkeel.Duration) (Invitation, error)
	// HandOver moves leadership to a node, or, if it is empty, to the one that has
	// most of the log.
	HandOver(ctx context.Context, to string) error
	// Removable tells why a node's membership cannot be ended now, or nil.
	Removable(node string) error
}

// Invitation is a way for one node to join.
type Invitation struct {
	Token   string        `json:"token"`
	Join    string        `json:"join"` // HOST:PORT of the node that answers
	Expires evenkeel.Time `json:"expires"`
	Command string        `json:"command"` // to be run on the new machine
}

// inviteLife is how long an invitation is good, if nothing else is said.
const inviteLife = evenkeel.Hour

type inviteBody struct {
	Life evenkeel.Duration `json:"life"`
}

func (e *Edge) invite() handler {
	s := shapeFor[inviteBody]()
	return func(q *request) (*answer, *evenkeel.Error) {
		b := inviteBody{Life: inviteLife}
		if err := s.decode(q.body, &b); err != nil {
			return nil, err
		}
		if b.Life == 0 {
			b.Life = inviteLife
		}
		if e.cfg.Nodes == nil {
			return nil, noNodes()
		}
		invitation, err := e.cfg.Nodes.Invite(q.Context(), q.who.Principal, b.Life)
		if err != nil {
			return nil, asError(err)
		}
		return &answer{status: http.StatusCreated, value: &invitation}, nil
	}
}

type handOverBody struct {
	Node string `json:"node"`
}

func (e *Edge) handOver() handler {
	s := shapeFor[handOverBody]()
	return func(q *request) (*answer, *evenkeel.Error) {
		var b handOverBody
		if err := s.decode(q.body, &b); err != nil {
			return nil, err
		}
		if e.cfg.Nodes == nil {
			return nil, noNodes()
		}
		if err := e.cfg.Nodes.HandOver(q.Context(), b.Node); err != nil {
			return nil, asError(err)
		}
		return &answer{status: http.StatusNoContent}, nil
	}
}

func noNodes() *evenkeel.Error {
	return evenkeel.Errorf(evenkeel.CodeUnknownMethod, "this node is no part of a cell of several")
}

func removeNode(q *request) (*answer, *evenkeel.Error) {
	if q.edge.cfg.Nodes != nil {
		if err := q.edge.cfg.Nodes.Removable(q.PathValue("id")); err != nil {
			return nil, asError(err)
		}
	}
	return q.remove(&evenkeel.NodeRemove{Node: q.PathValue("id")})
}

func drainNode(drain bool) handler {
	return func(q *request) (*answer, *evenkeel.Error) {
		return q.remove(&evenkeel.NodeDrain{Node: q.PathValue("id"), Drain: drain})
	}
}

func (e *Edge) nodeRoutes() []route {
	return []route{
		{http.MethodPost, "/v1/cell/invites", asking(evenkeel.KindNodeInvite), e.invite(), "A token by which one more node may join", takes[inviteBody, Invitation]()},
		{http.MethodPost, "/v1/cell/transfer-leadership", asking(evenkeel.KindNodeDrain), e.handOver(), "Move leadership to another node", takes[handOverBody, struct{}]()},
		{http.MethodPost, "/v1/cell/nodes/{id}/drain", asking(evenkeel.KindNodeDrain), drainNode(true), "Take a node out of service", ends()},
		{http.MethodPost, "/v1/cell/nodes/{id}/undrain", asking(evenkeel.KindNodeDrain), drainNode(false), "Take it back", ends()},
		{http.MethodPost, "/v1/cell/nodes/{id}/remove", asking(evenkeel.KindNodeRemove), removeNode, "End a node's membership for good", ends()},
	}
}
