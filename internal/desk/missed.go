package desk

import (
	"sort"

	"github.com/evenkeel/evenkeel"
)

// The list of missed items of a workspace: bounded, and never at the cost of
// an item that nobody has looked after.

// missedHistory is how many publications a queue's channel of missed items
// keeps; the list itself is read by GET /v1/missed.
const missedHistory = 64

// waiter names who gave up waiting, and for which queue.
type waiter struct{ queue, customer string }

// missedRow is one missed item.
type missedRow struct {
	rowMeta
	Seq   uint64            `cbor:"1,keyasint"`
	Item  evenkeel.Missed   `cbor:"2,keyasint"` // but for its Agent, who may get another name
	Asked string            `cbor:"3,keyasint"` // the queue that the customer had asked for
	Agent string            `cbor:"4,keyasint,omitempty"`
	Done  uint64            `cbor:"5,keyasint,omitempty"` // in which order items came to their end; 0: not yet
	Until evenkeel.DeskTime `cbor:"6,keyasint,omitempty"` // kept, once done

	agent *agentRow // who has claimed it, until it is done
}

func (m *missedRow) key() uint64 { return m.Seq }

// roomForMissed tells whether the list takes one more: it does while there is
// something in it that is done and may go.
func (d *Desk) roomForMissed(ws *workspaceRow) bool {
	return int64(ws.missed.Len()) < d.cell.Limits.Missed || ws.missedDone.len() > 0
}

// addMissed puts a new item into the list. The oldest that are done go for it:
// two for one, so that a lower limit is reached in the end.
func (d *Desk) addMissed(ws *workspaceRow, q *queueRow, m *missedRow) {
	for n := 0; n < 2 && int64(ws.missed.Len()) >= d.cell.Limits.Missed && ws.missedDone.len() > 0; n++ {
		d.dropMissed(ws)
	}
	d.cell.MissedSeq++
	m.Seq = d.cell.MissedSeq
	m.Item.ID, m.Item.State = "m"+base36(m.Seq), evenkeel.MissedOpen
	m.Item.Times, m.Item.Created, m.Item.Asked = 1, d.Wall(), d.Wall()
	d.misses.add(m)
	d.account(missedSize(&m.Item))
	d.linkMissed(ws, m)
	d.missedChanged(m)
}

// linkMissed puts an item into the indexes that its state calls for.
func (d *Desk) linkMissed(ws *workspaceRow, m *missedRow) {
	ws.missed.Set(m.Seq, m)
	if m.Item.State.Done() {
		ws.missedDone.push(m)
		return
	}
	d.queues.get(key{ws.ID, m.Item.Queue}).missed++
	if m.Item.Kind == evenkeel.MissedAbandoned {
		ws.abandoned[waiter{m.Asked, m.Item.Customer}] = m
	} else {
		ws.forms[m.Item.Customer]++
	}
	if m.Agent != "" {
		m.agent = d.agents.get(key{ws.ID, m.Agent})
		m.agent.claims = insertMissed(m.agent.claims, m)
	}
}

// claim gives a touched item to an agent. Whoever has had it loses it.
func (d *Desk) claim(m *missedRow, a *agentRow) {
	if m.agent != nil {
		m.agent.claims = removeMissed(m.agent.claims, m)
	}
	m.agent, m.Agent = a, a.Config.ID
	a.claims = insertMissed(a.claims, m)
	m.Item.State, m.Item.ClaimedAt = evenkeel.MissedClaimed, d.Wall()
}

// unclaim opens a touched item again.
func (d *Desk) unclaim(m *missedRow) {
	m.agent.claims = removeMissed(m.agent.claims, m)
	m.agent, m.Agent = nil, ""
	m.Item.State, m.Item.ClaimedAt = evenkeel.MissedOpen, 0
	d.missedChanged(m)
}

// unclaimLost gives back what an agent has claimed and may not see any more.
func (d *Desk) unclaimLost(a *agentRow, keeps func(queue string) bool) {
	for _, m := range append([]*missedRow(nil), a.claims...) {
		if !keeps(m.Item.Queue) {
			d.misses.touch(m)
			d.unclaim(m)
		}
	}
}

// missedLost takes from an agent what he handled as a member of queues in which
// he is not any more.
func (d *Desk) missedLost(a *agentRow, before []evenkeel.Membership) {
	if a.Config.Role.Supervises() {
		return
	}
	d.unclaimLost(a, a.member)
	for _, m := range before {
		if !a.member(m.Queue) {
			channel := evenkeel.Channel(a.Workspace, evenkeel.ChannelMissed, m.Queue)
			d.emit(evenkeel.Event{Kind: evenkeel.EventRevoked, Channel: channel, Principal: a.principal()})
		}
	}
}

// endMissed brings a touched item to its end: it stays for a while, to be read.
func (d *Desk) endMissed(m *missedRow, state evenkeel.MissedState) {
	ws := d.workspaces.get(m.Item.Workspace)
	if m.agent != nil {
		m.agent.claims = removeMissed(m.agent.claims, m)
		m.agent = nil
	}
	if m.Item.Kind == evenkeel.MissedAbandoned {
		delete(ws.abandoned, waiter{m.Asked, m.Item.Customer})
	} else if ws.forms[m.Item.Customer]--; ws.forms[m.Item.Customer] == 0 {
		delete(ws.forms, m.Item.Customer)
	}
	d.queues.get(key{ws.ID, m.Item.Queue}).missed--
	d.cell.MissedDone++
	m.Done, m.Until = d.cell.MissedDone, d.cell.Now+evenkeel.DeskTime(d.cell.Limits.MissedKeep)
	m.Item.State, m.Item.ClosedAt = state, d.Wall()
	ws.missedDone.push(m)
	d.armMissed(ws)
	d.missedChanged(m)
}

// eraseMissed removes what a customer left behind; those of his items that are
// not done come to their end. The histories that may tell of him go whole:
// whoever follows them reads the list anew.
func (d *Desk) eraseMissed(ws *workspaceRow, customer string) {
	ws.missed.Scan(func(_ uint64, m *missedRow) bool {
		if m.Item.Customer != customer {
			return true
		}
		d.misses.touch(m)
		before := missedSize(&m.Item)
		m.Item.Name, m.Item.Email, m.Item.Text, m.Item.Answer, m.Item.Note = "", "", "", "", ""
		d.account(missedSize(&m.Item) - before)
		if ch := d.channels.get(evenkeel.Channel(ws.ID, evenkeel.ChannelMissed, m.Item.Queue)); ch != nil {
			d.channels.touch(ch)
			for len(ch.chunks) > 0 {
				d.dropChunk(ch)
			}
		}
		return true
	})
	for m := ws.openOf(customer); m != nil; m = ws.openOf(customer) {
		d.misses.touch(m)
		m.Item.Reason = evenkeel.MissedErased
		d.endMissed(m, evenkeel.MissedClosed)
	}
}

// openOf returns the first item of a customer that is not done.
func (r *workspaceRow) openOf(customer string) (found *missedRow) {
	r.missed.Scan(func(_ uint64, m *missedRow) bool {
		if m.Item.Customer == customer && !m.Item.State.Done() {
			found = m
		}
		return found == nil
	})
	return found
}

// dropMissed drops the item that has been done for the longest time.
func (d *Desk) dropMissed(ws *workspaceRow) {
	m := ws.missedDone.pop()
	ws.missed.Delete(m.Seq)
	d.misses.remove(m)
	d.account(-missedSize(&m.Item))
}

// missedEvery rounds the end of items that are done up, so that many of them
// are one tick.
const missedEvery = evenkeel.DeskTime(evenkeel.Minute)

// missedBatch is how many items one unit of work drops.
const missedBatch = 16

func (d *Desk) armMissed(ws *workspaceRow) {
	if ws.MissedTimer != 0 || ws.missedDone.len() == 0 {
		return
	}
	at := ws.missedDone.peek().Until
	at += missedEvery - 1 - (at+missedEvery-1)%missedEvery
	d.workspaces.touch(ws)
	ws.MissedTimer = d.setTimer(timerMissed, ws.ID, "", at)
}

// sweepMissed drops items whose time is over, oldest first.
func (d *Desk) sweepMissed(ws *workspaceRow) {
	d.workspaces.touch(ws)
	ws.MissedTimer = 0
	for n := 0; ws.missedDone.len() > 0 && ws.missedDone.peek().Until <= d.cell.Now; n++ {
		if n == missedBatch {
			ws.MissedTimer = d.setTimer(timerMissed, ws.ID, "", d.cell.Now)
			return
		}
		d.dropMissed(ws)
	}
	d.armMissed(ws)
}

// missedChanged tells those who handle the queue how an item stands. The channel
// is made with the first one.
func (d *Desk) missedChanged(m *missedRow) {
	d.told++
	name := evenkeel.Channel(m.Item.Workspace, evenkeel.ChannelMissed, m.Item.Queue)
	ch := d.channels.get(name)
	if ch == nil {
		ch = d.openChannel(name, missedHistory)
	}
	d.publish(ch, &evenkeel.Publication{Type: evenkeel.PubMissed, Missed: d.missedView(m)})
}

// missedView copies an item.
func (d *Desk) missedView(m *missedRow) *evenkeel.Missed {
	v := m.Item
	if m.Agent != "" {
		p := d.person(v.Workspace, m.Agent)
		v.Agent = &p
	}
	return &v
}

// missedOrID returns an item as it is now, or its id alone if it is gone.
func (d *Desk) missedOrID(id string) *evenkeel.Missed {
	seq, _ := missedSeq(id)
	if m := d.misses.get(seq); m != nil {
		return d.missedView(m)
	}
	return &evenkeel.Missed{ID: id, State: evenkeel.MissedClosed}
}

const missedBytes = 384

func missedSize(m *evenkeel.Missed) int64 {
	return missedBytes + int64(len(m.Name)+len(m.Email)+len(m.Text)+len(m.Answer)+len(m.Note)+len(m.Chat)+len(m.Served))
}

// roomOfMissed is what a change of an item may take: the row, and what is told of
// it in a channel that may have to be made.
func roomOfMissed(m *evenkeel.Missed) int64 {
	return 2*missedSize(m) + recordBytes + 3*rowBytes
}

func (d *Desk) relinkMissed() error {
	rows := append([]*missedRow(nil), d.misses.list...)
	sort.Slice(rows, func(i, j int) bool { return rows[i].Seq < rows[j].Seq })
	for _, m := range rows {
		ws := d.workspaces.get(m.Item.Workspace)
		switch {
		case ws == nil:
			return errMissed("a workspace", m)
		case !m.Item.State.Done() && d.queues.get(key{ws.ID, m.Item.Queue}) == nil:
			return errMissed("a queue", m)
		case !m.Item.State.Done() && m.Agent != "" && d.agents.get(key{ws.ID, m.Agent}) == nil:
			return errMissed("an agent", m)
		}
		d.linkMissed(ws, m)
	}
	for _, ws := range d.workspaces.list {
		done := ws.missedDone.list
		sort.Slice(done, func(i, j int) bool { return done[i].Done < done[j].Done })
	}
	return nil
}

func errMissed(what string, m *missedRow) error {
	return evenkeel.Errorf(evenkeel.CodeInternal, "the missed item %s is without %s", m.Item.ID, what)
}

func insertMissed(list []*missedRow, m *missedRow) []*missedRow {
	i := sort.Search(len(list), func(i int) bool { return list[i].Seq >= m.Seq })
	list = append(list, nil)
	copy(list[i+1:], list[i:])
	list[i] = m
	return list
}

func removeMissed(list []*missedRow, m *missedRow) []*missedRow {
	i := sort.Search(len(list), func(i int) bool { return list[i].Seq >= m.Seq })
	return append(list[:i:i], list[i+1:]...)
}
