package auth

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// What the tokens of each sort begin with, so that a secret scanner, a log
// filter and the edge can tell them apart.
const (
	AgentTokenPrefix   = "ekt_"
	ServiceKeyPrefix   = "eks_"
	StartTokenPrefix   = "ekf_" // of the first-run link
	VisitorTokenPrefix = "ekv1_"
)

// MaxTokenBytes bounds every token and key that is accepted.
const MaxTokenBytes = 512

// MinKeyBytes is the least length of a key that an operator chose himself.
const MinKeyBytes = 16

const randomBytes = 32

// NewToken returns a fresh opaque token: the prefix and 256 bits of random.
func NewToken(random io.Reader, prefix string) (string, error) {
	b := make([]byte, randomBytes)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", fmt.Errorf("make a token: %w", err)
	}
	return prefix + base64.RawURLEncoding.EncodeToString(b), nil
}

// NewID returns a fresh random id of 120 bits: the prefix and 24 characters
// of lower case letters and digits, none of which look alike.
func NewID(random io.Reader, prefix string) (string, error) {
	b := make([]byte, 15)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
	out := make([]byte, 0, len(prefix)+24)
	out = append(out, prefix...)
	var acc, bits uint
	for _, c := range b {
		acc, bits = acc<<8|uint(c), bits+8
		for ; bits >= 5; bits -= 5 {
			out = append(out, alphabet[acc>>(bits-5)&31])
		}
	}
	return string(out), nil
}

// Hash is what the desk knows of a token or a key: its SHA-256 in hex.
func Hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// NewPassword returns 80 random bits as somebody can type them.
func NewPassword(random io.Reader) (string, error) {
	id, err := NewID(random, "")
	if err != nil {
		return "", err
	}
	return strings.Join([]string{id[0:4], id[4:8], id[8:12], id[12:16]}, "-"), nil
}
