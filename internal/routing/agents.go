package routing

import "slices"

// agent is a person, and his place in each of his queues. The memberships lie
// in one block: an update of the agent walks over them.
type agent struct {
	id           string
	status       Status
	connected    bool
	capacity     int64
	used         int64
	lastAssigned int64
	idleSince    int64
	skills       []Skill
	members      []member // never grown: others point into it
}

// member is an agent in one queue.
type member struct {
	agent    *agent
	queue    *queue
	dossier  *dossier // nil while no chat of the queue names him
	level    int64
	position int64
	turn     uint64
	missing  int   // index of the required skill that he lacks, or -1
	skill    int64 // what MostSkilled ranks by

	onDuty bool
	free   bool     // implies onDuty
	keys   [3]int64 // those of his rank; valid while free
	keeps  place    // his place in queue.keeping; chat is nil if he has none
}

// listedBefore is the order of the queue's member list.
func listedBefore(a, b *member) bool {
	switch {
	case a.level != b.level:
		return a.level < b.level
	case a.position != b.position:
		return a.position < b.position
	}
	return a.agent.id < b.agent.id
}

// PutAgent adds an agent or replaces what is known of him. It costs, for each
// queue in which his rank changes, the logarithm of the number of free members;
// a change of whether he is on duty also costs a walk over the waiting chats
// of the queue that exclude or prefer him.
func (f *Floor) PutAgent(facts Agent) {
	a := f.agents[facts.ID]
	if a == nil || !a.sameQueues(facts.Memberships) {
		f.DeleteAgent(facts.ID)
		a = &agent{id: facts.ID, members: make([]member, len(facts.Memberships))}
		f.agents[facts.ID] = a
		a.set(facts)
		for i, ms := range facts.Memberships {
			f.join(a, &a.members[i], ms)
		}
		return
	}
	skilled := a.set(facts)
	for i := range a.members {
		m, ms := &a.members[i], &facts.Memberships[i]
		if m.level != ms.Level || m.position != ms.Position {
			m.queue.members.Delete(m)
			m.level, m.position = ms.Level, ms.Position
			m.queue.members.Set(m)
		}
		m.turn = ms.Turn
		if skilled {
			m.missing, m.skill = qualify(a.skills, m.queue.skills)
		}
		f.refresh(m)
	}
}

// DeleteAgent forgets an agent.
func (f *Floor) DeleteAgent(id string) {
	a := f.agents[id]
	if a == nil {
		return
	}
	delete(f.agents, id)
	a.status = Offline
	for i := range a.members {
		m := &a.members[i]
		f.refresh(m)
		m.queue.members.Delete(m)
		if m.dossier != nil {
			m.dossier.member = nil
		}
		f.drop(m.queue)
	}
}

func (a *agent) sameQueues(ms []Membership) bool {
	if len(a.members) != len(ms) {
		return false
	}
	for i := range ms {
		if a.members[i].queue.id != ms[i].Queue {
			return false
		}
	}
	return true
}

// set copies what is not per queue and tells whether the skills changed.
func (a *agent) set(facts Agent) (skilled bool) {
	a.status, a.connected = facts.Status, facts.Connected
	a.capacity, a.used = min(facts.Capacity, MaxCapacity), facts.Used
	a.lastAssigned, a.idleSince = facts.LastAssigned, facts.IdleSince
	if slices.Equal(a.skills, facts.Skills) {
		return false
	}
	a.skills = slices.Clone(facts.Skills)
	return true
}

func (f *Floor) join(a *agent, m *member, ms Membership) {
	q := f.queue(ms.Queue)
	*m = member{agent: a, queue: q, level: ms.Level, position: ms.Position, turn: ms.Turn}
	m.missing, m.skill = qualify(a.skills, q.skills)
	q.members.Set(m)
	if d := q.named[a.id]; d != nil {
		d.member, m.dossier = m, d
	}
	f.refresh(m)
}

// refresh files a member anew after something about him or his queue changed.
func (f *Floor) refresh(m *member) {
	a, q := m.agent, m.queue
	onDuty := q.known && m.missing < 0 && a.status == Online && a.connected
	free := onDuty && a.capacity-a.used >= q.weight
	var keys [3]int64
	if free {
		keys = rankKeys(m)
	}
	if m.free && (!free || keys != m.keys) {
		q.free.Delete(rank{m.keys, m})
	}
	if free && (!m.free || keys != m.keys) {
		q.free.Set(rank{keys, m})
	}
	if free != m.free || onDuty != m.onDuty {
		f.mark(q)
	}
	m.free, m.keys = free, keys
	if onDuty != m.onDuty {
		f.turnDuty(m, onDuty)
	}
	m.keep()
}

// turnDuty brings a member on duty or off it. The chats that exclude him count
// one refusal more or less; those that prefer him begin or end to be held.
func (f *Floor) turnDuty(m *member, onDuty bool) {
	m.onDuty = onDuty
	by := 1
	if !onDuty {
		by = -1
	}
	m.queue.onDuty += by
	d := m.dossier
	if d == nil {
		return
	}
	d.excluding.Scan(func(p place) bool {
		p.chat.refuse(by)
		return true
	})
	preferring := d.preferring.Items()
	for _, p := range preferring {
		f.unfile(p.chat)
	}
	for _, p := range preferring {
		f.file(p.chat)
	}
}

// keep files a member under the first chat that is held for him, if he is free.
func (m *member) keep() {
	var first place
	if m.free && m.dossier != nil {
		first, _ = m.dossier.preferring.Min()
	}
	if first == m.keeps {
		return
	}
	q := m.queue
	if m.keeps.chat != nil {
		q.keeping.Delete(keeping{m.keeps, m})
	}
	if first.chat != nil {
		q.keeping.Set(keeping{first, m})
	}
	m.keeps = first
}
