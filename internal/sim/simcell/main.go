package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/evenkeel/evenkeel/internal/sim"
)

func main() {
	seed := flag.Uint64("seed", 1, "")
	n := flag.Uint64("seeds", 1, "")
	v := flag.Bool("v", false, "")
	flag.Parse()
	stats := sim.Stats{}
	for s := *seed; s < *seed+*n; s++ {
		o := sim.Options{}
		if *v {
			o.Trace = os.Stdout
		}
		r := sim.Run(s, o)
		stats.Merge(r.Stats)
		if r.Outcome == sim.Failed {
			for _, l := range r.Tail {
				fmt.Print(l)
			}
			fmt.Println("seed", s, r.Failure)
			os.Exit(1)
		}
	}
	stats.Print(os.Stdout)
}
