package node

import (
	"context"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
	"github.com/evenkeel/evenkeel/internal/hours"
)

// hoursEvery is how often it is looked whether a queue opens or closes.
const hoursEvery = time.Second

// keepHours tells the cell when queues open and close by their hours, for the
// desk has no calendar. A queue that stays as it is writes nothing.
func (n *Node) keepHours() {
	ticker := time.NewTicker(hoursEvery)
	defer ticker.Stop()
	for {
		n.tellHours()
		select {
		case <-ticker.C:
		case <-n.quit:
			return
		}
	}
}

// tellHours judges by the cell's wall time, which no single machine's clock
// sets off.
func (n *Node) tellHours() {
	var list []evenkeel.QueueSchedule
	n.replica.View(func(d *desk.Desk) { list = d.Schedules() })
	now := n.cellWall()
	for i := range list {
		s := &list[i]
		body, err := hours.Due(s, now)
		if err == nil && body != nil {
			err = n.tellOf(s.Workspace, body)
		}
		if err != nil {
			n.log.Warn("the cell could not be told of a queue's hours; it is tried again", "workspace", s.Workspace, "queue", s.Queue, "error", err)
		}
	}
}

func (n *Node) tellOf(workspace string, body evenkeel.Body) error {
	ctx, cancel := context.WithTimeout(context.Background(), clockAnswer)
	defer cancel()
	_, err := n.replica.Do(ctx, &evenkeel.Command{By: evenkeel.System(), OnBehalfOf: evenkeel.Principal{Workspace: workspace}, Body: body})
	if code := evenkeel.ErrorCode(err); code == evenkeel.CodeVersionConflict || code == evenkeel.CodeNotFound {
		return nil // the settings changed meanwhile: the next look sees the new ones
	}
	return err
}
