//evenkeel:shell

package edge

import (
	"net/http"
	"strings"

	"github.com/evenkeel/evenkeel"
)

// connectBody asks where to connect.
type connectBody struct {
	Token     string `json:"token"`     // of whoever will connect: it is checked here already
	Transport string `json:"transport"` // wanted; websocket if left out
}

// connectReply is the decision where a client should connect.
type connectReply struct {
	Node      string            `json:"node"`
	Endpoint  endpoint          `json:"endpoint"`
	Fallbacks []fallback        `json:"fallbacks"`
	Decide    []string          `json:"decide"`
	Expires   evenkeel.Time     `json:"expires"`
	After     evenkeel.Duration `json:"retry_after,omitempty"`
}

type endpoint struct {
	Transport string `json:"transport"`
	URL       string `json:"url"`
}

type fallback struct {
	Node string `json:"node"`
	endpoint
}

// decisionLife is how long a decision is worth following.
const decisionLife = evenkeel.Minute

// connect decides which node a client should connect to: this one, as long as a
// cell has one node. A node that is stopping or has no leader is no answer.
func (e *Edge) connect() handler {
	s := shapeFor[connectBody]()
	return func(q *request) (*answer, *evenkeel.Error) {
		var b connectBody
		if err := s.decode(q.body, &b); err != nil {
			return nil, err
		}
		if b.Token != "" {
			if _, err := e.identify(b.Token); err != nil {
				return nil, err
			}
		}
		status := e.cfg.Cell.Status()
		if len(status.Nodes) == 0 || status.Leader == "" || status.Nodes[0].State == "draining" {
			return nil, &evenkeel.Error{Code: evenkeel.CodeNoLeader, RetryAfter: evenkeel.Second, Detail: "this node takes no connections now; ask again, or another node"}
		}
		node := status.Nodes[0].ID
		reply := &connectReply{Node: node, Fallbacks: []fallback{}, Decide: []string{}, Expires: e.wall() + evenkeel.Time(decisionLife)}
		for _, t := range e.cfg.Transports {
			at := endpoint{t.Name, q.base(t.Name) + t.Path}
			if reply.Endpoint.URL == "" && (b.Transport == "" || b.Transport == t.Name) {
				reply.Endpoint = at
				continue
			}
			reply.Fallbacks = append(reply.Fallbacks, fallback{node, at})
		}
		if reply.Endpoint.URL == "" {
			return nil, badField("transport", "is none of this node's")
		}
		return &answer{index: status.Index, value: reply}, nil
	}
}

// base is where a caller reaches this node: at the address that is advertised,
// if it has the caller's scheme, else at the one that the caller has used. A
// page that was loaded by https may connect by wss and https only.
func (q *request) base(transport string) string {
	scheme := q.URL.Scheme
	if scheme == "" {
		scheme = "http"
	}
	host := q.Host
	if rest, ok := strings.CutPrefix(q.edge.cfg.Advertise, scheme+"://"); ok {
		host = strings.TrimSuffix(rest, "/")
	}
	if transport == "websocket" {
		scheme = strings.Replace(scheme, "http", "ws", 1)
	}
	return scheme + "://" + host
}

func (e *Edge) connectRoutes() []route {
	return []route{
		{http.MethodPost, "/v1/connect", open(), e.connect(), "Where to open a realtime connection", takes[connectBody, connectReply]()},
	}
}
