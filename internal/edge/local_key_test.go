package edge

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/auth"
)

// TestNodesOwnKey: it has an operator's rights, on the node's machine only, and
// over HTTP only.
func TestNodesOwnKey(t *testing.T) {
	f := newFixture(t)
	const token = "eks_local0123456789abcdef"
	local := &evenkeel.Command{By: evenkeel.System(), OnBehalfOf: evenkeel.Principal{Workspace: evenkeel.DefaultWorkspace}, Body: &evenkeel.APIKeyPut{
		Key: evenkeel.APIKey{ID: "local-n1", Role: evenkeel.RoleOperator}, Hash: auth.Hash(token),
	}}
	if r := f.cell.apply(local)[0]; r.Err != nil {
		t.Fatal(r.Err)
	}
	f.call("GET", "/v1/auth/me", token, "").want(200).equal("id", "local-n1", "role", "operator")
	f.call("PUT", "/v1/agents/two", token, `{"role":"operator"}`).want(201)
	for _, header := range []string{"X-Forwarded-For", "Forwarded", "Via"} {
		f.call("GET", "/v1/auth/me", token, "", header, "for=1.2.3.4").want(401)
	}
	ask := func(remote, here string) int {
		r := httptest.NewRequest("GET", "/v1/auth/me", http.NoBody)
		r.RemoteAddr = remote
		r.Header.Set("X-API-Key", token)
		addr, err := net.ResolveTCPAddr("tcp", here)
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		f.edge.Handler().ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(addr))))
		return w.Code
	}
	for _, try := range []struct {
		remote, here string
		want         int
	}{
		{"127.0.0.1:1234", "127.0.0.1:8080", 200},
		{"[::1]:1234", "[::1]:8080", 200},
		{"192.168.1.7:1234", "192.168.1.7:8080", 200}, // to its own address
		{"192.168.1.8:1234", "192.168.1.7:8080", 401},
		{"[2001:db8::2]:1234", "[2001:db8::1]:8080", 401},
		{"nobody", "192.168.1.7:8080", 401},
	} {
		if got := ask(try.remote, try.here); got != try.want {
			t.Errorf("from %s to %s: status %d, want %d", try.remote, try.here, got, try.want)
		}
	}
	if _, err := f.edge.Authenticate(token); err == nil || err.Code != evenkeel.CodeUnauthenticated {
		t.Errorf("over a realtime connection: %v", err)
	}
}
