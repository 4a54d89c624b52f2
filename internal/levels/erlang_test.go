package levels

import (
	"math"
	"testing"
)

// near wants a number as it was printed: to half of its last digit.
func near(t *testing.T, what string, got, want, half float64) {
	t.Helper()
	if math.Abs(got-want) > half {
		t.Errorf("%s is %.6f, published %g", what, got, want)
	}
}

// TestErlangCPublished holds the formulas against worked examples.
//
//	mitan    T. Mitan, "Erlang C Formula" (mitan.co.uk): 360 calls in half an hour,
//	         4 minutes each, 55 agents, 15 seconds
//	cch      Call Centre Helper, "Erlang C Formula - Made Simple with an Easy Worked
//	         Example": 100 calls in half an hour, 3 minutes each, 20 seconds
func TestErlangCPublished(t *testing.T) {
	mitan := ErlangC(Load{Rate: 360.0 / 1800, Handle: 240}, 55, 15)
	near(t, "mitan: agent occupancy", mitan.Occupancy, 0.873, 0.0005)
	near(t, "mitan: probability of waiting", mitan.Delayed, 0.239, 0.0005)
	near(t, "mitan: average speed of answer", mitan.Wait, 8.2, 0.05)
	// By hand from the above: 1 - 0.239 * exp(-(55-48) * 15/240).
	near(t, "mitan: service level", mitan.Within, 0.8457, 0.0005)

	calls := Load{Rate: 100.0 / 1800, Handle: 180}
	near(t, "cch: erlangs", calls.Erlangs(), 10, 1e-9)
	cch := ErlangC(calls, 14, 20)
	near(t, "cch: probability of waiting", cch.Delayed, 0.174, 0.0005)
	near(t, "cch: service level", cch.Within, 0.888, 0.0005)
	near(t, "cch: average speed of answer", cch.Wait, 7.8, 0.05)
	near(t, "cch: occupancy", cch.Occupancy, 0.714, 0.0005)
	// 14 agents are the first with whom 80 % are answered within 20 seconds.
	if f, ok := Needed(calls, ErlangC, 20, 0.8); !ok || f.Servers != 14 {
		t.Errorf("80 %% in 20 s take %d agents, published 14", f.Servers)
	}
}

// TestErlangAPublished: Mandelbaum and Zeltyn, "The Palm/Erlang-A Queue", 2005,
// the table of section 2: 50 agents, 48 calls a minute, one minute each, with and
// without an average patience of two minutes.
func TestErlangAPublished(t *testing.T) {
	l := Load{Rate: 48.0 / 60, Handle: 60}
	c := ErlangC(l, 50, 0)
	near(t, "Erlang C: average wait", c.Wait, 20.8, 0.05)
	near(t, "Erlang C: queue length", c.Wait*l.Rate, 17, 0.5)
	near(t, "Erlang C: utilization", c.Occupancy, 0.96, 0.005)
	l.Patience = 120
	a := ErlangA(l, 50, 0)
	near(t, "Erlang A: fraction abandoning", a.Abandoned, 0.031, 0.0005)
	near(t, "Erlang A: average wait", a.Wait, 3.7, 0.05)
	near(t, "Erlang A: queue length", a.Wait*l.Rate, 3.0, 0.05)
	near(t, "Erlang A: utilization", a.Occupancy, 0.93, 0.005)
}

// TestErlangAByHand: one server, rates of one a second each for arriving, serving
// and giving up. The number in the system is Poisson with mean 1 (an infinite
// server queue in disguise), so all states are known: p(k) = 1/e/k!. Who finds k
// others is answered at all with the chance 1/(k+1) (everybody before him and he
// himself leave at the same rate), so 1 - 1/e of all are answered.
func TestErlangAByHand(t *testing.T) {
	l := Load{Rate: 1, Handle: 1, Patience: 1}
	whenever := ErlangA(l, 1, 1e9)
	near(t, "answered", whenever.Within, 1-1/math.E, 1e-12)
	near(t, "abandoned", whenever.Abandoned, 1/math.E, 1e-12)
	near(t, "delayed", whenever.Delayed, 1-1/math.E, 1e-12)
	near(t, "at once", ErlangA(l, 1, 0).Within, 1/math.E, 1e-12)
}

// TestErlangALimits: with endless patience it is Erlang C, and the levels rise
// with the servers and the threshold.
func TestErlangALimits(t *testing.T) {
	l := Load{Rate: 0.2, Handle: 240, Patience: 1e7}
	patient, c := ErlangA(l, 55, 15), ErlangC(l, 55, 15)
	near(t, "within", patient.Within, c.Within, 1e-4)
	near(t, "delayed", patient.Delayed, c.Delayed, 1e-4)
	l.Patience = 60
	before := 0.0
	for n := 1; n < 90; n++ {
		f := ErlangA(l, n, 15)
		if f.Within < before || f.Within > 1 || math.IsNaN(f.Within) || ErlangA(l, n, 30).Within < f.Within {
			t.Fatalf("%d servers: %+v after %g", n, f, before)
		}
		// Whoever comes is answered or gives up.
		near(t, "answered or abandoned", ErlangA(l, n, 1e9).Within+f.Abandoned, 1, 1e-9)
		before = f.Within
	}
	if f, ok := Needed(l, ErlangA, 15, 0.8); !ok || f.Servers >= 55 {
		t.Errorf("impatient customers take %d servers, patient ones 55", f.Servers)
	}
	// Large and small ones come to an end.
	for _, l := range []Load{{Rate: 50, Handle: 300, Patience: 3600}, {Rate: 1e-6, Handle: 1, Patience: 1e-3}, {}} {
		for _, model := range []func(Load, int, float64) Forecast{ErlangA, ErlangC} {
			if f, ok := Needed(l, model, 20, 0.9); !ok || f.Within < 0.9 {
				t.Errorf("%+v: %+v", l, f)
			}
		}
	}
	if _, ok := Needed(Load{Rate: 1000, Handle: 3600}, ErlangC, 20, 0.9); ok {
		t.Error("more servers than there can be")
	}
}
