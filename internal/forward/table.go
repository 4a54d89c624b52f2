//evenkeel:pure

package forward

import (
	"maps"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel"
)

// AnswerLimit is how long the leader may take to answer, and this node's replica to
// come to what was answered. Callers have given up by then.
const AnswerLimit = 5 * time.Second

// maxArrived bounds the answers whose entries this node has not applied yet.
const maxArrived = 4096

// Done takes the results of a proposal, one a command, or why there are none.
type Done func([]evenkeel.Result, error)

// Table has the proposals of one process. Not for concurrent use.
type Table struct {
	last    uint64 // the last name given
	applied uint64
	waiting map[uint64]*asked
	arrived []arrival // in the order of their arrival, which is that of the log
	ended   []func()
}

// asked is a proposal that has no answer.
type asked struct {
	at    uint64 // the node that was asked
	count int    // of commands
	since time.Duration
	done  Done
}

// arrival is an answer that waits for this node's replica.
type arrival struct {
	since   time.Duration
	index   uint64
	results []evenkeel.Result
	done    Done
}

// New makes an empty table. What it asks is named by the numbers behind first,
// which is to be different in each process of a node: an answer to an earlier one
// may still be on its way.
func New(first uint64) *Table {
	return &Table{last: first, waiting: map[uint64]*asked{}}
}

// Ask names a proposal that a node is to be asked for.
func (t *Table) Ask(now time.Duration, at uint64, count int, done Done) (request uint64) {
	t.last++
	t.waiting[t.last] = &asked{at: at, count: count, since: now, done: done}
	return t.last
}

// Unsent says that a request did not get on its way.
func (t *Table) Unsent(request uint64) {
	if w := t.waiting[request]; w != nil {
		delete(t.waiting, request)
		t.end(w.done, nil, UnknownFate())
	}
}

// Answered takes an answer. One that nobody waits for, or that is not of the node
// that was asked, is ignored.
func (t *Table) Answered(from, request uint64, results []evenkeel.Result, refusal *evenkeel.Error) {
	w := t.waiting[request]
	if w == nil || w.at != from || refusal == nil && len(results) != w.count {
		return
	}
	delete(t.waiting, request)
	switch {
	case refusal != nil:
		t.end(w.done, nil, refusal)
	case len(t.arrived) >= maxArrived: // this node is far behind: the caller asks again, and is told the same
		t.end(w.done, nil, UnknownFate())
	default:
		t.arrived = append(t.arrived, arrival{w.since, results[len(results)-1].Index, results, w.done})
		t.Applied(t.applied)
	}
}

// Applied says how far this node's replica has come.
func (t *Table) Applied(index uint64) {
	t.applied = max(t.applied, index)
	for len(t.arrived) > 0 && t.arrived[0].index <= t.applied {
		a := t.arrived[0]
		t.arrived = t.arrived[1:]
		t.end(a.done, a.results, nil)
	}
}

// Next is the index that the first answer waits for; false: none waits.
func (t *Table) Next() (index uint64, waiting bool) {
	if len(t.arrived) == 0 {
		return 0, false
	}
	return t.arrived[0].index, true
}

// Lost gives up what a node was asked that is not connected any more.
func (t *Table) Lost(node uint64) { t.drop(func(w *asked) bool { return w.at == node }) }

// Leads says who leads, as far as this node knows; 0: nobody. What another node was
// asked is given up: it may never answer, and is asked of the new leader again.
func (t *Table) Leads(leader uint64) {
	if leader != 0 {
		t.drop(func(w *asked) bool { return w.at != leader })
	}
}

// Sweep gives up what took too long.
func (t *Table) Sweep(now time.Duration) {
	t.drop(func(w *asked) bool { return now-w.since > AnswerLimit })
	for len(t.arrived) > 0 && now-t.arrived[0].since > 2*AnswerLimit {
		t.end(t.arrived[0].done, nil, UnknownFate())
		t.arrived = t.arrived[1:]
	}
}

// Close gives everything up.
func (t *Table) Close() {
	t.drop(func(*asked) bool { return true })
	for _, a := range t.arrived {
		t.end(a.done, nil, UnknownFate())
	}
	t.arrived = nil
}

// Take returns what is to be called, in order.
func (t *Table) Take() []func() {
	ended := t.ended
	t.ended = nil
	return ended
}

func (t *Table) drop(which func(*asked) bool) {
	for _, request := range slices.Sorted(maps.Keys(t.waiting)) {
		if w := t.waiting[request]; which(w) {
			delete(t.waiting, request)
			t.end(w.done, nil, UnknownFate())
		}
	}
}

func (t *Table) end(done Done, results []evenkeel.Result, refusal *evenkeel.Error) {
	t.ended = append(t.ended, func() {
		if refusal != nil {
			done(nil, refusal)
			return
		}
		done(results, nil)
	})
}

// UnknownFate says that nobody can tell what becomes of a proposal.
func UnknownFate() *evenkeel.Error {
	return &evenkeel.Error{Code: evenkeel.CodeNoLeader, Detail: "the cell has no leader that this node can reach", RetryAfter: evenkeel.Second}
}
