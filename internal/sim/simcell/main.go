// Command simcell runs seeds of the simulated cell (package sim).
//
//	simcell -seeds 3000 -from 1 -procs 2     3,000 seeds in two processes
//	simcell -seed 42 -v                      one seed, with its whole trace
//	simcell -twice 50                        50 seeds, each in two processes: equal?
//	simcell -seeds 50 -trace-hash            a line with the trace's hash for each seed
//
// It fails, with the way to replay it, if a seed breaks a promise.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/evenkeel/evenkeel/internal/sim"
)

// options are the command line.
type options struct {
	seed    uint64
	from    uint64
	seeds   int
	procs   int
	twice   int
	verbose bool
	hashes  bool
	stats   bool
	several bool
	child   int // the stride of a child, 0 in the parent
}

func main() {
	var o options
	flag.Uint64Var(&o.seed, "seed", 0, "run this seed alone")
	flag.Uint64Var(&o.from, "from", 1, "the first seed")
	flag.IntVar(&o.seeds, "seeds", 100, "how many seeds")
	flag.IntVar(&o.procs, "procs", runtime.NumCPU(), "how many processes")
	flag.IntVar(&o.twice, "twice", 0, "run so many seeds in two processes each and compare")
	flag.BoolVar(&o.verbose, "v", false, "print the trace")
	flag.BoolVar(&o.hashes, "trace-hash", false, "print each seed with the hash of its trace")
	flag.BoolVar(&o.stats, "stats", true, "print what happened how often")
	flag.BoolVar(&o.several, "several", false, "with -child: leave out the seeds of a cell of one node")
	flag.IntVar(&o.child, "child", 0, "for simcell itself: run every n-th seed and report in JSON")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "simcell:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out io.Writer) error {
	switch {
	case o.child > 0:
		return runChild(o, out)
	case o.seed > 0:
		return runOne(o, out)
	case o.twice > 0:
		return compare(ctx, o, out)
	case o.hashes:
		o.procs = 1
		return runAll(ctx, o, out)
	default:
		return runAll(ctx, o, out)
	}
}

// runOne runs one seed here.
func runOne(o options, out io.Writer) error {
	var trace io.Writer
	if o.verbose {
		trace = out
	}
	r := sim.Run(o.seed, sim.Options{Trace: trace})
	if r.Outcome == sim.Failed {
		if !o.verbose {
			printTail(out, &r)
		}
		return fmt.Errorf("seed %d broke a promise: %w", r.Seed, r.Failure)
	}
	if o.stats {
		r.Stats.Print(out)
	}
	fmt.Fprintf(out, "seed %d: %s, trace %016x\n", r.Seed, r.Outcome, r.Hash)
	return nil
}

// runChild runs its share of the seeds and reports each on a line.
func runChild(o options, out io.Writer) error {
	debug.SetGCPercent(800) // many small runs, none of which keeps anything
	enc := json.NewEncoder(out)
	for i := 0; i < o.seeds; i += o.child {
		seed := o.from + uint64(i)
		if o.several && !sim.Several(seed) {
			continue
		}
		r := sim.Run(seed, sim.Options{})
		if err := enc.Encode(&r); err != nil {
			return fmt.Errorf("report seed %d: %w", r.Seed, err)
		}
	}
	return nil
}

// runAll runs all seeds in child processes.
func runAll(ctx context.Context, o options, out io.Writer) error {
	begin := time.Now()
	total, damaged := 0, 0
	var failed []uint64
	stats := sim.Stats{}
	err := share(ctx, o, func(r *sim.Report) bool {
		total++
		stats.Merge(r.Stats)
		switch {
		case o.hashes:
			fmt.Fprintf(out, "%d %016x %s\n", r.Seed, r.Hash, r.Outcome)
		case r.Outcome == sim.Damaged:
			damaged++
		}
		if r.Outcome == sim.Failed {
			failed = append(failed, r.Seed)
			printTail(out, r)
		}
		return len(failed) < 3
	})
	if err != nil && len(failed) == 0 {
		return err
	}
	if o.hashes {
		return asFailure(failed)
	}
	if o.stats {
		stats.Print(out)
	}
	fmt.Fprintf(out, "sim: %d seeds from %d in %s, %d of them ended with a damaged disk that was reported, %d failed\n",
		total, o.from, time.Since(begin).Round(time.Second), damaged, len(failed))
	return asFailure(failed)
}

func asFailure(failed []uint64) error {
	if len(failed) == 0 {
		return nil
	}
	return fmt.Errorf("seeds %d broke a promise", failed)
}

// compare runs seeds in two processes and demands equal traces.
func compare(ctx context.Context, o options, out io.Writer) error {
	o.seeds, o.procs = o.twice, 1
	var hashes [2]map[uint64]uint64
	for i := range hashes {
		hashes[i] = map[uint64]uint64{}
		err := share(ctx, o, func(r *sim.Report) bool {
			hashes[i][r.Seed] = r.Hash
			return true
		})
		if err != nil {
			return err
		}
	}
	for n := range uint64(o.seeds) {
		seed := o.from + n
		if a, b := hashes[0][seed], hashes[1][seed]; a != b || a == 0 {
			return fmt.Errorf("seed %d is not the same twice: traces %016x and %016x", seed, a, b)
		}
	}
	fmt.Fprintf(out, "sim: %d seeds in two processes, equal traces\n", o.seeds)
	return nil
}

// printTail shows the end of a run that failed, and how to see all of it.
func printTail(out io.Writer, r *sim.Report) {
	for _, line := range r.Tail {
		fmt.Fprint(out, line)
	}
	fmt.Fprintf(out, "seed %d broke a promise: %s\nreplay: go run ./internal/sim/simcell -seed %d -v\n\n", r.Seed, r.Failure, r.Seed)
}
