package sim

import (
	cryptorand "crypto/rand"
	"testing"
)

// keepRandom puts crypto/rand.Reader back, which Run replaces.
func keepRandom(t *testing.T) {
	t.Helper()
	reader := cryptorand.Reader
	t.Cleanup(func() { cryptorand.Reader = reader })
}

// TestSeeds runs a few seeds; `make sim` runs thousands.
func TestSeeds(t *testing.T) {
	keepRandom(t)
	seeds := uint64(40)
	if testing.Short() {
		seeds = 5
	}
	stats := Stats{}
	for seed := uint64(1); seed <= seeds; seed++ {
		r := Run(seed, Options{})
		stats.Merge(r.Stats)
		if r.Outcome != Failed {
			continue
		}
		for _, line := range r.Tail {
			t.Log(line)
		}
		t.Fatalf("seed %d broke a promise: %v\nreplay: go run ./internal/sim/simcell -seed %d -v", seed, r.Failure, seed)
	}
	if testing.Short() {
		return
	}
	// What the checks are about has to happen, or they say nothing.
	for _, name := range []string{
		"losses of power", "deaths of the process", "connections cut", "torn batches cut", "snapshots written", "snapshots restored",
		"late repeats", "publications recovered", "recoveries refused", "commands that panicked", "chats that left the desk",
		"proposals whose fate is open", "refusals compared", "wishes granted: chat.send", "wishes refused: key_reused",
		"nodes joined", "nodes removed", "nodes given up", "deaths proven", "cuts between nodes", "messages lost", "messages doubled",
		"proposals sent to the leader", "snapshots of the leader restored", "steps of the steward: promote", "fresh reads", "transfers",
	} {
		if stats[name] == 0 {
			t.Errorf("in %d seeds there were no %s", seeds, name)
		}
	}
}

// TestSameSeedSameRun runs seeds twice; `make sim-twice` does so in two
// processes.
func TestSameSeedSameRun(t *testing.T) {
	keepRandom(t)
	for seed := uint64(101); seed <= 103; seed++ {
		a, b := Run(seed, Options{}), Run(seed, Options{})
		if a.Hash != b.Hash || a.Outcome != b.Outcome {
			t.Errorf("seed %d: traces %016x (%s) and %016x (%s)", seed, a.Hash, a.Outcome, b.Hash, b.Outcome)
		}
		if other := Run(seed+1000, Options{}); other.Hash == a.Hash {
			t.Errorf("seeds %d and %d have one trace", seed, seed+1000)
		}
	}
}
