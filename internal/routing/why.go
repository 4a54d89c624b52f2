package routing

// Why says of a waiting chat who may take it and who may not, and for what
// reason, at now (desk time in ms): the agents who are free for it in the order
// in which they would be asked, those who are passed over because they refused
// it, the preferred agent if he is no member, then the other members in the
// order of the queue's list. It costs a walk over the members. False: no such chat waits.
func (f *Floor) Why(chat string, now int64) ([]Considered, bool) {
	c := f.chats[chat]
	if c == nil {
		return nil, false
	}
	most := c.queue.members.Len() + 1
	return c.considered(make([]Considered, 0, most), now, most), true
}

// considered adds at most limit agents to an empty list. Apart from what it lists it looks at no
// more than the chat's exclusions.
func (c *chat) considered(list []Considered, now int64, limit int) []Considered {
	q := c.queue
	v := view{c, now, nil, false}
	v.look()
	add := func(agent string, rank int64, reason string) bool {
		list = append(list, Considered{agent, rank, reason})
		return len(list) < limit
	}
	ranked := int64(0)
	first := c.preferred()
	if first != nil && (!first.free || c.excludes(c.prefer) || v.reason(first) != "") {
		first = nil
	}
	if first != nil {
		ranked++
		add(first.agent.id, ranked, "")
	}
	if v.keeper == nil {
		q.free.Scan(func(r rank) bool {
			if r.member == first || v.reason(r.member) != "" {
				return true
			}
			ranked++
			return add(r.member.agent.id, ranked, "")
		})
	}
	for _, r := range c.refusals {
		if len(list) == limit {
			return list
		}
		if v.refused(r.dossier.member) {
			add(r.dossier.agent, 0, PassedExcluded)
		}
	}
	if len(list) < limit && c.prefer != nil && c.prefer.member == nil {
		add(c.prefer.agent, 0, PassedNotMember)
	}
	if len(list) == limit {
		return list
	}
	q.members.Scan(func(m *member) bool {
		reason := v.reason(m)
		if reason == "" || v.refused(m) {
			return true // listed above
		}
		return add(m.agent.id, 0, reason)
	})
	return list
}

// view is a chat as it stands at a time. It is read off the facts, not off
// where the chat is filed, which is as of the last Next.
type view struct {
	chat   *chat
	now    int64
	keeper *member // for whom the chat is held, or nil
	alone  bool    // the chat excludes everybody on duty
}

func (v *view) look() {
	c := v.chat
	m := c.preferred()
	if m != nil && m.onDuty && v.now < c.holdUntil && !c.excludes(c.prefer) {
		v.keeper = m
	}
	refusing := 0
	for _, r := range c.refusals {
		if r.dossier.onDuty() {
			refusing++
		}
	}
	v.alone = refusing == c.queue.onDuty
}

// refused tells whether m is passed over because he declined or missed the chat.
func (v *view) refused(m *member) bool {
	return m != nil && v.reason(m) == PassedExcluded
}

// reason says why m may not take the chat, or "" if he may.
func (v *view) reason(m *member) string {
	switch {
	case m.missing >= 0:
		return m.queue.lacking[m.missing]
	case m.agent.status == Offline:
		return PassedOffline
	case m.agent.status == Away:
		return PassedAway
	case !m.agent.connected:
		return PassedNotConnected
	}
	if r, ok := v.chat.refusal(m.dossier); ok && !(v.alone && r.retryAt <= v.now) {
		return PassedExcluded
	}
	if v.keeper != nil && v.keeper != m {
		return PassedHeld
	}
	if !m.free {
		return PassedNoSlot
	}
	return ""
}
