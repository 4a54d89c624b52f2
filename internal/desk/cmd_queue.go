package desk

import (
	"unicode/utf8"

	"github.com/evenkeel/evenkeel"
)

// The bounds of a queue's and an agent's numbers.
const (
	maxWeight   = 100
	maxCapacity = 1000
	maxLength   = 100000
	maxSkills   = 50
	maxLevel    = 100
	maxDuration = 366 * 24 * evenkeel.Hour

	minRetention = 24 * evenkeel.Hour
	maxRetention = 100 * maxDuration
)

// queuePut makes or replaces a queue. Routing heeds it at once; deadlines that
// run are judged by it when they fall due. A shorter longest wait holds for
// chats that begin to wait from then on.
func (d *Desk) queuePut(c *call, b *evenkeel.QueuePut) (evenkeel.Result, *evenkeel.Error) {
	ws := d.workspaces.get(c.actor.ws)
	if ws == nil {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no workspace %q", c.actor.ws)
	}
	if refusal := d.checkQueue(ws, &b.Queue); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if q := d.queues.get(key{ws.ID, b.Queue.ID}); q != nil {
		if refusal := d.resize(queueSize(&q.Config), queueSize(&b.Queue)); refusal != nil {
			return evenkeel.Result{}, refusal
		}
		d.queues.touch(q)
		q.Config = b.Queue
		if b.Queue.Hours == nil {
			q.Shut, q.ShutUntil, q.HoursKnown = false, 0, 0
		}
		d.armRetention(&q.Config)
		d.floorQueue(q)
		return evenkeel.Result{}, nil
	}
	if ws.queues >= d.cell.Limits.Queues {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeLimitReached, "the workspace has %d queues, which is its limit", ws.queues)
	}
	if refusal := d.room(queueSize(&b.Queue)); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	d.addQueue(&queueRow{Workspace: ws.ID, Config: b.Queue})
	d.armRetention(&b.Queue)
	return evenkeel.Result{Created: true}, nil
}

func (d *Desk) addQueue(q *queueRow) {
	q.Settled = d.cell.Now
	for _, a := range d.agents.list { // a sum: any order gives the same
		if a.Workspace == q.Workspace && a.member(q.Config.ID) {
			q.Staff.count(a.Stands, 1)
		}
	}
	d.queues.add(q)
	d.account(queueSize(&q.Config))
	d.linkQueue(q)
}

func (d *Desk) linkQueue(q *queueRow) {
	q.floorID = floorID(q.Workspace, q.Config.ID)
	q.line = newLine()
	d.workspaces.get(q.Workspace).queues++
	d.floorQueue(q)
}

func (d *Desk) checkQueue(ws *workspaceRow, q *evenkeel.Queue) *evenkeel.Error {
	if refusal := checkID("id", q.ID); refusal != nil {
		return refusal
	}
	if refusal := checkLabel("name", q.Name, maxLabel); refusal != nil {
		return refusal
	}
	if q.Strategy > evenkeel.MostSkilled {
		return evenkeel.FieldErrorf("strategy", "the strategy is unknown")
	}
	if q.OnAgentLost > evenkeel.LostClose {
		return evenkeel.FieldErrorf("on_agent_lost", "on_agent_lost is unknown")
	}
	if q.Weight < 1 || q.Weight > maxWeight {
		return evenkeel.FieldErrorf("weight", "the weight must be from 1 to %d slots", maxWeight)
	}
	if q.MaxLength < 1 || q.MaxLength > maxLength {
		return evenkeel.FieldErrorf("max_length", "max_length must be from 1 to %d", maxLength)
	}
	if q.OfferTimeout < evenkeel.Second {
		return evenkeel.FieldErrorf("offer_timeout", "the offer timeout must be at least 1s")
	}
	if q.MaxWait > 0 && q.MaxWait < evenkeel.Second {
		return evenkeel.FieldErrorf("max_wait", "the longest wait must be at least 1s, or 0 for none")
	}
	if q.ServiceLevel.Target < 0 || q.ServiceLevel.Target > 100 {
		return evenkeel.FieldErrorf("service_level", "the target is a percentage")
	}
	for _, f := range durations(q) {
		if f.value < 0 || f.value > maxDuration {
			return evenkeel.FieldErrorf(f.name, "%s must be from 0 to 366 days", f.name)
		}
	}
	if q.Retention != 0 && q.Retention < minRetention || q.Retention > maxRetention {
		return evenkeel.FieldErrorf("retention", "the retention must be from one day to 100 years, or 0 to keep chats for ever")
	}
	if q.Overflow != "" && d.queues.get(key{ws.ID, q.Overflow}) == nil {
		return evenkeel.FieldErrorf("overflow", "there is no queue %q to overflow to", q.Overflow)
	}
	if q.Overflow == q.ID {
		return evenkeel.FieldErrorf("overflow", "a queue cannot overflow to itself")
	}
	if q.Hours != nil {
		if refusal := q.Hours.Check(); refusal != nil {
			return refusal
		}
	}
	if refusal := d.checkSayings(q); refusal != nil {
		return refusal
	}
	return checkSkills(q.Skills)
}

type namedDuration struct {
	name  string
	value evenkeel.Duration
}

func durations(q *evenkeel.Queue) []namedDuration {
	return []namedDuration{
		{"offer_timeout", q.OfferTimeout}, {"wrap_up", q.WrapUp}, {"max_wait", q.MaxWait}, {"service_level", q.ServiceLevel.Threshold},
		{"agent_grace", q.AgentGrace}, {"customer_grace", q.CustomerGrace}, {"abandoned_resume", q.AbandonedResume},
		{"reopen_within", q.ReopenWithin}, {"customer_idle", q.CustomerIdle.Warn}, {"customer_idle", q.CustomerIdle.Close},
		{"customer_gone_close", q.CustomerGoneClose}, {"sticky", q.Sticky},
	}
}

func checkSkills(skills evenkeel.Skills) *evenkeel.Error {
	if len(skills) > maxSkills {
		return evenkeel.FieldErrorf("skills", "at most %d skills", maxSkills)
	}
	for i, s := range skills {
		if s.Name == "" || utf8.RuneCountInString(s.Name) > maxLabel || s.Level < 1 || s.Level > maxLevel {
			return evenkeel.FieldErrorf("skills", "a skill has a name of at most %d characters and a level from 1 to %d", maxLabel, maxLevel)
		}
		if i > 0 && skills[i-1].Name >= s.Name {
			return evenkeel.FieldErrorf("skills", "skills must be sorted by name, each once")
		}
	}
	return nil
}

// checkID refuses what cannot stand in a channel's name or a path.
func checkID(field, id string) *evenkeel.Error {
	ok := id != "" && len(id) <= 64
	for i := 0; i < len(id) && ok; i++ {
		c := id[i]
		ok = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.'
	}
	if !ok {
		return evenkeel.FieldErrorf(field, "an id has 1 to 64 letters, digits, hyphens, underscores or dots")
	}
	return nil
}

// queueDelete removes a queue in which nothing is going on. Memberships that
// name it stay with their agents and mean nothing until a queue of that name
// exists again.
func (d *Desk) queueDelete(c *call, b *evenkeel.QueueDelete) (evenkeel.Result, *evenkeel.Error) {
	q := d.queues.get(key{c.actor.ws, b.Queue})
	if q == nil {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no queue %q", b.Queue)
	}
	if q.live > 0 {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeConflict, "the queue %q has %d live chats; close or transfer them first", b.Queue, q.live)
	}
	if q.missed > 0 {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeConflict, "the queue %q has %d missed items; answer or close them first", b.Queue, q.missed)
	}
	ws := d.workspaces.get(q.Workspace)
	if ws.DefaultQueue == b.Queue {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeConflict, "%q is the workspace's default queue; choose another default first", b.Queue)
	}
	d.dropQueue(q)
	return evenkeel.Result{}, nil
}

func (d *Desk) dropQueue(q *queueRow) {
	d.settleQueue(q)
	if ch := d.channels.get(evenkeel.Channel(q.Workspace, evenkeel.ChannelMissed, q.Config.ID)); ch != nil {
		d.closeChannel(ch)
	}
	d.queues.remove(q)
	d.emit(evenkeel.Event{Kind: evenkeel.EventDropped, Channel: evenkeel.Channel(q.Workspace, evenkeel.ChannelQueue, q.Config.ID)})
	d.account(-queueSize(&q.Config))
	d.workspaces.get(q.Workspace).queues--
	d.floor.DeleteQueue(q.floorID)
}
