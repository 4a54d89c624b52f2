package desk

import (
	"github.com/tidwall/btree"

	"github.com/evenkeel/evenkeel"
)

// Tallies: what was counted of a queue or an agent in an interval of wall time.
// They are sparse, outlive whom they are about, and leave oldest first. Their
// age is desk time: a wall clock that is set forward by a year drops none.

// tallyKind says whom a tally is about. Append-only.
type tallyKind uint8

const (
	tallyQueue tallyKind = iota + 1
	tallyAgent
)

// tallyKey names a tally. Run is how many intervals from From on have its counts
// each: 1, or more where nothing but time went by.
type tallyKey struct {
	ws   string
	kind tallyKind
	id   string
	from int64
	run  int64
}

type tallyRow struct {
	rowMeta
	Workspace string                `cbor:"1,keyasint"`
	Kind      tallyKind             `cbor:"2,keyasint"`
	ID        string                `cbor:"3,keyasint"`
	From      int64                 `cbor:"4,keyasint"`
	Run       int64                 `cbor:"5,keyasint"`
	Seq       uint64                `cbor:"6,keyasint"` // in the order of creation
	Made      evenkeel.DeskTime     `cbor:"7,keyasint"`
	Queue     *evenkeel.QueueCounts `cbor:"8,keyasint,omitempty"`
	Agent     *evenkeel.AgentCounts `cbor:"9,keyasint,omitempty"`
}

func (t *tallyRow) key() tallyKey { return tallyKey{t.Workspace, t.Kind, t.ID, t.From, t.Run} }

func (k tallyKey) before(o tallyKey) bool {
	switch {
	case k.ws != o.ws:
		return k.ws < o.ws
	case k.kind != o.kind:
		return k.kind < o.kind
	case k.id != o.id:
		return k.id < o.id
	case k.from != o.from:
		return k.from < o.from
	default:
		return k.run < o.run
	}
}

// tallyIndex orders tallies by their keys.
type tallyIndex = btree.BTreeG[*tallyRow]

func newTallyIndex() *tallyIndex {
	return btree.NewBTreeGOptions(func(a, b *tallyRow) bool { return a.key().before(b.key()) }, btree.Options{NoLocks: true})
}

// The logical sizes of a tally and of a bucket of waiting times.
const (
	tallyBytes  = 384
	bucketBytes = 32
)

func tallySize(t *tallyRow) int64 {
	n := tallyBytes + int64(len(t.ID))
	if t.Queue != nil {
		n += int64(len(t.Queue.Waits)) * bucketBytes
	}
	return n
}

// tally returns the row of a key, touched, made if there is none. Nothing is
// refused for want of room to count it: the number of rows is bounded, and the
// oldest leave.
func (d *Desk) tally(k tallyKey) *tallyRow {
	if t := d.tallies.get(k); t != nil {
		d.tallies.touch(t)
		return t
	}
	d.cell.TallySeq++
	t := &tallyRow{Workspace: k.ws, Kind: k.kind, ID: k.id, From: k.from, Run: k.run, Seq: d.cell.TallySeq, Made: d.cell.Now}
	if k.kind == tallyQueue {
		t.Queue = &evenkeel.QueueCounts{}
	} else {
		t.Agent = &evenkeel.AgentCounts{}
	}
	d.tallies.add(t)
	d.account(tallySize(t))
	d.linkTally(t)
	d.tidyTallies()
	return t
}

func (d *Desk) linkTally(t *tallyRow) {
	d.tallyIndex.Set(t)
	d.tallyAge.Set(t.Seq, t)
}

// countQueue adds to what is counted of a queue in the present interval.
func (d *Desk) countQueue(q *queueRow, add evenkeel.QueueCounts) {
	at := evenkeel.IntervalOf(d.Wall())
	d.addToQueue(q, at, 1, &add)
	if day := dayOf(at); q.today == nil || q.day != day {
		q.today, q.day = d.sumOfDay(q, day), day
	} else {
		q.today.Add(&add)
	}
}

func (d *Desk) addToQueue(q *queueRow, from, run int64, add *evenkeel.QueueCounts) {
	t := q.tally
	if t == nil || t.From != from || t.Run != run {
		t = d.tally(tallyKey{q.Workspace, tallyQueue, q.Config.ID, from, run})
		q.tally = t
	}
	d.tallies.touch(t)
	buckets := len(t.Queue.Waits)
	t.Queue.Add(add)
	d.account(int64(len(t.Queue.Waits)-buckets) * bucketBytes)
}

// countAgent adds to what is counted of an agent in the present interval.
func (d *Desk) countAgent(a *agentRow, add evenkeel.AgentCounts) {
	d.addToAgent(a, evenkeel.IntervalOf(d.Wall()), 1, &add)
}

func (d *Desk) addToAgent(a *agentRow, from, run int64, add *evenkeel.AgentCounts) {
	t := a.tally
	if t == nil || t.From != from || t.Run != run {
		t = d.tally(tallyKey{a.Workspace, tallyAgent, a.Config.ID, from, run})
		a.tally = t
	}
	d.tallies.touch(t)
	t.Agent.Add(add)
}

// intervalsOfDay is how many intervals a day has.
const intervalsOfDay = int64(24 * evenkeel.Hour / evenkeel.IntervalLength)

func dayOf(interval int64) int64 {
	day := interval / intervalsOfDay
	if interval%intervalsOfDay < 0 {
		day--
	}
	return day
}

// sumOfDay adds up what was counted of a queue on one day, but for its staff's
// time.
func (d *Desk) sumOfDay(q *queueRow, day int64) *evenkeel.QueueCounts {
	sum := &evenkeel.QueueCounts{}
	first := tallyRow{Workspace: q.Workspace, Kind: tallyQueue, ID: q.Config.ID, From: day * intervalsOfDay}
	d.tallyIndex.Ascend(&first, func(t *tallyRow) bool {
		if t.Workspace != q.Workspace || t.Kind != tallyQueue || t.ID != q.Config.ID || dayOf(t.From) != day {
			return false
		}
		sum.Add(t.Queue)
		return true
	})
	sum.Slots, sum.Busy = 0, 0
	return sum
}

// today returns the sum of the present day.
func (d *Desk) today(q *queueRow) evenkeel.QueueCounts {
	day := dayOf(evenkeel.IntervalOf(d.Wall()))
	if q.today == nil || q.day != day {
		return *d.sumOfDay(q, day)
	}
	return *q.today.Clone()
}

// surplus returns the oldest tally if it is too old, or one too many.
func (d *Desk) surplus() *tallyRow {
	_, oldest, ok := d.tallyAge.Min()
	l := &d.cell.Limits
	if ok && (int64(d.tallies.len()) > l.Tallies || oldest.Made+evenkeel.DeskTime(l.TallyKeep) < d.cell.Now) {
		return oldest
	}
	return nil
}

// tallyOf returns the first tally of a workspace in the order of keys; nil if it
// has none.
func (d *Desk) tallyOf(workspace string) (found *tallyRow) {
	d.tallyIndex.Ascend(&tallyRow{Workspace: workspace}, func(t *tallyRow) bool {
		if t.Workspace == workspace {
			found = t
		}
		return false
	})
	return found
}

// tidyTallies begins to drop tallies if there is one to drop and nobody does so
// already.
func (d *Desk) tidyTallies() {
	if !d.cell.Tidying && d.surplus() != nil {
		d.cell.Tidying = true
		d.addWork(workDropTallies, "", 0)
	}
}

// tidyBatch is how many tallies one unit of work drops.
const tidyBatch = 16

// dropTallies drops the tallies that next names, a few at a time.
func (d *Desk) dropTallies(next func() *tallyRow) (done bool) {
	for range tidyBatch {
		t := next()
		if t == nil {
			return true
		}
		d.dropTally(t)
	}
	return next() == nil
}

func (d *Desk) dropTally(t *tallyRow) {
	d.tallyAge.Delete(t.Seq)
	d.tallyIndex.Delete(t)
	d.tallies.remove(t)
	d.account(-tallySize(t))
	switch k := (key{t.Workspace, t.ID}); t.Kind {
	case tallyQueue:
		if q := d.queues.get(k); q != nil {
			q.tally = nil
			if dayOf(t.From) == q.day {
				q.today = nil
			}
		}
	case tallyAgent:
		if a := d.agents.get(k); a != nil {
			a.tally = nil
		}
	}
}
