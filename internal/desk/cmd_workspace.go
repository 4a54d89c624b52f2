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
	if refusal := d.checkWorkspace(c, ws, &b.Workspace); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if ws != nil {
		if refusal := d.resize(workspaceSize(&ws.Workspace), workspaceSize(&b.Workspace)); refusal != nil {
			return evenkeel.Result{}, refusal
		}
		d.workspaces.touch(ws)
		ws.Workspace = b.Workspace
		return evenkeel.Result{}, nil
	}
	if int64(d.workspaces.len()) >= d.cell.Limits.Workspaces {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeLimitReached, "the cell has %d workspaces, which is its limit", d.workspaces.len())
	}
	if refusal := d.room(workspaceSize(&b.Workspace)); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	d.addWorkspace(&workspaceRow{Workspace: b.Workspace})
	return evenkeel.Result{Created: true}, nil
}

func (d *Desk) checkWorkspace(c *call, old *workspaceRow, w *evenkeel.Workspace) *evenkeel.Error {
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
	if w.DefaultQueue != "" && (old == nil || d.queues.get(key{w.ID, w.DefaultQueue}) == nil) {
		return evenkeel.FieldErrorf("default_queue", "there is no queue %q in the workspace", w.DefaultQueue)
	}
	suspended := old != nil && old.Suspended
	if w.Suspended != suspended && c.actor.role != evenkeel.RoleOperator && c.by.Kind != evenkeel.PrincipalSystem {
		return &evenkeel.Error{Code: evenkeel.CodeForbidden, Field: "suspended", Detail: "only an operator may suspend a workspace"}
	}
	return nil
}

func (d *Desk) addWorkspace(ws *workspaceRow) {
	ws.empty()
	d.workspaces.add(ws)
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
	if b.Key.Role != evenkeel.RoleService {
		return evenkeel.Result{}, evenkeel.FieldErrorf("role", "an API key's role is service")
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

func (d *Desk) apiKeyDelete(c *call, b *evenkeel.APIKeyDelete) (evenkeel.Result, *evenkeel.Error) {
	k := d.apiKeys.get(key{c.actor.ws, b.ID})
	if k == nil {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no API key %q", b.ID)
	}
	d.apiKeys.remove(k)
	d.account(-rowBytes)
	d.workspaces.get(k.Workspace).apiKeys--
	delete(d.byHash, k.Hash)
	d.emit(evenkeel.Event{Kind: evenkeel.EventLoggedOut, Principal: evenkeel.Principal{Workspace: k.Workspace, Kind: evenkeel.PrincipalService, ID: k.Config.ID}})
	return evenkeel.Result{}, nil
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
