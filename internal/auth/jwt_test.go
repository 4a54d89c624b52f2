package auth

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/evenkeel/evenkeel"
)

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// jwtNow is the time of the tests: 2026-01-31T12:00:00Z.
const jwtNow = evenkeel.Time(1769860800000)

func jwtSecret() []byte { return bytes.Repeat([]byte("s"), MinSecretBytes) }

// signer is a private key with its entry in a key set.
type signer struct {
	kid    string
	method jwt.SigningMethod
	key    crypto.Signer
}

var makeSigners = sync.OnceValue(func() []signer {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return []signer{{"r", jwt.SigningMethodRS256, rsaKey}, {"e", jwt.SigningMethodES256, ecKey}, {"d", jwt.SigningMethodEdDSA, edKey}}
})

// jwk writes the public key as RFC 7517 wants it, by hand and not by the code
// under test.
func (s signer) jwk(t testing.TB) map[string]string {
	switch k := s.key.Public().(type) {
	case *rsa.PublicKey:
		return map[string]string{"kty": "RSA", "kid": s.kid, "use": "sig", "n": b64(k.N.Bytes()), "e": b64(big.NewInt(int64(k.E)).Bytes())}
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		return map[string]string{"kty": "EC", "crv": "P-256", "kid": s.kid, "x": b64(point[1:33]), "y": b64(point[33:])}
	case ed25519.PublicKey:
		return map[string]string{"kty": "OKP", "crv": "Ed25519", "kid": s.kid, "alg": "EdDSA", "x": b64(k)}
	default:
		t.Fatalf("no JWK form of %T", k)
		return nil
	}
}

func (s signer) sign(t testing.TB, claims jwt.MapClaims) string {
	token := jwt.NewWithClaims(s.method, claims)
	if s.kid != "" {
		token.Header["kid"] = s.kid
	}
	text, err := token.SignedString(s.key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func keySet(t testing.TB, signers ...signer) []byte {
	keys := []map[string]string{}
	for _, s := range signers {
		keys = append(keys, s.jwk(t))
	}
	b, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// hs256 signs any header and payload: also such as no library would.
func hs256(secret []byte, header, payload string) string {
	text := b64([]byte(header)) + "." + b64([]byte(payload))
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(text))
	return text + "." + b64(mac.Sum(nil))
}

const (
	hsHeader = `{"alg":"HS256","typ":"JWT"}`
	annSays  = `{"sub":"ann","name":"Ann","email":"ann@example.com","attributes":{"plan":"gold"},"priority":5,"iss":"shop","aud":["evenkeel","x"],"iat":1769860790,"nbf":1769860790,"exp":1769861100}`
)

func served(t testing.TB, handler http.HandlerFunc) *httptest.Server {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

func TestSignedCustomer(t *testing.T) {
	server := served(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(keySet(t, makeSigners()...)) })
	keys, refusal := NewKeySource(server.URL, time.Now, discard())
	if refusal != nil {
		t.Fatal(refusal)
	}
	check := JWTCheck{Secret: jwtSecret(), Keys: keys, Issuer: "shop", Audience: "evenkeel"}
	var claims jwt.MapClaims
	if err := json.Unmarshal([]byte(annSays), &claims); err != nil {
		t.Fatal(err)
	}
	tokens := map[string]string{"HS256": hs256(jwtSecret(), hsHeader, annSays)}
	for _, s := range makeSigners() {
		tokens[s.method.Alg()] = s.sign(t, claims)
		s.kid = ""
		tokens[s.method.Alg()+" without a kid"] = s.sign(t, claims)
	}
	for name, token := range tokens {
		got, refusal := check.Customer(t.Context(), token, jwtNow)
		if refusal != nil {
			t.Errorf("%s: %v", name, refusal)
			continue
		}
		if got.Subject != "ann" || got.Name != "Ann" || got.Email != "ann@example.com" || string(got.Attributes) != `{"plan":"gold"}` ||
			got.Priority != 5 || got.Expires != 1769861100000 {
			t.Errorf("%s says %+v", name, got)
		}
	}
}

// TestHostileTokens: what is wrong with a token is found, and said.
func TestHostileTokens(t *testing.T) {
	signers := makeSigners()
	server := served(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(keySet(t, signers...)) })
	keys, refusal := NewKeySource(server.URL, time.Now, discard())
	if refusal != nil {
		t.Fatal(refusal)
	}
	both := JWTCheck{Secret: jwtSecret(), Keys: keys, Issuer: "shop", Audience: "evenkeel"}
	secretOnly := JWTCheck{Secret: jwtSecret()}
	keysOnly := JWTCheck{Keys: keys}
	open := JWTCheck{}
	good := hs256(jwtSecret(), hsHeader, annSays)
	sign := func(payload string) string { return hs256(jwtSecret(), hsHeader, payload) }
	der, err := x509.MarshalPKIXPublicKey(signers[0].key.Public())
	if err != nil {
		t.Fatal(err)
	}
	rsaSigned := signers[0].sign(t, jwt.MapClaims{"sub": "ann", "exp": 1769861100})
	ps256 := signer{"r", jwt.SigningMethodPS256, signers[0].key}.sign(t, jwt.MapClaims{"sub": "ann", "exp": 1769861100})
	crossed := signer{"e", jwt.SigningMethodRS256, signers[0].key}.sign(t, jwt.MapClaims{"sub": "ann", "exp": 1769861100})
	parts := strings.Split(good, ".")
	const (
		no      = evenkeel.CodeUnauthenticated
		expired = evenkeel.CodeTokenExpired
		unfit   = evenkeel.CodeBadRequest
	)
	for _, c := range []struct {
		what  string
		check JWTCheck
		token string
		want  evenkeel.Code
		says  string
	}{
		{"nothing", both, "", no, "not a JSON Web Token"},
		{"alg none without a signature", both, b64([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".", no, "alg"},
		{"alg None", both, b64([]byte(`{"alg":"None"}`)) + "." + parts[1] + ".", no, "alg"},
		{"alg none with the old signature", both, b64([]byte(`{"alg":"none"}`)) + "." + parts[1] + "." + parts[2], no, "alg"},
		{"no alg", both, hs256(jwtSecret(), `{"typ":"JWT"}`, annSays), no, "alg"},
		{"alg a number", both, hs256(jwtSecret(), `{"alg":256}`, annSays), no, "alg"},
		{"alg HS512", both, hs256(jwtSecret(), `{"alg":"HS512"}`, annSays), no, "alg"},
		{"alg hs256 in small letters", both, hs256(jwtSecret(), `{"alg":"hs256"}`, annSays), no, "alg"},
		{"alg PS256 with the right key", keysOnly, ps256, no, "alg"},
		{"signed with the public key as a secret", keysOnly, hs256(der, `{"alg":"HS256","kid":"r"}`, annSays), no, "no hmac_secret"},
		{"the same where there is a secret too", both, hs256(der, `{"alg":"HS256","kid":"r"}`, annSays), no, "signature"},
		{"signed with an empty secret", both, hs256(nil, hsHeader, annSays), no, "signature"},
		{"signed with an empty secret where none is set", open, hs256(nil, hsHeader, annSays), no, "no hmac_secret"},
		{"a key where only a secret is set", secretOnly, rsaSigned, no, "no jwks_url"},
		{"one key's kid, another's signature", keysOnly, crossed, no, "does not hold"},
		{"another secret", both, hs256(bytes.Repeat([]byte("x"), 32), hsHeader, annSays), no, "signature"},
		{"another payload", both, parts[0] + "." + b64([]byte(strings.Replace(annSays, "ann", "bob", 1))) + "." + parts[2], no, "signature"},
		{"no signature", both, parts[0] + "." + parts[1] + ".", no, "signature"},
		{"half a signature", both, good[:len(good)-23], no, "signature"},
		{"the signature's last bits changed", both, good[:len(good)-1] + other(good[len(good)-1]), no, ""},
		{"a line end behind", both, good + "\n", no, "not a JSON Web Token"},
		{"padding", both, good + "=", no, "not a JSON Web Token"},
		{"four parts", both, good + ".x", no, "not a JSON Web Token"},
		{"two parts", both, parts[0] + "." + parts[1], no, "not a JSON Web Token"},
		{"dots", both, "..", no, "not a JSON Web Token"},
		{"a million dots", both, strings.Repeat(".", 1<<20), no, "more than"},
		{"too long", both, sign(`{"sub":"` + strings.Repeat("x", MaxJWTBytes) + `"}`), no, "more than"},
		{"a critical extension", both, hs256(jwtSecret(), `{"alg":"HS256","crit":["b64"],"b64":false}`, annSays), no, "critical"},
		{"a kid that is no string", keysOnly, hs256(nil, `{"alg":"ES256","kid":{"a":1}}`, annSays), no, "kid"},
		{"a kid that is a path", keysOnly, hs256(nil, `{"alg":"ES256","kid":"../../dev/null"}`, annSays), no, "does not hold"},
		{"a key of its own", keysOnly, hs256(nil, `{"alg":"ES256","jwk":{"kty":"EC"},"jku":"https://evil.example/"}`, annSays), no, "signature"},
		{"a list as payload", both, sign(`[1]`), no, "not a JSON Web Token"},
		{"null as payload", both, sign(`null`), no, "missing"},
		{"payload cut off", both, sign(`{"sub":"ann"`), no, "not a JSON Web Token"},
		{"a deep payload", both, sign(strings.Repeat(`{"a":`, 3000) + "1" + strings.Repeat("}", 3000)), no, ""},
		{"expired", both, sign(strings.Replace(annSays, "1769861100", "1769860790", 1)), expired, "expired"},
		{"expired and for another audience", both, sign(`{"sub":"ann","aud":"you","iss":"shop","exp":1}`), no, "audience"},
		{"no exp", secretOnly, sign(`{"sub":"ann"}`), no, "missing"},
		{"exp a text", secretOnly, sign(`{"sub":"ann","exp":"1769861100"}`), no, "wrong type"},
		{"exp past all years", secretOnly, sign(`{"sub":"ann","exp":1e300}`), no, "wrong type"},
		{"exp before all years", secretOnly, sign(`{"sub":"ann","exp":-1e300}`), no, "wrong type"},
		{"of tomorrow by nbf", secretOnly, sign(`{"sub":"ann","exp":1769947200,"nbf":1769947100}`), no, "future"},
		{"of tomorrow by iat", secretOnly, sign(`{"sub":"ann","exp":1769947200,"iat":1769947100}`), no, "future"},
		{"another audience", both, sign(`{"sub":"ann","iss":"shop","aud":"evenkeel2","exp":1769861100}`), no, "audience"},
		{"no audience", both, sign(`{"sub":"ann","iss":"shop","exp":1769861100}`), no, "missing"},
		{"another issuer", both, sign(`{"sub":"ann","iss":"shop2","aud":"evenkeel","exp":1769861100}`), no, "issuer"},
		{"sub a number", secretOnly, sign(`{"sub":7,"exp":1769861100}`), no, "wrong type"},
		{"no sub", secretOnly, sign(`{"exp":1769861100}`), unfit, "sub"},
		{"sub with a space", secretOnly, sign(`{"sub":"an n","exp":1769861100}`), unfit, "sub"},
		{"sub with a line end", secretOnly, sign(`{"sub":"an\nn","exp":1769861100}`), unfit, "sub"},
		{"sub too long", secretOnly, sign(`{"sub":"` + strings.Repeat("a", 121) + `","exp":1769861100}`), unfit, "sub"},
		{"attributes a list", secretOnly, sign(`{"sub":"ann","exp":1769861100,"attributes":[1]}`), unfit, "attributes"},
		{"priority without bounds", secretOnly, sign(`{"sub":"ann","exp":1769861100,"priority":1001}`), unfit, "priority"},
		{"name too long", secretOnly, sign(`{"sub":"ann","exp":1769861100,"name":"` + strings.Repeat("n", 801) + `"}`), unfit, "name"},
	} {
		got, refusal := c.check.Customer(t.Context(), c.token, jwtNow)
		switch {
		case refusal == nil:
			t.Errorf("%s: it is good, and says %+v", c.what, got)
		case refusal.Code != c.want || !strings.Contains(refusal.Detail, c.says):
			t.Errorf("%s: %v; want %s that says %q", c.what, refusal, c.want, c.says)
		}
	}
	// The edges of the leeway.
	for _, c := range []struct {
		payload string
		good    bool
	}{
		{`{"sub":"ann","exp":1769860791}`, true}, {`{"sub":"ann","exp":1769860790}`, false}, {`{"sub":"ann","exp":1769860790.5}`, true},
		{`{"sub":"ann","exp":1769861100,"nbf":1769860810}`, true}, {`{"sub":"ann","exp":1769861100,"nbf":1769860811}`, false},
	} {
		if _, refusal := secretOnly.Customer(t.Context(), sign(c.payload), jwtNow); (refusal == nil) != c.good {
			t.Errorf("%s: %v, want it good: %v", c.payload, refusal, c.good)
		}
	}
}

// other returns another character of base64url that differs in bits which a lax
// decoder drops.
func other(c byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, c)^1])
}

func TestSignedUsers(t *testing.T) {
	check := JWTCheck{Secret: jwtSecret()}
	user, refusal := check.User(t.Context(), hs256(jwtSecret(), hsHeader,
		`{"sub":"42","info":{"n":1},"channels":["news"],"subs":{"quotes:eur":{"data":7}},"meta":{"m":2}}`), jwtNow)
	if refusal != nil || user.Subject != "42" || user.Expires != 0 || string(user.Info) != `{"n":1}` || len(user.Channels) != 1 ||
		string(user.Subs["quotes:eur"].Data) != "7" || string(user.Meta) != `{"m":2}` {
		t.Errorf("the user is %+v, %v", user, refusal)
	}
	many := strings.Repeat(`"x",`, maxTokenChannels) + `"x"`
	if _, refusal := check.User(t.Context(), hs256(jwtSecret(), hsHeader, `{"sub":"42","channels":[`+many+`]}`), jwtNow); refusal == nil || refusal.Code != evenkeel.CodeBadRequest {
		t.Errorf("a token with too many channels: %v", refusal)
	}
	sub, refusal := check.Subscription(t.Context(), hs256(jwtSecret(), hsHeader, `{"sub":"42","channel":"quotes:eur","exp":1769861100}`), jwtNow)
	if refusal != nil || sub.Channel != "quotes:eur" || sub.Expires != 1769861100000 {
		t.Errorf("the subscription is %+v, %v", sub, refusal)
	}
	if _, refusal := check.Subscription(t.Context(), hs256(jwtSecret(), hsHeader, `{"sub":"42"}`), jwtNow); refusal == nil || refusal.Code != evenkeel.CodeBadRequest {
		t.Errorf("a subscription to no channel: %v", refusal)
	}
}

// TestForeignToken checks the example of RFC 7515, appendix A.1: its key, made
// by others, signs a token whose time was in 2011.
func TestForeignToken(t *testing.T) {
	secret, err := base64.RawURLEncoding.DecodeString("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
	if err != nil {
		t.Fatal(err)
	}
	const token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	check := JWTCheck{Secret: secret}
	if _, refusal := check.Customer(t.Context(), token, 1300819000000); refusal == nil || refusal.Code != evenkeel.CodeBadRequest {
		t.Errorf("in its time: %v; want its missing sub to be all that is wrong", refusal)
	}
	if _, refusal := check.Customer(t.Context(), token, jwtNow); refusal == nil || refusal.Code != evenkeel.CodeTokenExpired {
		t.Errorf("today: %v", refusal)
	}
}

func FuzzSignedToken(f *testing.F) {
	good := hs256(jwtSecret(), hsHeader, annSays)
	f.Add(good)
	f.Add(b64([]byte(`{"alg":"none"}`)) + "." + b64([]byte(annSays)) + ".")
	f.Add(hs256([]byte("other"), hsHeader, annSays))
	f.Fuzz(func(t *testing.T, token string) {
		check := JWTCheck{Secret: jwtSecret()}
		if got, refusal := check.Customer(t.Context(), token, jwtNow); refusal == nil && token != good {
			t.Fatalf("%q, which was never signed, is good: %+v", token, got)
		}
	})
}

// FuzzSignedClaims gives the payload to the fuzzer: it is signed, so all the
// code behind the signature is met.
func FuzzSignedClaims(f *testing.F) {
	f.Add(annSays)
	f.Add(`{"sub":"42","info":{"n":1},"channels":["news"],"subs":{"q":{}},"exp":1e9}`)
	f.Fuzz(func(t *testing.T, payload string) {
		check := JWTCheck{Secret: jwtSecret()}
		token := hs256(jwtSecret(), hsHeader, payload)
		if got, refusal := check.Customer(t.Context(), token, jwtNow); refusal == nil {
			if checkSubject(got.Subject) != nil || got.Expires <= jwtNow-10000 || got.Attributes != nil && !json.Valid(got.Attributes) {
				t.Fatalf("%q is good and says %+v", payload, got)
			}
		}
		_, _ = check.User(t.Context(), token, jwtNow)
		_, _ = check.Subscription(t.Context(), token, jwtNow)
	})
}

func FuzzParseKeys(f *testing.F) {
	f.Add(keySet(f, makeSigners()...))
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"","y":""},{"kty":"oct","k":"AA"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, err := parseKeys(b)
		if (err == nil) != (len(keys) > 0) || len(keys) > maxKeys {
			t.Fatalf("%d keys, %v", len(keys), err)
		}
		for _, k := range keys {
			method := jwt.GetSigningMethod(k.alg)
			if err := method.Verify("x", make([]byte, 64), k.key); err == nil {
				t.Fatalf("a signature of zeros is good for %+v", k)
			}
		}
	})
}
