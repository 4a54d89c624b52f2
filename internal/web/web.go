// Package web holds the pages: static files that ui/ builds, committed under
// dist and embedded, so that the binary needs no other file. The pages speak to
// the cell only through the public protocol, like anybody's page.
//
// It promises a Content-Security-Policy without a hole for inline code or
// styles, and caching by content: a file under assets/ has a hash of itself in
// its name and never changes; everything else is asked for anew.
package web

import (
	"bytes"
	"embed"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed dist
var dist embed.FS

// policy lets a page load what this server holds and speak to this server, and
// nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// pages are the addresses that show the page.
func pages() []string { return []string{"/", "/start"} }

// Handler serves the pages. Other paths are the business of next.
func Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, ok := fileOf(r.URL.Path)
		if !ok || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
			next.ServeHTTP(w, r)
			return
		}
		body, err := fs.ReadFile(dist, name)
		if err != nil {
			next.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", contentType(name))
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		if strings.HasPrefix(name, "dist/assets/") {
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
		} else {
			h.Set("Cache-Control", "no-cache")
		}
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(body))
	})
}

// fileOf returns the embedded file of a path; it need not exist.
func fileOf(urlPath string) (string, bool) {
	for _, page := range pages() {
		if urlPath == page {
			return "dist/index.html", true
		}
	}
	clean := path.Clean(urlPath)
	if clean != urlPath || strings.HasSuffix(clean, "index.html") {
		return "", false
	}
	return "dist" + clean, true
}

// contentType does not ask the machine: its own table may say anything.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	default:
		return mime.TypeByExtension(path.Ext(name))
	}
}
