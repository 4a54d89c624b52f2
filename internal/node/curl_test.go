package node

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel"
)

var updateWalks = flag.Bool("walks", false, "write the answers of the curl walks into testdata")

// TestCurlWalks carries out the examples of README.md and docs/api.md as they
// stand there, with the real curl and jq against a real node, and compares every
// answer. What differs from run to run is replaced by a word.
func TestCurlWalks(t *testing.T) {
	readme := block(t, "../../README.md", "## A chat with curl", regexp.MustCompile(`(?m)^    .*\n?`))
	api := block(t, "../../docs/api.md", "## A chat with curl", regexp.MustCompile("(?s)```sh\n.*?```"))
	for name, script := range map[string]string{"readme": readme, "api": api} {
		t.Run(name, func(t *testing.T) {
			n := startNode(t, testConfig(t))
			defer stopNode(t, n)
			script = strings.ReplaceAll(script, "http://localhost:8080", "http://"+n.Addr().String())
			compareWalk(t, "testdata/walk_"+name+".txt", walk(t, n, script))
		})
	}
}

// block cuts an example out of a document.
func block(t *testing.T, file, heading string, part *regexp.Regexp) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(b), heading+"\n")
	if !ok {
		t.Fatalf("%s has no %q", file, heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	script := strings.Join(part.FindAllString(text, -1), "")
	if script == "" {
		t.Fatalf("%s has no example under %q", file, heading)
	}
	return strings.TrimSuffix(strings.TrimPrefix(script, "```sh\n"), "```")
}

// walk runs a script in which each answer ends its line.
func walk(t *testing.T, n *Node, script string) string {
	t.Helper()
	for _, program := range []string{"bash", "curl", "jq"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%v: .ci/need %s installs it", err, program)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", script)
	cmd.Env = append(os.Environ(), "PASSWORD="+n.FirstRun().Password, "URL=http://"+n.Addr().String())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the example fails: %v\n%s\n%s", err, script, out)
	}
	return string(out)
}

func compareWalk(t *testing.T, file, out string) {
	t.Helper()
	var b strings.Builder
	dec := json.NewDecoder(strings.NewReader(out))
	for dec.More() {
		var v any
		if err := dec.Decode(&v); err != nil {
			t.Fatalf("an answer is not JSON: %v in\n%s", err, out)
		}
		text, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := v.(map[string]any); ok && m["code"] != nil && evenkeel.Code(m["code"].(string)).Info().HTTP >= 400 {
			t.Errorf("the example is refused: %s", text)
		}
		b.WriteString(steady(string(text)) + "\n")
	}
	if *updateWalks {
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("the answers are not those of %s (go test ./internal/node -run Curl -walks):\n%s", file, b.String())
	}
}

// steady replaces what is another in each run.
func steady(s string) string {
	for _, r := range []struct{ pattern, word string }{
		{`"\d{4}-\d\d-\d\dT[^"]*Z"`, `"TIME"`}, {`"v[0-9a-z]{24}"`, `"VISITOR"`}, {`"http-[0-9a-z]+"`, `"ID"`},
		{`"eks_[^"]*"`, `"KEY"`}, {`"ek[a-z]1?_[^"]*"`, `"TOKEN"`}, {`"index": \d+`, `"index": N`},
	} {
		s = regexp.MustCompile(r.pattern).ReplaceAllString(s, r.word)
	}
	return s
}
