package desk

import (
	"fmt"

	"github.com/evenkeel/evenkeel"
)

// missedInvariants holds the list of missed items against what is counted of it.
func missedInvariants(d *Desk) error {
	open, forms, listed := map[*queueRow]int64{}, map[waiter]int64{}, 0
	for _, m := range d.misses.list {
		done := m.Item.State.Done()
		if done != (m.Done > 0) || done && m.Item.ClosedAt == 0 || (m.Item.State == evenkeel.MissedClaimed) != (m.agent != nil) {
			return fmt.Errorf("the missed item %+v is neither open nor done", m.Item)
		}
		if done {
			continue
		}
		open[d.queues.get(key{m.Item.Workspace, m.Item.Queue})]++
		if m.Item.Kind != evenkeel.MissedAbandoned {
			forms[waiter{m.Item.Workspace, m.Item.Customer}]++
		}
	}
	for _, q := range d.queues.list {
		if q.missed != open[q] {
			return fmt.Errorf("queue %s counts %d missed items instead of %d", q.Config.ID, q.missed, open[q])
		}
	}
	for _, a := range d.agents.list {
		for _, m := range a.claims {
			if m.agent != a || !a.Config.Role.Supervises() && !a.member(m.Item.Queue) {
				return fmt.Errorf("agent %s has claimed %s, which is %s of %s", a.Config.ID, m.Item.ID, m.Item.State, m.Agent)
			}
		}
	}
	for _, ws := range d.workspaces.list {
		listed += ws.missed.Len()
		for customer, n := range ws.forms {
			if n != forms[waiter{ws.ID, customer}] {
				return fmt.Errorf("%s has %d forms instead of %d", customer, n, forms[waiter{ws.ID, customer}])
			}
		}
		if ws.missedDone.len() > 0 && d.timers.get(ws.MissedTimer) == nil {
			return fmt.Errorf("missed items that are done have no end")
		}
	}
	if listed != d.misses.len() {
		return fmt.Errorf("%d missed items are listed instead of %d", listed, d.misses.len())
	}
	return nil
}
