package edge

import (
	"net/http"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// TestEveryBodyIsReadStrictly asks each route as each role with a field that
// nobody knows: whoever may ask is told of the field, before anything is done;
// the others are told nothing but that they may not.
func TestEveryBodyIsReadStrictly(t *testing.T) {
	f := newFixture(t)
	before := f.index()
	for _, r := range f.edge.routes() {
		path := strings.ReplaceAll(r.path, "{id}", "x") + "?surprise=1"
		for _, role := range everyRole() {
			body, field := `{"surprise":1}`, "surprise"
			if r.method == http.MethodGet {
				body = ""
			}
			answer := f.call(r.method, path, role.String(), body)
			switch {
			case !r.who.allows(role):
				answer.refused(evenkeel.CodeForbidden, "")
			case strings.HasPrefix(r.path, "/v1/"):
				answer.refused(evenkeel.CodeBadRequest, field)
			case answer.status == 401 || answer.status == 403:
				t.Errorf("%s %s as %s: %s", r.method, r.path, role, answer.body)
			}
		}
	}
	if f.index() != before {
		t.Error("a request that was refused was proposed")
	}
}

// TestEveryMethodIsReadStrictly does the same for RPC.
func TestEveryMethodIsReadStrictly(t *testing.T) {
	params := `{"chat":"c1","id":"i1","text":"t","queue":"q","agent":"a","score":1,"number":1,"status":"online","missed":"m1"}`
	for name, m := range Methods() {
		for _, role := range everyRole() {
			if _, err := m.Read(principalNamed("agent", "x"), role, []byte(`{"surprise":1}`)); err == nil || err.Field != "surprise" {
				t.Errorf("%s with an unknown field: %v", name, err)
			}
			without := strings.Replace(onlyKnown(m.shape, params), `"id":"i1"`, `"id":null`, 1)
			if _, err := m.Read(principalNamed("agent", "x"), role, []byte(without)); m.NeedsID && (err == nil || err.Field != "id") {
				t.Errorf("%s without an id: %v", name, err)
			}
		}
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
