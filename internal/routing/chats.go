package routing

import (
	"cmp"
	"slices"
)

// chat is a waiting chat. Where it is filed follows from its facts, from
// Floor.now and from who is on duty:
//
//	held     its hold runs and its preferred agent is on duty: in queue.held
//	waiting  otherwise: in queue.waiting, in excluding of every dossier that
//	         refusals name, and in retries of those whose retryAt has come
//
// While its hold runs it is, either way, in preferring of its agent's dossier.
type chat struct {
	place     // its own; place.chat points back
	id        string
	queue     *queue
	prefer    *dossier // nil if nobody is preferred
	holdUntil int64
	refusals  []refusal // sorted by agent

	sticky   bool  // in prefer.preferring
	held     bool  // in queue.held; implies sticky
	refusing int   // how many of the refusals name a member on duty; valid while waiting
	wakeAt   int64 // its entry in Floor.wakes; valid while asleep
	asleep   bool
}

// refusal is an exclusion.
type refusal struct {
	dossier *dossier
	retryAt int64
	again   bool // retryAt has come: the chat is in dossier.retries while waiting
}

// dossier gathers the waiting chats of one queue that name one agent, member or
// not. It lives while a chat names him.
type dossier struct {
	agent  string
	member *member // nil while he is not a member
	named  int     // by how many chats

	excluding  *tree[place] // the waiting chats that exclude him
	opening    int          // where in line the first other one was found last
	retries    *tree[retry] // those of them whose retryAt has come
	preferring *tree[place] // the chats whose hold for him runs
}

// PutChat adds a waiting chat or replaces what is known of it. It costs the
// logarithm of the number of waiting chats, once for each exclusion.
func (f *Floor) PutChat(facts Chat) {
	f.DeleteChat(facts.ID)
	q := f.queue(facts.Queue)
	c := &chat{id: facts.ID, queue: q, holdUntil: facts.HoldUntil}
	c.place = place{facts.Priority, facts.QueuedAt, facts.Seq, c}
	f.chats[c.id] = c
	if facts.Prefer != "" {
		c.prefer = f.name(q, facts.Prefer)
	}
	for _, x := range facts.Excluded {
		c.refusals = append(c.refusals, refusal{dossier: f.name(q, x.Agent), retryAt: x.RetryAt})
	}
	slices.SortFunc(c.refusals, func(a, b refusal) int { return cmp.Compare(a.dossier.agent, b.dossier.agent) })
	f.file(c)
	f.mark(q)
}

// DeleteChat forgets a chat: it waits no longer.
func (f *Floor) DeleteChat(id string) {
	c := f.chats[id]
	if c == nil {
		return
	}
	delete(f.chats, id)
	q := c.queue
	f.mark(q)
	f.unfile(c)
	if c.prefer != nil {
		q.unname(c.prefer)
	}
	for _, r := range c.refusals {
		q.unname(r.dossier)
	}
	f.drop(q)
}

func (f *Floor) name(q *queue, agent string) *dossier {
	d := q.named[agent]
	if d == nil {
		d = &dossier{
			agent:      agent,
			excluding:  newTree(before),
			retries:    newTree(retryBefore),
			preferring: newTree(before),
		}
		q.named[agent] = d
		if a := f.agents[agent]; a != nil {
			for i := range a.members {
				if m := &a.members[i]; m.queue == q {
					d.member, m.dossier = m, d
				}
			}
		}
	}
	d.named++
	return d
}

func (q *queue) unname(d *dossier) {
	d.named--
	if d.named > 0 {
		return
	}
	delete(q.named, d.agent)
	if d.member != nil {
		d.member.dossier = nil
	}
}

// file puts a chat where it belongs at f.now.
func (f *Floor) file(c *chat) {
	q := c.queue
	c.asleep = false
	c.sticky = c.prefer != nil && f.now < c.holdUntil && !c.excludes(c.prefer)
	c.held = c.sticky && c.prefer.onDuty()
	if c.sticky {
		c.sleep(c.holdUntil)
		c.prefer.preferring.Set(c.place)
		if m := c.prefer.member; m != nil {
			m.keep()
		}
	}
	c.refusing = 0
	for i := range c.refusals {
		r := &c.refusals[i]
		r.again = r.retryAt <= f.now
		if !r.again {
			c.sleep(r.retryAt)
		}
		if r.dossier.onDuty() {
			c.refusing++
		}
	}
	if c.asleep {
		f.wakes.Set(wake{c.wakeAt, c.place})
	}
	if c.held {
		q.held.Set(c.place)
		return
	}
	q.waiting.Set(c.place)
	for _, r := range c.refusals {
		r.dossier.excluding.Set(c.place)
	}
	c.offerAgain()
}

// unfile takes a chat out of wherever file put it.
func (f *Floor) unfile(c *chat) {
	q := c.queue
	if c.asleep {
		f.wakes.Delete(wake{c.wakeAt, c.place})
	}
	if c.held {
		q.held.Delete(c.place)
	} else {
		q.waiting.Delete(c.place)
		c.withdraw()
		for _, r := range c.refusals {
			r.dossier.excluding.Delete(c.place)
		}
	}
	if c.sticky {
		c.prefer.preferring.Delete(c.place)
		if m := c.prefer.member; m != nil {
			m.keep()
		}
	}
}

// sleep notes that the chat must be filed anew at the given time.
func (c *chat) sleep(at int64) {
	if at != Never && (!c.asleep || at < c.wakeAt) {
		c.asleep, c.wakeAt = true, at
	}
}

// advance moves now forward and files anew what has come due.
func (f *Floor) advance(now int64) {
	if now <= f.now {
		return
	}
	f.now = now
	for {
		w, ok := f.wakes.Min()
		if !ok || w.at > now {
			return
		}
		f.unfile(w.chat)
		f.file(w.chat)
		f.mark(w.chat.queue)
	}
}

// refuse counts one more (or one less) refusal by a member on duty.
func (c *chat) refuse(by int) {
	c.withdraw()
	c.refusing += by
	c.offerAgain()
}

// offerAgain enters the chat with those who may be asked again; withdraw undoes it.
func (c *chat) offerAgain() {
	for _, r := range c.refusals {
		if r.again {
			r.dossier.retries.Set(retry{c.refusing, c.place})
		}
	}
}

func (c *chat) withdraw() {
	for _, r := range c.refusals {
		if r.again {
			r.dossier.retries.Delete(retry{c.refusing, c.place})
		}
	}
}

func (d *dossier) onDuty() bool { return d.member != nil && d.member.onDuty }

// refusal finds the chat's exclusion of an agent. A dossier of nil (nobody
// names him) has none.
func (c *chat) refusal(d *dossier) (refusal, bool) {
	if d == nil || len(c.refusals) == 0 {
		return refusal{}, false
	}
	at, ok := slices.BinarySearchFunc(c.refusals, d.agent, func(r refusal, agent string) int {
		return cmp.Compare(r.dossier.agent, agent)
	})
	if !ok {
		return refusal{}, false
	}
	return c.refusals[at], true
}

func (c *chat) excludes(d *dossier) bool {
	_, ok := c.refusal(d)
	return ok
}
