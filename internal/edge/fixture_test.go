package edge

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/auth"
	"github.com/evenkeel/evenkeel/internal/desk"
)

// deskReader is what the node will hand over: the desk as it is.
var _ Reader = (*desk.Desk)(nil)

// testCell is a cell of one replica without a log: the real desk, and a switch
// for each way in which proposing can fail.
type testCell struct {
	t testing.TB

	mu     sync.Mutex
	desk   *desk.Desk
	formed time.Time // to the millisecond, by which the cell counts
	time   evenkeel.DeskTime
	index  uint64
	events func([]evenkeel.Event)
	fail   error             // of every proposal, which is not applied then
	lose   int               // that many proposals are applied, but their results lost
	lag    bool              // WaitApplied waits in vain
	idle   evenkeel.Duration // how long ago the last entry is, besides what the test takes
	status CellStatus

	news     func() // what this replica has not applied yet
	headless bool   // there is no leader
}

const newVisitors = 10 // a minute and address

func newTestCell(t testing.TB) *testCell {
	now := time.Now()
	c := &testCell{t: t, desk: desk.New(), formed: now.Add(-time.Duration(now.Nanosecond() % int(time.Millisecond))), time: 1, events: func([]evenkeel.Event) {}}
	return c
}

// apply applies one entry, and as many ticks as it asks for.
func (c *testCell) apply(commands ...*evenkeel.Command) []evenkeel.Result {
	var raw [][]byte
	for _, cmd := range commands {
		b, err := desk.EncodeCommand(nil, cmd)
		if err != nil {
			c.t.Errorf("a command that passed the edge cannot be encoded: %v", err)
			return nil
		}
		raw = append(raw, b)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.applyEntry(raw)
	results := out.Results
	for out.More {
		out = c.applyEntry(nil)
	}
	return results
}

func (c *testCell) applyEntry(raw [][]byte) desk.Output {
	c.index++
	out, err := c.desk.Apply(c.index, desk.AppendEntry(nil, desk.EntryHeader{Time: c.time}, raw), nil)
	if err != nil {
		c.t.Errorf("apply: %v", err)
	}
	c.events(out.Events)
	return out
}

// pass lets desk time go by.
func (c *testCell) pass(d evenkeel.Duration) {
	c.mu.Lock()
	c.time += evenkeel.DeskTime(d)
	c.mu.Unlock()
	c.apply()
}

func (c *testCell) View(fn func(Reader)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fn(c.desk)
}

func (c *testCell) Propose(commands []*evenkeel.Command, done func([]evenkeel.Result, error)) {
	c.mu.Lock()
	fail := c.fail
	lost := c.lose > 0
	if lost {
		c.lose--
	}
	c.mu.Unlock()
	if fail != nil {
		done(nil, fail)
		return
	}
	results := c.apply(commands...)
	if lost {
		done(nil, evenkeel.Errorf(evenkeel.CodeNoLeader, "the leader was lost"))
		return
	}
	done(results, nil)
}

func (c *testCell) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

func (c *testCell) Wall() evenkeel.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.desk.Wall() + evenkeel.Time(time.Since(c.formed)/time.Millisecond) + evenkeel.Time(c.idle)
}

func (c *testCell) Fresh(ctx context.Context) error {
	c.mu.Lock()
	news, led := c.news, !c.headless
	c.news = nil
	c.mu.Unlock()
	if !led {
		<-ctx.Done()
		return ctx.Err()
	}
	if news != nil {
		news()
	}
	return nil
}

func (c *testCell) WaitApplied(ctx context.Context, index uint64) error {
	c.mu.Lock()
	reached := c.index >= index && !c.lag
	c.mu.Unlock()
	if reached {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func (c *testCell) Status() CellStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

// fixture is an edge before a test cell, with one caller of each role.
type fixture struct {
	*testing.T
	cell   *testCell
	edge   *Edge
	server *httptest.Server
	tokens map[evenkeel.Role]string
	judge  *judge
	rates  Rates

	mu       sync.Mutex
	typed    []string // ephemeral publications
	listened map[string]bool
	present  []ClientID // who was said to be watched more closely
	offset   time.Duration
}

const testPassword = "correct horse"

// newFixture makes one whose answers are held against the description.
func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := newUnjudged(t)
	f.judge = newJudge(t)
	return f
}

func newUnjudged(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{T: t, cell: newTestCell(t), tokens: map[evenkeel.Role]string{}}
	f.build()
	f.server = httptest.NewServer(f.edge.Handler())
	t.Cleanup(f.server.Close)
	f.logIn()
	return f
}

// build makes an edge that ends with the test.
func (f *fixture) build() {
	f.Helper()
	f.assemble()
	f.Cleanup(f.edge.Stop)
}

// tell notes what is published without an offset.
func (f *fixture) tell(channel string, data []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.typed = append(f.typed, channel+" "+string(data))
}

// assemble makes and starts an edge before a cell with people.
func (f *fixture) assemble() {
	rates := f.rates
	rates.NewVisitors = Rate{Count: newVisitors, Per: time.Minute}
	f.Helper()
	f.listened = map[string]bool{}
	edge, err := New(Config{
		Cell: f.cell, Random: &countingReader{}, PasswordCost: auth.Cost{Memory: 8, Passes: 1, Threads: 1},
		VisitorKey: func() ([]byte, error) { return bytes.Repeat([]byte{9}, 32), nil },
		Seal:       sealed, Open: opened,
		Listened: func(channel string) bool {
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.listened[channel]
		},
		Ephemeral: f.tell, Spread: f.tell,
		Present: func(id ClientID) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.present = append(f.present, id)
		},
		Now: f.now, Rates: rates,
	})
	if err != nil {
		f.Fatal(err)
	}
	f.edge = edge
	f.cell.events = edge.Events
	hash, err := edge.passwords.Hash(f.Context(), testPassword)
	if err != nil {
		f.Fatal(err)
	}
	f.form(hash)
	edge.Start()
}

// countingReader is a source of bytes that never repeat themselves.
type countingReader struct {
	mu sync.Mutex
	n  uint64
}

func (r *countingReader) Read(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range b {
		r.n = r.n*6364136223846793005 + 1442695040888963407
		b[i] = byte(r.n >> 56)
	}
	return len(b), nil
}

func (f *fixture) now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Now().Add(f.offset)
}

// later moves the edge's clock.
func (f *fixture) later(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.offset += d
}

func (f *fixture) must(by evenkeel.Principal, body evenkeel.Body) evenkeel.Result {
	f.Helper()
	r := f.cell.apply(&evenkeel.Command{By: by, Body: body})[0]
	if r.Err != nil {
		f.Fatalf("%s: %v", body.Kind(), r.Err)
	}
	return r
}

// form makes the cell and its people: one of each role, with the role's name.
func (f *fixture) form(hash string) {
	f.Helper()
	system := evenkeel.System()
	f.must(system, &evenkeel.CellForm{
		CellID: "cell", Generation: "g1", Wall: evenkeel.TimeOf(f.cell.formed), Limits: evenkeel.DefaultLimits(),
		Admin:    evenkeel.Agent{ID: "admin", Name: "Admin", Email: "admin@localhost", Role: evenkeel.RoleAdmin},
		Password: hash, OneTime: true, StartHash: auth.Hash("ekf_start"),
	})
	inDefault := evenkeel.Principal{Workspace: evenkeel.DefaultWorkspace}
	for _, role := range []evenkeel.Role{evenkeel.RoleAgent, evenkeel.RoleSupervisor, evenkeel.RoleOperator} {
		r := f.cell.apply(&evenkeel.Command{By: system, OnBehalfOf: inDefault, Body: &evenkeel.AgentPut{Agent: evenkeel.Agent{
			ID: role.String(), Name: "The " + role.String(), Email: role.String() + "@localhost", Role: role, Capacity: 4,
			Queues: []evenkeel.Membership{{Queue: "general", Level: 1}},
		}, Password: hash}})[0]
		if r.Err != nil {
			f.Fatal(r.Err)
		}
	}
	r := f.cell.apply(&evenkeel.Command{By: system, OnBehalfOf: inDefault, Body: &evenkeel.APIKeyPut{
		Key: evenkeel.APIKey{ID: "shop", Role: evenkeel.RoleService}, Hash: auth.Hash("eks_0123456789abcdef"),
	}})[0]
	if r.Err != nil {
		f.Fatal(r.Err)
	}
	f.edge.Incarnation(f.must(system, &evenkeel.NodeUp{Node: "n1", Boot: "b1"}).Incarnation)
}

func (f *fixture) logIn() {
	f.Helper()
	for _, role := range []evenkeel.Role{evenkeel.RoleAgent, evenkeel.RoleSupervisor, evenkeel.RoleAdmin, evenkeel.RoleOperator} {
		r := f.call("POST", "/v1/auth/login", "", fmt.Sprintf(`{"email":"%s@localhost","password":"%s"}`, role, testPassword))
		r.want(200)
		f.tokens[role] = r.str("token")
	}
	f.tokens[evenkeel.RoleCustomer] = f.call("POST", "/v1/visitors", "", "").want(200).str("token")
	f.tokens[evenkeel.RoleService] = "eks_0123456789abcdef"
}

// reply is an answer of the HTTP API.
type reply struct {
	t      testing.TB
	what   string
	status int
	header http.Header
	body   []byte
	value  map[string]any
}

// call asks as somebody: a token, or the name of a role.
func (f *fixture) call(method, path, who, body string, headers ...string) *reply {
	f.Helper()
	req, err := http.NewRequestWithContext(f.Context(), method, f.server.URL+path, strings.NewReader(body))
	if err != nil {
		f.Fatal(err)
	}
	if token := f.token(who); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := f.server.Client().Do(req)
	if err != nil {
		f.Fatal(err)
	}
	defer res.Body.Close()
	r := &reply{t: f.T, what: method + " " + path + " " + body, status: res.StatusCode, header: res.Header}
	if r.body, err = io.ReadAll(res.Body); err != nil {
		f.Fatal(err)
	}
	if f.judge != nil {
		f.judge.check(f.T, req, r.status, r.header, r.body)
	}
	if len(r.body) > 0 && r.body[0] == '{' {
		if err := json.Unmarshal(r.body, &r.value); err != nil {
			f.Fatalf("%s: the answer is not JSON: %q", r.what, r.body)
		}
	}
	return r
}

func (f *fixture) token(who string) string {
	for role, token := range f.tokens {
		if role.String() == who {
			return token
		}
	}
	return who
}

func (r *reply) want(status int) *reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("%s: status %d, want %d: %s", r.what, r.status, status, r.body)
	}
	return r
}

// refused wants a problem document with a code.
func (r *reply) refused(code evenkeel.Code, field string) *reply {
	r.t.Helper()
	r.want(code.Info().HTTP)
	if r.header.Get("Content-Type") != "application/problem+json" || r.str("code") != string(code) || r.str("detail") == "" ||
		r.str("title") != code.Info().Title || r.value["status"] != float64(r.status) || !strings.HasSuffix(r.str("type"), string(code)) {
		r.t.Fatalf("%s: not a problem document of %s: %s", r.what, code, r.body)
	}
	if got := r.str("field"); got != field {
		r.t.Fatalf("%s: field %q, want %q: %s", r.what, got, field, r.body)
	}
	return r
}

// at finds a value by its path: "chat.id", "items.0.text".
func (r *reply) at(path string) any {
	var v any = r.value
	for _, name := range strings.Split(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[name]
		case []any:
			i := 0
			if _, err := fmt.Sscan(name, &i); err != nil || i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

func (r *reply) str(path string) string {
	s, _ := r.at(path).(string)
	return s
}

// equal wants values at paths, given as pairs.
func (r *reply) equal(pairs ...any) *reply {
	r.t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		want := pairs[i+1]
		if n, ok := want.(int); ok {
			want = float64(n)
		}
		if got := r.at(pairs[i].(string)); fmt.Sprint(got) != fmt.Sprint(want) {
			r.t.Fatalf("%s: %s is %v, want %v: %s", r.what, pairs[i], got, want, r.body)
		}
	}
	return r
}

// index is what the desk has come to.
func (f *fixture) index() (index uint64) {
	f.cell.View(func(r Reader) { index = r.Index() })
	return index
}

// sealed and opened stand for the cell key: real sealing is the node's, and
// tested there.
func sealed(purpose string, secret []byte) ([]byte, error) {
	return append([]byte("sealed for "+purpose+": "), secret...), nil
}

func opened(purpose string, b []byte) ([]byte, error) {
	secret, ok := bytes.CutPrefix(b, []byte("sealed for "+purpose+": "))
	if !ok {
		return nil, fmt.Errorf("not sealed for %s", purpose)
	}
	return secret, nil
}
