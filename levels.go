package evenkeel

// What service levels are made of: raw counts and sums, whole numbers only. The
// desk keeps them; formulas are for whoever reads them (internal/levels).
// docs/service-levels.md defines each and names where the definition is from.

// IntervalLength is how long an interval is. Intervals begin at whole quarters
// of an hour of wall time in UTC.
const IntervalLength = 15 * Minute

// IntervalOf returns the number of the interval that a time falls into, counted
// from 1970.
func IntervalOf(t Time) int64 {
	n := int64(t) / int64(IntervalLength)
	if int64(t)%int64(IntervalLength) < 0 {
		n--
	}
	return n
}

// IntervalStart returns the time at which an interval begins.
func IntervalStart(n int64) Time { return Time(n * int64(IntervalLength)) }

// WaitOpen is the edge of the last bucket: waits longer than a day.
const WaitOpen = 1<<31 - 1

// waitSteps are the widths of the buckets of waiting times, in seconds: width up
// to a limit.
var waitSteps = [...]struct{ limit, width int64 }{{60, 1}, {600, 10}, {3600, 60}, {86400, 900}}

// WaitEdge returns the edge, in whole seconds, of the bucket that a wait falls
// into: the lowest that is not below it.
func WaitEdge(wait Duration) int64 {
	s := int64((max(wait, 0) + Second - 1) / Second)
	for _, step := range waitSteps {
		if s <= step.limit {
			return (s + step.width - 1) / step.width * step.width
		}
	}
	return WaitOpen
}

// ThresholdEdge returns the highest edge, in whole seconds, that is not above a
// threshold: what was counted up to that edge lay within the threshold.
func ThresholdEdge(threshold Duration) int64 {
	s := int64(max(threshold, 0) / Second)
	for _, step := range waitSteps {
		if s <= step.limit {
			return s / step.width * step.width
		}
	}
	return waitSteps[len(waitSteps)-1].limit
}

// WaitBucket counts the waits that ended in one interval and lasted longer than
// the edge before Up and not longer than Up seconds.
type WaitBucket struct {
	Up        int64 `cbor:"1,keyasint"`
	Answered  int64 `cbor:"2,keyasint,omitempty"`
	Abandoned int64 `cbor:"3,keyasint,omitempty"`
	FlowedOut int64 `cbor:"4,keyasint,omitempty"`
}

// QueueCounts are the counts of a queue in one interval. A contact is counted as
// offered in the interval in which it came, and in that of the event as whatever
// became of it.
type QueueCounts struct {
	Offered      int64    `cbor:"1,keyasint,omitempty"`  // contacts that came to the queue
	Answered     int64    `cbor:"2,keyasint,omitempty"`  // that an agent took
	Abandoned    int64    `cbor:"3,keyasint,omitempty"`  // that left while they waited
	FlowedOut    int64    `cbor:"4,keyasint,omitempty"`  // overflowed, transferred or closed by staff before an answer
	Refused      int64    `cbor:"5,keyasint,omitempty"`  // turned away: the queue was closed or full
	AnswerWait   Duration `cbor:"6,keyasint,omitempty"`  // sum of the waits of the answered
	AbandonWait  Duration `cbor:"7,keyasint,omitempty"`  // sum of the waits of the abandoned
	LongestWait  Duration `cbor:"8,keyasint,omitempty"`  // of those that ended
	Handled      int64    `cbor:"9,keyasint,omitempty"`  // times that an owner was done with a chat
	HandleTime   Duration `cbor:"10,keyasint,omitempty"` // sum, wrap-up included
	WrapTime     Duration `cbor:"11,keyasint,omitempty"` // the part after the talk
	Responded    int64    `cbor:"12,keyasint,omitempty"` // chats to which an agent wrote for the first time
	ResponseTime Duration `cbor:"13,keyasint,omitempty"` // sum, from the chat's start
	Transferred  int64    `cbor:"14,keyasint,omitempty"` // after the answer
	Missed       int64    `cbor:"15,keyasint,omitempty"` // offers that nobody answered in time
	Declined     int64    `cbor:"16,keyasint,omitempty"` // offers
	Slots        Duration `cbor:"17,keyasint,omitempty"` // slot time of members online and connected
	Busy         Duration `cbor:"18,keyasint,omitempty"` // the part of it that was taken, by chats of any queue
	// Waits are sorted by Up; empty buckets are left out.
	Waits []WaitBucket `cbor:"19,keyasint,omitempty"`
}

// Add adds other counts.
func (c *QueueCounts) Add(o *QueueCounts) {
	c.Offered += o.Offered
	c.Answered += o.Answered
	c.Abandoned += o.Abandoned
	c.FlowedOut += o.FlowedOut
	c.Refused += o.Refused
	c.AnswerWait += o.AnswerWait
	c.AbandonWait += o.AbandonWait
	c.LongestWait = max(c.LongestWait, o.LongestWait)
	c.Handled += o.Handled
	c.HandleTime += o.HandleTime
	c.WrapTime += o.WrapTime
	c.Responded += o.Responded
	c.ResponseTime += o.ResponseTime
	c.Transferred += o.Transferred
	c.Missed += o.Missed
	c.Declined += o.Declined
	c.Slots += o.Slots
	c.Busy += o.Busy
	for i := range o.Waits {
		c.addWaits(&o.Waits[i])
	}
}

func (c *QueueCounts) addWaits(b *WaitBucket) {
	i := len(c.Waits)
	for i > 0 && c.Waits[i-1].Up >= b.Up {
		i--
	}
	if i == len(c.Waits) || c.Waits[i].Up != b.Up {
		c.Waits = append(c.Waits, WaitBucket{})
		copy(c.Waits[i+1:], c.Waits[i:])
		c.Waits[i] = WaitBucket{Up: b.Up}
	}
	c.Waits[i].Answered += b.Answered
	c.Waits[i].Abandoned += b.Abandoned
	c.Waits[i].FlowedOut += b.FlowedOut
}

// Clone returns a copy that shares nothing.
func (c *QueueCounts) Clone() *QueueCounts {
	out := *c
	out.Waits = append([]WaitBucket(nil), c.Waits...)
	return &out
}

// AgentCounts are the counts of an agent in one interval.
type AgentCounts struct {
	Handled     int64    `cbor:"1,keyasint,omitempty"` // times that he was done with a chat
	HandleTime  Duration `cbor:"2,keyasint,omitempty"` // sum, wrap-up included
	WrapTime    Duration `cbor:"3,keyasint,omitempty"`
	Transferred int64    `cbor:"4,keyasint,omitempty"` // chats of his
	Missed      int64    `cbor:"5,keyasint,omitempty"`
	Declined    int64    `cbor:"6,keyasint,omitempty"`
	Online      Duration `cbor:"7,keyasint,omitempty"`  // online and connected
	Away        Duration `cbor:"8,keyasint,omitempty"`  // away and connected
	Slots       Duration `cbor:"9,keyasint,omitempty"`  // slot time: his capacity while online and connected
	Busy        Duration `cbor:"10,keyasint,omitempty"` // slots taken while online and connected
	Held        Duration `cbor:"11,keyasint,omitempty"` // slots taken at other times
}

// Add adds other counts.
func (c *AgentCounts) Add(o *AgentCounts) {
	c.Handled += o.Handled
	c.HandleTime += o.HandleTime
	c.WrapTime += o.WrapTime
	c.Transferred += o.Transferred
	c.Missed += o.Missed
	c.Declined += o.Declined
	c.Online += o.Online
	c.Away += o.Away
	c.Slots += o.Slots
	c.Busy += o.Busy
	c.Held += o.Held
}

// Tally is what was counted for one queue or agent in one interval or, where
// nothing but time went by, in each of several in a row. There may be several
// tallies of an interval: they are to be added up.
type Tally struct {
	ID        string
	From      int64 // number of the first interval
	Intervals int64 // how many have these counts each
	Queue     *QueueCounts
	Agent     *AgentCounts
}

// TallyFilter selects tallies.
type TallyFilter struct {
	Agents   bool   // of agents; else of queues
	ID       string // of this one; empty: of all
	From, To int64  // intervals: from From, before To
	// After continues behind a tally: the ID, From and Intervals of the last one
	// of the page before.
	After Tally
	Limit int
}

// StaffFigures are the members of a queue as they stand.
type StaffFigures struct {
	Online    int64 `cbor:"1,keyasint,omitempty" json:"online"`
	Away      int64 `cbor:"2,keyasint,omitempty" json:"away"`
	Offline   int64 `cbor:"3,keyasint,omitempty" json:"offline"`
	Connected int64 `cbor:"4,keyasint,omitempty" json:"connected"`
	FreeSlots int64 `cbor:"5,keyasint,omitempty" json:"free_slots"` // of those online and connected
}

// QueueFigures are a queue's figures at one index.
type QueueFigures struct {
	Time        Time
	Queue       string
	Waiting     int64    // queued
	LongestWait Duration // of those queued or offered
	Offered     int64    // that ring at an agent
	Active      int64
	Agents      StaffFigures
	Threshold   Duration // of the queue's service level
	Today       QueueCounts
}

// AgentFigures are an agent as a wallboard shows him.
type AgentFigures struct {
	ID        string      `json:"id"`
	Status    AgentStatus `json:"status"`
	Connected bool        `json:"connected"`
	Chats     int64       `json:"chats"`
	Since     Time        `json:"since"`
}

// DeskFigures are those of a whole workspace.
type DeskFigures struct {
	Time   Time
	Queues []QueueFigures // by id
	Agents []AgentFigures // by id
	More   bool           // there are more agents than are listed
}

// LineHead is the head of a queue's line, and how fast it moves.
type LineHead struct {
	Chats    []string // in the order in which they stand
	Waiting  int64
	Answered int64    // lately
	Over     Duration // how long lately is
	Staffed  bool     // somebody is online and connected
}
