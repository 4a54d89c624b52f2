package law

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"
)

// The desk's state must come out byte-identical on every replica, architecture
// and version. The rules in this file keep out what would differ.

// checkFloat allows no expression of a floating point type in the desk, in
// routing and in the vocabulary: machines may fuse and round as they like. It
// sees fields, variables, conversions and arguments of fmt alike. Untyped
// constants are exact, and may be used for whole numbers.
func checkFloat(m *Module, report Report) {
	product(m, func(p *Package, f *File) {
		if !slices.Contains(whollyPure(), p.Dir) || !f.Typed {
			return
		}
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			if e, ok := n.(ast.Expr); ok {
				if tv, ok := p.Info.Types[e]; ok && isFloat(tv.Type) {
					report(e.Pos(), "floating point (%s): results would differ between machines", tv.Type)
				}
			}
			return true
		})
		eachSymbol(p, f, func(id *ast.Ident, name string) {
			if strings.HasPrefix(name, "math/big.") && strings.Contains(name, "Float") {
				report(id.Pos(), "%s: floating point has no place here", name)
			}
		})
	})
}

func isFloat(t types.Type) bool {
	if t == nil {
		return false
	}
	basic, ok := t.Underlying().(*types.Basic)
	return ok && basic.Info()&(types.IsFloat|types.IsComplex) != 0 && basic.Info()&types.IsUntyped == 0
}

// checkOrder reports iteration over Go maps in pure files: the order is random.
// It allows two loops that cannot show it: one that only deletes from the map
// it walks, and keys or values that are sorted at once.
func checkOrder(m *Module, report Report) {
	product(m, func(p *Package, f *File) {
		if !isPure(p, f) || !f.Typed {
			return
		}
		sorted := sortedAtOnce(p, f)
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.RangeStmt:
				if isMap(p.Info.TypeOf(n.X)) {
					report(n.Pos(), `the order of a map is random: walk something ordered, or give the reason: "//order: why it cannot matter"`)
				}
			case *ast.Ident:
				name := symbol(p, n)
				if slices.Contains(unordered(), name) && !sorted[n] {
					report(n.Pos(), "%s comes in random order: sort it at once", name)
				}
			}
			return true
		})
	})
}

func isMap(t types.Type) bool {
	if t == nil {
		return false
	}
	_, ok := t.Underlying().(*types.Map)
	return ok
}

func unordered() []string {
	return []string{"maps.Keys", "maps.Values", "maps.All", "reflect.Value.MapKeys", "reflect.Value.MapRange"}
}

// sortedAtOnce finds maps.Keys and the like inside of slices.Sorted(...).
func sortedAtOnce(p *Package, f *File) map[*ast.Ident]bool {
	found := map[*ast.Ident]bool{}
	ast.Inspect(f.Syntax, func(n ast.Node) bool {
		outer, ok := n.(*ast.CallExpr)
		if !ok || len(outer.Args) == 0 || !strings.HasPrefix(symbol(p, calledName(outer)), "slices.Sorted") {
			return true
		}
		if inner, ok := outer.Args[0].(*ast.CallExpr); ok {
			found[calledName(inner)] = true
		}
		return true
	})
	return found
}

// calledName returns the identifier that a call names, or a fresh one that
// refers to nothing.
func calledName(call *ast.CallExpr) *ast.Ident {
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		return fun
	case *ast.SelectorExpr:
		return fun.Sel
	}
	return &ast.Ident{}
}

// checkUnicode keeps out what reads Unicode's tables: they grow with each
// release of Go, and replicas of two releases would disagree. UTF-8 itself
// never changes.
func checkUnicode(m *Module, report Report) {
	product(m, func(p *Package, f *File) {
		if !slices.Contains(whollyPure(), p.Dir) {
			return
		}
		eachSymbol(p, f, func(id *ast.Ident, name string) {
			if strings.HasPrefix(name, "unicode.") || strings.HasPrefix(name, "golang.org/x/text/") || slices.Contains(unicodeCallers(), name) {
				report(id.Pos(), "%s reads Unicode's tables, which differ between releases: compute it before propose", name)
			}
		})
	})
}

func unicodeCallers() []string {
	var names []string
	for _, pkg := range []string{"strings", "bytes"} {
		for _, fn := range []string{"ToLower", "ToUpper", "ToTitle", "Title", "EqualFold", "Fields", "FieldsSeq", "TrimSpace"} {
			names = append(names, pkg+"."+fn)
		}
	}
	return append(names, "strconv.Quote", "strconv.IsPrint", "strconv.IsGraphic")
}

// checkZone keeps out the machine's time zone and its zone database. Times are
// made in UTC: time.Unix and its kin are in the local zone until told.
func checkZone(m *Module, report Report) {
	local := []string{"time.Local", "time.LoadLocation", "time.LoadLocationFromTZData", "time.ParseInLocation", "time.Time.Local"}
	product(m, func(p *Package, f *File) {
		if !isPure(p, f) {
			return
		}
		utc := turnedToUTC(p, f)
		eachSymbol(p, f, func(id *ast.Ident, name string) {
			switch {
			case slices.Contains(local, name):
				report(id.Pos(), "%s: zones are the machine's, and change", name)
			case slices.Contains(unixTimes(), name) && !utc[id]:
				report(id.Pos(), "%s gives a time in the machine's zone: call UTC on it at once", name)
			}
		})
	})
}

func unixTimes() []string { return []string{"time.Unix", "time.UnixMilli", "time.UnixMicro"} }

// turnedToUTC finds calls of the form time.Unix(...).UTC().
func turnedToUTC(p *Package, f *File) map[*ast.Ident]bool {
	found := map[*ast.Ident]bool{}
	ast.Inspect(f.Syntax, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok || symbol(p, sel.Sel) != "time.Time.UTC" {
			return true
		}
		if call, ok := sel.X.(*ast.CallExpr); ok {
			found[calledName(call)] = true
		}
		return true
	})
	return found
}
