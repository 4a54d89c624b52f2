//evenkeel:shell

package realtime

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// Others are the servers of the other nodes of the cell.
type Others interface {
	// Tell sends a message to the Heard of all others. It does not block. A message
	// arrives once or not at all, and those of one server in their order.
	Tell(message []byte)

	// Ask puts a question to the Asked of all others, and hands the answers that came
	// in time to done: once, on any goroutine, possibly before Ask returns.
	Ask(question []byte, done func(answers [][]byte))
}

// What servers tell each other. The numbers go over the wire: never change or
// reuse one.
const (
	toldEphemeral = 1 // Data on a channel
	toldLive      = 2 // Data that is to be kept as Keep says, and who published it
	toldJoined    = 3 // Who came to a channel
	toldLeft      = 4 // Who went
)

type told struct {
	What    int         `cbor:"1,keyasint"`
	Channel string      `cbor:"2,keyasint"`
	Data    []byte      `cbor:"3,keyasint,omitempty"`
	Who     *ClientInfo `cbor:"4,keyasint,omitempty"`
	Keep    Keep        `cbor:"5,keyasint,omitzero"`
}

// headcount asks who is on a channel, or only how many.
type headcount struct {
	Channel string `cbor:"1,keyasint"`
	Stats   bool   `cbor:"2,keyasint,omitempty"`
}

func (s *Server) tell(t *told) {
	if s.cfg.Others != nil {
		s.cfg.Others.Tell(encode(t))
	}
}

func encode(message any) []byte {
	b, err := cbor.Marshal(message)
	if err != nil {
		panic(fmt.Sprintf("encode %T: %v", message, err)) // plain data
	}
	return b
}

// Heard takes what the server of another node tells. What a later version tells
// beside this is passed over.
func (s *Server) Heard(message []byte) error {
	var t told
	if err := cbor.Unmarshal(message, &t); err != nil {
		return fmt.Errorf("read what another node tells: %w", err)
	}
	switch {
	case t.What == toldEphemeral:
		s.Ephemeral(t.Channel, t.Data)
	case t.What == toldLive:
		s.live(t.Channel, t.Data, t.Who, t.Keep, nil)
	case t.What == toldJoined && t.Who != nil:
		s.arrival(t.Channel, t.Who, false)
	case t.What == toldLeft && t.Who != nil:
		s.arrival(t.Channel, t.Who, true)
	}
	return nil
}

// Asked answers a question of the server of another node.
func (s *Server) Asked(question []byte) (answer []byte, err error) {
	var q headcount
	if err := cbor.Unmarshal(question, &q); err != nil {
		return nil, fmt.Errorf("read what another node asks: %w", err)
	}
	shard := s.shard(q.Channel)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	return encode(shard.crowd.part(q.Channel, q.Stats)), nil
}

// Spread is Ephemeral on all nodes.
func (s *Server) Spread(channel string, data []byte) {
	s.Ephemeral(channel, data)
	s.tell(&told{What: toldEphemeral, Channel: channel, Data: data})
}

// count finds out who is on a channel, here and elsewhere.
func (s *Server) count(q Count, done func(*Counted)) {
	if s.cfg.Others == nil {
		done(s.counted(q, nil))
		return
	}
	s.cfg.Others.Ask(encode(headcount{Channel: q.Channel, Stats: q.Stats}), func(answers [][]byte) {
		parts := make([]part, 0, len(answers)+1)
		for _, answer := range answers {
			var p part
			if cbor.Unmarshal(answer, &p) == nil { // else of a version that is not understood
				parts = append(parts, p)
			}
		}
		done(s.counted(q, parts))
	})
}

// counted adds what other nodes have said to what this one knows.
func (s *Server) counted(q Count, others []part) *Counted {
	shard := s.shard(q.Channel)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if len(others) == 0 {
		return shard.crowd.Count(q)
	}
	return merge(q, append([]part{shard.crowd.part(q.Channel, q.Stats)}, others...))
}
