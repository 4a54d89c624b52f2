package main

import (
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel"
)

// TestFiguresFindFaults tells the figures of each fault that they are there to
// find.
func TestFiguresFindFaults(t *testing.T) {
	text := func(n uint64, s string) *evenkeel.Message {
		return &evenkeel.Message{Number: n, Kind: evenkeel.MessageText, Text: s}
	}
	for name, c := range map[string]struct {
		heard   []*evenkeel.Message
		verdict string
	}{
		"all is well": {[]*evenkeel.Message{text(1, "a"), text(2, "b"), text(3, "c")}, ""},
		"lost":        {[]*evenkeel.Message{text(1, "a"), text(2, "b")}, "1 messages were lost, 0 doubled, 0 reordered"},
		"a hole":      {[]*evenkeel.Message{text(1, "a"), text(3, "c")}, "2 messages were lost"},
		"doubled":     {[]*evenkeel.Message{text(1, "a"), text(2, "b"), text(3, "c"), text(4, "b")}, "1 doubled"},
		"reordered":   {[]*evenkeel.Message{text(1, "a"), text(3, "c"), text(2, "b")}, "1 reordered"},
		"renumbered":  {[]*evenkeel.Message{text(1, "a"), text(2, "c"), text(3, "b")}, "2 reordered"},
	} {
		f := newFigures(time.Second)
		e := f.began("c1", "a", time.Now())
		e.acked["b"], e.acked["c"] = 2, 3
		for _, m := range c.heard {
			f.heard(e, m)
		}
		f.ended("c1")
		err := f.verdict()
		if (err == nil) != (c.verdict == "") || err != nil && !strings.Contains(err.Error(), c.verdict) {
			t.Errorf("%s: %v, want %q", name, err, c.verdict)
		}
	}
}

// TestSoakFindsGrowth judges made-up samples.
func TestSoakFindsGrowth(t *testing.T) {
	samples := func(memory, goroutines func(i int) float64) *soak {
		s := &soak{}
		for i := range 400 {
			s.memory, s.goroutines, s.state = append(s.memory, memory(i)*(1<<20)), append(s.goroutines, goroutines(i)), append(s.state, 1<<20)
		}
		return s
	}
	flat := func(i int) float64 { return 100 + float64(i%7) }
	steady := func(i int) float64 { return 100 + float64(i)/2 }
	if err := samples(flat, flat).verdict(); err != nil {
		t.Errorf("flat: %v", err)
	}
	if err := samples(steady, flat).verdict(); err == nil || !strings.Contains(err.Error(), "memory grew") {
		t.Errorf("growing memory: %v", err)
	}
	if err := samples(flat, steady).verdict(); err == nil || !strings.Contains(err.Error(), "goroutines grew") {
		t.Errorf("growing goroutines: %v", err)
	}
	if err := (&soak{}).verdict(); err == nil {
		t.Error("no samples are good ones")
	}
}
