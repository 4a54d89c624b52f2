package routing

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// model is the specification of Floor: the same facts in plain maps, and every
// question answered by looking at everything.
type model struct {
	queues map[string]Queue
	agents map[string]Agent
	chats  map[string]Chat
	now    int64
}

func newModel() *model {
	return &model{map[string]Queue{}, map[string]Agent{}, map[string]Chat{}, 0}
}

// line returns the waiting chats of a queue ("" for all queues) in their order.
func (m *model) line(queue string) []Chat {
	var line []Chat
	for _, c := range m.chats {
		if queue == "" || c.Queue == queue {
			line = append(line, c)
		}
	}
	slices.SortFunc(line, func(a, b Chat) int {
		return cmp.Or(-cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.QueuedAt, b.QueuedAt), cmp.Compare(a.Seq, b.Seq))
	})
	return line
}

func membership(a Agent, queue string) (Membership, bool) {
	for _, ms := range a.Memberships {
		if ms.Queue == queue {
			return ms, true
		}
	}
	return Membership{}, false
}

func (m *model) members(queue string) []Agent {
	var members []Agent
	for _, a := range m.agents {
		if _, ok := membership(a, queue); ok {
			members = append(members, a)
		}
	}
	slices.SortFunc(members, func(a, b Agent) int {
		x, _ := membership(a, queue)
		y, _ := membership(b, queue)
		return cmp.Or(cmp.Compare(x.Level, y.Level), cmp.Compare(x.Position, y.Position), cmp.Compare(a.ID, b.ID))
	})
	return members
}

func level(skills []Skill, name string) int64 {
	for _, s := range skills {
		if s.Name == name {
			return s.Level
		}
	}
	return math.MinInt64
}

// unfit says why a member is not on duty, or "".
func (m *model) unfit(a Agent, queue string) string {
	for _, s := range m.queues[queue].Skills {
		if level(a.Skills, s.Name) < s.Level {
			return "skill:" + s.Name
		}
	}
	switch {
	case a.Status == Offline:
		return "offline"
	case a.Status == Away:
		return "away"
	case !a.Connected:
		return "not_connected"
	}
	return ""
}

func (m *model) onDuty(queue string) []Agent {
	var on []Agent
	if _, known := m.queues[queue]; known {
		for _, a := range m.members(queue) {
			if m.unfit(a, queue) == "" {
				on = append(on, a)
			}
		}
	}
	return on
}

func (m *model) hasSlot(a Agent, queue string) bool {
	return a.Capacity-a.Used >= max(1, m.queues[queue].Weight)
}

func exclusion(c Chat, agent string) (Exclusion, bool) {
	for _, x := range c.Excluded {
		if x.Agent == agent {
			return x, true
		}
	}
	return Exclusion{}, false
}

// barred says why an agent may not take the chat at now, or "": he is on duty,
// as are all of onDuty.
func (m *model) barred(c Chat, a Agent, onDuty []Agent, now int64) string {
	others, keeper := false, ""
	for _, o := range onDuty {
		_, excluded := exclusion(c, o.ID)
		others = others || !excluded
		if o.ID == c.Prefer && !excluded && now < c.HoldUntil {
			keeper = o.ID
		}
	}
	if x, ok := exclusion(c, a.ID); ok && (others || now < x.RetryAt) {
		return "excluded"
	}
	if keeper != "" && keeper != a.ID {
		return "held"
	}
	if !m.hasSlot(a, c.Queue) {
		return "no_slot"
	}
	return ""
}

// asked orders two agents by a queue's strategy.
func (m *model) asked(a, b Agent, queue string) int {
	q := m.queues[queue]
	x, _ := membership(a, queue)
	y, _ := membership(b, queue)
	balanced := cmp.Or(
		cmp.Compare(a.Used*b.Capacity, b.Used*a.Capacity),
		cmp.Compare(a.LastAssigned, b.LastAssigned))
	id := cmp.Compare(a.ID, b.ID)
	switch q.Strategy {
	case LongestIdle:
		return cmp.Or(cmp.Compare(a.IdleSince, b.IdleSince), id)
	case RoundRobin:
		return cmp.Or(cmp.Compare(x.Turn, y.Turn), id)
	case Tiers:
		return cmp.Or(cmp.Compare(x.Level, y.Level), cmp.Compare(x.Position, y.Position), id)
	case MostSkilled:
		return cmp.Or(-cmp.Compare(skillSum(a, q), skillSum(b, q)), balanced, id)
	}
	return cmp.Or(balanced, id)
}

func skillSum(a Agent, q Queue) (sum int64) {
	for _, s := range a.Skills {
		if len(q.Skills) == 0 || level(q.Skills, s.Name) != math.MinInt64 {
			sum += s.Level
		}
	}
	return sum
}

// considered is the specification of Why.
func (m *model) considered(c Chat, now int64) []Considered {
	var may []Agent
	var refused, passed []Considered
	preferredMember := false
	onDuty := m.onDuty(c.Queue)
	for _, a := range m.members(c.Queue) {
		preferredMember = preferredMember || a.ID == c.Prefer
		reason := m.unfit(a, c.Queue)
		if reason == "" {
			reason = m.barred(c, a, onDuty, now)
		}
		switch reason {
		case "":
			may = append(may, a)
		case "excluded":
			refused = append(refused, Considered{a.ID, 0, reason})
		default:
			passed = append(passed, Considered{a.ID, 0, reason})
		}
	}
	_, declined := exclusion(c, c.Prefer)
	slices.SortFunc(may, func(a, b Agent) int {
		if !declined && (a.ID == c.Prefer) != (b.ID == c.Prefer) {
			if a.ID == c.Prefer {
				return -1
			}
			return 1
		}
		return m.asked(a, b, c.Queue)
	})
	slices.SortFunc(refused, func(a, b Considered) int { return strings.Compare(a.Agent, b.Agent) })
	all := []Considered{}
	for i, a := range may {
		all = append(all, Considered{a.ID, int64(i + 1), ""})
	}
	all = append(all, refused...)
	if c.Prefer != "" && !preferredMember {
		all = append(all, Considered{c.Prefer, 0, "not_member"})
	}
	return append(all, passed...)
}

// next is the specification of Next.
func (m *model) next(now int64) (Decision, bool) {
	m.now = max(m.now, now)
	for _, c := range m.line("") {
		q, known := m.queues[c.Queue]
		if !known || q.Manual || q.Paused {
			continue
		}
		all := m.considered(c, m.now)
		if len(all) > 0 && all[0].Rank == 1 {
			return Decision{c.ID, c.Queue, all[0].Agent, all[:min(len(all), MaxConsidered)]}, true
		}
	}
	return Decision{}, false
}

// due is the specification of Due.
func (m *model) due() (at int64, ok bool) {
	at = math.MaxInt64
	for _, c := range m.chats {
		var times []int64
		if _, excluded := exclusion(c, c.Prefer); c.Prefer != "" && !excluded {
			times = append(times, c.HoldUntil)
		}
		for _, x := range c.Excluded {
			times = append(times, x.RetryAt)
		}
		for _, t := range times {
			if t > m.now && t != Never {
				at, ok = min(at, t), true
			}
		}
	}
	if !ok {
		return 0, false
	}
	return at, true
}

// assign is what the desk does with a decision.
func assign(agents map[string]Agent, queues map[string]Queue, d Decision, now int64) Agent {
	a := agents[d.Agent]
	a.Used += max(1, queues[d.Queue].Weight)
	a.LastAssigned = now
	a.Memberships = slices.Clone(a.Memberships)
	turn := uint64(0)
	for _, other := range agents {
		if ms, ok := membership(other, d.Queue); ok {
			turn = max(turn, ms.Turn)
		}
	}
	for i := range a.Memberships {
		if a.Memberships[i].Queue == d.Queue {
			a.Memberships[i].Turn = turn + 1
		}
	}
	return a
}
