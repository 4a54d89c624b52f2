package archive

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childFile); path != "" {
		fmt.Fprintln(os.Stderr, writeUntilKilled(path)) // it returns by an error only
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

func background() context.Context { return context.Background() }

func ours() Options { return Options{Cell: "cell", Generation: "one"} }

// TestConformance runs the common suite on SQLite.
func TestConformance(t *testing.T) {
	conforms(t, func(t testing.TB) opener {
		path := filepath.Join(t.TempDir(), "archive.db")
		return func(t rapid.TB) backend {
			s, err := Open(background(), path, ours())
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	})
}
