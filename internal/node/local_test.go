package node

import (
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// localKey reads what a running node has left for the command line.
func localKey(t *testing.T, dir string) (url, key string) {
	t.Helper()
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(b))
	}
	return read(LocalURLFile), read(LocalKeyFile)
}

func statusWith(t *testing.T, url, key string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", url+"/v1/api-keys", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-API-Key", key)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	if err := answer.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode
}

// TestLocalKey: each process makes its own, nobody else may read it, and a stop
// takes it away.
func TestLocalKey(t *testing.T) {
	cfg := testConfig(t)
	n := startNode(t, cfg)
	url, first := localKey(t, cfg.Data)
	if got := statusWith(t, url, first); got != 200 {
		t.Errorf("with the node's own key: status %d", got)
	}
	info, err := os.Stat(filepath.Join(cfg.Data, LocalKeyFile))
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", info.Mode(), err)
	}
	stopNode(t, n)
	for _, name := range []string{LocalKeyFile, LocalURLFile} {
		if _, err := os.Stat(filepath.Join(cfg.Data, name)); !os.IsNotExist(err) {
			t.Errorf("%s after a stop: %v", name, err)
		}
	}
	// What a crash may have left, readable by all.
	if err := os.WriteFile(filepath.Join(cfg.Data, LocalKeyFile), []byte(first), 0o666); err != nil { //nolint:gosec // that is the point
		t.Fatal(err)
	}
	n = startNode(t, cfg)
	defer stopNode(t, n)
	url, second := localKey(t, cfg.Data)
	if first == second || statusWith(t, url, first) != 401 || statusWith(t, url, second) != 200 {
		t.Errorf("after a restart the old key is %q, the new one %q: one works, the other does not", first, second)
	}
	if info, err := os.Stat(filepath.Join(cfg.Data, LocalKeyFile)); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file after a crash: %v, %v", info.Mode(), err)
	}
}
