//evenkeel:shell

package edge

import (
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel"
)

// listReply is a page of a list.
type listReply struct {
	Items []any   `json:"items"`
	Next  *string `json:"next"` // a cursor, or null on the last page
}

// listPage answers with a page of a list that is ordered by id.
func listPage[T any](q *request, sort byte, id func(T) string, read func(r Reader, after string, limit int) ([]T, error),
	show func(T) any) (*answer, *evenkeel.Error) {
	limit, err := readLimit(q.URL.Query().Get("limit"))
	after, err2 := readCursor(sort, q.URL.Query().Get("cursor"))
	if err := firstError(err, err2); err != nil {
		return nil, err
	}
	return q.view(func(r Reader) (any, error) {
		items, err := read(r, after, limit+1)
		if err != nil {
			return nil, err
		}
		page := &listReply{Items: []any{}}
		if len(items) > limit {
			items = items[:limit]
			next := makeCursor(sort, id(items[limit-1]))
			page.Next = &next
		}
		for _, item := range items {
			page.Items = append(page.Items, show(item))
		}
		return page, nil
	})
}

// onlyQuery refuses query parameters that the route does not know: a filter
// that was misspelt must not look like one that finds everything.
func (q *request) onlyQuery() *evenkeel.Error {
	if !strings.HasPrefix(q.route.path, "/v1/") {
		return nil // a balancer or a browser may add what it likes
	}
	for name, values := range q.URL.Query() {
		if !slices.Contains(q.route.form.query, name) {
			return badQuery(name, "is unknown here")
		}
		if len(values) > 1 {
			return badQuery(name, "is there twice")
		}
	}
	return nil
}
