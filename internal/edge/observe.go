//evenkeel:shell

package edge

import (
	"net/http"
	"time"

	"github.com/evenkeel/evenkeel"
)

// Observation is a request that was answered.
type Observation struct {
	RPC  bool
	Name string // the method of RPC; of HTTP the route, such as "GET /v1/chats/{id}"
	// Code is the error's code, or ok; of HTTP it is empty and Status is set.
	Code   evenkeel.Code
	Status int
	Took   time.Duration
}

// codeOK is the Code of a call that was not refused.
const codeOK evenkeel.Code = "ok"

// observeHTTP tells of a request when it is over. It takes the writer's place.
func (e *Edge) observeHTTP(w http.ResponseWriter, route string) (http.ResponseWriter, func()) {
	if e.cfg.Observe == nil {
		return w, func() {}
	}
	began := e.since()
	seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	return seen, func() { e.cfg.Observe(Observation{Name: route, Status: seen.status, Took: e.since() - began}) }
}

// observeCall tells of a call when it is answered. It takes the reply's place.
func (e *Edge) observeCall(method string, reply func([]byte, *evenkeel.Error)) func([]byte, *evenkeel.Error) {
	if e.cfg.Observe == nil {
		return reply
	}
	began := e.since()
	return func(result []byte, err *evenkeel.Error) {
		code := codeOK
		if err != nil {
			code = err.Code
		}
		name := method
		if code == evenkeel.CodeUnknownMethod {
			name = "unknown" // what strangers make up must not become names
		}
		e.cfg.Observe(Observation{RPC: true, Name: name, Code: code, Took: e.since() - began})
		reply(result, err)
	}
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
