//evenkeel:shell

package realtime

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel/evenkeel"
)

// routes are the addresses that clients know.
func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	serve := func(path string, handle http.HandlerFunc, methods ...string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			switch {
			case !slices.Contains(methods, r.Method):
				w.Header().Set("Allow", strings.Join(methods, ", "))
				writeProblem(w, evenkeel.Errorf(evenkeel.CodeUnknownMethod, "%s is not possible here, only %s", r.Method, strings.Join(methods, ", ")),
					http.StatusMethodNotAllowed)
			case !s.cfg.AllowOrigin(r):
				problem(w, evenkeel.Errorf(evenkeel.CodeForbidden, "the origin %q is not allowed: add it to the workspace's origins", r.Header.Get("Origin")))
			default:
				handle(w, r)
			}
		})
	}
	serve("/connection/websocket", s.ifOpen(s.serveWebSocket), http.MethodGet)
	serve("/connection/http_stream", s.ifOpen(s.serveHTTPStream), http.MethodPost)
	serve("/connection/sse", s.ifOpen(s.serveSSE), http.MethodGet)
	serve("/emulation", s.serveEmulation, http.MethodPost)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		problem(w, evenkeel.Errorf(evenkeel.CodeNotFound, "there is nothing at %s", r.URL.Path))
	})
	return mux
}

// ServeHTTP answers at the addresses that clients know. What pages of other
// origins need besides (CORS) is not its business.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// ifOpen refuses connections that are too many, before they cost anything.
func (s *Server) ifOpen(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		err := s.closed()
		s.mu.Unlock()
		if err != nil {
			problem(w, err)
			return
		}
		next(w, r)
	}
}

// problem answers with a problem document.
func problem(w http.ResponseWriter, err *evenkeel.Error) { writeProblem(w, err, err.Code.Info().HTTP) }

func writeProblem(w http.ResponseWriter, err *evenkeel.Error, status int) {
	body, jsonErr := json.Marshal(struct {
		Type   string        `json:"type"`
		Title  string        `json:"title"`
		Status int           `json:"status"`
		Detail string        `json:"detail"`
		Code   evenkeel.Code `json:"code"`
	}{"about:blank", err.Code.Info().Title, status, err.Detail, err.Code})
	if jsonErr != nil {
		body = []byte("{}")
	}
	w.Header().Set("Content-Type", "application/problem+json")
	if err.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(int64((err.RetryAfter+evenkeel.Second-1)/evenkeel.Second), 10))
	}
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // who asked may be gone
}
