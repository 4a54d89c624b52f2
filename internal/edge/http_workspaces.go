//evenkeel:shell

package edge

import (
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/auth"
)

func (e *Edge) workspaceRoutes() []route {
	return []route{
		{http.MethodGet, "/v1/workspaces", asking(evenkeel.KindChatNote), listWorkspaces, "Workspaces: all for an operator, else the caller's own", lists[evenkeel.Workspace]()},
		{http.MethodDelete, "/v1/workspaces/{id}", asking(evenkeel.KindWorkspaceDelete), deleteWorkspace, "Remove a suspended workspace with all that is in it", ends().of(evenkeel.KindWorkspacePut)},
		{http.MethodGet, "/v1/workspaces/{id}/usage", asking(evenkeel.KindWorkspacePut), getUsage, "What a workspace uses", gives[evenkeel.WorkspaceUsage]()},
	}
}

// workspaceBody is a workspace to be made or replaced; a new one with its first
// admin.
type workspaceBody struct {
	evenkeel.Workspace
	Admin *tenantAdmin `json:"admin"`
}

// tenantAdmin is the first admin of a new workspace. Without a password one of
// random is made; he changes it when he first logs in.
type tenantAdmin struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Email    string `json:"email"`
	Password string `json:"password"`
}

// workspaceReply is a workspace as it is now, with the password that was made
// for its first admin: the only time that it is shown.
type workspaceReply struct {
	evenkeel.Workspace
	AdminPassword string `json:"admin_password,omitempty"`
}

func listWorkspaces(q *request) (*answer, *evenkeel.Error) {
	return listPage(q, 'w', func(w *evenkeel.Workspace) string { return w.ID }, func(r Reader, after string, limit int) ([]*evenkeel.Workspace, error) {
		return r.Workspaces(q.who.Principal, after, limit)
	}, func(w *evenkeel.Workspace) any { return showWorkspace(*w) })
}

// showWorkspace has empty lists instead of null.
func showWorkspace(w evenkeel.Workspace) evenkeel.Workspace {
	if w.Origins == nil {
		w.Origins = []string{}
	}
	if w.Hosts == nil {
		w.Hosts = []string{}
	}
	return w
}

func deleteWorkspace(q *request) (*answer, *evenkeel.Error) {
	return q.remove(&evenkeel.WorkspaceDelete{Workspace: q.PathValue("id")})
}

func getUsage(q *request) (*answer, *evenkeel.Error) {
	return q.view(func(r Reader) (any, error) { return r.Usage(q.who.Principal, q.PathValue("id")) })
}

// firstAdmin makes the first admin of a new workspace out of what was asked for.
// made is the password, if it was not given.
func (q *request) firstAdmin(put *evenkeel.WorkspacePut, a *tenantAdmin) (made string, refusal *evenkeel.Error) {
	if a == nil {
		return "", nil
	}
	if err := firstError(checkNewID("admin.id", a.ID), tooLong("admin.name", a.Name, maxNameRunes), tooLong("admin.email", a.Email, maxEmailRunes)); err != nil {
		return "", err
	}
	if a.Email == "" {
		return "", badField("admin.email", "is missing: the admin signs in with it")
	}
	password := a.Password
	if password == "" {
		var err error
		if made, err = auth.NewPassword(q.edge.cfg.Random); err != nil {
			return "", asError(err)
		}
		password = made
	}
	hash, err := q.edge.passwords.Hash(q.Context(), password)
	if err != nil {
		return "", asError(err)
	}
	name := a.Name
	if name == "" {
		name = a.ID
	}
	put.Admin = &evenkeel.Agent{ID: a.ID, Name: name, Email: strings.ToLower(a.Email), Role: evenkeel.RoleAdmin, Capacity: evenkeel.DefaultCapacity}
	put.Password, put.OneTime = hash, made != ""
	return made, nil
}

// checkHosts wants each to be a host name as a browser asks for it.
func checkHosts(hosts []string) *evenkeel.Error {
	if len(hosts) > maxListMembers {
		return badField("hosts", "holds more than %d host names", maxListMembers)
	}
	for i, h := range hosts {
		if h == "" || len(h) > maxNameRunes || h != strings.ToLower(h) || strings.ContainsAny(h, "/:@ ") {
			return badField("hosts["+strconv.Itoa(i)+"]", "must be a host name such as chat.example, without a port, in lower case")
		}
	}
	return nil
}

// homeOf returns the workspace that a caller without a token means by the name
// under which he found this node; the default one if it is nobody's.
func (q *request) homeOf() string {
	host := q.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	home := evenkeel.DefaultWorkspace
	q.edge.cfg.Cell.View(func(r Reader) {
		if id, ok := r.WorkspaceAt(strings.ToLower(host)); ok {
			home = id
		}
	})
	return home
}
