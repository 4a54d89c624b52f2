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
		{http.MethodGet, "/v1/customers/{id}/context", who, getContext, "A customer's context, with its version", gives[evenkeel.Context]()},
		{http.MethodPut, "/v1/customers/{id}/context", who, e.putContext(), "Replace a customer's context, if it still has the version that the caller has seen", puts[contextBody, evenkeel.Context](contextBody{}).counted()},
	}
}

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

// ifMatch takes the version from an If-Match header: the number, with or without
// quotes.
func (q *request) ifMatch(version **uint64) *evenkeel.Error {
	h := q.Header.Get("If-Match")
	if h == "" {
		return nil
	}
	n, err := strconv.ParseUint(strings.Trim(h, `"`), 10, 64)
	switch {
	case err != nil:
		return evenkeel.FieldErrorf("If-Match", "the header If-Match must be a version of the context, such as \"7\"")
	case *version != nil && **version != n:
		return evenkeel.FieldErrorf("If-Match", "the header If-Match and the field version differ")
	}
	*version = &n
	return nil
}
