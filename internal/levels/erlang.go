//evenkeel:pure

package levels

import "math"

// Staffing: how many servers a queue needs. A server is a slot for one chat: an
// agent who holds several chats is as many servers.

// Load is what comes to a queue, in steady state.
type Load struct {
	Rate     float64 // contacts a second
	Handle   float64 // average handle time, seconds
	Patience float64 // average patience, seconds; 0: customers wait for ever
}

// Erlangs is the offered load: the average number of servers at work if nobody
// waited.
func (l Load) Erlangs() float64 { return l.Rate * l.Handle }

// Forecast is what is to be expected of a number of servers.
type Forecast struct {
	Servers   int
	Delayed   float64 // share of contacts that wait at all
	Within    float64 // share that is answered within the threshold
	Wait      float64 // average wait of all contacts, seconds
	Abandoned float64 // share that gives up
	Occupancy float64
}

// ErlangC forecasts a queue in which nobody gives up (M/M/n): A. K. Erlang, 1917.
// With no more servers than erlangs the line grows without end. Numbers of
// Erlang B are built up server by server, which no factorial overflows.
func ErlangC(l Load, servers int, threshold float64) Forecast {
	f := Forecast{Servers: servers, Delayed: 1, Wait: math.Inf(1), Occupancy: 1}
	load, n := l.Erlangs(), float64(servers)
	if load == 0 {
		return Forecast{Servers: servers, Within: 1}
	}
	if n <= load {
		return f
	}
	blocked := 1.0 // Erlang B
	for k := 1.0; k <= n; k++ {
		blocked = load * blocked / (k + load*blocked)
	}
	f.Occupancy = load / n
	f.Delayed = blocked / (1 - f.Occupancy*(1-blocked))
	f.Wait = f.Delayed * l.Handle / (n - load)
	f.Within = 1 - f.Delayed*math.Exp(-(n-load)*threshold/l.Handle)
	return f
}

// ErlangA forecasts a queue in which customers give up after a patience that is
// distributed exponentially (M/M/n+M): C. Palm, 1946; the formulas are those of
// Mandelbaum and Zeltyn, "The Palm/Erlang-A Queue, with Applications to Call
// Centers", 2005. The states are summed up outwards from the largest.
func ErlangA(l Load, servers int, threshold float64) Forecast {
	if l.Patience <= 0 {
		return ErlangC(l, servers, threshold)
	}
	if l.Rate == 0 || l.Handle == 0 {
		return Forecast{Servers: servers, Within: 1}
	}
	n, serve, leave := float64(servers), 1/l.Handle, 1/l.Patience
	// Relative to the state in which all servers are taken and nobody waits.
	below, busy := 0.0, 0.0
	for k, p := n-1, 1.0; k >= 0; k-- {
		p *= (k + 1) * serve / l.Rate
		below += p
		busy += k * p
		if p < tiny*below {
			break
		}
	}
	line := lineOf{rate: l.Rate, serve: n * serve, leave: leave, threshold: threshold, unit: 1}
	line.sum()
	below, busy = below*line.unit, busy*line.unit
	total := below + line.all
	f := Forecast{
		Servers: servers, Delayed: line.all / total, Within: (below + line.inTime) / total, Wait: line.length / total / l.Rate,
	}
	f.Abandoned = leave * f.Wait
	if n > 0 {
		f.Occupancy = (busy + n*line.all) / total / n
	}
	return f
}

// tiny ends the summing of states; weights above huge are scaled down.
const (
	tiny = 1e-15
	huge = 1e200
)

// lineOf sums up the states in which all servers are taken.
type lineOf struct {
	rate, serve, leave, threshold float64

	unit   float64 // weight of the state in which nobody waits
	all    float64 // weight of the states
	length float64 // of those that wait, weighted
	inTime float64 // weight of arrivals that are answered within the threshold
}

// sum goes from the state in which nobody waits to longer lines. Who finds i
// others waiting is answered when the sum of i+1 exponential times is over, with
// the rates serve, serve+leave, ... serve+i*leave, and if he has not given up. If
// B is that sum, exp(-leave*B) has the Beta distribution of c = serve/leave and
// i+1; so he is answered in time with the chance c/(c+i+1) * (1 - I(x; c+1, i+1)),
// x = exp(-leave*threshold), and I grows by one term from i to i+1.
func (s *lineOf) sum() {
	c := s.serve / s.leave
	x := math.Exp(-s.leave * s.threshold)
	term := math.Exp(-s.leave * s.threshold * (c + 1)) // of I, at i = 0
	late := term
	for i, p := 0.0, 1.0; ; i++ {
		s.all += p
		s.length += i * p
		s.inTime += p * c / (c + i + 1) * max(0, 1-late)
		next := p * s.rate / (s.serve + (i+1)*s.leave)
		if next < p && next < tiny*s.all {
			return
		}
		p = next
		if p > huge {
			p, s.unit, s.all, s.length, s.inTime = p/huge, s.unit/huge, s.all/huge, s.length/huge, s.inTime/huge
		}
		term *= (c + 1 + i) / (i + 1) * (1 - x)
		late += term
	}
}

// maxServers bounds the search for enough servers.
const maxServers = 20000

// Needed returns the fewest servers with which a share of the contacts is
// answered within the threshold; false if there are none up to a large number.
func Needed(l Load, model func(Load, int, float64) Forecast, threshold, target float64) (Forecast, bool) {
	if l.Rate == 0 {
		return model(l, 0, threshold), true
	}
	low, high := 1, 1
	for model(l, high, threshold).Within < target {
		if high >= maxServers {
			return Forecast{}, false
		}
		low, high = high+1, min(2*high, maxServers)
	}
	for low < high { // more servers never serve fewer in time
		middle := (low + high) / 2
		if model(l, middle, threshold).Within >= target {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return model(l, low, threshold), true
}
