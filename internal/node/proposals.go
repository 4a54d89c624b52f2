package node

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
	"github.com/evenkeel/evenkeel/internal/replica"
)

// answerLimit is how long the leader may take to answer a proposal of another
// node. Callers have given up by then.
const answerLimit = 5 * time.Second

// proposals are those that this node has sent to the leader.
//
// What the leader answers is passed on when this node's own replica has applied
// it: whoever got an answer here finds what he did here.
type proposals struct {
	cluster *cluster
	ending  context.Context
	cancel  context.CancelFunc
	tasks   sync.WaitGroup
	arrived chan delivery // answers in the order of their arrival, which is that of the log

	mu      sync.Mutex
	last    uint64
	waiting map[uint64]*waiting
}

// waiting is a proposal without an answer.
type waiting struct {
	at    uint64 // the node that was asked
	count int    // of commands
	since time.Time
	done  func([]evenkeel.Result, error)
}

type delivery struct {
	to      *waiting
	outcome *outcome
}

// maxAnswers bounds the answers whose entries this node has not applied yet.
const maxAnswers = 4096

func (p *proposals) init(c *cluster) {
	p.cluster = c
	p.ending, p.cancel = context.WithCancel(context.Background())
	p.waiting = map[uint64]*waiting{}
	p.arrived = make(chan delivery, maxAnswers)
	p.tasks.Go(p.deliver)
	p.tasks.Go(p.sweep)
}

// close answers everybody.
func (p *proposals) close() {
	p.cancel()
	p.tasks.Wait()
	p.drop(func(*waiting) bool { return true })
	for {
		select {
		case d := <-p.arrived:
			d.to.done(nil, unknownFate())
		default:
			return
		}
	}
}

// send hands encoded commands to the node that leads.
func (p *proposals) send(to uint64, lane replica.Lane, commands [][]byte, done func([]evenkeel.Result, error)) {
	p.mu.Lock()
	if p.ending.Err() != nil {
		p.mu.Unlock()
		done(nil, unknownFate())
		return
	}
	p.last++
	request := p.last
	p.waiting[request] = &waiting{at: to, count: len(commands), since: time.Now(), done: done}
	p.mu.Unlock()
	t := p.cluster.transport
	if t == nil || !t.Send(to, framePropose, encodeWire(proposal{request, lane, commands})) {
		if w := p.claim(request); w != nil {
			w.done(nil, unknownFate())
		}
	}
}

func (p *proposals) claim(request uint64) *waiting {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.waiting[request]
	delete(p.waiting, request)
	return w
}

// answered takes the answer of the node that was asked.
func (p *proposals) answered(from uint64, o *outcome) {
	p.mu.Lock()
	w := p.waiting[o.Request]
	if w == nil || w.at != from || o.Err == nil && len(o.Results) != w.count {
		p.mu.Unlock()
		return // given up, or not an answer to it
	}
	delete(p.waiting, o.Request)
	p.mu.Unlock()
	if o.Err != nil {
		w.done(nil, o.Err)
		return
	}
	select {
	case p.arrived <- delivery{w, o}:
	default: // this node is far behind: the caller asks again, and is told the same
		w.done(nil, unknownFate())
	}
}

// deliver passes answers on as this node's replica comes to them.
func (p *proposals) deliver() {
	for {
		select {
		case <-p.ending.Done():
			return
		case d := <-p.arrived:
			ctx, cancel := context.WithTimeout(p.ending, answerLimit)
			err := p.cluster.node.replica.WaitApplied(ctx, d.outcome.Results[len(d.outcome.Results)-1].Index)
			cancel()
			if err != nil {
				d.to.done(nil, unknownFate())
				continue
			}
			d.to.done(d.outcome.Results, nil)
		}
	}
}

// lost gives up what a node was asked that is not connected any more.
func (p *proposals) lost(id uint64) { p.drop(func(w *waiting) bool { return w.at == id }) }

// sweep gives up what was not answered in time.
func (p *proposals) sweep() {
	ticker := time.NewTicker(answerLimit / 5)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			p.drop(func(w *waiting) bool { return time.Since(w.since) > answerLimit })
		case <-p.ending.Done():
			return
		}
	}
}

func (p *proposals) drop(which func(*waiting) bool) {
	p.mu.Lock()
	var gone []*waiting
	for request, w := range p.waiting {
		if which(w) {
			gone = append(gone, w)
			delete(p.waiting, request)
		}
	}
	p.mu.Unlock()
	for _, w := range gone {
		w.done(nil, unknownFate())
	}
}

func unknownFate() *evenkeel.Error {
	return &evenkeel.Error{Code: evenkeel.CodeNoLeader, Detail: "the cell has no leader that this node can reach", RetryAfter: evenkeel.Second}
}

// propose puts encoded commands into the log, whichever node leads.
func (n *Node) propose(lane replica.Lane, commands [][]byte, done func([]evenkeel.Result, error)) {
	s := n.replica.Status()
	if s.Leads || s.Leader == 0 || s.Leader == n.replica.ID() {
		n.replica.Propose(lane, commands, done)
		return
	}
	n.cluster.proposals.send(s.Leader, lane, commands, done)
}

// doRetry is the pause before a command of the cell itself is proposed again.
const doRetry = 50 * time.Millisecond

// do runs a command of the cell itself, which does no more by being done twice.
// It waits for a leader until ctx ends.
func (n *Node) do(ctx context.Context, body evenkeel.Body) (evenkeel.Result, error) {
	return n.doCommand(ctx, &evenkeel.Command{By: evenkeel.System(), Body: body})
}

func (n *Node) doCommand(ctx context.Context, c *evenkeel.Command) (evenkeel.Result, error) {
	encoded, err := desk.EncodeCommand(nil, c)
	if err != nil {
		return evenkeel.Result{}, err
	}
	for {
		result, err := n.ask(ctx, encoded)
		if evenkeel.ErrorCode(err) != evenkeel.CodeNoLeader {
			return result, err
		}
		select {
		case <-time.After(doRetry):
		case <-ctx.Done():
			return result, errors.Join(err, ctx.Err())
		case <-n.replica.Done():
			return result, err
		}
	}
}

// ask proposes one command and waits for what comes of it.
func (n *Node) ask(ctx context.Context, encoded []byte) (evenkeel.Result, error) {
	type answer struct {
		results []evenkeel.Result
		err     error
	}
	came := make(chan answer, 1)
	n.propose(replica.Control, [][]byte{encoded}, func(results []evenkeel.Result, err error) { came <- answer{results, err} })
	select {
	case a := <-came:
		switch {
		case a.err != nil:
			return evenkeel.Result{}, a.err
		case a.results[0].Err != nil:
			return a.results[0], a.results[0].Err
		}
		return a.results[0], nil
	case <-ctx.Done():
		return evenkeel.Result{}, ctx.Err()
	}
}
