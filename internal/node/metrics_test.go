package node

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

// get fetches an address with headers (name, value, ...).
func get(t *testing.T, url string, headers ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// TestMetrics asks a node that has done something of everything, and compares
// what it tells with the documentation, the alerts and the dashboard.
func TestMetrics(t *testing.T) {
	n := startNode(t, testConfig(t))
	defer stopNode(t, n)
	_, visitor := ask(t, n, "POST", "/v1/visitors", "", map[string]any{})
	token, _ := visitor["token"].(string)
	if status, _ := ask(t, n, "POST", "/v1/chats", token, map[string]any{"message": "hello"}); status != http.StatusCreated {
		t.Fatalf("a chat: %d", status)
	}
	callRPC(t, n, token, "visitor.state")
	status, text := get(t, "http://"+n.Addr().String()+"/metrics")
	if status != http.StatusOK {
		t.Fatalf("metrics: %d %s", status, text)
	}
	for _, want := range []string{
		`evenkeel_http_requests_total{route="POST /v1/chats",status="201"} 1`, `evenkeel_rpc_calls_total{code="ok",method="visitor.state"} 1`,
		`evenkeel_commands_total{outcome="applied"} [1-9]\d*`, "evenkeel_desk_chats 1", "evenkeel_ready 1", "evenkeel_raft_leader 1",
	} {
		if !regexp.MustCompile("(?m)^" + strings.NewReplacer("{", `\{`, "}", `\}`, "/", `\/`).Replace(want) + "$").MatchString(text) {
			t.Errorf("there is no line %s", want)
		}
	}
	told := names(regexp.MustCompile(`(?m)^# TYPE (evenkeel_\w+) `), text)
	docs := names(regexp.MustCompile("(?m)^\\| `(evenkeel_\\w+)` "), read(t, "../../docs/metrics.md"))
	if !slices.Equal(told, docs) {
		t.Errorf("told are %v\ndocumented are %v", told, docs)
	}
	for _, file := range []string{"alerts.yaml", "grafana-dashboard.json"} {
		used := names(regexp.MustCompile(`(evenkeel_\w+|go_\w+|process_\w+)`), read(t, "../../deploy/"+file))
		if len(used) < 5 {
			t.Errorf("%s uses only %v", file, used)
		}
		for _, name := range used {
			name = strings.TrimSuffix(name, "_bucket")
			if !strings.Contains(text, "# TYPE "+name+" ") {
				t.Errorf("%s uses %s, which is not told", file, name)
			}
		}
	}
}

// callRPC calls a method as a realtime client and waits for the answer.
func callRPC(t *testing.T, n *Node, token, method string) {
	t.Helper()
	conn, answer, err := websocket.DefaultDialer.DialContext(t.Context(), "ws://"+n.Addr().String()+"/connection/websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = answer.Body.Close()
	for _, frame := range []map[string]any{
		{"id": 1, "connect": map[string]any{"token": token}}, {"id": 2, "rpc": map[string]any{"method": method}},
	} {
		if err := conn.WriteJSON(frame); err != nil {
			t.Fatal(err)
		}
	}
	for {
		_, frame, err := conn.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(frame), `"id":2`) {
			return
		}
	}
}

// names returns what the first group of a pattern matches, sorted, each once.
func names(pattern *regexp.Regexp, text string) []string {
	var all []string
	for _, m := range pattern.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestMetricsAreNotForEverybody: a proxy could stand for anybody.
func TestMetricsAreNotForEverybody(t *testing.T) {
	n := startNode(t, testConfig(t))
	url := "http://" + n.Addr().String() + "/metrics"
	if status, _ := get(t, url, "X-Forwarded-For", "203.0.113.7"); status != http.StatusForbidden {
		t.Errorf("through a proxy: %d", status)
	}
	stopNode(t, n)
	cfg := testConfig(t)
	if err := cfg.MetricsFrom.UnmarshalText([]byte("192.0.2.0/24")); err != nil {
		t.Fatal(err)
	}
	n = startNode(t, cfg)
	defer stopNode(t, n)
	if status, _ := get(t, "http://"+n.Addr().String()+"/metrics"); status != http.StatusForbidden {
		t.Errorf("from another network: %d", status)
	}
}

// TestProfiles are served on an address of their own, of this machine.
func TestProfiles(t *testing.T) {
	cfg := testConfig(t)
	cfg.DebugHTTP = "127.0.0.1:0"
	n := startNode(t, cfg)
	defer stopNode(t, n)
	if status, text := get(t, n.DebugURL()+"goroutine?debug=1"); status != http.StatusOK || !strings.Contains(text, "goroutine profile") {
		t.Errorf("profile: %d %.100s", status, text)
	}
	if status, _ := get(t, n.URL()+"/debug/pprof/"); status != http.StatusNotFound {
		t.Errorf("profiles on the public address: %d", status)
	}
	for _, address := range []string{":6060", "0.0.0.0:6060", "192.0.2.1:6060", "127.0.0.1"} {
		cfg.DebugHTTP = address
		if err := cfg.validate(); err == nil {
			t.Errorf("%s is allowed", address)
		}
	}
}

func TestNetworks(t *testing.T) {
	var n Networks
	if err := n.UnmarshalText([]byte(" 10.1.2.3/8, 192.0.2.7,::1 ")); err != nil || n.String() != "10.0.0.0/8,192.0.2.7,::1" {
		t.Errorf("%s, %v", n, err)
	}
	for remote, want := range map[string]bool{
		"10.9.9.9:1": true, "192.0.2.7:1": true, "192.0.2.8:1": false, "[::1]:1": true, "[::ffff:10.0.0.1]:1": true, "[fe80::1%eth0]:1": false, "nonsense": false,
	} {
		if n.holds(remote) != want {
			t.Errorf("%s: %v", remote, !want)
		}
	}
	if err := n.UnmarshalText([]byte("10.0.0.0/33")); err == nil {
		t.Error("a prefix of 33 bits is taken")
	}
}
