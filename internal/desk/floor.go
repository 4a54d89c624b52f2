package desk

import (
	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/routing"
)

// What routing is told: each of these is called after every change of what it
// tells, so that a floor rebuilt from the rows is the same.

// floorChat tells routing of a waiting chat.
func (d *Desk) floorChat(c *chatRow) {
	fc := routing.Chat{
		ID: c.ID, Queue: c.queue.floorID, Priority: c.Priority, QueuedAt: int64(c.QueuedAt), Seq: c.Seq, HoldUntil: int64(c.HoldUntil),
	}
	if c.Prefer != "" {
		fc.Prefer = floorID(c.Workspace, c.Prefer)
	}
	for _, x := range c.Excluded {
		fc.Excluded = append(fc.Excluded, routing.Exclusion{Agent: floorID(c.Workspace, x.Agent), RetryAt: int64(x.Retry)})
	}
	d.floor.PutChat(fc)
}

// floorAgent tells routing how a touched agent stands, and counts the time that
// he stood otherwise.
func (d *Desk) floorAgent(a *agentRow) {
	d.restand(a)
	fa := routing.Agent{
		ID: a.floorID, Connected: a.connected(), Capacity: a.Config.Capacity, Used: a.Used,
		LastAssigned: int64(a.LastAssigned), IdleSince: int64(a.IdleSince),
		Memberships: make([]routing.Membership, len(a.Config.Queues)),
	}
	switch a.Status {
	case evenkeel.StatusOnline:
		fa.Status = routing.Online
	case evenkeel.StatusAway:
		fa.Status = routing.Away
	default:
		fa.Status = routing.Offline
	}
	for _, s := range a.Config.Skills {
		fa.Skills = append(fa.Skills, routing.Skill{Name: s.Name, Level: s.Level})
	}
	for i, m := range a.Config.Queues {
		fa.Memberships[i] = routing.Membership{Queue: floorID(a.Workspace, m.Queue), Level: m.Level, Position: int64(a.Seq), Turn: a.turn(m.Queue)}
	}
	d.floor.PutAgent(fa)
}

func (a *agentRow) turn(queue string) uint64 {
	for _, t := range a.Turns {
		if t.Queue == queue {
			return t.Turn
		}
	}
	return 0
}

// floorQueue tells routing of a queue.
func (d *Desk) floorQueue(q *queueRow) {
	fq := routing.Queue{ID: q.floorID, Strategy: routing.Strategy(q.Config.Strategy), Weight: q.Config.Weight, Manual: q.Config.Pick}
	for _, s := range q.Config.Skills {
		fq.Skills = append(fq.Skills, routing.Skill{Name: s.Name, Level: s.Level})
	}
	d.floor.PutQueue(fq)
}

func floorID(ws, id string) string { return ws + "/" + id }
