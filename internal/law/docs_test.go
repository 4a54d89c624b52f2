package law

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// TestErrorsAreDocumented wants one row of docs/errors.md for each code, with
// the numbers of the table in errors.go, and no row for what is not there.
func TestErrorsAreDocumented(t *testing.T) {
	var want []string
	for _, info := range evenkeel.Codes() {
		temporary := ""
		if info.Temporary {
			temporary = "yes"
		}
		want = append(want, row("`"+string(info.Code)+"`", info.HTTP, info.Protocol, temporary))
	}
	compareRows(t, "docs/errors.md", want)
}

// TestCommandsAreDocumented does the same for the kinds of commands.
func TestCommandsAreDocumented(t *testing.T) {
	var want []string
	for _, info := range evenkeel.Kinds() {
		var roles []string
		for role := evenkeel.RoleCustomer; role <= evenkeel.RoleOperator; role++ {
			if evenkeel.Allowed(role, info.Kind) {
				roles = append(roles, role.String())
			}
		}
		want = append(want, row(int(info.Kind), "`"+info.Name+"`", strings.Join(roles, ", ")))
	}
	compareRows(t, "docs/commands.md", want)
}

// TestDocumentsLeadSomewhere follows every relative link and looks up every
// make target that a document names.
func TestDocumentsLeadSomewhere(t *testing.T) {
	dir := repository(t)
	makefile, err := os.ReadFile(filepath.Join(dir, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range documents(t, dir) {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`).FindAllStringSubmatch(string(content), -1) {
			if strings.Contains(link[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(dir, filepath.Dir(name), link[1])); err != nil {
				t.Errorf("%s leads to %s, which is not there", name, link[1])
			}
		}
		for _, target := range regexp.MustCompile("(?m)(?:`|^    )make ([a-z0-9-]+)").FindAllStringSubmatch(string(content), -1) {
			if !strings.Contains(string(makefile), "\n"+target[1]+":") {
				t.Errorf("%s names make %s, which is no target", name, target[1])
			}
		}
	}
}

// TestDependenciesAreExplained wants the reason of every module that a Go file
// imports, tests included, in ARCHITECTURE.md.
func TestDependenciesAreExplained(t *testing.T) {
	dir := repository(t)
	house, err := os.ReadFile(filepath.Join(dir, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	sources, _, err := readTree(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	for name, source := range sources {
		file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			target := strings.Trim(spec.Path.Value, `"`)
			if _, ours := dirOf(modulePath, target); ours || !strings.Contains(strings.Split(target, "/")[0], ".") {
				continue
			}
			if !explained(string(house), target) {
				t.Errorf("%s imports %s, whose reason ARCHITECTURE.md does not give", name, target)
			}
		}
	}
}

// explained looks for the package's path or one above it: a module's path is
// one of them.
func explained(text, importPath string) bool {
	for p := importPath; strings.Contains(p, "/"); p = path.Dir(p) {
		if strings.Contains(text, p+" ") || strings.Contains(text, p+",") {
			return true
		}
	}
	return false
}

func documents(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		found, err := fs.Glob(os.DirFS(dir), pattern)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, found...)
	}
	if len(names) < 4 {
		t.Fatalf("found only %v: the test looks in the wrong place", names)
	}
	return names
}

func row(cells ...any) string {
	var b strings.Builder
	for _, cell := range cells {
		fmt.Fprintf(&b, "| %v ", cell)
	}
	return strings.ReplaceAll(b.String(), "|  ", "| ") + "|"
}

// compareRows compares the first cells of a document's table rows; the last
// cell is prose, and must not be empty.
func compareRows(t *testing.T, name string, want []string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(repository(t), name))
	if err != nil {
		t.Fatal(err)
	}
	wanted := map[string]bool{}
	for _, w := range want {
		wanted[w] = true
	}
	found := map[string]bool{}
	for _, line := range strings.Split(string(content), "\n") {
		cells := strings.Split(strings.TrimSuffix(line, "|"), "|")
		if len(cells) < 3 || !strings.Contains(line, "`") {
			continue
		}
		head := strings.Join(cells[:len(cells)-1], "|") + "|"
		head = strings.ReplaceAll(head, "|  ", "| ")
		switch {
		case !wanted[head]:
			t.Errorf("%s has a row that the code does not: %s", name, head)
		case strings.TrimSpace(cells[len(cells)-1]) == "":
			t.Errorf("%s says nothing about %s", name, head)
		}
		found[head] = true
	}
	for _, w := range want {
		if !found[w] {
			t.Errorf("%s has no row %s", name, w)
		}
	}
}
