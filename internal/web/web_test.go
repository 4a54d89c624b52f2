package web

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func get(t *testing.T, method, target string) *httptest.ResponseRecorder {
	t.Helper()
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	w := httptest.NewRecorder()
	Handler(next).ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w
}

func TestPagesAndTheirFiles(t *testing.T) {
	for _, page := range pages() {
		w := get(t, "GET", page)
		if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
			t.Fatalf("GET %s: %d %s", page, w.Code, w.Header().Get("Content-Type"))
		}
		refs := regexp.MustCompile(`(?:src|href)="(/[^"]+)"`).FindAllStringSubmatch(w.Body.String(), -1)
		if len(refs) < 3 {
			t.Fatalf("GET %s names only %d files", page, len(refs))
		}
		for _, ref := range refs {
			if f := get(t, "GET", ref[1]); f.Code != 200 || f.Body.Len() == 0 {
				t.Errorf("%s, which %s names: %d", ref[1], page, f.Code)
			}
		}
	}
}

func TestOtherPathsAreNotOurs(t *testing.T) {
	for _, target := range []string{"/v1/chats", "/index.html", "/assets", "/assets/", "/assets/../index.html", "/favicon.ico", "//"} {
		if w := get(t, "GET", target); w.Code != http.StatusTeapot {
			t.Errorf("GET %s: %d %s", target, w.Code, w.Body)
		}
	}
	if w := get(t, "POST", "/"); w.Code != http.StatusTeapot {
		t.Errorf("POST /: %d", w.Code)
	}
}

func TestHeaders(t *testing.T) {
	h := get(t, "GET", "/").Header()
	for name, want := range map[string]string{
		"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache", "Referrer-Policy": "no-referrer",
	} {
		if h.Get(name) != want {
			t.Errorf("%s: %q", name, h.Get(name))
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Error("the policy has a hole")
	}
}

// TestNothingInline: the policy would block it, and the page would be broken.
func TestNothingInline(t *testing.T) {
	page, err := fs.ReadFile(dist, "dist/index.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<style", " style=", " onclick=", "javascript:"} {
		if strings.Contains(string(page), bad) {
			t.Errorf("index.html contains %q", bad)
		}
	}
	if regexp.MustCompile(`<script[^>]*>[^<]`).Match(page) {
		t.Error("index.html contains an inline script")
	}
	err = fs.WalkDir(dist, "dist/assets", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !regexp.MustCompile(`-[A-Za-z0-9_-]{8}\.(js|css)$`).MatchString(path) {
			t.Errorf("%s has no hash in its name but is cached forever", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
