//evenkeel:shell

package edge

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/evenkeel/evenkeel"
)

func (e *Edge) customerRoutes() []route {
	who := asking(evenkeel.KindContextSet)
	return []route{
		{http.MethodGet, "/v1/customers", who, listCustomers, "Customers that the desk knows, by id; those whose id, name or signed e-mail address begins with q", lists[evenkeel.CustomerState]("q")},
		{http.MethodGet, "/v1/customers/{id}/context", who, getContext, "A customer's context, with its version", gives[evenkeel.Context]().counted(contextVersion)},
		{http.MethodPut, "/v1/customers/{id}/context", who, e.putContext(), "Replace a customer's context, if it still has the version that the caller has seen", puts[contextBody, evenkeel.Context](contextBody{}).counted(contextVersion)},
	}
}

func contextVersion(value any) uint64 { return value.(*evenkeel.Context).Version }

func listCustomers(q *request) (*answer, *evenkeel.Error) {
	text := q.URL.Query().Get("q")
	if err := tooLong("q", text, maxNameRunes); err != nil {
		return nil, err
	}
	return listPage(q, 'p', func(s *evenkeel.CustomerState) string { return s.ID }, func(r Reader, after string, limit int) ([]*evenkeel.CustomerState, error) {
		return r.Customers(q.who.Principal, text, after, limit)
	}, func(s *evenkeel.CustomerState) any { return s })
}

func getContext(q *request) (*answer, *evenkeel.Error) {
	return q.view(func(r Reader) (any, error) { return r.Context(q.who.Principal, q.PathValue("id"), "") })
}

type contextBody struct {
	Version *uint64         `json:"version"`
	Data    json.RawMessage `json:"data"`
}

func (e *Edge) putContext() handler {
	s := shapeFor[contextBody]()
	return func(q *request) (*answer, *evenkeel.Error) {
		var b contextBody
		if err := s.decode(q.body, &b); err != nil {
			return nil, err
		}
		id := q.PathValue("id")
		data, err := canonical("data", b.Data)
		err2 := q.ifMatch(&b.Version)
		if err := firstError(err, err2, checkID("id", id)); err != nil {
			return nil, err
		}
		return q.put(&evenkeel.ContextSet{Customer: id, Version: b.Version, Data: data},
			func(r Reader) (any, error) { return r.Context(q.who.Principal, id, "") })
	}
}

// ifMatch takes the version from the condition of a request: an ETag, or the
// number alone, with or without quotes.
func (q *request) ifMatch(version **uint64) *evenkeel.Error {
	match, none := q.Header.Get("If-Match"), q.Header.Get("If-None-Match")
	field, n := "If-Match", uint64(0) // of a context that is not there yet
	switch {
	case match == "" && none == "":
		return nil
	case match != "" && none != "":
		return evenkeel.FieldErrorf("If-Match", "If-Match and If-None-Match exclude each other")
	case none == "*":
		field = "If-None-Match"
	case none != "":
		return evenkeel.FieldErrorf("If-None-Match", "to set a context that is not there yet, PUT with If-None-Match: *")
	default:
		var err *evenkeel.Error
		if n, err = q.contextTag(match); err != nil {
			return err
		}
	}
	if *version != nil && **version != n {
		return evenkeel.FieldErrorf(field, "the header %s and the field version differ", field)
	}
	*version = &n
	return nil
}

func (q *request) contextTag(match string) (uint64, *evenkeel.Error) {
	if n, err := strconv.ParseUint(strings.Trim(match, `"`), 10, 64); err == nil {
		return n, nil
	}
	n, err := q.taggedVersion(match)
	if err != nil && err.Code == evenkeel.CodeBadRequest {
		return 0, evenkeel.FieldErrorf("If-Match", "the header If-Match must be the ETag of the context, or its version, such as \"7\"")
	}
	return n - 1, err
}
