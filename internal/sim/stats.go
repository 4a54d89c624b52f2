package sim

import (
	"fmt"
	"io"
	"maps"
	"slices"
)

// Stats count what happened in a run, by name: they show that the faults and the
// refusals which the checks are about do occur.
type Stats map[string]int64

func (s Stats) add(name string, n int64) { s[name] += n }

// Merge adds the counts of another run.
func (s Stats) Merge(other Stats) {
	for name, n := range other {
		s[name] += n
	}
}

// Print writes the counts, sorted by name.
func (s Stats) Print(out io.Writer) {
	for _, name := range slices.Sorted(maps.Keys(s)) {
		fmt.Fprintf(out, "%10d  %s\n", s[name], name)
	}
}
