package node

import (
	"context"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
	"github.com/evenkeel/evenkeel/internal/replica"
)

// How often the node looks at itself, and from when on its disk is low.
const (
	lookEvery = 2 * time.Second
	// lowSegments is the room, in files of the journal, below which the operator
	// is told; it is over when there is twice as much again.
	lowSegments = 16
	clockStep   = 5 * time.Second
)

// concern is one incident of this node as it should stand.
type concern struct {
	raise *evenkeel.IncidentRaise // nil: it is over
	over  bool                    // before the cell could be told of it: it is told all the same, and then ended
	told  bool                    // the cell knows
}

// concerns are what this node has to tell the operator. A cell that takes no
// commands at the moment (a full disk is such a moment) is told as soon as it does.
type concerns struct {
	mu    sync.Mutex
	by    map[string]*concern // by kind
	wake  chan struct{}
	clock time.Duration // of the wall clock against the monotonic one, as watchSelf saw it last
}

func newConcerns() *concerns {
	return &concerns{by: map[string]*concern{}, wake: make(chan struct{}, 1)}
}

// set says how an incident stands: raised, or over (nil). It does not block.
func (c *concerns) set(kind string, raise *evenkeel.IncidentRaise) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.by[kind]
	switch {
	case raise == nil && old == nil:
		// An earlier process of this node may have raised it.
	case raise == nil && old.raise == nil:
		return
	case raise == nil && !old.told:
		old.over = true
		return
	case raise != nil && old != nil && old.raise != nil && old.raise.Summary == raise.Summary:
		old.over = false
		return
	}
	c.replace(kind, raise)
}

// replace is called under the lock.
func (c *concerns) replace(kind string, raise *evenkeel.IncidentRaise) {
	c.by[kind] = &concern{raise: raise}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// open tells whether an incident of the kind is raised.
func (c *concerns) open(kind string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.by[kind] != nil && c.by[kind].raise != nil && !c.by[kind].over
}

// tell hands everything that the cell does not know yet to do.
func (c *concerns) tell(subject string, do func(evenkeel.Body) error) {
	c.mu.Lock()
	untold := map[string]*concern{}
	bodies := map[string]evenkeel.Body{}
	for kind, concern := range c.by {
		if concern.told {
			continue
		}
		untold[kind] = concern
		if concern.raise == nil {
			bodies[kind] = &evenkeel.IncidentEnd{Incident: kind, Subject: subject}
			continue
		}
		raise := *concern.raise
		raise.Incident, raise.Subject = kind, subject
		bodies[kind] = &raise
	}
	c.mu.Unlock()
	for kind, concern := range untold {
		if do(bodies[kind]) == nil {
			c.told(kind, concern)
		}
	}
}

// told notes that the cell knows. What was over by then is to be ended next.
func (c *concerns) told(kind string, concern *concern) {
	c.mu.Lock()
	defer c.mu.Unlock()
	concern.told = true
	if concern.over && c.by[kind] == concern {
		c.replace(kind, nil)
	}
}

// watchSelf looks at the node and tells the cell what the operator should know.
func (n *Node) watchSelf() {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		n.look(n.replica.Status())
		n.giveBack()
		n.concerns.tell(n.name, func(body evenkeel.Body) error {
			if end, ok := body.(*evenkeel.IncidentEnd); ok && !n.incidentOpen(end) {
				return nil
			}
			ctx, cancel := context.WithTimeout(context.Background(), clockAnswer)
			defer cancel()
			_, err := n.do(ctx, body)
			if err != nil {
				n.log.Debug("an incident could not be told yet", "error", err)
			}
			return err
		})
		select {
		case <-ticker.C:
		case <-n.concerns.wake:
		case <-n.quit:
			return
		}
	}
}

// incidentOpen asks the replica whether there is anything to end.
func (n *Node) incidentOpen(end *evenkeel.IncidentEnd) (open bool) {
	n.replica.View(func(d *desk.Desk) { open = d.IncidentOpen(end.Incident, end.Subject) })
	return open
}

// look finds out what there is to tell.
func (n *Node) look(stands replica.Status) {
	n.concerns.set(evenkeel.IncidentDiskFull, raiseIf(stands.JournalFull, evenkeel.SeverityCritical,
		"The disk is full: new commands are refused until there is room.", "Free room on the disk of "+n.cfg.Data+"; the node goes on by itself."))
	n.concerns.set(evenkeel.IncidentDiskSlow, raiseIf(stands.Stalled, evenkeel.SeverityCritical,
		"The disk has not finished a write for longer than an election takes.", "Look at the disk and at what else uses it."))
	n.lookAtRoom()
	n.lookAtClock()
	n.lookAtArchive()
	n.lookAtBus()
}

// lookAtArchive tells of a copy that does not take what is closed, or that has
// lost something. Chats go on meanwhile. What is told does not change with time:
// each change is a command.
func (n *Node) lookAtArchive() {
	const advice = "GET /v1/cell tells what is wrong with the copy, docs/archive.md what to do. Closed chats wait in the desk until they are archived."
	var raise *evenkeel.IncidentRaise
	switch copied := n.archiveStatus(); {
	case copied.State == evenkeel.CopyFailed.String():
		raise = raiseIf(true, evenkeel.SeverityCritical, "This node's copy of the archive cannot be written or read.", advice)
	case copied.State == evenkeel.CopyStale.String() && (copiesOf{n}).Exist():
		raise = raiseIf(true, evenkeel.SeverityCritical, "This node's copy of the archive is older than what the cell still has, and could not be filled from another node's yet. "+
			"That is tried again by itself, and readers are answered from the other copies.", advice)
	case copied.State == evenkeel.CopyStale.String():
		raise = raiseIf(true, evenkeel.SeverityCritical, "This node's copy of the archive is older than what the cell still has, and no other node has one.", advice)
	case copied.State == evenkeel.CopyFilling.String() && n.concerns.open(evenkeel.IncidentArchive):
		return // it is not over before the copy is there
	case copied.State == evenkeel.CopyLive.String() && copied.Detail != "":
		raise = raiseIf(true, evenkeel.SeverityWarning, "This node's copy of the archive has lost something: "+copied.Detail, advice)
	}
	n.concerns.set(evenkeel.IncidentArchive, raise)
}

func raiseIf(raised bool, severity evenkeel.Severity, summary, advice string) *evenkeel.IncidentRaise {
	if !raised {
		return nil
	}
	return &evenkeel.IncidentRaise{Severity: severity, Summary: summary, Advice: advice}
}

func (n *Node) lookAtRoom() {
	free, err := n.fs.Free()
	if err != nil {
		return // the next look may find out; a disk that is gone shows elsewhere
	}
	low := int64(n.cfg.SegmentSize) * lowSegments
	switch {
	case free < low:
		n.concerns.set(evenkeel.IncidentDiskLow, raiseIf(true, evenkeel.SeverityWarning,
			"Less than "+Bytes(low).String()+" are free on the disk of the data directory.", "Free room, or move "+n.cfg.Data+" to a larger disk."))
	case free >= 2*low || !n.concerns.open(evenkeel.IncidentDiskLow):
		n.concerns.set(evenkeel.IncidentDiskLow, nil)
	}
}

// lookAtClock notices a wall clock that was set. Nothing fires by it, but times
// that people read are those of the wall clock.
func (n *Node) lookAtClock() {
	drift := n.host.wall().Round(0).Sub(n.born) - time.Since(n.started) // wall time passed, less real time passed
	moved := (drift - n.concerns.clock).Abs()
	n.concerns.clock = drift
	switch {
	case moved >= clockStep:
		n.log.Warn("the clock of this machine was set", "by", moved.Round(time.Second).String())
		n.concerns.set(evenkeel.IncidentClock, raiseIf(true, evenkeel.SeverityWarning,
			"The clock of this machine was set by "+moved.Round(time.Second).String()+". Deadlines are not affected; times shown to people are.",
			"Let the machine keep its time by NTP. End the incident when the clock is right."))
	case !n.concerns.open(evenkeel.IncidentClock):
		n.concerns.set(evenkeel.IncidentClock, nil)
	}
}
