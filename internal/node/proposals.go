package node

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
	"github.com/evenkeel/evenkeel/internal/forward"
	"github.com/evenkeel/evenkeel/internal/replica"
)

// proposals are those that this node has sent to the leader.
//
// What the leader answers is passed on when this node's own replica has applied
// it: whoever got an answer here finds what he did here.
type proposals struct {
	cluster *cluster
	ending  context.Context
	cancel  context.CancelFunc
	tasks   sync.WaitGroup
	born    time.Time
	arrived chan struct{} // something waits for the replica; has room for one
	led     chan struct{} // another node leads; has room for one

	mu     sync.Mutex
	table  *forward.Table
	closed bool
}

// init begins with a number by chance: an answer to the process before, which
// comes late, must not be taken for one to this.
func (p *proposals) init(c *cluster, random io.Reader) error {
	var first [8]byte
	if _, err := io.ReadFull(random, first[:]); err != nil {
		return fmt.Errorf("draw the number of the first proposal: %w", err)
	}
	p.cluster, p.born = c, time.Now()
	p.table = forward.New(binary.BigEndian.Uint64(first[:]) >> 1)
	p.arrived, p.led = make(chan struct{}, 1), make(chan struct{}, 1)
	p.ending, p.cancel = context.WithCancel(context.Background())
	p.tasks.Go(p.deliver)
	p.tasks.Go(p.follow)
	p.tasks.Go(p.sweep)
	return nil
}

// with changes the table, and tells whoever has his answer by that, outside the
// lock.
func (p *proposals) with(change func(*forward.Table)) {
	p.mu.Lock()
	change(p.table)
	ended := p.table.Take()
	p.mu.Unlock()
	for _, tell := range ended {
		tell()
	}
}

// close answers everybody.
func (p *proposals) close() {
	p.cancel()
	p.tasks.Wait()
	p.with(func(t *forward.Table) {
		p.closed = true
		t.Close()
	})
}

// send hands encoded commands to the node that leads.
func (p *proposals) send(to uint64, lane replica.Lane, commands [][]byte, done func([]evenkeel.Result, error)) {
	var request uint64
	closed := false
	p.with(func(t *forward.Table) {
		if closed = p.closed || p.ending.Err() != nil; !closed {
			request = t.Ask(time.Since(p.born), to, len(commands), done)
		}
	})
	if closed {
		done(nil, forward.UnknownFate())
		return
	}
	t := p.cluster.transport
	if t == nil || !t.Send(to, framePropose, encodeWire(proposal{request, lane, commands})) {
		p.with(func(t *forward.Table) { t.Unsent(request) })
	}
}

// answered takes the answer of the node that was asked.
func (p *proposals) answered(from uint64, o *outcome) {
	p.with(func(t *forward.Table) { t.Answered(from, o.Request, o.Results, o.Err) })
	p.poke()
}

// poke has deliver look.
func (p *proposals) poke() { ring(p.arrived) }

// deliver passes answers on as this node's replica comes to them.
func (p *proposals) deliver() {
	for {
		select {
		case <-p.ending.Done():
			return
		case <-p.arrived:
		}
		for {
			var index uint64
			waiting := false
			p.with(func(t *forward.Table) { index, waiting = t.Next() })
			if !waiting {
				break
			}
			ctx, cancel := context.WithTimeout(p.ending, forward.AnswerLimit)
			err := p.cluster.node.replica.WaitApplied(ctx, index)
			cancel()
			if err != nil {
				break // once more when sweep has looked
			}
			p.with(func(t *forward.Table) { t.Applied(index) })
		}
	}
}

// follow gives up what was asked of a node that leads no more.
func (p *proposals) follow() {
	for {
		select {
		case <-p.ending.Done():
			return
		case <-p.led:
		}
		leader := p.cluster.node.replica.Status().Leader
		p.with(func(t *forward.Table) { t.Leads(leader) })
	}
}

// newLeader has follow look. It does not block.
func (p *proposals) newLeader(uint64) { ring(p.led) }

func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}

// lost gives up what a node was asked that is not connected any more.
func (p *proposals) lost(id uint64) { p.with(func(t *forward.Table) { t.Lost(id) }) }

// sweep gives up what was not answered in time.
func (p *proposals) sweep() {
	ticker := time.NewTicker(forward.AnswerLimit / 5)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			p.with(func(t *forward.Table) { t.Sweep(time.Since(p.born)) })
			p.poke()
		case <-p.ending.Done():
			return
		}
	}
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
