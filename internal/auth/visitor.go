package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/evenkeel/evenkeel"
)

// Visitor is what a visitor's token says: a person without a name who came
// once, and comes again.
type Visitor struct {
	Workspace string
	ID        string
	Issued    evenkeel.Time
	Expires   evenkeel.Time
}

// VisitorLife is how long a visitor's token is good for.
const VisitorLife = 30 * 24 * evenkeel.Hour

// maxVisitorName bounds the workspace in a token, in bytes, and maxVisitorID the
// id.
const (
	maxVisitorName = 64
	maxVisitorID   = 128
)

// Sign returns the token
//
//	ekv1_ base64url(payload) . base64url(HMAC-SHA-256(key, all before the dot))
//
// with payload = issued and expires (milliseconds since 1970, 8 bytes each,
// big-endian), the length of the workspace's name in one byte, the workspace,
// and the visitor's id up to the end.
func (v Visitor) Sign(key []byte) (string, error) {
	if len(key) < sha256.Size {
		return "", fmt.Errorf("sign a visitor's token: the key has %d bytes, it needs %d", len(key), sha256.Size)
	}
	if !visitorNames(v) {
		return "", fmt.Errorf("sign a visitor's token: unfit workspace %q or id %q", v.Workspace, v.ID)
	}
	payload := binary.BigEndian.AppendUint64(nil, uint64(v.Issued))
	payload = binary.BigEndian.AppendUint64(payload, uint64(v.Expires))
	payload = append(payload, byte(len(v.Workspace)))
	payload = append(payload, v.Workspace...)
	payload = append(payload, v.ID...)
	signed := VisitorTokenPrefix + base64.RawURLEncoding.EncodeToString(payload)
	return signed + "." + visitorSum(key, signed), nil
}

// ParseVisitor checks a token at a time. The error is unauthenticated for what
// the cell never issued, and token_expired, with the visitor, for what it did.
func ParseVisitor(key []byte, token string, now evenkeel.Time) (Visitor, *evenkeel.Error) {
	bad := evenkeel.Errorf(evenkeel.CodeUnauthenticated, "this is not a visitor's token of this cell")
	if len(token) > MaxTokenBytes || len(key) < sha256.Size {
		return Visitor{}, bad
	}
	signed, sum, ok := strings.Cut(token, ".")
	body, prefixed := strings.CutPrefix(signed, VisitorTokenPrefix)
	if !ok || !prefixed {
		return Visitor{}, bad
	}
	// The text is compared, not what it decodes to: a token has one form.
	if !hmac.Equal([]byte(sum), []byte(visitorSum(key, signed))) {
		return Visitor{}, bad
	}
	payload, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil {
		return Visitor{}, bad
	}
	v, ok := parsePayload(payload)
	if !ok {
		return Visitor{}, bad
	}
	if now >= v.Expires {
		return v, evenkeel.Errorf(evenkeel.CodeTokenExpired, "the visitor's token expired at %s", v.Expires)
	}
	return v, nil
}

func parsePayload(b []byte) (Visitor, bool) {
	const head = 17
	if len(b) < head || len(b) < head+int(b[16]) {
		return Visitor{}, false
	}
	split := head + int(b[16])
	v := Visitor{
		Issued:    evenkeel.Time(binary.BigEndian.Uint64(b)),
		Expires:   evenkeel.Time(binary.BigEndian.Uint64(b[8:])),
		Workspace: string(b[head:split]),
		ID:        string(b[split:]),
	}
	return v, visitorNames(v)
}

func visitorNames(v Visitor) bool {
	return v.Workspace != "" && v.ID != "" && len(v.Workspace) <= maxVisitorName && len(v.ID) <= maxVisitorID
}

func visitorSum(key []byte, signed string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(signed))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
