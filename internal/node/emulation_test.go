package node

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestEmulationIsLimitedByAddress: whoever posts commands of sessions that he does
// not have is stopped at the limit of his address, the changes over the API
// included, and nobody else is.
func TestEmulationIsLimitedByAddress(t *testing.T) {
	cfg := testConfig(t)
	cfg.TrustedProxies = "127.0.0.1"
	cfg.LimitAddressWrites = Rate{Count: 3, Per: time.Hour}
	n := startNode(t, cfg)
	defer stopNode(t, n)
	post := func(path, from, origin string) (int, http.Header) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "POST", n.URL()+path, strings.NewReader(`{"session":"gone","node":"n1","data":"{}"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if from != "" {
			r.Header.Set("X-Forwarded-For", from)
		}
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := answer.Body.Close(); err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, answer.Header
	}
	want := func(what, path, from, origin string, status int) http.Header {
		t.Helper()
		got, headers := post(path, from, origin)
		if got != status {
			t.Errorf("%s: %d, want %d", what, got, status)
		}
		return headers
	}
	want("a foreign page, which is not counted", "/emulation", "203.0.113.1", "https://evil.example", 403)
	for i := range 2 {
		headers := want("within the limit", "/emulation", "203.0.113.1", "", 204)
		if left := headers.Get("RateLimit"); !strings.HasPrefix(left, []string{`"address";r=2;`, `"address";r=1;`}[i]) {
			t.Errorf("RateLimit: %s", left)
		}
	}
	want("a change over the API, of the same count", "/v1/auth/logout", "203.0.113.1", "", 401)
	beyond := want("beyond the limit", "/emulation", "203.0.113.1", "", 429)
	if beyond.Get("Retry-After") != "1200" {
		t.Errorf("Retry-After: %q", beyond.Get("Retry-After"))
	}
	want("another address", "/emulation", "203.0.113.2", "", 204)
	for range 10 {
		want("loopback", "/emulation", "", "", 204)
	}
}
