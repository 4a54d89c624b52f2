package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/client"
)

// A soak makes everything that stays for a while on purpose stay for soakStay:
// closed chats, customers, ids of requests. So all that comes and goes has done so
// many times, and what is left to grow is a leak. It is judged from soakWarm on,
// when the first of all that has gone.
const (
	soakStay = time.Minute
	soakWarm = 4 * time.Minute
)

// soakSnapshot is how much log a soaked node keeps in memory: the default would
// rise for minutes, and fall at once.
const soakSnapshot = "4MiB"

// soak samples what the node takes, once a second.
type soak struct {
	pid  int
	url  string
	from time.Time // the first sample is not before

	samples []soakSample
	load    []float64 // with each sample, how many messages customers have heard until then
	missed  error     // the last sample that could not be taken

	before, after *vitals // at rest: when nobody has come, and when all have gone
	agents        int
}

// soakSample is one of each series.
type soakSample [soakSeries]float64

// The series of a soak, each with the growth that is no leak: the scatter of the
// medians of windows.
const (
	soakRSS = iota
	soakHeap
	soakState
	soakGoroutines
	soakSeries
)

func soakRules() [soakSeries]soakRule {
	return [soakSeries]soakRule{
		soakRSS:        {"resident memory", 1.10, 8 << 20, 1 << 20, "MiB"},
		soakHeap:       {"live heap", 1.10, 2 << 20, 1 << 20, "MiB"},
		soakState:      {"state", 1.10, 512 << 10, 1 << 20, "MiB"},
		soakGoroutines: {"goroutines", 1.10, 30, 1, ""},
	}
}

// soakRule says what one series may come to: so many times what it was, and so
// much more.
type soakRule struct {
	name         string
	times, above float64
	unit         float64
	unitName     string
}

// prepare makes what stays on purpose stay shortly.
func (s *soak) prepare(ctx context.Context, admin *client.Client) error {
	limits := evenkeel.DefaultLimits()
	limits.Linger, limits.KeyLife = evenkeel.DurationOf(soakStay), evenkeel.DurationOf(soakStay)
	return admin.SetLimits(ctx, &limits)
}

func (s *soak) take(ctx context.Context, heard uint64) {
	if time.Now().Before(s.from) {
		return
	}
	v, err := takeVitals(ctx, s.url, s.pid)
	if err != nil {
		s.missed = err // too few samples are a failure in the end
		return
	}
	s.samples, s.load = append(s.samples, sampleOf(v)), append(s.load, float64(heard))
}

func sampleOf(v *vitals) soakSample {
	return soakSample{soakRSS: v.RSS, soakHeap: v.Live, soakState: v.State, soakGoroutines: v.Goroutines}
}

// settle waits until all have gone that was to go, and looks once more.
func (s *soak) settle(ctx context.Context) error {
	return waitUntil(ctx, 500*time.Millisecond, 4*soakStay, "", func() (bool, error) {
		after, err := takeVitals(ctx, s.url, s.pid)
		if err != nil {
			return false, err
		}
		s.after = after
		return s.atRest() == nil, nil
	})
}

// What a node at rest may have more than before anybody came: the last 256 news of
// each agent, and what a node that has worked knows by heart.
const (
	restAgent      = 128 << 10 // of state, for each agent
	restState      = 512 << 10
	restHeap       = 16 << 20
	restRSS        = 40 << 20
	restGoroutines = 15
)

// atRest is what has stayed; nil: nothing.
func (s *soak) atRest() error {
	if s.after.Chats > 0 {
		return fmt.Errorf("%.0f chats have stayed in the desk", s.after.Chats)
	}
	more := soakSample{soakRSS: restRSS, soakHeap: restHeap, soakState: restState + float64(restAgent*s.agents), soakGoroutines: restGoroutines}
	before, after := sampleOf(s.before), sampleOf(s.after)
	var stayed error
	for i, u := range soakRules() {
		if most := before[i] + more[i]; after[i] > most {
			stayed = errors.Join(stayed, fmt.Errorf("at rest the %s is %.1f %s, %.1f before, %.1f are allowed", u.name, after[i]/u.unit, u.unitName, before[i]/u.unit, most/u.unit))
		}
	}
	return stayed
}

// soakReport compares the first quarter of the samples with the last one, by their
// medians. What comes and goes is as much as people do, and on a machine that has
// other things to do too that is not always as much: so their own messages are
// counted, and as many times as there are more of them later, there may be more of
// everything.
type soakReport struct {
	Samples int         `json:"samples"`
	Load    float64     `json:"load,omitempty"` // messages in the last quarter, by those in the first
	Series  []soakTrend `json:"series,omitempty"`
	Before  *vitals     `json:"before"` // at rest
	After   *vitals     `json:"after"`
}

type soakTrend struct {
	Name    string  `json:"name"`
	Early   float64 `json:"early"`
	Late    float64 `json:"late"`
	Most    float64 `json:"most"`
	Allowed float64 `json:"allowed"` // of Late

	rule soakRule
}

func (t *soakTrend) String() string {
	u := t.rule
	return fmt.Sprintf("%-16s %8.1f early %8.1f late %8.1f allowed %8.1f at most %s", u.name, t.Early/u.unit, t.Late/u.unit, t.Allowed/u.unit, t.Most/u.unit, u.unitName)
}

func (r *soakReport) String() string {
	text := fmt.Sprintf("%d samples, from %s on; what stays for a while stayed for %s; messages late by early %.2f", r.Samples, soakWarm, soakStay, r.Load)
	for i := range r.Series {
		text += "\n  " + r.Series[i].String()
	}
	if r.Before != nil && r.After != nil {
		text += fmt.Sprintf("\n  at rest, before and after: resident %s, %s; live heap %s, %s; state %s, %s; %.0f, %.0f goroutines", mib(r.Before.RSS), mib(r.After.RSS),
			mib(r.Before.Live), mib(r.After.Live), mib(r.Before.State), mib(r.After.State), r.Before.Goroutines, r.After.Goroutines)
	}
	return text
}

// soakEnough is how many samples a judgement takes.
const soakEnough = 60

func (s *soak) report() *soakReport {
	r := &soakReport{Samples: len(s.samples), Before: s.before, After: s.after}
	if r.Samples < soakEnough {
		return r
	}
	n := len(s.load) / 4
	r.Load = (s.load[len(s.load)-1] - s.load[len(s.load)-n]) / max(1, s.load[n-1]-s.load[0])
	for i, rule := range soakRules() {
		of := make([]float64, len(s.samples))
		for n, sample := range s.samples {
			of[n] = sample[i]
		}
		t := soakTrend{Name: rule.name, Early: median(of[:len(of)/4]), Late: median(of[len(of)*3/4:]), Most: slices.Max(of), rule: rule}
		t.Allowed = t.Early*max(1, r.Load)*rule.times + rule.above
		r.Series = append(r.Series, t)
	}
	return r
}

func median(of []float64) float64 {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}

// verdict is what grew; nil: nothing.
func (s *soak) verdict() error {
	r := s.report()
	if r.Samples < soakEnough {
		if s.missed != nil {
			return fmt.Errorf("only %d samples of memory and goroutines: %w", r.Samples, s.missed)
		}
		return fmt.Errorf("only %d samples of memory and goroutines: soak for longer than %s", r.Samples, soakWarm+soakEnough*time.Second)
	}
	var grew error
	for i := range r.Series {
		if t := &r.Series[i]; t.Late > t.Allowed {
			u := t.rule
			grew = errors.Join(grew, fmt.Errorf("the %s grew from %.1f to %.1f %s, %.1f are allowed", t.Name, t.Early/u.unit, t.Late/u.unit, u.unitName, t.Allowed/u.unit))
		}
	}
	return errors.Join(grew, s.atRest())
}
