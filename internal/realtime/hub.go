//evenkeel:pure

package realtime

import "github.com/evenkeel/evenkeel"

// Hub knows who listens to what. S names a session; in its owner's terms. The
// zero Hub is empty and ready.
//
// A key is a channel's name or a PrincipalKey. What is routed under a key goes
// to its sessions in the order in which they joined, but for those that a
// session's leaving moved forward.
type Hub[S comparable] struct {
	keys map[string]*listeners[S]
}

// listeners are the sessions of one key.
type listeners[S comparable] struct {
	list []S
	// place finds a session in the list. It is kept only for long lists: most
	// channels have two or three subscribers.
	place map[S]int
}

// longList is the length from which on a list has an index.
const longList = 32

// PrincipalKey is the key of what concerns a principal on all its connections.
func PrincipalKey(p evenkeel.Principal) string {
	return "\x00" + p.Workspace + "\x00" + p.Kind.String() + "\x00" + p.ID
}

// Join adds a session to a key.
func (h *Hub[S]) Join(key string, s S) {
	if h.keys == nil {
		h.keys = map[string]*listeners[S]{}
	}
	l := h.keys[key]
	if l == nil {
		l = &listeners[S]{}
		h.keys[key] = l
	}
	if l.find(s) >= 0 {
		return
	}
	l.list = append(l.list, s)
	switch {
	case l.place != nil:
		l.place[s] = len(l.list) - 1
	case len(l.list) == longList:
		l.place = make(map[S]int, 2*longList)
		for i, other := range l.list {
			l.place[other] = i
		}
	}
}

// Leave removes a session from a key.
func (h *Hub[S]) Leave(key string, s S) {
	l := h.keys[key]
	if l == nil {
		return
	}
	i := l.find(s)
	if i < 0 {
		return
	}
	last := len(l.list) - 1
	l.list[i] = l.list[last]
	var zero S
	l.list[last] = zero
	l.list = l.list[:last]
	if l.place != nil {
		if i < last {
			l.place[l.list[i]] = i
		}
		delete(l.place, s)
	}
	if last == 0 {
		delete(h.keys, key)
	}
}

func (l *listeners[S]) find(s S) int {
	if l.place != nil {
		if i, ok := l.place[s]; ok {
			return i
		}
		return -1
	}
	for i, other := range l.list {
		if other == s {
			return i
		}
	}
	return -1
}

// Listeners returns the sessions of a key. The slice is the hub's own, valid
// until the next Join or Leave.
func (h *Hub[S]) Listeners(key string) []S {
	if l := h.keys[key]; l != nil {
		return l.list
	}
	return nil
}

// Keys counts the keys that somebody listens to.
func (h *Hub[S]) Keys() int { return len(h.keys) }

// Route tells which sessions an event concerns, and as what they get it; nil
// if nobody. The slice is as that of Listeners.
func (h *Hub[S]) Route(e *evenkeel.Event, encodings ...Encoding) ([]S, Input) {
	to := h.Listeners(KeyOf(e))
	if len(to) == 0 {
		return nil, nil
	}
	return to, InputOf(e, encodings...)
}

// KeyOf returns the key that an event goes by; "" if it is not for clients.
func KeyOf(e *evenkeel.Event) string {
	switch e.Kind {
	case evenkeel.EventPublication, evenkeel.EventRevoked, evenkeel.EventDropped:
		return e.Channel
	case evenkeel.EventLoggedOut:
		return PrincipalKey(e.Principal)
	case evenkeel.EventSessionEnded, evenkeel.EventSuspended: // the edge knows whom it concerns
	}
	return ""
}

// InputOf returns what an event means to a session; nil if nothing.
func InputOf(e *evenkeel.Event, encodings ...Encoding) Input {
	switch e.Kind {
	case evenkeel.EventPublication:
		return NewDelivery(e.Channel, e.Position, dataOf(e.Pub), encodings...)
	case evenkeel.EventRevoked:
		return Revoked{Channel: e.Channel, Principal: e.Principal}
	case evenkeel.EventDropped:
		return Dropped{Channel: e.Channel}
	case evenkeel.EventLoggedOut:
		return LoggedOut{Principal: e.Principal, Token: e.Token}
	case evenkeel.EventSessionEnded, evenkeel.EventSuspended:
	}
	return nil
}
