package bus

import (
	"sync/atomic"
	"time"
)

// State is how a bus stands.
type State struct {
	Open      bool      // there are other nodes
	Connected bool      // to a server of the outside NATS, or the own one has a route to another
	Since     time.Time // when Connected became what it is

	In, Out uint64 // messages handled and sent
	Dropped Dropped
}

// Dropped counts messages that were dropped, by why.
type Dropped struct {
	// Of those to be sent:
	Full  uint64 // too many waited
	Down  uint64 // there was no connection
	Large uint64 // longer than MaxMessage
	// Of those that came:
	Slow     uint64 // their handler was too slow
	Forged   uint64 // not sealed by whom they say, for this subject and generation
	Replayed uint64 // there before, or overtaken
	Unknown  uint64 // of a node that is not known, or not yet
}

type counts struct {
	in, out, full, down, large, slow, forged, replayed, unknown atomic.Uint64
}

// State returns how the bus stands.
func (b *Bus) State() State {
	b.mu.Lock()
	s := b.state
	for _, t := range b.topics {
		s.Dropped.Slow += t.lost()
	}
	b.mu.Unlock()
	c := &b.counts
	s.Open, s.In, s.Out = b.among.Load(), c.in.Load(), c.out.Load()
	s.Dropped.Slow += c.slow.Load()
	s.Dropped.Full, s.Dropped.Down, s.Dropped.Large = c.full.Load(), c.down.Load(), c.large.Load()
	s.Dropped.Forged, s.Dropped.Replayed, s.Dropped.Unknown = c.forged.Load(), c.replayed.Load(), c.unknown.Load()
	return s
}

// Heard returns when the last message of a node came; zero: none yet. Each node that
// is open sends one every two seconds at least.
func (b *Bus) Heard(node uint64) time.Time {
	if p := b.peer(node); p != nil {
		if at := p.heard.Load(); at != 0 {
			return time.Unix(0, at)
		}
	}
	return time.Time{}
}

// Self returns what the other nodes are to be told.
func (b *Bus) Self() Self {
	b.mu.Lock()
	defer b.mu.Unlock()
	return Self{Address: b.address, Boot: b.own.boot, Sent: b.sent.Load()}
}
