package routing

import (
	"iter"
	"math"
)

// Waiting returns how many chats wait in a queue.
func (f *Floor) Waiting(queue string) int {
	q := f.queues[queue]
	if q == nil {
		return 0
	}
	return q.len()
}

// Position returns a chat's place in its queue, 1 for the first: how many chats
// of the queue come before it, and itself. Chats held for an agent count.
// False: no such chat waits.
func (f *Floor) Position(chat string) (int, bool) {
	c := f.chats[chat]
	if c == nil {
		return 0, false
	}
	return 1 + countBefore(c.queue.waiting, c.place) + countBefore(c.queue.held, c.place), true
}

// Line yields the ids of the chats of a queue in the order in which they stand.
// The Floor must not change meanwhile.
func (f *Floor) Line(queue string) iter.Seq[string] {
	return func(yield func(string) bool) {
		q := f.queues[queue]
		if q == nil {
			return
		}
		waiting, held := q.waiting.Iter(), q.held.Iter()
		more, moreHeld := waiting.First(), held.First()
		for more || moreHeld {
			var next place
			if !moreHeld || more && before(waiting.Item(), held.Item()) {
				next = waiting.Item()
				more = waiting.Next()
			} else {
				next = held.Item()
				moreHeld = held.Next()
			}
			if !yield(next.chat.id) {
				return
			}
		}
	}
}

// Oldest returns the chat that first queued before all others of a queue and
// the desk time in ms at which it did; among equals the one served first. It
// costs one look-up for each priority in use. False: nobody waits there.
func (f *Floor) Oldest(queue string) (chat string, queuedAt int64, ok bool) {
	q := f.queues[queue]
	if q == nil {
		return "", 0, false
	}
	var oldest place
	for _, line := range []*tree[place]{q.waiting, q.held} {
		head, more := line.Min()
		for more {
			if oldest.chat == nil || head.queuedAt < oldest.queuedAt ||
				head.queuedAt == oldest.queuedAt && before(head, oldest) {
				oldest = head
			}
			head, more = nextPriority(line, head.priority)
		}
	}
	if oldest.chat == nil {
		return "", 0, false
	}
	return oldest.chat.id, oldest.queuedAt, true
}

// nextPriority returns the first place with a priority below the given one.
func nextPriority(line *tree[place], priority int64) (next place, ok bool) {
	if priority == math.MinInt64 {
		return place{}, false
	}
	pivot := frontmost
	pivot.priority = priority - 1
	line.Ascend(pivot, func(p place) bool {
		next, ok = p, true
		return false
	})
	return next, ok
}

// Staff returns how many members of a queue are on duty and how many of these
// are free.
func (f *Floor) Staff(queue string) (onDuty, free int) {
	q := f.queues[queue]
	if q == nil {
		return 0, 0
	}
	return q.onDuty, q.free.Len()
}
