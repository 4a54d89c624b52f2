package edge

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const (
	openAPIFile   = "../../docs/openapi.json"
	openAPISchema = "testdata/openapi-3.1.schema.json" // https://spec.openapis.org/oas/3.1/schema/2022-10-07
)

// TestDocsAreOpenAPI holds the document against the schema of OpenAPI 3.1,
// and the committed copy against the document.
func TestDocsAreOpenAPI(t *testing.T) {
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, document(t), "", " "); err != nil {
		t.Fatal(err)
	}
	pretty.WriteByte('\n')
	if *update {
		if err := os.WriteFile(openAPIFile, pretty.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if kept, err := os.ReadFile(openAPIFile); err != nil || !bytes.Equal(kept, pretty.Bytes()) {
		t.Errorf("%s is not what the code says (%v); go test ./internal/edge -run Docs -update", openAPIFile, err)
	}
	schema, err := os.ReadFile(openAPISchema)
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("openapi.json", parse(t, schema)); err != nil {
		t.Fatal(err)
	}
	meta, err := compiler.Compile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := meta.Validate(parse(t, document(t))); err != nil {
		t.Errorf("the document is not OpenAPI 3.1: %v", err)
	}
	seen := map[string]string{}
	for _, r := range (&Edge{}).routes() {
		name := r.method + " " + r.path
		if r.about == "" || len(r.form.status) == 0 {
			t.Errorf("%s has no description", name)
		}
		if r.method != http.MethodGet && r.method != http.MethodDelete && r.form.body == nil && r.form.keyed {
			t.Errorf("%s takes a key but no body", name)
		}
		if other := seen[r.operationID()]; other != "" {
			t.Errorf("%s and %s have one operation id", name, other)
		}
		seen[r.operationID()] = name
	}
}

// TestDocsHaveEveryText wants a meaning for every field and parameter of the
// document, and no text for what is not there.
func TestDocsHaveEveryText(t *testing.T) {
	s := newSchemas(parseTexts(fieldTexts))
	s.lacking = func(key string) { t.Errorf("fields.txt says nothing of %s", key) }
	(&Edge{}).describe(s)
	for key := range s.texts {
		if !s.used[key] {
			t.Errorf("fields.txt tells of %s, which is nowhere", key)
		}
	}
}

func document(t testing.TB) []byte {
	t.Helper()
	b, err := json.Marshal((&Edge{}).openAPI())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func parse(t testing.TB, b []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// judge holds real answers against the document. Objects may hold nothing that
// it does not name: what it says of an answer is the whole of it.
type judge struct {
	mu       sync.Mutex
	mux      *http.ServeMux
	document map[string]any
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema
}

func newJudge(t testing.TB) *judge {
	j := &judge{mux: http.NewServeMux(), compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}}
	for _, r := range (&Edge{}).routes() {
		j.mux.HandleFunc(r.method+" "+r.path, func(http.ResponseWriter, *http.Request) {})
	}
	doc := parse(t, document(t))
	closeObjects(doc)
	j.document, _ = doc.(map[string]any)
	if err := j.compiler.AddResource("api.json", doc); err != nil {
		t.Fatal(err)
	}
	return j
}

// closeObjects forbids fields that are not listed.
func closeObjects(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, open := v["additionalProperties"]; v["type"] == "object" && v["properties"] != nil && !open {
			v["additionalProperties"] = false
		}
		for _, inner := range v {
			closeObjects(inner)
		}
	case []any:
		for _, inner := range v {
			closeObjects(inner)
		}
	}
}

// check says what is wrong with an answer.
func (j *judge) check(t testing.TB, req *http.Request, status int, header http.Header, body []byte) {
	t.Helper()
	bare := req.Clone(t.Context())
	if bare.Method == http.MethodHead {
		return
	}
	_, pattern := j.mux.Handler(bare)
	method, path, ok := strings.Cut(pattern, " ")
	if !ok || !strings.HasPrefix(path, "/v1/") {
		return // no route: a problem of the server itself
	}
	place := []string{"paths", path, strings.ToLower(method), "responses", strconv.Itoa(status)}
	where := "#" + pointer(place...)
	response, ok := j.at(place...).(map[string]any)
	if !ok {
		t.Errorf("%s %s answers %d, which the document does not tell of: %s", method, path, status, body)
		return
	}
	if to, ok := response["$ref"].(string); ok {
		where = to
		response, _ = j.at(strings.Split(strings.TrimPrefix(to, "#/"), "/")...).(map[string]any)
	}
	content, _ := response["content"].(map[string]any)
	if len(body) == 0 && content == nil {
		return
	}
	kind, _, _ := strings.Cut(header.Get("Content-Type"), ";")
	if _, ok := content[kind]; !ok {
		t.Errorf("%s %s answers %d as %q, which the document does not tell of", method, path, status, kind)
		return
	}
	if !strings.HasSuffix(kind, "json") {
		return
	}
	schema, err := j.schema(where + pointer("content", kind, "schema"))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(parse(t, body)); err != nil {
		t.Errorf("%s %s answers %d in another form than the document tells: %v\n%s", method, path, status, err, body)
	}
}

func (j *judge) at(names ...string) any {
	var v any = j.document
	for _, name := range names {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

func pointer(names ...string) string {
	var b strings.Builder
	for _, name := range names {
		b.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D", "+", "%2B").Replace(name))
	}
	return b.String()
}

func (j *judge) schema(where string) (*jsonschema.Schema, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if s := j.schemas[where]; s != nil {
		return s, nil
	}
	s, err := j.compiler.Compile("api.json" + where)
	j.schemas[where] = s
	return s, err
}

// TestJudgeSees: the check of the answers is not blind.
func TestJudgeSees(t *testing.T) {
	j := newJudge(t)
	for _, c := range []struct {
		what, method, path, body string
		status                   int
		right                    bool
	}{
		{"right", "GET", "/v1/auth/me", `{"id":"a","name":"A","role":"agent","workspace":"w","must_change_password":false}`, 200, true},
		{"a field is missing", "GET", "/v1/auth/me", `{"id":"a","name":"A","role":"agent","workspace":"w"}`, 200, false},
		{"a field too many", "GET", "/v1/auth/me", `{"id":"a","name":"A","role":"agent","workspace":"w","must_change_password":false,"x":1}`, 200, false},
		{"no such role", "GET", "/v1/auth/me", `{"id":"a","name":"A","role":"king","workspace":"w","must_change_password":false}`, 200, false},
		{"no such status", "GET", "/v1/auth/me", `{}`, 418, false},
		{"a page", "GET", "/v1/queues", `{"items":[],"next":null}`, 200, true},
		{"no page", "GET", "/v1/queues", `{"items":{},"next":null}`, 200, false},
	} {
		spy := &spy{TB: t}
		req, err := http.NewRequestWithContext(t.Context(), c.method, "http://x"+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		j.check(spy, req, c.status, http.Header{"Content-Type": {"application/json"}}, []byte(c.body))
		if spy.failed == c.right {
			t.Errorf("%s: refused is %v", c.what, spy.failed)
		}
	}
	if !slices.Contains(codeNames(), "bad_request") {
		t.Error("the codes are not listed")
	}
}

// spy is a test that fails without failing.
type spy struct {
	testing.TB
	failed bool
}

func (s *spy) Errorf(string, ...any) { s.failed = true }
