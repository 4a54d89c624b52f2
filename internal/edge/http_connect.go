//evenkeel:shell

package edge

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"slices"
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

// connect decides which node a client should connect to: any that is up and can
// be reached the way the caller came, those with fewer sessions more often. A
// node that has no leader is no answer.
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
		if b.Transport != "" && !slices.ContainsFunc(e.cfg.Transports, func(t Transport) bool { return t.Name == b.Transport }) {
			return nil, badField("transport", "is none of this node's")
		}
		status := e.cfg.Cell.Status()
		sites := q.sites(&status)
		if status.Leader == "" || len(sites) == 0 {
			return nil, &evenkeel.Error{Code: evenkeel.CodeNoLeader, RetryAfter: evenkeel.Second, Detail: "this node takes no connections now; ask again, or another node"}
		}
		reply := &connectReply{Fallbacks: []fallback{}, Decide: []string{}, Expires: e.wall() + evenkeel.Time(decisionLife)}
		chosen := choose(sites)
		sites[0], sites[chosen] = sites[chosen], sites[0]
		reply.Node = sites[0].node
		for i, site := range sites {
			for _, t := range e.cfg.Transports {
				at := endpoint{t.Name, onScheme(site.base, t.Name) + t.Path}
				if i == 0 && reply.Endpoint.URL == "" && (b.Transport == "" || b.Transport == t.Name) {
					reply.Endpoint = at
					continue
				}
				reply.Fallbacks = append(reply.Fallbacks, fallback{site.node, at})
			}
			if !site.own {
				reply.Decide = append(reply.Decide, site.base+"/v1/connect")
			}
		}
		return &answer{index: status.Index, value: reply}, nil
	}
}

// moveMessage tells a client to connect elsewhere, and where.
type moveMessage struct {
	Type     string   `json:"type"`
	Endpoint fallback `json:"endpoint"`
}

// Elsewhere is what a client is told that has to leave this node: another one that
// is up. Empty: there is none, or none that says where clients reach it.
func (e *Edge) Elsewhere(transport string) []byte {
	status := e.cfg.Cell.Status()
	var sites []site
	for i := range status.Nodes {
		if n := &status.Nodes[i]; n.State == "up" && n.ID != status.Self && n.URL != "" {
			sites = append(sites, site{n.ID, strings.TrimSuffix(n.URL, "/"), n.Sessions, false})
		}
	}
	at := slices.IndexFunc(e.cfg.Transports, func(t Transport) bool { return t.Name == transport })
	if len(sites) == 0 || at < 0 {
		return nil
	}
	to := sites[choose(sites)]
	message, err := json.Marshal(moveMessage{"move", fallback{to.node, endpoint{transport, onScheme(to.base, transport) + e.cfg.Transports[at].Path}}})
	if err != nil {
		e.cfg.Log.Error("cannot encode where a client should go", "error", err)
		return nil
	}
	return message
}

// site is a node that a caller may connect to.
type site struct {
	node, base string
	sessions   int64
	own        bool
}

// sites returns the nodes that are up and can be reached by the caller's scheme:
// a page that was loaded by https may connect by wss and https only.
func (q *request) sites(status *CellStatus) []site {
	var all []site
	scheme := q.scheme() + "://"
	for i := range status.Nodes {
		n := &status.Nodes[i]
		switch {
		case n.State != "up":
		case n.ID == status.Self:
			all = append(all, site{n.ID, q.base(), n.Sessions, true})
		case strings.HasPrefix(n.URL, scheme):
			all = append(all, site{n.ID, strings.TrimSuffix(n.URL, "/"), n.Sessions, false})
		}
	}
	return all
}

// choose picks one at random: the fewer sessions a node has beside the fullest,
// the likelier it is.
func choose(sites []site) int {
	most, total := int64(0), int64(0)
	for _, s := range sites {
		most = max(most, s.sessions)
	}
	for _, s := range sites {
		total += most - s.sessions + 1
	}
	at := rand.Int64N(total) //nolint:gosec // it spreads load
	for i, s := range sites {
		if at -= most - s.sessions + 1; at < 0 {
			return i
		}
	}
	return 0
}

func (q *request) scheme() string {
	if q.URL.Scheme == "" {
		return "http"
	}
	return q.URL.Scheme
}

// base is where a caller reaches this node: at the address that is advertised,
// if it has the caller's scheme, else at the one that the caller has used.
func (q *request) base() string {
	prefix := q.scheme() + "://"
	if strings.HasPrefix(q.edge.cfg.Advertise, prefix) {
		return strings.TrimSuffix(q.edge.cfg.Advertise, "/")
	}
	return prefix + q.Host
}

// onScheme gives an address the scheme of a transport.
func onScheme(base, transport string) string {
	if transport == "websocket" {
		return strings.Replace(base, "http", "ws", 1)
	}
	return base
}

func (e *Edge) connectRoutes() []route {
	return []route{
		{http.MethodPost, "/v1/connect", open(), e.connect(), "Where to open a realtime connection", takes[connectBody, connectReply]()},
	}
}
