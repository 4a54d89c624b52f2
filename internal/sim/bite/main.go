// Command bite shows that the simulator finds mistakes. It puts bugs into the
// product on purpose, one at a time and never in the tree (go build -overlay),
// and runs seeds until one breaks a promise. It prints a table, and fails if a bug
// is not found.
//
//	bite                  all bugs
//	bite -only session    those whose name has the word
//	bite -sample 6        every sixth, for a quick look
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/internal/sim"
)

type options struct {
	root   string
	only   string
	sample int
	seeds  int
	limit  time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.root, "root", ".", "the root of the module")
	flag.StringVar(&o.only, "only", "", "try the bugs whose name has this word")
	flag.IntVar(&o.sample, "sample", 1, "try every n-th bug")
	flag.IntVar(&o.seeds, "seeds", 1000, "give up on a bug after so many seeds")
	flag.DurationVar(&o.limit, "limit", 5*time.Minute, "give up on a bug after this time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bite:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out io.Writer) error {
	dir, err := os.MkdirTemp("", "bite")
	if err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	err = try(ctx, o, dir, out)
	return errors.Join(err, os.RemoveAll(dir))
}

// try tries the bugs one after the other.
func try(ctx context.Context, o options, dir string, out io.Writer) error {
	fmt.Fprintln(out, "| bug | in | seeds | the promise that it broke |")
	fmt.Fprintln(out, "|---|---|---|---|")
	var missed []string
	var broken []error
	tried := 0
	for i, b := range bugs() {
		if i%o.sample != 0 || !strings.Contains(b.name, o.only) {
			continue
		}
		tried++
		program, err := build(ctx, o, dir, &b)
		if err != nil {
			broken = append(broken, fmt.Errorf("%q: %w", b.name, err))
			continue
		}
		seed, promise, err := hunt(ctx, o, program, b.several)
		if err != nil {
			return fmt.Errorf("%q: %w", b.name, err)
		}
		if promise == "" {
			missed = append(missed, b.name)
			promise = "**none**"
		}
		fmt.Fprintf(out, "| %s | %s | %d | %s |\n", b.name, filepath.Dir(strings.TrimPrefix(b.file, "internal/")), seed, promise)
	}
	if len(broken) > 0 {
		return errors.Join(broken...)
	}
	if len(missed) > 0 {
		return fmt.Errorf("not found: %s", strings.Join(missed, "; "))
	}
	if tried == 0 && len(broken) == 0 {
		return errors.New("no bug has such a name")
	}
	fmt.Fprintf(out, "\n%d bugs, all found.\n", tried)
	return nil
}

// build makes a simcell that has the bug.
func build(ctx context.Context, o options, dir string, b *bug) (program string, err error) {
	path, err := filepath.Abs(filepath.Join(o.root, filepath.FromSlash(b.file)))
	if err != nil {
		return "", fmt.Errorf("find %s: %w", b.file, err)
	}
	source, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the source: %w", err)
	}
	if n := strings.Count(string(source), b.old); n != 1 {
		return "", fmt.Errorf("its text stands %d times in %s: it has changed, and so must the bug", n, b.file)
	}
	mutant := filepath.Join(dir, "mutant.go")
	if err := os.WriteFile(mutant, []byte(strings.Replace(string(source), b.old, b.new, 1)), 0o600); err != nil {
		return "", fmt.Errorf("write the mutant: %w", err)
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {path: mutant}})
	if err != nil {
		return "", fmt.Errorf("describe the overlay: %w", err)
	}
	overlayFile := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlayFile, overlay, 0o600); err != nil {
		return "", fmt.Errorf("write the overlay: %w", err)
	}
	program = filepath.Join(dir, "simcell.exe")
	cmd := exec.CommandContext(ctx, "go", "build", "-overlay", overlayFile, "-o", program, "./internal/sim/simcell")
	cmd.Dir = o.root
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, text)
	}
	return program, nil
}

// hunt runs seeds, or those of several nodes, until one breaks a promise; an empty
// promise means that none did. It returns the last seed.
func hunt(ctx context.Context, o options, program string, several bool) (seed uint64, promise string, err error) {
	ctx, cancel := context.WithTimeout(ctx, o.limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "-child", "1", "-seeds", strconv.Itoa(o.seeds), fmt.Sprintf("-several=%t", several))
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, "", fmt.Errorf("run: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return 0, "", fmt.Errorf("run: %w", err)
	}
	dec := json.NewDecoder(out)
	for {
		var r sim.Report
		if err := dec.Decode(&r); err != nil {
			break
		}
		seed = r.Seed
		if r.Outcome == sim.Failed {
			promise = r.Failure.Promise
			break
		}
	}
	cancel()
	_ = cmd.Wait() // it was stopped
	return seed, promise, nil
}
