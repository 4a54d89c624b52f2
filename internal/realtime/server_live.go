//evenkeel:shell

package realtime

import (
	"strconv"
	"strings"

	"github.com/evenkeel/evenkeel"
)

// Live hands what a client published, or the node, to a channel's subscribers on all
// nodes, each of which keeps it for those who come later. who is nil if it was no
// client.
func (s *Server) Live(channel string, data []byte, who *ClientInfo, keep Keep) {
	s.live(channel, data, who, keep, func() {
		s.tell(&told{What: toldLive, Channel: channel, Data: data, Who: who, Keep: keep})
	})
}

// live does it here. tell, if any, is called in the order in which publications of
// the channel are handed out.
func (s *Server) live(channel string, data []byte, who *ClientInfo, keep Keep, tell func()) {
	data = oneLine(data)
	at := evenkeel.Position{}
	if keep.Size > 0 {
		shard := s.shard(channel)
		shard.live.Lock()
		defer shard.live.Unlock()
		shard.mu.Lock()
		at = shard.shelf.put(channel, Item{Data: data, Info: who}, keep, s.newEpoch(), s.now())
		shard.mu.Unlock()
	}
	s.hand(channel, at, data, who)
	if tell != nil {
		tell()
	}
}

func (s *Server) hand(channel string, at evenkeel.Position, data []byte, who *ClientInfo) {
	s.route(channel, func(used []Encoding) Input {
		d := &Delivery{channel: channel, position: at, data: data, info: who}
		return d.encode(used)
	})
}

func (s *Server) newEpoch() string { return s.epoch + strconv.FormatUint(s.epochs.Add(1), 36) }

// readKept reads what this node keeps of a channel.
func (s *Server) readKept(q Read) *ReadDone {
	shard := s.shard(q.Request.Channel)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	return shard.shelf.read(q, s.now())
}

// enter shows a client on a channel, and tells those who want to know. It is told
// of itself as well, as by other servers of the protocol.
func (s *Server) enter(e Enter) {
	shard := s.shard(e.Channel)
	shard.mu.Lock()
	came := shard.crowd.Enter(e.Channel, e.Who)
	shard.mu.Unlock()
	if came && e.Tell {
		s.arrival(e.Channel, e.Who, false)
		s.tell(&told{What: toldJoined, Channel: e.Channel, Who: e.Who})
	}
}

func (s *Server) exit(e Exit) {
	shard := s.shard(e.Channel)
	shard.mu.Lock()
	left := shard.crowd.Exit(e.Channel, e.Who.Client)
	shard.mu.Unlock()
	if left && e.Tell {
		s.arrival(e.Channel, e.Who, true)
		s.tell(&told{What: toldLeft, Channel: e.Channel, Who: e.Who})
	}
}

// arrival tells the clients here who came to a channel, or went.
func (s *Server) arrival(channel string, who *ClientInfo, gone bool) {
	s.route(channel, func(used []Encoding) Input { return newArrival(channel, who, gone, used) })
}

// dropNamespace ends all subscriptions to channels that begin so, and forgets
// what was kept of them.
func (s *Server) dropNamespace(prefix string) {
	for i := range s.shards {
		shard := &s.shards[i]
		shard.mu.Lock()
		shard.shelf.forgetAll(prefix)
		var channels []string
		for key := range shard.hub.keys {
			if strings.HasPrefix(key, prefix) {
				channels = append(channels, key)
			}
		}
		shard.mu.Unlock()
		for _, channel := range channels {
			s.route(channel, func([]Encoding) Input { return Dropped{Channel: channel} })
		}
	}
}
