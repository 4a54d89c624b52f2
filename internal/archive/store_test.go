package archive

import (
	"context"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ours() Options { return Options{Cell: "cell", Generation: "one"} }

// TestConformance runs the common suite on SQLite.
func TestConformance(t *testing.T) {
	conforms(t, func(t testing.TB) opener {
		path := filepath.Join(t.TempDir(), "archive.db")
		return func(t rapid.TB) backend {
			s, err := Open(context.Background(), path, ours())
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	})
}
