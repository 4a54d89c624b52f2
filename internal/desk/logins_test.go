package desk

import (
	"testing"

	"github.com/evenkeel/evenkeel"
)

// TestNamesakesLogin: a login is not refreshed by that of a namesake in another
// workspace.
func TestNamesakesLogin(t *testing.T) {
	f := newFixture(t)
	f.must(evenkeel.System(), &evenkeel.WorkspacePut{Workspace: evenkeel.Workspace{ID: "acme"}})
	put := &evenkeel.Command{By: evenkeel.System(), OnBehalfOf: evenkeel.Principal{Workspace: "acme"},
		Body: &evenkeel.AgentPut{Agent: evenkeel.Agent{ID: "admin", Role: evenkeel.RoleAdmin}}}
	if r := f.apply(put).Results[0]; r.Err != nil {
		t.Fatal(r.Err)
	}
	f.must(evenkeel.System(), &evenkeel.TokenIssue{Hash: "t1", Agent: "admin", Life: evenkeel.Minute})
	r := f.do(evenkeel.System(), &evenkeel.TokenIssue{Hash: "t2", Agent: "acme/admin", Life: evenkeel.Minute, Replaces: "t1"})
	if r.Err == nil || r.Err.Code != evenkeel.CodeUnauthenticated {
		t.Fatalf("%+v", r.Err)
	}
	if _, ok := f.d.Token("t1"); !ok {
		t.Fatal("the login of the namesake ended")
	}
	if err := invariants(f.d); err != nil {
		t.Fatal(err)
	}
}

// TestNobodysCustomer: the cell itself cannot make customers of a workspace that
// does not exist.
func TestNobodysCustomer(t *testing.T) {
	f := newFixture(t)
	if r := f.do(evenkeel.System(), &evenkeel.CustomerPut{Customer: "cat"}); r.Err == nil {
		t.Fatal("a customer of no workspace")
	}
}
