package main

import "slices"

// bug is one mistake, made on purpose: a text of one source file replaced by
// another. The text must stand in the file exactly once.
type bug struct {
	name string
	file string
	old  string
	new  string
	// several: it can hurt a cell of several nodes only.
	several bool
}

// bugs lists them all, from the disk up.
func bugs() []bug {
	return slices.Concat(journalBugs(), replicaBugs(), cellBugs(), deskBugs(), stateBugs(), edgeBugs(), realtimeBugs())
}

func journalBugs() []bug {
	return []bug{
		{
			name: "a batch is acknowledged without fsync", file: "internal/journal/segment.go",
			old: "	if err := s.file.Sync(); err != nil {\n		return fmt.Errorf(\"sync %s: %w\", s.name, err)\n	}\n	return nil\n}\n\n// wipe",
			new: "	return nil\n}\n\n// wipe",
		},
		{
			name: "a torn record is accepted", file: "internal/journal/segment.go",
			old: "valid: crcOf(s.seed, body) == i.bodyCRC",
			new: "valid: true",
		},
		{
			name: "a rotten tail is cut", file: "internal/journal/recover.go",
			old: "		Torn: blank > d.blank,",
			new: "		Torn: blank+1 > 0,",
		},
		{
			name: "the descriptor of a batch is not written", file: "internal/journal/segment.go",
			old: "	if _, err := s.file.WriteAt(slot[:], slotOffset(i.number)); err != nil {",
			new: "	if err := error(nil); err != nil {",
		},
		{
			name: "damage in the middle is taken for the end", file: "internal/journal/recover.go",
			old: "	if later > 0 {\n		w.harm(s.name, w.off, \"batch %d is gone",
			new: "	if false {\n		w.harm(s.name, w.off, \"batch %d is gone",
		},
		{
			name: "a failed sync is forgotten", file: "internal/journal/append.go",
			old: "			j.err = fmt.Errorf(\"append: %w\", err)\n			return j.err",
			new: "			continue",
		},
		{
			name: "the skip of a command that panicked is not written", file: "internal/journal/append.go",
			old: "			head = appendNumbers(head, recSkip, k.Index, uint64(k.Ordinal))\n",
			new: "			head = appendNumbers(head, recSkip, k.Index, uint64(k.Ordinal)+1)\n",
		},
		{
			name: "a snapshot is not synced", file: "internal/journal/snapwrite.go",
			old: "	if err := w.file.Sync(); err != nil {\n		w.err = fmt.Errorf(\"sync snapshot",
			new: "	if err := error(nil); err != nil {\n		w.err = fmt.Errorf(\"sync snapshot",
		},
	}
}

func replicaBugs() []bug {
	return []bug{
		{
			name: "a result is given before it is durable", file: "internal/replica/ready.go",
			old: "	a.HardState, c.hard = c.hard, nil\n	c.name(a.Entries)",
			new: "	a.HardState, c.hard = c.hard, nil\n	c.name(a.Entries)\n	if err := c.log.append(a.Entries); err == nil {\n		for _, m := range a.responses {\n			c.deliver(m)\n		}\n		a.responses = nil\n	}",
		},
		{
			name: "an entry is applied twice in a rebuild", file: "internal/replica/applier.go",
			old: "	keep := a.since[index-a.base:]",
			new: "	keep := a.since[index-a.base-1:]",
		},
		{
			name: "a skip is forgotten in a rebuild", file: "internal/replica/applier.go",
			old: "	for _, s := range skips {\n		a.skip(s)",
			new: "	for _, s := range skips[:0] {\n		a.skip(s)",
		},
		{
			name: "a snapshot says that it is newer than it is", file: "internal/replica/order.go",
			old: "	s.ordered = &SnapshotOrder{Index: s.lastIndex, Term: s.lastTerm,",
			new: "	s.ordered = &SnapshotOrder{Index: s.lastIndex + 1, Term: s.lastTerm,",
		},
		{
			name: "a tick is lost: nothing wakes the core at a deadline", file: "internal/replica/form.go",
			old: "	if c.serving() && c.room() {\n		if t, due",
			new: "	if c.serving() && c.room() && !c.alone() {\n		if t, due",
		},
		{
			name: "left-over work waits for the next command", file: "internal/replica/form.go",
			old: "	case state.More:\n		return max(c.now, c.retry), len(c.unapplied) == 0",
			new: "	case state.More:\n		return 0, false",
		},
		{
			name: "desk time begins at the snapshot's after a start", file: "internal/replica/clock.go",
			old: "		k.last = max(k.last, header.Time)\n		break",
			new: "		break",
		},
		{
			name: "an entry's results go to the wrong proposers", file: "internal/replica/form.go",
			old: "			b.proposals = append(b.proposals, p)",
			new: "			b.proposals = append([]*Proposal{p}, b.proposals...)",
		},
		{
			name: "a pause of the leader is not told", file: "internal/replica/clock.go",
			old: "		k.pause += evenkeel.DurationOf(pause - pulse)",
			new: "		k.pause += 0",
		},
		{
			name: "a pause is not seen: nothing wakes the core", file: "internal/replica/form.go",
			old: "	if c.busy {\n		consider(c.now + pulse)",
			new: "	if c.busy && c.full {\n		consider(c.now + pulse)",
		},
		{
			name: "a hanging disk is no pause", file: "internal/replica/ready.go",
			old: "		until = min(until, c.appending[0].formed)",
			new: "		until = max(until, c.appending[0].formed)",
		},
	}
}

func deskBugs() []bug {
	return []bug{
		{
			name: "the id of a command is not kept", file: "internal/desk/apply.go",
			old: "	if refusal == nil && c.id != \"\" && !c.stored {",
			new: "	if refusal == nil && c.id != \"\" && !c.stored && c.kind == 0 {",
		},
		{
			name: "the id of a message is not kept", file: "internal/desk/cmd_chat_talk.go",
			old: "	m := d.addMessage(chat, a, c.id, b.Text, kind, c)",
			new: "	m := d.addMessage(chat, a, c.id, b.Text, kind, nil)",
		},
		{
			name: "an id may be used for something else", file: "internal/desk/keys.go",
			old: "	if !bytes.Equal(ref.sum[:], c.digest) {",
			new: "	if len(ref.sum) != len(c.digest) {",
		},
		{
			name: "an offer's deadline is lost", file: "internal/desk/assign.go",
			old: "	c.Offer.Timer = d.setTimer(timerOffer, \"\", c.ID, deadline)",
			new: "	c.Offer.Timer = 0",
		},
		{
			name: "two owners", file: "internal/desk/cmd_chat_offer.go",
			old: "	case evenkeel.ChatActive:\n		d.release(chat, evenkeel.EndTakenOver)\n",
			new: "",
		},
		{
			name: "a refused command left a trace", file: "internal/desk/cmd_chat_start.go",
			old: "	if ws.chats >= most(ws.Limits.LiveChats, d.cell.Limits.LiveChats) {",
			new: "	d.cell.ChatSeq++\n	if ws.chats >= most(ws.Limits.LiveChats, d.cell.Limits.LiveChats) {",
		},
		{
			name: "a slot is not freed", file: "internal/desk/assign.go",
			old: "	a.Used -= c.Weight\n	c.Weight = 0",
			new: "	if c.State != evenkeel.ChatWrapping {\n		a.Used -= c.Weight\n	}\n	c.Weight = 0",
		},
		{
			name: "routing is not told of a free slot", file: "internal/desk/assign.go",
			old: "	a.IdleSince = d.cell.Now\n	d.floorAgent(a)",
			new: "	a.IdleSince = d.cell.Now",
		},
		{
			name: "an agent who declined is asked again", file: "internal/desk/cmd_chat_offer.go",
			old: "	d.exclude(chat, me.Config.ID, d.cell.Now+evenkeel.DeskTime(d.cell.Limits.ReOffer))\n	d.wait(chat)",
			new: "	d.wait(chat)",
		},
		{
			name: "a chat that returns loses its place", file: "internal/desk/assign.go",
			old: "func (d *Desk) wait(c *chatRow) {\n	c.State = evenkeel.ChatQueued",
			new: "func (d *Desk) wait(c *chatRow) {\n	c.State, c.QueuedAt = evenkeel.ChatQueued, d.cell.Now",
		},
		{
			name: "a gap in the numbers of messages", file: "internal/desk/cmd_chat_talk.go",
			old: "	c.Messages++\n",
			new: "	c.Messages += 1 + uint64(len(text)/500)\n",
		},
		{
			name: "work is dropped: the sessions of a dead process stay", file: "internal/desk/cmd_node.go",
			old: "		d.addWork(workEndSessions, \"\", n.Incarnation)",
			new: "		_ = workEndSessions",
		},
		{
			name: "a customer who left is not abandoned", file: "internal/desk/presence.go",
			old: "	c.GoneTimer = d.setTimer(timerGone, \"\", c.ID,",
			new: "	c.GoneTimer = d.setTimer(timerGone, \"\", c.ID, 1000000000+",
		},
		{
			name: "history is cut too short", file: "internal/desk/channels.go",
			old: "ch.Next-ch.chunks[1].Base >= ch.Keep {",
			new: "ch.Next-ch.chunks[1].Base >= ch.Keep/4 {",
		},
	}
}

// stateBugs are those by which a restart, or another machine, comes to another
// state.
func stateBugs() []bug {
	return []bug{
		{
			name: "a change is not announced to the snapshot", file: "internal/desk/cmd_chat_talk.go",
			old: "	d.chats.touch(chat)\n	m := d.addMessage",
			new: "	m := d.addMessage",
		},
		{
			name: "the order of a map reaches the output", file: "internal/desk/assign.go",
			old: "	d.emit(evenkeel.Event{Kind: evenkeel.EventRevoked, Channel: c.talk.Name, Principal: a.principal()})\n	d.emit(evenkeel.Event{Kind: evenkeel.EventRevoked, Channel: c.staff.Name, Principal: a.principal()})",
			new: "	for name := range map[string]bool{c.talk.Name: true, c.staff.Name: true} {\n		d.emit(evenkeel.Event{Kind: evenkeel.EventRevoked, Channel: name, Principal: a.principal()})\n	}",
		},
		{
			name: "ids of messages are lost in a restore", file: "internal/desk/relink.go",
			old: "					d.callerOf(by).rememberRecord(id, rec)",
			new: "					_, _ = by, id",
		},
		{
			name: "ids of commands are lost in a restore", file: "internal/desk/relink.go",
			old: "		d.linkKey(k)",
			new: "		_ = k",
		},
		{
			name: "deadlines are lost in a restore", file: "internal/desk/relink.go",
			old: "		heap.Push(h, t)",
			new: "		if t.Kind != timerWrap {\n			heap.Push(h, t)\n		}",
		},
		{
			name: "waiting chats are lost in a restore", file: "internal/desk/relink.go",
			old: "		c.queue.line.Set(c)\n		d.floorChat(c)",
			new: "		c.queue.line.Set(c)",
		},
		{
			name: "a field is not in the snapshot", file: "internal/desk/rows.go",
			old: "	Missed       int64                `cbor:\"11,keyasint,omitempty\"`",
			new: "	Missed       int64                `cbor:\"-\"`",
		},
	}
}

func edgeBugs() []bug {
	return []bug{
		{
			name: "commands are sent again in another order", file: "internal/edge/courier_batch.go",
			old: "		parcel.open = true\n	}\n}",
			new: "		parcel.open = true\n	}\n	if q := p.owner.queue; len(q) > 1 {\n		q[0], q[len(q)-1] = q[len(q)-1], q[0]\n	}\n}",
		},
		{
			name: "a command is sent again under a new id", file: "internal/edge/courier_batch.go",
			old: "		parcel.sent = true\n",
			new: "		if parcel.open && parcel.command.ID != \"\" {\n			again := *parcel.command\n			again.ID += \"x\"\n			parcel.command = &again\n		}\n		parcel.sent = true\n",
		},
		{
			name: "a command is sent again under a new number", file: "internal/edge/courier_batch.go",
			old: "		if !parcel.sent && cl.need != SessionNever {\n			cl.seq++",
			new: "		if cl.need != SessionNever {\n			cl.seq++",
		},
		{
			name: "a lost batch counts as never applied", file: "internal/edge/courier_batch.go",
			old: "	case evenkeel.CodeTooManyRequests, evenkeel.CodeDiskFull, evenkeel.CodeTooLarge, evenkeel.CodeBadRequest:\n		return true",
			new: "	case evenkeel.CodeTooManyRequests, evenkeel.CodeDiskFull, evenkeel.CodeTooLarge, evenkeel.CodeBadRequest, evenkeel.CodeNoLeader:\n		return true",
		},
		{
			name: "a lost batch is not sent again", file: "internal/edge/courier.go",
			old: "	if c.failing && len(c.batches) == 0 && len(c.ready) > 0 && (!ok || c.pause < at) {",
			new: "	if false {",
		},
		{
			name: "the session of a client that went is not closed", file: "internal/edge/courier_batch.go",
			old: "	if cl.gone && p.parcels == len(cl.queue) && cl.phase != phaseNone {",
			new: "	if cl.gone && p.parcels == len(cl.queue) && cl.phase != phaseNone && p.parcels > 0 {",
		},
	}
}

func realtimeBugs() []bug {
	return []bug{
		{
			name: "an event is lost on resume: what comes while history is read", file: "internal/realtime/stream.go",
			old: "	for i, d := range r.waiting {",
			new: "	for i, d := range r.waiting[:0] {",
		},
		{
			name: "an event is doubled between recovery and live", file: "internal/realtime/stream.go",
			old: "	case d.position.Offset <= sub.pos.Offset: // it was in the history already\n		return true",
			new: "	case d.position.Offset < sub.pos.Offset: // it was in the history already\n		return true",
		},
		{
			name: "history is read before the session joins", file: "internal/realtime/subscribe.go",
			old: "	s.effect(Join{sub.channel})\n	if sub.loose()",
			new: "	defer s.effect(Join{sub.channel})\n	if sub.loose()",
		},
		{
			name: "an overflow of what waits is not told", file: "internal/realtime/stream.go",
			old: "		r.waiting, r.missed = nil, true",
			new: "		r.waiting = nil",
		},
		{
			name: "a part of the history counts as recovered", file: "internal/realtime/subscribe.go",
			old: "	if at != in.Top.Offset || len(in.Items) > s.set.MaxRecovered {",
			new: "	if len(in.Items) > s.set.MaxRecovered {",
		},
		{
			name: "who lost the right to a channel goes on reading", file: "internal/realtime/session.go",
			old: "		if in.Principal == s.client.Principal {\n			s.doubt(in.Channel, now)\n		}",
			new: "		_ = in",
		},
	}
}
