package desk

import (
	"github.com/evenkeel/evenkeel"
)

// tokenIssue records a login. Above the limit of logins the agent's oldest one
// ends.
func (d *Desk) tokenIssue(b *evenkeel.TokenIssue) (evenkeel.Result, *evenkeel.Error) {
	if refusal := checkLogin(b.Address, b.Program); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	a := d.agentNamed(b.Agent)
	if a == nil {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no agent %q", b.Agent)
	}
	if d.workspaces.get(a.Workspace).Suspended && a.Config.Role != evenkeel.RoleOperator {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeForbidden, "the workspace %s is suspended", a.Workspace)
	}
	if b.Replaces != "" {
		old := d.tokens.get(b.Replaces)
		if old == nil || old.Agent != a.Config.ID || old.Workspace != a.Workspace {
			return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeUnauthenticated, "the login has ended")
		}
	}
	if d.tokens.get(b.Hash) != nil {
		return evenkeel.Result{Repeated: true}, nil
	}
	d.addToken(a, &tokenRow{Hash: b.Hash, Address: b.Address, Program: b.Program}, b.Life)
	if old := d.tokens.get(b.Replaces); old != nil {
		d.tokens.touch(old)
		d.stopTimer(&old.Timer)
		old.Expires = min(old.Expires, d.cell.Now+replacedLife)
		old.Timer = d.setTimer(timerToken, "", old.Hash, old.Expires)
	}
	return evenkeel.Result{Agent: d.agentState(a)}, nil
}

// replacedLife is how long a replaced token is still good: for a connection that
// came with it to be renewed with the new one.
const replacedLife = evenkeel.DeskTime(evenkeel.Minute)

// agentNamed finds an agent by "workspace/id".
func (d *Desk) agentNamed(name string) *agentRow {
	for i := 0; i < len(name); i++ {
		if name[i] == '/' {
			return d.agents.get(key{name[:i], name[i+1:]})
		}
	}
	return d.agents.get(key{evenkeel.DefaultWorkspace, name})
}

// Bounds of what a login is recognized by, in bytes.
const (
	maxAddress = 64
	maxProgram = 200
)

func checkLogin(address, program string) *evenkeel.Error {
	if len(address) > maxAddress || len(program) > maxProgram {
		return evenkeel.FieldErrorf("program", "a login's address has at most %d bytes, its program's name %d", maxAddress, maxProgram)
	}
	return nil
}

func tokenSize(t *tokenRow) int64 { return rowBytes + int64(len(t.Address)+len(t.Program)) }

func (d *Desk) addToken(a *agentRow, t *tokenRow, life evenkeel.Duration) {
	for int64(len(a.tokens)) >= d.cell.Limits.Tokens {
		d.dropToken(a.tokens[0])
	}
	d.cell.TokenSeq++
	t.Workspace, t.Agent, t.Seq = a.Workspace, a.Config.ID, d.cell.TokenSeq
	t.Issued, t.Expires = d.Wall(), d.cell.Now+evenkeel.DeskTime(life)
	t.Timer = d.setTimer(timerToken, "", t.Hash, t.Expires)
	d.tokens.add(t)
	a.tokens = append(a.tokens, t)
	d.account(tokenSize(t))
}

// dropToken ends a login: edges disconnect whoever came with it.
func (d *Desk) dropToken(t *tokenRow) {
	d.tokens.touch(t)
	d.stopTimer(&t.Timer)
	d.tokens.remove(t)
	d.account(-tokenSize(t))
	a := d.agents.get(key{t.Workspace, t.Agent})
	for i := range a.tokens {
		if a.tokens[i] == t {
			a.tokens = append(a.tokens[:i:i], a.tokens[i+1:]...)
			break
		}
	}
	d.emit(evenkeel.Event{Kind: evenkeel.EventLoggedOut, Principal: a.principal(), Token: t.Hash})
}

func (d *Desk) tokenRevoke(c *call, b *evenkeel.TokenRevoke) (evenkeel.Result, *evenkeel.Error) {
	if b.Hash != "" {
		t := d.tokens.get(b.Hash)
		if t == nil || !d.mayManage(&c.actor, t.Workspace, t.Agent) {
			return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no such login")
		}
		d.dropToken(t)
		return evenkeel.Result{}, nil
	}
	a := d.agents.get(key{c.actor.ws, b.Agent})
	if a == nil || !d.mayManage(&c.actor, a.Workspace, a.Config.ID) {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no agent %q", b.Agent)
	}
	d.dropTokens(a, b.Except)
	return evenkeel.Result{}, nil
}

func (d *Desk) dropTokens(a *agentRow, except string) {
	for i := len(a.tokens) - 1; i >= 0; i-- {
		if a.tokens[i].Hash != except {
			d.dropToken(a.tokens[i])
		}
	}
}

// mayManage tells whether the actor may change an agent's logins and password:
// the agent himself, or an admin.
func (d *Desk) mayManage(a *actor, ws, agent string) bool {
	if a.by.Kind == evenkeel.PrincipalSystem {
		return true
	}
	if a.agent == nil || a.ws != ws {
		return false
	}
	return a.agent.Config.ID == agent || a.role == evenkeel.RoleAdmin || a.role == evenkeel.RoleOperator
}

// passwordSet stores a password. All logins of the agent end, but for the one
// that asks: a password is changed because the old one is known to somebody.
func (d *Desk) passwordSet(c *call, b *evenkeel.PasswordSet) (evenkeel.Result, *evenkeel.Error) {
	a := d.agents.get(key{c.actor.ws, b.Agent})
	if a == nil || !d.mayManage(&c.actor, a.Workspace, a.Config.ID) {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no agent %q", b.Agent)
	}
	if a.Config.Role == evenkeel.RoleOperator && a != c.actor.agent && !c.actor.operates() {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeForbidden, "only an operator can set an operator's password")
	}
	if b.Hash == "" || len(b.Hash) > maxName {
		return evenkeel.Result{}, evenkeel.FieldErrorf("password", "a password's hash is missing or too long")
	}
	d.agents.touch(a)
	a.Password, a.OneTime = b.Hash, b.OneTime
	d.dropTokens(a, b.Keep)
	return evenkeel.Result{Agent: d.agentState(a)}, nil
}

// startUse turns the first-run link into a login of the first admin.
func (d *Desk) startUse(b *evenkeel.StartUse) (evenkeel.Result, *evenkeel.Error) {
	if refusal := checkLogin(b.Address, b.Program); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if d.cell.StartHash == "" || d.cell.StartHash != b.StartHash {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeInvalidCredentials, "the link was used already or is not of this cell; sign in with the password")
	}
	if d.cell.Now >= d.cell.StartUntil {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeTokenExpired, "the link is older than 15 minutes; sign in with the password")
	}
	a := d.agents.get(key{evenkeel.DefaultWorkspace, d.cell.StartAdmin})
	if a == nil {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeInvalidCredentials, "the first admin does not exist any more")
	}
	d.cell.StartHash = ""
	d.addToken(a, &tokenRow{Hash: b.TokenHash, Address: b.Address, Program: b.Program}, b.Life)
	return evenkeel.Result{Agent: d.agentState(a)}, nil
}

// StartLink returns the SHA-256 of the first-run link's token while it is good.
func (d *Desk) StartLink() (hash string, expires evenkeel.DeskTime, ok bool) {
	ok = d.cell.StartHash != "" && d.cell.Now < d.cell.StartUntil
	return d.cell.StartHash, d.cell.StartUntil, ok
}
