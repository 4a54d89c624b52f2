package law

import (
	"fmt"
	"os"
	"path/filepath"
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
