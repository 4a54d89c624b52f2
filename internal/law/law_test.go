package law

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestLaw judges the repository.
func TestLaw(t *testing.T) {
	m, err := Load(repository(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Packages) < 3 || len(m.Texts) == 0 {
		t.Fatalf("found %d packages and %d other sources: the law looks in the wrong place", len(m.Packages), len(m.Texts))
	}
	for _, err := range m.Unsound {
		t.Error(err)
	}
	for _, finding := range Judge(m) {
		t.Error(finding)
	}
}

// TestLayersHaveNoTwins keeps the table sound in itself.
func TestLayersHaveNoTwins(t *testing.T) {
	seen := map[string]bool{}
	for _, l := range layers() {
		if seen[l.dir] {
			t.Errorf("%s has two places in the import law", l.dir)
		}
		seen[l.dir] = true
		if l.why == "" {
			t.Errorf("%s: no reason given", l.dir)
		}
	}
	for _, l := range layers() {
		for _, dir := range l.may {
			if dir != "*" && !seen[dir] {
				t.Errorf("%s may import %s, which has no place in the import law", l.dir, dir)
			}
		}
	}
}

// TestNoCycles follows the table: a layer that may reach itself could only be
// kept apart by luck.
func TestNoCycles(t *testing.T) {
	may := map[string][]string{}
	for _, l := range layers() {
		may[l.dir] = l.may
	}
	var visit func(path []string, dir string)
	visit = func(path []string, dir string) {
		if slices.Contains(path, dir) {
			t.Errorf("cycle: %s", strings.Join(append(path, dir), " -> "))
			return
		}
		for _, next := range may[dir] {
			if next == dir {
				continue // a tree of packages: the compiler sees to the cycles in it
			}
			visit(append(slices.Clone(path), dir), next)
		}
	}
	for _, l := range layers() {
		visit(nil, l.dir)
	}
}

func repository(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestRepositoryBasics looks for what every reader expects.
func TestRepositoryBasics(t *testing.T) {
	dir := repository(t)
	for name, want := range map[string]string{
		"LICENSE":         "END OF TERMS AND CONDITIONS",
		"README.md":       "make test",
		"CONTRIBUTING.md": "make test",
		"CHANGELOG.md":    "## [Unreleased]",
	} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
		} else if !strings.Contains(string(content), want) {
			t.Errorf("%s does not contain %q", name, want)
		}
	}
	for _, script := range []string{".ci/run", ".ci/phase", ".ci/need"} {
		if out, err := exec.Command("bash", "-n", filepath.Join(dir, script)).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", script, err, out)
		}
	}
}
