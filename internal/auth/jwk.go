package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"

	"github.com/golang-jwt/jwt/v5"
)

// The algorithms of signed tokens.
const (
	algHS256 = "HS256"
	algRS256 = "RS256"
	algES256 = "ES256"
	algEdDSA = "EdDSA"
)

// publicKey is one key of a set, with the one algorithm that it is for.
type publicKey struct {
	kid, alg string
	key      jwt.VerificationKey
}

// maxKeys bounds a set: a token without a kid is checked with each.
const maxKeys = 64

// jwk is a key in the form of RFC 7517; of RFC 7518, section 6, and RFC 8037
// for what is inside.
type jwk struct {
	Kty string `json:"kty"`
	Use string `json:"use"`
	Alg string `json:"alg"`
	Kid string `json:"kid"`
	Crv string `json:"crv"`
	N   string `json:"n"`
	E   string `json:"e"`
	X   string `json:"x"`
	Y   string `json:"y"`
}

// parseKeys reads a key set. Keys for other purposes and of sorts that are not
// used here are left out, as RFC 7517, section 5, wants it; a set in which none
// is left is refused, so that a mistake cannot lock everybody out.
func parseKeys(b []byte) ([]publicKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(b, &set); err != nil {
		return nil, fmt.Errorf("it is not a JSON Web Key Set: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("it holds %d keys, more than %d", len(set.Keys), maxKeys)
	}
	var keys []publicKey
	var unfit error
	for _, raw := range set.Keys {
		var k jwk
		if err := json.Unmarshal(raw, &k); err != nil {
			unfit = errors.New("a key is not an object of texts")
			continue
		}
		if k.Use != "" && k.Use != "sig" {
			continue
		}
		key, alg, err := k.public()
		switch {
		case err != nil:
			unfit = fmt.Errorf("the key %q: %w", k.Kid, err)
		case k.Alg == "" || k.Alg == alg:
			keys = append(keys, publicKey{kid: k.Kid, alg: alg, key: key})
		}
	}
	switch {
	case len(keys) > 0:
		return keys, nil
	case unfit != nil:
		return nil, fmt.Errorf("it holds no key for RS256, ES256 or EdDSA: %w", unfit)
	}
	return nil, errors.New("it holds no key for RS256, ES256 or EdDSA")
}

var errKeySort = errors.New("its sort is not used here")

func (k *jwk) public() (jwt.VerificationKey, string, error) {
	switch {
	case k.Kty == "RSA":
		key, err := k.rsa()
		return key, algRS256, err
	case k.Kty == "EC" && k.Crv == "P-256":
		key, err := k.p256()
		return key, algES256, err
	case k.Kty == "OKP" && k.Crv == "Ed25519":
		x, err := base64.RawURLEncoding.DecodeString(k.X)
		if err != nil || len(x) != ed25519.PublicKeySize {
			return nil, "", errors.New("x is not 32 bytes in base64url")
		}
		return ed25519.PublicKey(x), algEdDSA, nil
	}
	return nil, "", errKeySort
}

// The least size is of NIST SP 800-131A, the largest keeps a check short.
const (
	minModulusBits = 2048
	maxModulusBits = 8192
)

func (k *jwk) rsa() (*rsa.PublicKey, error) {
	n, err := base64.RawURLEncoding.DecodeString(k.N)
	if err != nil || len(n) > maxModulusBits/8+1 {
		return nil, errors.New("n is not a modulus in base64url")
	}
	e, err := base64.RawURLEncoding.DecodeString(k.E)
	if err != nil || len(e) > 4 {
		return nil, errors.New("e is not a small number in base64url")
	}
	modulus, exponent := new(big.Int).SetBytes(n), new(big.Int).SetBytes(e).Int64()
	if bits := modulus.BitLen(); bits < minModulusBits || bits > maxModulusBits {
		return nil, fmt.Errorf("its modulus has %d bits; %d to %d are good", bits, minModulusBits, maxModulusBits)
	}
	if exponent < 3 || exponent%2 == 0 || exponent > 1<<31-1 {
		return nil, errors.New("its exponent is not a good one")
	}
	return &rsa.PublicKey{N: modulus, E: int(exponent)}, nil
}

func (k *jwk) p256() (*ecdsa.PublicKey, error) {
	const size = 32
	x, errX := base64.RawURLEncoding.DecodeString(k.X)
	y, errY := base64.RawURLEncoding.DecodeString(k.Y)
	if errX != nil || errY != nil || len(x) != size || len(y) != size {
		return nil, errors.New("x and y are not 32 bytes each in base64url")
	}
	point := append(append([]byte{4}, x...), y...) // SEC 1, 2.3.3: not compressed
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
}
