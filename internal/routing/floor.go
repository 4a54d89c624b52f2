package routing

import "slices"

// Floor is the index of everybody and everything that waits. It is not safe for
// concurrent use.
type Floor struct {
	queues map[string]*queue
	agents map[string]*agent
	chats  map[string]*chat

	// now is the latest time that Next was told, in ms of desk time. Holds and
	// exclusions that end at or before it have been taken account of; those of
	// waiting chats that end later are in wakes.
	now   int64
	wakes *tree[wake]

	// ready holds the candidate of every queue that has one, dirty the queues
	// whose candidate may be out of date.
	ready *tree[place]
	dirty []*queue

	why []Considered // lent out with a decision
}

// New makes an empty Floor.
func New() *Floor {
	return &Floor{
		queues: make(map[string]*queue),
		agents: make(map[string]*agent),
		chats:  make(map[string]*chat),
		wakes:  newTree(wakesBefore),
		ready:  newTree(before),
		why:    make([]Considered, 0, MaxConsidered),
	}
}

// queue is one line of chats and the people who serve it. It exists as soon as
// a membership or a chat names it; until PutQueue it is not known, and nobody is
// on duty in it.
type queue struct {
	id       string
	known    bool
	closed   bool // Manual or Paused: has no candidate
	strategy Strategy
	weight   int64
	skills   []Skill
	lacking  []string // for each required skill the reason "skill:..."

	members *tree[*member] // in the order of the member list
	free    *tree[rank]    // the members who are free, by rank
	onDuty  int            // how many members are on duty

	// Each chat of the queue is in one of these two.
	waiting *tree[place] // may be given to any free member whom it does not exclude
	held    *tree[place] // is kept for its preferred agent, who is on duty

	keeping *tree[keeping]      // the free members for whom chats are held
	named   map[string]*dossier // by agent: the chats that name him

	dirty     bool  // is in Floor.dirty
	candidate place // what Floor.ready holds for it; chat is nil if nothing
}

// keeping is a free member and the first of the chats held for him.
type keeping struct {
	place
	member *member
}

func (f *Floor) queue(id string) *queue {
	q := f.queues[id]
	if q == nil {
		q = &queue{
			id:      id,
			members: newTree(listedBefore),
			free:    newTree(rankBefore),
			waiting: newTree(before),
			held:    newTree(before),
			keeping: newTree(func(a, b keeping) bool { return before(a.place, b.place) }),
			named:   make(map[string]*dossier),
		}
		f.queues[id] = q
	}
	return q
}

func (q *queue) len() int { return q.waiting.Len() + q.held.Len() }

// drop forgets a queue that nothing names any more.
func (f *Floor) drop(q *queue) {
	if !q.known && q.len() == 0 && q.members.Len() == 0 {
		delete(f.queues, q.id)
	}
}

// PutQueue adds a queue or replaces it. A change of strategy, weight or skills
// costs a walk over its members.
func (f *Floor) PutQueue(facts Queue) {
	q := f.queue(facts.ID)
	weight := max(facts.Weight, 1)
	same := q.known && q.strategy == facts.Strategy && q.weight == weight && slices.Equal(q.skills, facts.Skills)
	q.known, q.closed = true, facts.Manual || facts.Paused
	f.mark(q)
	if same {
		return
	}
	q.strategy, q.weight = facts.Strategy, weight
	q.skills = slices.Clone(facts.Skills)
	q.lacking = nil
	for _, s := range q.skills {
		q.lacking = append(q.lacking, PassedSkill+s.Name)
	}
	f.requalify(q)
}

// DeleteQueue forgets what PutQueue said. Chats and memberships that still name
// the queue wait until it is put again.
func (f *Floor) DeleteQueue(id string) {
	q := f.queues[id]
	if q == nil || !q.known {
		return
	}
	q.known = false
	f.requalify(q)
	f.drop(q)
}

func (f *Floor) requalify(q *queue) {
	q.members.Scan(func(m *member) bool {
		m.missing, m.skill = qualify(m.agent.skills, q.skills)
		f.refresh(m)
		return true
	})
}

// mark notes that a queue's candidate may have changed.
func (f *Floor) mark(q *queue) {
	if q.dirty || q.len() == 0 { // an empty queue was marked as its last chat left
		return
	}
	q.dirty = true
	f.dirty = append(f.dirty, q)
}

// Next returns the first waiting chat that an agent may take at now (desk time
// in ms) and that agent, or false if there is no such pair. A now before that of
// an earlier call counts as that one.
func (f *Floor) Next(now int64) (Decision, bool) {
	f.advance(now)
	f.settle()
	p, ok := f.ready.Min()
	if !ok {
		return Decision{}, false
	}
	c := p.chat
	m := c.pick()
	f.why = c.considered(f.why[:0], f.now, MaxConsidered)
	return Decision{Chat: c.id, Queue: c.queue.id, Agent: m.agent.id, Why: f.why}, true
}

// Due returns the desk time in ms at which the next hold or exclusion of a
// waiting chat ends, which may allow what Next refuses now. False: never.
func (f *Floor) Due() (int64, bool) {
	w, ok := f.wakes.Min()
	return w.at, ok
}

// settle brings the candidates of the dirty queues up to date.
func (f *Floor) settle() {
	// What was is taken out first: a chat that went to another queue has the same
	// place there.
	for _, q := range f.dirty {
		if q.candidate.chat != nil {
			f.ready.Delete(q.candidate)
		}
	}
	for _, q := range f.dirty {
		q.dirty = false
		if q.candidate, _ = q.first(); q.candidate.chat != nil {
			f.ready.Set(q.candidate)
		}
	}
	clear(f.dirty)
	f.dirty = f.dirty[:0]
}
