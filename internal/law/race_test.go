package law

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestStillPackagesHaveNoGoroutine reads the packages that `make race` runs
// without the race detector: neither they nor their tests may start anything
// that it would have watched.
func TestStillPackagesHaveNoGoroutine(t *testing.T) {
	dir := repository(t)
	makefile, err := os.ReadFile(filepath.Join(dir, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	still := regexp.MustCompile(`(?m)^STILL := (.+)$`).FindSubmatch(makefile)
	if still == nil {
		t.Fatal("the Makefile names no packages as STILL")
	}
	for _, p := range strings.Fields(string(still[1])) {
		files, err := filepath.Glob(filepath.Join(dir, p, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s has no files: %v", p, err)
		}
		fset := token.NewFileSet()
		for _, name := range files {
			f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if what := startedBy(n); what != "" {
					t.Errorf("%s: %s: take %s out of STILL in the Makefile", fset.Position(n.Pos()), what, p)
				}
				return true
			})
		}
	}
}

// startedBy says what a piece of a file has to do with goroutines.
func startedBy(n ast.Node) string {
	switch n := n.(type) {
	case *ast.GoStmt:
		return "a goroutine"
	case *ast.CallExpr:
		if f, ok := n.Fun.(*ast.SelectorExpr); ok && (f.Sel.Name == "Go" || f.Sel.Name == "Parallel" || f.Sel.Name == "AfterFunc") {
			return "a call of " + f.Sel.Name
		}
	case *ast.ImportSpec:
		if n.Path.Value == `"sync"` || n.Path.Value == `"sync/atomic"` || n.Path.Value == `"net/http"` {
			return "it imports " + n.Path.Value
		}
	}
	return ""
}
