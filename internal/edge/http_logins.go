//evenkeel:shell

package edge

import (
	"net"
	"strings"

	"github.com/evenkeel/evenkeel"
)

// loginState is a login in a list.
type loginState struct {
	evenkeel.LoginState
	LastSeen evenkeel.Time `json:"last_seen,omitzero"`
	Current  bool          `json:"current"`
}

// logins lists the logins of an agent with what this node knows of them.
func (q *request) logins(agent string) (*answer, *evenkeel.Error) {
	return q.view(func(r Reader) (any, error) {
		logins, err := r.Logins(q.who.Principal, agent)
		if err != nil {
			return nil, err
		}
		page := &pageOf[loginState]{Items: []loginState{}}
		q.edge.mu.Lock()
		defer q.edge.mu.Unlock()
		for _, l := range logins {
			page.Items = append(page.Items, loginState{LoginState: l, LastSeen: q.edge.seen[l.Hash], Current: l.Hash == q.who.Login})
		}
		return page, nil
	})
}

func listOwnLogins(q *request) (*answer, *evenkeel.Error) { return q.logins(q.who.Principal.ID) }

func listLogins(q *request) (*answer, *evenkeel.Error) { return q.logins(q.PathValue("id")) }

// endOwnLogin revokes a login by its name in the list.
func endOwnLogin(q *request) (*answer, *evenkeel.Error) {
	a, err := q.logins(q.who.Principal.ID)
	if err != nil {
		return nil, err
	}
	for _, l := range a.value.(*pageOf[loginState]).Items {
		if l.ID == q.PathValue("id") {
			return q.remove(&evenkeel.TokenRevoke{Hash: l.Hash})
		}
	}
	return nil, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no such login")
}

func endLogins(q *request) (*answer, *evenkeel.Error) {
	return q.remove(&evenkeel.TokenRevoke{Agent: q.PathValue("id")})
}

// host is the caller's address for people to read.
func (q *request) host() string {
	host, _, err := net.SplitHostPort(q.RemoteAddr)
	if err != nil || len(host) > 64 {
		return ""
	}
	return strings.ToValidUTF8(host, "")
}

// program is what the caller's program calls itself.
func (q *request) program() string {
	name := q.Header.Get("User-Agent")
	name = strings.ToValidUTF8(name[:min(200, len(name))], "")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, name)
}
