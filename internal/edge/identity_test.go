package edge

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/auth"
)

const shopSecret = "0123456789abcdef0123456789abcdef"

// signed makes an identity as a shop's server would.
func signed(t testing.TB, secret string, claims jwt.MapClaims) string {
	all := jwt.MapClaims{"exp": time.Now().Add(5 * time.Minute).Unix(), "iss": "shop"}
	for name, value := range claims { //order: one value a name
		all[name] = value
	}
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, all).SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (f *fixture) identify(who, identity string) *reply {
	f.Helper()
	return f.call("POST", "/v1/visitors", who, fmt.Sprintf(`{"identity":%q}`, identity))
}

func (f *fixture) trust() {
	f.Helper()
	f.call("PUT", "/v1/workspaces/default/identity", "admin", fmt.Sprintf(`{"hmac_secret":%q,"issuer":"shop"}`, shopSecret)).want(201)
}

// TestSigningSettings: a secret goes in, and never comes out again.
func TestSigningSettings(t *testing.T) {
	f := newFixture(t)
	for _, use := range []string{"identity", "tokens"} {
		path := "/v1/workspaces/default/" + use
		if r := f.call("GET", path, "admin", "").want(200); r.value["has_secret"] != false {
			t.Errorf("a fresh workspace trusts somebody: %s", r.body)
		}
		f.call("PUT", path, "admin", `{"hmac_secret":"short"}`).refused(evenkeel.CodeBadRequest, "hmac_secret")
		f.call("PUT", path, "admin", `{"jwks_url":"http://10.0.0.1/keys"}`).refused(evenkeel.CodeBadRequest, "jwks_url")
		f.call("PUT", path, "admin", `{"jwks_url":"file:///etc/passwd"}`).refused(evenkeel.CodeBadRequest, "jwks_url")
		f.call("PUT", path, "agent", `{}`).refused(evenkeel.CodeForbidden, "")
		f.call("PUT", "/v1/workspaces/other/"+use, "admin", `{}`).refused(evenkeel.CodeNotFound, "")
		f.call("PUT", path, "admin", fmt.Sprintf(`{"hmac_secret":%q,"issuer":"shop"}`, shopSecret)).want(201).
			equal("secret_fingerprint", auth.SecretFingerprint([]byte(shopSecret)))
		r := f.call("PUT", path, "admin", `{"issuer":"shop","jwks_url":"https://idp.example/keys"}`).want(200)
		if r.value["has_secret"] != true || r.str("jwks_url") != "https://idp.example/keys" || strings.Contains(string(r.body), "0123") {
			t.Errorf("after a change without the secret: %s", r.body)
		}
		if r := f.call("PUT", path, "service", `{"hmac_secret":""}`).want(200); r.value["has_secret"] != false || r.str("jwks_url") != "" {
			t.Errorf("after its removal: %s", r.body)
		}
	}
}

// TestIdentifyDuringAChat: a visitor in a chat signs in, and goes on.
func TestIdentifyDuringAChat(t *testing.T) {
	f := newFixture(t)
	ann := signed(t, shopSecret, jwt.MapClaims{"sub": "ann", "name": "Ann", "email": "ann@shop.example", "attributes": map[string]any{"plan": "gold"}, "priority": 3})
	f.identify("", ann).refused(evenkeel.CodeUnauthenticated, "identity")
	f.trust()
	chat := f.call("POST", "/v1/chats", "customer", `{"id":"m1","message":"hello","name":"Somebody"}`).want(201).str("chat.id")
	r := f.identify("customer", ann).want(200)
	token := r.str("token")
	if r.str("visitor") != "u-ann" {
		t.Fatalf("the visitor is %s", r.body)
	}
	f.call("GET", "/v1/chats/"+chat, "customer", "").refused(evenkeel.CodeNotFound, "")
	if r := f.call("POST", "/v1/chats", token, `{"id":"m1","message":"hello","name":"Somebody"}`).want(201); r.str("chat.id") != chat {
		t.Errorf("the start that is sent again: %s", r.body)
	}
	if r := f.call("POST", "/v1/chats/"+chat+"/messages", token, `{"id":"m2","text":"it is me"}`).want(201); r.value["number"] != float64(2) {
		t.Errorf("the next message: %s", r.body)
	}
	r = f.call("GET", "/v1/customers/u-ann", "supervisor", "").want(200)
	if r.str("name") != "Ann" || r.str("identity.email") != "ann@shop.example" || r.str("identity.attributes.plan") != "gold" || r.at("chats.0") != chat {
		t.Errorf("the customer: %s", r.body)
	}
	// Again is the same; another customer is not hers to become.
	index := f.identify(token, ann).want(200).str("visitor")
	if index != "u-ann" {
		t.Errorf("identified again: %s", index)
	}
	bob := f.identify(token, signed(t, shopSecret, jwt.MapClaims{"sub": "bob"})).want(200).str("token")
	f.call("GET", "/v1/chats/"+chat, bob, "").refused(evenkeel.CodeNotFound, "")
	f.call("GET", "/v1/chats/"+chat, token, "").want(200)
	// Her token is renewed by a signature only.
	f.call("POST", "/v1/visitors", token, "").refused(evenkeel.CodeUnauthenticated, "")
	if r := f.call("GET", "/v1/customers?q=ANN@", "supervisor", "").want(200); r.str("items.0.id") != "u-ann" || r.at("items.1") != nil {
		t.Errorf("found by her address: %s", r.body)
	}
}

// TestRefusedIdentities: nothing is changed by a token that is not good.
func TestRefusedIdentities(t *testing.T) {
	f := newFixture(t)
	f.trust()
	none, err := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims{"sub": "ann", "iss": "shop", "exp": time.Now().Add(time.Hour).Unix()}).
		SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	before := f.call("GET", "/v1/cell", "admin", "").value["index"]
	for what, c := range map[string]struct {
		token string
		code  evenkeel.Code
		field string
	}{
		"forged":          {signed(t, strings.Repeat("x", 32), jwt.MapClaims{"sub": "ann"}), evenkeel.CodeUnauthenticated, "identity"},
		"expired":         {signed(t, shopSecret, jwt.MapClaims{"sub": "ann", "exp": time.Now().Add(-time.Hour).Unix()}), evenkeel.CodeTokenExpired, "identity"},
		"alg none":        {none, evenkeel.CodeUnauthenticated, "identity"},
		"another issuer":  {signed(t, shopSecret, jwt.MapClaims{"sub": "ann", "iss": "mall"}), evenkeel.CodeUnauthenticated, "identity"},
		"no sub":          {signed(t, shopSecret, nil), evenkeel.CodeBadRequest, "identity"},
		"a long name":     {signed(t, shopSecret, jwt.MapClaims{"sub": "ann", "name": strings.Repeat("n", 101)}), evenkeel.CodeTooLarge, "identity.name"},
		"no JWT":          {"hello", evenkeel.CodeUnauthenticated, "identity"},
		"a visitor token": {f.tokens[evenkeel.RoleCustomer], evenkeel.CodeUnauthenticated, "identity"},
	} {
		t.Log(what)
		f.identify("customer", c.token).refused(c.code, c.field)
		// Nor is it a way in by itself.
		f.call("GET", "/v1/auth/me", c.token+"x", "").refused(evenkeel.CodeUnauthenticated, "")
	}
	if after := f.call("GET", "/v1/cell", "admin", "").value["index"]; after != before {
		t.Errorf("the refusals changed the desk: index %v, then %v", before, after)
	}
	f.call("POST", "/v1/visitors", "", `{"queue":"nowhere"}`).refused(evenkeel.CodeNotFound, "queue")
	f.call("POST", "/v1/visitors", "", `{"queue":"general"}`).want(200)
}

// TestClaims: what a visitor says of himself is kept apart, and of strangers not
// at all.
func TestClaims(t *testing.T) {
	f := newFixture(t)
	f.trust()
	const says = `{"attributes":{"plan":"gold"}}`
	f.call("POST", "/v1/visitors", "", says).refused(evenkeel.CodeConflict, "attributes")
	f.call("POST", "/v1/visitors", "customer", says).refused(evenkeel.CodeConflict, "attributes")
	identity := signed(t, shopSecret, jwt.MapClaims{"sub": "ann"})
	f.call("POST", "/v1/visitors", "", fmt.Sprintf(`{"identity":%q,"attributes":{"plan":"gold"}}`, identity)).want(200)
	r := f.call("GET", "/v1/customers/u-ann", "admin", "").want(200)
	if r.str("claimed.plan") != "gold" || r.at("attributes.plan") != nil || r.at("identity.attributes") != nil {
		t.Errorf("the customer: %s", r.body)
	}
}

func TestContext(t *testing.T) {
	f := newFixture(t)
	const path = "/v1/customers/u-ann/context"
	if r := f.call("GET", path, "service", "").want(200); r.value["version"] != float64(0) || r.at("data.a") != nil {
		t.Errorf("before it is set: %s", r.body)
	}
	r := f.call("PUT", path, "service", `{"version":0,"data":{"b":1.50, "a":[true,"<é>"]}}`).want(200)
	if !strings.Contains(string(r.body), `{"a":[true,"`) || r.value["version"] != float64(1) {
		t.Errorf("it is kept as %s", r.body)
	}
	f.call("PUT", path, "service", `{"version":0,"data":{}}`).refused(evenkeel.CodeVersionConflict, "version")
	f.call("PUT", path, "service", `{"data":{}}`, "If-Match", `"7"`).refused(evenkeel.CodeVersionConflict, "version")
	f.call("PUT", path, "service", `{"version":1,"data":{}}`, "If-Match", `"7"`).refused(evenkeel.CodeBadRequest, "If-Match")
	f.call("PUT", path, "service", `{"data":{}}`, "If-Match", `x`).refused(evenkeel.CodeBadRequest, "If-Match")
	f.call("PUT", path, "service", `{"data":{}}`, "If-Match", `"1"`).want(200)
	f.call("PUT", path, "service", `{"data":7}`).refused(evenkeel.CodeBadRequest, "data")
	f.call("PUT", path, "agent", `{"data":{}}`).refused(evenkeel.CodeNotFound, "")
	f.call("GET", path, "agent", "").refused(evenkeel.CodeNotFound, "")
	f.call("GET", path, "customer", "").refused(evenkeel.CodeForbidden, "")
	deep := strings.Repeat("[", 32) + strings.Repeat("]", 32)
	f.call("PUT", path, "service", `{"data":{"a":`+deep+`}}`).refused(evenkeel.CodeBadRequest, "data")
	// 16 KiB in its kept form, not a byte more.
	text := strings.Repeat("x", 16<<10-len(`{"a":""}`))
	f.call("PUT", path, "service", `{"data":  {"a":  "`+text+`"}}`).want(200)
	f.call("PUT", path, "service", `{"data":{"a":"x`+text+`"}}`).refused(evenkeel.CodeTooLarge, "data")
	if r := f.call("PUT", path, "service", `{"data":null}`).want(200); r.value["version"] != float64(0) {
		t.Errorf("removed: %s", r.body)
	}
}

// TestTokensInAQuietCell: where nothing happens for long no entry tells the time,
// and yet a token that was signed now is good, and one that has ended is not.
func TestTokensInAQuietCell(t *testing.T) {
	f := newFixture(t)
	f.trust()
	f.cell.set(func() { f.cell.idle = evenkeel.Hour })
	in := func(d time.Duration) int64 { return time.Now().Add(time.Hour + d).Unix() }
	f.identify("", signed(t, shopSecret, jwt.MapClaims{"sub": "ann", "iat": in(0), "exp": in(5 * time.Minute)})).want(200)
	f.identify("", signed(t, shopSecret, jwt.MapClaims{"sub": "ann", "exp": in(-time.Minute)})).refused(evenkeel.CodeTokenExpired, "identity")
}
