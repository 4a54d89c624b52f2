package client

import (
	"encoding/json"

	"github.com/evenkeel/evenkeel"
)

// EventKind is the sort of an Event.
type EventKind uint8

// The kinds of events.
const (
	// Published is a publication on a channel.
	Published EventKind = iota + 1
	// Gap says that publications of the channel are missing here, because the
	// server does not keep them any more: fetch the state. What follows
	// continues from the server's present.
	Gap
	// Unsubscribed says that the subscription is over, and Err why: the right
	// to the channel is gone, or the channel.
	Unsubscribed
)

// Event is what a connection hands on.
type Event struct {
	Kind    EventKind
	Channel string
	// Position is the publication's place in its channel. Offset 0: it is one
	// that the server does not keep, such as typing.
	Position evenkeel.Position
	Data     json.RawMessage // the publication
	Err      error           // of Unsubscribed
}

// inbox is the queue between a connection and its consumer, guarded by the
// Conn's lock. Publications are taken while there is room; what is said about a
// channel always, for there is little of it.
type inbox struct {
	most   int
	events []Event
	head   int            // the first event that was not taken
	gaps   map[string]int // unread Gap events of each channel
	ready  chan struct{}  // has an element when there may be something to take
}

func newInbox(most int) inbox {
	return inbox{most: most, gaps: map[string]int{}, ready: make(chan struct{}, 1)}
}

func (q *inbox) len() int { return len(q.events) - q.head }

func (q *inbox) room() int { return max(q.most-q.len(), 0) }

// push adds an event, beyond the bound if need be.
func (q *inbox) push(e Event) {
	if e.Kind == Gap {
		if q.gaps[e.Channel] > 0 {
			return // whoever reads that one fetches the state after this moment, too
		}
		q.gaps[e.Channel]++
	}
	if q.head > 0 && len(q.events) == cap(q.events) {
		n := copy(q.events, q.events[q.head:])
		clear(q.events[n:])
		q.events, q.head = q.events[:n], 0
	}
	q.events = append(q.events, e)
	q.signal()
}

func (q *inbox) signal() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// pop takes the oldest event.
func (q *inbox) pop() (Event, bool) {
	if q.len() == 0 {
		return Event{}, false
	}
	e := q.events[q.head]
	q.events[q.head] = Event{}
	q.head++
	if q.len() == 0 {
		q.events, q.head = q.events[:0], 0
	} else {
		q.signal() // another goroutine may wait for it
	}
	if e.Kind == Gap {
		delete(q.gaps, e.Channel)
	}
	return e, true
}
