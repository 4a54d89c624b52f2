package edge

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/auth"
)

const authorizationFile = "testdata/authorization.txt"

const authorizationHead = `# Who may do what: the answer to every route and every RPC method, for each role.
# A cell has one status if the route is about no object; else four, about an object
#
#     of his own / somebody else's in the same workspace / of another workspace / that does not exist
#
# and one if they are equal. His own are, for a customer, his chat; for all others
# the chat and the canned reply of the agent, and what has the caller's own name. What is not his to know
# of must answer exactly as what does not exist: the test sees to it beside this
# table. Made by the code, to be read by people:
#
#     go test ./internal/edge -run DocsAuthorization -update
#
`

// TestDocsAuthorization walks over every route and every method as every role,
// and compares with the table.
func TestDocsAuthorization(t *testing.T) {
	var b strings.Builder
	b.WriteString(authorizationHead)
	towns := map[evenkeel.Role]*town{}
	columns := append([]evenkeel.Role{evenkeel.RoleNone}, everyRole()...)
	for _, r := range (&Edge{}).routes() {
		line := fmt.Sprintf("%-42s", r.method+" "+r.path)
		for _, role := range columns {
			line += fmt.Sprintf("  %s %-15s", role, routeCell(t, towns, &r, role))
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	names := []string{"agent.state", "visitor.state", "chat.typing", "canned.render"}
	for name := range Methods() {
		names = append(names, name)
	}
	sort.Strings(names)
	b.WriteString("\n")
	for _, name := range names {
		line := fmt.Sprintf("%-16s", name)
		for _, role := range everyRole() {
			line += fmt.Sprintf("  %s %s", role, methodCell(t, towns, name, role))
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	if *update {
		if err := os.WriteFile(authorizationFile, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(authorizationFile)
	if err != nil {
		t.Fatal(err)
	}
	had, has := strings.Split(string(want), "\n"), strings.Split(b.String(), "\n")
	for _, line := range has {
		if !slices.Contains(had, line) {
			t.Errorf("not in %s:\n%s", authorizationFile, line)
		}
	}
	for _, line := range had {
		if !slices.Contains(has, line) {
			t.Errorf("in %s, but not so any more:\n%s", authorizationFile, line)
		}
	}
}

func everyRole() []evenkeel.Role {
	return []evenkeel.Role{
		evenkeel.RoleCustomer, evenkeel.RoleAgent, evenkeel.RoleSupervisor, evenkeel.RoleAdmin, evenkeel.RoleService, evenkeel.RoleOperator,
	}
}

// town is a cell with two workspaces and something of each sort in both.
type town struct {
	*fixture
	customer, neighbour       string // customers' ids
	own, other, elsewhere     string // chats
	ownLogin, neighboursLogin string
}

// newTown makes a town in which a caller of the role is about to ask.
func newTown(t *testing.T, role evenkeel.Role) *town {
	f := newUnjudged(t) // the judge would cost more than the test
	f.cell.status = CellStatus{Leader: "n1", Self: "n1", Nodes: []NodeStatus{{ID: "n1", State: "up"}}}
	f.edge.cfg.Transports = []Transport{{"websocket", "/connection/websocket"}}
	w := &town{fixture: f}
	acme := func(body evenkeel.Body) {
		r := f.cell.apply(&evenkeel.Command{By: evenkeel.System(), OnBehalfOf: evenkeel.Principal{Workspace: "acme"}, Body: body})[0]
		if r.Err != nil {
			t.Fatalf("acme, %s: %v", body.Kind(), r.Err)
		}
	}
	f.must(evenkeel.System(), &evenkeel.WorkspacePut{Workspace: evenkeel.Workspace{ID: "acme", Name: "acme"}})
	acme(&evenkeel.QueuePut{Queue: evenkeel.NewQueue("anvils")})
	acme(&evenkeel.WorkspacePut{Workspace: evenkeel.Workspace{ID: "acme", Name: "acme", DefaultQueue: "anvils"}})
	acme(&evenkeel.AgentPut{Agent: evenkeel.Agent{ID: "wile", Name: "Wile", Role: evenkeel.RoleAdmin, Capacity: 4}})
	acme(&evenkeel.APIKeyPut{Key: evenkeel.APIKey{ID: "acmekey", Role: evenkeel.RoleService}, Hash: auth.Hash("eks_acme")})
	acme(&evenkeel.CustomerPut{Customer: "runner", Name: "Runner"})
	f.call("PUT", "/v1/agents/other", "admin", `{"email":"other@localhost","password":"correct horse","queues":[{"id":"general"}]}`).want(201)
	f.call("PUT", "/v1/queues/sales", "admin", `{}`).want(201)
	f.call("PUT", "/v1/api-keys/till", "admin", `{}`).want(201)
	w.customer = f.call("GET", "/v1/auth/me", "customer", "").str("id")
	neighbour := f.call("POST", "/v1/visitors", "", "").want(200)
	w.neighbour = neighbour.str("visitor")
	w.own = f.call("POST", "/v1/chats", "customer", `{"message":"mine"}`).want(201).str("chat.id")
	f.online("agent")
	f.call("POST", "/v1/chats/"+w.own+"/accept", "agent", "").want(200)
	w.other = f.call("POST", "/v1/chats", neighbour.str("token"), `{"queue":"sales","message":"hers"}`).want(201).str("chat.id")
	for id, owner := range map[string]string{"shared": "", "agents": "agent", "others": "other"} {
		f.call("PUT", "/v1/canned/"+id, "admin", fmt.Sprintf(`{"text":"x","owner":%q}`, owner)).want(201)
	}
	acme(&evenkeel.CannedPut{Canned: evenkeel.Canned{ID: "acmes", Text: "x"}})
	runner := evenkeel.Principal{Workspace: "acme", Kind: evenkeel.PrincipalVisitor, ID: "runner"}
	w.elsewhere = f.must(runner, &evenkeel.ChatStart{Message: "beep"}).Chat.ID
	f.call("POST", "/v1/offline", "customer", `{"text":"call me"}`).want(201)                              // m1
	f.call("POST", "/v1/offline", neighbour.str("token"), `{"queue":"sales","text":"call her"}`).want(201) // m2
	f.must(runner, &evenkeel.ChatOffline{Queue: "anvils", Text: "beep"})                                   // m3
	w.ownLogin, w.neighboursLogin = auth.Hash(f.tokens[role])[:16], auth.Hash("ekt_others")[:16]
	f.must(evenkeel.System(), &evenkeel.TokenIssue{Hash: auth.Hash("ekt_others"), Agent: "other", Life: evenkeel.Hour})
	return w
}

// objects are the ids that a route is asked about: the caller's own, another's,
// another workspace's, nobody's.
func (w *town) objects(r *route, role evenkeel.Role) []string {
	if !strings.Contains(r.path, "{") {
		return []string{""}
	}
	switch r.tag() {
	case "chats":
		return []string{w.own, w.other, w.elsewhere, "c999"}
	case "canned":
		return []string{"agents", "others", "acmes", "none"}
	case "missed":
		return []string{"m1", "m2", "m3", "m999"}
	case "agents":
		own := role.String()
		if !role.Staff() {
			own = "agent"
		}
		return []string{own, "other", "wile", "nobody"}
	case "queues":
		return []string{"general", "sales", "anvils", "none"}
	case "api-keys":
		return []string{"shop", "till", "acmekey", "none"}
	case "customers":
		return []string{w.customer, w.neighbour, "runner", "nobody"}
	case "workspaces":
		return []string{"default", "acme", "acme", "none"}
	case "auth":
		return []string{w.ownLogin, w.neighboursLogin, "acme", "none"}
	default:
		return []string{"x", "x", "x", "x"}
	}
}

// bodies are what the routes are asked with, where it is more than an empty
// object.
func bodies() map[string]string {
	return map[string]string{
		"POST /v1/auth/login":          `{"email":"other@localhost","password":"correct horse"}`,
		"POST /v1/auth/refresh":        "",
		"POST /v1/auth/logout":         "",
		"POST /v1/auth/password":       `{"old_password":"correct horse","new_password":"better horse"}`,
		"POST /v1/chats":               `{"queue":"general","message":"hello"}`,
		"POST /v1/offline":             `{"text":"call me"}`,
		"PUT /v1/canned/{id}":          `{"text":"hello"}`,
		"POST /v1/chats/{id}/messages": `{"text":"hello"}`,
		"POST /v1/chats/{id}/transfer": `{"queue":"sales"}`,
		"POST /v1/chats/{id}/invite":   `{"agent":"other"}`,
		"POST /v1/chats/{id}/rating":   `{"score":5}`,
		"PATCH /v1/chats/{id}":         `{"priority":1}`,
		"PUT /v1/agents/{id}/status":   `{"status":"away"}`,
	}
}

// routeCell asks in a town in which nobody has changed anything yet.
func routeCell(t *testing.T, towns map[evenkeel.Role]*town, r *route, role evenkeel.Role) string {
	w := towns[role]
	if w == nil {
		w = newTown(t, role)
		towns[role] = w
	}
	body, ok := bodies()[r.method+" "+r.path]
	if !ok && r.method != http.MethodGet && r.method != http.MethodDelete {
		body = "{}"
	}
	token := role.String()
	if role == evenkeel.RoleNone {
		token = ""
	}
	var statuses []string
	answers := map[string]string{}
	objects := w.objects(r, role)
	for i := len(objects) - 1; i >= 0; i-- { // the own one last: it may be the caller himself
		id := objects[i]
		path := strings.NewReplacer("{id}", id, "{canned}", "shared").Replace(r.path)
		a := w.call(r.method, path, token, body)
		statuses = append([]string{fmt.Sprint(a.status)}, statuses...)
		if a.status < 300 && r.method != http.MethodGet {
			delete(towns, role)
		}
		answers[id] = fmt.Sprint(a.status, " ", strings.ReplaceAll(string(a.body), id, "ID"))
	}
	if len(objects) == 4 && confined(r, role) {
		missing := answers[objects[3]]
		for i, what := range []string{"", "somebody else's", "another workspace's"} {
			hidden := i == 2 || i == 1 && statuses[1] == "404"
			if hidden && r.method != http.MethodPut && answers[objects[i]] != missing {
				t.Errorf("%s %s as %s: %s object is not like one that is missing:\n%s\n%s", r.method, r.path, role, what, answers[objects[i]], missing)
			}
		}
	}
	if len(slices.Compact(slices.Clone(statuses))) == 1 {
		return statuses[0]
	}
	return strings.Join(statuses, "/")
}

// confined tells whether other workspaces must be hidden: from operators they
// are not.
func confined(r *route, role evenkeel.Role) bool {
	return role != evenkeel.RoleOperator || r.tag() != "workspaces"
}

func methodCell(t *testing.T, towns map[evenkeel.Role]*town, name string, role evenkeel.Role) string {
	w := towns[role]
	if w == nil {
		w = newTown(t, role)
		towns[role] = w
	}
	p := w.dial(role.String())
	known := `{"id":"i1","text":"t","queue":"sales","agent":"other","score":1,"number":1,"status":"online","missed":"m1"}`
	params := "{}"
	if m := Methods()[name]; m != nil {
		params = onlyKnown(m.shape, known)
	}
	if name == "canned.render" {
		params = `{"canned":"shared"}`
	}
	aboutChat := name == "chat.typing" || name == "canned.render" || Methods()[name] != nil && Methods()[name].shape.has("chat")
	ids := []string{""}
	if aboutChat {
		ids = []string{w.own, w.other, w.elsewhere, "c999"}
	}
	var codes []string
	for i := len(ids) - 1; i >= 0; i-- {
		asked := params
		if ids[i] != "" {
			asked = strings.Replace(strings.Replace(asked, "{", fmt.Sprintf(`{"chat":%q,`, ids[i]), 1), ",}", "}", 1)
			asked = strings.Replace(asked, `"i1"`, fmt.Sprintf(`"%s-%d"`, name, i), 1)
		}
		answer := p.call(name, asked)
		code := answer.str("code")
		if code == "" {
			code = "ok"
			delete(towns, role)
		}
		codes = append([]string{code}, codes...)
	}
	if len(codes) == 4 && (codes[2] != codes[3] || codes[1] == "not_found" && codes[1] != codes[3]) {
		t.Errorf("%s as %s tells of chats that the caller may not know: %v", name, role, codes)
	}
	if len(slices.Compact(slices.Clone(codes))) == 1 {
		return codes[0]
	}
	return strings.Join(codes, "/")
}

func (s *shape) has(field string) bool {
	_, ok := s.fields[field]
	return ok
}
