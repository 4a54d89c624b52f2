package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/evenkeel/evenkeel"
)

// Bounds of tokens that an operator's own site signs.
const (
	MaxJWTBytes = 24 << 10
	// MinSecretBytes is what RFC 7518, section 3.2, asks of a key of HS256.
	MinSecretBytes = 32
	MaxSecretBytes = 1024
	// jwtLeeway is how far the signer's clock and ours may be apart.
	jwtLeeway = 10 * time.Second
)

// SecretFingerprint tells one secret from another without showing it: a keyed
// hash, of which only who has the secret can make the same.
func SecretFingerprint(secret []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("evenkeel: fingerprint of a signing secret"))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// JWTCheck is what a signed token must fulfil. An algorithm belongs to a sort of
// key, and each sort comes from its own place: a public key of the JWKS is never
// taken for a shared secret, whatever a token's header says, and a token
// without a signature has no key at all.
type JWTCheck struct {
	Secret   []byte     // of HS256; empty: no such token is good
	Keys     *KeySource // of RS256, ES256 and EdDSA; nil: no such token is good
	Issuer   string     // what iss must be; empty: anything
	Audience string     // what aud must hold; empty: anything
}

// Customer checks a token that says who a customer is, at a time. The error is
// unauthenticated for a token that proves nothing here, token_expired for one
// that did, bad_request for one that is good but says what cannot be, and
// internal, which is temporary, if there are no keys to check it with.
func (c JWTCheck) Customer(ctx context.Context, token string, now evenkeel.Time) (CustomerClaims, *evenkeel.Error) {
	claims := customerClaims{}
	if err := c.verify(ctx, token, now, &claims, jwt.WithExpirationRequired()); err != nil {
		return CustomerClaims{}, err
	}
	return claims.checked()
}

// User checks a connection token of the operator's users. A token without exp
// does not expire.
func (c JWTCheck) User(ctx context.Context, token string, now evenkeel.Time) (UserClaims, *evenkeel.Error) {
	claims := userClaims{}
	if err := c.verify(ctx, token, now, &claims); err != nil {
		return UserClaims{}, err
	}
	return claims.checked()
}

// Subscription checks a token that lets a user follow one channel.
func (c JWTCheck) Subscription(ctx context.Context, token string, now evenkeel.Time) (SubscriptionClaims, *evenkeel.Error) {
	claims := subscriptionClaims{}
	if err := c.verify(ctx, token, now, &claims); err != nil {
		return SubscriptionClaims{}, err
	}
	return claims.checked()
}

func (c JWTCheck) verify(ctx context.Context, token string, now evenkeel.Time, claims jwt.Claims, more ...jwt.ParserOption) *evenkeel.Error {
	if len(token) > MaxJWTBytes {
		return evenkeel.Errorf(evenkeel.CodeUnauthenticated, "the signed token has more than %d bytes", MaxJWTBytes)
	}
	if strings.ContainsAny(token, "\r\n") { // which a decoder of base64 passes over
		return jwtRefusal(jwt.ErrTokenMalformed)
	}
	options := append([]jwt.ParserOption{
		jwt.WithValidMethods([]string{algHS256, algRS256, algES256, algEdDSA}),
		jwt.WithStrictDecoding(), // a token has one form
		jwt.WithTimeFunc(now.Std), jwt.WithLeeway(jwtLeeway), jwt.WithIssuedAt(),
	}, more...)
	if c.Issuer != "" {
		options = append(options, jwt.WithIssuer(c.Issuer))
	}
	if c.Audience != "" {
		options = append(options, jwt.WithAudience(c.Audience))
	}
	_, err := jwt.NewParser(options...).ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) { return c.keyOf(ctx, t) })
	return jwtRefusal(err)
}

// keyOf finds what to check a token's signature with.
func (c JWTCheck) keyOf(ctx context.Context, t *jwt.Token) (any, error) {
	if _, ok := t.Header["crit"]; ok {
		// RFC 7515, section 4.1.11: what is critical and not understood makes
		// the token invalid.
		return nil, evenkeel.Errorf(evenkeel.CodeUnauthenticated, "the token's header names critical extensions, and none is known here")
	}
	alg := t.Method.Alg()
	if alg == algHS256 {
		if len(c.Secret) == 0 {
			return nil, evenkeel.Errorf(evenkeel.CodeUnauthenticated, "the token is signed with HS256, but no hmac_secret is set for it")
		}
		return c.Secret, nil
	}
	if c.Keys == nil {
		return nil, evenkeel.Errorf(evenkeel.CodeUnauthenticated, "the token is signed with %s, but no jwks_url is set for it", alg)
	}
	kid, named := t.Header["kid"].(string)
	if _, there := t.Header["kid"]; there && !named {
		return nil, evenkeel.Errorf(evenkeel.CodeUnauthenticated, "the token's kid is not a string")
	}
	found, refusal := c.Keys.find(ctx, kid, alg)
	if refusal != nil {
		return nil, refusal
	}
	return jwt.VerificationKeySet{Keys: found}, nil
}

// jwtRefusal puts the library's errors into words for the integrator, who has to
// find out what is wrong with what he signed.
func jwtRefusal(err error) *evenkeel.Error {
	if err == nil {
		return nil
	}
	var own *evenkeel.Error
	if errors.As(err, &own) {
		return own
	}
	code, why := evenkeel.CodeUnauthenticated, "it is not a JSON Web Token, or a claim has the wrong type"
	switch {
	case errors.Is(err, jwt.ErrTokenMalformed):
	case errors.Is(err, jwt.ErrTokenUnverifiable):
		why = "its alg is unknown; it must be HS256, RS256, ES256 or EdDSA"
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		why = "its signature is not made with a key that is set here, or its alg is not HS256, RS256, ES256 or EdDSA"
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		why = "exp, aud or iss is missing"
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		why = "it is for another audience (aud)"
	case errors.Is(err, jwt.ErrTokenInvalidIssuer):
		why = "it is from another issuer (iss)"
	case errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		why = "it is of the future (nbf or iat): the clocks of the signer and of this server differ"
	case errors.Is(err, jwt.ErrTokenExpired):
		code, why = evenkeel.CodeTokenExpired, "it has expired; sign a new one"
	}
	return evenkeel.Errorf(code, "the signed token is not good: %s", why)
}

// registered are the claims that every token may carry.
type registered struct {
	Iss string           `json:"iss"`
	Sub string           `json:"sub"`
	Aud jwt.ClaimStrings `json:"aud"`
	Exp *instant         `json:"exp"`
	Nbf *instant         `json:"nbf"`
	Iat *instant         `json:"iat"`
}

func (r *registered) GetIssuer() (string, error)                   { return r.Iss, nil }
func (r *registered) GetSubject() (string, error)                  { return r.Sub, nil }
func (r *registered) GetAudience() (jwt.ClaimStrings, error)       { return r.Aud, nil }
func (r *registered) GetExpirationTime() (*jwt.NumericDate, error) { return r.Exp.date(), nil }
func (r *registered) GetNotBefore() (*jwt.NumericDate, error)      { return r.Nbf.date(), nil }
func (r *registered) GetIssuedAt() (*jwt.NumericDate, error)       { return r.Iat.date(), nil }

// expires is the end of the token, 0 if it has none.
func (r *registered) expires() evenkeel.Time {
	if r.Exp == nil {
		return 0
	}
	return evenkeel.Time(*r.Exp)
}

// instant is a time of a token: seconds since 1970, with or without decimals,
// in milliseconds.
type instant evenkeel.Time

// lastInstant is the end of the year 9999: later times are mistakes, and
// machines differ in what they make of them.
const lastInstant = 253402300799

func (i *instant) UnmarshalJSON(b []byte) error {
	seconds, err := strconv.ParseFloat(string(b), 64)
	if err != nil || !(math.Abs(seconds) <= lastInstant) {
		return errors.New("a time must be a number of seconds since 1970")
	}
	*i = instant(seconds * 1000)
	return nil
}

func (i *instant) date() *jwt.NumericDate {
	if i == nil {
		return nil
	}
	return &jwt.NumericDate{Time: evenkeel.Time(*i).Std()}
}

// isObject tells whether a claim that is there is a JSON object.
func isObject(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] == '{' }
