//evenkeel:shell

package replica

import (
	"time"
)

// inboxLimit bounds what waits for the core's goroutine; the core bounds its
// lanes by itself.
const inboxLimit = 1 << 16

// input is a proposal or something else that the core must hear of.
type input struct {
	proposal *Proposal
	event    func(c *Core, now time.Duration) error
}

func (r *Replica) now() time.Duration { return time.Since(r.birth) }

// tell hands an event to the core. Events are bounded by what the core has handed
// out: each answers an Append, an Apply or a snapshot order.
func (r *Replica) tell(event func(c *Core, now time.Duration) error) {
	r.inbox.put(input{event: event})
}

// runCore is the goroutine of the core: all inputs, then time once, then the
// outputs. It sleeps until the core wants to be woken.
func (r *Replica) runCore() {
	defer r.logic.Done()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if err := r.turn(); err != nil {
			r.fail(err)
			return
		}
		var wake <-chan time.Time
		if at, ok := r.core.Wake(); ok {
			timer.Reset(max(0, at-r.now()))
			wake = timer.C
		}
		select {
		case <-r.stop:
			return
		case <-r.inbox.signal:
		case <-wake:
		}
	}
}

// turn takes all inputs and acts on all outputs.
func (r *Replica) turn() error {
	now := r.now()
	for _, in := range r.inbox.take() {
		if in.event != nil {
			if err := in.event(r.core, now); err != nil {
				return err
			}
		} else if refusal := r.core.Propose(now, in.proposal); refusal != nil {
			in.proposal.Done(nil, refusal)
		}
	}
	r.core.Advance(now)
	for ready, ok := r.core.Ready(); ok; ready, ok = r.core.Ready() {
		r.act(ready)
	}
	r.publish()
	return r.core.Err()
}

// act hands on what the core wants done. The appends outstanding are bounded by
// the core (one with entries at a time), the applies by maxApplyingBytes.
func (r *Replica) act(ready Ready) {
	for _, a := range ready.Appends {
		r.writes.put(diskTask{append: a})
	}
	for _, a := range ready.Applies {
		r.applies.put(applyTask{apply: a})
	}
	for _, answer := range ready.Answers {
		answer.Proposal.Done(nil, answer.Err)
	}
	for _, read := range ready.Reads {
		r.reads.answer(read)
	}
	r.post(ready.Messages)
	r.say(ready.Words)
}

// publish lets others see the core's state.
func (r *Replica) publish() {
	status := r.core.Status()
	r.statusMu.Lock()
	changed := status.Serving != r.status.Serving || status.JournalFull != r.status.JournalFull || status.Stalled != r.status.Stalled ||
		status.Leader != r.status.Leader || status.Members != r.status.Members
	leads := status.Leader != r.status.Leader
	settled := r.status.Doubting && !status.Doubting && r.core.Err() == nil
	r.status, r.statusAt = status, r.now()
	r.statusMu.Unlock()
	if settled {
		r.log.Info("the write that was in doubt is settled: the log has it, or nobody had")
	}
	if leads && r.cfg.OnLeader != nil {
		r.cfg.OnLeader(status.Leader)
	}
	if changed {
		r.news.tell()
	}
}
