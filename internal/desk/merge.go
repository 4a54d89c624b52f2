package desk

import (
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel"
)

// A visitor who turns out to be an identified customer. His live chats change
// hands at once; those that are over follow as work, for they may be many.
// Messages keep the author that they were sent by, and with it the ids by
// which they are told apart; the customer remembers who he was (Aliases), so a
// message that is sent again under his name is found.

// mergeSeparator parts the names in the reference of merge work.
const mergeSeparator = "\x00"

// mergeBatch is how many chats one unit of work moves.
const mergeBatch = 16

// merge gives all that a visitor has to a customer. What the customer has
// already is not replaced: of two contexts his stays. to is touched.
func (d *Desk) merge(from, to *customerRow) {
	d.customers.touch(from)
	d.account(-customerSize(from) - customerSize(to))
	d.remind(to, from.ID)
	if len(to.Attributes) == 0 {
		to.Attributes = from.Attributes
	}
	if len(to.Claimed) == 0 {
		to.Claimed = from.Claimed
	}
	if to.Version == 0 {
		to.Context, to.Version, to.Changed = from.Context, from.Version, from.Changed
	}
	if to.Name == "" {
		to.Name = from.Name
	}
	from.Attributes, from.Claimed, from.Context, from.Version = nil, nil, nil, 0
	d.account(customerSize(from) + customerSize(to))
	d.passOnLast(from, to)
	d.passOnMissed(from, to)
	for len(from.live) > 0 {
		d.passOn(from.live[0], to)
	}
	if len(from.kept) > 0 {
		d.addWork(workMerge, strings.Join([]string{from.Workspace, from.ID, to.ID}, mergeSeparator), 0)
	}
	d.partFrom(from)
}

// passOnLast gives the newer of two last chats to the customer, with the time for
// which it is remembered.
func (d *Desk) passOnLast(from, to *customerRow) {
	if last := from.Last; last.Chat != "" && (to.Last.Chat == "" || last.Closed > to.Last.Closed) {
		to.Last = last
		if t := d.timers.get(from.Timer); t != nil {
			at := t.At
			d.stopTimer(&to.Timer)
			to.Timer = d.setTimer(timerCustomer, to.Workspace, to.ID, at)
		}
	}
	from.Last = lastChat{}
	d.stopTimer(&from.Timer)
}

// passOnMissed gives the visitor's missed items to the customer. Of two that he
// gave up waiting in one queue the customer's stays, and counts both.
func (d *Desk) passOnMissed(from, to *customerRow) {
	ws := d.workspaces.get(from.Workspace)
	var his []*missedRow
	ws.missed.Scan(func(_ uint64, m *missedRow) bool {
		if m.Item.Customer == from.ID {
			his = append(his, m)
		}
		return true
	})
	for _, m := range his {
		d.misses.touch(m)
		if m.Item.State.Done() {
			m.Item.Customer = to.ID
			continue
		}
		if m.Item.Kind == evenkeel.MissedAbandoned {
			if kept := ws.abandoned[waiter{m.Asked, to.ID}]; kept != nil {
				d.misses.touch(kept)
				kept.Item.Times += m.Item.Times
				d.missedChanged(kept)
				m.Item.Reason = evenkeel.MissedMerged
				d.endMissed(m, evenkeel.MissedClosed)
				m.Item.Customer = to.ID
				continue
			}
			delete(ws.abandoned, waiter{m.Asked, from.ID})
			ws.abandoned[waiter{m.Asked, to.ID}] = m
		} else {
			if ws.forms[from.ID]--; ws.forms[from.ID] == 0 {
				delete(ws.forms, from.ID)
			}
			ws.forms[to.ID]++
		}
		m.Item.Customer = to.ID
		d.missedChanged(m)
	}
}

// partFrom ends the sessions of a visitor who is somebody else now: his pages
// connect again, under the name that they have got.
func (d *Desk) partFrom(from *customerRow) {
	if !from.connected() {
		d.forgetCustomer(from)
		return
	}
	for len(from.sessions) > 0 {
		d.endSession(from.sessions[0]) // the last one forgets him
	}
}

// mergeArchived lets the archive do the same with the visitor's chats that have
// left the desk, unless nothing new can be there: he is known to have become
// the customer, and did nothing since.
func (d *Desk) mergeArchived(visitor string, row, to *customerRow) {
	if d.archiving && visitor != "" && (row != nil || !slices.Contains(to.Aliases, visitor)) {
		d.addOp(opRow{Kind: evenkeel.ArchiveMerge, Workspace: to.Workspace, Customer: to.ID, Visitor: visitor})
		d.account(-tagsSize(to.Aliases))
		d.remind(to, visitor)
		d.account(tagsSize(to.Aliases))
	}
}

// remind adds a visitor to those whom a customer was, and lets the oldest go
// beyond the limit.
func (d *Desk) remind(cu *customerRow, visitor string) {
	aliases := append(without(cu.Aliases, visitor), visitor)
	if most := int(max(1, d.cell.Limits.Aliases)); len(aliases) > most {
		aliases = append([]string(nil), aliases[len(aliases)-most:]...)
	}
	cu.Aliases = aliases
}

// passOn gives a live chat to a customer. Its place, its agent and its history
// stay; the visitor loses it at once, and the customer has the queue's grace to
// connect.
func (d *Desk) passOn(c *chatRow, to *customerRow) {
	from := c.customer
	d.chats.touch(c)
	from.live = removeChat(from.live, c)
	to.live = insertChat(to.live, c)
	d.stopTimer(&to.Timer)
	d.hand(c, from, to)
	// Who never connected, such as one for whom a service speaks, is not gone now.
	if c.Gone = (c.Gone || from.connected()) && !to.connected(); c.Gone {
		d.armGone(c)
	} else {
		d.stopTimer(&c.GoneTimer)
	}
	d.idleCheck(c)
	d.stateChanged(c)
}

// hand writes the customer of a touched chat, and takes the visitor's right to
// read it.
func (d *Desk) hand(c *chatRow, from, to *customerRow) {
	c.Customer, c.customer = to.ID, to
	visitor := evenkeel.Principal{Workspace: from.Workspace, Kind: evenkeel.PrincipalVisitor, ID: from.ID}
	d.emit(evenkeel.Event{Kind: evenkeel.EventRevoked, Channel: c.talk.Name, Principal: visitor})
}

// mergeSome moves a few of a visitor's chats that are over.
func (d *Desk) mergeSome(ref string) (done bool) {
	names := strings.Split(ref, mergeSeparator)
	from := d.customers.get(key{names[0], names[1]})
	if from == nil {
		return true
	}
	to := d.customerFor(names[0], names[2])
	for n := 0; n < mergeBatch && len(from.kept) > 0; n++ {
		c := from.kept[0]
		d.chats.touch(c)
		from.kept = removeChat(from.kept, c)
		to.kept = insertChat(to.kept, c)
		d.hand(c, from, to)
		d.reput(c)
	}
	if len(from.kept) > 0 {
		return false
	}
	d.forgetCustomer(from)
	return true
}
