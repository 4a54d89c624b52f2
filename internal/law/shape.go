package law

import (
	"go/ast"
	"regexp"
	"slices"
	"strings"
)

const (
	maxFileLines = 500 // aim for 400: a file is one subject
	maxFuncLines = 100 // aim for 70: a function fits a screen
)

// checkShape bounds files and functions that people read.
func checkShape(m *Module, report Report) {
	product(m, func(_ *Package, f *File) {
		if f.Generated {
			return
		}
		if f.Lines > maxFileLines {
			report(f.Syntax.Package, "%d lines: a file has one subject and at most %d lines", f.Lines, maxFileLines)
		}
		for _, decl := range f.Syntax.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			lines := m.Fset.Position(fn.End()).Line - m.Fset.Position(fn.Pos()).Line + 1
			if lines > maxFuncLines {
				report(fn.Pos(), "%s has %d lines, at most %d are allowed", fn.Name.Name, lines, maxFuncLines)
			}
		}
	})
}

// checkStory wants a package comment that says more than the name.
func checkStory(m *Module, report Report) {
	for _, p := range m.Packages {
		var files []*File
		for _, f := range p.Files {
			if !f.Test {
				files = append(files, f)
			}
		}
		told := slices.ContainsFunc(files, func(f *File) bool { return len(strings.Fields(f.Syntax.Doc.Text())) > 5 })
		if len(files) > 0 && !told {
			report(files[0].Syntax.Package, "package %s does not tell its story: no package comment", p.Dir)
		}
	}
}

// unfinished finds the words that promise work in place of doing it.
var unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK)\b`)

// checkWords reads all comments, tests included.
func checkWords(m *Module, report Report) {
	for _, p := range m.Packages {
		for _, f := range p.Files {
			for _, group := range f.Syntax.Comments {
				for _, comment := range group.List {
					if word := unfinished.FindString(comment.Text); word != "" {
						report(comment.Pos(), "%s: finish it, or open an issue", word)
					}
				}
			}
		}
	}
}

func wordsOfText(text Text) []Finding {
	var found []Finding
	for i, line := range text.Lines {
		if word := unfinished.FindString(line); word != "" {
			found = append(found, Finding{Rule: "words", File: text.Path, Line: i + 1, Text: word + ": finish it, or open an issue"})
		}
	}
	return found
}

// checkTests keeps sleeps and skips out of tests: the one guesses, the other
// hides.
func checkTests(m *Module, report Report) {
	skips := []string{"Skip", "Skipf", "SkipNow"}
	for _, p := range m.Packages {
		for _, f := range p.Files {
			if !f.Test {
				continue
			}
			ast.Inspect(f.Syntax, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				of, _ := sel.X.(*ast.Ident)
				switch {
				case of != nil && of.Name == "time" && sel.Sel.Name == "Sleep":
					report(sel.Pos(), "a test does not sleep: wait for a condition, or use testing/synctest")
				case of != nil && slices.Contains([]string{"t", "b", "tb", "f"}, of.Name) && slices.Contains(skips, sel.Sel.Name):
					report(sel.Pos(), "a test is not skipped: it passes, fails or is removed")
				}
				return true
			})
		}
	}
}
