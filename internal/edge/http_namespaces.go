//evenkeel:shell

package edge

import (
	"net/http"

	"github.com/evenkeel/evenkeel"
)

func (e *Edge) namespaceRoutes() []route {
	staff, put := asking(evenkeel.KindChatNote), asking(evenkeel.KindNamespacePut)
	return []route{
		{http.MethodGet, "/v1/namespaces", staff, listNamespaces, "All namespaces of the operator's channels", lists[evenkeel.Namespace]()},
		{http.MethodGet, "/v1/namespaces/{id}", staff, getNamespace, "One namespace", gives[evenkeel.Namespace]().of(evenkeel.KindNamespacePut)},
		{http.MethodPut, "/v1/namespaces/{id}", put, putNamespace(), "Create or replace a namespace", puts[namespaceBody, evenkeel.Namespace](newNamespaceBody("")).of(evenkeel.KindNamespacePut)},
		{http.MethodDelete, "/v1/namespaces/{id}", put, deleteNamespace, "Remove a namespace; subscriptions to its channels end", ends().of(evenkeel.KindNamespacePut)},
	}
}

func listNamespaces(q *request) (*answer, *evenkeel.Error) {
	return listPage(q, 'n', func(n evenkeel.Namespace) string { return n.Name }, func(r Reader, after string, limit int) ([]evenkeel.Namespace, error) {
		return r.Namespaces(q.who.Principal, after, limit)
	}, func(n evenkeel.Namespace) any { return n })
}

func (q *request) namespace(r Reader) (any, error) {
	n, ok := r.Namespace(q.who.Principal.Workspace, q.PathValue("id"))
	if !ok {
		return nil, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no namespace %q", q.PathValue("id"))
	}
	return n, nil
}

func getNamespace(q *request) (*answer, *evenkeel.Error) { return q.view(q.namespace) }

// namespaceBody has the fields of what is to come as well, which take only the
// value that says that it is not there.
type namespaceBody struct {
	evenkeel.Namespace
	Durable bool   `json:"durable"`
	Delta   string `json:"delta"`
}

func newNamespaceBody(name string) namespaceBody {
	return namespaceBody{Namespace: evenkeel.NewNamespace(name), Delta: "none"}
}

func putNamespace() handler {
	s := shapeFor[namespaceBody]()
	return func(q *request) (*answer, *evenkeel.Error) {
		b := newNamespaceBody(q.PathValue("id"))
		if err := s.decode(q.body, &b); err != nil {
			return nil, err
		}
		switch {
		case b.Name != q.PathValue("id"):
			return nil, badField("name", "is not the name of the address")
		case b.Durable:
			return nil, badField("durable", "must be false: channels that outlive their node are not there yet")
		case b.Delta != "none":
			return nil, badField("delta", "must be none: publications as differences are not there yet")
		}
		if err := checkNewID("name", b.Name); err != nil {
			return nil, err
		}
		return q.put(&evenkeel.NamespacePut{Namespace: b.Namespace}, q.namespace)
	}
}

func deleteNamespace(q *request) (*answer, *evenkeel.Error) {
	return q.remove(&evenkeel.NamespaceDelete{Namespace: q.PathValue("id")})
}
