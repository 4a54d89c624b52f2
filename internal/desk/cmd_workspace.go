package desk

import (
	"encoding/json"

	"github.com/evenkeel/evenkeel"
)

// maxOrigins bounds the list of a workspace's origins.
const maxOrigins = 100

func (d *Desk) workspacePut(c *call, b *evenkeel.WorkspacePut) (evenkeel.Result, *evenkeel.Error) {
	ws := d.workspaces.get(b.Workspace.ID)
	own := b.Workspace.ID == c.actor.ws
	if !own && c.actor.role != evenkeel.RoleOperator && c.by.Kind != evenkeel.PrincipalSystem {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no workspace %q", b.Workspace.ID)
	}
	if refusal := d.checkWorkspace(c, ws, b); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if ws != nil {
		if refusal := d.resize(workspaceSize(&ws.Workspace), workspaceSize(&b.Workspace)); refusal != nil {
			return evenkeel.Result{}, refusal
		}
		d.workspaces.touch(ws)
		d.unlinkHosts(&ws.Workspace)
		if b.Workspace.Suspended && !ws.Suspended {
			d.emit(evenkeel.Event{Kind: evenkeel.EventSuspended, Principal: evenkeel.Principal{Workspace: ws.ID}})
		}
		ws.Workspace = b.Workspace
		d.linkHosts(&ws.Workspace)
		return evenkeel.Result{}, nil
	}
	if int64(d.workspaces.len()) >= d.cell.Limits.Workspaces {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeLimitReached, "the cell has %d workspaces, which is its limit", d.workspaces.len())
	}
	if refusal := d.room(workspaceSize(&b.Workspace)); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	d.furnish(b)
	return evenkeel.Result{Created: true}, nil
}

func (d *Desk) checkWorkspace(c *call, old *workspaceRow, b *evenkeel.WorkspacePut) *evenkeel.Error {
	w := &b.Workspace
	if refusal := checkID("id", w.ID); refusal != nil {
		return refusal
	}
	if refusal := checkLabel("name", w.Name, maxLabel); refusal != nil {
		return refusal
	}
	if len(w.Origins) > maxOrigins {
		return evenkeel.FieldErrorf("origins", "a workspace has at most %d origins", maxOrigins)
	}
	for _, o := range w.Origins {
		if o == "" || len(o) > maxName {
			return evenkeel.FieldErrorf("origins", "an origin has 1 to %d characters, such as https://shop.example", maxName)
		}
	}
	if refusal := d.checkHosts(w); refusal != nil {
		return refusal
	}
	if refusal := checkTenant(c, old, w, b); refusal != nil {
		return refusal
	}
	if w.DefaultQueue != "" && (old == nil || d.queues.get(key{w.ID, w.DefaultQueue}) == nil) {
		return evenkeel.FieldErrorf("default_queue", "there is no queue %q in the workspace", w.DefaultQueue)
	}
	return nil
}

// checkTenant keeps what is for operators from everybody else: a workspace's
// limits, whether it is suspended, and its first admin.
func checkTenant(c *call, old *workspaceRow, w *evenkeel.Workspace, b *evenkeel.WorkspacePut) *evenkeel.Error {
	var was evenkeel.Workspace
	if old != nil {
		was = old.Workspace
	}
	if old != nil && old.Leaving {
		return evenkeel.Errorf(evenkeel.CodeConflict, "the workspace %s is being removed", w.ID)
	}
	for _, limit := range []int64{w.Limits.Agents, w.Limits.LiveChats, w.Limits.Connections, w.Limits.Storage, w.Limits.Commands} {
		if limit < 0 {
			return evenkeel.FieldErrorf("limits", "a limit is at least 1, or 0 for the cell's own")
		}
	}
	if b.Admin != nil && (old != nil || checkID("id", b.Admin.ID) != nil || b.Admin.Role != evenkeel.RoleAdmin || b.Password == "" || len(b.Password) > maxName ||
		b.Admin.Capacity < 0 || b.Admin.Capacity > maxCapacity) {
		return evenkeel.FieldErrorf("admin", "a new workspace's first admin needs an id, the role admin and a password")
	}
	if c.actor.role == evenkeel.RoleOperator || c.by.Kind == evenkeel.PrincipalSystem {
		return nil
	}
	if w.Suspended != was.Suspended {
		return &evenkeel.Error{Code: evenkeel.CodeForbidden, Field: "suspended", Detail: "only an operator may suspend a workspace"}
	}
	if w.Limits != was.Limits {
		return &evenkeel.Error{Code: evenkeel.CodeForbidden, Field: "limits", Detail: "only an operator may set a workspace's limits"}
	}
	return nil
}

// checkHosts refuses a host name that is another workspace's.
func (d *Desk) checkHosts(w *evenkeel.Workspace) *evenkeel.Error {
	if len(w.Hosts) > maxOrigins {
		return evenkeel.FieldErrorf("hosts", "a workspace has at most %d host names", maxOrigins)
	}
	for _, host := range w.Hosts {
		if host == "" || len(host) > maxName {
			return evenkeel.FieldErrorf("hosts", "a host name has 1 to %d characters, such as chat.example", maxName)
		}
		if other := d.hosts[host]; other != "" && other != w.ID {
			return &evenkeel.Error{Code: evenkeel.CodeConflict, Field: "hosts", Detail: "another workspace has the host name " + host}
		}
	}
	return nil
}

func (d *Desk) linkHosts(w *evenkeel.Workspace) {
	for _, host := range w.Hosts {
		d.hosts[host] = w.ID
	}
}

func (d *Desk) unlinkHosts(w *evenkeel.Workspace) {
	for _, host := range w.Hosts {
		delete(d.hosts, host)
	}
}

// furnish makes a workspace in which somebody can say hello at once: with a
// queue, and with its first admin as a member of it.
func (d *Desk) furnish(b *evenkeel.WorkspacePut) {
	config := b.Workspace
	config.DefaultQueue = firstQueue
	d.addWorkspace(&workspaceRow{Workspace: config})
	general := evenkeel.NewQueue(firstQueue)
	general.Name = "General"
	d.addQueue(&queueRow{Workspace: config.ID, Config: general})
	if b.Admin == nil {
		return
	}
	admin := *b.Admin
	admin.Queues = []evenkeel.Membership{{Queue: firstQueue, Level: 1}}
	if admin.Capacity == 0 {
		admin.Capacity = evenkeel.DefaultCapacity
	}
	d.addAgent(&agentRow{Workspace: config.ID, Config: admin, Password: b.Password, OneTime: b.OneTime, Since: d.Wall()})
}

// firstQueue is the queue of a new workspace, and its default.
const firstQueue = "general"

func (d *Desk) addWorkspace(ws *workspaceRow) {
	ws.empty()
	d.workspaces.add(ws)
	d.linkHosts(&ws.Workspace)
	d.account(workspaceSize(&ws.Workspace))
}

func (d *Desk) apiKeyPut(c *call, b *evenkeel.APIKeyPut) (evenkeel.Result, *evenkeel.Error) {
	ws := d.workspaces.get(c.actor.ws)
	if ws == nil {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no workspace %q", c.actor.ws)
	}
	old := d.apiKeys.get(key{ws.ID, b.Key.ID})
	if refusal := checkID("id", b.Key.ID); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if refusal := checkLabel("name", b.Key.Name, maxLabel); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if refusal := c.actor.mayGiveKey(old, b.Key.Role); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if b.Hash == "" && old == nil || len(b.Hash) > maxName {
		return evenkeel.Result{}, evenkeel.FieldErrorf("key", "a new API key needs a key")
	}
	if other := d.byHash[b.Hash]; b.Hash != "" && other != nil && other != old {
		return evenkeel.Result{}, &evenkeel.Error{Code: evenkeel.CodeConflict, Field: "key", Detail: "another API key has this key"}
	}
	if old == nil {
		if ws.apiKeys >= d.cell.Limits.APIKeys {
			return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeLimitReached, "the workspace has %d API keys, which is its limit", ws.apiKeys)
		}
		if refusal := d.room(rowBytes); refusal != nil {
			return evenkeel.Result{}, refusal
		}
		k := &apiKeyRow{Workspace: ws.ID, Config: b.Key, Hash: b.Hash}
		d.apiKeys.add(k)
		d.account(rowBytes)
		ws.apiKeys++
		d.byHash[k.Hash] = k
		return evenkeel.Result{Created: true}, nil
	}
	d.apiKeys.touch(old)
	old.Config = b.Key
	if b.Hash != "" && b.Hash != old.Hash {
		delete(d.byHash, old.Hash)
		old.Hash = b.Hash
		d.byHash[b.Hash] = old
	}
	return evenkeel.Result{}, nil
}

// mayGiveKey keeps operators' keys, which the nodes make for whoever is beside
// them on their machine, in the hands of the cell.
func (a *actor) mayGiveKey(old *apiKeyRow, role evenkeel.Role) *evenkeel.Error {
	own := a.by.Kind == evenkeel.PrincipalSystem
	switch {
	case role != evenkeel.RoleService && !(own && role == evenkeel.RoleOperator):
		return evenkeel.FieldErrorf("role", "an API key's role is service")
	case old != nil && old.Config.Role == evenkeel.RoleOperator && !own:
		return evenkeel.Errorf(evenkeel.CodeForbidden, "the API key %s is a node's own", old.Config.ID)
	}
	return nil
}

func (d *Desk) apiKeyDelete(c *call, b *evenkeel.APIKeyDelete) (evenkeel.Result, *evenkeel.Error) {
	k := d.apiKeys.get(key{c.actor.ws, b.ID})
	if k == nil {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no API key %q", b.ID)
	}
	if refusal := c.actor.mayGiveKey(k, evenkeel.RoleService); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	d.dropKey(k)
	return evenkeel.Result{}, nil
}

func (d *Desk) dropKey(k *apiKeyRow) {
	d.apiKeys.remove(k)
	d.account(-rowBytes)
	d.workspaces.get(k.Workspace).apiKeys--
	delete(d.byHash, k.Hash)
	d.emit(evenkeel.Event{Kind: evenkeel.EventLoggedOut, Principal: evenkeel.Principal{Workspace: k.Workspace, Kind: evenkeel.PrincipalService, ID: k.Config.ID}})
}

func (d *Desk) customerPut(c *call, b *evenkeel.CustomerPut) (evenkeel.Result, *evenkeel.Error) {
	ws := c.actor.ws
	if d.workspaces.get(ws) == nil {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no workspace %q", ws)
	}
	if b.Customer == "" || len(b.Customer) > maxName {
		return evenkeel.Result{}, evenkeel.FieldErrorf("id", "a customer's id has 1 to %d bytes", maxName)
	}
	if refusal := checkLabel("name", b.Name, maxLabel); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if refusal := d.checkAttributes(b.Attributes); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	old := d.customers.get(key{ws, b.Customer})
	if c.actor.agent != nil && !c.actor.supervises() && (old == nil || !d.serves(&c.actor, old)) {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no customer %q", b.Customer)
	}
	if refusal := d.roomForCustomer(ws, b.Customer); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if refusal := d.room(int64(len(b.Attributes)) + rowBytes); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	doc := b.Attributes
	if len(doc) == 0 {
		doc = json.RawMessage("{}") // put on purpose, so remembered
	}
	cu := d.customerFor(ws, b.Customer)
	d.customers.touch(cu)
	d.account(int64(len(doc) - len(cu.Attributes)))
	cu.Name, cu.Attributes = b.Name, doc
	return evenkeel.Result{Created: old == nil}, nil
}
