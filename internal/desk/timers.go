package desk

import (
	"container/heap"

	"github.com/evenkeel/evenkeel"
)

// timerKind says what a deadline is for. Append-only.
type timerKind uint8

const (
	timerOffer     timerKind = iota + 1 // an offer's deadline; Ref: chat
	timerWait                           // the longest wait; Ref: chat
	timerIdle                           // the idle rule; Ref: chat
	timerLost                           // the agent's grace; Ref: chat
	timerGone                           // the customer's grace; Ref: chat
	timerWrap                           // the end of wrap-up; Ref: chat
	timerLinger                         // a closed chat may leave; Ref: chat
	timerToken                          // a login ends; Ref: hash
	timerCustomer                       // a customer may be forgotten; Ref: customer
	timerSweep                          // idempotency keys expire
	timerRetention                      // the daily look for chats to expire
	timerMissed                         // missed items that are done may go; WS: workspace
)

// extended tells whether an outage extends the deadline: nobody can be present
// or answer a ring while the cell is away.
func (k timerKind) extended() bool {
	return k == timerOffer || k == timerIdle || k == timerLost || k == timerGone
}

// setTimer sets a deadline and returns its number.
func (d *Desk) setTimer(kind timerKind, ws, ref string, at evenkeel.DeskTime) uint64 {
	d.cell.TimerSeq++
	t := &timerRow{Seq: d.cell.TimerSeq, At: at, Kind: kind, WS: ws, Ref: ref}
	h := &d.steady
	if kind.extended() {
		t.At -= evenkeel.DeskTime(d.cell.Shift)
		h = &d.presence
	}
	d.timers.add(t)
	d.account(rowBytes)
	heap.Push(h, t)
	return t.Seq
}

// stopTimer cancels the deadline whose number is held in a row's field, and
// clears the field. The caller has touched the row.
func (d *Desk) stopTimer(field *uint64) {
	t := d.timers.get(*field)
	*field = 0
	if t == nil {
		return
	}
	h := &d.steady
	if t.Kind.extended() {
		h = &d.presence
	}
	heap.Remove(h, t.heap)
	d.timers.remove(t)
	d.account(-rowBytes)
}

// first returns the next timer to fire and its deadline.
func (d *Desk) first() (*timerRow, evenkeel.DeskTime) {
	var t *timerRow
	var at evenkeel.DeskTime
	if len(d.steady) > 0 {
		t, at = d.steady[0], d.steady[0].At
	}
	if len(d.presence) > 0 {
		p := d.presence[0]
		if pAt := p.At + evenkeel.DeskTime(d.cell.Shift); t == nil || pAt < at || pAt == at && p.Seq < t.Seq {
			t, at = p, pAt
		}
	}
	return t, at
}

func (d *Desk) timerDue() bool {
	t, at := d.first()
	return t != nil && at <= d.cell.Now
}

// NextDeadline returns the desk time at which a tick is due, if any: at once
// while follow-up work is left over.
func (d *Desk) NextDeadline() (evenkeel.DeskTime, bool) {
	if d.behind {
		return d.cell.Now, true
	}
	t, at := d.first()
	if due, ok := d.floor.Due(); ok && (t == nil || evenkeel.DeskTime(due) < at) {
		return evenkeel.DeskTime(due), true
	}
	return at, t != nil
}

// fireTimer takes the first deadline off and does what it is for.
func (d *Desk) fireTimer() {
	t, _ := d.first()
	kind, ws, ref, seq := t.Kind, t.WS, t.Ref, t.Seq
	field := seq
	d.stopTimer(&field)
	if d.skipped() {
		return
	}
	switch kind {
	case timerSweep:
		d.sweepKeys()
	case timerRetention:
		d.expireChats()
	case timerMissed:
		if w := d.workspaces.get(ws); w != nil && w.MissedTimer == seq {
			d.sweepMissed(w)
		}
	case timerToken:
		if tok := d.tokens.get(ref); tok != nil {
			d.dropToken(tok)
		}
	case timerCustomer:
		if c := d.customers.get(key{ws, ref}); c != nil && c.Timer == seq {
			d.customers.touch(c)
			c.Timer = 0
			d.forgetCustomer(c)
		}
	default:
		if c := d.chats.get(ref); c != nil {
			d.chats.touch(c)
			d.chatTimer(kind, seq, c)
		}
	}
}

// chatTimer does what a chat's deadline is for. The chat is touched.
func (d *Desk) chatTimer(kind timerKind, seq uint64, c *chatRow) {
	switch kind {
	case timerOffer:
		if c.Offer != nil && c.Offer.Timer == seq {
			d.missOffer(c)
		}
	case timerWait:
		if c.WaitTimer == seq {
			c.WaitTimer = 0
			d.overflowByWait(c)
		}
	case timerIdle:
		if c.IdleTimer == seq {
			c.IdleTimer = 0
			d.idleDue(c)
		}
	case timerLost:
		if c.LostTimer == seq {
			c.LostTimer = 0
			d.agentLost(c)
		}
	case timerGone:
		if c.GoneTimer == seq {
			c.GoneTimer = 0
			d.customerGone(c)
		}
	case timerWrap:
		if c.WrapTimer == seq {
			c.WrapTimer = 0
			d.finish(c)
		}
	case timerLinger:
		if c.LingerTimer == seq {
			c.LingerTimer = 0
			d.linger(c)
		}
	}
}

// timerHeap orders deadlines by (deadline, sequence).
type timerHeap []*timerRow

func (h timerHeap) Len() int { return len(h) }

func (h timerHeap) Less(i, j int) bool {
	if h[i].At != h[j].At {
		return h[i].At < h[j].At
	}
	return h[i].Seq < h[j].Seq
}

func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].heap, h[j].heap = i, j
}

// Push is for container/heap.
func (h *timerHeap) Push(x any) {
	t := x.(*timerRow)
	t.heap = len(*h)
	*h = append(*h, t)
}

// Pop is for container/heap.
func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = shrunk(old[:len(old)-1])
	return t
}
