package desk

import (
	"strings"
	"unicode/utf8"

	"github.com/evenkeel/evenkeel"
)

// Canned replies: shared ones are kept by those who supervise, own ones by each
// agent. An own one exists for its owner and for who supervises, nobody else.

// The bounds of a canned reply.
const (
	maxShortcut     = 32 // characters
	maxCannedQueues = 64
)

type cannedRow struct {
	rowMeta
	Workspace string          `cbor:"1,keyasint"`
	Canned    evenkeel.Canned `cbor:"2,keyasint"`
	Version   uint64          `cbor:"3,keyasint,omitempty"`

	owner *agentRow // whose own it is, nil: it is shared
}

func (r *cannedRow) key() key { return key{r.Workspace, r.Canned.ID} }

// cannedPut makes or replaces a reply. What an agent writes is his own.
func (d *Desk) cannedPut(c *call, b *evenkeel.CannedPut) (evenkeel.Result, *evenkeel.Error) {
	ws := d.workspaces.get(c.actor.ws)
	if ws == nil {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no workspace %q", c.actor.ws)
	}
	put := b.Canned
	if put.Owner == "" && c.actor.agent != nil && !c.actor.supervises() {
		put.Owner = c.actor.agent.Config.ID
	}
	owner, refusal := d.cannedOwner(&c.actor, put.Owner)
	if refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if refusal := d.checkCanned(ws, &put); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	old := d.canned.get(key{ws.ID, put.ID})
	if old != nil && !c.actor.keeps(old) {
		if old.owner == nil {
			return evenkeel.Result{}, errShared()
		}
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeConflict, "the id %q is taken by a reply that is not yours to change; choose another one", put.ID)
	}
	if refusal := d.roomForCanned(ws, old, owner); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if old == nil {
		if refusal := d.room(cannedSize(&put)); refusal != nil {
			return evenkeel.Result{}, refusal
		}
		row := &cannedRow{Workspace: ws.ID, Canned: put}
		d.canned.add(row)
		d.account(cannedSize(&put))
		d.linkCanned(ws, row, owner)
		return evenkeel.Result{Created: true}, nil
	}
	if refusal := d.resize(cannedSize(&old.Canned), cannedSize(&put)); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	d.canned.touch(old)
	d.unlinkCanned(ws, old)
	old.Canned = put
	d.linkCanned(ws, old, owner)
	return evenkeel.Result{}, nil
}

// cannedOwner finds the agent whose own a reply is to be, if it is to be
// anybody's.
func (d *Desk) cannedOwner(a *actor, id string) (*agentRow, *evenkeel.Error) {
	if id == "" {
		return nil, nil
	}
	if !a.supervises() && a.by.Kind != evenkeel.PrincipalSystem && (a.agent == nil || a.agent.Config.ID != id) {
		return nil, &evenkeel.Error{Code: evenkeel.CodeForbidden, Field: "owner", Detail: "an agent keeps replies of his own only"}
	}
	owner := d.agents.get(key{a.ws, id})
	if owner == nil {
		return nil, evenkeel.FieldErrorf("owner", "there is no agent %q", id)
	}
	return owner, nil
}

func (d *Desk) checkCanned(ws *workspaceRow, r *evenkeel.Canned) *evenkeel.Error {
	if refusal := checkID("id", r.ID); refusal != nil {
		return refusal
	}
	if utf8.RuneCountInString(r.Shortcut) > maxShortcut || strings.ContainsAny(r.Shortcut, " \t\r\n") {
		return evenkeel.FieldErrorf("shortcut", "a shortcut has %d characters at most and no blanks", maxShortcut)
	}
	if refusal := checkLabel("title", r.Title, maxLabel); refusal != nil {
		return refusal
	}
	if refusal := d.checkText("text", r.Text); refusal != nil {
		return refusal
	}
	if refusal := evenkeel.CheckTemplate("text", r.Text, evenkeel.ReplyVariables()); refusal != nil {
		return refusal
	}
	if len(r.Queues) > maxCannedQueues {
		return evenkeel.FieldErrorf("queues", "a reply is meant for %d queues at most; leave them out if it is meant for all", maxCannedQueues)
	}
	for i, id := range r.Queues {
		if d.queues.get(key{ws.ID, id}) == nil {
			return evenkeel.FieldErrorf("queues", "there is no queue %q", id)
		}
		if named(r.Queues[:i], id) {
			return evenkeel.FieldErrorf("queues", "the queue %q stands there twice", id)
		}
	}
	return d.checkTags(r.Tags)
}

// roomForCanned refuses one reply too many of a workspace or an agent. A reply
// that stays whose it was is none more.
func (d *Desk) roomForCanned(ws *workspaceRow, old *cannedRow, owner *agentRow) *evenkeel.Error {
	l := &d.cell.Limits
	if old == nil && int64(ws.canned.Len()) >= l.Canned {
		return evenkeel.Errorf(evenkeel.CodeLimitReached, "the workspace has %d canned replies, which is its limit", ws.canned.Len())
	}
	if owner != nil && (old == nil || old.owner != owner) && owner.canned >= l.CannedOwn {
		return evenkeel.Errorf(evenkeel.CodeLimitReached, "the agent %s has %d canned replies of his own, which is the limit", owner.Config.ID, owner.canned)
	}
	return nil
}

func (d *Desk) cannedDelete(c *call, b *evenkeel.CannedDelete) (evenkeel.Result, *evenkeel.Error) {
	r, refusal := d.cannedFor(&c.actor, b.Canned)
	if refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if !c.actor.keeps(r) {
		return evenkeel.Result{}, errShared()
	}
	d.dropCanned(d.workspaces.get(r.Workspace), r)
	return evenkeel.Result{}, nil
}

func errShared() *evenkeel.Error {
	return evenkeel.Errorf(evenkeel.CodeForbidden, "shared replies are kept by supervisors, admins and services; choose another id for one of your own")
}

// cannedFor finds a reply that the actor may use.
func (d *Desk) cannedFor(a *actor, id string) (*cannedRow, *evenkeel.Error) {
	r := d.canned.get(key{a.ws, id})
	if r == nil || r.owner != nil && !a.keeps(r) {
		return nil, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no canned reply %q", id)
	}
	return r, nil
}

// keeps tells whether a reply is the actor's to change.
func (a *actor) keeps(r *cannedRow) bool {
	return a.supervises() || a.by.Kind == evenkeel.PrincipalSystem || r.owner != nil && r.owner == a.agent
}

func (d *Desk) linkCanned(ws *workspaceRow, r *cannedRow, owner *agentRow) {
	ws.canned.Set(r.Canned.ID, r)
	if r.owner = owner; owner != nil {
		owner.canned++
	}
}

func (d *Desk) unlinkCanned(ws *workspaceRow, r *cannedRow) {
	ws.canned.Delete(r.Canned.ID)
	if r.owner != nil {
		r.owner.canned--
		r.owner = nil
	}
}

func (d *Desk) dropCanned(ws *workspaceRow, r *cannedRow) {
	d.unlinkCanned(ws, r)
	d.canned.remove(r)
	d.account(-cannedSize(&r.Canned))
}

// dropCannedOf removes what an agent who leaves has kept for himself.
func (d *Desk) dropCannedOf(a *agentRow) {
	if a.canned == 0 {
		return
	}
	ws := d.workspaces.get(a.Workspace)
	for _, r := range ws.canned.Values() {
		if r.owner == a {
			d.dropCanned(ws, r)
		}
	}
}

func (d *Desk) relinkCanned() error {
	for _, r := range d.canned.list {
		ws, owner := d.workspaces.get(r.Workspace), d.agents.get(key{r.Workspace, r.Canned.Owner})
		if ws == nil || owner == nil && r.Canned.Owner != "" {
			return evenkeel.Errorf(evenkeel.CodeInternal, "the canned reply %q is without a workspace or its owner", r.Canned.ID)
		}
		d.linkCanned(ws, r, owner)
	}
	return nil
}

func cannedSize(r *evenkeel.Canned) int64 {
	return rowBytes + int64(len(r.ID)+len(r.Shortcut)+len(r.Title)+len(r.Text)) + tagsSize(r.Queues) + tagsSize(r.Tags)
}

func named(list []string, name string) bool {
	for _, s := range list {
		if s == name {
			return true
		}
	}
	return false
}
