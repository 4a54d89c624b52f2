//evenkeel:pure

package realtime

import (
	"container/list"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel"
)

// Keep says what is kept of a channel. Size 0: nothing is.
type Keep struct {
	Size  int           `cbor:"1,keyasint,omitempty"` // publications
	Bytes int           `cbor:"2,keyasint,omitempty"` // of their data
	Age   time.Duration `cbor:"3,keyasint,omitempty"`
}

// shelf holds what the node keeps of the channels of namespaces, within a budget:
// when it is used up the channel that was published on longest ago is forgotten
// as a whole. One that is published on again begins anew, with another epoch, so
// that nobody takes what is gone for what he has seen.
type shelf struct {
	budget int
	bytes  int
	rings  map[string]*ring
	order  list.List // of all rings, the one published on last in front
}

// ring is what is kept of one channel.
type ring struct {
	channel string
	epoch   string
	next    uint64 // offset of the next publication
	items   []kept
	bytes   int // of their data
	age     time.Duration
	place   *list.Element // in shelf.order
}

type kept struct {
	Item
	at time.Duration
}

// ringBytes is what a ring costs, and an item beside its data.
const ringBytes = 256

// put keeps a publication and gives it its position. A channel of which nothing
// was kept begins with the epoch.
func (s *shelf) put(channel string, item Item, keep Keep, epoch string, now time.Duration) evenkeel.Position {
	if s.rings == nil {
		s.rings = map[string]*ring{}
	}
	r := s.rings[channel]
	if r == nil {
		r = &ring{channel: channel, epoch: epoch, next: 1}
		s.rings[channel] = r
		r.place = s.order.PushFront(r)
		s.bytes += ringBytes + len(channel)
	}
	s.order.MoveToFront(r.place)
	item.Offset = r.next
	r.next++
	r.age = keep.Age
	r.items = append(r.items, kept{item, now})
	r.bytes += len(item.Data)
	s.bytes += len(item.Data) + ringBytes
	for len(r.items) > keep.Size || r.bytes > keep.Bytes && len(r.items) > 0 {
		s.shift(r)
	}
	s.age(r, now)
	for s.bytes > s.budget && s.order.Len() > 1 {
		s.forget(s.order.Back().Value.(*ring))
	}
	return evenkeel.Position{Epoch: r.epoch, Offset: item.Offset}
}

// shift drops the oldest item of a ring.
func (s *shelf) shift(r *ring) {
	n := len(r.items[0].Data)
	r.items[0] = kept{}
	r.items = r.items[1:]
	r.bytes -= n
	s.bytes -= n + ringBytes
}

// age drops what is too old.
func (s *shelf) age(r *ring, now time.Duration) {
	for len(r.items) > 0 && now-r.items[0].at > r.age {
		s.shift(r)
	}
}

// forget drops a channel.
func (s *shelf) forget(r *ring) {
	for len(r.items) > 0 {
		s.shift(r)
	}
	s.order.Remove(r.place)
	delete(s.rings, r.channel)
	s.bytes -= ringBytes + len(r.channel)
}

// forgetAll drops all channels whose names begin so.
func (s *shelf) forgetAll(prefix string) {
	for at := s.order.Back(); at != nil; {
		r, newer := at.Value.(*ring), at.Prev()
		if strings.HasPrefix(r.channel, prefix) {
			s.forget(r)
		}
		at = newer
	}
}

// read answers a Read from what is kept.
func (s *shelf) read(q Read, now time.Duration) *ReadDone {
	done := &ReadDone{Tag: q.Tag, First: 1}
	want := &q.Request
	gone := evenkeel.Errorf(evenkeel.CodeUnrecoverablePosition, "the history at this position is not kept any more")
	r := s.rings[want.Channel]
	if r == nil {
		if want.Since != (evenkeel.Position{}) {
			done.Err = gone
		}
		return done
	}
	s.age(r, now)
	first := r.next - uint64(len(r.items))
	done.Top, done.First = evenkeel.Position{Epoch: r.epoch, Offset: r.next - 1}, first
	since := want.Since
	if want.Last && len(r.items) > 0 {
		last := r.items[len(r.items)-1].Item // the ring's own place is used again
		done.Last = &last
	}
	switch {
	case since.Epoch != "" && since.Epoch != r.epoch, since.Offset+1 < first && want.Limit > 0:
		done.Err = gone
		return done
	case since.Offset >= done.Top.Offset:
		return done
	}
	bytes := 0
	for _, item := range r.items[max(since.Offset+1, first)-first:] {
		if len(done.Items) >= want.Limit || bytes >= want.Bytes {
			break
		}
		bytes += len(item.Data)
		done.Items = append(done.Items, item.Item)
	}
	return done
}
