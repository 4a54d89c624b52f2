//evenkeel:shell

package edge

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel"
)

// route is one row of the table of the HTTP API.
type route struct {
	method string
	path   string // as http.ServeMux reads it
	who    access
	handle handler
	about  string // one line for the documentation
	form   form
}

type handler func(*request) (*answer, *evenkeel.Error)

// access says which roles may use a route at all: all (and callers without a
// token), those that may ask for one of the kinds of commands, or those named.
type access struct {
	open  bool
	kinds []evenkeel.Kind
	roles []evenkeel.Role
}

func (a access) allows(role evenkeel.Role) bool {
	return a.open || slices.Contains(a.roles, role) ||
		slices.ContainsFunc(a.kinds, func(k evenkeel.Kind) bool { return evenkeel.Allowed(role, k) })
}

func open() access                         { return access{open: true} }
func asking(kinds ...evenkeel.Kind) access { return access{kinds: kinds} }
func being(roles ...evenkeel.Role) access  { return access{roles: roles} }

// routes is the whole HTTP API.
func (e *Edge) routes() []route {
	return slices.Concat(
		e.authRoutes(),
		e.chatRoutes(),
		e.missedRoutes(),
		e.widgetRoutes(),
		e.cannedRoutes(),
		e.configRoutes(),
		e.workspaceRoutes(),
		e.signingRoutes(),
		e.namespaceRoutes(),
		e.customerRoutes(),
		e.archiveRoutes(),
		e.reportRoutes(),
		e.cellRoutes(), e.nodeRoutes(),
		e.connectRoutes(),
		e.docRoutes(),
	)
}

// request is one HTTP request on its way through a handler.
type request struct {
	*http.Request
	edge  *Edge
	route *route
	who   Identity
	body  []byte
	// ifVersion is what the object must be for a change, as a command wants it.
	ifVersion uint64
}

// answer is what a handler returns: a value that becomes JSON, or JSON.
type answer struct {
	status int // 0: 200
	index  uint64
	tag    string // of an object with versions: the version
	value  any
	raw    []byte
	kind   string // of raw; empty: JSON
	stream func(w http.ResponseWriter) error
	policy string // of a page: what it may load
	next   string // cursor of the next page, where the body has no place for it
}

// newHandler builds the handler of all routes.
func (e *Edge) newHandler() http.Handler {
	mux := http.NewServeMux()
	byPath := map[string]map[string]*route{}
	for _, r := range e.routes() {
		if byPath[r.path] == nil {
			methods := map[string]*route{}
			byPath[r.path] = methods
			mux.HandleFunc(r.path, func(w http.ResponseWriter, req *http.Request) { e.dispatch(w, req, methods) })
		}
		byPath[r.path][r.method] = &r
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeProblem(w, evenkeel.Errorf(evenkeel.CodeNotFound, "there is nothing at %s", r.URL.Path), 0)
	})
	return e.GuardOrigin(mux)
}

// dispatch finds the route of the method.
func (e *Edge) dispatch(w http.ResponseWriter, r *http.Request, methods map[string]*route) {
	name := r.Method
	if name == http.MethodHead {
		name = http.MethodGet
	}
	found := methods[name]
	if found == nil {
		var allowed []string
		for m := range methods {
			allowed = append(allowed, m)
		}
		slices.Sort(allowed)
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		writeProblem(w, evenkeel.Errorf(evenkeel.CodeUnknownMethod, "%s is not possible here, only %s", r.Method, strings.Join(allowed, ", ")),
			http.StatusMethodNotAllowed)
		return
	}
	w, tell := e.observeHTTP(w, found.method+" "+found.path)
	defer tell()
	q := &request{Request: r, edge: e, route: found}
	a, err := q.run(w)
	if err != nil {
		writeProblem(w, err, 0)
		return
	}
	q.write(w, a)
}

// run does what is common to all routes before the handler's turn. The body
// comes last: of somebody who may not ask it is not even read.
func (q *request) run(w http.ResponseWriter) (*answer, *evenkeel.Error) {
	if err := q.withinAddress(w); err != nil {
		return nil, err
	}
	if err := q.waitIndex(); err != nil {
		return nil, err
	}
	if q.token() == "" && !q.route.who.open {
		return nil, evenkeel.Errorf(evenkeel.CodeUnauthenticated, "no token was given")
	}
	if err := q.edge.Proven(q.Context(), q.learnCaller); err != nil {
		return nil, err
	}
	if err := q.withinUser(w); err != nil {
		return nil, err
	}
	again := false // his role may have changed
	if err := q.edge.Proven(q.Context(), func() *evenkeel.Error {
		if again {
			if err := q.learnCaller(); err != nil {
				return err
			}
		}
		again = true
		return q.allowed()
	}); err != nil {
		return nil, err
	}
	if err := q.readBody(w); err != nil {
		return nil, err
	}
	if err := q.onlyQuery(); err != nil {
		return nil, err
	}
	if err := q.readCondition(); err != nil {
		return nil, err
	}
	var a *answer
	err := q.edge.Proven(q.Context(), func() (err *evenkeel.Error) {
		a, err = q.route.handle(q)
		return err
	})
	return a, err
}

// learnCaller finds out who asks.
func (q *request) learnCaller() *evenkeel.Error {
	token := q.token()
	if token == "" {
		return nil
	}
	who, err := q.edge.identify(token)
	// A route for everybody takes a token that has expired for none.
	if err != nil && !q.route.who.open {
		return err
	}
	q.who = who
	q.who.Loopback = addressOf(q.Request).loopback
	if who.nodesOwn() && !q.besideNode() {
		return evenkeel.Errorf(evenkeel.CodeUnauthenticated, "a node's own key is good on the node's machine only")
	}
	return nil
}

// allowed tells whether the caller's role may use the route.
func (q *request) allowed() *evenkeel.Error {
	if q.route.who.allows(q.who.Role) {
		return nil
	}
	return evenkeel.Errorf(evenkeel.CodeForbidden, "the role %s may not use %s %s", q.who.Role, q.route.method, q.route.path)
}

// token finds what the caller proves himself with.
func (q *request) token() string {
	if key := q.Header.Get("X-API-Key"); key != "" {
		return key
	}
	scheme, value, _ := strings.Cut(q.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "apikey") {
		return strings.TrimSpace(value)
	}
	return ""
}

func (q *request) readBody(w http.ResponseWriter) *evenkeel.Error {
	if q.Method == http.MethodGet || q.Method == http.MethodHead {
		return nil
	}
	most := int64(maxBodyBytes)
	if q.who.Role == evenkeel.RoleNone {
		most = maxStrangerBytes
	}
	tooLarge := evenkeel.Errorf(evenkeel.CodeTooLarge, "the body has more than %d bytes", most)
	if q.ContentLength > most {
		return tooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, q.Body, most))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return tooLarge
		}
		return evenkeel.Errorf(evenkeel.CodeBadRequest, "the body could not be read")
	}
	if len(body) > 0 {
		kind, _, err := mime.ParseMediaType(q.Header.Get("Content-Type"))
		if err != nil || kind != "application/json" {
			return &evenkeel.Error{
				Code: evenkeel.CodeBadRequest, Field: "Content-Type", Detail: "the body must be JSON, sent as application/json",
			}
		}
	}
	q.body = body
	return nil
}

// indexWait is how long a request waits for the local replica to reach the
// index that its caller has seen.
const indexWait = 2 * time.Second

const (
	indexHeader = "Evenkeel-Index"
	nextHeader  = "Evenkeel-Next"
)

// waitIndex keeps a caller from reading what is older than what he has seen.
func (q *request) waitIndex() *evenkeel.Error {
	h := q.Header.Get(indexHeader)
	if h == "" {
		return nil
	}
	index, err := strconv.ParseUint(h, 10, 64)
	if err != nil {
		return evenkeel.FieldErrorf(indexHeader, "the header %s must be an index that an answer gave", indexHeader)
	}
	return q.waitFor(index)
}

func (q *request) waitFor(index uint64) *evenkeel.Error {
	ctx, cancel := context.WithTimeout(q.Context(), indexWait)
	defer cancel()
	if err := q.edge.cfg.Cell.WaitApplied(ctx, index); err != nil {
		return &evenkeel.Error{
			Code: evenkeel.CodeNoLeader, RetryAfter: evenkeel.Second,
			Detail: "this node has not caught up with what the caller has seen (index " + strconv.FormatUint(index, 10) + ")",
		}
	}
	return nil
}

// view reads the local replica. The answer carries its index.
func (q *request) view(read func(r Reader) (any, error)) (*answer, *evenkeel.Error) {
	a := &answer{}
	var err error
	q.edge.cfg.Cell.View(func(r Reader) {
		a.index = r.Index()
		a.value, err = read(r)
		if version := q.version(r, a.value, err); version != 0 {
			a.tag = tagVersion(r, version)
		}
	})
	return a, asError(err)
}

// propose hands a command to the leader, under the caller's id if it has one.
func (q *request) propose(c *evenkeel.Command) (evenkeel.Result, *evenkeel.Error) {
	if err := mayAsk(q.who.Role, c.Body.Kind()); err != nil {
		return evenkeel.Result{}, err
	}
	c.By = q.who.Principal
	return q.edge.do(q.Context(), c, len(q.body)+maxIDBytes)
}

// system hands over a command of the cell itself, about a workspace.
func (q *request) system(workspace string, body evenkeel.Body) (evenkeel.Result, *evenkeel.Error) {
	c := &evenkeel.Command{By: evenkeel.System(), OnBehalfOf: evenkeel.Principal{Workspace: workspace}, Body: body}
	return q.edge.do(q.Context(), c, maxIDBytes)
}

// idempotencyKey returns the command id that the Idempotency-Key header stands
// for: one for each route. With the caller, which the desk adds, it is the
// key of exactly-once.
func (q *request) idempotencyKey() (string, *evenkeel.Error) {
	key := q.Header.Get("Idempotency-Key")
	if key == "" {
		return "", nil
	}
	if len(key) > 255 || strings.ContainsFunc(key, func(r rune) bool { return r < 0x20 || r > 0x7e }) {
		return "", evenkeel.FieldErrorf("Idempotency-Key", "the header Idempotency-Key may have 255 printable ASCII characters")
	}
	sum := sha256.Sum256([]byte(q.route.method + " " + q.route.path + "\n" + key))
	return "http-" + hex.EncodeToString(sum[:20]), nil
}

// write sends a handler's answer.
func (q *request) write(w http.ResponseWriter, a *answer) {
	status := a.status
	if status == 0 {
		status = http.StatusOK
	}
	h := w.Header()
	if a.index != 0 {
		h.Set(indexHeader, strconv.FormatUint(a.index, 10))
	}
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if status == http.StatusNoContent {
		w.WriteHeader(status)
		return
	}
	if a.stream != nil {
		h.Set("Content-Type", a.kind)
		w.WriteHeader(status)
		if err := a.stream(w); err != nil {
			q.edge.cfg.Log.Info("a long answer was cut off", "error", err)
			panic(http.ErrAbortHandler) // the caller must see that it is not whole
		}
		return
	}
	body := a.raw
	if body == nil {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		if err := enc.Encode(a.value); err != nil {
			q.edge.cfg.Log.Error("cannot encode an answer", "error", err)
			writeProblem(w, evenkeel.Errorf(evenkeel.CodeInternal, "the answer cannot be encoded"), 0)
			return
		}
		body = b.Bytes()
	}
	if a.tag != "" {
		tag := makeTag(a.tag, body)
		h.Set("ETag", tag)
		if q.asBefore(tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	if a.next != "" {
		h.Set(nextHeader, a.next)
	}
	if a.policy != "" {
		h.Set("Content-Security-Policy", a.policy)
		h.Set("Referrer-Policy", "no-referrer")
	}
	h.Set("Content-Type", cmp.Or(a.kind, "application/json"))
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a caller who has gone is nobody's error
}
