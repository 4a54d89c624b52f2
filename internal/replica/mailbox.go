//evenkeel:shell

package replica

import "sync"

// mailbox is a queue between two goroutines of a replica: the receiver takes all
// that is there at once. What bounds it is said where it is filled.
type mailbox[T any] struct {
	mu     sync.Mutex
	items  []T
	spare  []T
	closed bool
	signal chan struct{} // has a token when items is not empty
}

func (m *mailbox[T]) init() { m.signal = make(chan struct{}, 1) }

// put adds an item; false: the mailbox is closed.
func (m *mailbox[T]) put(item T) bool { return m.putBelow(item, -1) }

// putBelow adds an item unless limit items are waiting already (-1: no limit).
func (m *mailbox[T]) putBelow(item T, limit int) bool {
	m.mu.Lock()
	if m.closed || (limit >= 0 && len(m.items) >= limit) {
		m.mu.Unlock()
		return false
	}
	m.items = append(m.items, item)
	first := len(m.items) == 1
	m.mu.Unlock()
	if first {
		select {
		case m.signal <- struct{}{}:
		default:
		}
	}
	return true
}

// take returns all items. They are the receiver's until the next take.
func (m *mailbox[T]) take() []T {
	m.mu.Lock()
	defer m.mu.Unlock()
	items := m.items
	clear(m.spare)
	m.items, m.spare = m.spare[:0], items
	return items
}

// close refuses further items and returns those that nobody took.
func (m *mailbox[T]) close() []T {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	items := m.items
	m.items = nil
	return items
}

// notice wakes all who wait for a change.
type notice struct {
	mu      sync.Mutex
	changed chan struct{} // nil: nobody waits
}

// wait returns a channel that the next tell closes.
func (n *notice) wait() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.changed == nil {
		n.changed = make(chan struct{})
	}
	return n.changed
}

func (n *notice) tell() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.changed != nil {
		close(n.changed)
		n.changed = nil
	}
}
