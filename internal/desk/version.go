package desk

import (
	"strings"

	"github.com/evenkeel/evenkeel"
)

// Configuration has versions, so that two people who change one object notice
// each other: a command may name the version that it was made for. A version is
// never given twice in a cell, also not within one entry. An object that no
// command has put yet (the first admin, a customer who came by himself) has
// version 0; callers see one more, for 0 names none.

// versioned returns where the version of the object lies that a command is
// about; nil if there is no such object, or the caller may not know of it.
func (d *Desk) versioned(a *actor, body evenkeel.Body) *uint64 {
	switch b := body.(type) {
	case *evenkeel.QueuePut:
		return d.versionAt(a, evenkeel.KindQueuePut, b.Queue.ID)
	case *evenkeel.QueueDelete:
		return d.versionAt(a, evenkeel.KindQueuePut, b.Queue)
	case *evenkeel.AgentPut:
		return d.versionAt(a, evenkeel.KindAgentPut, b.Agent.ID)
	case *evenkeel.AgentDelete:
		return d.versionAt(a, evenkeel.KindAgentPut, b.Agent)
	case *evenkeel.APIKeyPut:
		return d.versionAt(a, evenkeel.KindAPIKeyPut, b.Key.ID)
	case *evenkeel.APIKeyDelete:
		return d.versionAt(a, evenkeel.KindAPIKeyPut, b.ID)
	case *evenkeel.WorkspacePut:
		return d.versionAt(a, evenkeel.KindWorkspacePut, b.Workspace.ID)
	case *evenkeel.WorkspaceDelete:
		return d.versionAt(a, evenkeel.KindWorkspacePut, b.Workspace)
	case *evenkeel.CannedPut:
		return d.versionAt(a, evenkeel.KindCannedPut, b.Canned.ID)
	case *evenkeel.CannedDelete:
		return d.versionAt(a, evenkeel.KindCannedPut, b.Canned)
	case *evenkeel.NamespacePut:
		return d.versionAt(a, evenkeel.KindNamespacePut, b.Namespace.Name)
	case *evenkeel.NamespaceDelete:
		return d.versionAt(a, evenkeel.KindNamespacePut, b.Namespace)
	case *evenkeel.SigningPut:
		return d.versionAt(a, evenkeel.KindSigningPut, b.Workspace+"/"+b.Use.String())
	case *evenkeel.CustomerPut:
		return d.versionAt(a, evenkeel.KindCustomerPut, b.Customer)
	default:
		return nil
	}
}

// versionAt finds an object by the kind of the command that puts it.
func (d *Desk) versionAt(a *actor, kind evenkeel.Kind, id string) *uint64 {
	switch { //nolint:staticcheck // a tagged switch would have to name all kinds
	case kind == evenkeel.KindQueuePut:
		if q := d.queues.get(key{a.ws, id}); q != nil {
			return &q.Version
		}
	case kind == evenkeel.KindAgentPut:
		if row := d.agents.get(key{a.ws, id}); row != nil {
			return &row.Version
		}
	case kind == evenkeel.KindAPIKeyPut:
		if k := d.apiKeys.get(key{a.ws, id}); k != nil {
			return &k.Version
		}
	case kind == evenkeel.KindWorkspacePut:
		if ws := d.workspaces.get(id); ws != nil && a.mayConfigure(id) {
			return &ws.Version
		}
	case kind == evenkeel.KindNamespacePut:
		if n := d.namespaces.get(key{a.ws, id}); n != nil {
			return &n.Version
		}
	case kind == evenkeel.KindSigningPut:
		workspace, use, _ := strings.Cut(id, "/")
		if ws := d.workspaces.get(workspace); ws != nil && a.mayConfigure(workspace) {
			return ws.signingVersion(use)
		}
	case kind == evenkeel.KindCannedPut:
		if r, refusal := d.cannedFor(a, id); refusal == nil {
			return &r.Version
		}
	case kind == evenkeel.KindCustomerPut:
		cu := d.customers.get(key{a.ws, id})
		if cu != nil && (a.agent == nil || a.supervises() || d.serves(a, cu)) {
			return &cu.PutVersion
		}
	}
	return nil
}

// mayConfigure tells whether a workspace is the caller's own, or his to rule.
func (a *actor) mayConfigure(workspace string) bool {
	return workspace == a.ws || a.role == evenkeel.RoleOperator || a.by.Kind == evenkeel.PrincipalSystem
}

// signingVersion returns where the version lies of what a workspace trusts for a
// use; nil while it trusts nothing.
func (r *workspaceRow) signingVersion(use string) *uint64 {
	switch {
	case use == evenkeel.SigningCustomers.String() && r.Identity != nil:
		return &r.IdentityVersion
	case use == evenkeel.SigningUsers.String() && r.Tokens != nil:
		return &r.TokensVersion
	}
	return nil
}

// checkVersion refuses a command that was made for another version of its
// object than there is.
func (d *Desk) checkVersion(c *call, body evenkeel.Body) *evenkeel.Error {
	if c.ifVersion == 0 {
		return nil
	}
	v := d.versioned(&c.actor, body)
	switch {
	case c.ifVersion == evenkeel.IfAbsent && v == nil, c.ifVersion == evenkeel.IfPresent && v != nil:
		return nil
	case v != nil && c.ifVersion == evenkeel.IfAbsent:
		return evenkeel.Errorf(evenkeel.CodeVersionConflict, "it exists already; leave the condition out to replace it")
	case v == nil:
		return evenkeel.Errorf(evenkeel.CodeVersionConflict, "it does not exist, or not any more")
	case *v+1 != c.ifVersion:
		return evenkeel.Errorf(evenkeel.CodeVersionConflict, "it was changed since it was read; read it again")
	}
	return nil
}

// newVersion gives the object of a command that was carried out its next
// version. The handler has touched the row, or made it.
func (d *Desk) newVersion(c *call, body evenkeel.Body) {
	if v := d.versioned(&c.actor, body); v != nil {
		d.cell.VersionSeq++
		*v = d.cell.VersionSeq
	}
}

// Version returns the version of an object, found by the kind of the command
// that puts it; 0 if there is none.
func (d *Desk) Version(by evenkeel.Principal, put evenkeel.Kind, id string) uint64 {
	a, refusal := d.actorOf(by)
	if refusal != nil {
		return 0
	}
	if v := d.versionAt(&a, put, id); v != nil {
		return *v + 1
	}
	return 0
}
