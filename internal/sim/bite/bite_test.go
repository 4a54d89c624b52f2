package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestBugsFit finds the text of every bug in the source that it is for.
func TestBugsFit(t *testing.T) {
	for _, b := range bugs() {
		source, err := os.ReadFile(filepath.Join("../../..", filepath.FromSlash(b.file)))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(source), b.old); n != 1 || b.old == b.new {
			t.Errorf("%q: its text stands %d times in %s. The code has changed: change the bug (internal/sim/bite/bugs.go) as well", b.name, n, b.file)
		}
	}
}

// TestABugIsFound builds a cell with one bug and lets the simulator find it.
func TestABugIsFound(t *testing.T) {
	if testing.Short() {
		t.Log("not in short mode: it builds a program")
		return
	}
	var out bytes.Buffer
	o := options{root: "../../..", only: "without fsync", sample: 1, seeds: 50, limit: time.Minute}
	if err := run(t.Context(), o, &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
}
