package desk

import (
	"container/heap"
	"errors"
	"fmt"
	"sort"

	"github.com/evenkeel/evenkeel"
)

// relink rebuilds all that is derived from the rows after a restore. It leaves
// the desk exactly as one that never was a snapshot, so whatever has an order
// is put into its order here.
func (d *Desk) relink() error {
	if d.cell.CellID == "" {
		return nil // frozen before it was formed
	}
	for _, ws := range d.workspaces.list {
		ws.empty()
		d.linkHosts(&ws.Workspace)
	}
	steps := []func() error{
		d.relinkChannels, d.relinkQueues, d.relinkAgents, d.relinkPeople, d.relinkMissed, d.relinkCanned, d.relinkChats, d.relinkSessions, d.relinkKeys,
		d.relinkArchive, d.relinkTime, d.relinkIncidents, d.relinkTallies, d.relinkNamespaces,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (d *Desk) relinkChannels() error {
	for _, ch := range d.channels.list {
		ch.epoch = d.epoch(ch.Created)
	}
	for _, chunk := range d.chunks.list {
		ch := d.channels.get(chunk.Channel)
		if ch == nil {
			return fmt.Errorf("history of the unknown channel %q", chunk.Channel)
		}
		for i := range chunk.Records {
			rec := &chunk.Records[i]
			if rec.Pub == nil || len(rec.Digest) != 0 && (len(rec.Digest) != digestSize || rec.Pub.Message == nil && rec.Pub.Note == nil) {
				return fmt.Errorf("a damaged record in the history of %q", chunk.Channel)
			}
		}
		ch.chunks = append(ch.chunks, chunk)
	}
	for _, ch := range d.channels.list {
		sort.Slice(ch.chunks, func(i, j int) bool { return ch.chunks[i].Base < ch.chunks[j].Base })
		next := ch.First
		for _, chunk := range ch.chunks {
			if chunk.Base != next || len(chunk.Records) == 0 {
				return fmt.Errorf("the history of %q has a gap", ch.Name)
			}
			next += uint64(len(chunk.Records))
		}
		if ch.ws = d.ownerOf(ch.Name); ch.ws == nil {
			return fmt.Errorf("the channel %q of an unknown workspace", ch.Name)
		}
		ch.ws.stored += storedIn(ch)
		if next != ch.Next {
			return fmt.Errorf("the history of %q ends at %d instead of %d", ch.Name, next, ch.Next)
		}
	}
	return nil
}

func (d *Desk) relinkQueues() error {
	for _, q := range d.queues.list {
		if d.workspaces.get(q.Workspace) == nil {
			return errors.New("a queue of an unknown workspace")
		}
		d.linkQueue(q)
	}
	return nil
}

func (d *Desk) relinkAgents() error {
	for _, a := range d.agents.list {
		a.channel = d.channels.get(evenkeel.Channel(a.Workspace, evenkeel.ChannelAgent, a.Config.ID))
		if a.channel == nil || d.workspaces.get(a.Workspace) == nil {
			return errors.New("an agent without a channel or a workspace")
		}
	}
	for _, t := range d.tokens.list {
		a := d.agents.get(key{t.Workspace, t.Agent})
		if a == nil {
			return errors.New("a login of an unknown agent")
		}
		a.tokens = append(a.tokens, t)
	}
	for _, a := range d.agents.list {
		sort.Slice(a.tokens, func(i, j int) bool { return a.tokens[i].Seq < a.tokens[j].Seq })
	}
	for _, k := range d.apiKeys.list {
		ws := d.workspaces.get(k.Workspace)
		if ws == nil {
			return errors.New("an API key of an unknown workspace")
		}
		ws.apiKeys++
		if k.Hash != "" {
			d.byHash[k.Hash] = k
		}
	}
	return nil
}

func (d *Desk) relinkNamespaces() error {
	for _, n := range d.namespaces.list {
		ws := d.workspaces.get(n.Workspace)
		if ws == nil {
			return errors.New("a namespace of an unknown workspace")
		}
		ws.namespaces++
	}
	return nil
}

func (d *Desk) relinkPeople() error {
	for _, cu := range d.customers.list {
		cu.channel = d.channels.get(evenkeel.Channel(cu.Workspace, evenkeel.ChannelVisitor, cu.ID))
		if ws := d.workspaces.get(cu.Workspace); ws != nil {
			ws.people.Set(cu.ID, cu)
		}
		if cu.channel == nil {
			return errors.New("a customer without a channel")
		}
	}
	return nil
}

func (d *Desk) relinkChats() error {
	for _, c := range d.chats.list {
		c.talk = d.channels.get(evenkeel.Channel(c.Workspace, evenkeel.ChannelChat, c.ID))
		c.staff = d.channels.get(evenkeel.Channel(c.Workspace, evenkeel.ChannelStaff, c.ID))
		c.customer = d.customers.get(key{c.Workspace, c.Customer})
		ws := d.workspaces.get(c.Workspace)
		if c.talk == nil || c.staff == nil || c.customer == nil || ws == nil {
			return fmt.Errorf("chat %s without a channel, a customer or a workspace", c.ID)
		}
		ws.chats++
		ws.rooms.Set(c.Seq, c)
		if c.State.Over() {
			c.customer.kept = insertChat(c.customer.kept, c)
		} else {
			c.customer.live = insertChat(c.customer.live, c)
		}
		if c.Lingered > 0 {
			d.lingered.push(lingerRef{c.Lingered, c})
			d.overdue++
		}
		d.relinkRecords(c)
		if c.State != evenkeel.ChatClosed {
			if err := d.relinkLive(c); err != nil {
				return err
			}
		}
	}
	sort.Slice(d.lingered.list, func(i, j int) bool { return d.lingered.list[i].seq < d.lingered.list[j].seq })
	return nil
}

// relinkLive links a chat that is not closed to its queue and its agents.
func (d *Desk) relinkLive(c *chatRow) error {
	if c.queue = d.queues.get(key{c.Workspace, c.Queue}); c.queue == nil {
		return fmt.Errorf("chat %s in the unknown queue %q", c.ID, c.Queue)
	}
	c.queue.live++
	for _, id := range c.Invited {
		if a := d.agents.get(key{c.Workspace, id}); a != nil {
			a.invited = insertChat(a.invited, c)
		}
	}
	switch c.State {
	case evenkeel.ChatQueued:
		c.queue.waiting++
		c.queue.line.Set(c)
		d.floorChat(c)
	case evenkeel.ChatOffered:
		if c.Offer == nil {
			return fmt.Errorf("chat %s is offered to nobody", c.ID)
		}
		a := d.agents.get(key{c.Workspace, c.Offer.Agent})
		if a == nil {
			return fmt.Errorf("chat %s is offered to an unknown agent", c.ID)
		}
		a.offers = insertChat(a.offers, c)
		c.queue.ringing++
		c.queue.line.Set(c)
	default:
		if c.agent = d.agents.get(key{c.Workspace, c.Agent}); c.agent == nil {
			return fmt.Errorf("chat %s is owned by an unknown agent", c.ID)
		}
		c.agent.owned = insertChat(c.agent.owned, c)
		if c.State == evenkeel.ChatActive {
			c.queue.active++
		}
	}
	return nil
}

// relinkRecords finds the last message, and the keys under which messages and
// notes were sent.
func (d *Desk) relinkRecords(c *chatRow) {
	for _, ch := range []*channelRow{c.talk, c.staff} {
		for _, chunk := range ch.chunks {
			for i := range chunk.Records {
				rec := &chunk.Records[i]
				if rec.Pub.Message != nil {
					c.noteLast(rec.Pub.Message)
				}
				if by, id, ok := recordKey(c, rec); ok {
					d.callerOf(by).rememberRecord(id, rec)
				}
			}
		}
	}
}

func (d *Desk) relinkSessions() error {
	for _, s := range d.sessions.list {
		k := key{s.Principal.Workspace, s.Principal.ID}
		switch s.Principal.Kind {
		case evenkeel.PrincipalAgent:
			if d.agents.get(k) == nil {
				return errors.New("a session of an unknown agent")
			}
		case evenkeel.PrincipalVisitor:
			if d.customers.get(k) == nil {
				return errors.New("a session of an unknown customer")
			}
		default:
			return errors.New("a session of nobody")
		}
		d.linkSession(s)
	}
	for _, a := range d.agents.list { // now that it is known who is connected
		d.linkAgent(a)
	}
	return nil
}

func (d *Desk) relinkKeys() error {
	rows := append([]*keyRow(nil), d.keys.list...)
	sort.Slice(rows, func(i, j int) bool { return rows[i].Seq < rows[j].Seq })
	for _, k := range rows {
		if len(k.Digest) != digestSize {
			return errors.New("a damaged idempotency key")
		}
		d.linkKey(k)
	}
	return nil
}

func (d *Desk) relinkTallies() error {
	rows := append([]*tallyRow(nil), d.tallies.list...)
	sort.Slice(rows, func(i, j int) bool { return rows[i].Seq < rows[j].Seq })
	for _, t := range rows {
		if (t.Queue != nil) != (t.Kind == tallyQueue) || (t.Agent != nil) != (t.Kind == tallyAgent) || t.Run < 1 {
			return fmt.Errorf("a damaged tally of %q", t.ID)
		}
		d.linkTally(t)
	}
	return nil
}

func (d *Desk) relinkTime() error {
	for _, t := range d.timers.list {
		h := &d.steady
		if t.Kind.extended() {
			h = &d.presence
		}
		heap.Push(h, t)
	}
	rows := append([]*workRow(nil), d.work.list...)
	sort.Slice(rows, func(i, j int) bool { return rows[i].Seq < rows[j].Seq })
	for _, w := range rows {
		d.workQueue.push(w)
	}
	// Routing has not been told the time yet: Next settles what has come due.
	_, waits := d.floor.Next(int64(d.cell.Now))
	d.behind = waits || d.workQueue.len() > 0 || d.timerDue() || d.archiveDue()
	return nil
}
