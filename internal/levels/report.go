//evenkeel:pure

package levels

import (
	"sort"

	"github.com/evenkeel/evenkeel"
)

// Interval is how long the rows of a report are, in intervals; 0: one row for
// the whole range. Rows begin at whole multiples in UTC; the first and the last
// may be cut by the range.
type Interval int64

// The lengths.
const (
	Total   Interval = 0
	Quarter Interval = 1
	Hourly  Interval = 4
	Daily   Interval = 96
)

// ParseInterval reads a length's name; the empty one is Total.
func ParseInterval(name string) (Interval, bool) {
	switch name {
	case "", "total":
		return Total, true
	case "15m":
		return Quarter, true
	case "1h":
		return Hourly, true
	case "1d":
		return Daily, true
	}
	return 0, false
}

// Range is what a report is about: intervals from From, before To, in rows.
type Range struct {
	From, To int64
	Rows     Interval
}

// row returns the bounds of the row that an interval belongs to.
func (r Range) row(interval int64) (from, to int64) {
	if r.Rows == Total {
		return r.From, r.To
	}
	n := int64(r.Rows)
	from = interval - ((interval%n)+n)%n
	return max(from, r.From), min(from+n, r.To)
}

// Row is what was counted of one queue or agent in one row's time.
type Row struct {
	ID       string
	From, To int64 // intervals
	Queue    evenkeel.QueueCounts
	Agent    evenkeel.AgentCounts
}

// Rows adds up the tallies of one queue or agent into rows, in the order of
// time. Rows in which nothing was counted are left out.
func Rows(id string, tallies []evenkeel.Tally, r Range) []*Row {
	byFrom := map[int64]*Row{}
	var rows []*Row
	for i := range tallies {
		t := &tallies[i]
		end := min(t.From+t.Intervals, r.To)
		for at := max(t.From, r.From); at < end; {
			from, to := r.row(at)
			row := byFrom[from]
			if row == nil {
				row = &Row{ID: id, From: from, To: to}
				byFrom[from] = row
				rows = append(rows, row)
			}
			next := min(to, end)
			row.add(t, next-at)
			at = next
		}
	}
	sort.Slice(rows, func(i, j int) bool { return rows[i].From < rows[j].From })
	return rows
}

// add adds a tally as often as it stands for an interval of the row.
func (r *Row) add(t *evenkeel.Tally, times int64) {
	for range times {
		if t.Queue != nil {
			r.Queue.Add(t.Queue)
		} else {
			r.Agent.Add(t.Agent)
		}
	}
}

// QueueReport is a row of the report on queues. Times are in seconds, shares in
// percent; what is unknown (an average of nothing) is null, or empty in CSV.
type QueueReport struct {
	Queue           string        `json:"queue"`
	From            evenkeel.Time `json:"from"`
	To              evenkeel.Time `json:"to"`
	Offered         int64         `json:"offered"`
	Answered        int64         `json:"answered"`
	Abandoned       int64         `json:"abandoned"`
	FlowedOut       int64         `json:"flowed_out"`
	Refused         int64         `json:"refused"`
	ServiceLevel    Figure        `json:"service_level"`
	Threshold       int64         `json:"threshold"` // the edge that was judged by
	AnsweredWithin  int64         `json:"answered_within"`
	ASA             Figure        `json:"asa"`
	AbandonmentRate Figure        `json:"abandonment_rate"`
	LongestWait     Figure        `json:"longest_wait"`
	Handled         int64         `json:"handled"`
	AHT             Figure        `json:"aht"`
	WrapUp          Figure        `json:"wrap_up"`
	FirstResponse   Figure        `json:"first_response"`
	Transferred     int64         `json:"transferred"`
	MissedOffers    int64         `json:"missed_offers"`
	DeclinedOffers  int64         `json:"declined_offers"`
	Occupancy       Figure        `json:"occupancy"`
	SlotSeconds     Figure        `json:"slot_seconds"`
	BusySeconds     Figure        `json:"busy_seconds"`
}

// OfQueue makes a row's figures.
func OfQueue(row *Row, rule Rule) *QueueReport {
	c := &row.Queue
	edge := evenkeel.ThresholdEdge(rule.Threshold)
	return &QueueReport{
		Queue: row.ID, From: evenkeel.IntervalStart(row.From), To: evenkeel.IntervalStart(row.To),
		Offered: c.Offered, Answered: c.Answered, Abandoned: c.Abandoned, FlowedOut: c.FlowedOut, Refused: c.Refused,
		ServiceLevel: ServiceLevel(c, rule), Threshold: edge, AnsweredWithin: within(c, edge).Answered,
		ASA: SpeedOfAnswer(c), AbandonmentRate: Abandonment(c), LongestWait: Figure(seconds(c.LongestWait)),
		Handled: c.Handled, AHT: HandleTime(c), WrapUp: average(c.WrapTime, c.Handled), FirstResponse: FirstResponse(c),
		Transferred: c.Transferred, MissedOffers: c.Missed, DeclinedOffers: c.Declined,
		Occupancy: QueueOccupancy(c), SlotSeconds: Figure(seconds(c.Slots)), BusySeconds: Figure(seconds(c.Busy)),
	}
}

// AgentReport is a row of the report on agents.
type AgentReport struct {
	Agent          string        `json:"agent"`
	From           evenkeel.Time `json:"from"`
	To             evenkeel.Time `json:"to"`
	Handled        int64         `json:"handled"`
	AHT            Figure        `json:"aht"`
	WrapUp         Figure        `json:"wrap_up"`
	Transferred    int64         `json:"transferred"`
	MissedOffers   int64         `json:"missed_offers"`
	DeclinedOffers int64         `json:"declined_offers"`
	Online         Figure        `json:"online"`
	Away           Figure        `json:"away"`
	Occupancy      Figure        `json:"occupancy"`
	SlotSeconds    Figure        `json:"slot_seconds"`
	BusySeconds    Figure        `json:"busy_seconds"`
	HeldSeconds    Figure        `json:"held_seconds"`
}

// OfAgent makes a row's figures.
func OfAgent(row *Row) *AgentReport {
	c := &row.Agent
	return &AgentReport{
		Agent: row.ID, From: evenkeel.IntervalStart(row.From), To: evenkeel.IntervalStart(row.To),
		Handled: c.Handled, AHT: average(c.HandleTime, c.Handled), WrapUp: average(c.WrapTime, c.Handled),
		Transferred: c.Transferred, MissedOffers: c.Missed, DeclinedOffers: c.Declined,
		Online: Figure(seconds(c.Online)), Away: Figure(seconds(c.Away)), Occupancy: AgentOccupancy(c),
		SlotSeconds: Figure(seconds(c.Slots)), BusySeconds: Figure(seconds(c.Busy)), HeldSeconds: Figure(seconds(c.Held)),
	}
}

// StaffingReport is a row of the report on staffing: what the recorded arrivals
// would have needed.
type StaffingReport struct {
	Queue    string        `json:"queue"`
	From     evenkeel.Time `json:"from"`
	To       evenkeel.Time `json:"to"`
	Offered  int64         `json:"offered"`
	AHT      Figure        `json:"aht"`
	Patience Figure        `json:"patience"`
	Erlangs  Figure        `json:"erlangs"`
	// Chats at once, and agents with so many each, that the models ask for.
	ChatsC  Figure `json:"chats_erlang_c"`
	AgentsC Figure `json:"agents_erlang_c"`
	ChatsA  Figure `json:"chats_erlang_a"`
	AgentsA Figure `json:"agents_erlang_a"`
}

// Target is what staffing aims at.
type Target struct {
	Threshold     evenkeel.Duration
	Share         float64 // 0 to 1
	ChatsPerAgent int64
}

// OfStaffing makes a row's figures. all are the counts of the queue in the whole
// range: they tell the patience, and the handle time where the row has none.
func OfStaffing(row *Row, all *evenkeel.QueueCounts, t Target) *StaffingReport {
	c := &row.Queue
	out := &StaffingReport{
		Queue: row.ID, From: evenkeel.IntervalStart(row.From), To: evenkeel.IntervalStart(row.To),
		Offered: c.Offered, AHT: HandleTime(c), Patience: Patience(all),
		Erlangs: unknown(), ChatsC: unknown(), AgentsC: unknown(), ChatsA: unknown(), AgentsA: unknown(),
	}
	if !out.AHT.Known() {
		out.AHT = HandleTime(all)
	}
	if !out.AHT.Known() {
		return out
	}
	span := seconds(evenkeel.Duration(row.To-row.From) * evenkeel.IntervalLength)
	load := Load{Rate: float64(c.Offered) / span, Handle: float64(out.AHT)}
	out.Erlangs = Figure(load.Erlangs())
	threshold := seconds(t.Threshold)
	if f, ok := Needed(load, ErlangC, threshold, t.Share); ok {
		out.ChatsC, out.AgentsC = Figure(f.Servers), perAgent(f.Servers, t.ChatsPerAgent)
	}
	if out.Patience.Known() && out.Patience > 0 {
		load.Patience = float64(out.Patience)
		if f, ok := Needed(load, ErlangA, threshold, t.Share); ok {
			out.ChatsA, out.AgentsA = Figure(f.Servers), perAgent(f.Servers, t.ChatsPerAgent)
		}
	}
	return out
}

func perAgent(servers int, chats int64) Figure {
	return Figure((int64(servers) + chats - 1) / chats)
}
