package evenkeel

// AgentStatus is what an agent wants to be. Whether he is connected is another
// matter, and is observed.
type AgentStatus uint8

// The statuses.
const (
	StatusOffline AgentStatus = iota
	StatusAway
	StatusOnline
)

var agentStatusNames = []string{"offline", "away", "online"}

func (s AgentStatus) String() string { return enumString(s, agentStatusNames) }

// MarshalText writes the status's name.
func (s AgentStatus) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a status's name.
func (s *AgentStatus) UnmarshalText(b []byte) error {
	return parseEnum(s, agentStatusNames, "status", b)
}

// ReasonNotResponding is the reason of the away status that the desk sets when
// an agent has missed too many offers in a row.
const ReasonNotResponding = "not_responding"

// Membership is an agent's place in a queue.
type Membership struct {
	Queue string `cbor:"1,keyasint" json:"id"`
	Level int64  `cbor:"2,keyasint,omitempty" json:"level"` // from 1, the first tier
}

// Agent is the configuration of a person who works in a workspace.
type Agent struct {
	ID       string       `cbor:"1,keyasint" json:"id"`
	Name     string       `cbor:"2,keyasint,omitempty" json:"name"`
	Email    string       `cbor:"3,keyasint,omitempty" json:"email,omitempty"`
	Avatar   string       `cbor:"4,keyasint,omitempty" json:"avatar,omitempty"`
	Role     Role         `cbor:"5,keyasint,omitempty" json:"role"`
	Capacity int64        `cbor:"6,keyasint,omitempty" json:"capacity"` // slots
	Queues   []Membership `cbor:"7,keyasint,omitempty" json:"queues"`
	Skills   Skills       `cbor:"8,keyasint,omitempty" json:"skills"`
}

// DefaultCapacity is an agent's capacity in slots when none is given.
const DefaultCapacity = 4

// AgentState is an agent with what the desk knows of him at one index.
type AgentState struct {
	Agent
	Status    AgentStatus `json:"status"`
	Reason    string      `json:"reason,omitempty"`
	Connected bool        `json:"connected"`
	Used      int64       `json:"used"` // slots in use
	Since     Time        `json:"since"`
}

// Offer is a reservation of one chat for one agent until a deadline.
type Offer struct {
	ID       string `json:"offer"`
	Chat     *Chat  `json:"chat"`
	Deadline Time   `json:"deadline"`
}

// APIKey is a service's identity in one workspace.
type APIKey struct {
	ID   string `cbor:"1,keyasint" json:"id"`
	Name string `cbor:"2,keyasint,omitempty" json:"name,omitempty"`
	Role Role   `cbor:"3,keyasint,omitempty" json:"role"`
}
