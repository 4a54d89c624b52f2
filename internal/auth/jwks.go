package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/evenkeel/evenkeel"
)

// Bounds of fetching a key set.
const (
	fetchTimeout   = 3 * time.Second
	maxKeySetBytes = 256 << 10
	maxRedirects   = 3
	// A set is fresh for as long as the source says, within bounds.
	freshLeast   = time.Minute
	freshMost    = 24 * time.Hour
	freshDefault = 10 * time.Minute
	// fetchPause is the least time between two fetches: tokens with a kid
	// that nobody knows, which anybody can make, cause no more.
	fetchPause = 10 * time.Second
)

// KeySource fetches a JSON Web Key Set (RFC 7517) and keeps it. It is fetched
// when it is needed: for the first token, when it is not fresh any more, and
// when a token names a key that is not in it, which is how a rotation is
// noticed. While the source is down the last good set serves on.
type KeySource struct {
	url    string
	client *http.Client
	now    func() time.Time
	log    *slog.Logger

	mu      sync.Mutex
	keys    []publicKey // the last good set
	fresh   time.Time   // until when it is
	next    time.Time   // not before it is the next fetch begun
	failure error       // of the last fetch
	running chan struct{}
}

// NewKeySource makes a source of the set at an address, which is the operator's
// choice and nobody else's. Nothing is fetched yet.
func NewKeySource(address string, now func() time.Time, log *slog.Logger) (*KeySource, *evenkeel.Error) {
	if err := CheckKeysURL(address); err != nil {
		return nil, err
	}
	return &KeySource{url: address, now: now, log: log, client: &http.Client{
		Timeout: fetchTimeout,
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DisableKeepAlives:      true, // it is fetched every few minutes at most
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return errors.New("it is redirected too often")
			}
			if err := checkKeysURL(r.URL); err != nil {
				return fmt.Errorf("it is redirected to %s: %s", r.URL.Redacted(), err.Detail)
			}
			return nil
		},
	}}, nil
}

// CheckKeysURL refuses an address from which no key set is fetched: keys decide
// who somebody is, so they come by https, or over http from this machine.
func CheckKeysURL(address string) *evenkeel.Error {
	u, err := url.Parse(address)
	if err != nil || len(address) > 1000 {
		return evenkeel.FieldErrorf("jwks_url", "the jwks_url is not an address")
	}
	return checkKeysURL(u)
}

func checkKeysURL(u *url.URL) *evenkeel.Error {
	ip := net.ParseIP(u.Hostname())
	here := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	switch {
	case u.Host == "" || u.User != nil || u.Fragment != "":
		return evenkeel.FieldErrorf("jwks_url", "the jwks_url must be https://HOST/PATH")
	case u.Scheme == "https" || u.Scheme == "http" && here:
		return nil
	}
	return evenkeel.FieldErrorf("jwks_url", "the jwks_url must begin with https:// (http:// is for 127.0.0.1 and localhost only)")
}

// find returns the keys that a token may be signed with: the one that it names,
// or all of its algorithm if it names none.
func (s *KeySource) find(ctx context.Context, kid, alg string) ([]jwt.VerificationKey, *evenkeel.Error) {
	s.mu.Lock()
	found := s.pick(kid, alg)
	now := s.now()
	switch {
	case len(found) > 0 && now.Before(s.fresh):
		s.mu.Unlock()
		return found, nil
	case s.running != nil:
		running := s.running
		s.mu.Unlock()
		if len(found) > 0 {
			return found, nil // who fetches waits, the others need not
		}
		select {
		case <-running:
		case <-ctx.Done():
		}
	case now.Before(s.next):
		s.mu.Unlock()
	default:
		s.running = make(chan struct{})
		s.mu.Unlock()
		s.refresh(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found = s.pick(kid, alg)
	switch {
	case len(found) > 0:
		return found, nil
	case len(s.keys) == 0:
		return nil, &evenkeel.Error{
			Code: evenkeel.CodeInternal, RetryAfter: evenkeel.DurationOf(fetchPause),
			Detail: "the keys that signed tokens are checked with cannot be fetched at this moment; the operator finds the reason in the log",
		}
	}
	return nil, evenkeel.Errorf(evenkeel.CodeUnauthenticated, "the token is signed with a key that the key set at jwks_url does not hold (kid %.64q, alg %s)", kid, alg)
}

// pick selects keys of the set. The caller holds the lock.
func (s *KeySource) pick(kid, alg string) (found []jwt.VerificationKey) {
	for _, k := range s.keys {
		if k.alg == alg && (kid == "" || k.kid == kid) {
			found = append(found, k.key)
		}
	}
	return found
}

// refresh fetches the set. It outlives the request that it is done for: others
// wait for it too.
func (s *KeySource) refresh(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	defer cancel()
	keys, fresh, err := s.fetch(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.running)
	s.running = nil
	now := s.now()
	s.next = now.Add(fetchPause)
	if err == nil {
		s.keys, s.fresh = keys, now.Add(fresh)
	}
	if (err == nil) != (s.failure == nil) {
		s.tell(err)
	}
	s.failure = err
}

// tell logs the begin and the end of an outage, not each try.
func (s *KeySource) tell(err error) {
	if err != nil {
		s.log.Warn("a key set cannot be fetched; the last good one serves on", "url", s.url, "error", err, "keys", len(s.keys))
		return
	}
	s.log.Info("a key set is fetched again", "url", s.url, "keys", len(s.keys))
}

func (s *KeySource) fetch(ctx context.Context) ([]publicKey, time.Duration, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, http.NoBody)
	if err != nil {
		return nil, 0, err
	}
	r.Header.Set("Accept", "application/json")
	answer, err := s.client.Do(r)
	if err != nil {
		return nil, 0, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, 0, fmt.Errorf("it is answered with %s", answer.Status)
	}
	b, err := io.ReadAll(io.LimitReader(answer.Body, maxKeySetBytes+1))
	if err != nil {
		return nil, 0, err
	}
	if len(b) > maxKeySetBytes {
		return nil, 0, fmt.Errorf("it has more than %d bytes", maxKeySetBytes)
	}
	keys, err := parseKeys(b)
	return keys, freshness(answer.Header), err
}

// freshness is how long an answer may be kept by its Cache-Control (RFC 9111,
// section 4.2), within bounds.
func freshness(h http.Header) time.Duration {
	fresh := freshDefault
	for _, directive := range strings.Split(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(directive)), "=")
		switch name {
		case "no-store", "no-cache":
			return freshLeast
		case "max-age":
			if n, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 32); err == nil {
				fresh = time.Duration(n) * time.Second
			}
		}
	}
	if age, err := strconv.ParseUint(h.Get("Age"), 10, 32); err == nil {
		fresh -= time.Duration(age) * time.Second
	}
	return min(max(fresh, freshLeast), freshMost)
}
