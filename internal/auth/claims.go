package auth

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/evenkeel/evenkeel"
)

// CustomerClaims is what a signed identity says of a customer.
type CustomerClaims struct {
	Subject    string          // the operator's own id of him
	Name       string          // empty: not said
	Email      string          // empty: not said
	Attributes json.RawMessage // a JSON object; nil: not said
	Priority   int64           // of the chats that he starts; 0: normal
	Expires    evenkeel.Time
}

// MaxSubjectBytes bounds the sub of a token.
const MaxSubjectBytes = 120

// Bounds of what an identity says, in bytes.
const (
	maxClaimName  = 800
	maxClaimEmail = 1280
	maxPriority   = 1000
)

type customerClaims struct {
	registered
	Name       string          `json:"name"`
	Email      string          `json:"email"`
	Attributes json.RawMessage `json:"attributes"`
	Priority   int64           `json:"priority"`
}

func (c *customerClaims) checked() (CustomerClaims, *evenkeel.Error) {
	if err := checkSubject(c.Sub); err != nil {
		return CustomerClaims{}, err
	}
	if string(c.Attributes) == "null" {
		c.Attributes = nil
	}
	switch {
	case len(c.Name) > maxClaimName:
		return CustomerClaims{}, unfitClaim("name", "is too long")
	case len(c.Email) > maxClaimEmail:
		return CustomerClaims{}, unfitClaim("email", "is too long")
	case c.Attributes != nil && !isObject(c.Attributes):
		return CustomerClaims{}, unfitClaim("attributes", "must be an object")
	case c.Priority < -maxPriority || c.Priority > maxPriority:
		return CustomerClaims{}, unfitClaim("priority", "must be a whole number from -1000 to 1000")
	}
	return CustomerClaims{
		Subject: c.Sub, Name: c.Name, Email: c.Email, Attributes: c.Attributes, Priority: c.Priority, Expires: c.expires(),
	}, nil
}

// UserClaims is what a connection token says of one of the operator's users.
type UserClaims struct {
	Subject  string
	Expires  evenkeel.Time // 0: never
	Info     json.RawMessage
	Channels []string // that the server subscribes him to
	Subs     map[string]SubClaims
	Meta     json.RawMessage
}

// SubClaims is what a connection token says of one channel that the server
// subscribes the user to.
type SubClaims struct {
	Info json.RawMessage `json:"info"`
	Data json.RawMessage `json:"data"`
}

// maxTokenChannels bounds the channels of one token.
const maxTokenChannels = 128

type userClaims struct {
	registered
	Info     json.RawMessage      `json:"info"`
	Channels []string             `json:"channels"`
	Subs     map[string]SubClaims `json:"subs"`
	Meta     json.RawMessage      `json:"meta"`
}

func (c *userClaims) checked() (UserClaims, *evenkeel.Error) {
	if err := checkSubject(c.Sub); err != nil {
		return UserClaims{}, err
	}
	if len(c.Channels)+len(c.Subs) > maxTokenChannels {
		return UserClaims{}, unfitClaim("channels", "names more channels than a token may")
	}
	return UserClaims{
		Subject: c.Sub, Expires: c.expires(), Info: c.Info, Channels: c.Channels, Subs: c.Subs, Meta: c.Meta,
	}, nil
}

// SubscriptionClaims is what a subscription token says.
type SubscriptionClaims struct {
	Subject string
	Channel string
	Client  string        // the one connection that it is for; empty: any
	Expires evenkeel.Time // 0: never
	Info    json.RawMessage
}

type subscriptionClaims struct {
	registered
	Channel string          `json:"channel"`
	Client  string          `json:"client"`
	Info    json.RawMessage `json:"info"`
}

func (c *subscriptionClaims) checked() (SubscriptionClaims, *evenkeel.Error) {
	if err := checkSubject(c.Sub); err != nil {
		return SubscriptionClaims{}, err
	}
	if c.Channel == "" {
		return SubscriptionClaims{}, unfitClaim("channel", "is missing")
	}
	return SubscriptionClaims{Subject: c.Sub, Channel: c.Channel, Client: c.Client, Expires: c.expires(), Info: c.Info}, nil
}

// checkSubject wants an id that can stand in addresses and channel names.
func checkSubject(sub string) *evenkeel.Error {
	switch {
	case sub == "":
		return unfitClaim("sub", "is missing")
	case len(sub) > MaxSubjectBytes:
		return unfitClaim("sub", "has more than 120 bytes")
	case !utf8.ValidString(sub):
		return unfitClaim("sub", "is not UTF-8")
	}
	for i := range len(sub) {
		if sub[i] <= ' ' || sub[i] == 0x7f {
			return unfitClaim("sub", "holds a space or a control character")
		}
	}
	return nil
}

func unfitClaim(claim, why string) *evenkeel.Error {
	return evenkeel.Errorf(evenkeel.CodeBadRequest, "the signed token's claim %s %s", claim, why)
}

// LooksSigned tells whether a token has the form of a JSON Web Token, which no
// token of this cell has.
func LooksSigned(token string) bool {
	return strings.HasPrefix(token, "eyJ") && strings.Count(token, ".") == 2
}

// ClaimedWorkspace returns the workspace that a signed token says it is for, in
// its claim ws; empty if it does not say. Nothing is checked: it only tells whose
// keys to check the token with.
func ClaimedWorkspace(token string) string {
	if len(token) > MaxJWTBytes {
		return ""
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var claims struct {
		Workspace string `json:"ws"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return ""
	}
	return claims.Workspace
}
