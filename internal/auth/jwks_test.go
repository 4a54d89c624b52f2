package auth

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/evenkeel/evenkeel"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// idp is an identity provider: a real HTTP server whose key set can be rotated
// and which can be down.
type idp struct {
	mu      sync.Mutex
	body    []byte
	status  int
	control string
	fetched int
}

func (p *idp) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fetched++
	if p.control != "" {
		w.Header().Set("Cache-Control", p.control)
	}
	w.WriteHeader(p.status)
	_, _ = w.Write(p.body)
}

func (p *idp) set(status int, body []byte, control string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status, p.body, p.control = status, body, control
}

func (p *idp) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fetched
}

// hand is a clock that the test moves.
type hand struct {
	mu sync.Mutex
	at time.Time
}

func (h *hand) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

func (h *hand) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = h.at.Add(d)
}

type rotation struct {
	t     *testing.T
	idp   *idp
	clock *hand
	check JWTCheck
}

func newRotation(t *testing.T) *rotation {
	r := &rotation{t: t, idp: &idp{status: http.StatusOK}, clock: &hand{at: time.Now()}}
	server := served(t, r.idp.ServeHTTP)
	keys, refusal := NewKeySource(server.URL+"/jwks.json", r.clock.now, discard())
	if refusal != nil {
		t.Fatal(refusal)
	}
	r.check.Keys = keys
	return r
}

// sees checks a token of the signer, and how often the set was fetched by then.
func (r *rotation) sees(s signer, want evenkeel.Code, fetched int) {
	r.t.Helper()
	token := s.sign(r.t, jwt.MapClaims{"sub": "ann", "exp": 1769861100})
	_, refusal := r.check.Customer(r.t.Context(), token, jwtNow)
	var got evenkeel.Code
	if refusal != nil {
		got = refusal.Code
	}
	if n := r.idp.count(); got != want || n != fetched {
		r.t.Errorf("a token with the key %s: %v, after %d fetches; want %q after %d", s.kid, refusal, n, want, fetched)
	}
}

// TestRotation: a new key is good at once, an old one until the set is fetched
// anew without it; unknown keys cause few fetches; an outage is not felt.
func TestRotation(t *testing.T) {
	const no = evenkeel.CodeUnauthenticated
	s := makeSigners()
	r := newRotation(t)
	r.idp.set(http.StatusServiceUnavailable, nil, "")
	r.sees(s[1], evenkeel.CodeInternal, 1) // there is no good set yet
	r.idp.set(http.StatusOK, keySet(t, s[1]), "public, max-age=300")
	r.sees(s[1], evenkeel.CodeInternal, 1) // and no hurry
	r.clock.pass(fetchPause)
	r.sees(s[1], "", 2)
	r.clock.pass(299 * time.Second)
	r.sees(s[1], "", 2)
	r.clock.pass(time.Second)
	r.sees(s[1], "", 3) // not fresh any more

	r.clock.pass(fetchPause)
	r.idp.set(http.StatusOK, keySet(t, s[1], s[2]), "max-age=300")
	r.sees(s[1], "", 3)
	r.sees(s[2], "", 4) // fetched for the unknown kid
	r.sees(signer{"evil", s[0].method, s[0].key}, no, 4)
	r.clock.pass(fetchPause)
	r.sees(signer{"evil", s[0].method, s[0].key}, no, 5)
	r.sees(signer{"worse", s[0].method, s[0].key}, no, 5)

	r.idp.set(http.StatusOK, keySet(t, s[2]), "max-age=300")
	r.clock.pass(300 * time.Second)
	r.sees(s[1], no, 6) // rotated out
	r.sees(s[2], "", 6)

	for i, broken := range []struct {
		status int
		body   string
	}{{500, "no"}, {200, ""}, {200, "<html>"}, {200, `{"keys":[]}`}, {200, `{"keys":` + strings.Repeat(" ", maxKeySetBytes) + `[]}`}, {404, string(keySet(t, s[1]))}} {
		r.idp.set(broken.status, []byte(broken.body), "")
		r.clock.pass(24 * time.Hour)
		r.sees(s[2], "", 7+i)
		r.sees(s[1], no, 7+i)
	}
}

// TestSlowSource: while one waits for a source that does not answer, whoever
// has a known key passes, and the rest waits no longer than the fetch.
func TestSlowSource(t *testing.T) {
	s := makeSigners()
	slow, entered, leave := false, make(chan bool, 1), make(chan bool)
	server := served(t, func(w http.ResponseWriter, _ *http.Request) {
		if slow {
			entered <- true
			<-leave
		}
		_, _ = w.Write(keySet(t, s[1]))
	})
	clock := &hand{at: time.Now()}
	keys, refusal := NewKeySource(server.URL, clock.now, discard())
	if refusal != nil {
		t.Fatal(refusal)
	}
	if _, refusal := keys.find(t.Context(), "e", algES256); refusal != nil {
		t.Fatal(refusal)
	}
	slow = true
	clock.pass(freshDefault)
	done := make(chan *evenkeel.Error)
	go func() {
		_, refusal := keys.find(t.Context(), "e", algES256)
		done <- refusal
	}()
	<-entered
	if _, refusal := keys.find(t.Context(), "e", algES256); refusal != nil {
		t.Errorf("a known key while the set is fetched: %v", refusal)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, refusal := keys.find(ctx, "other", algES256); refusal == nil {
		t.Error("an unknown key is good")
	}
	close(leave)
	if refusal := <-done; refusal != nil {
		t.Errorf("who fetched: %v", refusal)
	}
}

func TestKeysAddress(t *testing.T) {
	for address, good := range map[string]bool{
		"https://idp.example/.well-known/jwks.json": true, "http://127.0.0.1:9/x": true, "http://[::1]:9/x": true, "http://localhost/x": true,
		"http://idp.example/x": false, "http://10.0.0.1/x": false, "http://127.0.0.1.evil.example/": false, "file:///etc/passwd": false,
		"gopher://127.0.0.1/": false, "//idp.example/x": false, "": false, "https://": false, "https://me:pw@idp.example/": false,
		"https://idp.example/#x": false, "https://idp.example/" + strings.Repeat("x", 1000): false, "https://a b/": false, "ftp://localhost/": false,
	} {
		if err := CheckKeysURL(address); (err == nil) != good {
			t.Errorf("%q: %v; want it good: %v", address, err, good)
		}
	}
}

// TestRedirects: a source may move, but not lead the server elsewhere.
func TestRedirects(t *testing.T) {
	s := makeSigners()
	target := ""
	server := served(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/keys" {
			_, _ = w.Write(keySet(t, s[1]))
			return
		}
		http.Redirect(w, r, target, http.StatusFound)
	})
	for to, good := range map[string]bool{
		"/keys": true, "/round": false, "file:///etc/passwd": false, "http://169.254.169.254/latest": false, "ftp://localhost/": false,
	} {
		target = to
		keys, refusal := NewKeySource(server.URL+"/moved", time.Now, discard())
		if refusal != nil {
			t.Fatal(refusal)
		}
		if _, refusal := keys.find(t.Context(), "e", algES256); (refusal == nil) != good {
			t.Errorf("redirected to %s: %v; want it good: %v", to, refusal, good)
		}
	}
}

func TestUnfitKeys(t *testing.T) {
	good := makeSigners()[1].jwk(t)
	bent := func(field, value string) map[string]string {
		k := map[string]string{}
		for name, v := range good { //order: one value a name
			k[name] = v
		}
		k[field] = value
		return k
	}
	rsaKey := makeSigners()[0].jwk(t)
	for what, key := range map[string]any{
		"another use": bent("use", "enc"), "another alg": bent("alg", "ES384"), "another curve": bent("crv", "P-384"), "another sort": bent("kty", "oct"),
		"not on the curve": bent("x", good["y"]), "short": bent("x", "AAAA"), "not base64url": bent("x", "!!!"), "a number": 7, "null": nil,
		"RSA 1024": map[string]string{"kty": "RSA", "n": b64(append([]byte{0x80}, make([]byte, 127)...)), "e": "AQAB"},
		"RSA e=1":  map[string]string{"kty": "RSA", "n": rsaKey["n"], "e": "AQ"},
		"RSA e=4":  map[string]string{"kty": "RSA", "n": rsaKey["n"], "e": "BA"},
		"RSA huge": map[string]string{"kty": "RSA", "n": strings.Repeat("_", 2000), "e": "AQAB"},
		"Ed25519":  map[string]string{"kty": "OKP", "crv": "Ed25519", "x": "AAAA"},
	} {
		b, err := json.Marshal(map[string]any{"keys": []any{key}})
		if err != nil {
			t.Fatal(err)
		}
		if keys, err := parseKeys(b); err == nil {
			t.Errorf("%s: %d keys are good", what, len(keys))
		}
		b, err = json.Marshal(map[string]any{"keys": []any{key, good}})
		if err != nil {
			t.Fatal(err)
		}
		if keys, err := parseKeys(b); err != nil || len(keys) != 1 {
			t.Errorf("%s beside a good key: %d keys, %v", what, len(keys), err)
		}
	}
	if _, err := parseKeys([]byte(`{"keys":[` + strings.Repeat(`{},`, maxKeys) + `{}]}`)); err == nil {
		t.Error("a set with too many keys is good")
	}
}

func TestFreshness(t *testing.T) {
	for _, c := range []struct {
		control, age string
		want         time.Duration
	}{
		{"", "", freshDefault}, {"max-age=300", "", 5 * time.Minute}, {"public, Max-Age=300", "100", 200 * time.Second},
		{`max-age="300"`, "", 5 * time.Minute}, {"max-age=1", "", freshLeast}, {"max-age=300", "900", freshLeast}, {"no-store", "", freshLeast},
		{"no-cache, max-age=900", "", freshLeast}, {"max-age=4000000000", "", freshMost}, {"max-age=99999999999999", "", freshDefault}, {"max-age=-1", "", freshDefault},
	} {
		h := http.Header{}
		if c.control != "" {
			h.Set("Cache-Control", c.control)
		}
		if c.age != "" {
			h.Set("Age", c.age)
		}
		if got := freshness(h); got != c.want {
			t.Errorf("Cache-Control %q, Age %q: %s, want %s", c.control, c.age, got, c.want)
		}
	}
}
