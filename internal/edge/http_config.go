//evenkeel:shell

package edge

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/auth"
	"github.com/evenkeel/evenkeel/internal/hours"
)

func (e *Edge) configRoutes() []route {
	staff := asking(evenkeel.KindChatNote)
	putQueue, putAgent := asking(evenkeel.KindQueuePut), asking(evenkeel.KindAgentPut)
	putKey, putWorkspace := asking(evenkeel.KindAPIKeyPut), asking(evenkeel.KindWorkspacePut)
	customers := asking(evenkeel.KindCustomerPut)
	return []route{
		{http.MethodGet, "/v1/queues", staff, listQueues, "All queues, with their counts", lists[evenkeel.QueueState]()},
		{http.MethodGet, "/v1/queues/{id}", staff, getQueue, "One queue", gives[evenkeel.QueueState]().of(evenkeel.KindQueuePut)},
		{http.MethodPut, "/v1/queues/{id}", putQueue, e.putQueue(), "Create or replace a queue", puts[evenkeel.Queue, evenkeel.QueueState](evenkeel.NewQueue("")).of(evenkeel.KindQueuePut)},
		{http.MethodDelete, "/v1/queues/{id}", putQueue, deleteQueue, "Remove a queue without live chats", ends().of(evenkeel.KindQueuePut)},
		{http.MethodGet, "/v1/agents", staff, listAgents, "All agents, with what they are at the moment", lists[evenkeel.AgentState]()},
		{http.MethodGet, "/v1/agents/{id}", staff, getAgent, "One agent", gives[evenkeel.AgentState]().of(evenkeel.KindAgentPut)},
		{http.MethodPut, "/v1/agents/{id}", putAgent, e.putAgent(), "Create or replace an agent", puts[agentBody, evenkeel.AgentState](newAgentBody("")).of(evenkeel.KindAgentPut)},
		{http.MethodDelete, "/v1/agents/{id}", putAgent, deleteAgent, "Remove an agent; his chats return to their queues", ends().of(evenkeel.KindAgentPut)},
		{http.MethodGet, "/v1/api-keys", putKey, listKeys, "All API keys, without their secrets", lists[evenkeel.APIKey]()},
		{http.MethodGet, "/v1/api-keys/{id}", putKey, getKey, "One API key", gives[evenkeel.APIKey]().of(evenkeel.KindAPIKeyPut)},
		{http.MethodPut, "/v1/api-keys/{id}", putKey, e.putKey(), "Create or replace an API key", puts[keyBody, keyReply](newKeyBody("")).of(evenkeel.KindAPIKeyPut)},
		{http.MethodDelete, "/v1/api-keys/{id}", putKey, deleteKey, "Remove an API key", ends().of(evenkeel.KindAPIKeyPut)},
		{http.MethodGet, "/v1/customers/{id}", customers, getCustomer, "One customer", gives[evenkeel.CustomerState]().of(evenkeel.KindCustomerPut)},
		{http.MethodPut, "/v1/customers/{id}", customers, e.putCustomer(), "Set a customer's name and attributes", puts[customerBody, evenkeel.CustomerState](customerBody{}).of(evenkeel.KindCustomerPut)},
		{http.MethodGet, "/v1/workspaces/{id}", staff, getWorkspace, "One workspace", gives[evenkeel.Workspace]().of(evenkeel.KindWorkspacePut)},
		{http.MethodPut, "/v1/workspaces/{id}", putWorkspace, e.putWorkspace(), "Create or replace a workspace's settings; a new one by an operator", puts[workspaceBody, workspaceReply](workspaceBody{}).of(evenkeel.KindWorkspacePut)},
	}
}

// put carries out a command that creates or replaces, and echoes what is there
// afterwards.
func (q *request) put(body evenkeel.Body, read func(r Reader) (any, error)) (*answer, *evenkeel.Error) {
	result, err := q.propose(&evenkeel.Command{Body: body, IfVersion: q.ifVersion})
	if err != nil {
		return nil, err
	}
	if err := q.waitFor(result.Index); err != nil {
		return nil, err
	}
	a, err := q.view(read)
	if err == nil && result.Created {
		a.status = http.StatusCreated
	}
	return a, err
}

// remove carries out a command that deletes.
func (q *request) remove(body evenkeel.Body) (*answer, *evenkeel.Error) {
	if err := firstError(q.noBody(), checkID("id", q.PathValue("id"))); err != nil {
		return nil, err
	}
	result, err := q.propose(&evenkeel.Command{Body: body, IfVersion: q.ifVersion})
	return &answer{status: http.StatusNoContent, index: result.Index}, err
}

// takeID wants the id in a body, if there is one, to be that of the address.
func (q *request) takeID(id *string) *evenkeel.Error {
	path := q.PathValue("id")
	if *id != "" && *id != path {
		return badField("id", "is not the id of the address")
	}
	*id = path
	return checkNewID("id", path)
}

func listQueues(q *request) (*answer, *evenkeel.Error) {
	return listPage(q, 'q', func(s *evenkeel.QueueState) string { return s.ID }, func(r Reader, after string, limit int) ([]*evenkeel.QueueState, error) {
		return r.Queues(q.who.Principal, after, limit)
	}, func(s *evenkeel.QueueState) any { return s })
}

func getQueue(q *request) (*answer, *evenkeel.Error) {
	return q.view(func(r Reader) (any, error) { return r.Queue(q.who.Principal, q.PathValue("id")) })
}

func (e *Edge) putQueue() handler {
	s := shapeFor[evenkeel.Queue]()
	return func(q *request) (*answer, *evenkeel.Error) {
		b := evenkeel.NewQueue(q.PathValue("id"))
		if err := s.decode(q.body, &b); err != nil {
			return nil, err
		}
		if err := firstError(q.takeID(&b.ID), tooLong("name", b.Name, maxNameRunes), checkOptionalID("overflow", b.Overflow),
			checkSkills(b.Skills), tooLong("greeting", b.Greeting, maxTextRunes), tooLong("offline_message", b.OfflineMessage, maxTextRunes),
			tooLong("accept_message", b.AcceptMessage, maxTextRunes), hours.Check(b.Hours)); err != nil {
			return nil, err
		}
		return q.put(&evenkeel.QueuePut{Queue: b}, func(r Reader) (any, error) { return r.Queue(q.who.Principal, b.ID) })
	}
}

func deleteQueue(q *request) (*answer, *evenkeel.Error) {
	return q.remove(&evenkeel.QueueDelete{Queue: q.PathValue("id")})
}

func listAgents(q *request) (*answer, *evenkeel.Error) {
	return listPage(q, 'a', func(s *evenkeel.AgentState) string { return s.ID }, func(r Reader, after string, limit int) ([]*evenkeel.AgentState, error) {
		return r.Agents(q.who.Principal, after, limit)
	}, func(s *evenkeel.AgentState) any { return s })
}

func getAgent(q *request) (*answer, *evenkeel.Error) {
	return q.view(func(r Reader) (any, error) { return r.Agent(q.who.Principal, q.PathValue("id")) })
}

type agentBody struct {
	evenkeel.Agent
	Password string `json:"password"` // a new one; absent: unchanged
}

// newAgentBody returns the documented defaults.
func newAgentBody(id string) agentBody {
	return agentBody{Agent: evenkeel.Agent{ID: id, Name: id, Role: evenkeel.RoleAgent, Capacity: evenkeel.DefaultCapacity}}
}

func (e *Edge) putAgent() handler {
	s := shapeFor[agentBody]()
	return func(q *request) (*answer, *evenkeel.Error) {
		b := newAgentBody(q.PathValue("id"))
		if err := s.decode(q.body, &b); err != nil {
			return nil, err
		}
		if err := firstError(q.takeID(&b.ID), tooLong("name", b.Name, maxNameRunes), tooLong("email", b.Email, maxEmailRunes),
			tooLong("avatar", b.Avatar, maxURLRunes), checkSkills(b.Skills), checkMemberships(b.Queues)); err != nil {
			return nil, err
		}
		b.Email = strings.ToLower(b.Email)
		put := &evenkeel.AgentPut{Agent: b.Agent}
		if b.Password != "" {
			hash, err := e.passwords.Hash(q.Context(), b.Password)
			if err != nil {
				return nil, asError(err)
			}
			put.Password = hash
		}
		return q.put(put, func(r Reader) (any, error) { return r.Agent(q.who.Principal, b.ID) })
	}
}

// checkMemberships fills in the first level where none is given.
func checkMemberships(queues []evenkeel.Membership) *evenkeel.Error {
	if len(queues) > maxListMembers {
		return badField("queues", "holds more than %d queues", maxListMembers)
	}
	for i := range queues {
		if queues[i].Level == 0 {
			queues[i].Level = 1
		}
		if err := checkID("queues["+strconv.Itoa(i)+"].id", queues[i].Queue); err != nil {
			return err
		}
	}
	return nil
}

func deleteAgent(q *request) (*answer, *evenkeel.Error) {
	return q.remove(&evenkeel.AgentDelete{Agent: q.PathValue("id")})
}

func listKeys(q *request) (*answer, *evenkeel.Error) {
	return listPage(q, 'k', func(k evenkeel.APIKey) string { return k.ID }, func(r Reader, after string, limit int) ([]evenkeel.APIKey, error) {
		return r.APIKeys(q.who.Principal, after, limit)
	}, func(k evenkeel.APIKey) any { return k })
}

// findKey reads one API key from the list of them.
func (q *request) findKey(r Reader, id string) (evenkeel.APIKey, error) {
	for after := ""; ; {
		page, err := r.APIKeys(q.who.Principal, after, maxLimit)
		if err != nil {
			return evenkeel.APIKey{}, err
		}
		for _, k := range page {
			if k.ID == id {
				return k, nil
			}
		}
		if len(page) < maxLimit {
			return evenkeel.APIKey{}, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no API key %q", id)
		}
		after = page[len(page)-1].ID
	}
}

func getKey(q *request) (*answer, *evenkeel.Error) {
	return q.view(func(r Reader) (any, error) { return q.findKey(r, q.PathValue("id")) })
}

type keyBody struct {
	evenkeel.APIKey
	Key string `json:"key"` // absent: a new key gets one of random, an old one keeps its own
}

func newKeyBody(id string) keyBody {
	return keyBody{APIKey: evenkeel.APIKey{ID: id, Role: evenkeel.RoleService}}
}

// keyReply is the answer of a PUT: the only one that shows a key of random.
type keyReply struct {
	evenkeel.APIKey
	Key string `json:"key,omitempty"`
}

func (e *Edge) putKey() handler {
	s := shapeFor[keyBody]()
	return func(q *request) (*answer, *evenkeel.Error) {
		b := newKeyBody(q.PathValue("id"))
		if err := s.decode(q.body, &b); err != nil {
			return nil, err
		}
		if err := firstError(q.takeID(&b.ID), tooLong("name", b.Name, maxNameRunes), checkKey(b.Key)); err != nil {
			return nil, err
		}
		made := ""
		if b.Key == "" {
			var failure error
			e.cfg.Cell.View(func(r Reader) { _, failure = q.findKey(r, b.ID) })
			if failure != nil {
				if made, failure = auth.NewToken(e.cfg.Random, auth.ServiceKeyPrefix); failure != nil {
					return nil, asError(failure)
				}
				b.Key = made
			}
		}
		put := &evenkeel.APIKeyPut{Key: b.APIKey}
		if b.Key != "" {
			put.Hash = auth.Hash(b.Key)
		}
		return q.put(put, func(r Reader) (any, error) {
			k, err := q.findKey(r, b.ID)
			return keyReply{k, made}, err
		})
	}
}

// checkKey judges a key that an operator chose himself.
func checkKey(key string) *evenkeel.Error {
	switch {
	case key == "":
		return nil
	case len(key) < auth.MinKeyBytes || len(key) > 256:
		return badField("key", "must have %d to 256 characters", auth.MinKeyBytes)
	case strings.HasPrefix(key, auth.AgentTokenPrefix) || strings.HasPrefix(key, auth.VisitorTokenPrefix):
		return badField("key", "begins like a token of another sort")
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }):
		return badField("key", "may hold printable ASCII characters only")
	}
	return nil
}

func deleteKey(q *request) (*answer, *evenkeel.Error) {
	return q.remove(&evenkeel.APIKeyDelete{ID: q.PathValue("id")})
}

func getCustomer(q *request) (*answer, *evenkeel.Error) {
	return q.view(func(r Reader) (any, error) { return q.customer(r) })
}

func (q *request) customer(r Reader) (*evenkeel.CustomerState, error) {
	c, err := r.Customer(q.who.Principal, q.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if len(c.Attributes) == 0 {
		c.Attributes = json.RawMessage("{}")
	}
	if c.Chats == nil {
		c.Chats = []string{}
	}
	return c, nil
}

// mayKnowCustomer keeps agents from customers whom they do not serve, as
// reading does.
func (q *request) mayKnowCustomer() *evenkeel.Error {
	if q.who.Role != evenkeel.RoleAgent {
		return nil
	}
	_, err := q.view(func(r Reader) (any, error) { return q.customer(r) })
	return err
}

type customerBody struct {
	ID         string          `json:"id"`
	Name       string          `json:"name"`
	Attributes json.RawMessage `json:"attributes"`
}

func (e *Edge) putCustomer() handler {
	s := shapeFor[customerBody]()
	return func(q *request) (*answer, *evenkeel.Error) {
		var b customerBody
		if err := s.decode(q.body, &b); err != nil {
			return nil, err
		}
		if b.ID != "" && b.ID != q.PathValue("id") {
			return nil, badField("id", "is not the id of the address")
		}
		attributes, err := checkDocument("attributes", b.Attributes)
		if err := firstError(err, checkID("id", q.PathValue("id")), tooLong("name", b.Name, maxNameRunes)); err != nil {
			return nil, err
		}
		if err := q.mayKnowCustomer(); err != nil {
			return nil, err
		}
		put := &evenkeel.CustomerPut{Customer: q.PathValue("id"), Name: b.Name, Attributes: attributes}
		return q.put(put, func(r Reader) (any, error) {
			c, err := q.customer(r)
			if evenkeel.ErrorCode(err) == evenkeel.CodeNotFound {
				// The desk forgets a customer of whom nothing is left to know.
				return &evenkeel.CustomerState{ID: put.Customer, Name: b.Name, Attributes: json.RawMessage("{}"), Chats: []string{}}, nil
			}
			return c, err
		})
	}
}

func (q *request) workspace(r Reader) (evenkeel.Workspace, error) {
	id := q.PathValue("id")
	ws, ok := r.Workspace(id)
	if !ok || id != q.who.Principal.Workspace && q.who.Role != evenkeel.RoleOperator {
		return ws, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no workspace %q", id)
	}
	return showWorkspace(ws), nil
}

func getWorkspace(q *request) (*answer, *evenkeel.Error) {
	return q.view(func(r Reader) (any, error) { return q.workspace(r) })
}

func (e *Edge) putWorkspace() handler {
	s := shapeFor[workspaceBody]()
	return func(q *request) (*answer, *evenkeel.Error) {
		b := workspaceBody{Workspace: evenkeel.Workspace{ID: q.PathValue("id"), Name: q.PathValue("id")}}
		e.cfg.Cell.View(func(r Reader) {
			// Where chats go and who may come in at all does not change by
			// leaving it out.
			if old, ok := r.Workspace(b.ID); ok {
				b.DefaultQueue, b.Suspended, b.Limits = old.DefaultQueue, old.Suspended, old.Limits
			}
		})
		if err := s.decode(q.body, &b); err != nil {
			return nil, err
		}
		if err := firstError(q.takeID(&b.ID), tooLong("name", b.Name, maxNameRunes), checkOptionalID("default_queue", b.DefaultQueue),
			checkOrigins(b.Origins), checkHosts(b.Hosts)); err != nil {
			return nil, err
		}
		put := &evenkeel.WorkspacePut{Workspace: b.Workspace}
		made, err := q.firstAdmin(put, b.Admin)
		if err != nil {
			return nil, err
		}
		return q.put(put, func(r Reader) (any, error) {
			ws, err := q.workspace(r)
			if err != nil {
				return nil, err
			}
			return workspaceReply{ws, made}, nil
		})
	}
}

// checkOrigins wants each to be as a browser sends it.
func checkOrigins(origins []string) *evenkeel.Error {
	if len(origins) > maxListMembers {
		return badField("origins", "holds more than %d origins", maxListMembers)
	}
	for i, o := range origins {
		u, err := url.Parse(o)
		if err != nil || len(o) > maxNameRunes || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || o != u.Scheme+"://"+u.Host {
			return badField("origins["+strconv.Itoa(i)+"]", "must be an origin such as https://shop.example, without a path")
		}
	}
	return nil
}
