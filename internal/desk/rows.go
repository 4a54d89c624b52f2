package desk

import (
	"encoding/json"

	"github.com/tidwall/btree"

	"github.com/evenkeel/evenkeel"
)

// The rows of the desk's tables. Fields with a cbor tag are the replicated
// state and go into snapshots; the others are derived from them by relink.

// key names an object of a workspace.
type key struct{ ws, id string }

// cellRow is the one row about the cell itself.
type cellRow struct {
	CellID       string            `cbor:"1,keyasint"`
	Generation   string            `cbor:"2,keyasint"`
	Level        uint64            `cbor:"3,keyasint"`
	Limits       evenkeel.Limits   `cbor:"4,keyasint"`
	Index        uint64            `cbor:"5,keyasint"`
	Now          evenkeel.DeskTime `cbor:"6,keyasint"`
	Offset       evenkeel.Duration `cbor:"7,keyasint"` // wall time = Now + Offset
	Shift        evenkeel.Duration `cbor:"8,keyasint"` // sum of all gaps: what presence deadlines are extended by
	Hash         uint64            `cbor:"9,keyasint"` // of all results and events so far
	ChatSeq      uint64            `cbor:"10,keyasint"`
	OfferSeq     uint64            `cbor:"11,keyasint"`
	TimerSeq     uint64            `cbor:"12,keyasint"`
	WorkSeq      uint64            `cbor:"13,keyasint"`
	KeySeq       uint64            `cbor:"14,keyasint"`
	TokenSeq     uint64            `cbor:"15,keyasint"`
	Incarnation  uint64            `cbor:"16,keyasint"` // the last one issued
	VisitorKey   []byte            `cbor:"17,keyasint,omitempty"`
	StartHash    string            `cbor:"18,keyasint,omitempty"`
	StartUntil   evenkeel.DeskTime `cbor:"19,keyasint,omitempty"`
	StartAdmin   string            `cbor:"20,keyasint,omitempty"`
	Sweep        uint64            `cbor:"21,keyasint,omitempty"` // timer that expires idempotency keys
	Bytes        int64             `cbor:"22,keyasint"`           // logical size of the state
	Skipped      uint64            `cbor:"23,keyasint,omitempty"` // steps left out because they panicked
	AgentSeq     uint64            `cbor:"24,keyasint"`
	LingerSeq    uint64            `cbor:"25,keyasint"`
	TurnSeq      uint64            `cbor:"26,keyasint"`           // rises with each assignment, for round_robin
	ContextSeq   uint64            `cbor:"60,keyasint,omitempty"` // the last version given to any context: none is given twice
	IncidentSeq  uint64            `cbor:"70,keyasint,omitempty"`
	IncidentEnds uint64            `cbor:"71,keyasint,omitempty"`
	TallySeq     uint64            `cbor:"40,keyasint,omitempty"`
	Tidying      bool              `cbor:"41,keyasint,omitempty"` // there is work to drop tallies

	// The archive's operations: numbered up to ArchiveSeq; those up to
	// ArchiveDropped have left, as have the chats that they put away.
	ArchiveSeq     uint64 `cbor:"30,keyasint,omitempty"`
	ArchiveDropped uint64 `cbor:"31,keyasint,omitempty"`
	// Up to ArchiveSwept it was looked whether a chat changed after its put.
	ArchiveSwept uint64 `cbor:"32,keyasint,omitempty"`
	// Chats that lingered before there was a copy are put up to this Lingered.
	ArchiveAdopted uint64            `cbor:"33,keyasint,omitempty"`
	Retention      uint64            `cbor:"34,keyasint,omitempty"`  // timer of the daily look for chats to expire
	Trusted        evenkeel.DeskTime `cbor:"35,keyasint,omitempty"`  // from when on wall time is trusted with what is removed
	MissedSeq      uint64            `cbor:"50,keyasint"`            // of missed items
	MissedDone     uint64            `cbor:"51,keyasint"`            // rises with each item that comes to its end
	VersionSeq     uint64            `cbor:"100,keyasint,omitempty"` // the last version given
	NodeSeq        uint64            `cbor:"110,keyasint,omitempty"` // the last number given to a node
	Invites        []*invitation     `cbor:"111,keyasint,omitempty"` // replaced, never changed
	Removed        []removedNode     `cbor:"112,keyasint,omitempty"` // the last ones; likewise
	Authority      []byte            `cbor:"113,keyasint,omitempty"` // certifies the nodes
	AuthorityKey   []byte            `cbor:"114,keyasint,omitempty"` // sealed
	Hashes         []hashReport      `cbor:"120,keyasint,omitempty"` // the last ones; replaced, never changed
}

type nodeRow struct {
	rowMeta
	ID          string            `cbor:"1,keyasint"`
	Boot        string            `cbor:"2,keyasint"`
	Incarnation uint64            `cbor:"3,keyasint"` // 0: lost
	Offset      evenkeel.Duration `cbor:"4,keyasint"` // its wall clock against desk time
	HasOffset   bool              `cbor:"5,keyasint,omitempty"`
	Copy        *archiveCopy      `cbor:"30,keyasint,omitempty"` // nil: it has no copy of the archive

	Number  uint64             `cbor:"40,keyasint,omitempty"`
	Facts   evenkeel.NodeFacts `cbor:"41,keyasint"`
	Drained bool               `cbor:"42,keyasint,omitempty"`
	Joined  evenkeel.DeskTime  `cbor:"43,keyasint,omitempty"`
	Token   string             `cbor:"44,keyasint,omitempty"` // hash of the one by which it joined
	Key     []byte             `cbor:"45,keyasint,omitempty"` // public, with which it joined

	Quarantined uint64 `cbor:"50,keyasint,omitempty"` // entry at which its state differed; 0: it does not
}

// archiveCopy is a node's copy of the archive. It is replaced, never changed.
type archiveCopy struct {
	ID     string             `cbor:"1,keyasint"`
	Cursor uint64             `cbor:"2,keyasint,omitempty"`
	State  evenkeel.CopyState `cbor:"3,keyasint"`
}

type workspaceRow struct {
	rowMeta
	evenkeel.Workspace `cbor:"1,keyasint"`
	MissedTimer        uint64            `cbor:"50,keyasint,omitempty"`  // when missed items that are done may go
	Identity           *evenkeel.Signing `cbor:"60,keyasint,omitempty"`  // of customers
	Tokens             *evenkeel.Signing `cbor:"61,keyasint,omitempty"`  // of push users
	Version            uint64            `cbor:"100,keyasint,omitempty"` // of the configuration
	IdentityVersion    uint64            `cbor:"101,keyasint,omitempty"`
	TokensVersion      uint64            `cbor:"102,keyasint,omitempty"`

	Started int64 `cbor:"2,keyasint,omitempty"` // chats, ever
	Sent    int64 `cbor:"3,keyasint,omitempty"` // messages, ever
	Leaving bool  `cbor:"4,keyasint,omitempty"` // it is being removed

	queues, agents, apiKeys, chats int64 // counts
	namespaces                     int64
	stored                         int64                       // bytes of its channels
	rooms                          btree.Map[uint64, *chatRow] // its chats, by sequence
	people                         btree.Map[string, *customerRow]
	emails                         map[string]*agentRow
	canned                         btree.Map[string, *cannedRow] // by id
	missed                         btree.Map[uint64, *missedRow] // in the order of their making
	missedDone                     fifo[*missedRow]              // answered or closed, the oldest first
	abandoned                      map[waiter]*missedRow         // abandoned and not done
	forms                          map[string]int64              // of a customer, not done
}

// empty makes a workspace's indexes.
func (r *workspaceRow) empty() {
	r.emails, r.abandoned, r.forms = make(map[string]*agentRow), make(map[waiter]*missedRow), make(map[string]int64)
}

type queueRow struct {
	rowMeta
	Workspace string            `cbor:"1,keyasint"`
	Config    evenkeel.Queue    `cbor:"2,keyasint"`
	Staff     staff             `cbor:"40,keyasint,omitempty"`
	Settled   evenkeel.DeskTime `cbor:"41,keyasint,omitempty"`  // up to when the staff's time is counted
	Unlisted  uint64            `cbor:"50,keyasint,omitempty"`  // abandoned chats for which the list of missed items had no room
	Version   uint64            `cbor:"100,keyasint,omitempty"` // of the configuration

	// What the desk was last told of the queue's hours, and for which version.
	Shut       bool          `cbor:"51,keyasint,omitempty"`
	ShutUntil  evenkeel.Time `cbor:"52,keyasint,omitempty"` // or open until then
	HoursKnown uint64        `cbor:"53,keyasint,omitempty"`

	missed  int64  // items that are not done
	floorID string // the queue's name on the routing floor
	live    int64  // chats that are not closed
	waiting int64  // queued ones among them
	ringing int64  // offered ones
	active  int64
	line    *line
	tally   *tallyRow             // the last one counted into
	today   *evenkeel.QueueCounts // the sum of a day's tallies; nil: to be summed up
	day     int64
}

// turn is the last time an agent was given a chat of a queue.
type turn struct {
	Queue string `cbor:"1,keyasint"`
	Turn  uint64 `cbor:"2,keyasint"`
}

type agentRow struct {
	rowMeta
	Workspace    string               `cbor:"1,keyasint"`
	Config       evenkeel.Agent       `cbor:"2,keyasint"`
	Password     string               `cbor:"3,keyasint,omitempty"`
	OneTime      bool                 `cbor:"4,keyasint,omitempty"`
	Status       evenkeel.AgentStatus `cbor:"5,keyasint,omitempty"`
	Reason       string               `cbor:"6,keyasint,omitempty"`
	Since        evenkeel.Time        `cbor:"7,keyasint,omitempty"`
	Used         int64                `cbor:"8,keyasint,omitempty"` // slots of offers and of owned chats
	LastAssigned evenkeel.DeskTime    `cbor:"9,keyasint,omitempty"`
	IdleSince    evenkeel.DeskTime    `cbor:"10,keyasint,omitempty"`
	Missed       int64                `cbor:"11,keyasint,omitempty"` // offers in a row
	Turns        []turn               `cbor:"12,keyasint,omitempty"`
	Seq          uint64               `cbor:"13,keyasint"` // in the order of creation: his place in every queue
	Stands       standing             `cbor:"40,keyasint,omitempty"`
	Settled      evenkeel.DeskTime    `cbor:"41,keyasint,omitempty"`  // up to when his time is counted
	Version      uint64               `cbor:"100,keyasint,omitempty"` // of the configuration

	floorID  string
	channel  *channelRow
	sessions []*sessionRow // by number
	offers   []*chatRow    // offered to him, by sequence
	owned    []*chatRow    // his, not closed, by sequence
	invited  []*chatRow    // he participates in, by sequence
	tokens   []*tokenRow   // oldest first
	tally    *tallyRow     // the last one counted into
	claims   []*missedRow  // missed items that he looks after, by sequence
	canned   int64         // replies of his own
}

func (a *agentRow) connected() bool { return len(a.sessions) > 0 }

func (a *agentRow) principal() evenkeel.Principal {
	return evenkeel.Principal{Workspace: a.Workspace, Kind: evenkeel.PrincipalAgent, ID: a.Config.ID}
}

func (a *agentRow) person() evenkeel.Person {
	return evenkeel.Person{ID: a.Config.ID, Name: a.Config.Name, Avatar: a.Config.Avatar}
}

type apiKeyRow struct {
	rowMeta
	Workspace string          `cbor:"1,keyasint"`
	Config    evenkeel.APIKey `cbor:"2,keyasint"`
	Hash      string          `cbor:"3,keyasint,omitempty"`
	Version   uint64          `cbor:"100,keyasint,omitempty"` // of the configuration
}

type namespaceRow struct {
	rowMeta
	Workspace string             `cbor:"1,keyasint"`
	Config    evenkeel.Namespace `cbor:"2,keyasint"`
	Version   uint64             `cbor:"100,keyasint,omitempty"` // of the configuration
}

type tokenRow struct {
	rowMeta
	Hash      string            `cbor:"1,keyasint"`
	Workspace string            `cbor:"2,keyasint"`
	Agent     string            `cbor:"3,keyasint"`
	Seq       uint64            `cbor:"4,keyasint"`
	Expires   evenkeel.DeskTime `cbor:"5,keyasint"`
	Timer     uint64            `cbor:"6,keyasint"`
	Issued    evenkeel.Time     `cbor:"100,keyasint,omitempty"`
	Address   string            `cbor:"101,keyasint,omitempty"`
	Program   string            `cbor:"102,keyasint,omitempty"`
}

// lastChat is what is remembered of a customer's last chat for reopening.
type lastChat struct {
	Chat   string            `cbor:"1,keyasint"`
	Queue  string            `cbor:"2,keyasint"` // that he asked for
	Agent  string            `cbor:"3,keyasint,omitempty"`
	Closed evenkeel.DeskTime `cbor:"4,keyasint"`
	// Of an abandoned chat: the place that it had.
	Abandoned bool              `cbor:"5,keyasint,omitempty"`
	QueuedAt  evenkeel.DeskTime `cbor:"6,keyasint,omitempty"`
	QueuedOn  evenkeel.Time     `cbor:"7,keyasint,omitempty"`
	Priority  int64             `cbor:"8,keyasint,omitempty"`
}

type customerRow struct {
	rowMeta
	Workspace  string          `cbor:"1,keyasint"`
	ID         string          `cbor:"2,keyasint"`
	Name       string          `cbor:"3,keyasint,omitempty"`
	Attributes json.RawMessage `cbor:"4,keyasint,omitempty"`
	Last       lastChat        `cbor:"5,keyasint,omitempty"`
	Timer      uint64          `cbor:"6,keyasint,omitempty"`   // when it may be forgotten
	PutVersion uint64          `cbor:"100,keyasint,omitempty"` // of what customer.put sets

	Signed      *evenkeel.SignedProfile `cbor:"60,keyasint,omitempty"` // by the last signed identity
	SignedUntil evenkeel.DeskTime       `cbor:"61,keyasint,omitempty"` // the token that it brought ends; till then it is remembered
	Claimed     json.RawMessage         `cbor:"62,keyasint,omitempty"` // what he says of himself
	Aliases     []string                `cbor:"63,keyasint,omitempty"` // visitors who became him, the oldest first
	Context     json.RawMessage         `cbor:"64,keyasint,omitempty"` // empty: none
	Version     uint64                  `cbor:"65,keyasint,omitempty"` // of the context; 0: none
	Changed     evenkeel.Time           `cbor:"66,keyasint,omitempty"` // when the context was set

	channel  *channelRow
	sessions []*sessionRow
	live     []*chatRow // not closed, by sequence
	kept     []*chatRow // over, but still in the desk, by sequence
}

func (c *customerRow) connected() bool { return len(c.sessions) > 0 }

type sessionRow struct {
	rowMeta
	ID        evenkeel.SessionID `cbor:"1,keyasint"`
	Principal evenkeel.Principal `cbor:"2,keyasint"`
	Token     string             `cbor:"3,keyasint,omitempty"`
	Last      uint64             `cbor:"4,keyasint,omitempty"` // number of its last command

	who   *caller
	ws    *workspaceRow
	agent *agentRow // of an agent's session
}

// exclusion is an agent who declined or missed a chat.
type exclusion struct {
	Agent string            `cbor:"1,keyasint"`
	Retry evenkeel.DeskTime `cbor:"2,keyasint"`
}

// offer is the reservation of a chat.
type offer struct {
	ID       string            `cbor:"1,keyasint"`
	Agent    string            `cbor:"2,keyasint"`
	Deadline evenkeel.DeskTime `cbor:"3,keyasint"` // before any shift
	Timer    uint64            `cbor:"4,keyasint"`
}

type chatRow struct {
	rowMeta
	ID         string               `cbor:"1,keyasint"`
	Seq        uint64               `cbor:"2,keyasint"`
	Workspace  string               `cbor:"3,keyasint"`
	Queue      string               `cbor:"4,keyasint"`
	Customer   string               `cbor:"5,keyasint"`
	State      evenkeel.ChatState   `cbor:"6,keyasint"`
	Priority   int64                `cbor:"7,keyasint,omitempty"`
	QueuedAt   evenkeel.DeskTime    `cbor:"8,keyasint"`           // its place; kept through every return
	Agent      string               `cbor:"9,keyasint,omitempty"` // the owner; kept after the close
	Invited    []string             `cbor:"10,keyasint,omitempty"`
	Offer      *offer               `cbor:"11,keyasint,omitempty"` // set exactly while offered
	Weight     int64                `cbor:"12,keyasint,omitempty"` // slots taken from its agent, 0: none
	Subject    string               `cbor:"13,keyasint,omitempty"`
	Attributes json.RawMessage      `cbor:"14,keyasint,omitempty"`
	Tags       []string             `cbor:"15,keyasint,omitempty"`
	QueuedOn   evenkeel.Time        `cbor:"16,keyasint"`
	OfferedOn  evenkeel.Time        `cbor:"17,keyasint,omitempty"`
	AnsweredOn evenkeel.Time        `cbor:"18,keyasint,omitempty"`
	ClosedOn   evenkeel.Time        `cbor:"19,keyasint,omitempty"`
	Reason     evenkeel.CloseReason `cbor:"20,keyasint,omitempty"`
	Previous   string               `cbor:"21,keyasint,omitempty"`
	Rating     *evenkeel.Rating     `cbor:"22,keyasint,omitempty"`
	Messages   uint64               `cbor:"23,keyasint,omitempty"`
	Notes      uint64               `cbor:"24,keyasint,omitempty"`
	Delivered  evenkeel.Marks       `cbor:"25,keyasint,omitempty"`
	Seen       evenkeel.Marks       `cbor:"26,keyasint,omitempty"`
	Excluded   []exclusion          `cbor:"27,keyasint,omitempty"`
	Prefer     string               `cbor:"28,keyasint,omitempty"`
	HoldUntil  evenkeel.DeskTime    `cbor:"29,keyasint,omitempty"`
	Why        why                  `cbor:"30,keyasint,omitempty"`
	// Idle rule: since when it is the customer's turn while both sides are
	// connected; 0 while it is not.
	IdleFrom   evenkeel.DeskTime `cbor:"31,keyasint,omitempty"`
	IdleWarned bool              `cbor:"32,keyasint,omitempty"`
	HisTurn    bool              `cbor:"33,keyasint,omitempty"` // the last message was not the customer's
	// Timers, by number; 0: not set.
	WaitTimer   uint64            `cbor:"34,keyasint,omitempty"`
	IdleTimer   uint64            `cbor:"35,keyasint,omitempty"`
	LostTimer   uint64            `cbor:"36,keyasint,omitempty"` // the agent's grace
	GoneTimer   uint64            `cbor:"37,keyasint,omitempty"` // the customer's grace
	WrapTimer   uint64            `cbor:"38,keyasint,omitempty"`
	LingerTimer uint64            `cbor:"39,keyasint,omitempty"`
	ClosedAt    evenkeel.DeskTime `cbor:"40,keyasint,omitempty"`
	Lingered    uint64            `cbor:"41,keyasint,omitempty"` // in which order chats may leave the desk; 0: not yet
	Entered     evenkeel.DeskTime `cbor:"42,keyasint,omitempty"` // into its present queue, for max_wait

	Asked string `cbor:"43,keyasint,omitempty"` // the queue that the customer asked for
	Gone  bool   `cbor:"44,keyasint,omitempty"` // the customer's last session ended

	// Op is the number of its last put; one that has been dropped counts as
	// none. Dirty says that it changed since and the put may have been read.
	Op    uint64 `cbor:"45,keyasint,omitempty"`
	Dirty bool   `cbor:"46,keyasint,omitempty"`

	// For service levels: since when it waits, or waited last; since when its
	// owner has it; when it was started.
	Waits     evenkeel.DeskTime `cbor:"60,keyasint,omitempty"`
	Taken     evenkeel.DeskTime `cbor:"61,keyasint,omitempty"`
	Started   evenkeel.DeskTime `cbor:"62,keyasint,omitempty"`
	Contact   bool              `cbor:"63,keyasint,omitempty"` // offered to its queue, and neither answered nor lost yet
	Responded bool              `cbor:"64,keyasint,omitempty"` // an agent has written

	queue    *queueRow // until it is closed
	customer *customerRow
	agent    *agentRow   // its owner, until it is closed
	talk     *channelRow // chat:
	staff    *channelRow // staff:
	last     *evenkeel.Message
	said     *evenkeel.Message // the customer's last
}

// why is the reason of a chat's last assignment.
type why struct {
	Decided    evenkeel.Time         `cbor:"1,keyasint,omitempty"`
	Chosen     string                `cbor:"2,keyasint,omitempty"`
	Considered []evenkeel.Considered `cbor:"3,keyasint,omitempty"`
}

// keyRow is a timed idempotency key: the digest of a command and what it came
// to. Keys of messages are in the messages' records.
type keyRow struct {
	rowMeta
	Seq       uint64             `cbor:"1,keyasint"`
	Principal evenkeel.Principal `cbor:"2,keyasint"`
	ID        string             `cbor:"3,keyasint"`
	Digest    []byte             `cbor:"4,keyasint"`
	Expires   evenkeel.DeskTime  `cbor:"5,keyasint"`
	Chat      string             `cbor:"6,keyasint,omitempty"`
	Existing  bool               `cbor:"7,keyasint,omitempty"`
	Created   bool               `cbor:"8,keyasint,omitempty"`
	Agent     string             `cbor:"9,keyasint,omitempty"`
	Operation uint64             `cbor:"30,keyasint,omitempty"`
	Number    uint64             `cbor:"31,keyasint,omitempty"`
	Missed    string             `cbor:"50,keyasint,omitempty"`
}

// channelRow is a stream of publications. Its epoch is the cell's generation
// and the index of its creation.
type channelRow struct {
	rowMeta
	Name    string `cbor:"1,keyasint"`
	Created uint64 `cbor:"2,keyasint"`
	First   uint64 `cbor:"3,keyasint"`           // offset of the oldest publication that is kept
	Next    uint64 `cbor:"4,keyasint"`           // offset that the next one will have
	Keep    uint64 `cbor:"5,keyasint,omitempty"` // how many to keep at least; 0: all

	ws     *workspaceRow
	epoch  string
	chunks []*chunkRow // by offset
}

// record is a publication in a channel's history.
type record struct {
	Pub *evenkeel.Publication `cbor:"1,keyasint"`
	// Of a message or a note sent with an id: the digest of its command, and
	// who sent it if that is not the author (a service on somebody's behalf).
	Digest []byte              `cbor:"2,keyasint,omitempty"`
	By     *evenkeel.Principal `cbor:"3,keyasint,omitempty"`
}

// chunkSize is how many records a chunk holds. A snapshot writes a chunk whole
// before it changes, so it is small.
const chunkSize = 32

// chunkRow is a run of records of one channel.
type chunkRow struct {
	rowMeta
	Channel string   `cbor:"1,keyasint"`
	Base    uint64   `cbor:"2,keyasint"` // offset of the first record
	Before  uint64   `cbor:"3,keyasint"` // messages or notes in the channel before this chunk
	Records []record `cbor:"4,keyasint"`
}

type chunkKey struct {
	channel string
	base    uint64
}

type timerRow struct {
	rowMeta
	Seq  uint64            `cbor:"1,keyasint"`
	At   evenkeel.DeskTime `cbor:"2,keyasint"` // of a presence timer: less the shift at its setting
	Kind timerKind         `cbor:"3,keyasint"`
	WS   string            `cbor:"4,keyasint,omitempty"`
	Ref  string            `cbor:"5,keyasint,omitempty"`

	heap int // its place in the heap
}

// workRow is follow-up work that did not fit into one Apply.
type workRow struct {
	rowMeta
	Seq  uint64   `cbor:"1,keyasint"`
	Kind workKind `cbor:"2,keyasint"`
	Ref  string   `cbor:"3,keyasint,omitempty"`
	N    uint64   `cbor:"4,keyasint,omitempty"`
}

// incidentRow is an incident, open or remembered.
type incidentRow struct {
	rowMeta
	Seq               uint64 `cbor:"1,keyasint"`
	evenkeel.Incident `cbor:"2,keyasint"`
	Ended             uint64 `cbor:"3,keyasint,omitempty"` // in which order they ended; 0: it is open
}

// opRow is an operation of the archive. What a put archives is read from the
// chat when it is asked for.
type opRow struct {
	rowMeta
	Seq       uint64                 `cbor:"1,keyasint"`
	Kind      evenkeel.ArchiveOpKind `cbor:"2,keyasint"`
	Workspace string                 `cbor:"3,keyasint"`
	Chat      string                 `cbor:"4,keyasint,omitempty"`
	Rating    *evenkeel.Rating       `cbor:"5,keyasint,omitempty"`
	Tags      []string               `cbor:"6,keyasint,omitempty"`
	Note      *evenkeel.Note         `cbor:"7,keyasint,omitempty"`
	Customer  string                 `cbor:"8,keyasint,omitempty"`
	Visitor   string                 `cbor:"9,keyasint,omitempty"`
	Queue     string                 `cbor:"10,keyasint,omitempty"`
	Before    evenkeel.Time          `cbor:"11,keyasint,omitempty"`
}

func (r *incidentRow) key() uint64            { return r.Seq }
func (r *nodeRow) key() string                { return r.ID }
func (r *workspaceRow) key() string           { return r.ID }
func (r *queueRow) key() key                  { return key{r.Workspace, r.Config.ID} }
func (a *agentRow) key() key                  { return key{a.Workspace, a.Config.ID} }
func (r *namespaceRow) key() key              { return key{r.Workspace, r.Config.Name} }
func (r *apiKeyRow) key() key                 { return key{r.Workspace, r.Config.ID} }
func (r *tokenRow) key() string               { return r.Hash }
func (c *customerRow) key() key               { return key{c.Workspace, c.ID} }
func (r *sessionRow) key() evenkeel.SessionID { return r.ID }
func (c *chatRow) key() string                { return c.ID }
func (ch *channelRow) key() string            { return ch.Name }
func (c *chunkRow) key() chunkKey             { return chunkKey{c.Channel, c.Base} }
func (r *keyRow) key() uint64                 { return r.Seq }
func (r *timerRow) key() uint64               { return r.Seq }
func (r *workRow) key() uint64                { return r.Seq }
func (o *opRow) key() uint64                  { return o.Seq }
