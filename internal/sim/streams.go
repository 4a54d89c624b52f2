package sim

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
)

// streams has every publication of every channel, as the desk published it.
type streams struct {
	w        *World
	channels map[string]*stream
}

// stream is a channel from its creation to its end.
type stream struct {
	epoch string
	gone  bool
	mayGo uint64          // history up to here need not be kept: it was of chats that have left
	sums  []uint64        // of the publications as clients see them, by offset
	times []time.Duration // when they were made
}

func newStreams(w *World) *streams { return &streams{w: w, channels: map[string]*stream{}} }

// published takes note of a publication: channels have no holes.
func (s *streams) published(e *evenkeel.Event) {
	st := s.channels[e.Channel]
	if st == nil || st.gone {
		s.w.check(st == nil || st.epoch != e.Position.Epoch, "a channel made anew has a new epoch", "%s at %v", e.Channel, e.Position)
		st = &stream{epoch: e.Position.Epoch}
		s.channels[e.Channel] = st
	}
	s.w.check(e.Position.Epoch == st.epoch && e.Position.Offset == uint64(len(st.sums))+1, "a channel is numbered without holes",
		"%s has %d publications at %s and gets %v", e.Channel, len(st.sums), st.epoch, e.Position)
	data, err := e.Pub.AppendJSON(nil)
	s.w.check(err == nil, "a publication can be shown", "%v", err)
	st.sums, st.times = append(st.sums, xxhash.Sum64(data)), append(st.times, s.w.now)
}

func (s *streams) dropped(channel string) {
	if st := s.channels[channel]; st != nil {
		st.gone = true
	}
}

// spent says that a customer has no chat in the desk: once he is away, nothing of
// the past is kept for him.
func (s *streams) spent(channel string) {
	if st := s.channels[channel]; st != nil {
		st.mayGo = uint64(len(st.sums))
	}
}

// received compares what a client got with what was published.
func (s *streams) received(c *client, sub *follow, data []byte) {
	st := s.channels[sub.channel]
	s.w.check(st != nil, "a client gets what was published", "%s got something on %s", c.name, sub.channel)
	if st.epoch != sub.pos.Epoch {
		return // it was made anew while this was on its way
	}
	s.w.check(sub.pos.Offset <= uint64(len(st.sums)) && xxhash.Sum64(data) == st.sums[sub.pos.Offset-1], "a client gets what was published",
		"%s got at %v of %s: %s", c.name, sub.pos, sub.channel, data)
	if !c.staff {
		s.w.check(!bytes.Contains(data, []byte(noteMark)), "notes never reach the customer", "%s got %s", c.name, data)
	}
}

// unrecovered checks that a client is told that history is gone only where that is
// so.
func (s *streams) unrecovered(c *client, sub *follow) {
	st := s.channels[sub.channel]
	if st == nil || st.gone || sub.pos.Epoch != "" && st.epoch != sub.pos.Epoch || sub.pos.Offset < st.mayGo {
		return
	}
	if s.w.several() && s.w.now-s.w.troubled < tellWithin {
		return // his node was behind where he is for longer than he is kept waiting
	}
	_, kind, _, _ := evenkeel.ParseChannel(sub.channel)
	missed := len(st.sums) - int(sub.pos.Offset)
	kept := 64
	switch kind {
	case evenkeel.ChannelAgent:
		kept = 256
	case evenkeel.ChannelChat, evenkeel.ChannelStaff:
		kept = 1 << 30
	}
	s.w.check(missed > min(kept, s.w.shape.Recovered), "what is kept is recovered", "%s missed %d publications of %s and got none", c.name, missed, sub.channel)
}

// compare checks the history that a desk has against what was published.
func (s *streams) compare(d *desk.Desk) {
	for _, name := range slices.Sorted(maps.Keys(s.channels)) {
		st := s.channels[name]
		top := d.Position(name)
		if st.gone {
			s.w.check(top.Epoch != st.epoch, "a dropped channel is gone", "%s", name)
			continue
		}
		s.w.check(top.Epoch == st.epoch && top.Offset == uint64(len(st.sums)), "history is state", "%s is at %v, and %d publications were made at %s", name, top, len(st.sums), st.epoch)
		since := evenkeel.Position{Epoch: st.epoch}
		items, _, err := d.History(name, since, 1<<20, 1<<30)
		if err != nil { // the beginning is gone: the newest must be there
			since.Offset = max(uint64(max(0, len(st.sums)-64)), st.mayGo)
			items, _, err = d.History(name, since, 1<<20, 1<<30)
		}
		s.w.check(err == nil && len(items) == len(st.sums)-int(since.Offset), "history is state", "%s has %d publications behind %d, of %d (%v)", name, len(items), since.Offset, len(st.sums), err)
		for i, item := range items {
			data, err := item.Pub.AppendJSON(nil)
			s.w.check(err == nil && item.Offset == since.Offset+uint64(i)+1 && xxhash.Sum64(data) == st.sums[item.Offset-1], "history is state", "%s at %d", name, item.Offset)
		}
	}
}

// old counts the publications that were made before a time.
func (st *stream) old(before time.Duration) uint64 {
	n, _ := slices.BinarySearch(st.times, before)
	return uint64(n)
}
