//evenkeel:shell

package edge

import (
	"net/http"
	"strings"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/auth"
)

// tokenLife is how long a login lasts.
const tokenLife = 12 * evenkeel.Hour

func (e *Edge) authRoutes() []route {
	everybody := being(evenkeel.RoleCustomer, evenkeel.RoleAgent, evenkeel.RoleSupervisor, evenkeel.RoleAdmin,
		evenkeel.RoleService, evenkeel.RoleOperator)
	admins := being(evenkeel.RoleAdmin, evenkeel.RoleOperator)
	return []route{
		{http.MethodPost, "/v1/auth/login", open(), e.login(), "Log in with a password, or with the first-run link", takes[loginBody, loginReply]()},
		{http.MethodPost, "/v1/auth/refresh", asking(evenkeel.KindTokenRevoke), e.refresh(), "Replace the token by a fresh one; the old one lasts for another minute", gives[loginReply]()},
		{http.MethodPost, "/v1/auth/logout", asking(evenkeel.KindTokenRevoke), e.logout(), "End this login", ends()},
		{http.MethodPost, "/v1/auth/password", asking(evenkeel.KindPasswordSet), e.setPassword(), "Change the own password; all other logins end", takes[passwordBody, struct{}]("new_password").ends()},
		{http.MethodGet, "/v1/auth/me", everybody, me, "Who the caller is", gives[meReply]()},
		{http.MethodGet, "/v1/auth/sessions", asking(evenkeel.KindTokenRevoke), listOwnLogins, "The own logins, the oldest first", gives[pageOf[loginState]]()},
		{http.MethodDelete, "/v1/auth/sessions/{id}", asking(evenkeel.KindTokenRevoke), endOwnLogin, "End one of the own logins, and its connections", ends()},
		{http.MethodGet, "/v1/agents/{id}/sessions", admins, listLogins, "An agent's logins, the oldest first", gives[pageOf[loginState]]()},
		{http.MethodDelete, "/v1/agents/{id}/sessions", admins, endLogins, "End all logins of an agent, and their connections", ends()},
		{http.MethodPost, "/v1/visitors", open(), e.newVisitor(), "A token for a visitor, or a renewed one", takes[visitorBody, visitorReply]()},
	}
}

// user is a person in the answers of /v1/auth.
type user struct {
	ID        string        `json:"id"`
	Name      string        `json:"name"`
	Role      evenkeel.Role `json:"role"`
	Workspace string        `json:"workspace"`
}

// loginReply is the answer of /v1/auth/login and /v1/auth/refresh.
type loginReply struct {
	Token      string        `json:"token"`
	Expires    evenkeel.Time `json:"expires"`
	User       user          `json:"user"`
	MustChange bool          `json:"must_change_password"`
	Device     string        `json:"device,omitempty"`
}

type loginBody struct {
	Email     string `json:"email"`
	Password  string `json:"password"`
	Workspace string `json:"workspace"`
	Device    string `json:"device"` // the token of a login before, which keeps others from locking this device out
	Start     string `json:"start"`  // the token of the first-run link, instead of all others
}

func (e *Edge) login() handler {
	s := shapeFor[loginBody]()
	return func(q *request) (*answer, *evenkeel.Error) {
		b := loginBody{Workspace: q.homeOf()}
		if err := s.decode(q.body, &b); err != nil {
			return nil, err
		}
		if b.Start != "" {
			if b.Email != "" || b.Password != "" || b.Device != "" {
				return nil, badField("start", "stands alone, without email, password and device")
			}
			return q.useStartLink(b.Start)
		}
		switch {
		case b.Email == "":
			return nil, badField("email", "is missing")
		case b.Password == "":
			return nil, badField("password", "is missing")
		case len(b.Email) > maxEmailRunes:
			return nil, badField("email", "has more than %d bytes", maxEmailRunes)
		}
		if err := checkID("workspace", b.Workspace); err != nil {
			return nil, err
		}
		// A wrong password counts, so it is looked at once, by the newest state.
		if err := q.edge.fresh(q.Context()); err != nil {
			return nil, err
		}
		email := strings.ToLower(strings.TrimSpace(b.Email))
		device := e.remembered(b.Workspace+"/"+email, b.Device)
		found, err := q.checkPassword(b.Workspace, email, b.Password, device)
		if err != nil {
			return nil, err
		}
		a, err := q.issue(b.Workspace, found.Agent, "", found.MustChange)
		if err != nil {
			return nil, err
		}
		return a, q.showDevice(a, b.Workspace+"/"+email, b.Device, device)
	}
}

// showDevice adds the token by which this device is known at the next login: the
// one that it came with, if that is good.
func (q *request) showDevice(a *answer, account, token, device string) *evenkeel.Error {
	if device == "" {
		var err error
		if token, err = q.edge.rememberDevice(addressOf(q.Request), account); err != nil {
			return asError(err)
		}
	}
	a.value.(*loginReply).Device = token
	return nil
}

// checkPassword finds out whether the password is the account's.
func (q *request) checkPassword(workspace, email, password, device string) (evenkeel.Credentials, *evenkeel.Error) {
	settle, err := q.edge.guess(addressOf(q.Request), workspace+"/"+email, device)
	if err != nil {
		return evenkeel.Credentials{}, err
	}
	var found evenkeel.Credentials
	q.edge.cfg.Cell.View(func(r Reader) {
		if c, ok := r.Credentials(workspace, email); ok {
			found = c
		}
	})
	ok, failure := q.edge.passwords.Verify(q.Context(), found.Hash, password)
	settle(ok || failure != nil)
	switch {
	case failure != nil:
		return found, asError(failure)
	case !ok:
		return found, evenkeel.Errorf(evenkeel.CodeInvalidCredentials, "the e-mail address or the password is wrong")
	}
	return found, nil
}

// useStartLink turns the first-run link into a login.
func (q *request) useStartLink(start string) (*answer, *evenkeel.Error) {
	address := addressOf(q.Request)
	settle, refusal := q.edge.guess(address, "start link", "")
	if refusal != nil {
		return nil, refusal
	}
	token, err := auth.NewToken(q.edge.cfg.Random, auth.AgentTokenPrefix)
	if err != nil {
		return nil, asError(err)
	}
	result, refusal := q.system(evenkeel.DefaultWorkspace, &evenkeel.StartUse{
		StartHash: auth.Hash(start), TokenHash: auth.Hash(token), Life: tokenLife, Address: q.host(), Program: q.program(),
	})
	settle(refusal == nil)
	if refusal != nil {
		return nil, refusal
	}
	return q.welcome(token, result.Index)
}

// issue makes a login for an agent.
func (q *request) issue(workspace, agent, replaces string, mustChange bool) (*answer, *evenkeel.Error) {
	token, err := auth.NewToken(q.edge.cfg.Random, auth.AgentTokenPrefix)
	if err != nil {
		return nil, asError(err)
	}
	result, refusal := q.system(workspace, &evenkeel.TokenIssue{
		Hash: auth.Hash(token), Agent: workspace + "/" + agent, Life: tokenLife, Replaces: replaces,
		Address: q.host(), Program: q.program(),
	})
	if refusal != nil {
		return nil, refusal
	}
	a, refusal := q.welcome(token, result.Index)
	if refusal == nil && mustChange {
		a.value.(*loginReply).MustChange = true
	}
	return a, refusal
}

// welcome answers with a token that was just issued.
func (q *request) welcome(token string, index uint64) (*answer, *evenkeel.Error) {
	if err := q.waitFor(index); err != nil {
		return nil, err
	}
	who, err := q.edge.identify(token)
	if err != nil {
		return nil, err
	}
	return &answer{index: index, value: &loginReply{Token: token, Expires: who.Expires, User: userOf(who), MustChange: who.MustChange}}, nil
}

func userOf(who Identity) user {
	return user{ID: who.Principal.ID, Name: who.Name, Role: who.Role, Workspace: who.Principal.Workspace}
}

func (e *Edge) refresh() handler {
	return func(q *request) (*answer, *evenkeel.Error) {
		if err := q.noBody(); err != nil {
			return nil, err
		}
		return q.issue(q.who.Principal.Workspace, q.who.Principal.ID, q.who.Login, q.who.MustChange)
	}
}

func (e *Edge) logout() handler {
	return func(q *request) (*answer, *evenkeel.Error) {
		if err := q.noBody(); err != nil {
			return nil, err
		}
		result, err := q.propose(&evenkeel.Command{Body: &evenkeel.TokenRevoke{Hash: q.who.Login}})
		if err != nil {
			return nil, err
		}
		return &answer{status: http.StatusNoContent, index: result.Index}, nil
	}
}

type passwordBody struct {
	Old string `json:"old_password"` // may be left out while the password is a one-time one
	New string `json:"new_password"`
}

func (e *Edge) setPassword() handler {
	s := shapeFor[passwordBody]()
	return func(q *request) (*answer, *evenkeel.Error) {
		var b passwordBody
		if err := s.decode(q.body, &b); err != nil {
			return nil, err
		}
		by := q.who.Principal
		if b.Old != "" || !q.who.MustChange {
			var email string
			q.edge.cfg.Cell.View(func(r Reader) {
				if a, err := r.Agent(by, by.ID); err == nil {
					email = a.Email
				}
			})
			if _, err := q.checkPassword(by.Workspace, email, b.Old, "login "+q.who.Login); err != nil {
				return nil, err
			}
		}
		hash, failure := e.passwords.Hash(q.Context(), b.New)
		if failure != nil {
			err := *asError(failure)
			if err.Field != "" {
				err.Field = "new_password"
			}
			return nil, &err
		}
		result, err := q.propose(&evenkeel.Command{Body: &evenkeel.PasswordSet{Agent: by.ID, Hash: hash, Keep: q.who.Login}})
		if err != nil {
			return nil, err
		}
		return &answer{status: http.StatusNoContent, index: result.Index}, nil
	}
}

type meReply struct {
	user
	MustChange bool `json:"must_change_password"`
}

func me(q *request) (*answer, *evenkeel.Error) {
	return q.view(func(Reader) (any, error) {
		return meReply{userOf(q.who), q.who.MustChange}, nil
	})
}

// noBody refuses fields where there are none.
func (q *request) noBody() *evenkeel.Error { return q.edge.nothing.decode(q.body, &struct{}{}) }
