package main

import (
	"math/rand/v2"
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

// TestSoakFindsGrowth judges made-up samples of half an hour: noise passes, and
// each leak is found, however much else comes and goes.
func TestSoakFindsGrowth(t *testing.T) {
	const mib, kib = 1 << 20, 1 << 10
	noise := rand.New(rand.NewPCG(1, 2))
	flat := func(int) soakSample {
		saw := noise.Float64() // between two collections
		return soakSample{soakRSS: (90 + 15*saw) * mib, soakHeap: (20 + 6*saw) * mib, soakState: (3 + noise.Float64()) * mib, soakGoroutines: 500 + 80*saw}
	}
	// leak adds to a series what grows by so much a second.
	leak := func(rates map[int]float64) func(int) soakSample {
		return func(i int) soakSample {
			s := flat(i)
			for series, rate := range rates {
				s[series] += rate * float64(i)
			}
			return s
		}
	}
	for name, c := range map[string]struct {
		sample func(i int) soakSample
		want   string
	}{
		"flat":                           {flat, ""},
		"falling":                        {leak(map[int]float64{soakRSS: -20 * kib, soakHeap: -5 * kib}), ""},
		"a leak":                         {leak(map[int]float64{soakRSS: 20 * kib, soakHeap: 10 * kib}), "resident memory grew"},
		"a slow leak":                    {leak(map[int]float64{soakHeap: 6 * kib}), "live heap grew"},
		"outside the heap":               {leak(map[int]float64{soakRSS: 20 * kib}), "resident memory grew"},
		"state":                          {leak(map[int]float64{soakState: kib}), "state grew"},
		"in proportion to a state":       {leak(map[int]float64{soakState: 4 * kib, soakHeap: 16 * kib, soakRSS: 16 * kib}), "state grew"},
		"goroutines":                     {leak(map[int]float64{soakGoroutines: 0.1}), "goroutines grew"},
		"a step":                         {func(i int) soakSample { s := flat(i); s[soakRSS] += float64(i/700) * 25 * mib; return s }, "resident memory grew"},
		"a burst that goes is no growth": {func(i int) soakSample { s := flat(i); s[soakRSS] += float64(i/500%2) * 25 * mib; return s }, ""},
	} {
		s := &soak{before: &vitals{}, after: &vitals{}}
		for i := range 26 * 60 {
			s.samples, s.load = append(s.samples, c.sample(i)), append(s.load, 100*float64(i))
		}
		err := s.verdict()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q\n%s", name, err, c.want, s.report())
		}
	}
	// As much more as people do more is no leak; as much more as they do not, is.
	busier := &soak{before: &vitals{}, after: &vitals{}}
	heard := 0.0
	for i := range 26 * 60 {
		heard += 100 + float64(i)/26 // in the last quarter half as much again as in the first
		sample := flat(i)
		sample[soakState] *= 1 + float64(i)/2600
		busier.samples, busier.load = append(busier.samples, sample), append(busier.load, heard)
	}
	if err := busier.verdict(); err != nil {
		t.Errorf("busier: %v", err)
	}
	for i := range busier.load {
		busier.load[i] = float64(i)
	}
	if err := busier.verdict(); err == nil || !strings.Contains(err.Error(), "state grew") {
		t.Errorf("not busier: %v", err)
	}
	if err := (&soak{}).verdict(); err == nil || !strings.Contains(err.Error(), "soak for longer than 5m") {
		t.Errorf("no samples: %v", err)
	}
}

// TestSoakFindsWhatStays: when all have gone, little more may be there than before.
func TestSoakFindsWhatStays(t *testing.T) {
	const mib = 1 << 20
	before := vitals{RSS: 30 * mib, Live: 3 * mib, State: mib / 10, Goroutines: 21}
	for name, c := range map[string]struct {
		stays func(v *vitals)
		want  string
	}{
		"news of agents":   {func(v *vitals) { v.RSS, v.Live, v.State = 60*mib, 10*mib, 3.5*mib }, ""},
		"resident":         {func(v *vitals) { v.RSS = 71 * mib }, "resident memory is 71.0 MiB"},
		"40 bytes a chat":  {func(v *vitals) { v.State = 3.5*mib + 25609*40 }, "state is 4.5 MiB"},
		"a goroutine each": {func(v *vitals) { v.Goroutines += 120 }, "goroutines is 141.0"},
		"heap":             {func(v *vitals) { v.Live = 20 * mib }, "live heap is 20.0 MiB"},
		"chats":            {func(v *vitals) { v.Chats = 3 }, "3 chats have stayed"},
	} {
		after := before
		c.stays(&after)
		s := &soak{before: &before, after: &after, agents: 30}
		err := s.atRest()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
