package law

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// Finding is one breach of one rule.
type Finding struct {
	Rule string
	File string
	Line int
	Text string
}

func (f Finding) String() string {
	return fmt.Sprintf("%s:%d: %s (%s)", f.File, f.Line, f.Text, f.Rule)
}

// Rule is a law that a machine can keep.
type Rule struct {
	Name string
	// Excusable rules guess. A comment on the line, or alone on the line above,
	// overrules them with a reason: "//order: the results are summed".
	Excusable bool
	Check     func(m *Module, report Report)
}

// Report takes one breach at a position.
type Report func(pos token.Pos, format string, args ...any)

// Rules returns all of them.
func Rules() []Rule {
	return []Rule{
		{Name: "imports", Check: checkImports},
		{Name: "names", Check: checkNames},
		{Name: "halves", Check: checkHalves},
		{Name: "pure", Check: checkPure},
		{Name: "float", Check: checkFloat},
		{Name: "order", Check: checkOrder, Excusable: true},
		{Name: "unicode", Check: checkUnicode, Excusable: true},
		{Name: "zone", Check: checkZone},
		{Name: "wire", Check: checkWire},
		{Name: "kinds", Check: checkKinds},
		{Name: "state", Check: checkState, Excusable: true},
		{Name: "exit", Check: checkExit},
		{Name: "shape", Check: checkShape},
		{Name: "story", Check: checkStory},
		{Name: "words", Check: checkWords},
		{Name: "tests", Check: checkTests},
	}
}

// Judge applies all rules to a module.
func Judge(m *Module) []Finding {
	var all []Finding
	excuses := collectExcuses(m)
	for _, rule := range Rules() {
		seen := map[Finding]bool{}
		rule.Check(m, func(pos token.Pos, format string, args ...any) {
			at := m.Fset.Position(pos)
			f := Finding{Rule: rule.Name, File: at.Filename, Line: at.Line, Text: fmt.Sprintf(format, args...)}
			excused := rule.Excusable && excuses[excuse{rule.Name, f.File, f.Line}]
			if !excused && !seen[f] {
				seen[f] = true
				all = append(all, f)
			}
		})
	}
	for _, text := range m.Texts {
		all = append(all, wordsOfText(text)...)
	}
	slices.SortFunc(all, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, strings.Compare(a.Text, b.Text))
	})
	return all
}

type excuse struct {
	rule string
	file string
	line int
}

// collectExcuses finds the comments of the form "//rule: reason". One counts
// for the line that it ends, or, alone on its line, for the next.
func collectExcuses(m *Module) map[excuse]bool {
	found := map[excuse]bool{}
	for _, p := range m.Packages {
		for _, f := range p.Files {
			for _, group := range f.Syntax.Comments {
				for _, comment := range group.List {
					rule, reason, ok := strings.Cut(strings.TrimLeft(comment.Text, "/ "), ":")
					if !ok || strings.TrimSpace(reason) == "" {
						continue
					}
					at := m.Fset.Position(comment.Pos())
					line := at.Line
					if alone(f, at) {
						line++
					}
					found[excuse{rule, f.Path, line}] = true
				}
			}
		}
	}
	return found
}

func alone(f *File, at token.Position) bool {
	before := f.Source[at.Offset-(at.Column-1) : at.Offset]
	return len(bytes.TrimSpace(before)) == 0
}

// product calls visit for every Go file that is not a test.
func product(m *Module, visit func(p *Package, f *File)) {
	for _, p := range m.Packages {
		for _, f := range p.Files {
			if !f.Test {
				visit(p, f)
			}
		}
	}
}

// symbol names what an identifier refers to: "time.Now" for a package-level
// object, "time.Time.Local" for a method, "" for anything local or unknown.
func symbol(p *Package, id *ast.Ident) string {
	obj := p.Info.Uses[id]
	if obj == nil || obj.Pkg() == nil {
		return ""
	}
	if fn, ok := obj.(*types.Func); ok {
		if recv := fn.Signature().Recv(); recv != nil {
			t := recv.Type()
			if ptr, ok := t.(*types.Pointer); ok {
				t = ptr.Elem()
			}
			if named, ok := t.(*types.Named); ok && named.Obj().Pkg() != nil {
				return named.Obj().Pkg().Path() + "." + named.Obj().Name() + "." + fn.Name()
			}
			return ""
		}
	}
	if obj.Parent() != obj.Pkg().Scope() {
		return ""
	}
	return obj.Pkg().Path() + "." + obj.Name()
}

// eachSymbol calls visit for every use of a named object in a typed file.
func eachSymbol(p *Package, f *File, visit func(id *ast.Ident, name string)) {
	if !f.Typed {
		return
	}
	ast.Inspect(f.Syntax, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			if name := symbol(p, id); name != "" {
				visit(id, name)
			}
		}
		return true
	})
}
