package desk

import "github.com/evenkeel/evenkeel"

// A queue's hours: the desk has no calendar and keeps what it is told. Until it
// has been told anything a queue is open.

// queueHours takes how a queue stands by its hours. What was found out from
// settings that have changed since is refused.
func (d *Desk) queueHours(c *call, b *evenkeel.QueueHours) (evenkeel.Result, *evenkeel.Error) {
	q := d.queues.get(key{c.actor.ws, b.Queue})
	if q == nil {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no queue %q", b.Queue)
	}
	if q.Config.Hours == nil || q.Version+1 != b.Version {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeVersionConflict, "the settings of the queue %q have changed since", b.Queue)
	}
	d.queues.touch(q)
	q.Shut, q.ShutUntil, q.HoursKnown = !b.Open, b.Until, b.Version
	return evenkeel.Result{}, nil
}

// closed tells whether a queue takes no new chats.
func (r *queueRow) closed() bool { return r.Config.Closed || r.Shut }

// errQueueClosed says when to come again, if that is known.
func (d *Desk) errQueueClosed(q *queueRow) *evenkeel.Error {
	e := evenkeel.Errorf(evenkeel.CodeQueueClosed, "the queue %q is closed", q.Config.ID)
	if !q.Config.Closed {
		e.RetryAfter = max(evenkeel.Second, evenkeel.Duration(q.ShutUntil-d.Wall()))
	}
	return e
}

// Schedules returns the queues that have hours, in no particular order.
func (d *Desk) Schedules() []evenkeel.QueueSchedule {
	var list []evenkeel.QueueSchedule
	for _, q := range d.queues.list { // for a node's eyes: any order will do
		if q.Config.Hours != nil {
			list = append(list, evenkeel.QueueSchedule{
				Workspace: q.Workspace, Queue: q.Config.ID, Hours: q.Config.Hours, Version: q.Version + 1,
				Told: q.HoursKnown, Open: !q.Shut, Until: q.ShutUntil,
			})
		}
	}
	return list
}
