package node

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/evenkeel/evenkeel/internal/auth"
	"github.com/evenkeel/evenkeel/internal/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testConfig is that of a node on loopback with a directory of its own.
func testConfig(t *testing.T) Config {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Data, cfg.HTTP, cfg.Name, cfg.SegmentSize = filepath.Join(t.TempDir(), "data"), "127.0.0.1:0", "keel-1", 1<<20
	return cfg
}

// testHost hashes passwords cheaply and logs into the test.
func testHost(t *testing.T) Host {
	t.Helper()
	return Host{
		Version: "test", Random: rand.Reader, PasswordCost: auth.Cost{Memory: 8, Passes: 1, Threads: 1},
		Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

func startNode(t *testing.T, cfg Config) *Node {
	t.Helper()
	n, err := Start(t.Context(), cfg, testHost(t))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// startOnDisk starts a node whose journal is on a disk of the test's own making.
func startOnDisk(t *testing.T, on func(journal.FS) journal.FS) *Node {
	t.Helper()
	host := testHost(t)
	host.openDir = func(path string) (journal.FS, error) {
		fs, err := journal.OpenDir(path)
		return on(fs), err
	}
	n, err := Start(t.Context(), testConfig(t), host)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func stopNode(t *testing.T, n *Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := n.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
	select {
	case <-n.Done():
	default:
		t.Error("a stopped node is not done")
	}
	if err := n.Err(); err != nil {
		t.Errorf("a stopped node has the error %v", err)
	}
}

// ask calls the node over HTTP. No connection outlives it.
func ask(t *testing.T, n *Node, method, path, token string, body any) (int, map[string]any) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	var reader io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		reader = bytes.NewReader(b)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+n.Addr().String()+path, reader)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	parsed := map[string]any{}
	if strings.Contains(answer.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(text, &parsed); err != nil {
			t.Fatalf("%s %s: %v in %s", method, path, err, text)
		}
	}
	return answer.StatusCode, parsed
}

func TestFirstStartAndSecond(t *testing.T) {
	cfg := testConfig(t)
	n := startNode(t, cfg)
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/": 200, "/start": 200, "/v1/none": 404, "/v1/cell": 401} {
		if status, _ := ask(t, n, "GET", path, "", nil); status != want {
			t.Errorf("GET %s: %d, want %d", path, status, want)
		}
	}
	first := n.FirstRun()
	if first == nil || first.Password == "" || first.StartToken == "" {
		t.Fatalf("a fresh cell tells %+v", first)
	}
	status, login := ask(t, n, "POST", "/v1/auth/login", "", map[string]string{"start": first.StartToken})
	token, _ := login["token"].(string)
	if status != 200 || token == "" {
		t.Fatalf("the first-run link: %d %v", status, login)
	}
	if status, body := ask(t, n, "POST", "/v1/auth/login", "", map[string]string{"start": first.StartToken}); status != 401 {
		t.Errorf("the first-run link a second time: %d %v", status, body)
	}
	status, login = ask(t, n, "POST", "/v1/auth/login", "", map[string]string{"email": first.Email, "password": first.Password})
	if status != 200 || login["must_change_password"] != true {
		t.Errorf("the one-time password: %d %v", status, login)
	}
	status, visitor := ask(t, n, "POST", "/v1/visitors", "", map[string]any{})
	if status/100 != 2 {
		t.Fatalf("a visitor: %d %v", status, visitor)
	}
	_, cell := ask(t, n, "GET", "/v1/cell", token, nil)
	if cell["state"] != "healthy" || cell["name"] != "keel-1" || cell["id"] == "" {
		t.Errorf("the cell: %v", cell)
	}
	stopNode(t, n)

	n = startNode(t, cfg)
	defer stopNode(t, n)
	if n.FirstRun() != nil {
		t.Error("the second start formed a cell")
	}
	_, again := ask(t, n, "GET", "/v1/cell", token, nil)
	if again["id"] != cell["id"] || again["generation"] != cell["generation"] {
		t.Errorf("the cell was %v and is %v", cell, again)
	}
	// The key of visitors' tokens was sealed, logged, read back and opened.
	status, renewed := ask(t, n, "POST", "/v1/visitors", visitor["token"].(string), map[string]any{})
	if status/100 != 2 || renewed["visitor"] != visitor["visitor"] {
		t.Errorf("the visitor %v comes back: %d %v", visitor["visitor"], status, renewed)
	}
}

// TestFirstRunIsToldUntilSomebodyCame: a process that died before it could print
// its secrets, or whose output was lost, has locked nobody out.
func TestFirstRunIsToldUntilSomebodyCame(t *testing.T) {
	cfg := testConfig(t)
	n := startNode(t, cfg)
	first := *n.FirstRun()
	stopNode(t, n)
	n = startNode(t, cfg)
	if again := n.FirstRun(); again == nil || *again != first {
		t.Fatalf("the second start tells %+v, the first told %+v", again, first)
	}
	if status, _ := ask(t, n, "POST", "/v1/auth/login", "", map[string]string{"start": first.StartToken}); status != 200 {
		t.Errorf("the link after a restart: %d", status)
	}
	stopNode(t, n)
	n = startNode(t, cfg)
	defer stopNode(t, n)
	if again := n.FirstRun(); again != nil {
		t.Errorf("somebody came, and the next start tells %+v", again)
	}
}

func TestChosenPassword(t *testing.T) {
	cfg, host := testConfig(t), testHost(t)
	host.AdminPassword = "short"
	_, err := Start(t.Context(), cfg, host)
	var config *ConfigError
	if !errors.As(err, &config) || !strings.Contains(err.Error(), "EVENKEEL_ADMIN_PASSWORD: ") {
		t.Fatalf("a short password: %v", err)
	}
	host.AdminPassword = "long enough"
	n, err := Start(t.Context(), cfg, host) // the data of the failed start is no hindrance
	if err != nil {
		t.Fatal(err)
	}
	defer stopNode(t, n)
	status, login := ask(t, n, "POST", "/v1/auth/login", "", map[string]string{"email": adminEmail, "password": "long enough"})
	if status != 200 || login["must_change_password"] == true || n.FirstRun().Password != "" {
		t.Errorf("%d %v", status, login)
	}
}

func TestDataInUse(t *testing.T) {
	cfg := testConfig(t)
	n := startNode(t, cfg)
	defer stopNode(t, n)
	_, err := Start(t.Context(), cfg, testHost(t))
	if err == nil || !strings.Contains(err.Error(), "is in use by another process: stop that one, or give this one its own with --data") {
		t.Errorf("a second node on the same data: %v", err)
	}
	if status, _ := ask(t, n, "GET", "/readyz", "", nil); status != 200 {
		t.Errorf("the first node is not ready any more: %d", status)
	}
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := testConfig(t)
	cfg.HTTP = l.Addr().String()
	_, err = Start(t.Context(), cfg, testHost(t))
	if err == nil || !strings.Contains(err.Error(), "another program has this port") {
		t.Errorf("a port in use: %v", err)
	}
	if _, err := os.Stat(cfg.Data); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a start without a port left data behind: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestUnfitData(t *testing.T) {
	cfg := testConfig(t)
	write(t, cfg.Data, "a file where the directory should be")
	if _, err := Start(t.Context(), cfg, testHost(t)); err == nil || !strings.Contains(err.Error(), cfg.Data) {
		t.Errorf("a file for a directory: %v", err)
	}
}

func TestForeignCellKey(t *testing.T) {
	cfg := testConfig(t)
	stopNode(t, startNode(t, cfg))
	key := filepath.Join(cfg.Data, cellKeyFile)
	write(t, key, strings.Repeat("k", cellKeyBytes))
	if _, err := Start(t.Context(), cfg, testHost(t)); err == nil || !strings.Contains(err.Error(), "cell.key does not belong to this cell") {
		t.Errorf("with another cell's key: %v", err)
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), cfg, testHost(t)); err == nil || !strings.Contains(err.Error(), "cell.key is missing") {
		t.Errorf("without the key: %v", err)
	}
}

// TestDamagedJournal: what was acknowledged cannot be read. The node says which
// bytes and what to do, and touches nothing.
func TestDamagedJournal(t *testing.T) {
	cfg := testConfig(t)
	stopNode(t, startNode(t, cfg))
	segment, b := fileWith(t, filepath.Join(cfg.Data, journalDir), adminEmail)
	b[bytes.Index(b, []byte(adminEmail))] ^= 1 // in the command that formed the cell
	if err := os.WriteFile(segment, b, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), cfg, testHost(t))
	if err == nil || !strings.Contains(err.Error(), "was left as it is") {
		t.Fatalf("a damaged journal: %v", err)
	}
	after, err := os.ReadFile(segment)
	if err != nil || !bytes.Equal(after, b) {
		t.Errorf("the damaged segment was changed; error %v", err)
	}
}

// fileWith finds the one file that holds a text.
func fileWith(t *testing.T, dir, text string) (path string, content []byte) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte(text)) {
			return path, content
		}
	}
	t.Fatalf("no file of %s holds %q", dir, text)
	return "", nil
}

func TestStartGivesUpWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(ctx, testConfig(t), testHost(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("a start whose context has ended: %v", err)
	}
}
