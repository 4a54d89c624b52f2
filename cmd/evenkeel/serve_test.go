package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/internal/node"
)

// TestReadyThenInterrupted stops a new cell the moment it says that it is ready,
// which is before its process has come to print anything: the link that lets
// somebody in is told nevertheless.
func TestReadyThenInterrupted(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cfg := node.DefaultConfig()
	cfg.Data, cfg.HTTP = filepath.Join(t.TempDir(), "data"), freeAddress(t)
	for range 10 { // as long as nobody has come in, each start tells the link
		var out strings.Builder
		env := &environment{stdout: &out, stderr: io.Discard, env: func(string) (string, bool) { return "", false }}
		signals := make(chan os.Signal, 2)
		ended := make(chan error, 1)
		go func() { ended <- serve(cfg, env, signals) }()
		for callHTTP(ctx, cfg.HTTP, "GET", "/readyz", "", nil, nil) != nil {
			if ctx.Err() != nil {
				t.Fatal("the node does not become ready")
			}
		}
		signals <- os.Interrupt
		if err := <-ended; err != nil || !strings.Contains(out.String(), "/start#t=") {
			t.Fatalf("ended with %v and said\n%s", err, out.String())
		}
	}
}
