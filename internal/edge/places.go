//evenkeel:pure

package edge

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/levels"
)

const (
	placesShown = 100             // exact up to here, then "more than"
	placeEvery  = 2 * time.Second // a customer is told at most so often
	placeSettle = 500 * time.Millisecond
)

// lineName names a queue.
type lineName struct{ workspace, queue string }

// place is a waiting chat of a customer who is connected here.
type place struct {
	chat    string
	channel string // the customer's own
	line    lineName

	told     int // the position that he was told; 0: none yet
	more     bool
	notUntil time.Duration
}

// places remembers what customers were told of their positions, and decides who
// is to be told again. It is bounded by the chats of those who are connected.
type places struct {
	byChat     map[string]*place
	lines      map[lineName]map[string]*place // by chat
	ofCustomer map[string]map[string]*place   // by his channel and by chat
}

func newPlaces() places {
	return places{
		byChat: map[string]*place{}, lines: map[lineName]map[string]*place{}, ofCustomer: map[string]map[string]*place{},
	}
}

// see takes note of how a chat of a connected customer stands. One that waits is
// told its place, after a moment in which a client that has just come can get
// ready to hear it.
func (p *places) see(channel string, c *evenkeel.Chat, now time.Duration) {
	line := lineName{c.Workspace, c.Queue}
	if old := p.byChat[c.ID]; old != nil {
		if c.State == evenkeel.ChatQueued && old.line == line {
			return
		}
		p.drop(old)
	}
	if c.State != evenkeel.ChatQueued {
		return
	}
	x := &place{chat: c.ID, channel: channel, line: line, notUntil: now + placeSettle}
	p.byChat[c.ID] = x
	file(p.lines, line, x)
	file(p.ofCustomer, channel, x)
}

func file[K comparable](index map[K]map[string]*place, k K, x *place) {
	if index[k] == nil {
		index[k] = map[string]*place{}
	}
	index[k][x.chat] = x
}

func unfile[K comparable](index map[K]map[string]*place, k K, x *place) {
	delete(index[k], x.chat)
	if len(index[k]) == 0 {
		delete(index, k)
	}
}

// again has a customer told once more, for another client of his has come.
func (p *places) again(c *evenkeel.Chat, now time.Duration) {
	if x := p.byChat[c.ID]; x != nil {
		x.told, x.notUntil = 0, now+placeSettle
	}
}

// gone forgets the chats of a customer who is not connected here any more.
func (p *places) gone(channel string) {
	for _, x := range p.ofCustomer[channel] { //order: each is dropped for itself
		p.drop(x)
	}
}

func (p *places) drop(x *place) {
	delete(p.byChat, x.chat)
	unfile(p.lines, x.line, x)
	unfile(p.ofCustomer, x.channel, x)
}

// wanted lists the queues whose heads are to be read.
func (p *places) wanted() []lineName {
	return slices.SortedFunc(maps.Keys(p.lines), func(a, b lineName) int {
		return cmp.Or(cmp.Compare(a.workspace, b.workspace), cmp.Compare(a.queue, b.queue))
	})
}

// moved returns who is to be told of a new position in a queue, now that its
// head is this.
func (p *places) moved(name lineName, head *evenkeel.LineHead, now time.Duration) []notice {
	at := make(map[string]int, len(head.Chats))
	for i, chat := range head.Chats {
		at[chat] = i + 1
	}
	var out []notice
	for _, x := range p.lines[name] { //order: each goes to a customer of its own
		position, more := at[x.chat], false
		if position == 0 {
			if head.Waiting <= int64(len(head.Chats)) {
				continue // an event that it does not wait any more is on its way
			}
			position, more = placesShown, true
		}
		if position == x.told && more == x.more || now < x.notUntil {
			continue
		}
		x.told, x.more, x.notUntil = position, more, now+placeEvery
		out = append(out, notice{x.channel, appendPosition(nil, x, head)})
	}
	return out
}

// appendPosition writes what a customer is told. How long it will take is told
// only where it is known, and not of a place that is not.
func appendPosition(dst []byte, x *place, head *evenkeel.LineHead) []byte {
	dst = append(dst, `{"type":"position","chat":`...)
	dst = evenkeel.AppendJSONString(dst, x.chat)
	dst = append(dst, `,"position":`...)
	dst = strconv.AppendInt(dst, int64(x.told), 10)
	if x.more {
		return append(dst, `,"more":true}`...)
	}
	if wait, ok := levels.EstimatedWait(head, x.told); ok {
		dst = append(dst, `,"estimated_wait":`...)
		dst = strconv.AppendInt(dst, int64(wait/evenkeel.Second), 10)
	}
	return append(dst, '}')
}
