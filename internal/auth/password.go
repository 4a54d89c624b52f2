package auth

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"

	"github.com/evenkeel/evenkeel"
)

// Cost is what one password hash takes.
type Cost struct {
	Memory  uint32 // KiB
	Passes  uint32
	Threads uint8
}

// DefaultCost is what OWASP's password storage cheat sheet asks of argon2id at
// least: 19 MiB, two passes, one thread. It is some 25 ms on a small machine.
func DefaultCost() Cost { return Cost{Memory: 19 << 10, Passes: 2, Threads: 1} }

// Bounds of passwords, in bytes.
const (
	MinPasswordBytes = 8
	MaxPasswordBytes = 1024
)

const (
	saltBytes = 16
	hashBytes = 32
	// maxWaiting logins wait for their turn; more are refused.
	maxWaiting = 64
)

// Passwords hashes and checks passwords, a few at a time: each takes many
// megabytes, and a flood of logins must not take them all.
type Passwords struct {
	random io.Reader
	cost   Cost
	decoy  string        // what an unknown user's password is checked against
	slots  chan struct{} // at most its capacity hash at a time
	queue  chan struct{} // at most its capacity hash or wait
}

// NewPasswords makes a hasher that works on at most parallel passwords at a
// time.
func NewPasswords(random io.Reader, cost Cost, parallel int) (*Passwords, error) {
	if err := cost.check(); err != nil {
		return nil, err
	}
	p := &Passwords{random: random, cost: cost, slots: make(chan struct{}, parallel), queue: make(chan struct{}, parallel+maxWaiting)}
	// The decoy is of no password: its hash is zeros, which argon2id yields
	// for none that anybody will find.
	p.decoy = cost.format(make([]byte, saltBytes), make([]byte, hashBytes))
	return p, nil
}

// Hash returns the argon2id hash of a password in PHC form, with a fresh salt.
// The error is an *evenkeel.Error if the password is unfit or too many wait.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	if len(password) < MinPasswordBytes {
		return "", evenkeel.FieldErrorf("password", "the password must have at least %d characters", MinPasswordBytes)
	}
	if len(password) > MaxPasswordBytes {
		return "", evenkeel.FieldErrorf("password", "the password must have at most %d bytes", MaxPasswordBytes)
	}
	salt := make([]byte, saltBytes)
	if _, err := io.ReadFull(p.random, salt); err != nil {
		return "", fmt.Errorf("make a salt: %w", err)
	}
	leave, err := p.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	return p.cost.format(salt, p.cost.derive([]byte(password), salt, hashBytes)), nil
}

// Verify tells whether the password fits the hash. An empty hash stands for an
// unknown user: the answer is no, and takes as long as any other.
func (p *Passwords) Verify(ctx context.Context, hash, password string) (bool, error) {
	if len(password) > MaxPasswordBytes {
		return false, nil // no hash was ever made of one
	}
	known := hash != ""
	if !known {
		hash = p.decoy
	}
	cost, salt, want, err := parsePHC(hash)
	if err != nil {
		return false, err
	}
	leave, err := p.enter(ctx)
	if err != nil {
		return false, err
	}
	defer leave()
	got := cost.derive([]byte(password), salt, len(want))
	return subtle.ConstantTimeCompare(got, want) == 1 && known, nil
}

// enter waits for a slot.
func (p *Passwords) enter(ctx context.Context) (leave func(), err error) {
	select {
	case p.queue <- struct{}{}:
	default:
		return nil, &evenkeel.Error{
			Code: evenkeel.CodeTooManyRequests, RetryAfter: 2 * evenkeel.Second,
			Detail: "too many logins at this moment; try again in a few seconds",
		}
	}
	select {
	case p.slots <- struct{}{}:
		return func() { <-p.slots; <-p.queue }, nil
	case <-ctx.Done():
		<-p.queue
		return nil, fmt.Errorf("wait for a turn to check a password: %w", ctx.Err())
	}
}

func (c Cost) derive(password, salt []byte, size int) []byte {
	return argon2.IDKey(password, salt, c.Passes, c.Memory, c.Threads, uint32(size))
}

// check bounds what a stored hash may make this machine do.
func (c Cost) check() error {
	if c.Memory < 8 || c.Memory > 256<<10 || c.Passes < 1 || c.Passes > 16 || c.Threads < 1 || c.Threads > 16 {
		return fmt.Errorf("argon2id cost m=%d,t=%d,p=%d is out of bounds", c.Memory, c.Passes, c.Threads)
	}
	return nil
}

func (c Cost) format(salt, hash []byte) string {
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.Memory, c.Passes, c.Threads,
		enc.EncodeToString(salt), enc.EncodeToString(hash))
}

// parsePHC reads the form that format writes: the PHC string format
// (github.com/P-H-C/phc-string-format) of argon2id, version 19.
func parsePHC(s string) (cost Cost, salt, hash []byte, err error) {
	part := strings.Split(s, "$")
	if len(part) != 6 || part[0] != "" || part[1] != "argon2id" || part[2] != "v="+strconv.Itoa(argon2.Version) {
		return cost, nil, nil, errors.New("the stored password hash is not of argon2id version 19")
	}
	if cost, err = parseCost(part[3]); err != nil {
		return cost, nil, nil, err
	}
	enc := base64.RawStdEncoding.Strict()
	if salt, err = enc.DecodeString(part[4]); err == nil {
		hash, err = enc.DecodeString(part[5])
	}
	if err != nil || len(salt) < 8 || len(salt) > 64 || len(hash) < 16 || len(hash) > 64 {
		return cost, nil, nil, errors.New("the stored password hash has an unfit salt or sum")
	}
	return cost, salt, hash, nil
}

func parseCost(s string) (Cost, error) {
	bad := errors.New("the stored password hash has unfit parameters")
	field := strings.Split(s, ",")
	if len(field) != 3 {
		return Cost{}, bad
	}
	var value [3]uint64
	for i, name := range []string{"m=", "t=", "p="} {
		digits, ok := strings.CutPrefix(field[i], name)
		v, err := strconv.ParseUint(digits, 10, 24)
		if !ok || err != nil || digits != strconv.FormatUint(v, 10) {
			return Cost{}, bad
		}
		value[i] = v
	}
	if value[2] > 255 {
		return Cost{}, bad
	}
	c := Cost{Memory: uint32(value[0]), Passes: uint32(value[1]), Threads: uint8(value[2])}
	return c, c.check()
}
