package evenkeel

// Limits bound the tables of the desk. They are replicated state: every
// replica applies the same ones.
type Limits struct {
	MaxState        int64    `cbor:"1,keyasint,omitempty" json:"max_state"`         // logical bytes of the desk
	ChatMessages    int64    `cbor:"2,keyasint,omitempty" json:"chat_messages"`     // messages in a chat, notes in a chat
	MessageChars    int64    `cbor:"3,keyasint,omitempty" json:"message_chars"`     // characters in a message
	LiveKeys        int64    `cbor:"4,keyasint,omitempty" json:"live_keys"`         // timed idempotency keys of a principal
	Queues          int64    `cbor:"5,keyasint,omitempty" json:"queues"`            // of a workspace
	Agents          int64    `cbor:"6,keyasint,omitempty" json:"agents"`            // of a workspace
	LiveChats       int64    `cbor:"7,keyasint,omitempty" json:"live_chats"`        // of a workspace, lingering ones included
	APIKeys         int64    `cbor:"8,keyasint,omitempty" json:"api_keys"`          // of a workspace
	Workspaces      int64    `cbor:"9,keyasint,omitempty" json:"workspaces"`        // of the cell
	Tokens          int64    `cbor:"10,keyasint,omitempty" json:"tokens"`           // logins of an agent
	VisitorSessions int64    `cbor:"11,keyasint,omitempty" json:"visitor_sessions"` // sessions of a customer
	AgentSessions   int64    `cbor:"12,keyasint,omitempty" json:"agent_sessions"`   // sessions of an agent
	AgentQueues     int64    `cbor:"13,keyasint,omitempty" json:"agent_queues"`     // memberships of an agent
	FollowUp        int64    `cbor:"14,keyasint,omitempty" json:"follow_up"`        // units of follow-up work in one Apply
	Participants    int64    `cbor:"15,keyasint,omitempty" json:"participants"`     // invited agents in a chat
	Attributes      int64    `cbor:"16,keyasint,omitempty" json:"attributes"`       // bytes of an attributes document
	Tags            int64    `cbor:"17,keyasint,omitempty" json:"tags"`             // tags of a chat
	Linger          Duration `cbor:"18,keyasint,omitempty" json:"linger"`           // a closed chat's stay in the desk
	KeyLife         Duration `cbor:"19,keyasint,omitempty" json:"key_life"`         // of a timed idempotency key
	MissedOffers    int64    `cbor:"20,keyasint,omitempty" json:"missed_offers"`    // in a row, then away
	ReOffer         Duration `cbor:"21,keyasint,omitempty" json:"re_offer"`         // pause before a sole agent is asked again
	ClosedChats     int64    `cbor:"22,keyasint,omitempty" json:"closed_chats"`     // kept after their linger in a cell without an archive
	Customers       int64    `cbor:"23,keyasint,omitempty" json:"customers"`        // of the cell
	Nodes           int64    `cbor:"24,keyasint,omitempty" json:"nodes"`            // known to the cell
	Incidents       int64    `cbor:"25,keyasint,omitempty" json:"incidents"`        // remembered, the closed ones among them
	Tallies         int64    `cbor:"40,keyasint,omitempty" json:"tallies"`          // of the cell: counts of a queue or agent in an interval
	TallyKeep       Duration `cbor:"41,keyasint,omitempty" json:"tally_keep"`       // a tally's stay

	Missed       int64    `cbor:"50,keyasint,omitempty" json:"missed"`        // items of a workspace
	MissedOwn    int64    `cbor:"51,keyasint,omitempty" json:"missed_own"`    // open forms of a customer
	MissedClaims int64    `cbor:"52,keyasint,omitempty" json:"missed_claims"` // items that an agent has claimed
	MissedKeep   Duration `cbor:"53,keyasint,omitempty" json:"missed_keep"`   // an answered or closed item's stay
	Canned       int64    `cbor:"54,keyasint,omitempty" json:"canned"`        // replies of a workspace
	CannedOwn    int64    `cbor:"55,keyasint,omitempty" json:"canned_own"`    // an agent's own ones among them
	Context      int64    `cbor:"60,keyasint,omitempty" json:"context"`       // bytes of a customer's context
	Aliases      int64    `cbor:"61,keyasint,omitempty" json:"aliases"`       // visitors remembered of a customer who were he
	Namespaces   int64    `cbor:"80,keyasint,omitempty" json:"namespaces"`    // per workspace

	Voters       int64    `cbor:"90,keyasint,omitempty" json:"voters"`        // nodes that vote at most; the others stand by
	ReplaceAfter Duration `cbor:"91,keyasint,omitempty" json:"replace_after"` // a voter's silence, after which a standby has its vote
}

// DefaultLimits returns the documented defaults.
func DefaultLimits() Limits {
	return Limits{
		MaxState: 512 << 20, ChatMessages: 10000, MessageChars: 10000, LiveKeys: 1024,
		Queues: 1000, Agents: 10000, LiveChats: 100000, APIKeys: 1000, Workspaces: 1000, Tokens: 50,
		VisitorSessions: 20, AgentSessions: 20, AgentQueues: 64, FollowUp: 1000, Participants: 10,
		Attributes: 16 << 10, Tags: 50, Linger: 15 * Minute, KeyLife: 10 * Minute, MissedOffers: 3, ReOffer: 10 * Second,
		ClosedChats: 20000, Customers: 200000, Nodes: 64, Incidents: 1000,
		Tallies: 200000, TallyKeep: 35 * 24 * Hour,
		Missed: 10000, MissedOwn: 5, MissedClaims: 100, MissedKeep: 30 * 24 * Hour, Canned: 5000, CannedOwn: 200,
		Context: 16 << 10, Aliases: 16, Namespaces: 100, Voters: 5, ReplaceAfter: 10 * Minute,
	}
}

// CellForm is the first command of a cell: who it is and who may enter it.
type CellForm struct {
	CellID     string `cbor:"1,keyasint"`
	Generation string `cbor:"2,keyasint"` // random, new when formed, restored or forced
	Wall       Time   `cbor:"3,keyasint"` // the founder's clock
	Limits     Limits `cbor:"4,keyasint"`
	Admin      Agent  `cbor:"5,keyasint"`
	Password   string `cbor:"6,keyasint"` // the admin's argon2id hash
	OneTime    bool   `cbor:"7,keyasint,omitempty"`
	StartHash  string `cbor:"8,keyasint,omitempty"` // SHA-256 of the first-run link's token
	// VisitorKey signs visitors' tokens; sealed with the cell key before it
	// comes here.
	VisitorKey []byte `cbor:"9,keyasint,omitempty"`
	// Authority certifies the nodes (DER); its key is sealed like VisitorKey.
	Authority    []byte `cbor:"10,keyasint,omitempty"`
	AuthorityKey []byte `cbor:"11,keyasint,omitempty"`
}

// ClockSet reports a voter's wall clock as its offset to desk time.
type ClockSet struct {
	Node   string   `cbor:"1,keyasint"`
	Offset Duration `cbor:"2,keyasint"`
}

// Checkpoint is answered with the hash of all output up to this index.
type Checkpoint struct{}

// LimitsSet replaces the limits.
type LimitsSet struct {
	Limits Limits `cbor:"1,keyasint"`
}

// SessionOpen tells the desk of a session on whose presence it decides.
type SessionOpen struct {
	Session   SessionID `cbor:"1,keyasint"`
	Principal Principal `cbor:"2,keyasint"`
	Token     string    `cbor:"3,keyasint,omitempty"` // hash of the login it came with
}

// SessionClose ends a session.
type SessionClose struct {
	Session SessionID `cbor:"1,keyasint"`
}

// TokenIssue records a login; only the token's SHA-256 is known to the desk.
type TokenIssue struct {
	Hash  string   `cbor:"1,keyasint"`
	Agent string   `cbor:"2,keyasint"` // "id", or "workspace/id" outside the default workspace
	Life  Duration `cbor:"3,keyasint"`
	// Replaces is the hash of the token that this one refreshes.
	Replaces string `cbor:"4,keyasint,omitempty"`
	// From where, and by which program, for people to recognize the login by.
	Address string `cbor:"5,keyasint,omitempty"`
	Program string `cbor:"6,keyasint,omitempty"`
}

// TokenRevoke ends logins: one by its hash, or all of an agent.
type TokenRevoke struct {
	Hash  string `cbor:"1,keyasint,omitempty"`
	Agent string `cbor:"2,keyasint,omitempty"`
	// Except is a token to keep when all others of the agent go.
	Except string `cbor:"3,keyasint,omitempty"`
}

// PasswordSet stores a password's argon2id hash.
type PasswordSet struct {
	Agent   string `cbor:"1,keyasint"`
	Hash    string `cbor:"2,keyasint"`
	OneTime bool   `cbor:"3,keyasint,omitempty"` // must be changed at the next login
	// Keep is the hash of the one login that does not end by this.
	Keep string `cbor:"4,keyasint,omitempty"`
}

// StartUse turns the first-run link into a login, once and within 15 minutes.
type StartUse struct {
	StartHash string   `cbor:"1,keyasint"`
	TokenHash string   `cbor:"2,keyasint"`
	Life      Duration `cbor:"3,keyasint"`
	Address   string   `cbor:"4,keyasint,omitempty"`
	Program   string   `cbor:"5,keyasint,omitempty"`
}

func (*CellForm) Kind() Kind     { return KindCellForm }
func (*ClockSet) Kind() Kind     { return KindClockSet }
func (*Checkpoint) Kind() Kind   { return KindCheckpoint }
func (*LimitsSet) Kind() Kind    { return KindLimitsSet }
func (*SessionOpen) Kind() Kind  { return KindSessionOpen }
func (*SessionClose) Kind() Kind { return KindSessionClose }
func (*TokenIssue) Kind() Kind   { return KindTokenIssue }
func (*TokenRevoke) Kind() Kind  { return KindTokenRevoke }
func (*PasswordSet) Kind() Kind  { return KindPasswordSet }
func (*StartUse) Kind() Kind     { return KindStartUse }
