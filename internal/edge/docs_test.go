package edge

import (
	"flag"
	"os"
	"sort"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel"
)

var update = flag.Bool("update", false, "write the table of routes into docs/api.md")

const apiDocs = "../../docs/api.md"

// TestDocsHaveEveryRoute compares the table of the documentation with the
// table of the code.
func TestDocsHaveEveryRoute(t *testing.T) {
	b, err := os.ReadFile(apiDocs)
	if err != nil {
		t.Fatal(err)
	}
	const from, to = "<!-- routes -->\n", "<!-- end of routes -->\n"
	head, rest, ok := strings.Cut(string(b), from)
	got, tail, ok2 := strings.Cut(rest, to)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the routes", apiDocs)
	}
	want := routeTable((&Edge{}).routes())
	if *update {
		if err := os.WriteFile(apiDocs, []byte(head+from+want+to+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want {
		t.Errorf("%s is not what the code says; go test ./internal/edge -run Docs -update", apiDocs)
	}
}

func routeTable(routes []route) string {
	var b strings.Builder
	b.WriteString("| route | for | |\n|---|---|---|\n")
	for _, r := range routes {
		b.WriteString("| `" + r.method + " " + r.path + "` | " + rolesInWords(r.who) + " | " + r.about + " |\n")
	}
	return b.String()
}

// TestDocsHaveEveryField wants each field of a body in the row of its route.
func TestDocsHaveEveryField(t *testing.T) {
	b, err := os.ReadFile(apiDocs)
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(b), "## Fields of what is set over HTTP only")
	for path, s := range map[string]*shape{
		"POST /v1/auth/login": shapeFor[loginBody](), "POST /v1/auth/password": shapeFor[passwordBody](),
		"POST /v1/visitors": shapeFor[visitorBody](), "PUT /v1/namespaces/{id}": shapeFor[namespaceBody](), "PUT /v1/queues/{id}": shapeFor[evenkeel.Queue](),
		"PUT /v1/agents/{id}": shapeFor[agentBody](), "PUT /v1/api-keys/{id}": shapeFor[keyBody](),
		"PUT /v1/customers/{id}": shapeFor[customerBody](), "PUT /v1/workspaces/{id}": shapeFor[evenkeel.Workspace](),
		"PUT /v1/canned/{id}": shapeFor[evenkeel.Canned](), "PUT /v1/cell/limits": shapeFor[evenkeel.Limits](),
	} {
		_, row, _ := strings.Cut(text, "| `"+path+"` |")
		row, _, _ = strings.Cut(row, "\n")
		for field := range s.fields {
			if field != "id" && !strings.Contains(row, field) {
				t.Errorf("the row of %s does not name the field %s", path, field)
			}
		}
	}
}

// TestDocsHaveEveryMethod wants a row for each method, with its fields.
func TestDocsHaveEveryMethod(t *testing.T) {
	b, err := os.ReadFile(apiDocs)
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(b), "## RPC")
	rows := map[string]string{}
	for _, line := range strings.Split(text, "\n") {
		if cell := strings.Split(line, "|"); len(cell) > 3 && strings.HasPrefix(cell[1], " `") {
			rows[strings.Trim(cell[1], " `")] = cell[2]
		}
	}
	for name, m := range Methods() {
		var fields []string
		for field := range m.shape.fields {
			if field != "id" && field != "on_behalf_of" {
				fields = append(fields, field)
			}
		}
		sort.Strings(fields)
		for _, field := range fields {
			if !strings.Contains(rows[name], field) {
				t.Errorf("the row of %s does not name the field %s: %q", name, field, rows[name])
			}
		}
		delete(rows, name)
	}
	for _, name := range []string{"chat.typing", "agent.state", "visitor.state", "context.get", "canned.render"} {
		if rows[name] == "" {
			t.Errorf("there is no row of %s", name)
		}
		delete(rows, name)
	}
	for name := range rows {
		t.Errorf("there is a row of %s, but no such method", name)
	}
}
