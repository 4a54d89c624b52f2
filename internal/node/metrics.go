package node

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/edge"
)

// meters are what this node tells Prometheus. docs/metrics.md describes each.
// What changes with every request is counted as it happens; everything else is
// read when somebody asks, and costs nothing in between.
type meters struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec   // HTTP, by route and status
	request  *prometheus.HistogramVec // by route
	calls    *prometheus.CounterVec   // RPC, by method and code
	call     *prometheus.HistogramVec // by method
	commands *prometheus.CounterVec   // by what came of them
	commit   prometheus.Histogram     // from the proposal to the result
	append   prometheus.Histogram     // one write of the journal with its sync

	proposals atomic.Uint64 // commands proposed
}

// latencies are the bounds of the histograms, in seconds: from a sync of a good
// disk to the time at which clients give up.
func latencies() []float64 {
	return []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}
}

func newMeters(n *Node) *meters {
	histogram := func(name, help string) prometheus.HistogramOpts {
		return prometheus.HistogramOpts{Name: name, Help: help, Buckets: latencies()}
	}
	m := &meters{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "evenkeel_http_requests_total", Help: "HTTP requests answered, by route and status.",
		}, []string{"route", "status"}),
		request: prometheus.NewHistogramVec(histogram("evenkeel_http_request_seconds", "Time to answer an HTTP request, by route."), []string{"route"}),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "evenkeel_rpc_calls_total", Help: "RPC calls answered, by method and code (ok, or the error's).",
		}, []string{"method", "code"}),
		call: prometheus.NewHistogramVec(histogram("evenkeel_rpc_call_seconds", "Time to answer an RPC call, by method."), []string{"method"}),
		commands: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "evenkeel_commands_total", Help: "Commands proposed by this node: applied, refused by the desk, or failed (nothing is known of them).",
		}, []string{"outcome"}),
		commit: prometheus.NewHistogram(histogram("evenkeel_commit_seconds", "Time from the proposal of a batch of commands to its results: on the disk and applied.")),
		append: prometheus.NewHistogram(histogram("evenkeel_journal_append_seconds", "Time of one write to the journal, with its sync.")),
	}
	m.registry.MustRegister(m.requests, m.request, m.calls, m.call, m.commands, m.commit, m.append, &state{n},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *meters) handler(n *Node) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorLog: promLog{n}, MaxRequestsInFlight: 4})
}

// promLog lets the handler of Prometheus complain into the node's log.
type promLog struct{ *Node }

func (l promLog) Println(v ...any) { l.log.Error("metrics cannot be told", "error", v) }

// observe counts a request that the edge has answered.
func (m *meters) observe(o edge.Observation) {
	if o.RPC {
		m.calls.WithLabelValues(o.Name, string(o.Code)).Inc()
		m.call.WithLabelValues(o.Name).Observe(o.Took.Seconds())
		return
	}
	m.requests.WithLabelValues(o.Name, strconv.Itoa(o.Status)).Inc()
	m.request.WithLabelValues(o.Name).Observe(o.Took.Seconds())
}

// proposed counts commands when their results are there.
func (m *meters) proposed(began time.Time, count int, results []evenkeel.Result, err error) {
	m.proposals.Add(uint64(count))
	if err != nil {
		m.commands.WithLabelValues("failed").Add(float64(count))
		return
	}
	m.commit.Observe(time.Since(began).Seconds())
	refused := 0
	for i := range results {
		if results[i].Err != nil {
			refused++
		}
	}
	m.commands.WithLabelValues("refused").Add(float64(refused))
	m.commands.WithLabelValues("applied").Add(float64(len(results) - refused))
}
