package edge

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/evenkeel/evenkeel"
)

const usersSecret = "fedcba9876543210fedcba9876543210"

// users makes a workspace whose operator signs for users of his own.
func users(t *testing.T) *fixture {
	f := newFixture(t)
	f.call("PUT", "/v1/workspaces/default/tokens", "admin", fmt.Sprintf(`{"hmac_secret":%q}`, usersSecret)).want(201)
	for name, body := range map[string]string{
		"room":  `{"subscribe":"any","publish":"subscribers","presence":true,"max_rate":2}`,
		"feed":  `{"publish":"token","join_leave":true,"history":{"size":5},"recover":true,"client_history":true,"last_value":true}`,
		"floor": `{"subscribe":"staff"}`,
	} {
		f.call("PUT", "/v1/namespaces/"+name, "admin", body).want(201)
	}
	return f
}

func TestNamespaceFields(t *testing.T) {
	f := newFixture(t)
	for body, field := range map[string]string{
		`{"durable":true}`:                      "durable",
		`{"delta":"fossil"}`:                    "delta",
		`{"name":"other"}`:                      "name",
		`{"subscribe":"nobody"}`:                "subscribe",
		`{"recover":true}`:                      "recover",
		`{"history":{"size":1,"bytes":300000}}`: "history.bytes",
		`{"presnce":true}`:                      "presnce",
	} {
		f.call("PUT", "/v1/namespaces/x", "admin", body).refused(evenkeel.CodeBadRequest, field)
	}
	f.call("PUT", "/v1/namespaces/chat", "admin", `{}`).refused(evenkeel.CodeBadRequest, "name")
	r := f.call("PUT", "/v1/namespaces/x", "admin", `{"durable":false,"delta":"none","history":{"size":3}}`).want(201)
	r.equal("name", "x", "subscribe", "token", "publish", "none", "history.size", float64(3), "history.bytes", float64(16384), "history.age", float64(60), "max_rate", float64(1000))
	f.call("GET", "/v1/namespaces", "agent", "").want(200).equal("items.0.name", "x")
	f.call("DELETE", "/v1/namespaces/x", "admin", "").want(204)
	f.call("GET", "/v1/namespaces/x", "agent", "").refused(evenkeel.CodeNotFound, "")
}

// TestUsersConnect: a signed token says who a user is and what he follows.
func TestUsersConnect(t *testing.T) {
	f := users(t)
	who, err := f.edge.Connect(t.Context(), signed(t, usersSecret, jwt.MapClaims{
		"sub": "42", "info": map[string]any{"name": "Zoe"}, "channels": []string{"feed:a", "user:42"},
		"subs": map[string]any{"room:b": map[string]any{"info": map[string]any{"seat": 1}}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	if who.Principal != (evenkeel.Principal{Workspace: "default", Kind: evenkeel.PrincipalUser, ID: "42"}) || who.User != "42" ||
		string(who.Info) != `{"name":"Zoe"}` || who.Expires == 0 || who.Role != evenkeel.RoleNone {
		t.Errorf("he is %+v", who)
	}
	got := ""
	for _, g := range who.Grants {
		got += fmt.Sprintf("%s %t %t %t %s\n", g.Channel, g.Terms.Recover, g.Terms.Publish, g.Terms.Shown, g.Terms.Info)
	}
	if want := "user:42 false false false \nfeed:a true true true \nroom:b false true true {\"seat\":1}\n"; got != want {
		t.Errorf("granted\n%swant\n%s", got, want)
	}
	// Nothing else is his: no route, no channel of the desk.
	token := signed(t, usersSecret, jwt.MapClaims{"sub": "42"})
	f.call("GET", "/v1/auth/me", token, "").refused(evenkeel.CodeUnauthenticated, "")
	f.cell.View(func(r Reader) {
		for _, channel := range []string{"chat:c1", "staff:c1", "agent:ann", "visitor:42", "queue:general", "desk", "missed:general", "room:1"} {
			if err := r.MaySubscribe(who.Principal, channel); evenkeel.ErrorCode(err) != evenkeel.CodeNotFound {
				t.Errorf("%s: %v", channel, err)
			}
		}
	})
}

func TestUsersRefused(t *testing.T) {
	f := users(t)
	none, failure := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims{"sub": "42"}).SignedString(jwt.UnsafeAllowNoneSignatureType)
	if failure != nil {
		t.Fatal(failure)
	}
	for name, try := range map[string]struct {
		token string
		code  evenkeel.Code
	}{
		"forged":               {signed(t, shopSecret, jwt.MapClaims{"sub": "42"}), evenkeel.CodeUnauthenticated},
		"unsigned":             {none, evenkeel.CodeUnauthenticated},
		"expired":              {signed(t, usersSecret, jwt.MapClaims{"sub": "42", "exp": time.Now().Add(-time.Minute).Unix()}), evenkeel.CodeTokenExpired},
		"without sub":          {signed(t, usersSecret, jwt.MapClaims{}), evenkeel.CodeBadRequest},
		"of another workspace": {signed(t, usersSecret, jwt.MapClaims{"sub": "42", "ws": "other"}), evenkeel.CodeUnauthenticated},
		"with a chat":          {signed(t, usersSecret, jwt.MapClaims{"sub": "42", "channels": []string{"chat:c1"}}), evenkeel.CodeNotFound},
		"with another's own":   {signed(t, usersSecret, jwt.MapClaims{"sub": "42", "channels": []string{"user:43"}}), evenkeel.CodeForbidden},
		"with the staff's":     {signed(t, usersSecret, jwt.MapClaims{"sub": "42", "channels": []string{"floor:1"}}), evenkeel.CodeForbidden},
		"with no namespace":    {signed(t, usersSecret, jwt.MapClaims{"sub": "42", "channels": []string{"news"}}), evenkeel.CodeNotFound},
		"with one not there":   {signed(t, usersSecret, jwt.MapClaims{"sub": "42", "channels": []string{"gone:1"}}), evenkeel.CodeNotFound},
		"with another tenant":  {signed(t, usersSecret, jwt.MapClaims{"sub": "42", "channels": []string{"other/room:1"}}), evenkeel.CodeNotFound},
		"with a long info":     {signed(t, usersSecret, jwt.MapClaims{"sub": "42", "info": strings.Repeat("x", 5000)}), evenkeel.CodeBadRequest},
		"damaged":              {"eyJ.eyJ.x", evenkeel.CodeUnauthenticated},
	} {
		if _, err := f.edge.Connect(t.Context(), try.token); err == nil || err.Code != try.code {
			t.Errorf("%s: %v, want %s", name, err, try.code)
		}
	}
	// A token that tells a customer's identity is no user's, and the other way round.
	f.trust()
	if _, err := f.edge.Connect(t.Context(), signed(t, shopSecret, jwt.MapClaims{"sub": "42"})); err == nil || err.Code != evenkeel.CodeUnauthenticated {
		t.Errorf("an identity: %v", err)
	}
	f.identify("", signed(t, usersSecret, jwt.MapClaims{"sub": "42"})).refused(evenkeel.CodeUnauthenticated, "identity")
}

// TestAdmit is the table of who may have which channel: by role, with and without
// a token.
func TestAdmit(t *testing.T) {
	f := users(t)
	const want = `
customer   room ok   feed forbidden floor forbidden user forbidden other not_found gone not_found
agent      room ok   feed forbidden floor ok        user forbidden other not_found gone not_found
supervisor room ok   feed forbidden floor ok        user forbidden other not_found gone not_found
admin      room ok   feed forbidden floor ok        user forbidden other not_found gone not_found
service    room ok   feed forbidden floor ok        user forbidden other not_found gone not_found
user       room ok   feed forbidden floor forbidden user forbidden other not_found gone not_found
`
	user := signed(t, usersSecret, jwt.MapClaims{"sub": "42"})
	got := "\n"
	for _, name := range []string{"customer", "agent", "supervisor", "admin", "service", "user"} {
		token := user
		if name != "user" {
			token = f.token(name)
		}
		who, err := f.edge.Connect(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		line := fmt.Sprintf("%-10s", name)
		for _, c := range []struct{ name, channel string }{
			{"room", "room:1"}, {"feed", "feed:1"}, {"floor", "floor:1"}, {"user", "user:42"}, {"other", "other/room:1"}, {"gone", "gone:1"},
		} {
			_, err := f.edge.Admit(t.Context(), who.Principal, "c1", c.channel, "")
			verdict := "ok"
			if err != nil {
				verdict = string(err.Code)
			}
			line += fmt.Sprintf(" %s %s", c.name, verdict)
		}
		got += line + "\n"
		// Tokens for channels are the users' alone.
		pass := signed(t, usersSecret, jwt.MapClaims{"sub": who.Principal.ID, "channel": "feed:1"})
		_, err = f.edge.Admit(t.Context(), who.Principal, "c1", "feed:1", pass)
		if name == "user" && err != nil || name != "user" && (err == nil || err.Code != evenkeel.CodeForbidden) {
			t.Errorf("%s with a token: %v", name, err)
		}
	}
	squeeze := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	if squeeze(got) != squeeze(want) {
		t.Errorf("%s", got)
	}
}

func TestSubscriptionTokens(t *testing.T) {
	f := users(t)
	by := evenkeel.Principal{Workspace: "default", Kind: evenkeel.PrincipalUser, ID: "42"}
	admit := func(channel string, claims jwt.MapClaims) (evenkeel.Terms, *evenkeel.Error) {
		return f.edge.Admit(t.Context(), by, "c1", channel, signed(t, usersSecret, claims))
	}
	terms, err := admit("feed:1", jwt.MapClaims{"sub": "42", "channel": "feed:1", "client": "c1", "info": map[string]any{"seat": 7}})
	if err != nil || !terms.Recover || !terms.Publish || !terms.Signed || string(terms.Info) != `{"seat":7}` ||
		terms.TTL < 4*time.Minute || terms.TTL > 5*time.Minute {
		t.Errorf("%+v, %v", terms, err)
	}
	for name, try := range map[string]struct {
		claims jwt.MapClaims
		code   evenkeel.Code
	}{
		"another user":       {jwt.MapClaims{"sub": "43", "channel": "feed:1"}, evenkeel.CodeForbidden},
		"another channel":    {jwt.MapClaims{"sub": "42", "channel": "feed:2"}, evenkeel.CodeForbidden},
		"another connection": {jwt.MapClaims{"sub": "42", "channel": "feed:1", "client": "c2"}, evenkeel.CodeForbidden},
		"no channel":         {jwt.MapClaims{"sub": "42"}, evenkeel.CodeBadRequest},
		"expired":            {jwt.MapClaims{"sub": "42", "channel": "feed:1", "exp": time.Now().Add(-time.Minute).Unix()}, evenkeel.CodeTokenExpired},
	} {
		if _, err := admit("feed:1", try.claims); err == nil || err.Code != try.code {
			t.Errorf("%s: %v, want %s", name, err, try.code)
		}
	}
	if _, err := f.edge.Admit(t.Context(), by, "c1", "feed:1", signed(t, shopSecret, jwt.MapClaims{"sub": "42", "channel": "feed:1"})); err == nil || err.Code != evenkeel.CodeUnauthenticated {
		t.Errorf("forged: %v", err)
	}
	if _, err := admit("floor:1", jwt.MapClaims{"sub": "42", "channel": "floor:1"}); err == nil || err.Code != evenkeel.CodeForbidden {
		t.Errorf("the staff's: %v", err)
	}
}

// TestMayPublish: publishing is judged each time, by the namespace as it is now.
func TestMayPublish(t *testing.T) {
	f := users(t)
	by := evenkeel.Principal{Workspace: "default", Kind: evenkeel.PrincipalUser, ID: "42"}
	publish := func(channel string, signed bool) evenkeel.Code {
		_, err := f.edge.MayPublish(by, channel, signed)
		if err == nil {
			return ""
		}
		return err.Code
	}
	for i, want := range []evenkeel.Code{"", "", evenkeel.CodeTooManyRequests} {
		if got := publish("room:1", false); got != want {
			t.Errorf("publication %d: %q, want %q", i+1, got, want)
		}
	}
	if got := publish("room:2", false); got != "" {
		t.Errorf("another channel: %q", got)
	}
	f.later(time.Second)
	if got := publish("room:1", false); got != "" {
		t.Errorf("a second later: %q", got)
	}
	if got := publish("feed:1", false); got != evenkeel.CodeForbidden {
		t.Errorf("without a token: %q", got)
	}
	if keep, err := f.edge.MayPublish(by, "feed:1", true); err != nil || keep.Size != 5 {
		t.Errorf("%+v, %v", keep, err)
	}
	f.call("PUT", "/v1/namespaces/room", "admin", `{"subscribe":"any"}`).want(200)
	if got := publish("room:3", false); got != evenkeel.CodeForbidden {
		t.Errorf("after a change: %q", got)
	}
	f.call("DELETE", "/v1/namespaces/room", "admin", "").want(204)
	if got := publish("room:3", false); got != evenkeel.CodeNotFound {
		t.Errorf("after the end: %q", got)
	}
	if got := publish("other/feed:1", true); got != evenkeel.CodeNotFound {
		t.Errorf("in another workspace: %q", got)
	}
}
