package evenkeel

import "encoding/json"

// QueuePut creates or replaces a queue.
type QueuePut struct {
	Queue Queue `cbor:"1,keyasint"`
}

// QueueDelete removes a queue that has no live chats.
type QueueDelete struct {
	Queue string `cbor:"1,keyasint"`
}

// AgentPut creates or replaces an agent.
type AgentPut struct {
	Agent Agent `cbor:"1,keyasint"`
	// Password, if set, is the argon2id hash of a new password.
	Password string `cbor:"2,keyasint,omitempty"`
}

// AgentDelete removes an agent; his chats return to their queues.
type AgentDelete struct {
	Agent string `cbor:"1,keyasint"`
}

// SetAgentStatus sets what an agent wants to be: his own, or by a supervisor.
type SetAgentStatus struct {
	Agent  string      `cbor:"1,keyasint"`
	Status AgentStatus `cbor:"2,keyasint,omitempty"`
	Reason string      `cbor:"3,keyasint,omitempty"`
}

// APIKeyPut creates or replaces a service's key; only its SHA-256 is known to
// the desk. An empty hash keeps the one that is there.
type APIKeyPut struct {
	Key  APIKey `cbor:"1,keyasint"`
	Hash string `cbor:"2,keyasint,omitempty"`
}

// APIKeyDelete removes a key.
type APIKeyDelete struct {
	ID string `cbor:"1,keyasint"`
}

// CustomerPut replaces a customer's attributes, a JSON object.
type CustomerPut struct {
	Customer   string          `cbor:"1,keyasint"`
	Name       string          `cbor:"2,keyasint,omitempty"`
	Attributes json.RawMessage `cbor:"3,keyasint,omitempty"`
}

// QueueRefused tells that a queue refused so many starts, for it was closed or
// full.
type QueueRefused struct {
	Queue  string `cbor:"1,keyasint,omitempty"` // empty: the workspace's default queue
	Number int64  `cbor:"2,keyasint"`
}

func (*QueuePut) Kind() Kind       { return KindQueuePut }
func (*QueueDelete) Kind() Kind    { return KindQueueDelete }
func (*AgentPut) Kind() Kind       { return KindAgentPut }
func (*AgentDelete) Kind() Kind    { return KindAgentDelete }
func (*SetAgentStatus) Kind() Kind { return KindAgentStatus }
func (*APIKeyPut) Kind() Kind      { return KindAPIKeyPut }
func (*APIKeyDelete) Kind() Kind   { return KindAPIKeyDelete }
func (*CustomerPut) Kind() Kind    { return KindCustomerPut }
func (*QueueRefused) Kind() Kind   { return KindQueueRefused }
