package desk

import (
	"fmt"
	"reflect"

	"github.com/evenkeel/evenkeel"
)

// invariants returns what is wrong with a desk between two entries.
func invariants(d *Desk) error {
	used := map[*agentRow]int64{}
	live, waiting := map[*queueRow]int64{}, map[*queueRow]int64{}
	ringing, active := map[*queueRow]int64{}, map[*queueRow]int64{}
	var bytes int64
	for _, c := range d.chats.list {
		if err := chatInvariants(d, c); err != nil {
			return fmt.Errorf("chat %s (%s): %w", c.ID, c.State, err)
		}
		switch c.State {
		case evenkeel.ChatQueued:
			waiting[c.queue]++
			live[c.queue]++
		case evenkeel.ChatOffered:
			used[d.agents.get(key{c.Workspace, c.Offer.Agent})] += c.Weight
			live[c.queue]++
			ringing[c.queue]++
		case evenkeel.ChatActive, evenkeel.ChatWrapping:
			if c.State == evenkeel.ChatActive {
				active[c.queue]++
			}
			used[c.agent] += c.Weight
			live[c.queue]++
		}
		bytes += chatSize(c)
	}
	for _, a := range d.agents.list {
		if a.Used != used[a] {
			return fmt.Errorf("agent %s uses %d slots instead of %d", a.Config.ID, a.Used, used[a])
		}
		for _, c := range a.owned {
			if c.agent != a || c.State != evenkeel.ChatActive && c.State != evenkeel.ChatWrapping {
				return fmt.Errorf("agent %s owns %s, which is %s of %s", a.Config.ID, c.ID, c.State, c.Agent)
			}
		}
		for _, c := range a.offers {
			if c.Offer == nil || c.Offer.Agent != a.Config.ID {
				return fmt.Errorf("agent %s holds an offer of %s that is not his", a.Config.ID, c.ID)
			}
		}
		for _, t := range a.Turns {
			if !a.member(t.Queue) {
				return fmt.Errorf("agent %s has a turn in %s", a.Config.ID, t.Queue)
			}
		}
		if a.Status != evenkeel.StatusOnline && len(a.offers) > 0 {
			return fmt.Errorf("agent %s is %s and holds offers", a.Config.ID, a.Status)
		}
		bytes += agentSize(&a.Config)
	}
	for _, q := range d.queues.list {
		if q.live != live[q] || q.waiting != waiting[q] {
			return fmt.Errorf("queue %s counts %d/%d instead of %d/%d", q.Config.ID, q.live, q.waiting, live[q], waiting[q])
		}
		if q.ringing != ringing[q] || q.active != active[q] || int64(q.line.Len()) != waiting[q]+ringing[q] {
			return fmt.Errorf("queue %s counts %d/%d, %d in line, instead of %d/%d", q.Config.ID, q.ringing, q.active, q.line.Len(), ringing[q], active[q])
		}
		if q.today != nil && !reflect.DeepEqual(normal(q.today), normal(d.sumOfDay(q, q.day))) {
			return fmt.Errorf("the day of queue %s is counted as %+v, it is %+v", q.Config.ID, q.today, d.sumOfDay(q, q.day))
		}
		if err := staffInvariant(d, q); err != nil {
			return err
		}
		bytes += queueSize(&q.Config)
	}
	if n := d.tallies.len(); n != d.tallyIndex.Len() || n != d.tallyAge.Len() {
		return fmt.Errorf("%d tallies, %d in order, %d by age", n, d.tallyIndex.Len(), d.tallyAge.Len())
	}
	if err := archiveInvariants(d); err != nil {
		return err
	}
	if err := missedInvariants(d); err != nil {
		return err
	}
	for _, m := range d.misses.list {
		bytes += missedSize(&m.Item)
	}
	if err := cannedInvariants(d); err != nil {
		return err
	}
	for _, r := range d.canned.list {
		bytes += cannedSize(&r.Canned)
	}
	return sizeInvariant(d, bytes)
}

// normal leaves the difference between no buckets and none yet out.
func normal(c *evenkeel.QueueCounts) evenkeel.QueueCounts {
	out := *c.Clone()
	if len(out.Waits) == 0 {
		out.Waits = nil
	}
	return out
}

// staffInvariant counts the members of a queue anew.
func staffInvariant(d *Desk, q *queueRow) error {
	var want staff
	for _, a := range d.agents.list {
		if a.Stands != a.stands() {
			return fmt.Errorf("agent %s stands as %+v, counted as %+v", a.Config.ID, a.stands(), a.Stands)
		}
		if a.Workspace == q.Workspace && a.member(q.Config.ID) {
			want.count(a.stands(), 1)
		}
	}
	if q.Staff != want {
		return fmt.Errorf("the staff of queue %s is counted as %+v, it is %+v", q.Config.ID, q.Staff, want)
	}
	return nil
}

// sizeInvariant counts the logical bytes anew.
func sizeInvariant(d *Desk, bytes int64) error {
	for _, ch := range d.channels.list {
		bytes += rowBytes + int64(len(ch.Name))
	}
	for _, c := range d.chunks.list {
		bytes += rowBytes
		for i := range c.Records {
			bytes += recordSize(&c.Records[i])
		}
	}
	stored, rooms, people := map[*workspaceRow]int64{}, map[*workspaceRow]int{}, map[*workspaceRow]int{}
	for _, ch := range d.channels.list {
		stored[ch.ws] += storedIn(ch)
	}
	for _, c := range d.chats.list {
		rooms[d.workspaces.get(c.Workspace)]++
	}
	for _, cu := range d.customers.list {
		people[d.workspaces.get(cu.Workspace)]++
	}
	for _, ws := range d.workspaces.list {
		if ws.stored != stored[ws] || ws.rooms.Len() != rooms[ws] || ws.people.Len() != people[ws] {
			return fmt.Errorf("workspace %s counts %d bytes, %d chats and %d customers instead of %d, %d and %d",
				ws.ID, ws.stored, ws.rooms.Len(), ws.people.Len(), stored[ws], rooms[ws], people[ws])
		}
		bytes += workspaceSize(&ws.Workspace) + signingSize(ws.Identity) + signingSize(ws.Tokens)
	}
	for _, t := range d.tallies.list {
		bytes += tallySize(t)
	}
	bytes += int64(d.keys.len()) * keyBytes
	for _, n := range d.namespaces.list {
		bytes += namespaceSize(&n.Config)
	}
	for _, t := range d.tokens.list {
		bytes += tokenSize(t)
	}
	bytes += int64(d.nodes.len()+d.apiKeys.len()+d.customers.len()+d.sessions.len()+d.timers.len()+d.work.len()) * rowBytes
	for _, cu := range d.customers.list {
		bytes += customerSize(cu)
	}
	for _, row := range d.incidents.list {
		bytes += incidentSize(&row.Incident)
	}
	for _, o := range d.ops.list {
		bytes += opSize(o)
	}
	if bytes != d.cell.Bytes {
		return fmt.Errorf("the state is counted as %d bytes, it is %d", d.cell.Bytes, bytes)
	}
	return nil
}

func chatInvariants(d *Desk, c *chatRow) error {
	over := c.State.Over()
	timers := []struct {
		name string
		seq  uint64
		may  bool
	}{
		{"wait", c.WaitTimer, c.State == evenkeel.ChatQueued || c.State == evenkeel.ChatOffered},
		{"idle", c.IdleTimer, !over}, {"lost", c.LostTimer, c.State == evenkeel.ChatActive}, {"gone", c.GoneTimer, !over},
		{"wrap", c.WrapTimer, c.State == evenkeel.ChatWrapping}, {"linger", c.LingerTimer, c.State == evenkeel.ChatClosed},
	}
	for _, t := range timers {
		if t.seq != 0 && (!t.may || d.timers.get(t.seq) == nil) {
			return fmt.Errorf("the timer %s is set", t.name)
		}
	}
	switch {
	case (c.Offer != nil) != (c.State == evenkeel.ChatOffered):
		return fmt.Errorf("its offer is %+v", c.Offer)
	case c.Offer != nil && d.timers.get(c.Offer.Timer) == nil:
		return fmt.Errorf("its offer has no deadline")
	case c.State == evenkeel.ChatWrapping && c.WrapTimer == 0:
		return fmt.Errorf("its wrap-up has no end")
	case (c.State == evenkeel.ChatQueued || c.State == evenkeel.ChatOffered) && c.Agent != "":
		return fmt.Errorf("it waits and is owned by %s", c.Agent)
	case c.State == evenkeel.ChatActive && (c.agent == nil || c.agent.Config.ID != c.Agent):
		return fmt.Errorf("it is active and owned by %q", c.Agent)
	case c.State == evenkeel.ChatActive && !c.agent.connected() && c.LostTimer == 0 && c.queue.Config.OnAgentLost != evenkeel.LostStay:
		return fmt.Errorf("its owner is not connected and has no grace")
	case c.Gone && !over && c.GoneTimer == 0 && (c.State != evenkeel.ChatActive || c.queue.Config.CustomerGoneClose > 0):
		return fmt.Errorf("its customer is gone and has no grace")
	case c.Messages != c.talk.said() || c.Notes != c.staff.said():
		if len(c.talk.chunks) > 0 && c.talk.chunks[0].Base == 1 {
			return fmt.Errorf("%d messages, %d notes; said %d, %d", c.Messages, c.Notes, c.talk.said(), c.staff.said())
		}
	}
	for _, other := range c.customer.live {
		if other != c && !over && other.Asked == c.Asked && len(c.customer.Aliases) == 0 { // merged, he may have two
			return fmt.Errorf("its customer has %s in the same queue", other.ID)
		}
	}
	return nil
}

// unmatched returns a waiting chat and a free agent that routing left apart.
func unmatched(d *Desk) error {
	if dec, ok := d.floor.Next(int64(d.cell.Now)); ok {
		return fmt.Errorf("chat %s waits although %s is free", dec.Chat, dec.Agent)
	}
	return nil
}
