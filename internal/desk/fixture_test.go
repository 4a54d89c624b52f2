package desk

import (
	"bytes"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// fixture is a desk with a hand on its log.
type fixture struct {
	t    testing.TB
	d    *Desk
	time evenkeel.DeskTime
	log  [][]byte
	ids  int

	froze  int               // length of the log at the last Freeze
	outage evenkeel.Duration // that the next entry tells of
}

func newFixture(t testing.TB) *fixture {
	f := &fixture{t: t, d: New(), time: 1}
	f.must(evenkeel.System(), &evenkeel.CellForm{
		CellID: "cell", Generation: "g1", Wall: 1_700_000_000_000, Limits: evenkeel.DefaultLimits(),
		Admin: evenkeel.Agent{ID: "admin", Name: "Admin", Email: "admin@localhost", Role: evenkeel.RoleAdmin}, Password: "x",
	})
	return f
}

// apply applies one entry of the given commands.
func (f *fixture) apply(commands ...*evenkeel.Command) Output {
	f.t.Helper()
	var raw [][]byte
	for _, c := range commands {
		b, err := EncodeCommand(nil, c)
		if err != nil {
			f.t.Fatal(err)
		}
		raw = append(raw, b)
	}
	entry := AppendEntry(nil, EntryHeader{Time: f.time, Resume: f.outage > 0, Gap: f.outage}, raw)
	f.outage = 0
	f.log = append(f.log, entry)
	out, err := f.d.Apply(uint64(len(f.log)), entry, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	return out
}

func (f *fixture) do(by evenkeel.Principal, body evenkeel.Body) evenkeel.Result {
	f.t.Helper()
	c := &evenkeel.Command{By: by, Body: body}
	if by.Kind != evenkeel.PrincipalSystem {
		f.ids++
		c.ID = "id" + itoa(f.ids)
	}
	return f.apply(c).Results[0]
}

func (f *fixture) must(by evenkeel.Principal, body evenkeel.Body) evenkeel.Result {
	f.t.Helper()
	r := f.do(by, body)
	if r.Err != nil {
		f.t.Fatalf("%s: %v", body.Kind(), r.Err)
	}
	return r
}

func visitor(id string) evenkeel.Principal {
	return evenkeel.Principal{Workspace: "default", Kind: evenkeel.PrincipalVisitor, ID: id}
}

func agent(id string) evenkeel.Principal {
	return evenkeel.Principal{Workspace: "default", Kind: evenkeel.PrincipalAgent, ID: id}
}

func TestFirstChat(t *testing.T) {
	f := newFixture(t)
	inc := f.must(evenkeel.System(), &evenkeel.NodeUp{Node: "n1", Boot: "b"}).Incarnation
	f.must(evenkeel.System(), &evenkeel.SessionOpen{Session: evenkeel.SessionID{Incarnation: inc, Number: 1}, Principal: agent("admin")})
	f.must(agent("admin"), &evenkeel.SetAgentStatus{Status: evenkeel.StatusOnline})
	chat := f.must(visitor("v1"), &evenkeel.ChatStart{Message: "hello"}).Chat
	state, err := f.d.AgentDesk(agent("admin"))
	if err != nil || len(state.Offers) != 1 || state.Offers[0].Chat.ID != chat.ID {
		t.Fatalf("offers: %+v, %v", state, err)
	}
	f.must(agent("admin"), &evenkeel.ChatAccept{Chat: chat.ID})
	r := f.must(visitor("v1"), &evenkeel.ChatSend{Chat: chat.ID, Text: "are you there?"})
	if r.Number != 2 {
		t.Fatalf("number %d", r.Number)
	}
	snap, sum, err := f.d.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	d2, err := Restore(bytes.NewReader(snap))
	if err != nil {
		t.Fatal(err)
	}
	_, sum2, err := d2.Snapshot()
	if err != nil || sum != sum2 {
		t.Fatalf("restored snapshot differs: %x %x %v", sum, sum2, err)
	}
}

// replay applies the whole log to a new desk: it must come to the same.
func (f *fixture) replay() {
	f.t.Helper()
	d := New()
	for i, entry := range f.log {
		if _, err := d.Apply(uint64(i+1), entry, nil); err != nil {
			f.t.Fatal(err)
		}
	}
	_, a, err := d.Snapshot()
	if err != nil {
		f.t.Fatal(err)
	}
	_, b, err := f.d.Snapshot()
	if err != nil {
		f.t.Fatal(err)
	}
	if a != b || d.Hash() != f.d.Hash() {
		f.t.Fatal("a replay of the log comes to another state")
	}
}
