package desk

import (
	"github.com/evenkeel/evenkeel"
)

// workspaceDelete removes a workspace with all that is in it, as follow-up work.
// It must be suspended, so that nobody is in the middle of a chat, and so that
// one slip of an operator is not the end of a tenant.
func (d *Desk) workspaceDelete(b *evenkeel.WorkspaceDelete) (evenkeel.Result, *evenkeel.Error) {
	ws := d.workspaces.get(b.Workspace)
	switch {
	case ws == nil || ws.Leaving:
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no workspace %q", b.Workspace)
	case ws.ID == evenkeel.DefaultWorkspace:
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeConflict, "the workspace %s is the cell's own and stays", ws.ID)
	case !ws.Suspended:
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeConflict, "the workspace %s is not suspended; suspend it first, then delete it", ws.ID)
	}
	d.workspaces.touch(ws)
	ws.Leaving = true
	d.addWork(workDropWorkspace, ws.ID, 0)
	return evenkeel.Result{}, nil
}

// dropFromWorkspace removes the next thing of a workspace that leaves. Its chats
// go first, as they name everything else, and in the order in which they came.
func (d *Desk) dropFromWorkspace(id string) (done bool) {
	ws := d.workspaces.get(id)
	if ws == nil {
		return true
	}
	if _, c, ok := ws.rooms.Min(); ok {
		d.dropChatOf(c)
		return false
	}
	if _, m, ok := ws.missed.Min(); ok {
		d.dropMissedOf(ws, m)
		return false
	}
	if _, r, ok := ws.canned.Min(); ok {
		d.dropCanned(ws, r)
		return false
	}
	if _, cu, ok := ws.people.Min(); ok {
		d.dropCustomer(cu)
		return false
	}
	if a := first(d.agents.list, func(a *agentRow) bool { return a.Workspace == id }, func(a, b *agentRow) bool { return a.Seq < b.Seq }); a != nil {
		d.agents.touch(a)
		d.dropAgent(a)
		return false
	}
	if k := first(d.apiKeys.list, func(k *apiKeyRow) bool { return k.Workspace == id }, func(a, b *apiKeyRow) bool { return a.Config.ID < b.Config.ID }); k != nil {
		d.dropKey(k)
		return false
	}
	if n := first(d.namespaces.list, func(n *namespaceRow) bool { return n.Workspace == id }, func(a, b *namespaceRow) bool { return a.Config.Name < b.Config.Name }); n != nil {
		d.dropNamespace(n)
		return false
	}
	if q := first(d.queues.list, func(q *queueRow) bool { return q.Workspace == id }, func(a, b *queueRow) bool { return a.Config.ID < b.Config.ID }); q != nil {
		d.dropQueue(q)
		return false
	}
	// Behind all that is counted while it goes.
	if !d.dropTallies(func() *tallyRow { return d.tallyOf(id) }) {
		return false
	}
	if d.archiving { // last, behind all that put its chats into the archive
		d.addOp(opRow{Kind: evenkeel.ArchiveLeave, Workspace: ws.ID})
	}
	d.workspaces.touch(ws)
	d.stopTimer(&ws.MissedTimer)
	d.unlinkHosts(&ws.Workspace)
	d.account(-workspaceSize(&ws.Workspace))
	d.workspaces.remove(ws)
	return true
}

// first returns the least of the rows that are meant; nil if there is none.
func first[R any](list []*R, meant func(*R) bool, less func(a, b *R) bool) (found *R) {
	for _, r := range list {
		if meant(r) && (found == nil || less(r, found)) {
			found = r
		}
	}
	return found
}

// dropChatOf ends a chat at once, or removes the next part of one that is over.
func (d *Desk) dropChatOf(c *chatRow) {
	if c.State == evenkeel.ChatClosed {
		d.chats.touch(c)
		d.stopTimer(&c.LingerTimer)
		if c.Lingered != 0 {
			c.Lingered = 0
			d.overdue--
			d.trimLingered()
		}
		d.dropSome(c.ID)
		return
	}
	d.chats.touch(c)
	if !c.State.Over() {
		d.closeChat(c, evenkeel.ClosedErased)
	}
	if c.State == evenkeel.ChatWrapping {
		d.finish(c)
	}
}

// dropMissedOf ends the first missed item, or drops one that is done.
func (d *Desk) dropMissedOf(ws *workspaceRow, m *missedRow) {
	if m.Item.State.Done() {
		d.dropMissed(ws)
		return
	}
	d.misses.touch(m)
	m.Item.Reason = evenkeel.MissedErased
	d.endMissed(m, evenkeel.MissedClosed)
}

// dropCustomer removes a customer without chats.
func (d *Desk) dropCustomer(cu *customerRow) {
	for len(cu.sessions) > 0 {
		d.endSession(cu.sessions[0])
	}
	if d.customers.get(cu.key()) != cu {
		return // forgotten with his last session
	}
	d.customers.touch(cu)
	d.stopTimer(&cu.Timer)
	d.account(-customerSize(cu))
	cu.Attributes, cu.Claimed, cu.Context, cu.Signed, cu.Aliases, cu.Version = nil, nil, nil, nil, nil, 0
	d.forgetCustomer(cu)
}
