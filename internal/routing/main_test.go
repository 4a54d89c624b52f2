package routing

import (
	"flag"
	"os"
	"testing"
)

// The model is small and quick, and the rules meet in rare combinations: try
// more of them than rapid does by default, unless the command line says how many.
func TestMain(m *testing.M) {
	flag.Parse()
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for name, value := range map[string]string{"rapid.checks": "600", "rapid.steps": "50"} {
		if !given[name] && !testing.Short() {
			if err := flag.Set(name, value); err != nil {
				panic(err)
			}
		}
	}
	os.Exit(m.Run())
}
