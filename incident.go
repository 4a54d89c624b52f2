package evenkeel

// Severity says how much an incident presses.
type Severity uint8

// The severities.
const (
	SeverityInfo     Severity = iota + 1 // to know of
	SeverityWarning                      // to look at soon
	SeverityCritical                     // something is not done that should be
)

var severityNames = []string{"none", "info", "warning", "critical"}

func (s Severity) String() string { return enumString(s, severityNames) }

// MarshalText writes the severity's name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a severity's name.
func (s *Severity) UnmarshalText(b []byte) error { return parseEnum(s, severityNames, "severity", b) }

// The kinds of incidents. docs/incidents.md tells of each what it means and
// what to do.
const (
	IncidentPanic    = "command_panicked" // a command failed inside the desk and is skipped
	IncidentState    = "state_nearly_full"
	IncidentDiskFull = "disk_full"
	IncidentDiskLow  = "disk_low"
	IncidentDiskSlow = "disk_stalled"
	IncidentClock    = "clock_skew"
	IncidentArchive  = "archive_failed"

	IncidentBus          = "bus_down"         // it does not reach nodes that are up
	IncidentRefilled     = "archive_refilled" // a copy of the archive was lost and is whole again
	IncidentNodeRejoined = "node_rejoined"    // a node has lost its data, and goes on under another number
	IncidentNodeDiffers  = "node_differs"     // a node's state is not that of most: it is quarantined
	IncidentNodesDiffer  = "nodes_differ"     // and there is none that most have
	IncidentNodesSilent  = "nodes_silent"     // so many that it may be the network
)

// Incident is something that the operator should know of: what was seen, what
// it means and what to do. It is open until whoever raised it says that it is
// over. Raised again while it is open it is counted, not doubled.
type Incident struct {
	ID       string   `cbor:"1,keyasint" json:"id"`
	Kind     string   `cbor:"2,keyasint" json:"kind"`
	Subject  string   `cbor:"3,keyasint,omitempty" json:"subject,omitempty"` // what it is about, such as a node; empty: the cell
	Severity Severity `cbor:"4,keyasint" json:"severity"`
	Summary  string   `cbor:"5,keyasint" json:"summary"`                    // what was seen
	Advice   string   `cbor:"6,keyasint,omitempty" json:"advice,omitempty"` // what to do
	Opened   Time     `cbor:"7,keyasint" json:"opened"`
	Last     Time     `cbor:"8,keyasint" json:"last"` // when it was seen last
	Closed   Time     `cbor:"9,keyasint,omitempty" json:"closed,omitzero"`
	Count    int64    `cbor:"10,keyasint" json:"count"` // how often it was seen
}

// IncidentRaise opens an incident, or counts one of this kind and subject that
// is open.
type IncidentRaise struct {
	Incident string   `cbor:"1,keyasint"` // its kind
	Subject  string   `cbor:"2,keyasint,omitempty"`
	Severity Severity `cbor:"3,keyasint"`
	Summary  string   `cbor:"4,keyasint"`
	Advice   string   `cbor:"5,keyasint,omitempty"`
}

// IncidentEnd closes an incident: by its id, or (the cell itself) by its kind and
// subject. One that is over already is no error.
type IncidentEnd struct {
	Incident string `cbor:"1,keyasint,omitempty"`
	Subject  string `cbor:"2,keyasint,omitempty"`
	ID       string `cbor:"3,keyasint,omitempty"`
}

func (*IncidentRaise) Kind() Kind { return KindIncidentRaise }
func (*IncidentEnd) Kind() Kind   { return KindIncidentEnd }
