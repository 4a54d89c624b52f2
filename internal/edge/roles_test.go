package edge

import (
	"net/http"
	"sort"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// routeRoles says who may use each route: c(ustomer), a(gent), s(upervisor),
// A(dmin), S(ervice), o(perator); "*" is everybody, without a token as well. It
// is written out here so that a change of the one table of roles shows.
func routeRoles() map[string]string {
	return map[string]string{
		"POST /v1/auth/login":    "*",
		"POST /v1/auth/refresh":  "asAo",
		"POST /v1/auth/logout":   "asAo",
		"POST /v1/auth/password": "asAo",
		"GET /v1/auth/me":        "casASo",
		"POST /v1/visitors":      "*",

		"GET /v1/chats":                    "casASo",
		"POST /v1/chats":                   "casASo",
		"GET /v1/chats/{id}":               "casASo",
		"PATCH /v1/chats/{id}":             "asASo",
		"GET /v1/chats/{id}/messages":      "casASo",
		"POST /v1/chats/{id}/messages":     "casASo",
		"GET /v1/chats/{id}/why":           "asASo",
		"POST /v1/chats/{id}/accept":       "asASo",
		"POST /v1/chats/{id}/decline":      "asASo",
		"POST /v1/chats/{id}/take":         "asASo",
		"POST /v1/chats/{id}/transfer":     "asASo",
		"POST /v1/chats/{id}/invite":       "asASo",
		"POST /v1/chats/{id}/leave":        "asASo",
		"POST /v1/chats/{id}/close":        "casASo",
		"POST /v1/chats/{id}/wrapup":       "asASo",
		"POST /v1/chats/{id}/rating":       "cS",
		"PUT /v1/agents/{id}/status":       "asASo",
		"GET /v1/widget":                   "*",
		"POST /v1/offline":                 "cS",
		"GET /v1/missed":                   "asASo",
		"GET /v1/missed/{id}":              "asASo",
		"POST /v1/missed/{id}/claim":       "asASo",
		"POST /v1/missed/{id}/release":     "asASo",
		"POST /v1/missed/{id}/answer":      "asASo",
		"POST /v1/missed/{id}/close":       "asASo",
		"GET /v1/queues":                   "asASo",
		"GET /v1/queues/{id}":              "asASo",
		"PUT /v1/queues/{id}":              "ASo",
		"DELETE /v1/queues/{id}":           "ASo",
		"GET /v1/agents":                   "asASo",
		"GET /v1/agents/{id}":              "asASo",
		"PUT /v1/agents/{id}":              "ASo",
		"DELETE /v1/agents/{id}":           "ASo",
		"GET /v1/api-keys":                 "Ao",
		"GET /v1/api-keys/{id}":            "Ao",
		"PUT /v1/api-keys/{id}":            "Ao",
		"DELETE /v1/api-keys/{id}":         "Ao",
		"GET /v1/customers/{id}":           "asASo",
		"PUT /v1/customers/{id}":           "asASo",
		"GET /v1/workspaces/{id}":          "asASo",
		"PUT /v1/workspaces/{id}":          "Ao",
		"GET /v1/archive/chats":            "asASo",
		"GET /v1/archive/export":           "sASo",
		"GET /v1/chats/{id}/export":        "casASo",
		"GET /v1/customers/{id}/chats":     "asASo",
		"DELETE /v1/customers/{id}":        "ASo",
		"GET /v1/namespaces":               "asASo",
		"GET /v1/namespaces/{id}":          "asASo",
		"PUT /v1/namespaces/{id}":          "ASo",
		"DELETE /v1/namespaces/{id}":       "ASo",
		"GET /v1/cell":                     "asASo",
		"GET /v1/incidents":                "ASo",
		"POST /v1/incidents/{id}/end":      "ASo",
		"GET /openapi.json":                "*",
		"GET /docs":                        "*",
		"GET /docs/docs.js":                "*",
		"GET /docs/docs.css":               "*",
		"GET /v1/reports/queues":           "sASo",
		"GET /v1/reports/agents":           "sASo",
		"GET /v1/reports/staffing":         "sASo",
		"GET /healthz":                     "*",
		"GET /readyz":                      "*",
		"GET /v1/customers":                "asASo",
		"GET /v1/customers/{id}/context":   "asASo",
		"PUT /v1/customers/{id}/context":   "asASo",
		"GET /v1/workspaces/{id}/identity": "ASo",
		"PUT /v1/workspaces/{id}/identity": "ASo",
		"GET /v1/workspaces/{id}/tokens":   "ASo",
		"PUT /v1/workspaces/{id}/tokens":   "ASo",
		"GET /v1/workspaces":               "asASo",
		"DELETE /v1/workspaces/{id}":       "o",
		"GET /v1/workspaces/{id}/usage":    "Ao",
	}
}

// methodRoles is the same for RPC methods that become commands.
func methodRoles() map[string]string {
	return map[string]string{
		"chat.start": "casASo", "chat.send": "casASo", "chat.accept": "asASo", "chat.decline": "asASo", "chat.take": "asASo",
		"chat.transfer": "asASo", "chat.invite": "asASo", "chat.leave": "asASo", "chat.close": "casASo", "chat.wrapup": "asASo",
		"chat.rate": "cS", "chat.delivered": "casASo", "chat.seen": "casASo", "chat.update": "asASo", "agent.status": "asASo",
		"chat.offline": "cS", "missed.claim": "asASo", "missed.release": "asASo", "missed.answer": "asASo", "missed.close": "asASo",
		"context.set": "asASo",
	}
}

func rolesByLetter() map[string]evenkeel.Role {
	return map[string]evenkeel.Role{
		"c": evenkeel.RoleCustomer, "a": evenkeel.RoleAgent, "s": evenkeel.RoleSupervisor, "A": evenkeel.RoleAdmin,
		"S": evenkeel.RoleService, "o": evenkeel.RoleOperator,
	}
}

// TestEveryRouteForEveryRole asks each route as each role, and as nobody, with
// a field that nobody knows: those who may are told of the field, which also
// shows that each body is read strictly and before anything is done; the
// others are told nothing but that they may not.
func TestEveryRouteForEveryRole(t *testing.T) {
	f := newFixture(t)
	want := routeRoles()
	for _, r := range f.edge.routes() {
		name := r.method + " " + r.path
		roles, listed := want[name]
		if !listed {
			t.Errorf("%s is not in the table of this test", name)
			continue
		}
		delete(want, name)
		path := strings.ReplaceAll(r.path, "{id}", "x") + "?surprise=1"
		body := `{"surprise":1}`
		if r.method == http.MethodGet {
			body = ""
		}
		for letter, role := range rolesByLetter() {
			answer := f.call(r.method, path, role.String(), body)
			switch {
			case roles != "*" && !strings.Contains(roles, letter):
				answer.refused(evenkeel.CodeForbidden, "")
			case body != "":
				answer.refused(evenkeel.CodeBadRequest, "surprise")
			case answer.status == 401 || answer.status == 403:
				t.Errorf("%s as %s: %s", name, role, answer.body)
			}
		}
		for _, token := range []string{"", "ekt_forged"} {
			answer := f.call(r.method, path, token, body)
			switch {
			case roles != "*":
				answer.refused(evenkeel.CodeUnauthenticated, "")
			case answer.status == 401 || answer.status == 403:
				t.Errorf("%s without a token: %s", name, answer.body)
			}
		}
	}
	for name := range want {
		t.Errorf("%s is in the table of this test, but there is no such route", name)
	}
}

// TestEveryMethodForEveryRole does the same for RPC.
func TestEveryMethodForEveryRole(t *testing.T) {
	params := `{"chat":"c1","id":"i1","text":"t","queue":"q","agent":"a","score":1,"number":1,"status":"online","missed":"m1"}`
	want := methodRoles()
	var names []string
	for name := range Methods() {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		m := Methods()[name]
		if _, listed := want[name]; !listed {
			t.Errorf("%s is not in the table of this test", name)
		}
		for letter, role := range rolesByLetter() {
			_, err := m.Read(principalNamed("agent", "x"), role, []byte(onlyKnown(m.shape, params)))
			allowed := strings.Contains(want[name], letter)
			if allowed && err != nil || !allowed && (err == nil || err.Code != evenkeel.CodeForbidden) {
				t.Errorf("%s as %s: %v, allowed is %v", name, role, err, allowed)
			}
			if _, err := m.Read(principalNamed("agent", "x"), role, []byte(`{"surprise":1}`)); err == nil || err.Field != "surprise" {
				t.Errorf("%s with an unknown field: %v", name, err)
			}
			without := strings.Replace(onlyKnown(m.shape, params), `"id":"i1"`, `"id":null`, 1)
			if _, err := m.Read(principalNamed("agent", "x"), role, []byte(without)); m.NeedsID && (err == nil || err.Field != "id") {
				t.Errorf("%s without an id: %v", name, err)
			}
		}
		delete(want, name)
	}
	for name := range want {
		t.Errorf("%s is in the table of this test, but there is no such method", name)
	}
}

// onlyKnown leaves out the fields that a method does not have, and the agent
// where a transfer already has a queue.
func onlyKnown(s *shape, params string) string {
	var kept []string
	for _, field := range strings.Split(strings.Trim(params, "{}"), ",") {
		name := strings.Split(field, `"`)[1]
		if _, known := s.fields[name]; known && !(name == "agent" && s.fields["queue"].index != nil) {
			kept = append(kept, field)
		}
	}
	return "{" + strings.Join(kept, ",") + "}"
}
