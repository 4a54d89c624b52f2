package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/url"

	"github.com/evenkeel/evenkeel"
)

// Queues walks over the workspace's queues, with their counts.
func (c *Client) Queues(ctx context.Context) iter.Seq2[*evenkeel.QueueState, error] {
	return List[*evenkeel.QueueState](ctx, c, "/v1/queues", nil)
}

// Queue reads one queue.
func (c *Client) Queue(ctx context.Context, id string) (*evenkeel.QueueState, error) {
	return get[evenkeel.QueueState](ctx, c, "/v1/queues/"+url.PathEscape(id))
}

// PutQueue creates or replaces a queue: evenkeel.NewQueue has the defaults.
func (c *Client) PutQueue(ctx context.Context, q evenkeel.Queue) (*evenkeel.QueueState, error) {
	return set[evenkeel.QueueState](ctx, c, "/v1/queues/"+url.PathEscape(q.ID), q)
}

// DeleteQueue removes a queue that has no live chats.
func (c *Client) DeleteQueue(ctx context.Context, id string) error {
	return c.remove(ctx, "/v1/queues/"+url.PathEscape(id))
}

// Agents walks over the workspace's agents, with what they are at the moment.
func (c *Client) Agents(ctx context.Context) iter.Seq2[*evenkeel.AgentState, error] {
	return List[*evenkeel.AgentState](ctx, c, "/v1/agents", nil)
}

// AgentByID reads one agent.
func (c *Client) AgentByID(ctx context.Context, id string) (*evenkeel.AgentState, error) {
	return get[evenkeel.AgentState](ctx, c, "/v1/agents/"+url.PathEscape(id))
}

// PutAgent creates or replaces an agent. An empty password leaves his as it is.
func (c *Client) PutAgent(ctx context.Context, a evenkeel.Agent, password string) (*evenkeel.AgentState, error) {
	body := struct {
		evenkeel.Agent
		Queues   []evenkeel.Membership `json:"queues,omitempty"`
		Role     *evenkeel.Role        `json:"role,omitempty"`
		Name     string                `json:"name,omitempty"`
		Capacity int64                 `json:"capacity,omitempty"`
		Password string                `json:"password,omitempty"`
	}{Agent: a, Queues: a.Queues, Name: a.Name, Capacity: a.Capacity, Password: password}
	if a.Role != evenkeel.RoleNone {
		body.Role = &a.Role
	}
	return set[evenkeel.AgentState](ctx, c, "/v1/agents/"+url.PathEscape(a.ID), body)
}

// DeleteAgent removes an agent; his chats return to their queues.
func (c *Client) DeleteAgent(ctx context.Context, id string) error {
	return c.remove(ctx, "/v1/agents/"+url.PathEscape(id))
}

// SetAgentStatus sets what an agent wants to be.
func (c *Client) SetAgentStatus(ctx context.Context, id string, status evenkeel.AgentStatus, reason string) error {
	body := map[string]any{"id": NewID(), "status": status}
	put(body, "reason", reason)
	_, err := c.Do(ctx, Request{Method: "PUT", Path: "/v1/agents/" + url.PathEscape(id) + "/status", Body: body}, nil)
	return err
}

// APIKeys walks over the workspace's API keys, without their secrets.
func (c *Client) APIKeys(ctx context.Context) iter.Seq2[*evenkeel.APIKey, error] {
	return List[*evenkeel.APIKey](ctx, c, "/v1/api-keys", nil)
}

// APIKey reads one API key.
func (c *Client) APIKey(ctx context.Context, id string) (*evenkeel.APIKey, error) {
	return get[evenkeel.APIKey](ctx, c, "/v1/api-keys/"+url.PathEscape(id))
}

// NewAPIKey is an API key with its secret, if that was made just now.
type NewAPIKey struct {
	evenkeel.APIKey
	Key string `json:"key"`
}

// PutAPIKey creates or replaces an API key. With an empty secret a new key gets
// one, shown in this answer only; an old one keeps its own.
//
// If the answer that shows the secret is lost on its way, the call that is made
// again finds the key there and shows none: put it once more with a secret.
func (c *Client) PutAPIKey(ctx context.Context, k evenkeel.APIKey, secret string) (*NewAPIKey, error) {
	body := map[string]any{"id": k.ID}
	put(body, "name", k.Name)
	put(body, "key", secret)
	if k.Role != evenkeel.RoleNone {
		body["role"] = k.Role
	}
	return set[NewAPIKey](ctx, c, "/v1/api-keys/"+url.PathEscape(k.ID), body)
}

// DeleteAPIKey removes an API key.
func (c *Client) DeleteAPIKey(ctx context.Context, id string) error {
	return c.remove(ctx, "/v1/api-keys/"+url.PathEscape(id))
}

// Customer reads one customer.
func (c *Client) Customer(ctx context.Context, id string) (*evenkeel.CustomerState, error) {
	return get[evenkeel.CustomerState](ctx, c, "/v1/customers/"+url.PathEscape(id))
}

// PutCustomer sets a customer's name and attributes, a JSON object.
func (c *Client) PutCustomer(ctx context.Context, id, name string, attributes json.RawMessage) (*evenkeel.CustomerState, error) {
	body := map[string]any{}
	put(body, "name", name)
	if len(attributes) > 0 {
		body["attributes"] = attributes
	}
	return set[evenkeel.CustomerState](ctx, c, "/v1/customers/"+url.PathEscape(id), body)
}

// Workspace reads one workspace.
func (c *Client) Workspace(ctx context.Context, id string) (*evenkeel.Workspace, error) {
	return get[evenkeel.Workspace](ctx, c, "/v1/workspaces/"+url.PathEscape(id))
}

// PutWorkspace replaces a workspace's settings.
func (c *Client) PutWorkspace(ctx context.Context, w evenkeel.Workspace) (*evenkeel.Workspace, error) {
	return set[evenkeel.Workspace](ctx, c, "/v1/workspaces/"+url.PathEscape(w.ID), w)
}
