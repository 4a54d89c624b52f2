package law

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// constantTypes are types whose values never change once made, though Go has
// no way to say so.
func constantTypes() []string {
	return []string{
		"error",
		"*regexp.Regexp",
		"*hash/crc32.Table",
		"github.com/fxamacker/cbor/v2.EncMode",
		"github.com/fxamacker/cbor/v2.DecMode",
	}
}

// checkState reports package-level variables that are more than a table: two
// cells in one process, or two tests, would share them. A table is never
// assigned to, changed in place or lent by address.
func checkState(m *Module, report Report) {
	product(m, func(p *Package, f *File) {
		if !f.Typed {
			return
		}
		for _, decl := range f.Syntax.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok || gen.Tok != token.VAR {
				continue
			}
			for _, spec := range gen.Specs {
				for _, name := range spec.(*ast.ValueSpec).Names {
					checkVariable(m, p, name, report)
				}
			}
		}
	})
}

func checkVariable(m *Module, p *Package, name *ast.Ident, report Report) {
	obj := p.Info.Defs[name]
	if obj == nil || name.Name == "_" || slices.Contains(constantTypes(), types.TypeString(obj.Type(), nil)) {
		return
	}
	switch obj.Type().Underlying().(type) {
	case *types.Pointer, *types.Chan, *types.Interface:
		report(name.Pos(), "package-level %s holds state by reference: pass it to who needs it", name.Name)
		return
	}
	product(m, func(user *Package, f *File) {
		if f.Typed && changes(user, f, obj) {
			report(name.Pos(), "package-level %s is changed or lent in %s: it is state, pass it to who needs it", name.Name, f.Path)
		}
	})
}

// changes tells whether the file assigns to the variable or a part of it, takes
// its address, or calls a method that could change it.
func changes(p *Package, f *File, obj types.Object) bool {
	found := false
	is := func(e ast.Expr) bool { return refersTo(p, e, obj) }
	ast.Inspect(f.Syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			found = found || slices.ContainsFunc(n.Lhs, is)
		case *ast.IncDecStmt:
			found = found || is(n.X)
		case *ast.UnaryExpr:
			found = found || n.Op == token.AND && is(n.X)
		case *ast.CallExpr:
			found = found || changesByCall(p, n, is)
		}
		return !found
	})
	return found
}

func changesByCall(p *Package, call *ast.CallExpr, is func(ast.Expr) bool) bool {
	if id, ok := call.Fun.(*ast.Ident); ok && (id.Name == "delete" || id.Name == "clear") && len(call.Args) > 0 {
		return is(call.Args[0])
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !is(sel.X) {
		return false
	}
	fn, ok := p.Info.Uses[sel.Sel].(*types.Func)
	if !ok || fn.Signature().Recv() == nil {
		return false
	}
	_, byPointer := fn.Signature().Recv().Type().(*types.Pointer)
	return byPointer
}

// refersTo tells whether x.field[i].other is about obj: x, or pkg.x.
func refersTo(p *Package, e ast.Expr, obj types.Object) bool {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return p.Info.Uses[x] == obj
		case *ast.SelectorExpr:
			if p.Info.Uses[x.Sel] == obj {
				return true
			}
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return false
		}
	}
}

// checkExit lets only commands end the process: a library that does takes its
// caller's cleanup with it.
func checkExit(m *Module, report Report) {
	product(m, func(p *Package, f *File) {
		if f.Syntax.Name.Name == "main" {
			return
		}
		eachSymbol(p, f, func(id *ast.Ident, name string) {
			if name == "os.Exit" || strings.HasPrefix(name, "log.Fatal") || strings.HasPrefix(name, "log.Logger.Fatal") {
				report(id.Pos(), "%s: only a command ends the process", name)
			}
		})
	})
}
