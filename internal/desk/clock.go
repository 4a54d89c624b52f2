package desk

import (
	"github.com/evenkeel/evenkeel"
)

// Time that goes by counts for an agent as he stands: his slots, taken or free.
// How he stood is state; whenever it changes, what the time since has come to is
// counted. So the sums are exact at any index: a read adds the part that still
// runs.

// standing is what an agent's time counts by.
type standing struct {
	Status    evenkeel.AgentStatus `cbor:"1,keyasint,omitempty"`
	Connected bool                 `cbor:"2,keyasint,omitempty"`
	Capacity  int64                `cbor:"3,keyasint,omitempty"`
	Used      int64                `cbor:"4,keyasint,omitempty"`
}

// present tells whether he takes chats.
func (s standing) present() bool { return s.Status == evenkeel.StatusOnline && s.Connected }

// over returns what a span of time comes to.
func (s standing) over(span evenkeel.Duration) evenkeel.AgentCounts {
	if s.present() {
		return evenkeel.AgentCounts{
			Online: span, Slots: span * evenkeel.Duration(s.Capacity), Busy: span * evenkeel.Duration(s.Used),
		}
	}
	c := evenkeel.AgentCounts{Held: span * evenkeel.Duration(s.Used)}
	if s.Status == evenkeel.StatusAway && s.Connected {
		c.Away = span
	}
	return c
}

// staff are the members of a queue: the sum of how they stand.
type staff struct {
	evenkeel.StaffFigures `cbor:"1,keyasint,omitempty"`
	Slots                 int64 `cbor:"2,keyasint,omitempty"` // of those present
	Busy                  int64 `cbor:"3,keyasint,omitempty"` // slots of theirs that are taken
}

// count adds a member once, or takes him out (times -1).
func (s *staff) count(m standing, times int64) {
	switch m.Status {
	case evenkeel.StatusOnline:
		s.Online += times
	case evenkeel.StatusAway:
		s.Away += times
	default:
		s.Offline += times
	}
	if m.Connected {
		s.Connected += times
	}
	if m.present() {
		s.Slots += times * m.Capacity
		s.Busy += times * m.Used
		s.FreeSlots += times * max(0, m.Capacity-m.Used)
	}
}

func (s *staff) over(span evenkeel.Duration) evenkeel.QueueCounts {
	return evenkeel.QueueCounts{Slots: span * evenkeel.Duration(s.Slots), Busy: span * evenkeel.Duration(s.Busy)}
}

func (a *agentRow) stands() standing {
	return standing{a.Status, a.connected(), a.Config.Capacity, a.Used}
}

// restand is called after every change of how a touched agent stands. After a
// restore it finds nothing changed.
func (d *Desk) restand(a *agentRow) {
	now := a.stands()
	if now == a.Stands {
		return
	}
	d.settleAgent(a)
	was := a.Stands
	a.Stands = now
	d.eachQueue(a, func(q *queueRow) {
		q.Staff.count(was, -1)
		q.Staff.count(now, 1)
	})
}

// enlist counts an agent in his queues, discharge takes him out: before and
// after his memberships change.
func (d *Desk) enlist(a *agentRow) {
	d.eachQueue(a, func(q *queueRow) { q.Staff.count(a.Stands, 1) })
}

func (d *Desk) discharge(a *agentRow) {
	d.eachQueue(a, func(q *queueRow) { q.Staff.count(a.Stands, -1) })
}

// eachQueue changes the staff of each of an agent's queues that exist.
func (d *Desk) eachQueue(a *agentRow, change func(*queueRow)) {
	for _, m := range a.Config.Queues {
		if q := d.queues.get(key{a.Workspace, m.Queue}); q != nil {
			d.queues.touch(q)
			d.settleQueue(q)
			change(q)
		}
	}
}

// settleAgent counts the time since the agent's last change, settleQueue that of
// a queue's staff.
func (d *Desk) settleAgent(a *agentRow) {
	d.spread(a.Settled, func(from, run int64, span evenkeel.Duration) {
		if c := a.Stands.over(span); c != (evenkeel.AgentCounts{}) {
			d.addToAgent(a, from, run, &c)
		}
	})
	a.Settled = d.cell.Now
}

func (d *Desk) settleQueue(q *queueRow) {
	if q.Staff.Slots|q.Staff.Busy != 0 {
		d.spread(q.Settled, func(from, run int64, span evenkeel.Duration) {
			c := q.Staff.over(span)
			d.addToQueue(q, from, run, &c)
		})
	}
	q.Settled = d.cell.Now
}

// spread divides the time since a desk time among the intervals that it touches:
// the first, the whole ones between as one run, and the last; so a span of any
// length costs three rows at most. The wall clock is taken as it is now.
func (d *Desk) spread(since evenkeel.DeskTime, give func(from, run int64, span evenkeel.Duration)) {
	begin, end := d.wallOf(since), d.Wall()
	if begin >= end {
		return
	}
	first, last := evenkeel.IntervalOf(begin), evenkeel.IntervalOf(end-1)
	if first == last {
		give(first, 1, evenkeel.Duration(end-begin))
		return
	}
	give(first, 1, evenkeel.Duration(evenkeel.IntervalStart(first+1)-begin))
	if whole := last - first - 1; whole > 0 {
		give(first+1, whole, evenkeel.IntervalLength)
	}
	give(last, 1, evenkeel.Duration(end-evenkeel.IntervalStart(last)))
}
