package sim

import (
	"strconv"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
)

// inOrder checks that a chat which routing gave to an agent was the first one in
// its queue that he could have been given.
func (m *model) inOrder(c *chat, v *evenkeel.Chat, agent string) {
	if m.steered[c.id] {
		return
	}
	for _, other := range m.order {
		w := other.view
		if other == c || w == nil || other.gone || w.State != evenkeel.ChatQueued || w.Queue != v.Queue {
			continue
		}
		if m.held(other) || other.spared(agent) || m.steered[other.id] {
			continue
		}
		m.w.check(!first(w, v), "waiting customers keep their places", "%s was given %s of %v, and %s of %v waits", agent, c.id, v.QueuedAt, other.id, w.QueuedAt)
	}
}

// held tells whether a chat may be waiting for the agent whom its customer knows.
func (m *model) held(c *chat) bool {
	for _, q := range m.queues { //order: any one is enough
		if m.wall <= c.born+evenkeel.Time(q.Sticky) {
			return true
		}
	}
	return false
}

// first tells whether one waiting chat comes before another.
func first(a, b *evenkeel.Chat) bool {
	if a.Priority != b.Priority {
		return a.Priority > b.Priority
	}
	if a.QueuedAt != b.QueuedAt {
		return a.QueuedAt < b.QueuedAt
	}
	return seqOf(a.ID) < seqOf(b.ID)
}

func seqOf(chat string) uint64 {
	n, err := strconv.ParseUint(chat[1:], 36, 64)
	if err != nil {
		return 0
	}
	return n
}

// askedAgain checks that nobody is asked again for a chat that he refused while
// somebody else could take it.
func (m *model) askedAgain(d *desk.Desk) {
	agents, err := d.Agents(admin(), "", 1000)
	m.w.check(err == nil, "the desk can be read", "%v", err)
	for _, a := range m.asked {
		m.w.stats.add("agents asked again", 1)
		if a.chat.offer == nil || a.chat.offer.agent != a.agent || m.held(a.chat) {
			continue
		}
		for _, other := range agents {
			if other.ID != a.agent && able(other, m.queues[a.chat.view.Queue]) && !a.chat.spared(other.ID) {
				m.w.fail("who refused a chat is not asked again while another could take it", "%s is offered to %s, and %s has not refused it", a.chat.id, a.agent, other.ID)
			}
		}
	}
}
