// Package desk is the state machine of a cell: queues, agents, customers,
// chats, logins and sessions, and all rules about them. Every replica applies
// the same entries of the replicated log and so comes to the same state,
// results and events, byte for byte.
//
//	entry -> Apply -> results (one a command) and events (on channels)
//	                     |
//	                     +-- follow-up: work left over, deadlines due, routing
//
// It is a function: no clock, no randomness, no I/O, no goroutine, no floating
// point. Time comes with each entry. Whoever owns a Desk calls it from one
// goroutine at a time.
//
// # Where things are
//
//	entry.go codec.go       the form of entries and commands in the log
//	desk.go apply.go        Apply: commands first, then bounded follow-up work
//	missed.go               people who were not served
//	sayings.go              what a queue says by itself
//	canned.go               replies that are kept ready
//	hours.go                what it is told of queues' hours
//	cmd_*.go                one file a family of commands: validate, then mutate
//	assign.go               a chat's way between queue, offer, owner and close
//	floor.go                what routing is told of all this
//	levels.go               what is counted of a chat, and when
//	clock.go tally.go       time that counts, and where the counts are kept
//	usage.go                what each workspace uses, and its limits
//	merge.go                a visitor who turns out to be a customer
//	incidents.go            what the operator should know of
//	actor.go                who asks, and what he may see
//	keys.go                 exactly-once by the caller's id
//	archive.go erase.go     what goes to the archive, when, and what is erased
//	channels.go             events, their history, positions
//	size.go                 what counts against the budget of the state
//	timers.go work.go       deadlines and continuations, as state
//	table.go snapshot.go    rows, snapshots without stopping, Restore
//	lookup.go               maps that give memory back
//	hash.go                 the running hash by which replicas agree
//	read_*.go               what a replica answers
//
// # Validate, then mutate
//
// A command that fails leaves no trace: each handler checks all that it needs
// before its first change. The one exception is the number of a session's
// command, which is used up by a refusal too; else one refusal would block all
// that the client sent behind it.
package desk

import (
	"github.com/tidwall/btree"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/routing"
)

// FeatureLevel is the level of commands and rules that this program knows. It
// refuses a log or a snapshot of a higher one.
const FeatureLevel = 1

// Desk is the state of a cell. Make one with New or Restore.
type Desk struct {
	// Replicated state. A new table also goes into tables().
	cell       cellRow
	nodes      table[string, nodeRow, *nodeRow]
	workspaces table[string, workspaceRow, *workspaceRow]
	queues     table[key, queueRow, *queueRow]
	agents     table[key, agentRow, *agentRow]
	apiKeys    table[key, apiKeyRow, *apiKeyRow]
	tokens     table[string, tokenRow, *tokenRow]
	customers  table[key, customerRow, *customerRow]
	sessions   table[evenkeel.SessionID, sessionRow, *sessionRow]
	chats      table[string, chatRow, *chatRow]
	channels   table[string, channelRow, *channelRow]
	chunks     table[chunkKey, chunkRow, *chunkRow]
	keys       table[uint64, keyRow, *keyRow]
	timers     table[uint64, timerRow, *timerRow]
	work       table[uint64, workRow, *workRow]
	incidents  table[uint64, incidentRow, *incidentRow]
	tallies    table[tallyKey, tallyRow, *tallyRow]
	ops        table[uint64, opRow, *opRow]
	misses     table[uint64, missedRow, *missedRow]
	namespaces table[key, namespaceRow, *namespaceRow]
	canned     table[key, cannedRow, *cannedRow]

	// Derived from the rows: rebuilt by relink.
	floor      *routing.Floor
	steady     timerHeap // deadlines that an outage does not extend
	presence   timerHeap // deadlines that an outage extends
	callers    lookup[evenkeel.Principal, *caller]
	keyQueue   fifo[*keyRow]   // timed keys, oldest first
	lingered   fifo[lingerRef] // chats that may leave, oldest first
	overdue    int64           // how many of these are still here
	opQueue    fifo[*opRow]    // the archive's operations, dense and in order
	archiving  bool            // the cell knows a copy of the archive
	held       uint64          // operations up to here are in enough copies
	awaited    uint64          // those after it are awaited by a copy that is being filled
	workQueue  fifo[*workRow]
	byHash     map[string]*apiKeyRow
	crews      map[uint64]*crew   // sessions by incarnation
	hosts      map[string]string  // host names, with their workspaces
	behind     bool               // follow-up work is left over
	opened     []*incidentRow     // incidents that are open, oldest first
	remembered fifo[*incidentRow] // closed ones, in the order of closing

	tallyIndex *tallyIndex
	tallyAge   btree.Map[uint64, *tallyRow] // by Seq: the oldest first

	// Of the entry being applied.
	out     Output
	step    int
	told    int64 // of how many changes of chats, since the step began
	skip    []int
	scratch []byte

	gen    uint64  // of rows: rises with each Freeze
	frozen *Frozen // the snapshot being taken, nil between snapshots
}

// Output is what an entry came to.
type Output struct {
	Index   uint64
	Results []evenkeel.Result // one a command, in order
	Events  []evenkeel.Event
	// More says that follow-up work is left: a tick should come at once.
	More bool
	// Archive is the number of the archive's last operation.
	Archive uint64
}

// New makes a desk that waits for its CellForm.
func New() *Desk {
	d := &Desk{gen: 1}
	for id, t := range d.tables() {
		t.init(d, uint64(id+firstTable))
	}
	d.relinkEmpty()
	return d
}

// tables lists every table in the order of its number in a snapshot:
// append-only.
func (d *Desk) tables() []anyTable {
	return []anyTable{
		&d.nodes, &d.workspaces, &d.queues, &d.agents, &d.apiKeys, &d.tokens, &d.customers, &d.sessions,
		&d.chats, &d.channels, &d.chunks, &d.keys, &d.timers, &d.work, &d.incidents,
		&d.tallies, &d.ops,
		&d.misses,
		&d.namespaces,
		&d.canned,
	}
}

type anyTable interface {
	walker
	init(d *Desk, id uint64)
}

func (d *Desk) relinkEmpty() {
	d.floor = routing.New()
	d.callers = newLookup[evenkeel.Principal, *caller]()
	d.byHash = make(map[string]*apiKeyRow)
	d.crews = make(map[uint64]*crew)
	d.hosts = make(map[string]string)
	d.tallyIndex = newTallyIndex()
}

// Now returns the desk time of the last entry.
func (d *Desk) Now() evenkeel.DeskTime { return d.cell.Now }

// Wall returns the wall time at the last entry.
func (d *Desk) Wall() evenkeel.Time {
	return evenkeel.Time(int64(d.cell.Now) + int64(d.cell.Offset))
}

// Index returns the log index of the last entry.
func (d *Desk) Index() uint64 { return d.cell.Index }

// Hash returns the running hash of all results and events since the cell was
// formed. It is equal on all replicas at the same index.
func (d *Desk) Hash() uint64 { return d.cell.Hash }

// Size returns the logical bytes of the state.
func (d *Desk) Size() int64 { return d.cell.Bytes }

// Formed tells whether the cell exists yet.
func (d *Desk) Formed() bool { return d.cell.CellID != "" }

// Step returns the ordinal of what is being applied: commands from 0, then
// follow-up work. When Apply panics, that is the step to skip.
func (d *Desk) Step() int { return d.step }

// fifo is a queue of derived references.
type fifo[T any] struct {
	list []T
	head int
}

func (q *fifo[T]) push(v T) { q.list = append(q.list, v) }

func (q *fifo[T]) len() int { return len(q.list) - q.head }

func (q *fifo[T]) peek() T { return q.list[q.head] }

func (q *fifo[T]) pop() T {
	v := q.list[q.head]
	var zero T
	q.list[q.head] = zero
	q.head++
	if q.head > 64 && q.head*2 > len(q.list) {
		q.list = shrunk(append(q.list[:0], q.list[q.head:]...))
		q.head = 0
	}
	return v
}
