package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"

	"github.com/evenkeel/evenkeel/internal/sim"
)

// share runs the seeds in child processes, each of which takes every n-th, and
// hands over each report as it comes until take returns false.
func share(ctx context.Context, o options, take func(*sim.Report) bool) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	procs := max(1, min(o.procs, o.seeds))
	var mu sync.Mutex
	var all sync.WaitGroup
	errs := make([]error, procs)
	ended := false
	for i := range procs {
		args := []string{
			"-child", strconv.Itoa(procs), "-from", strconv.FormatUint(o.from+uint64(i), 10), "-seeds", strconv.Itoa(o.seeds - i),
		}
		all.Go(func() {
			errs[i] = child(ctx, self, args, func(r *sim.Report) {
				mu.Lock()
				defer mu.Unlock()
				if !ended && !take(r) {
					ended = true
					cancel()
				}
			})
		})
	}
	all.Wait()
	if ended {
		return nil
	}
	return errors.Join(errs...)
}

// child runs one process to its end.
func child(ctx context.Context, self string, args []string, take func(*sim.Report)) error {
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("start a child: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start a child: %w", err)
	}
	dec := json.NewDecoder(out)
	for {
		var r sim.Report
		if err = dec.Decode(&r); err != nil {
			break
		}
		take(&r)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, cmd.Wait())
}
