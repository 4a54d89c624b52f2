package desk

import "github.com/evenkeel/evenkeel"

// The bounds of what a namespace may have nodes keep of each of its channels.
const (
	maxKept      = 1000
	maxKeptBytes = 256 << 10
	maxKeptAge   = 24 * evenkeel.Hour
	maxRate      = 10000
)

func (d *Desk) namespacePut(c *call, b *evenkeel.NamespacePut) (evenkeel.Result, *evenkeel.Error) {
	ws := d.workspaces.get(c.actor.ws)
	if ws == nil {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no workspace %q", c.actor.ws)
	}
	if refusal := checkNamespace(&b.Namespace); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if n := d.namespaces.get(key{ws.ID, b.Namespace.Name}); n != nil {
		d.namespaces.touch(n)
		n.Config = b.Namespace
		return evenkeel.Result{}, nil
	}
	if ws.namespaces >= d.cell.Limits.Namespaces {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeLimitReached, "the workspace has %d namespaces, which is its limit", ws.namespaces)
	}
	if refusal := d.room(namespaceSize(&b.Namespace)); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	d.namespaces.add(&namespaceRow{Workspace: ws.ID, Config: b.Namespace})
	d.account(namespaceSize(&b.Namespace))
	ws.namespaces++
	return evenkeel.Result{Created: true}, nil
}

func checkNamespace(n *evenkeel.Namespace) *evenkeel.Error {
	if refusal := checkID("name", n.Name); refusal != nil {
		return refusal
	}
	h := &n.History
	switch {
	case evenkeel.ReservedNamespace(n.Name):
		return evenkeel.FieldErrorf("name", "%q is the name of the cell's own channels; choose another", n.Name)
	case n.Subscribe > evenkeel.SubscribeStaff:
		return evenkeel.FieldErrorf("subscribe", "the rule is unknown")
	case n.Publish > evenkeel.PublishToken:
		return evenkeel.FieldErrorf("publish", "the rule is unknown")
	case h.Size < 0 || h.Size > maxKept:
		return evenkeel.FieldErrorf("history.size", "the size must be from 0 to %d publications", maxKept)
	case h.Bytes < 1 || h.Bytes > maxKeptBytes:
		return evenkeel.FieldErrorf("history.bytes", "the bytes must be from 1 to %d", maxKeptBytes)
	case h.Age < evenkeel.Second || h.Age > maxKeptAge:
		return evenkeel.FieldErrorf("history.age", "the age must be from 1 second to 24 hours")
	case h.Size == 0 && n.ClientHistory:
		return evenkeel.FieldErrorf("client_history", "there is nothing to read without a history.size")
	case h.Size == 0 && n.Recover:
		return evenkeel.FieldErrorf("recover", "there is nothing to recover from without a history.size")
	case h.Size == 0 && n.LastValue:
		return evenkeel.FieldErrorf("last_value", "there is no last value without a history.size")
	case n.MaxRate < 1 || n.MaxRate > maxRate:
		return evenkeel.FieldErrorf("max_rate", "the rate must be from 1 to %d publications a second", maxRate)
	}
	return nil
}

func (d *Desk) namespaceDelete(c *call, b *evenkeel.NamespaceDelete) (evenkeel.Result, *evenkeel.Error) {
	n := d.namespaces.get(key{c.actor.ws, b.Namespace})
	if n == nil {
		return evenkeel.Result{}, noNamespace(b.Namespace)
	}
	d.dropNamespace(n)
	return evenkeel.Result{}, nil
}

// dropNamespace removes a namespace. A channel without an id stands for all of
// its kind.
func (d *Desk) dropNamespace(n *namespaceRow) {
	d.namespaces.remove(n)
	d.account(-namespaceSize(&n.Config))
	d.workspaces.get(n.Workspace).namespaces--
	d.emit(evenkeel.Event{Kind: evenkeel.EventDropped, Channel: evenkeel.Channel(n.Workspace, n.Config.Name, "")})
}

func noNamespace(name string) *evenkeel.Error {
	return evenkeel.Errorf(evenkeel.CodeNotFound, "there is no namespace %q", name)
}

// Namespace returns a workspace's namespace.
func (d *Desk) Namespace(workspace, name string) (evenkeel.Namespace, bool) {
	n := d.namespaces.get(key{workspace, name})
	if n == nil {
		return evenkeel.Namespace{}, false
	}
	return n.Config, true
}

// Namespaces lists the namespaces of the caller's workspace by name, behind
// after.
func (d *Desk) Namespaces(by evenkeel.Principal, after string, limit int) ([]evenkeel.Namespace, error) {
	a, err := d.staffReader(by)
	if err != nil {
		return nil, err
	}
	rows := pageRows(d.namespaces.list, limit,
		func(r *namespaceRow) bool { return r.Workspace == a.ws && r.Config.Name > after },
		func(x, y *namespaceRow) bool { return x.Config.Name < y.Config.Name })
	out := make([]evenkeel.Namespace, 0, len(rows))
	for _, r := range rows {
		out = append(out, r.Config)
	}
	return out, nil
}
