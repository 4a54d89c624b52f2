//evenkeel:shell

package edge

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel"
)

// OriginAllowed judges the Origin header of a request, a WebSocket's as well: a
// page may call from the address that it was loaded from, and from the origins
// that a workspace lists. A request without one is no page's (native programs)
// and is judged by its token alone.
func (e *Edge) OriginAllowed(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	// The scheme is left out of the comparison: behind a proxy that ends TLS
	// this node does not know it.
	u, err := url.Parse(origin)
	if err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host) {
		return true
	}
	allowed := false
	e.cfg.Cell.View(func(rd Reader) {
		allowed = slices.ContainsFunc(rd.Origins(), func(o string) bool { return strings.EqualFold(o, origin) })
	})
	return allowed
}

// GuardOrigin refuses pages of foreign origins and answers browsers' questions
// (CORS).
func (e *Edge) GuardOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		if origin == "" {
			next.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Add("Vary", "Origin")
		if !e.OriginAllowed(r) {
			writeProblem(w, evenkeel.Errorf(evenkeel.CodeForbidden,
				"pages of %s may not call this cell; add the origin to the workspace's origins", origin), 0)
			return
		}
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", "ETag, Evenkeel-Index, RateLimit, RateLimit-Policy, Retry-After")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE")
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Evenkeel-Index, Idempotency-Key, If-Match, If-None-Match, X-API-Key")
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}
