package desk

import (
	"slices"
	"sort"

	"github.com/evenkeel/evenkeel"
)

// Role returns the role of a principal as it is now; RoleNone for one that does
// not exist, or not any more.
func (d *Desk) Role(p evenkeel.Principal) evenkeel.Role {
	a, refusal := d.actorOf(p)
	if refusal != nil {
		return evenkeel.RoleNone
	}
	return a.role
}

// Token returns the login of a token by its SHA-256.
func (d *Desk) Token(hash string) (evenkeel.Login, bool) {
	t := d.tokens.get(hash)
	if t == nil || d.cell.Now >= t.Expires {
		return evenkeel.Login{}, false
	}
	a := d.agents.get(key{t.Workspace, t.Agent})
	return evenkeel.Login{
		Principal: a.principal(), Role: a.Config.Role, Name: a.Config.Name, MustChange: a.OneTime, Expires: t.Expires, Session: hash,
	}, true
}

// loginName is how much of a token's hash names the login in lists.
const loginName = 16

// Logins lists the logins of an agent, the oldest first: for himself and for
// admins.
func (d *Desk) Logins(by evenkeel.Principal, agent string) ([]evenkeel.LoginState, error) {
	a, refusal := d.actorOf(by)
	if refusal != nil {
		return nil, refusal
	}
	row := d.agents.get(key{a.ws, agent})
	if row == nil || !d.mayManage(&a, a.ws, agent) {
		return nil, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no agent %q", agent)
	}
	out := make([]evenkeel.LoginState, 0, len(row.tokens))
	for _, t := range row.tokens {
		out = append(out, evenkeel.LoginState{
			ID: t.Hash[:min(loginName, len(t.Hash))], Created: t.Issued, Expires: d.Wall() + evenkeel.Time(t.Expires-d.cell.Now),
			Address: t.Address, Program: t.Program, Hash: t.Hash,
		})
	}
	return out, nil
}

// APIKey returns the login of an API key by its SHA-256.
func (d *Desk) APIKey(hash string) (evenkeel.Login, bool) {
	k := d.byHash[hash]
	if k == nil {
		return evenkeel.Login{}, false
	}
	p := evenkeel.Principal{Workspace: k.Workspace, Kind: evenkeel.PrincipalService, ID: k.Config.ID}
	return evenkeel.Login{Principal: p, Role: k.Config.Role, Name: k.Config.Name}, true
}

// Credentials returns what the password of an e-mail address is checked
// against.
func (d *Desk) Credentials(workspace, email string) (evenkeel.Credentials, bool) {
	ws := d.workspaces.get(workspace)
	if ws == nil || ws.emails[email] == nil {
		return evenkeel.Credentials{}, false
	}
	a := ws.emails[email]
	return evenkeel.Credentials{Agent: a.Config.ID, Hash: a.Password, MustChange: a.OneTime}, a.Password != ""
}

// VisitorKey returns the sealed key that signs visitors' tokens.
func (d *Desk) VisitorKey() []byte { return d.cell.VisitorKey }

// Workspace returns a workspace's configuration.
func (d *Desk) Workspace(id string) (evenkeel.Workspace, bool) {
	ws := d.workspaces.get(id)
	if ws == nil {
		return evenkeel.Workspace{}, false
	}
	return ws.Workspace, true
}

// Origins returns the allowed origins of all workspaces, sorted.
func (d *Desk) Origins() []string {
	var out []string
	for _, ws := range d.workspaces.list {
		out = append(out, ws.Origins...)
	}
	sort.Strings(out)
	return out
}

// staff resolves a reader who must be of the staff, or a service.
func (d *Desk) staffReader(by evenkeel.Principal) (actor, error) {
	a, refusal := d.actorOf(by)
	if refusal != nil {
		return a, refusal
	}
	if a.agent == nil && a.service == nil {
		return a, evenkeel.Errorf(evenkeel.CodeForbidden, "this is for staff")
	}
	return a, nil
}

// Agent returns an agent of the caller's workspace.
func (d *Desk) Agent(by evenkeel.Principal, id string) (*evenkeel.AgentState, error) {
	a, err := d.staffReader(by)
	if err != nil {
		return nil, err
	}
	row := d.agents.get(key{a.ws, id})
	if row == nil {
		return nil, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no agent %q", id)
	}
	return d.agentState(row), nil
}

// Agents lists agents by id, behind after.
func (d *Desk) Agents(by evenkeel.Principal, after string, limit int) ([]*evenkeel.AgentState, error) {
	a, err := d.staffReader(by)
	if err != nil {
		return nil, err
	}
	rows := pageRows(d.agents.list, limit,
		func(r *agentRow) bool { return r.Workspace == a.ws && r.Config.ID > after },
		func(x, y *agentRow) bool { return x.Config.ID < y.Config.ID })
	out := make([]*evenkeel.AgentState, 0, len(rows))
	for _, r := range rows {
		out = append(out, d.agentState(r))
	}
	return out, nil
}

// agentState returns how an agent stands. Memberships of queues that were
// deleted are left out.
func (d *Desk) agentState(a *agentRow) *evenkeel.AgentState {
	s := &evenkeel.AgentState{Agent: a.Config, Status: a.Status, Reason: a.Reason, Connected: a.connected(), Used: a.Used, Since: a.Since}
	s.Queues = make([]evenkeel.Membership, 0, len(a.Config.Queues))
	for _, m := range a.Config.Queues {
		if d.queues.get(key{a.Workspace, m.Queue}) != nil {
			s.Queues = append(s.Queues, m)
		}
	}
	return s
}

// Queue returns a queue of the caller's workspace.
func (d *Desk) Queue(by evenkeel.Principal, id string) (*evenkeel.QueueState, error) {
	a, err := d.staffReader(by)
	if err != nil {
		return nil, err
	}
	q := d.queues.get(key{a.ws, id})
	if q == nil {
		return nil, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no queue %q", id)
	}
	return queueState(q), nil
}

// Queues lists queues by id, behind after.
func (d *Desk) Queues(by evenkeel.Principal, after string, limit int) ([]*evenkeel.QueueState, error) {
	a, err := d.staffReader(by)
	if err != nil {
		return nil, err
	}
	rows := pageRows(d.queues.list, limit,
		func(r *queueRow) bool { return r.Workspace == a.ws && r.Config.ID > after },
		func(x, y *queueRow) bool { return x.Config.ID < y.Config.ID })
	out := make([]*evenkeel.QueueState, 0, len(rows))
	for _, r := range rows {
		out = append(out, queueState(r))
	}
	return out, nil
}

func queueState(q *queueRow) *evenkeel.QueueState {
	return &evenkeel.QueueState{Queue: q.Config, Waiting: q.waiting, Live: q.live - q.waiting, Missed: q.missed, Unlisted: q.Unlisted, Open: !q.closed(), Until: q.ShutUntil}
}

// APIKeys lists API keys by id, behind after.
func (d *Desk) APIKeys(by evenkeel.Principal, after string, limit int) ([]evenkeel.APIKey, error) {
	a, err := d.staffReader(by)
	if err != nil {
		return nil, err
	}
	if !administers(a.role) {
		return nil, evenkeel.Errorf(evenkeel.CodeForbidden, "API keys are for admins")
	}
	rows := pageRows(d.apiKeys.list, limit,
		func(r *apiKeyRow) bool { return r.Workspace == a.ws && r.Config.ID > after },
		func(x, y *apiKeyRow) bool { return x.Config.ID < y.Config.ID })
	out := make([]evenkeel.APIKey, 0, len(rows))
	for _, r := range rows {
		out = append(out, r.Config)
	}
	return out, nil
}

// pageRows returns the first rows of those to keep, in order. It walks over a
// table, for reads change nothing, but sorts no more than it returns: Apply
// waits meanwhile.
func pageRows[R any](list []R, limit int, keep func(R) bool, less func(a, b R) bool) []R {
	var out []R
	for _, r := range list {
		full := len(out) >= limit
		if full && (limit <= 0 || !less(r, out[limit-1])) || !keep(r) {
			continue
		}
		if full {
			out = out[:limit-1]
		}
		i := sort.Search(len(out), func(i int) bool { return less(r, out[i]) })
		out = slices.Insert(out, i, r)
	}
	return out
}

// Limits returns what bounds the state.
func (d *Desk) Limits() evenkeel.Limits { return d.cell.Limits }

// Status returns the replica's account of itself.
func (d *Desk) Status() evenkeel.DeskStatus {
	return evenkeel.DeskStatus{
		CellID: d.cell.CellID, Generation: d.cell.Generation, Level: d.cell.Level, Index: d.cell.Index, Time: d.cell.Now, Wall: d.Wall(),
		Bytes: d.cell.Bytes, Hash: d.cell.Hash, Chats: int64(d.chats.len()), Sessions: int64(d.sessions.len()),
		Incidents: int64(len(d.opened)), MaxBytes: d.cell.Limits.MaxState, Skipped: d.cell.Skipped,
	}
}
