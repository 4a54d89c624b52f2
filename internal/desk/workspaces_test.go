package desk

import (
	"bytes"
	"slices"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// tenant makes a workspace with an admin called boss.
func (f *fixture) tenant(id string, limits evenkeel.WorkspaceLimits) evenkeel.Principal {
	f.t.Helper()
	put := &evenkeel.WorkspacePut{
		Workspace: evenkeel.Workspace{ID: id, Limits: limits}, Password: "x",
		Admin: &evenkeel.Agent{ID: "boss", Email: "boss@" + id, Role: evenkeel.RoleAdmin},
	}
	if r := f.must(f.operator(), put); !r.Created {
		f.t.Fatalf("the workspace %s is not new", id)
	}
	return evenkeel.Principal{Workspace: id, Kind: evenkeel.PrincipalAgent, ID: "boss"}
}

// operator is somebody who manages workspaces.
func (f *fixture) operator() evenkeel.Principal {
	if f.d.agents.get(key{"default", "root"}) == nil {
		f.apply(&evenkeel.Command{By: evenkeel.System(), OnBehalfOf: evenkeel.Principal{Workspace: "default"},
			Body: &evenkeel.AgentPut{Agent: evenkeel.Agent{ID: "root", Role: evenkeel.RoleOperator}}})
	}
	return agent("root")
}

func guest(ws, id string) evenkeel.Principal {
	return evenkeel.Principal{Workspace: ws, Kind: evenkeel.PrincipalVisitor, ID: id}
}

func (f *fixture) refused(by evenkeel.Principal, body evenkeel.Body, code evenkeel.Code, field string) {
	f.t.Helper()
	if r := f.do(by, body); r.Err == nil || r.Err.Code != code || r.Err.Field != field {
		f.t.Errorf("%s by %s: %v, want %s %s", body.Kind(), by, r.Err, code, field)
	}
}

// TestTenants: a new workspace is furnished; what is for operators is for them
// alone; a host name is one workspace's.
func TestTenants(t *testing.T) {
	f := newFixture(t)
	boss := f.tenant("acme", evenkeel.WorkspaceLimits{})
	if ws, ok := f.d.Workspace("acme"); !ok || ws.DefaultQueue != "general" {
		t.Errorf("%+v", ws)
	}
	if a, err := f.d.Agent(boss, "boss"); err != nil || a.Role != evenkeel.RoleAdmin || len(a.Queues) != 1 || a.Capacity != evenkeel.DefaultCapacity {
		t.Errorf("the first admin is %+v, %v", a, err)
	}
	acme := evenkeel.Workspace{ID: "acme", DefaultQueue: "general", Hosts: []string{"chat.acme.example"}}
	f.must(boss, &evenkeel.WorkspacePut{Workspace: acme})
	if id, ok := f.d.WorkspaceAt("chat.acme.example"); !ok || id != "acme" {
		t.Errorf("the host leads to %q", id)
	}
	f.refused(f.operator(), &evenkeel.WorkspacePut{Workspace: evenkeel.Workspace{ID: "other", Hosts: acme.Hosts}}, evenkeel.CodeConflict, "hosts")
	f.refused(boss, &evenkeel.WorkspacePut{Workspace: evenkeel.Workspace{ID: "other"}}, evenkeel.CodeNotFound, "")
	f.refused(boss, &evenkeel.WorkspacePut{Workspace: evenkeel.Workspace{ID: "acme", DefaultQueue: "general", Suspended: true}}, evenkeel.CodeForbidden, "suspended")
	limited := acme
	limited.Limits.Agents = 1000
	f.refused(boss, &evenkeel.WorkspacePut{Workspace: limited}, evenkeel.CodeForbidden, "limits")
	limited.Limits.Agents = -1
	f.refused(f.operator(), &evenkeel.WorkspacePut{Workspace: limited}, evenkeel.CodeBadRequest, "limits")
	f.refused(f.operator(), &evenkeel.WorkspacePut{Workspace: acme, Admin: &evenkeel.Agent{ID: "two", Role: evenkeel.RoleAdmin}, Password: "x"}, evenkeel.CodeBadRequest, "admin")

	if list, err := f.d.Workspaces(boss, "", 10); err != nil || len(list) != 1 || list[0].ID != "acme" {
		t.Errorf("an admin lists %v, %v", list, err)
	}
	if list, err := f.d.Workspaces(f.operator(), "acme", 10); err != nil || len(list) != 1 || list[0].ID != "default" {
		t.Errorf("an operator lists %v, %v", list, err)
	}
}

// TestLimitsOfATenant: each limit of a workspace refuses at its edge, and what
// one uses up the others still have.
func TestLimitsOfATenant(t *testing.T) {
	f := newFixture(t)
	boss := f.tenant("acme", evenkeel.WorkspaceLimits{Agents: 2, LiveChats: 2})
	f.must(boss, &evenkeel.AgentPut{Agent: evenkeel.Agent{ID: "two", Role: evenkeel.RoleAgent}})
	f.refused(boss, &evenkeel.AgentPut{Agent: evenkeel.Agent{ID: "three", Role: evenkeel.RoleAgent}}, evenkeel.CodeLimitReached, "")
	f.must(guest("acme", "a"), &evenkeel.ChatStart{})
	chat := f.must(guest("acme", "b"), &evenkeel.ChatStart{}).Chat.ID
	f.refused(guest("acme", "c"), &evenkeel.ChatStart{}, evenkeel.CodeLimitReached, "")
	f.must(visitor("c"), &evenkeel.ChatStart{})
	f.must(guest("acme", "b"), &evenkeel.ChatSend{Chat: chat, Text: "hello"})

	usage, err := f.d.Usage(boss, "acme")
	if err != nil || usage.Agents != 2 || usage.Queues != 1 || usage.LiveChats != 2 || usage.Started != 2 || usage.Messages != 1 || usage.Storage == 0 {
		t.Fatalf("usage %+v, %v", usage, err)
	}
	if _, err := f.d.Usage(boss, "default"); evenkeel.ErrorCode(err) != evenkeel.CodeNotFound {
		t.Errorf("somebody else's usage: %v", err)
	}
	full := evenkeel.Workspace{ID: "acme", DefaultQueue: "general", Limits: evenkeel.WorkspaceLimits{Storage: usage.Storage + recordBytes + 4 + 4}}
	f.must(f.operator(), &evenkeel.WorkspacePut{Workspace: full})
	f.ids = 9000 // ids of four characters
	f.must(guest("acme", "b"), &evenkeel.ChatSend{Chat: chat, Text: "1"})
	f.refused(guest("acme", "b"), &evenkeel.ChatSend{Chat: chat, Text: "22222"}, evenkeel.CodeLimitReached, "")
	f.refused(boss, &evenkeel.ChatNote{Chat: chat, Text: "22222"}, evenkeel.CodeLimitReached, "")
	f.must(visitor("d"), &evenkeel.ChatStart{Message: "others have room"})
	if err := invariants(f.d); err != nil {
		t.Error(err)
	}
}

// TestDeletedTenant: a suspended workspace goes with everything in it, whatever
// is left of the others, and also when a snapshot comes in between.
func TestDeletedTenant(t *testing.T) {
	f := newFixture(t)
	f.must(evenkeel.System(), &evenkeel.NodeUp{Node: "n1", Boot: "b"})
	f.must(evenkeel.System(), &evenkeel.ArchiveReport{Node: "n1", Copy: "x", State: evenkeel.CopyLive})
	keep := f.must(visitor("v"), &evenkeel.ChatStart{Message: "stays"}).Chat.ID
	before := slices.Clone([]int{f.d.agents.len(), f.d.channels.len(), f.d.chats.len(), f.d.customers.len(), f.d.queues.len()})
	boss := f.tenant("acme", evenkeel.WorkspaceLimits{})
	f.must(boss, &evenkeel.APIKeyPut{Key: evenkeel.APIKey{ID: "k", Role: evenkeel.RoleService}, Hash: "h"})
	f.must(boss, &evenkeel.CustomerPut{Customer: "known", Attributes: []byte(`{"a":1}`)})
	for _, who := range []string{"a", "b", "c"} {
		c := f.must(guest("acme", who), &evenkeel.ChatStart{Message: "hello"}).Chat.ID
		if who == "a" {
			f.must(guest("acme", who), &evenkeel.ChatClose{Chat: c})
		}
		if who == "b" {
			f.must(boss, &evenkeel.ChatTake{Chat: c})
			f.must(boss, &evenkeel.ChatClose{Chat: c})
		}
	}
	f.must(guest("acme", "d"), &evenkeel.ChatOffline{Email: "d@acme", Text: "call me"})
	f.must(boss, &evenkeel.CannedPut{Canned: evenkeel.Canned{ID: "shared", Text: "x"}})
	f.must(boss, &evenkeel.NamespacePut{Namespace: evenkeel.NewNamespace("quotes")})
	for range 2 * tidyBatch { // more than one unit of work drops
		f.time += evenkeel.DeskTime(evenkeel.IntervalLength)
		f.must(guest("acme", "e"), &evenkeel.ChatClose{Chat: f.must(guest("acme", "e"), &evenkeel.ChatStart{}).Chat.ID})
	}
	if n := f.d.tallies.len(); n <= 2*tidyBatch {
		t.Fatalf("only %d tallies", n)
	}
	gone := &evenkeel.WorkspaceDelete{Workspace: "acme"}
	f.refused(boss, gone, evenkeel.CodeForbidden, "")
	f.refused(f.operator(), gone, evenkeel.CodeConflict, "")
	f.refused(f.operator(), &evenkeel.WorkspaceDelete{Workspace: "default"}, evenkeel.CodeConflict, "")
	f.must(f.operator(), &evenkeel.WorkspacePut{Workspace: evenkeel.Workspace{ID: "acme", DefaultQueue: "general", Suspended: true}})
	f.must(evenkeel.System(), &evenkeel.LimitsSet{Limits: func() evenkeel.Limits { l := evenkeel.DefaultLimits(); l.FollowUp = 3; return l }()})
	f.must(f.operator(), gone)
	f.refused(f.operator(), gone, evenkeel.CodeNotFound, "")
	f.refused(f.operator(), &evenkeel.WorkspacePut{Workspace: evenkeel.Workspace{ID: "acme", DefaultQueue: "general"}}, evenkeel.CodeConflict, "")
	stream, _, err := f.d.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if f.d, err = Restore(bytes.NewReader(stream)); err != nil {
		t.Fatal(err)
	}
	for more := true; more; {
		more = f.apply().More
		if err := invariants(f.d); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := f.d.Workspace("acme"); ok {
		t.Fatal("it is still there")
	}
	if n := f.d.namespaces.len(); n != 0 {
		t.Errorf("%d of its namespaces are left", n)
	}
	for _, left := range f.d.tallies.list {
		if left.Workspace == "acme" {
			t.Errorf("what was counted of %s is left", left.ID)
		}
	}
	after := []int{f.d.agents.len() - 1, f.d.channels.len() - 1, f.d.chats.len(), f.d.customers.len(), f.d.queues.len()}
	if !slices.Equal(before, after) {
		t.Errorf("agents, channels, chats, customers, queues: %v before, %v after", before, after)
	}
	if c, err := f.d.Chat(visitor("v"), keep); err != nil || c.State.Over() {
		t.Errorf("another's chat: %+v, %v", c, err)
	}
	ops, _, last := f.d.ArchiveOps(0, 100, 1<<20)
	if len(ops) == 0 || ops[len(ops)-1].Kind != evenkeel.ArchiveLeave || ops[len(ops)-1].Seq != last {
		t.Errorf("the archive is not told at the end: %+v", ops)
	}
	f.tenant("acme", evenkeel.WorkspaceLimits{})
}
