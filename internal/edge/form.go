//evenkeel:shell

package edge

import (
	"net/http"
	"reflect"

	"github.com/evenkeel/evenkeel"
)

// form is what goes into a route and comes out of it. The description of the
// API is made from it, and unknown query parameters are refused by it.
type form struct {
	query    []string // parameters, each with a line in fields.txt
	body     reflect.Type
	needs    []string // fields of the body that must be given
	defaults any      // what a body without fields stands for
	reply    reflect.Type
	kind     string // of the answer's content; empty: JSON
	csv      bool   // the answer may be asked for as CSV too
	status   []int  // of success
	keyed    bool   // takes an Idempotency-Key
	// counts, if set, finds the version in an answer: the object counts its own,
	// and the handler reads the condition itself.
	counts func(value any) uint64
	object evenkeel.Kind // the object has versions, and is put by this kind
	part   string        // which one of it, where the address names it by its last word
}

// gives is the form of a route that answers with a T.
func gives[T any]() form { return form{reply: reflect.TypeFor[T](), status: []int{http.StatusOK}} }

// lists is the form of a list of T.
func lists[T any](filters ...string) form {
	return gives[pageOf[T]]().asks(append(filters, "limit", "cursor")...)
}

// takes is the form of a POST with a body B that answers with an R.
func takes[B, R any](needs ...string) form {
	f := gives[R]()
	f.body, f.needs = reflect.TypeFor[B](), needs
	return f
}

// puts is the form of a PUT, which creates or replaces and answers with what is
// there then.
func puts[B, R any](defaults B) form {
	f := takes[B, R]()
	f.status = []int{http.StatusOK, http.StatusCreated}
	f.defaults = defaults
	return f
}

// ends is the form of a route that has nothing to answer.
func ends() form { return form{}.ends() }

// acts is the form of a route that does the same as an RPC method.
func (e *Edge) acts(method string, needs ...string) form {
	m := Methods()[method]
	f := form{body: reflect.TypeOf(m.fresh()).Elem(), needs: needs, keyed: true, status: []int{http.StatusOK}}
	switch m.View {
	case ViewStart:
		f.reply, f.status = reflect.TypeFor[startReply](), []int{http.StatusOK, http.StatusCreated}
	case ViewChat:
		f.reply = reflect.TypeFor[chatReply]()
	case ViewNumber:
		f.reply, f.status = reflect.TypeFor[sentReply](), []int{http.StatusCreated}
	case ViewStatus:
		f.reply = reflect.TypeFor[statusReply]()
	case ViewMissed:
		f.reply = reflect.TypeFor[missedReply]()
	case ViewIndex:
		f.reply = reflect.TypeFor[indexReply]()
	}
	return f
}

// ends takes the answer away.
func (f form) ends() form {
	f.reply, f.status = nil, []int{http.StatusNoContent}
	return f
}

// creates says that success is the making of something.
func (f form) creates() form {
	f.status = []int{http.StatusCreated}
	return f
}

// defaulting says what a body without fields stands for.
func (f form) defaulting(defaults any) form {
	f.defaults = defaults
	return f
}

// counted says that the object counts its versions in its own body, and that the
// handler reads the condition as such a number.
func (f form) counted(version func(value any) uint64) form {
	f.counts = version
	return f
}

// of says that the route is about one object with versions: by which kind of
// command it is put.
func (f form) of(put evenkeel.Kind) form {
	f.object = put
	return f
}

// partly says that this is one of several parts with versions of their own.
func (f form) partly(part string) form {
	f.part = part
	return f
}

func (f form) asks(query ...string) form {
	f.query = append(f.query, query...)
	return f
}

// orCSV says that the answer may be asked for as CSV too.
func (f form) orCSV() form {
	f.csv = true
	return f
}

// as says that the answer is not JSON.
func (f form) as(kind string) form {
	f.kind = kind
	return f
}

// The answers that AppendResult writes, for the description.
type (
	indexReply struct {
		Index uint64 `json:"index"`
	}
	chatReply struct {
		Chat  anyChat `json:"chat"`
		Index uint64  `json:"index"`
	}
	startReply struct {
		Chat     anyChat `json:"chat"`
		Existing bool    `json:"existing,omitempty"`
		Index    uint64  `json:"index"`
	}
	sentReply struct {
		Number uint64        `json:"number"`
		Time   evenkeel.Time `json:"time"`
		Index  uint64        `json:"index"`
	}
	statusReply struct {
		Agent     string               `json:"agent"`
		Status    evenkeel.AgentStatus `json:"status"`
		Reason    string               `json:"reason,omitempty"`
		Connected bool                 `json:"connected"`
		Index     uint64               `json:"index"`
	}
	missedReply struct {
		Missed anyMissed `json:"missed"`
		Index  uint64    `json:"index"`
	}
	// pageOf is a page of a list, as listReply.
	pageOf[T any] struct {
		Items []T     `json:"items"`
		Next  *string `json:"next"`
	}
)
