package edge

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel"
)

// TestOwnerGetsInUnderAttack: a thousand addresses guess at one account. They
// are slowed down together, and the owner still signs in, from the address and
// by the device that he has signed in from before.
func TestOwnerGetsInUnderAttack(t *testing.T) {
	f := newFixture(t)
	login := func(address, password, device string) *reply {
		return f.from(address, "POST", "/v1/auth/login", fmt.Sprintf(`{"email":"agent@localhost","password":%q,"device":%q}`, password, device))
	}
	device := login("203.0.113.7:1", testPassword, "").want(200).str("device")
	if device == "" {
		t.Fatal("a login gives no device")
	}
	guesses := 0
	for i := range 300 {
		r := login(fmt.Sprintf("198.51.%d.%d:1", i/100, i%100), "wrong", "")
		if r.status == 401 {
			guesses++
			continue
		}
		r.refused(evenkeel.CodeTooManyRequests, "")
	}
	if guesses != wrongAnywhere {
		t.Errorf("%d guesses were let through, the limit is %d", guesses, wrongAnywhere)
	}
	// A right guess from an unknown place is no way in while it lasts.
	login("192.0.2.1:1", testPassword, "").refused(evenkeel.CodeTooManyRequests, "")
	// The owner: from his address, and by his device from anywhere.
	login("203.0.113.7:1", testPassword, "").want(200)
	login("192.0.2.1:1", testPassword, device).want(200).equal("device", device)
	// His device is his account's only, and no other's is his.
	f.from("192.0.2.1:1", "POST", "/v1/auth/login", fmt.Sprintf(`{"email":"admin@localhost","password":"wrong","device":%q}`, device)).
		refused(evenkeel.CodeInvalidCredentials, "")
	login("192.0.2.2:1", testPassword, device+"x").refused(evenkeel.CodeTooManyRequests, "")
	login("192.0.2.2:1", testPassword, "ekd1_AAAA.AAAA").refused(evenkeel.CodeTooManyRequests, "")
	// Other accounts feel nothing.
	f.from("192.0.2.3:1", "POST", "/v1/auth/login", fmt.Sprintf(`{"email":"admin@localhost","password":%q}`, testPassword)).want(200)
	f.later(time.Minute)
	login("192.0.2.4:1", testPassword, "").want(200)
}

// TestNeighboursLockNobodyOut: an attacker behind the owner's own address uses
// that address up, and the owner's device gets in all the same. A device's own
// wrong passwords are counted too.
func TestNeighboursLockNobodyOut(t *testing.T) {
	f := newFixture(t)
	login := func(password, device string) *reply {
		return f.from("203.0.113.7:1", "POST", "/v1/auth/login", fmt.Sprintf(`{"email":"agent@localhost","password":%q,"device":%q}`, password, device))
	}
	device := login(testPassword, "").want(200).str("device")
	for range wrongPasswords {
		login("wrong", "").refused(evenkeel.CodeInvalidCredentials, "")
	}
	login(testPassword, "").refused(evenkeel.CodeTooManyRequests, "")
	login(testPassword, device).want(200)
	for range wrongPasswords {
		login("wrong", device).refused(evenkeel.CodeInvalidCredentials, "")
	}
	login(testPassword, device).refused(evenkeel.CodeTooManyRequests, "")
	f.later(181 * 24 * time.Hour)
	if login(testPassword, device).want(200).str("device") == device {
		t.Error("a device is known for longer than it should be")
	}
}

// rated is an edge with limits.
func rated(t *testing.T, rates Rates) *fixture {
	f := &fixture{T: t, cell: newTestCell(t), tokens: map[evenkeel.Role]string{}, rates: rates}
	f.build()
	f.server = httptest.NewServer(f.edge.Handler())
	t.Cleanup(f.server.Close)
	f.logIn()
	return f
}

// TestRates: each limit at its edge, by whom it counts, and what it tells.
func TestRates(t *testing.T) {
	minute := func(n int) Rate { return Rate{n, time.Minute} }
	f := rated(t, Rates{
		AddressReads: minute(60), AddressWrites: minute(20), UserReads: minute(6), UserWrites: minute(3), KeyReads: minute(12), KeyWrites: minute(4),
	})
	for i := range 6 {
		r := f.call("GET", "/v1/auth/me", "agent", "").want(200)
		if want := fmt.Sprintf(`"user";r=%d;t=%d`, 5-i, 10*(i+1)); r.header.Get("RateLimit") != want || r.header.Get("RateLimit-Policy") != `"user";q=6;w=60` {
			t.Errorf("RateLimit %s, want %s; policy %s", r.header.Get("RateLimit"), want, r.header.Get("RateLimit-Policy"))
		}
	}
	r := f.call("GET", "/v1/auth/me", "agent", "").refused(evenkeel.CodeTooManyRequests, "")
	if r.header.Get("Retry-After") != "10" || r.header.Get("RateLimit") != `"user";r=0;t=60` {
		t.Errorf("Retry-After %q, RateLimit %q", r.header.Get("Retry-After"), r.header.Get("RateLimit"))
	}
	f.call("GET", "/v1/auth/me", "supervisor", "").want(200) // another user
	f.call("PUT", "/v1/agents/agent/status", "agent", `{"status":"away"}`).want(200)
	f.later(10 * time.Second)
	f.call("GET", "/v1/auth/me", "agent", "").want(200)
	f.call("GET", "/v1/auth/me", "agent", "").refused(evenkeel.CodeTooManyRequests, "")
	for range 12 {
		f.call("GET", "/v1/auth/me", "service", "").want(200)
	}
	f.call("GET", "/v1/auth/me", "service", "").refused(evenkeel.CodeTooManyRequests, "")
	for range 4 {
		f.call("PUT", "/v1/queues/sales", "service", `{}`)
	}
	f.call("PUT", "/v1/queues/sales", "service", `{}`).refused(evenkeel.CodeTooManyRequests, "")
	// By address, whoever it is and whether or not he is known; loopback is spared.
	for range 60 {
		f.from("198.51.100.1:1", "GET", "/v1/auth/me", "").refused(evenkeel.CodeUnauthenticated, "")
	}
	f.from("198.51.100.1:2", "GET", "/v1/auth/me", "").refused(evenkeel.CodeTooManyRequests, "")
	f.from("198.51.100.1:2", "GET", "/healthz", "").want(200)
	f.from("198.51.100.2:1", "GET", "/v1/auth/me", "").refused(evenkeel.CodeUnauthenticated, "")
	for range 100 {
		f.call("GET", "/v1/auth/me", "ekt_forged", "").refused(evenkeel.CodeUnauthenticated, "")
	}
}

func TestRateText(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"600/1m", "600/1m"}, {"1/1s", "1/1s"}, {"off", "off"}, {"5/90s", "5/1m30s"},
		{"", ""}, {"600", ""}, {"0/1m", ""}, {"-1/1m", ""}, {"600/1", ""}, {"600/1ms", ""}, {"1/25h", ""}, {"2000000000/1m", ""},
	} {
		var r Rate
		err := r.UnmarshalText([]byte(c.text))
		if (err == nil) != (c.want != "") || err == nil && r.String() != c.want {
			t.Errorf("%q: %q, %v", c.text, r, err)
		}
	}
}

// TestProxies: only a trusted proxy is believed, and of what it passes on only
// the end.
func TestProxies(t *testing.T) {
	trusted, err := ParseProxies(" 10.0.0.0/8, 127.0.0.1,fd00::/8 ")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what, remote, header, value, want string
	}{
		{"no proxy", "198.51.100.9:5", "X-Forwarded-For", "203.0.113.1", "198.51.100.9:5"},
		{"one proxy", "10.0.0.1:5", "X-Forwarded-For", "203.0.113.1", "203.0.113.1:0"},
		{"two proxies", "10.0.0.1:5", "X-Forwarded-For", "203.0.113.1, 10.9.9.9", "203.0.113.1:0"},
		{"a caller who lies", "10.0.0.1:5", "X-Forwarded-For", "127.0.0.1, 10.1.1.1, 203.0.113.1", "203.0.113.1:0"},
		{"with a port", "127.0.0.1:5", "X-Forwarded-For", "203.0.113.1:4711", "203.0.113.1:0"},
		{"IPv6", "[fd00::1]:5", "X-Forwarded-For", "2001:db8::1", "[2001:db8::1]:0"},
		{"IPv4 in IPv6", "[::ffff:10.0.0.1]:5", "X-Forwarded-For", "203.0.113.1", "203.0.113.1:0"},
		{"garbage", "10.0.0.1:5", "X-Forwarded-For", "203.0.113.1, unknown", "10.0.0.1:5"},
		{"empty", "10.0.0.1:5", "X-Forwarded-For", "", "10.0.0.1:5"},
		{"RFC 7239", "10.0.0.1:5", "Forwarded", `for="[2001:db8::1]:4711";proto=https, for=10.2.2.2`, "[2001:db8::1]:0"},
		{"all trusted", "10.0.0.1:5", "X-Forwarded-For", "10.0.0.7", "10.0.0.7:0"},
	} {
		var got string
		h := trusted.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RemoteAddr }))
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.remote
		r.Header.Set(c.header, c.value)
		h.ServeHTTP(httptest.NewRecorder(), r)
		if got != c.want {
			t.Errorf("%s: the caller is %s, want %s", c.what, got, c.want)
		}
	}
	for _, bad := range []string{"proxy.example", "10.0.0.0/33", "10.0.0.0/8;10.1.0.0/16"} {
		if _, err := ParseProxies(bad); err == nil {
			t.Errorf("%q is taken for a list of proxies", bad)
		}
	}
}

// TestConnect: the decision follows the caller's scheme, and a node that is
// going sends nobody to itself.
func TestConnect(t *testing.T) {
	f := newFixture(t)
	up := CellStatus{Leader: "n1", Self: "n1", Nodes: []NodeStatus{{ID: "n1", State: "up"}}}
	f.cell.set(func() { f.cell.status = up })
	f.edge.cfg.Transports = []Transport{{"websocket", "/connection/websocket"}, {"sse", "/connection/sse"}}
	trusted, err := ParseProxies("10.0.0.0/8")
	if err != nil {
		t.Fatal(err)
	}
	ask := func(proto, body string) *reply {
		r := httptest.NewRequest("POST", "http://shop.example:8080/v1/connect", strings.NewReader(body))
		r.RemoteAddr = "10.0.0.1:1"
		r.Header.Set("Content-Type", "application/json")
		if proto != "" {
			r.Header.Set("X-Forwarded-For", "203.0.113.1")
			r.Header.Set("X-Forwarded-Proto", proto)
		}
		w := httptest.NewRecorder()
		trusted.Handler(f.edge.Handler()).ServeHTTP(w, r)
		newJudge(t).check(t, r, w.Code, w.Header(), w.Body.Bytes())
		return answered(t, w)
	}
	ask("", `{}`).want(200).equal("node", "n1", "endpoint.transport", "websocket", "endpoint.url", "ws://shop.example:8080/connection/websocket",
		"fallbacks.0.url", "http://shop.example:8080/connection/sse", "fallbacks.0.node", "n1")
	ask("https", `{}`).want(200).equal("endpoint.url", "wss://shop.example:8080/connection/websocket", "fallbacks.0.url", "https://shop.example:8080/connection/sse")
	ask("", `{"transport":"sse"}`).want(200).equal("endpoint.transport", "sse", "fallbacks.0.transport", "websocket")
	ask("", `{"transport":"pigeon"}`).refused(evenkeel.CodeBadRequest, "transport")
	ask("", `{"token":"ekt_forged"}`).refused(evenkeel.CodeUnauthenticated, "")
	ask("", fmt.Sprintf(`{"token":%q}`, f.tokens[evenkeel.RoleAgent])).want(200)
	f.edge.cfg.Advertise = "https://chat.example"
	ask("https", `{}`).want(200).equal("endpoint.url", "wss://chat.example/connection/websocket")
	ask("http", `{}`).want(200).equal("endpoint.url", "ws://shop.example:8080/connection/websocket") // not reached by http there
	f.cell.set(func() { f.cell.status.Nodes = []NodeStatus{{ID: "n1", State: "draining"}} })
	if r := ask("", `{}`).refused(evenkeel.CodeNoLeader, ""); r.header.Get("Retry-After") == "" {
		t.Error("it does not say when to ask again")
	}
	up.Leader = ""
	f.cell.set(func() { f.cell.status = up })
	ask("", `{}`).refused(evenkeel.CodeNoLeader, "")
}
