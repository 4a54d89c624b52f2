package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"
)

// soak samples what the node takes, once a second: its resident memory, from
// /proc, and from /metrics its goroutines and the logical bytes of the state, for
// closed chats stay a while and may take what they take.
type soak struct {
	pid        int
	url        string
	memory     []float64 // bytes
	goroutines []float64
	state      []float64 // bytes
}

func (s *soak) take(ctx context.Context) {
	if status, err := os.ReadFile("/proc/" + strconv.Itoa(s.pid) + "/status"); err == nil {
		if kb, ok := numberBehind(string(status), "VmRSS:"); ok {
			s.memory = append(s.memory, kb*1024)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/metrics", nil)
	if err != nil {
		return
	}
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		return // too few samples are a failure in the end
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return
	}
	if n, ok := numberBehind("\n"+string(text), "\ngo_goroutines "); ok {
		s.goroutines = append(s.goroutines, n)
	}
	if n, ok := numberBehind("\n"+string(text), "\nevenkeel_desk_bytes "); ok {
		s.state = append(s.state, n)
	}
}

// soakReport compares the second quarter of the time, when all has warmed up,
// with the last one, by their medians.
type soakReport struct {
	Samples          int     `json:"samples"`
	MemoryEarly      float64 `json:"memory_early_bytes"`
	MemoryLate       float64 `json:"memory_late_bytes"`
	MemoryMost       float64 `json:"memory_most_bytes"`
	StateEarly       float64 `json:"state_early_bytes"`
	StateLate        float64 `json:"state_late_bytes"`
	GoroutinesEarly  float64 `json:"goroutines_early"`
	GoroutinesLate   float64 `json:"goroutines_late"`
	MemoryAllowed    float64 `json:"memory_allowed_bytes"`
	GoroutineAllowed float64 `json:"goroutines_allowed"`
}

func (r *soakReport) String() string {
	return fmt.Sprintf("%d samples: memory %.1f MiB early, %.1f late (allowed %.1f), %.1f at most; state %.1f early, %.1f late; goroutines %.0f early, %.0f late (allowed %.0f)",
		r.Samples, r.MemoryEarly/(1<<20), r.MemoryLate/(1<<20), r.MemoryAllowed/(1<<20), r.MemoryMost/(1<<20), r.StateEarly/(1<<20), r.StateLate/(1<<20),
		r.GoroutinesEarly, r.GoroutinesLate, r.GoroutineAllowed)
}

// memoryOfState is the memory that a logical byte of the state may take: rows
// and indexes about it, and what waits to be collected.
const memoryOfState = 4

func (s *soak) report() *soakReport {
	r := &soakReport{Samples: min(len(s.memory), len(s.goroutines), len(s.state))}
	if r.Samples < 8 {
		return r
	}
	quarter := func(of []float64, n int) float64 {
		part := slices.Sorted(slices.Values(of[n*len(of)/4 : (n+1)*len(of)/4]))
		return part[len(part)/2]
	}
	r.MemoryEarly, r.MemoryLate, r.MemoryMost = quarter(s.memory, 1), quarter(s.memory, 3), slices.Max(s.memory)
	r.GoroutinesEarly, r.GoroutinesLate = quarter(s.goroutines, 1), quarter(s.goroutines, 3)
	r.StateEarly, r.StateLate = quarter(s.state, 1), quarter(s.state, 3)
	r.MemoryAllowed, r.GoroutineAllowed = r.MemoryEarly*1.25+16<<20+memoryOfState*max(r.StateLate-r.StateEarly, 0), r.GoroutinesEarly*1.1+50
	return r
}

// verdict is what grew; nil: nothing.
func (s *soak) verdict() error {
	r := s.report()
	switch {
	case r.Samples < 8:
		return fmt.Errorf("only %d samples of memory and goroutines: soak for longer, on Linux", r.Samples)
	case r.MemoryLate > r.MemoryAllowed:
		return fmt.Errorf("the memory grew from %.1f to %.1f MiB, %.1f are allowed", r.MemoryEarly/(1<<20), r.MemoryLate/(1<<20), r.MemoryAllowed/(1<<20))
	case r.GoroutinesLate > r.GoroutineAllowed:
		return fmt.Errorf("the goroutines grew from %.0f to %.0f, %.0f are allowed", r.GoroutinesEarly, r.GoroutinesLate, r.GoroutineAllowed)
	}
	return nil
}
