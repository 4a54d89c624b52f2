//evenkeel:pure

package realtime

import (
	"slices"

	"github.com/evenkeel/evenkeel"
)

// lookup is a history command: first the channel's ends are read, then the
// part between them.
type lookup struct {
	id    uint32
	tag   uint64
	ask   HistoryCommand
	count uint64 // publications wanted
	ends  bool   // the ends are known
	last  uint64 // the newest offset wanted
}

func (s *Session) historyCommand(id uint32, c *HistoryCommand) {
	switch {
	case c.Channel == "" || len(c.Channel) > s.set.MaxChannelLen:
		s.refuse(id, badRequest("the channel's name is missing or too long"))
		return
	case !s.mayLookUp(id, c.Channel):
		return
	case len(s.lookups) >= s.set.MaxCalls:
		s.refuse(id, ErrorOf(evenkeel.Errorf(evenkeel.CodeTooManyRequests, "%d commands are not answered yet", len(s.lookups))))
		return
	}
	l := &lookup{id: id, ask: *c, count: uint64(s.set.MaxRecovered)}
	if c.Limit >= 0 {
		l.count = min(l.count, uint64(c.Limit))
	}
	s.lookups = append(s.lookups, l)
	s.look(l, evenkeel.Position{}, 0)
}

// mayLookUp refuses the history of a channel of a namespace to those who may not
// read it. Of the desk's channels the replica knows.
func (s *Session) mayLookUp(id uint32, channel string) bool {
	sub := s.begun(channel)
	switch {
	case !s.named(channel):
		return true
	case sub == nil:
		s.refuse(id, notSubscribed())
	case !sub.terms.History:
		s.refuse(id, &Error{Code: errorNotAvailable, Message: "the channel shows no history"})
	default:
		return true
	}
	return false
}

func (s *Session) look(l *lookup, since evenkeel.Position, limit uint64) {
	s.lastRead++
	l.tag = s.lastRead
	s.effect(Read{Tag: l.tag, Request: ReadRequest{
		By: s.client.Principal, Channel: l.ask.Channel, Since: since, Limit: int(limit), Bytes: s.set.MaxReplyBytes,
		Kept: s.named(l.ask.Channel),
	}})
}

func (s *Session) lookedUp(in *ReadDone) {
	i := slices.IndexFunc(s.lookups, func(l *lookup) bool { return l.tag == in.Tag })
	if i < 0 {
		return // of a subscription that has ended
	}
	l := s.lookups[i]
	unreachable := in.Err != nil && in.Err.Code == evenkeel.CodeUnrecoverablePosition
	switch {
	case in.Err != nil && !unreachable:
		s.refuse(l.id, channelError(in.Err))
	case !l.ends:
		if s.lookBetween(l, in) {
			return
		}
	case unreachable:
		s.refuse(l.id, ErrorOf(in.Err))
	case l.ask.Reverse && len(in.Items) > 0 && in.Items[len(in.Items)-1].Offset < l.last:
		l.count = max(uint64(len(in.Items))/2, 1) // the newest of them did not fit
		s.look(l, evenkeel.Position{Epoch: in.Top.Epoch, Offset: l.last - l.count}, l.count)
		return
	default:
		s.reply(&Reply{ID: l.id, History: &HistoryResult{Top: in.Top, Publications: s.fitting(l, in.Items)}})
	}
	s.lookups = slices.Delete(s.lookups, i, i+1)
}

// lookBetween reads the part of a channel that is asked for, now that its ends
// are known. It returns false if the command is answered without.
func (s *Session) lookBetween(l *lookup, in *ReadDone) bool {
	l.ends = true
	since := l.ask.Since
	if since != nil && since.Epoch != "" && since.Epoch != in.Top.Epoch {
		s.refuse(l.id, &Error{Code: errorUnrecoverable, Message: "the position is of another history"})
		return false
	}
	before := in.First - 1 // the offset behind which the part begins
	l.last = in.Top.Offset
	switch {
	case !l.ask.Reverse:
		if since != nil {
			before = since.Offset
		}
	case since != nil && since.Offset <= l.last:
		l.last = max(since.Offset, 1) - 1
	}
	if l.ask.Reverse {
		before = max(before, l.last-min(l.last, l.count))
	}
	if l.count == 0 || before >= l.last {
		s.reply(&Reply{ID: l.id, History: &HistoryResult{Top: in.Top}})
		return false
	}
	l.count = min(l.count, l.last-before)
	s.look(l, evenkeel.Position{Epoch: in.Top.Epoch, Offset: before}, l.count)
	return true
}

// fitting returns what a reply can hold of the items, in the order asked for.
func (s *Session) fitting(l *lookup, items []Item) []Item {
	if l.ask.Reverse {
		slices.Reverse(items)
	}
	bytes := 0
	for i := range items {
		if bytes += len(items[i].Data); bytes > s.set.MaxReplyBytes && i > 0 {
			return items[:i]
		}
	}
	return items
}
