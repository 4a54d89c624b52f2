package main

import (
	"context"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/client"
	"github.com/evenkeel/evenkeel/internal/auth"
)

// change is one object that is not as the file says.
type change struct {
	Op     string        `json:"op"` // create, update or delete
	Kind   string        `json:"kind"`
	ID     string        `json:"id,omitempty"`
	Fields []fieldChange `json:"fields,omitempty"`
	Done   bool          `json:"done"`

	do func(ctx context.Context) error
}

// fieldChange is one field of it: of something new, one that has not its default.
// What a secret is stands nowhere.
type fieldChange struct {
	Field  string `json:"field"`
	From   string `json:"from,omitempty"`
	To     string `json:"to,omitempty"`
	Secret bool   `json:"secret,omitempty"`
}

func (c *change) name() string { return strings.TrimSpace(c.Kind + " " + plain(c.ID)) }

// plan is what has to be done to the cell, in this order.
type plan struct {
	file    yamlFile
	c       *client.Client
	changes []*change
	made    map[string]string // keys that the cell made, by the API key's id
}

// makePlan compares the file with the cell. Nothing is changed. What others
// need comes first: queues, then who is in them; what goes, goes last.
func makePlan(ctx context.Context, file yamlFile, c *client.Client, w *wantedState, prune bool) (*plan, error) {
	p := &plan{file: file, c: c, made: map[string]string{}}
	me, err := c.Me(ctx)
	if err != nil {
		return nil, err
	}
	if me.Workspace != w.workspace {
		return nil, usageError(fmt.Sprintf("%s is about the workspace %s, and this key is of the workspace %s: use one of that workspace", string(file), w.workspace, me.Workspace))
	}
	queues, err := collect(c.Queues(ctx), func(q *evenkeel.QueueState) string { return q.ID })
	if err != nil {
		return nil, err
	}
	agents, err := collect(c.Agents(ctx), func(a *evenkeel.AgentState) string { return a.ID })
	if err != nil {
		return nil, err
	}
	if err := w.checkQueues(file, queues); err != nil {
		return nil, err
	}
	if err := p.queues(w, queues); err != nil {
		return nil, err
	}
	if err := p.agents(ctx, w, agents); err != nil {
		return nil, err
	}
	if err := p.keys(ctx, w, prune); err != nil {
		return nil, err
	}
	if err := p.namespaces(ctx, w, prune); err != nil {
		return nil, err
	}
	if err := p.canned(ctx, w, prune); err != nil {
		return nil, err
	}
	if err := p.workspace(ctx, w); err != nil {
		return nil, err
	}
	if prune {
		p.prune(w, agents, queues)
	}
	return p, nil
}

// collect reads a whole list of the cell, by id.
func collect[T any](list iter.Seq2[T, error], id func(T) string) (map[string]T, error) {
	all := map[string]T{}
	for item, err := range list {
		if err != nil {
			return nil, err
		}
		all[id(item)] = item
	}
	return all, nil
}

// add notes a change, unless nothing differs.
func (p *plan) add(op, kind, id string, fields []fieldChange, do func(ctx context.Context) error) {
	if op == "update" && len(fields) == 0 {
		return
	}
	p.changes = append(p.changes, &change{Op: op, Kind: kind, ID: id, Fields: fields, do: do})
}

// checkQueues finds names of queues that are neither in the file nor in the
// cell, before anything is changed.
func (w *wantedState) checkQueues(file yamlFile, there map[string]*evenkeel.QueueState) error {
	known := func(id string) bool {
		return there[id] != nil || slices.ContainsFunc(w.queues, func(q wantedQueue) bool { return q.ID == id })
	}
	for _, q := range w.queues {
		if q.Overflow != "" && !known(q.Overflow) {
			return file.errorf(q.at, "the queue %s overflows to %q, and there is no such queue", q.ID, q.Overflow)
		}
	}
	for _, r := range w.canned {
		for _, q := range r.Queues {
			if !known(q) {
				return file.errorf(r.at, "the canned reply %s is meant for the queue %q, and there is no such queue", r.ID, q)
			}
		}
	}
	for _, a := range w.agents {
		for _, m := range a.Queues {
			if !known(m.Queue) {
				return file.errorf(a.at, "the agent %s is in the queue %q, and there is no such queue", a.ID, m.Queue)
			}
		}
	}
	return nil
}

// queues plans the queues: each after the one that it overflows to. Where they
// overflow in a circle of new ones, the first is made without, and told later.
func (p *plan) queues(w *wantedState, there map[string]*evenkeel.QueueState) error {
	made := map[string]bool{}
	for id := range there {
		made[id] = true
	}
	put := func(q evenkeel.Queue) func(ctx context.Context) error {
		return func(ctx context.Context) error { _, err := p.c.PutQueue(ctx, q); return err }
	}
	waiting := slices.Clone(w.queues)
	for len(waiting) > 0 {
		i := slices.IndexFunc(waiting, func(q wantedQueue) bool { return q.Overflow == "" || made[q.Overflow] })
		if i < 0 { // a circle
			first := waiting[0].Queue
			first.Overflow = ""
			p.add("create", "queue", first.ID, differences(evenkeel.NewQueue(first.ID), first), put(first))
			made[first.ID] = true
			there[first.ID] = &evenkeel.QueueState{Queue: first}
			continue
		}
		q := waiting[i].Queue
		waiting = slices.Delete(waiting, i, i+1)
		made[q.ID] = true
		if old := there[q.ID]; old != nil {
			p.add("update", "queue", q.ID, differences(old.Queue, q), put(q))
		} else {
			p.add("create", "queue", q.ID, differences(evenkeel.NewQueue(q.ID), q), put(q))
		}
	}
	return nil
}

func (p *plan) agents(ctx context.Context, w *wantedState, there map[string]*evenkeel.AgentState) error {
	for _, a := range w.agents {
		old := there[a.ID]
		op, fields := "create", differences(defaultAgent(a.ID), a.Agent)
		if old != nil {
			op, fields = "update", differences(old.Agent, a.Agent)
		}
		password := ""
		if a.Password != nil {
			same, err := p.passwordIs(ctx, w.workspace, old, *a.Password)
			if err != nil {
				return fmt.Errorf("compare the password of the agent %s with the cell's: %w", a.ID, err)
			}
			if !same {
				password = *a.Password
				fields = append(fields, fieldChange{Field: "password", Secret: true})
			}
		}
		p.add(op, "agent", a.ID, fields, func(ctx context.Context) error { _, err := p.c.PutAgent(ctx, a.Agent, password); return err })
	}
	return nil
}

// passwordIs tells whether an agent signs in with this password now: by doing it
// and ending that login. The cell has only a hash, of which it tells nobody.
func (p *plan) passwordIs(ctx context.Context, workspace string, a *evenkeel.AgentState, password string) (bool, error) {
	if a == nil || a.Email == "" {
		return false, nil
	}
	// Wrong ones are limited to so many a minute; this waits for its turn.
	probe, err := client.New(client.Config{URL: p.c.URL(), Patience: passwordPatience})
	if err != nil {
		return false, err
	}
	defer probe.Close()
	login, err := probe.Login(ctx, client.Credentials{Email: a.Email, Password: password, Workspace: workspace})
	switch {
	case evenkeel.ErrorCode(err) == evenkeel.CodeInvalidCredentials:
		return false, nil
	case err != nil:
		return false, err
	}
	return login.User.ID == a.ID, probe.Logout(ctx)
}

func (p *plan) keys(ctx context.Context, w *wantedState, prune bool) error {
	if !w.has["api_keys"] {
		return nil
	}
	there, err := collect(p.c.APIKeys(ctx), func(k *evenkeel.APIKey) string { return k.ID })
	if err != nil {
		return err
	}
	for _, k := range w.keys {
		if err := p.key(ctx, k, there[k.ID]); err != nil {
			return err
		}
		delete(there, k.ID)
	}
	me, err := p.c.Me(ctx)
	if err != nil {
		return err
	}
	for _, id := range sortedKeys(there) {
		// Nodes' own keys are not the file's business, and nobody saws off the
		// branch that he sits on.
		if prune && there[id].Role == evenkeel.RoleService && id != me.ID {
			p.add("delete", "API key", id, nil, func(ctx context.Context) error { return p.c.DeleteAPIKey(ctx, id) })
		}
	}
	return nil
}

func (p *plan) key(ctx context.Context, k wantedKey, old *evenkeel.APIKey) error {
	op, fields, secret := "create", differences(evenkeel.APIKey{Role: evenkeel.RoleService}, k.APIKey), ""
	if old != nil {
		op, fields = "update", differences(*old, k.APIKey)
	}
	switch {
	case k.Key != nil:
		same, err := p.keyIs(ctx, k.ID, *k.Key)
		if err != nil {
			return fmt.Errorf("compare the API key %s with the cell's: %w", k.ID, err)
		}
		if !same {
			secret = *k.Key
			fields = append(fields, fieldChange{Field: "key", Secret: true})
		}
	case old == nil:
		fields = append(fields, fieldChange{Field: "key", Secret: true})
	}
	p.add(op, "API key", k.ID, fields, func(ctx context.Context) error {
		made, err := p.c.PutAPIKey(ctx, k.APIKey, secret)
		if err == nil && made.Key != "" {
			p.made[k.ID] = made.Key
		}
		return err
	})
	return nil
}

// keyIs tells whether a key opens the cell as this API key now.
func (p *plan) keyIs(ctx context.Context, id, key string) (bool, error) {
	probe, err := client.New(client.Config{URL: p.c.URL(), APIKey: key, Patience: cellPatience})
	if err != nil {
		return false, err
	}
	defer probe.Close()
	who, err := probe.Me(ctx)
	if evenkeel.ErrorCode(err) == evenkeel.CodeUnauthenticated {
		return false, nil
	}
	return err == nil && who.Role == evenkeel.RoleService && who.ID == id, err
}

func (p *plan) namespaces(ctx context.Context, w *wantedState, prune bool) error {
	if !w.has["namespaces"] {
		return nil
	}
	const path = "/v1/namespaces"
	there, err := collect(client.List[*evenkeel.Namespace](ctx, p.c, path, nil), func(n *evenkeel.Namespace) string { return n.Name })
	if err != nil {
		return err
	}
	for _, s := range w.spaces {
		op, old := "create", evenkeel.NewNamespace(s.Name)
		if known := there[s.Name]; known != nil {
			op, old = "update", *known
		}
		p.add(op, "namespace", s.Name, differences(old, s.Namespace), func(ctx context.Context) error {
			_, err := p.c.Do(ctx, client.Request{Method: "PUT", Path: path + "/" + url.PathEscape(s.Name), Body: s.Namespace}, nil)
			return err
		})
		delete(there, s.Name)
	}
	for _, name := range sortedKeys(there) {
		if prune {
			p.add("delete", "namespace", name, nil, func(ctx context.Context) error {
				_, err := p.c.Do(ctx, client.Request{Method: "DELETE", Path: path + "/" + url.PathEscape(name)}, nil)
				return err
			})
		}
	}
	return nil
}

// canned plans the shared replies; agents' own are theirs.
func (p *plan) canned(ctx context.Context, w *wantedState, prune bool) error {
	if !w.has["canned"] {
		return nil
	}
	const path = "/v1/canned"
	there, err := collect(client.List[*evenkeel.Canned](ctx, p.c, path, nil), func(r *evenkeel.Canned) string { return r.ID })
	if err != nil {
		return err
	}
	for _, r := range w.canned {
		op, old := "create", evenkeel.Canned{Title: r.ID}
		if known := there[r.ID]; known != nil {
			op, old = "update", *known
		}
		p.add(op, "canned reply", r.ID, differences(old, r.Canned), func(ctx context.Context) error {
			_, err := p.c.Do(ctx, client.Request{Method: "PUT", Path: path + "/" + url.PathEscape(r.ID), Body: r.Canned}, nil)
			return err
		})
		delete(there, r.ID)
	}
	for _, id := range sortedKeys(there) {
		if prune {
			p.add("delete", "canned reply", id, nil, func(ctx context.Context) error {
				_, err := p.c.Do(ctx, client.Request{Method: "DELETE", Path: path + "/" + url.PathEscape(id)}, nil)
				return err
			})
		}
	}
	return nil
}

// workspace plans what the workspace as such has: who may sign, whence pages
// may come.
func (p *plan) workspace(ctx context.Context, w *wantedState) error {
	if err := p.signing(ctx, w.workspace, evenkeel.SigningCustomers, w.identity); err != nil {
		return err
	}
	if err := p.signing(ctx, w.workspace, evenkeel.SigningUsers, w.tokens); err != nil {
		return err
	}
	if !w.has["origins"] {
		return nil
	}
	old, err := p.c.Workspace(ctx, w.workspace)
	if err != nil {
		return err
	}
	fresh := *old
	fresh.Origins = w.origins
	p.add("update", "workspace", w.workspace, differences(*old, fresh), func(ctx context.Context) error {
		_, err := p.c.PutWorkspace(ctx, fresh)
		return err
	})
	return nil
}

func (p *plan) signing(ctx context.Context, workspace string, use evenkeel.SigningUse, wanted *wantedSigning) error {
	if wanted == nil {
		return nil
	}
	var old struct {
		wantedSigning
		Fingerprint string `json:"secret_fingerprint"`
	}
	path := "/v1/workspaces/" + workspace + "/" + use.String()
	if _, err := p.c.Do(ctx, client.Request{Method: "GET", Path: path}, &old); err != nil {
		return err
	}
	body := *wanted
	fields := differences(wantedSigning{JWKSURL: old.JWKSURL, Issuer: old.Issuer, Audience: old.Audience},
		wantedSigning{JWKSURL: wanted.JWKSURL, Issuer: wanted.Issuer, Audience: wanted.Audience})
	if wanted.Secret != nil && auth.SecretFingerprint([]byte(*wanted.Secret)) != old.Fingerprint {
		fields = append(fields, fieldChange{Field: "hmac_secret", Secret: true})
	} else {
		body.Secret = nil
	}
	p.add("update", use.String(), "", fields, func(ctx context.Context) error {
		_, err := p.c.Do(ctx, client.Request{Method: "PUT", Path: path, Body: body.asJSON()}, nil)
		return err
	})
	return nil
}

// asJSON leaves a secret out that is to stay.
func (s *wantedSigning) asJSON() map[string]any {
	body := map[string]any{"jwks_url": s.JWKSURL, "issuer": s.Issuer, "audience": s.Audience}
	if s.Secret != nil {
		body["hmac_secret"] = *s.Secret
	}
	return body
}

// prune plans the end of what the file does not have, of the kinds that it has.
func (p *plan) prune(w *wantedState, agents map[string]*evenkeel.AgentState, queues map[string]*evenkeel.QueueState) {
	for _, id := range sortedKeys(agents) {
		if w.has["agents"] && !slices.ContainsFunc(w.agents, func(a wantedAgent) bool { return a.ID == id }) {
			p.add("delete", "agent", id, nil, func(ctx context.Context) error { return p.c.DeleteAgent(ctx, id) })
		}
	}
	for _, id := range sortedKeys(queues) {
		if w.has["queues"] && !slices.ContainsFunc(w.queues, func(q wantedQueue) bool { return q.ID == id }) {
			p.add("delete", "queue", id, nil, func(ctx context.Context) error { return p.c.DeleteQueue(ctx, id) })
		}
	}
}

func sortedKeys[T any](m map[string]T) []string {
	keys := make([]string, 0, len(m))
	for key := range m { //order: sorted below
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
