//evenkeel:shell

package edge

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/evenkeel/evenkeel"
)

// problem is the form of an error over HTTP (RFC 9457), with the fields that
// this API adds.
type problem struct {
	Type       string            `json:"type"`
	Title      string            `json:"title"`
	Status     int               `json:"status"`
	Detail     string            `json:"detail"`
	Code       evenkeel.Code     `json:"code"`
	Field      string            `json:"field,omitempty"`
	RetryAfter evenkeel.Duration `json:"retry_after,omitempty"`
}

// writeProblem answers with an error. status 0 is the one of the error's code.
func writeProblem(w http.ResponseWriter, err *evenkeel.Error, status int) {
	info := err.Code.Info()
	if status == 0 {
		status = info.HTTP
	}
	body, failure := json.Marshal(&problem{
		Type: "urn:evenkeel:error:" + string(info.Code), Title: info.Title, Status: status, Detail: err.Detail,
		Code: info.Code, Field: err.Field, RetryAfter: err.RetryAfter,
	})
	if failure != nil {
		http.Error(w, info.Title, http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if err.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((err.RetryAfter+evenkeel.Second-1)/evenkeel.Second), 10))
	}
	if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // a caller who has gone is nobody's error
}
