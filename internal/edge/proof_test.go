package edge

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/auth"
)

// TestAbsenceIsProven: what another node has acknowledged a moment ago, and this
// one has not applied yet, is not denied.
func TestAbsenceIsProven(t *testing.T) {
	admin := evenkeel.Principal{Workspace: evenkeel.DefaultWorkspace, Kind: evenkeel.PrincipalAgent, ID: "admin"}
	queue := func(f *fixture) {
		q := evenkeel.NewQueue("new")
		f.must(admin, &evenkeel.QueuePut{Queue: q})
	}
	key := func(f *fixture) {
		f.must(admin, &evenkeel.APIKeyPut{Key: evenkeel.APIKey{ID: "new", Role: evenkeel.RoleService}, Hash: auth.Hash("eks_fedcba9876543210")})
	}
	for name, c := range map[string]struct {
		made func(*fixture)
		look func(*fixture)
	}{
		"an object": {queue, func(f *fixture) { f.call("GET", "/v1/queues/new", "admin", "").want(200) }},
		"a caller":  {key, func(f *fixture) { f.call("GET", "/v1/chats", "eks_fedcba9876543210", "").want(200) }},
		"a connection": {key, func(f *fixture) {
			if _, err := f.edge.Connect(f.Context(), "eks_fedcba9876543210"); err != nil {
				f.Error(err)
			}
		}},
		"a role": {func(f *fixture) {
			f.must(admin, &evenkeel.AgentPut{Agent: evenkeel.Agent{ID: "agent", Name: "A", Email: "agent@localhost", Role: evenkeel.RoleAdmin, Capacity: 4}})
		}, func(f *fixture) { f.call("PUT", "/v1/queues/other", "agent", `{"name":"Other"}`).want(201) }},
		"a password": {func(f *fixture) {
			f.must(admin, &evenkeel.AgentPut{Agent: evenkeel.Agent{ID: "eve", Name: "Eve", Email: "eve@localhost", Role: evenkeel.RoleAgent, Capacity: 4}, Password: f.passwordHash()})
		}, func(f *fixture) {
			f.call("POST", "/v1/auth/login", "", `{"email":"eve@localhost","password":"`+testPassword+`"}`).want(200)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.cell.set(func() { f.cell.news = func() { c.made(f) } })
			c.look(f)
		})
	}
}

// TestAbsenceStands: what is not there after all is said to be not there, and not
// looked for twice.
func TestAbsenceStands(t *testing.T) {
	f := newFixture(t)
	f.call("GET", "/v1/queues/none", "admin", "").refused(evenkeel.CodeNotFound, "")
	looks := 0
	err := f.edge.Proven(t.Context(), func() *evenkeel.Error {
		looks++
		return evenkeel.Errorf(evenkeel.CodeForbidden, "no")
	})
	if looks != 1 || err.Code != evenkeel.CodeForbidden {
		t.Errorf("%d looks, %v", looks, err)
	}
}

// TestAbsenceWithoutLeader: who cannot know says so.
func TestAbsenceWithoutLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newBareFixture(t)
		token := f.from("198.51.100.1:1", "POST", "/v1/visitors", "").str("token")
		p := f.dial(token)
		f.cell.set(func() { f.cell.headless = true })
		before := time.Now()
		p.call("context.get", `{"chat":"none"}`).rejected(evenkeel.CodeNoLeader, "")
		if took := time.Since(before); took != indexWait {
			t.Errorf("answered after %s, want %s", took, indexWait)
		}
		p.call("visitor.state", `{}`).want(200)
	})
}

func (f *fixture) passwordHash() string {
	f.Helper()
	hash, err := f.edge.passwords.Hash(f.Context(), testPassword)
	if err != nil {
		f.Fatal(err)
	}
	return hash
}
