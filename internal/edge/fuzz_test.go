package edge

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// FuzzHTTP sends anything to any route as any caller: path, query, headers and
// body. Each answer is one that the documentation knows; what goes wrong inside
// of the server is a fault, and so is a refusal without a reason.
func FuzzHTTP(f *testing.F) {
	f.Add(uint16(0), uint8(0), "general", "limit=2&cursor=czEy", `"7"`, "k1", `{"email":"admin@localhost","password":"x","start":"ekf_start"}`)
	f.Add(uint16(7), uint8(1), "c1", "after=1&before=3&notes=false", "", "", `{"message":"hello","attributes":{"a":[1,{"b":null}]}}`)
	f.Add(uint16(11), uint8(2), "default", "q=a+%22b&score=6&reason=idle&from=2026-01-31", "*", strings.Repeat("k", 256), `{"text":"\ud83d","kind":"note"}`)
	f.Add(uint16(23), uint8(3), "../%00", "interval=15m&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z&cursor=ci0xIGE", "18446744073709551616", "\x7f", `{"version":18446744073709551615,"data":{"a":1e400}}`)
	f.Add(uint16(42), uint8(3), "é", "format=csv&threshold=0.5&variant=x&target=99", `W/"1"`, "", `[]`)
	routes := (&Edge{}).routes()
	for i := range routes {
		f.Add(uint16(i), uint8(i), "id", "limit=1", `"1"`, "key", `{"id":"id","name":"n","text":"t"}`)
	}
	f.Fuzz(func(t *testing.T, route uint16, caller uint8, id, query, version, key, body string) {
		r := routes[int(route)%len(routes)]
		fx := newBareFixture(t)
		target := &url.URL{Path: strings.ReplaceAll(r.path, "{id}", id), RawQuery: query}
		q := &http.Request{
			Method: r.method, URL: target, Host: "localhost", RemoteAddr: "198.51.100.1:1", Body: http.NoBody, ContentLength: int64(len(body)),
			Header: http.Header{"Content-Type": {"application/json"}, "If-Match": {version}, "Idempotency-Key": {key}},
		}
		if body != "" {
			q.Body = io.NopCloser(strings.NewReader(body))
		}
		if token := fx.fuzzToken(caller); token != "" {
			q.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		fx.edge.Handler().ServeHTTP(w, q.WithContext(t.Context()))
		if w.Code < 400 {
			return
		}
		var problem struct{ Code, Detail string }
		err := json.Unmarshal(w.Body.Bytes(), &problem)
		switch {
		case w.Code == http.StatusMovedPermanently, w.Code == http.StatusTemporaryRedirect:
		case err != nil || problem.Detail == "" || evenkeel.Code(problem.Code).Info().Code != evenkeel.Code(problem.Code):
			t.Fatalf("%s %s %q: %d without a reason: %s", r.method, target, body, w.Code, w.Body)
		case problem.Code == string(evenkeel.CodeInternal):
			t.Fatalf("%s %s %q: %s", r.method, target, body, w.Body)
		}
	})
}

// fuzzToken is that of nobody, a visitor, a service or the admin.
func (f *fixture) fuzzToken(caller uint8) string {
	switch caller % 4 {
	case 1:
		return f.from("198.51.100.2:1", "POST", "/v1/visitors", "").str("token")
	case 2:
		return "eks_0123456789abcdef"
	case 3:
		return f.from("198.51.100.2:1", "POST", "/v1/auth/login", `{"start":"ekf_start"}`).str("token")
	}
	return ""
}

// FuzzCursor reads what a caller says is a cursor. What a list gives is read
// back; the same of another list is refused.
func FuzzCursor(f *testing.F) {
	f.Add("c12", "YzEy")
	f.Add("", "YQ")
	f.Add("\xff", strings.Repeat("A", 600))
	f.Fuzz(func(t *testing.T, last, cursor string) {
		if got, err := readCursor('c', makeCursor('c', last)); len(last) < 300 && (err != nil || got != last) {
			t.Fatalf("the cursor of %q is read as %q, %v", last, got, err)
		}
		if _, err := readCursor('d', makeCursor('c', last)); err == nil {
			t.Fatalf("a cursor behind %q of another list is taken", last)
		}
		if got, err := readCursor('c', cursor); err == nil && len(got) > len(cursor) {
			t.Fatalf("%q is read as %q", cursor, got)
		}
	})
}
