package desk

import (
	"sort"

	"github.com/evenkeel/evenkeel"
)

// startLife is how long the first-run link is good.
const startLife = 15 * evenkeel.Minute

// cellForm makes the cell: one workspace with one queue, and its first admin as
// a member, so that somebody can say hello at once.
func (d *Desk) cellForm(b *evenkeel.CellForm) (evenkeel.Result, *evenkeel.Error) {
	if b.CellID == "" || b.Generation == "" || b.Admin.ID == "" || b.Password == "" {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeBadRequest, "a cell needs an id, a generation and an admin with a password")
	}
	if refusal := checkLimits(&b.Limits); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if refusal := checkID("admin", b.Admin.ID); refusal != nil || !administers(b.Admin.Role) || b.Admin.Capacity < 0 || b.Admin.Capacity > maxCapacity {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeBadRequest, "the first admin needs an id, the role of one and a capacity")
	}
	d.cell.CellID, d.cell.Generation, d.cell.Level = b.CellID, b.Generation, FeatureLevel
	d.cell.Limits = b.Limits
	d.cell.Offset = evenkeel.Duration(int64(b.Wall) - int64(d.cell.Now))
	d.cell.VisitorKey = b.VisitorKey
	d.cell.StartHash, d.cell.StartAdmin = b.StartHash, b.Admin.ID
	d.cell.StartUntil = d.cell.Now + evenkeel.DeskTime(startLife)

	admin := b.Admin
	d.furnish(&evenkeel.WorkspacePut{
		Workspace: evenkeel.Workspace{ID: evenkeel.DefaultWorkspace, Name: "Default"}, Admin: &admin, Password: b.Password, OneTime: b.OneTime,
	})
	return evenkeel.Result{}, nil
}

// nodeUp issues the incarnation of a process that started. Whatever sessions an
// earlier process of the node had are over.
func (d *Desk) nodeUp(b *evenkeel.NodeUp) (evenkeel.Result, *evenkeel.Error) {
	n := d.nodes.get(b.Node)
	switch {
	case b.Node == "" || b.Boot == "":
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeBadRequest, "a node needs a name and a boot id")
	case n == nil && int64(d.nodes.len()) >= d.cell.Limits.Nodes:
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeLimitReached, "the cell knows %d nodes, which is its limit", d.nodes.len())
	case n != nil && n.Boot == b.Boot && n.Incarnation != 0:
		return evenkeel.Result{Incarnation: n.Incarnation, Repeated: true}, nil
	}
	if n == nil {
		n = &nodeRow{ID: b.Node}
		d.nodes.add(n)
		d.account(rowBytes)
		d.weighCopies() // one more may be needed
	}
	d.nodes.touch(n)
	d.voidIncarnation(n)
	d.cell.Incarnation++
	n.Boot, n.Incarnation = b.Boot, d.cell.Incarnation
	return evenkeel.Result{Incarnation: n.Incarnation}, nil
}

// nodeLost ends the sessions of a process that is gone.
func (d *Desk) nodeLost(b *evenkeel.NodeLost) (evenkeel.Result, *evenkeel.Error) {
	n := d.nodes.get(b.Node)
	if n == nil || n.Incarnation != b.Incarnation || n.Incarnation == 0 {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeConflict, "node %q does not run as incarnation %d", b.Node, b.Incarnation)
	}
	d.nodes.touch(n)
	d.voidIncarnation(n)
	return evenkeel.Result{}, nil
}

// voidIncarnation makes a touched node's incarnation void at once; its sessions
// end as follow-up work.
func (d *Desk) voidIncarnation(n *nodeRow) {
	if n.Incarnation != 0 && d.crews[n.Incarnation] != nil {
		d.addWork(workEndSessions, "", n.Incarnation)
	}
	n.Incarnation, n.HasOffset = 0, false // its clock may be set before it comes again
}

// live tells whether an incarnation is that of a running process.
func (d *Desk) liveIncarnation(incarnation uint64) bool {
	for _, n := range d.nodes.list { // few, and any order gives the same answer
		if n.Incarnation == incarnation {
			return true
		}
	}
	return false
}

// clockSet notes a voter's wall clock; wall time follows the median.
func (d *Desk) clockSet(b *evenkeel.ClockSet) (evenkeel.Result, *evenkeel.Error) {
	n := d.nodes.get(b.Node)
	if n == nil || n.Incarnation == 0 {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no node %q", b.Node)
	}
	d.nodes.touch(n)
	started := !n.HasOffset
	n.Offset, n.HasOffset = b.Offset, true
	var offsets []evenkeel.Duration
	for _, n := range d.nodes.list {
		if n.HasOffset && n.Incarnation != 0 {
			offsets = append(offsets, n.Offset)
		}
	}
	sort.Slice(offsets, func(i, j int) bool { return offsets[i] < offsets[j] })
	offset := offsets[(len(offsets)-1)/2]
	d.stepped(offset-d.cell.Offset, started)
	d.cell.Offset = offset
	return evenkeel.Result{}, nil
}

func (d *Desk) limitsSet(b *evenkeel.LimitsSet) (evenkeel.Result, *evenkeel.Error) {
	if refusal := checkLimits(&b.Limits); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	d.cell.Limits = b.Limits
	d.tidyTallies()
	return evenkeel.Result{}, nil
}

// The highest limits: far above what a machine holds, far below what sums could
// not hold. A step of the cell does as much follow-up work as its limit says,
// and nothing else meanwhile.
const (
	maxLimit    = 1 << 50
	maxFollowUp = 100000
)

// checkLimits refuses limits with which the cell could not go on.
func checkLimits(l *evenkeel.Limits) *evenkeel.Error {
	type count struct {
		name         string
		value, least int64
	}
	for _, f := range []count{
		{"follow_up", l.FollowUp, 1}, {"max_state", l.MaxState, 1}, {"live_keys", l.LiveKeys, 1}, {"tokens", l.Tokens, 1},
		{"missed_offers", l.MissedOffers, 1}, {"message_chars", l.MessageChars, 1},
		{"chat_messages", l.ChatMessages, 0}, {"queues", l.Queues, 0}, {"agents", l.Agents, 0}, {"live_chats", l.LiveChats, 0},
		{"api_keys", l.APIKeys, 0}, {"workspaces", l.Workspaces, 0}, {"visitor_sessions", l.VisitorSessions, 0},
		{"agent_sessions", l.AgentSessions, 0}, {"agent_queues", l.AgentQueues, 0}, {"participants", l.Participants, 0},
		{"attributes", l.Attributes, 0}, {"tags", l.Tags, 0}, {"closed_chats", l.ClosedChats, 0}, {"customers", l.Customers, 0},
		{"nodes", l.Nodes, 0}, {"incidents", l.Incidents, 0}, {"tallies", l.Tallies, 0}, {"missed", l.Missed, 0},
		{"missed_own", l.MissedOwn, 0}, {"missed_claims", l.MissedClaims, 0}, {"canned", l.Canned, 0}, {"canned_own", l.CannedOwn, 0},
		{"context", l.Context, 0}, {"aliases", l.Aliases, 0}, {"namespaces", l.Namespaces, 0},
	} {
		if f.value < f.least || f.value > maxLimit {
			return evenkeel.FieldErrorf(f.name, "%s must be from %d to %d", f.name, f.least, int64(maxLimit))
		}
	}
	if l.FollowUp > maxFollowUp {
		return evenkeel.FieldErrorf("follow_up", "follow_up must be at most %d: one step of the cell must stay short", maxFollowUp)
	}
	for _, f := range []namedDuration{{"linger", l.Linger}, {"key_life", l.KeyLife}, {"re_offer", l.ReOffer}, {"tally_keep", l.TallyKeep}, {"missed_keep", l.MissedKeep}} {
		if f.value < 0 || f.value > maxDuration {
			return evenkeel.FieldErrorf(f.name, "%s must be from 0 to 366 days", f.name)
		}
	}
	return nil
}
