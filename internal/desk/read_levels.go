package desk

import (
	"slices"
	"sort"

	"github.com/evenkeel/evenkeel"
)

// levelsReader resolves a reader of the workspace's figures: whoever supervises.
func (d *Desk) levelsReader(by evenkeel.Principal) (actor, error) {
	a, refusal := d.actorOf(by)
	if refusal != nil {
		return a, refusal
	}
	if !a.supervises() {
		return a, evenkeel.Errorf(evenkeel.CodeForbidden, "this is for supervisors")
	}
	return a, nil
}

// Tallies returns what was counted, in the order of id, interval and run, up to a
// limit. The last page has behind that the time that runs and is not counted
// yet, up to three tallies for each id.
func (d *Desk) Tallies(by evenkeel.Principal, f evenkeel.TallyFilter) (page []evenkeel.Tally, more bool, err error) {
	a, err := d.levelsReader(by)
	if err != nil {
		return nil, false, err
	}
	kind := tallyQueue
	if f.Agents {
		kind = tallyAgent
	}
	from := tallyRow{Workspace: a.ws, Kind: kind, ID: f.ID, From: minInterval}
	after := tallyKey{a.ws, kind, f.After.ID, f.After.From, f.After.Intervals}
	if f.After.ID != "" && from.key().before(after) {
		from.ID, from.From, from.Run = after.id, after.from, after.run
	}
	d.tallyIndex.Ascend(&from, func(t *tallyRow) bool {
		if t.Workspace != a.ws || t.Kind != kind || f.ID != "" && t.ID != f.ID {
			return false
		}
		if t.From+t.Run <= f.From || t.From >= f.To || f.After.ID != "" && !after.before(t.key()) {
			return true
		}
		if len(page) >= f.Limit {
			more = true
			return false
		}
		page = append(page, viewTally(t))
		return true
	})
	if !more {
		page = append(page, d.running(&a, &f)...)
	}
	return page, more, nil
}

// minInterval is before every interval.
const minInterval = -1 << 62

func viewTally(t *tallyRow) evenkeel.Tally {
	v := evenkeel.Tally{ID: t.ID, From: t.From, Intervals: t.Run}
	if t.Queue != nil {
		v.Queue = t.Queue.Clone()
	} else {
		counts := *t.Agent
		v.Agent = &counts
	}
	return v
}

// running returns the time that runs and is not counted yet, by id.
func (d *Desk) running(a *actor, f *evenkeel.TallyFilter) (out []evenkeel.Tally) {
	within := func(from, run int64) bool { return from+run > f.From && from < f.To }
	if f.Agents {
		for _, row := range d.agents.list {
			if row.Workspace != a.ws || f.ID != "" && row.Config.ID != f.ID {
				continue
			}
			d.spread(row.Settled, func(from, run int64, span evenkeel.Duration) {
				if c := row.Stands.over(span); c != (evenkeel.AgentCounts{}) && within(from, run) {
					out = append(out, evenkeel.Tally{ID: row.Config.ID, From: from, Intervals: run, Agent: &c})
				}
			})
		}
	} else {
		for _, row := range d.queues.list {
			if row.Workspace != a.ws || f.ID != "" && row.Config.ID != f.ID || row.Staff.Slots|row.Staff.Busy == 0 {
				continue
			}
			d.spread(row.Settled, func(from, run int64, span evenkeel.Duration) {
				if c := row.Staff.over(span); within(from, run) {
					out = append(out, evenkeel.Tally{ID: row.Config.ID, From: from, Intervals: run, Queue: &c})
				}
			})
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	return out
}

// TallyIDs lists the queues or agents of which something may have been counted,
// by id, behind after: those that exist and those that did.
func (d *Desk) TallyIDs(by evenkeel.Principal, agents bool, after string, limit int) ([]string, error) {
	a, err := d.levelsReader(by)
	if err != nil {
		return nil, err
	}
	var ids []string
	kind := tallyQueue
	if agents {
		kind = tallyAgent
		rows := pageRows(d.agents.list, limit,
			func(r *agentRow) bool { return r.Workspace == a.ws && r.Config.ID > after },
			func(x, y *agentRow) bool { return x.Config.ID < y.Config.ID })
		for _, r := range rows {
			ids = append(ids, r.Config.ID)
		}
	} else {
		rows := pageRows(d.queues.list, limit,
			func(r *queueRow) bool { return r.Workspace == a.ws && r.Config.ID > after },
			func(x, y *queueRow) bool { return x.Config.ID < y.Config.ID })
		for _, r := range rows {
			ids = append(ids, r.Config.ID)
		}
	}
	for n := 0; n < limit; n++ {
		next := ""
		d.tallyIndex.Ascend(&tallyRow{Workspace: a.ws, Kind: kind, ID: after + "\x00", From: minInterval}, func(t *tallyRow) bool {
			if t.Workspace == a.ws && t.Kind == kind {
				next = t.ID
			}
			return false
		})
		if next == "" {
			break
		}
		ids, after = append(ids, next), next
	}
	sort.Strings(ids)
	ids = slices.Compact(ids)
	return ids[:min(limit, len(ids))], nil
}

// QueueFigures returns a queue's live figures.
func (d *Desk) QueueFigures(workspace, id string) (*evenkeel.QueueFigures, bool) {
	q := d.queues.get(key{workspace, id})
	if q == nil {
		return nil, false
	}
	f := d.queueFigures(q)
	return &f, true
}

func (d *Desk) queueFigures(q *queueRow) evenkeel.QueueFigures {
	f := evenkeel.QueueFigures{
		Time: d.Wall(), Queue: q.Config.ID, Waiting: q.waiting, Offered: q.ringing, Active: q.active,
		Agents: q.Staff.StaffFigures, Threshold: q.Config.ServiceLevel.Threshold, Today: d.today(q),
	}
	if oldest, ok := q.line.Min(); ok {
		f.LongestWait = evenkeel.Duration(d.cell.Now - oldest.Waits)
	}
	return f
}

// DeskFigures returns those of all queues of a workspace, and its first agents
// by id.
func (d *Desk) DeskFigures(workspace string, agents int) *evenkeel.DeskFigures {
	f := &evenkeel.DeskFigures{Time: d.Wall(), Queues: []evenkeel.QueueFigures{}, Agents: []evenkeel.AgentFigures{}}
	for _, q := range d.queues.list {
		if q.Workspace == workspace {
			f.Queues = append(f.Queues, d.queueFigures(q))
		}
	}
	sort.Slice(f.Queues, func(i, j int) bool { return f.Queues[i].Queue < f.Queues[j].Queue })
	rows := pageRows(d.agents.list, agents+1,
		func(r *agentRow) bool { return r.Workspace == workspace },
		func(x, y *agentRow) bool { return x.Config.ID < y.Config.ID })
	if f.More = len(rows) > agents; f.More {
		rows = rows[:agents]
	}
	for _, a := range rows {
		f.Agents = append(f.Agents, evenkeel.AgentFigures{
			ID: a.Config.ID, Status: a.Status, Connected: a.connected(), Chats: int64(len(a.owned)), Since: a.Since,
		})
	}
	return f
}

// LineHead returns the first chats that wait in a queue, in the order in which
// routing takes them, and how fast the line has moved of late: in the present
// interval and, if the queue had contacts then, in the one before.
func (d *Desk) LineHead(workspace, queue string, limit int) (evenkeel.LineHead, bool) {
	q := d.queues.get(key{workspace, queue})
	if q == nil {
		return evenkeel.LineHead{}, false
	}
	h := evenkeel.LineHead{Waiting: q.waiting, Staffed: q.Staff.Slots > 0}
	for id := range d.floor.Line(q.floorID) {
		if len(h.Chats) == limit {
			break
		}
		h.Chats = append(h.Chats, id)
	}
	wall := d.Wall()
	now := evenkeel.IntervalOf(wall)
	h.Over = evenkeel.Duration(wall - evenkeel.IntervalStart(now))
	k := tallyKey{workspace, tallyQueue, queue, now, 1}
	if t := d.tallies.get(k); t != nil {
		h.Answered = t.Queue.Answered
	}
	k.from--
	if t := d.tallies.get(k); t != nil && t.Queue.Offered > 0 {
		h.Answered += t.Queue.Answered
		h.Over += evenkeel.IntervalLength
	}
	return h, true
}
