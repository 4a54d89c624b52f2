package node

import (
	"context"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
)

// How this node's wall clock is reported: seldom, and only if it moved against
// desk time. A steady clock writes nothing.
const (
	clockEvery  = 10 * time.Second
	clockMoved  = 100 * evenkeel.Millisecond
	clockAnswer = 4 * time.Second
)

// clockReport decides when the wall clock is worth a command.
type clockReport struct {
	told   bool
	offset evenkeel.Duration // as last told
}

// due returns the offset of the wall clock to desk time, and whether it is to
// be told.
func (c *clockReport) due(wall evenkeel.Time, desk evenkeel.DeskTime) (evenkeel.Duration, bool) {
	offset := evenkeel.Duration(int64(wall) - int64(desk))
	moved := offset - c.offset
	return offset, !c.told || moved > clockMoved || moved < -clockMoved
}

// said notes that the cell knows the offset.
func (c *clockReport) said(offset evenkeel.Duration) { c.told, c.offset = true, offset }

// reportClock tells the cell what this machine's clock says, at the start and
// whenever it moved.
func (n *Node) reportClock() {
	var report clockReport
	ticker := time.NewTicker(clockEvery)
	defer ticker.Stop()
	for {
		n.tellClock(&report)
		select {
		case <-ticker.C:
		case <-n.quit:
			return
		}
	}
}

// deskTime is the time of the cell, by this node's replica.
func (n *Node) deskTime() evenkeel.DeskTime { return n.replica.Time() }

// cellWall is the cell's time of day: desk time goes on between entries.
func (n *Node) cellWall() (wall evenkeel.Time) {
	n.replica.View(func(d *desk.Desk) { wall = d.Wall() + evenkeel.Time(n.deskTime()-d.Now()) })
	return wall
}

func (n *Node) tellClock(report *clockReport) {
	offset, due := report.due(evenkeel.TimeOf(n.host.wall()), n.deskTime())
	if !due {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), clockAnswer)
	defer cancel()
	if _, err := n.do(ctx, &evenkeel.ClockSet{Node: n.identity.Node, Offset: offset}); err != nil {
		n.log.Warn("the cell could not be told what this machine's clock says; it is tried again", "error", err)
		return
	}
	report.said(offset)
}
