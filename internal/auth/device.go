package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"

	"github.com/evenkeel/evenkeel"
)

// Device is what a device's token says: from here somebody has signed in to the
// account before. It opens nothing. It only keeps the owner's own device apart
// from those who guess at his password (the "device cookie" of OWASP), so that
// they cannot lock him out.
type Device struct {
	Account string // workspace/e-mail address
	ID      string // random; wrong passwords are counted by it
	Expires evenkeel.Time
}

// DeviceTokenPrefix is what a device's token begins with.
const DeviceTokenPrefix = "ekd1_"

// DeviceLife is how long a device is remembered.
const DeviceLife = 180 * 24 * evenkeel.Hour

// maxDeviceName bounds a device's id, in bytes.
const maxDeviceName = 64

// Sign returns the token
//
//	ekd1_ base64url(expires, id) . base64url(HMAC-SHA-256(key, "device", account, all before the dot))
//
// The account is signed but not in it: it must be named to be recognized.
func (d Device) Sign(key []byte) string {
	payload := binary.BigEndian.AppendUint64(nil, uint64(d.Expires))
	signed := DeviceTokenPrefix + base64.RawURLEncoding.EncodeToString(append(payload, d.ID...))
	return signed + "." + deviceSum(key, d.Account, signed)
}

// ParseDevice returns the device of an account by its token. What is not a good
// one stands for no device at all.
func ParseDevice(key []byte, account, token string, now evenkeel.Time) (Device, bool) {
	if len(token) > MaxTokenBytes || len(key) < sha256.Size {
		return Device{}, false
	}
	signed, sum, ok := strings.Cut(token, ".")
	body, prefixed := strings.CutPrefix(signed, DeviceTokenPrefix)
	if !ok || !prefixed || !hmac.Equal([]byte(sum), []byte(deviceSum(key, account, signed))) {
		return Device{}, false
	}
	payload, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil || len(payload) <= 8 || len(payload) > 8+maxDeviceName {
		return Device{}, false
	}
	d := Device{Account: account, ID: string(payload[8:]), Expires: evenkeel.Time(binary.BigEndian.Uint64(payload))}
	return d, now < d.Expires
}

func deviceSum(key []byte, account, signed string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("device\x00" + account + "\x00" + signed))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
