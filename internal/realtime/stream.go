//evenkeel:pure

package realtime

import (
	"time"

	"github.com/evenkeel/evenkeel"
)

// deliver takes a publication that was routed here.
func (s *Session) deliver(d *Delivery, now time.Duration) {
	sub := s.find(d.channel)
	switch {
	case sub == nil: // unsubscribed while it was on its way
	case d.arrival():
		if sub.joins && sub.reading == nil {
			s.publishEphemeral(d.frame(s.enc))
		}
	case sub.loose() && sub.reading == nil:
		s.pass(sub, d)
	case sub.loose():
		s.wait(sub, d)
	case d.position == (evenkeel.Position{}):
		if sub.reading == nil {
			s.publishEphemeral(d.frame(s.enc))
		}
	case sub.reading != nil:
		s.wait(sub, d)
	default:
		s.next(sub, d, now)
	}
}

// pass sends a publication of a channel of which none has to arrive, but for
// those that the client has been sent already.
func (s *Session) pass(sub *subscription, d *Delivery) {
	if d.position.Epoch != "" {
		if d.position.Epoch == sub.pos.Epoch && d.position.Offset <= sub.pos.Offset {
			return
		}
		sub.pos = d.position
	}
	s.publishEphemeral(d.frame(s.enc))
}

// wait keeps a publication until the history has been read.
func (s *Session) wait(sub *subscription, d *Delivery) {
	r := sub.reading
	switch {
	case r.missed: // the history has it
	case len(r.waiting) >= s.set.MaxBehind:
		r.waiting, r.missed = nil, true
	default:
		r.waiting = append(r.waiting, d)
	}
	if r.retryAt > 0 {
		s.read(sub) // the replica has moved
	}
}

// next sends a publication on a live subscription if it is the next one. If
// one is missing before it, or it is of another stream, the history tells what
// to do. It returns false if the subscription is not live any more.
func (s *Session) next(sub *subscription, d *Delivery, now time.Duration) bool {
	epoch := sub.pos.Epoch
	if epoch == "" {
		epoch = d.position.Epoch
	}
	switch {
	case d.position.Epoch != epoch || d.position.Offset > sub.pos.Offset+1:
		sub.reading = &reading{waiting: []*Delivery{d}, until: now + s.set.CatchUp}
		s.read(sub)
		return false
	case d.position.Offset <= sub.pos.Offset: // it was in the history already
		return true
	}
	if sub.named {
		s.publish(d.frame(s.enc))
	} else {
		s.publishFirst(sub, d.position.Epoch, &Item{Offset: d.position.Offset, Data: d.data, Info: d.info})
	}
	sub.pos = d.position
	return s.state != stateClosed
}

// publishFirst sends the first publication of a channel that did not exist
// when the client subscribed. Only now is there an epoch to tell it, without
// which it could not resume. Clients take it from the publication itself; for
// what the server subscribed all of them understand a second start of the
// subscription.
func (s *Session) publishFirst(sub *subscription, epoch string, item *Item) {
	sub.named = true
	first := Item{Offset: item.Offset, Data: item.Data, Info: item.Info, Epoch: epoch}
	if sub.server {
		start := &evenkeel.Position{Epoch: epoch}
		s.out.push(s.enc.AppendPush(nil, &Push{Channel: sub.channel, Subscribe: start}), false)
		first.Epoch = ""
	}
	s.publish(s.enc.AppendPush(nil, &Push{Channel: sub.channel, Publication: &first}))
}

// live ends a subscription's reading: what came meanwhile is sent, as far as
// the history did not have it. Of another epoch it is older than the history:
// a channel is not made anew without an event that says so, and after that the
// history is read again.
func (s *Session) live(sub *subscription, now time.Duration) {
	r := sub.reading
	sub.reading = nil
	if r.begin {
		s.arrive(sub, r)
	}
	if sub.loose() {
		for _, d := range r.waiting {
			s.pass(sub, d)
		}
		return
	}
	for i, d := range r.waiting {
		if sub.pos.Epoch != "" && d.position.Epoch != sub.pos.Epoch {
			continue
		}
		if s.next(sub, d, now) {
			continue
		}
		if sub.reading != nil {
			sub.reading.waiting = append(sub.reading.waiting, r.waiting[i+1:]...)
		}
		return // the new reading, if there is one, has what was missed as well
	}
	if r.missed {
		sub.reading = &reading{until: now + s.set.CatchUp}
		s.read(sub)
	}
}

// arrive sends what came last before a subscription began, and tells the others
// that the client is there.
func (s *Session) arrive(sub *subscription, r *reading) {
	if r.last != nil {
		s.publish(s.enc.AppendPush(nil, &Push{Channel: sub.channel, Publication: r.last}))
	}
	if sub.terms.Shown && s.state != stateClosed {
		sub.shown = s.info(sub)
		s.effect(Enter{Channel: sub.channel, Who: sub.shown, Tell: sub.tells()})
	}
}

// tells tells whether anybody may want to know that the client comes or goes: in a
// large room of which nobody may, nobody is troubled.
func (sub *subscription) tells() bool { return sub.terms.Joins || !sub.terms.Kept }

// doubt stops a channel until the replica has said whether the client may
// still read it and where it stands. The event that raised the doubt may be
// older than what the replica says.
func (s *Session) doubt(channel string, now time.Duration) {
	sub := s.find(channel)
	switch {
	case sub == nil:
	case sub.reading == nil:
		sub.reading = &reading{until: now + s.set.CatchUp}
		s.read(sub)
	case sub.reading.tag == 0:
		s.read(sub)
	default:
		sub.reading.again = true
	}
}

// dropped is doubt about a channel that is gone. What was published on it
// before is of no use to anybody.
func (s *Session) dropped(channel string, now time.Duration) {
	sub := s.find(channel)
	if sub != nil && sub.terms.Kept {
		if sub.reading == nil {
			sub.reading = &reading{}
		}
		s.denied(sub, evenkeel.Errorf(evenkeel.CodeNotFound, "the namespace is gone"), now)
		return
	}
	if sub != nil && sub.reading != nil {
		sub.reading.waiting = nil
	}
	s.doubt(channel, now)
}

// healed goes on with a live subscription after its history was read from the
// last publication that was sent.
func (s *Session) healed(sub *subscription, in *ReadDone, now time.Duration) {
	if in.Err != nil || sub.pos.Epoch != "" && in.Top.Epoch != sub.pos.Epoch {
		s.insufficient(sub)
		return
	}
	for i := range in.Items {
		item := &in.Items[i]
		if item.Offset != sub.pos.Offset+1 {
			s.insufficient(sub)
			return
		}
		if sub.named {
			s.publish(s.enc.AppendPush(nil, &Push{Channel: sub.channel, Publication: item}))
		} else {
			s.publishFirst(sub, in.Top.Epoch, item)
		}
		if s.state == stateClosed {
			return
		}
		sub.pos = evenkeel.Position{Epoch: in.Top.Epoch, Offset: item.Offset}
	}
	r := sub.reading
	switch {
	case r.missed, sub.pos.Offset < in.Top.Offset && len(in.Items) > 0: // more than one reading holds
		r.until = now + s.set.CatchUp
		s.read(sub)
	case s.reached(sub):
		s.live(sub, now)
	case now < r.until:
		r.retryAt = min(now+retryPause, r.until)
	default:
		s.insufficient(sub)
	}
}

// reached tells whether the oldest delivery that waits is the next one, or no
// news.
func (s *Session) reached(sub *subscription) bool {
	r := sub.reading
	if len(r.waiting) == 0 {
		return true
	}
	d := r.waiting[0]
	if sub.pos.Epoch != "" && d.position.Epoch != sub.pos.Epoch {
		return true
	}
	return d.position.Offset <= sub.pos.Offset+1
}
