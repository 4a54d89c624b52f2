package routing

// first returns the queue's candidate: the first of its chats that some member
// may take now. Only a chat that excludes every free member can be passed over,
// so as soon as there are more free members than it has exclusions the head of
// the line is the answer; otherwise the free members are few, and for each of
// them two look-ups find the first chat that he may take. It never walks
// along the line.
func (q *queue) first() (place, bool) {
	if !q.known || q.closed || q.free.Len() == 0 {
		return place{}, false
	}
	k, _ := q.keeping.Min()
	best := k.place
	head, ok := q.waiting.Min()
	if ok && (best.chat == nil || before(head, best)) {
		if head.chat.pick() != nil {
			return head, true
		}
		q.free.Scan(func(r rank) bool {
			d := r.member.dossier // not nil: the head excludes every free member
			var open place
			open, d.opening = firstMissing(q.waiting, d.excluding, d.opening)
			best = earlier(best, earlier(open, q.firstRetry(d)))
			return true
		})
	}
	return best, best.chat != nil
}

// firstRetry returns the first chat that excludes everybody on duty and that
// this member, who is free, may be asked about again.
func (q *queue) firstRetry(d *dossier) (first place) {
	d.retries.Ascend(retry{q.onDuty, frontmost}, func(r retry) bool {
		first = r.place // no chat is refused by more than are on duty
		return false
	})
	return first
}

// earlier returns the place that is served first. A place without a chat is none.
func earlier(a, b place) place {
	if a.chat == nil || b.chat != nil && before(b, a) {
		return b
	}
	return a
}

// pick returns the member to whom the chat is to be given, nil if none may take
// it now. The chat is waiting, or held for a member who is free.
func (c *chat) pick() *member {
	q := c.queue
	if m := c.preferred(); m != nil && m.free && !c.excludes(m.dossier) {
		return m
	}
	var found *member
	q.free.Scan(func(r rank) bool { // passes over the excluded ones at most
		if !c.excludes(r.member.dossier) {
			found = r.member
		}
		return found == nil
	})
	if found != nil || c.refusing < q.onDuty {
		return found
	}
	q.free.Scan(func(r rank) bool { // all of them excluded
		if x, _ := c.refusal(r.member.dossier); x.again {
			found = r.member
		}
		return found == nil
	})
	return found
}

func (c *chat) preferred() *member {
	if c.prefer == nil {
		return nil
	}
	return c.prefer.member
}
