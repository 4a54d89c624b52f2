package sim

import (
	"container/heap"
	cryptorand "crypto/rand"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/anishathalye/porcupine"
)

// Options of a run.
type Options struct {
	// Trace gets every line of the trace as it is written; nil: nobody.
	Trace io.Writer
}

// Outcome is how a run ended.
type Outcome string

// The outcomes.
const (
	OK      Outcome = "ok"
	Damaged Outcome = "damaged" // the only disk rotted, and the node said so
	Failed  Outcome = "failed"
)

// Report is what became of a seed.
type Report struct {
	Seed    uint64
	Outcome Outcome
	Failure *Failure // if it failed
	Hash    uint64   // of the trace
	Tail    []string // the last lines of the trace, if it failed
	Stats   Stats
}

// Failure is a broken promise.
type Failure struct {
	Promise string // its short name
	Detail  string
}

func (f *Failure) Error() string { return f.Promise + ": " + f.Detail }

// damage ends a run whose disk rotted: the node refused to go on, as it should.
type damage struct{ reason string }

// World is one run.
type World struct {
	seed  uint64
	rng   *rand.Rand
	now   time.Duration
	queue events
	count uint64
	steps int

	shape   *Shape
	nodes   []*node // by number
	net     network
	clients []*client
	byName  map[string]*client
	calm    bool // no more faults, no new wishes

	trace   *trace
	stats   Stats
	history *history
	ledger  *ledger
	streams *streams
	model   *model
	archive *archiveCopy
	stood   standstill
	acked   uint64 // the highest index that anybody was told
	reads   []porcupine.Operation

	// made is when each entry was formed.
	made map[madeKey]moment
	// troubled is the last time at which something kept commands waiting.
	troubled time.Duration
}

// maxSteps is more than any run needs: one that takes more goes round in circles.
const maxSteps = 3_000_000

// event is something that will happen.
type event struct {
	at    time.Duration
	order uint64 // among those of the same time
	do    func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].order < e[j].order
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	old[len(old)-1] = event{}
	*e = old[:len(old)-1]
	return last
}

// Run runs one seed to its end. It replaces crypto/rand.Reader, so a process
// runs one seed at a time.
func Run(seed uint64, o Options) (r Report) {
	cryptorand.Reader = source{rand.New(rand.NewPCG(seed, 1))}
	w := newWorld(seed, o)
	r = Report{Seed: seed, Outcome: OK}
	defer func() {
		switch end := recover().(type) {
		case nil:
		case damage:
			w.tracef("the run ends: %s", end.reason)
			w.stats.add("damaged, reported", 1)
			r.Outcome = Damaged
		case *Failure:
			r.Outcome, r.Failure, r.Tail = Failed, end, w.trace.last()
		default:
			r.Outcome, r.Tail = Failed, w.trace.last()
			r.Failure = &Failure{Promise: "the product does not panic", Detail: fmt.Sprintf("%v\n%s", end, debug.Stack())}
		}
		r.Hash, r.Stats = w.trace.sum(), w.stats
	}()
	w.run()
	return r
}

// Several tells whether a seed draws a cell of several nodes.
func Several(seed uint64) bool { return shapeOf(seed).Nodes > 1 }

func shapeOf(seed uint64) *Shape { return drawShape(rand.New(rand.NewPCG(seed, 3))) }

func newWorld(seed uint64, o Options) *World {
	w := &World{
		seed: seed, rng: rand.New(rand.NewPCG(seed, 2)), trace: newTrace(o.Trace), stats: Stats{},
		byName: map[string]*client{}, made: map[madeKey]moment{},
	}
	w.shape = shapeOf(seed)
	w.history = &history{w: w}
	w.streams = newStreams(w)
	w.ledger = newLedger(w)
	w.model = newModel(w)
	w.stood.off = w.shape.Nodes > 1
	w.net = network{w: w}
	w.nodes = []*node{newNode(w, 1)}
	w.archive = newArchiveCopy(w, seed)
	return w
}

// run is the life of a world: a cell is formed, people come, things break, then
// it gets calm and everybody must get what he was promised.
func (w *World) run() {
	w.tracef("seed %d: %s", w.seed, w.shape)
	w.nodes[0].start()
	w.grow()
	w.look()
	w.populate()
	w.breakThings()
	w.told()
	w.archive.work()
	w.until(w.shape.Duration)
	w.settle()
	w.finalCheck()
	w.tracef("the run ends")
}

// until lets everything happen that is due up to a time.
func (w *World) until(end time.Duration) {
	for len(w.queue) > 0 && w.queue[0].at <= end {
		w.step()
	}
	w.now = end
}

func (w *World) step() {
	e := heap.Pop(&w.queue).(event)
	w.now = e.at
	if w.steps++; w.steps > maxSteps {
		w.fail("a run comes to its end", "%d steps were not enough", maxSteps)
	}
	e.do()
}

// after lets something happen when some time has passed.
func (w *World) after(d time.Duration, do func()) {
	w.count++
	heap.Push(&w.queue, event{w.now + max(0, d), w.count, do})
}

// fail ends the run: a promise is broken.
func (w *World) fail(promise, format string, args ...any) {
	detail := fmt.Sprintf(format, args...)
	if w.several() {
		w.tracef("the nodes: %s", w.standing())
	}
	w.tracef("FAILED %s: %s", promise, detail)
	panic(&Failure{Promise: promise, Detail: detail})
}

// check fails unless the promise is kept.
func (w *World) check(kept bool, promise, format string, args ...any) {
	if !kept {
		w.fail(promise, format, args...)
	}
}

func (w *World) tracef(format string, args ...any) { w.trace.line(w.now, format, args...) }

// between draws a span, each length equally likely.
func (w *World) between(low, high time.Duration) time.Duration {
	return low + time.Duration(w.rng.Int64N(int64(high-low)+1))
}

// around draws a span of any length with the given mean.
func (w *World) around(mean time.Duration) time.Duration {
	return min(20*mean, time.Duration(w.rng.ExpFloat64()*float64(mean)))
}

// chance is true in so many of 1,000 cases.
func (w *World) chance(perMille int) bool { return w.rng.IntN(1000) < perMille }

// source turns a generator into a stream of random bytes.
type source struct{ rng *rand.Rand }

func (s source) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(s.rng.Uint32())
	}
	return len(b), nil
}
