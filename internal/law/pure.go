package law

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"
)

// whollyPure are the packages without a shell. Their files need no mark.
func whollyPure() []string { return []string{".", "internal/desk", "internal/routing"} }

// divided are the packages with two halves: every file says which it is in.
func divided() []string {
	return []string{"internal/replica", "internal/realtime", "internal/edge", "internal/archive", "internal/steward"}
}

func isPure(p *Package, f *File) bool {
	return f.Half == Pure || slices.Contains(whollyPure(), p.Dir)
}

// checkHalves wants a mark on each file of a divided package, and none where
// it could only mislead.
func checkHalves(m *Module, report Report) {
	product(m, func(p *Package, f *File) {
		switch {
		case slices.Contains(divided(), p.Dir):
			if f.Half == Unmarked && !f.Generated && !onlyDoc(f) {
				report(f.Syntax.Package, "say above the package clause which half this file is: %s or %s", markPure, markShell)
			}
		case slices.Contains(whollyPure(), p.Dir) && f.Half == Shell:
			report(f.Syntax.Package, "package %s has no shell", p.Dir)
		}
	})
}

func onlyDoc(f *File) bool { return len(f.Syntax.Decls) == 0 }

// impure are imports that reach the world outside of a function. A path ending
// in "/" stands for all below it as well.
func impure() []struct{ path, why string } {
	return []struct{ path, why string }{
		{"net/", "pure code sends nothing: it returns what is to be sent"},
		{"os/", "pure code reads and writes no files, variables or signals"},
		{"io/ioutil", "pure code reads and writes no files"},
		{"sync/", "pure code runs in one goroutine, whose owner is elsewhere"},
		{"math/rand/", "random numbers come from an injected source, so that a run can be repeated"},
		{"crypto/rand", "random bytes come from an injected source, so that a run can be repeated"},
		{"hash/maphash", "its seed differs from process to process"},
		{"log/", "pure code returns what happened; its shell logs"},
		{"runtime/", "the scheduler and the collector are not inputs"},
		{"syscall", "pure code calls no system"},
		{"golang.org/x/sys/", "pure code calls no system"},
		{"unsafe", "the layout of memory differs between machines"},
		{"plugin", "pure code is all there is"},
		{"testing/", "tests call pure code, not the other way round"},
	}
}

// clocks are uses that make a result depend on when it was computed.
func clocks() []string {
	return []string{
		"time.Now", "time.Since", "time.Until", "time.After", "time.AfterFunc", "time.Tick",
		"time.NewTimer", "time.NewTicker", "time.Sleep", "time.Timer", "time.Ticker",
		"context.WithTimeout", "context.WithTimeoutCause", "context.WithDeadline", "context.WithDeadlineCause", "context.AfterFunc",
	}
}

// checkPure keeps the world, the clock and concurrency out of pure files, and
// the shell's declarations as well: a call through a neighbour counts.
func checkPure(m *Module, report Report) {
	product(m, func(p *Package, f *File) {
		if !isPure(p, f) {
			return
		}
		for _, spec := range f.Syntax.Imports {
			if why := impureImport(spec); why != "" {
				report(spec.Pos(), "a pure file may not import %s: %s", spec.Path.Value, why)
			}
		}
		eachSymbol(p, f, func(id *ast.Ident, name string) {
			if slices.Contains(clocks(), name) {
				report(id.Pos(), "a pure file may not use %s: time is an input", name)
			}
		})
		checkConcurrency(p, f, report)
		checkNeighbours(m, p, f, report)
	})
}

func impureImport(spec *ast.ImportSpec) string {
	target, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return ""
	}
	for _, row := range impure() {
		whole := strings.TrimSuffix(row.path, "/")
		if target == whole || (whole != row.path && strings.HasPrefix(target, row.path)) {
			return row.why
		}
	}
	return ""
}

func checkConcurrency(p *Package, f *File, report Report) {
	ast.Inspect(f.Syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			report(n.Pos(), "a pure file starts no goroutine")
		case *ast.SelectStmt:
			report(n.Pos(), "a pure file has no select: the choice is random")
		case *ast.ChanType:
			report(n.Pos(), "a pure file has no channels: it returns its outputs")
		case *ast.SendStmt:
			report(n.Pos(), "a pure file sends on no channel: it returns its outputs")
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				report(n.Pos(), "a pure file receives from no channel: its inputs are arguments")
			}
		case *ast.RangeStmt:
			if f.Typed && isChan(p.Info.TypeOf(n.X)) {
				report(n.Pos(), "a pure file receives from no channel: its inputs are arguments")
			}
		}
		return true
	})
}

func isChan(t types.Type) bool {
	if t == nil {
		return false
	}
	_, ok := t.Underlying().(*types.Chan)
	return ok
}

// checkNeighbours reports what a pure file uses of its own package's shell.
func checkNeighbours(m *Module, p *Package, f *File, report Report) {
	if !f.Typed {
		return
	}
	shells := map[string]bool{}
	for _, other := range p.Files {
		shells[other.Path] = other.Half == Shell
	}
	ast.Inspect(f.Syntax, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return true
		}
		obj := p.Info.Uses[id]
		if obj == nil || obj.Pkg() != p.Types {
			return true
		}
		if at := m.Fset.Position(obj.Pos()); shells[at.Filename] {
			report(id.Pos(), "a pure file may not use %s, which the shell declares (%s)", id.Name, at.Filename)
		}
		return true
	})
}
