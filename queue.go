package evenkeel

import (
	"bytes"
	"encoding/json"
	"errors"
	"sort"
)

// Strategy is the way a queue ranks the agents that could take a chat.
type Strategy uint8

// The strategies. docs/routing.md describes each with its tie-breaks.
const (
	Balanced    Strategy = iota // smallest share of capacity in use
	LongestIdle                 // longest since the last assignment
	RoundRobin                  // in turn, within the queue
	Tiers                       // by level, then by place in the list
	MostSkilled                 // highest skill levels first
)

var strategyNames = []string{"balanced", "longest_idle", "round_robin", "tiers", "most_skilled"}

func (s Strategy) String() string { return enumString(s, strategyNames) }

// MarshalText writes the strategy's name.
func (s Strategy) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a strategy's name.
func (s *Strategy) UnmarshalText(b []byte) error { return parseEnum(s, strategyNames, "strategy", b) }

// AgentLost says what becomes of an active chat whose agent is gone for longer
// than the grace.
type AgentLost uint8

// The choices.
const (
	LostReturn AgentLost = iota // back to the queue, ahead of newer chats
	LostStay                    // waits for its agent
	LostClose                   // ends
)

var agentLostNames = []string{"return", "stay", "close"}

func (a AgentLost) String() string { return enumString(a, agentLostNames) }

// MarshalText writes the choice's name.
func (a AgentLost) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads a choice's name.
func (a *AgentLost) UnmarshalText(b []byte) error {
	return parseEnum(a, agentLostNames, "on_agent_lost", b)
}

// Skill is one ability with its level, from 1.
type Skill struct {
	Name  string `cbor:"1,keyasint"`
	Level int64  `cbor:"2,keyasint"`
}

// Skills are sorted by name. Their JSON form is an object: {"german": 2}.
type Skills []Skill

// Level returns the level of the named skill, 0 if it is missing.
func (s Skills) Level(name string) int64 {
	i := sort.Search(len(s), func(i int) bool { return s[i].Name >= name })
	if i < len(s) && s[i].Name == name {
		return s[i].Level
	}
	return 0
}

// Sort brings the skills into their order.
func (s Skills) Sort() {
	sort.Slice(s, func(i, j int) bool { return s[i].Name < s[j].Name })
}

// MarshalJSON writes an object.
func (s Skills) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, skill := range s {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(AppendJSONString(nil, skill.Name))
		level, err := json.Marshal(skill.Level)
		if err != nil {
			return nil, err
		}
		b.WriteByte(':')
		b.Write(level)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON reads an object and sorts it.
func (s *Skills) UnmarshalJSON(b []byte) error {
	var m map[string]int64
	if err := json.Unmarshal(b, &m); err != nil {
		return errors.New(`skills must be an object of levels, such as {"german": 2}`)
	}
	*s = (*s)[:0]
	for name, level := range m { //order: sorted below
		*s = append(*s, Skill{Name: name, Level: level})
	}
	s.Sort()
	return nil
}

// CustomerIdle is the rule for a customer who does not answer although both
// sides are connected. Zero durations turn the step off.
type CustomerIdle struct {
	Warn  Duration `cbor:"1,keyasint,omitempty" json:"warn"`
	Close Duration `cbor:"2,keyasint,omitempty" json:"close"`
}

// ServiceLevel is a queue's promise: Target percent answered within Threshold.
type ServiceLevel struct {
	Threshold Duration `cbor:"1,keyasint,omitempty" json:"threshold"`
	Target    int64    `cbor:"2,keyasint,omitempty" json:"target"`
}

// Queue is the configuration of a queue.
type Queue struct {
	ID                string       `cbor:"1,keyasint" json:"id"`
	Name              string       `cbor:"2,keyasint,omitempty" json:"name"`
	Strategy          Strategy     `cbor:"3,keyasint,omitempty" json:"strategy"`
	OfferTimeout      Duration     `cbor:"4,keyasint,omitempty" json:"offer_timeout"`
	AutoAccept        bool         `cbor:"5,keyasint,omitempty" json:"auto_accept"` // skips the ring
	Pick              bool         `cbor:"6,keyasint,omitempty" json:"pick"`        // agents take by themselves
	WrapUp            Duration     `cbor:"7,keyasint,omitempty" json:"wrap_up"`     // 0: none
	Weight            int64        `cbor:"8,keyasint,omitempty" json:"weight"`      // slots a chat takes
	MaxLength         int64        `cbor:"9,keyasint,omitempty" json:"max_length"`  // waiting chats
	MaxWait           Duration     `cbor:"10,keyasint,omitempty" json:"max_wait"`   // 0: no limit
	Overflow          string       `cbor:"11,keyasint,omitempty" json:"overflow,omitempty"`
	Skills            Skills       `cbor:"12,keyasint,omitempty" json:"skills"`
	ServiceLevel      ServiceLevel `cbor:"13,keyasint,omitempty" json:"service_level"`
	AgentGrace        Duration     `cbor:"14,keyasint,omitempty" json:"agent_grace"`
	CustomerGrace     Duration     `cbor:"15,keyasint,omitempty" json:"customer_grace"`
	OnAgentLost       AgentLost    `cbor:"16,keyasint,omitempty" json:"on_agent_lost"`
	AbandonedResume   Duration     `cbor:"17,keyasint,omitempty" json:"abandoned_resume"`
	ReopenWithin      Duration     `cbor:"18,keyasint,omitempty" json:"reopen_within"`
	CustomerIdle      CustomerIdle `cbor:"19,keyasint,omitempty" json:"customer_idle"`
	CustomerGoneClose Duration     `cbor:"20,keyasint,omitempty" json:"customer_gone_close"` // 0: never
	Sticky            Duration     `cbor:"21,keyasint,omitempty" json:"sticky"`              // how long to prefer the last agent
	Closed            bool         `cbor:"22,keyasint,omitempty" json:"closed"`              // takes no new chats
	Retention         Duration     `cbor:"30,keyasint,omitempty" json:"retention"`           // how long closed chats are kept, 0: for ever
	// What the queue says by itself, with variables; empty: nothing.
	Greeting       string `cbor:"50,keyasint,omitempty" json:"greeting,omitempty"`        // when a chat starts
	OfflineMessage string `cbor:"51,keyasint,omitempty" json:"offline_message,omitempty"` // by a page, while no chat can be started
	AcceptMessage  string `cbor:"52,keyasint,omitempty" json:"accept_message,omitempty"`  // when an agent gets the chat
	OfflineForm    bool   `cbor:"53,keyasint,omitempty" json:"offline_form"`              // a page shows the form while no chat can be started
	Hours          *Hours `cbor:"54,keyasint,omitempty" json:"hours,omitempty"`           // nil: always. Replaced, never changed
}

// NewQueue returns a queue with the documented defaults.
func NewQueue(id string) Queue {
	return Queue{
		ID: id, Name: id, OfferTimeout: 20 * Second, WrapUp: 30 * Second, Weight: 1, MaxLength: 500,
		ServiceLevel: ServiceLevel{Threshold: 30 * Second, Target: 80},
		AgentGrace:   30 * Second, CustomerGrace: 120 * Second, AbandonedResume: 10 * Minute, ReopenWithin: 24 * Hour,
		CustomerIdle: CustomerIdle{Warn: 5 * Minute, Close: 10 * Minute}, CustomerGoneClose: 10 * Minute,
	}
}
