package law

import (
	"go/ast"
	"go/types"
	"strings"
)

// checkKinds wants every switch over kinds of commands, or over their bodies,
// to name all of them or to have a default: whoever adds a kind is led to each
// place that must decide about it. The simulation only watches, and may watch
// some.
func checkKinds(m *Module, report Report) {
	v := vocabularyOf(m)
	if v == nil {
		return
	}
	product(m, func(p *Package, f *File) {
		if !f.Typed || covers("internal/sim/...", p.Dir) {
			return
		}
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SwitchStmt:
				if n.Tag != nil && types.Identical(typeOf(p, n.Tag), v.kind) {
					if missing := missingFrom(p, n.Body, v.kinds); missing != "" {
						report(n.Pos(), "this switch decides nothing about %s", missing)
					}
				}
			case *ast.TypeSwitchStmt:
				if types.Identical(switchedType(p, n), v.body) {
					if missing := missingFrom(p, n.Body, v.bodies); missing != "" {
						report(n.Pos(), "this switch decides nothing about %s", missing)
					}
				}
			}
			return true
		})
	})
}

// vocabulary is what the root package says about commands.
type vocabulary struct {
	kind, body types.Type
	kinds      []types.Object // constants of type Kind
	bodies     []types.Object // types whose pointers are a Body
}

func vocabularyOf(m *Module) *vocabulary {
	for _, p := range m.Packages {
		if p.Dir != "." || p.Types == nil {
			continue
		}
		scope := p.Types.Scope()
		kind, body := scope.Lookup("Kind"), scope.Lookup("Body")
		if kind == nil || body == nil {
			return nil
		}
		contract, ok := body.Type().Underlying().(*types.Interface)
		if !ok {
			return nil
		}
		v := &vocabulary{kind: kind.Type(), body: body.Type()}
		for _, name := range scope.Names() {
			switch obj := scope.Lookup(name).(type) {
			case *types.Const:
				if types.Identical(obj.Type(), v.kind) {
					v.kinds = append(v.kinds, obj)
				}
			case *types.TypeName:
				if obj != body && types.Implements(types.NewPointer(obj.Type()), contract) {
					v.bodies = append(v.bodies, obj)
				}
			}
		}
		return v
	}
	return nil
}

// typeOf returns a type that equals no other for what is not understood.
func typeOf(p *Package, e ast.Expr) types.Type {
	if t := p.Info.TypeOf(e); t != nil {
		return t
	}
	return types.NewTuple()
}

func switchedType(p *Package, n *ast.TypeSwitchStmt) types.Type {
	var e ast.Expr
	switch s := n.Assign.(type) {
	case *ast.AssignStmt:
		e = s.Rhs[0]
	case *ast.ExprStmt:
		e = s.X
	}
	if assertion, ok := e.(*ast.TypeAssertExpr); ok {
		return typeOf(p, assertion.X)
	}
	return types.NewTuple()
}

// missingFrom lists the objects that no case names; none if there is a default.
func missingFrom(p *Package, body *ast.BlockStmt, all []types.Object) string {
	named := map[types.Object]bool{}
	for _, stmt := range body.List {
		clause := stmt.(*ast.CaseClause)
		if clause.List == nil {
			return ""
		}
		for _, e := range clause.List {
			ast.Inspect(e, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok {
					named[p.Info.Uses[id]] = true
				}
				return true
			})
		}
	}
	var missing []string
	for _, obj := range all {
		if !named[obj] {
			missing = append(missing, obj.Name())
		}
	}
	return strings.Join(missing, ", ")
}
