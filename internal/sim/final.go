package sim

import (
	"bytes"
	"fmt"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
)

// answerWithin is how long a caller may wait for an answer when nothing is broken
// any more: a connection that is half open, and a call that is made twice.
const answerWithin = time.Minute

// tellWithin is how long a publication may take to whoever is connected.
const tellWithin = 10 * time.Second

// progress checks that nobody is stuck, some time after the last fault.
func (w *World) progress() {
	n := w.ahead()
	w.check(w.healthy(), "the cell serves when faults are over", "%s", w.standing())
	w.check(w.near(), "every node comes along when faults are over", "%s", w.standing())
	for _, c := range w.clients {
		if c.refused > 0 && w.now-c.refused < answerWithin {
			continue
		}
		if len(c.queue) > 0 && w.now-c.queue[0].first > answerWithin {
			o := c.queue[0]
			w.fail("every caller gets an answer", "%s has waited for %s %s since %s", c.name, o.body.Kind(), o.id, o.first)
		}
		if !c.open {
			continue // on his way
		}
		for _, sub := range c.order {
			st := w.streams.channels[sub.channel]
			if st == nil || !sub.live || st.gone || st.epoch != sub.pos.Epoch {
				continue
			}
			if w.now-w.model.revoked[sub.channel] > tellWithin && !w.model.more {
				err := n.desk().MaySubscribe(c.principal, sub.channel)
				w.check(err == nil, "who lost the right to a channel gets nothing of it", "%s follows %s: %v", c.name, sub.channel, err)
			}
			w.check(sub.pos.Offset >= st.old(w.now-tellWithin), "nothing is left to be told", "%s follows %s up to %d of %d", c.name, sub.channel, sub.pos.Offset, len(st.sums))
		}
	}
	w.punctual()
	w.auditAtRest(n.desk())
}

// finishWork lets work that is left over be done: a chat that leaves in parts is
// neither here nor gone.
func (w *World) finishWork() {
	for range 1000 {
		at, ok := w.ahead().desk().NextDeadline()
		if !ok || at > w.ahead().desk().Now() {
			return
		}
		w.until(w.now + 10*time.Millisecond)
	}
	w.fail("work that is left over is done", "there is more after ten seconds")
}

// auditAtRest audits a desk unless work is left over, whose entry is on the way.
func (w *World) auditAtRest(d *desk.Desk) {
	if at, ok := d.NextDeadline(); ok && at <= d.Now() {
		return
	}
	w.model.more = false
	w.audit(d, true)
}

// told checks that everybody who is connected hears everything in time.
func (w *World) told() {
	for _, c := range w.clients {
		if !c.open || c.conn.cut || w.now-w.troubled < tellWithin {
			continue
		}
		for _, sub := range c.order {
			st := w.streams.channels[sub.channel]
			if st == nil || !sub.live || st.gone || st.epoch != sub.pos.Epoch || w.now-sub.since < tellWithin || w.now-w.model.revoked[sub.channel] < tellWithin {
				continue
			}
			w.check(sub.pos.Offset >= st.old(w.now-tellWithin), "nothing is left to be told", "%s follows %s up to %d of %d", c.name, sub.channel, sub.pos.Offset, len(st.sums))
		}
	}
	w.after(5*time.Second, w.told)
}

// late is how late an entry may be that a deadline asks for: it may have to wait
// for a write.
const late = 500

// punctual checks that an entry comes when a deadline of the desk is due.
func (w *World) punctual() {
	n := w.leader()
	if n == nil || !n.core.Status().Healthy() {
		return
	}
	if at, ok := n.desk().NextDeadline(); ok {
		now := n.core.Status().Time + evenkeel.DeskTime((n.mono()-n.turned)/time.Millisecond)
		w.check(now-at < late, "no deadline is lost", "one is due since %d ms and no entry comes", now-at)
	}
}

// finalCheck compares all that was ever promised with what the cell has, before
// and after one more loss of power, and with a desk that lives the log anew.
func (w *World) finalCheck() {
	w.empty()
	w.finishWork()
	w.await(w.level, "every node comes along when faults are over")
	for _, n := range w.members() {
		w.compare(n.desk())
	}
	live, sum := w.ahead().desk().Hash(), w.sum(w.ahead().desk())
	top := w.history.top
	for _, n := range w.members() {
		n.lost("power fails for the last time")
	}
	w.await(func() bool { return w.level() && w.healthy() && w.ahead().applier.Applied() >= top }, "the cell serves when faults are over")
	w.finishWork()
	w.await(w.level, "every node comes along when faults are over")
	for _, n := range w.members() {
		w.compare(n.desk())
		if w.history.top == top {
			w.check(n.desk().Hash() == live && w.sum(n.desk()) == sum, "a restart gives the same state", "hash %x, before %x", n.desk().Hash(), live)
		}
	}
	w.linearizable()
	w.relive()
}

// await lets time pass until something holds.
func (w *World) await(what func() bool, promise string) {
	for end := w.now + 3*time.Minute; !what(); {
		w.check(w.now < end, promise, "%s", w.standing())
		w.until(w.now + 100*time.Millisecond)
	}
}

// near tells whether all nodes run and have nearly all that there is.
func (w *World) near() bool {
	for _, n := range w.members() {
		if !n.reachable() || n.applier.Applied()+50 < w.ahead().applier.Applied() {
			return false
		}
	}
	return true
}

// standing describes all nodes, for the report of a failure.
func (w *World) standing() string {
	s := ""
	for _, n := range w.members() {
		s += fmt.Sprintf("[%s up %t", n.id(), n.up)
		if n.core != nil {
			st := n.core.Status()
			s += fmt.Sprintf(" term %d leader %d serving %t applied %d log %d members %v", st.Term, st.Leader, st.Serving, n.applier.Applied(), st.LogLast, st.Members)
		}
		s += "]"
	}
	return s
}

// empty lets everybody go: with the connections the sessions end.
func (w *World) empty() {
	for _, c := range w.clients {
		c.leave(24 * time.Hour)
	}
	w.until(w.now + time.Minute)
	d := w.ahead().desk()
	agents, err := d.Agents(admin(), "", 1000)
	w.check(err == nil, "the desk can be read", "%v", err)
	for _, a := range agents {
		w.check(!a.Connected, "a session ends with its connection", "%s has left and counts as connected", a.ID)
	}
	w.check(d.Status().Sessions == 0, "a session ends with its connection", "everybody has left, and %d sessions are open", d.Status().Sessions)
	w.auditAtRest(d)
}

func (w *World) sum(d *desk.Desk) uint64 {
	_, sum, err := d.Snapshot()
	w.check(err == nil, "a snapshot can be taken", "%v", err)
	return sum
}

// compare holds a desk against the streams, the model and the ledger.
func (w *World) compare(d *desk.Desk) {
	w.streams.compare(d)
	for _, o := range w.ledger.wishes {
		if o.done && o.ok {
			w.ledger.stands(o)
		}
	}
	for _, c := range w.model.order {
		if c.gone {
			w.archive.whole(c)
			continue
		}
		t, err := d.Transcript(admin(), c.id, evenkeel.MessageRange{Limit: 1 << 20}, true)
		w.check(err == nil && uint64(len(t.Messages)) == c.messages && uint64(len(t.Notes)) == c.notes, "a transcript is whole",
			"%s has %d messages and %d notes (%v)", c.id, c.messages, c.notes, err)
		w.spoken(c.id, t.Messages)
	}
}

// spoken checks that messages are those that were published, each in its place.
func (w *World) spoken(chat string, messages []*evenkeel.Message) {
	for i, m := range messages {
		w.check(m.Number == uint64(i)+1, "a transcript is whole", "%s has %d at %d", chat, m.Number, i)
		if at, ok := w.ledger.texts[m.Text]; ok || m.Author.Kind != evenkeel.AuthorSystem {
			w.check(ok && at == place{chat, false, m.Number}, "a transcript is whole", "%q stands at %d of %s, and was published at %v", m.Text, m.Number, chat, at)
		}
	}
}

// relive applies the whole log to a new desk, once straight on and once by way of
// a snapshot in the middle, and tries on the way what refused commands leave
// behind.
func (w *World) relive() {
	d := desk.New()
	var other *desk.Desk
	half := len(w.history.order) / 2
	purity := 8
	if w.several() {
		purity = 2 // the desk is the same, and these runs take longer
	}
	for i, index := range w.history.order {
		r := w.history.records[index]
		if len(r.refused) > 0 && len(r.skip) == 0 && purity > 0 && w.chance(300) {
			purity--
			w.traceless(d, index, r)
		}
		w.reapply(d, index, r)
		if other != nil {
			w.reapply(other, index, r)
		}
		if i == half {
			other = w.copy(d)
		}
	}
	live := w.ahead().desk()
	w.check(w.sum(d) == w.sum(live), "a replay gives the same state", "from the beginning")
	if other != nil {
		w.check(w.sum(other) == w.sum(live), "a replay gives the same state", "from a snapshot in the middle")
	}
}

func (w *World) reapply(d *desk.Desk, index uint64, r *record) {
	_, err := d.Apply(index, r.entry, r.skip)
	w.check(err == nil, "what is in the log can be applied", "entry %d: %v", index, err)
	w.check(d.Hash() == r.hash, "a replay gives the same output", "entry %d: %x, not %x", index, d.Hash(), r.hash)
}

// copy returns a desk read back from a snapshot.
func (w *World) copy(d *desk.Desk) *desk.Desk {
	stream, sum, err := d.Snapshot()
	w.check(err == nil, "a snapshot can be taken", "%v", err)
	again, err := desk.Restore(bytes.NewReader(stream))
	w.check(err == nil, "a snapshot can be read back", "%v", err)
	w.check(w.sum(again) == sum, "a snapshot read back is what was written", "")
	return again
}
