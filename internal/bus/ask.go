package bus

import (
	"context"
	"encoding/binary"
	"strconv"
	"sync"
)

// maxAsked bounds the questions that wait for answers: what is asked beyond them is
// not answered.
const maxAsked = 256

// asked are the questions of this process that wait for answers. Questions and
// answers begin with a number of 8 bytes, by which they find each other.
type asked struct {
	mu   sync.Mutex
	last uint64
	open map[uint64]*question
}

type question struct {
	of      map[uint64]bool // who has not answered yet
	answers map[uint64][]byte
	done    chan struct{} // closed when all have
}

func answersTo(node uint64) string { return "to." + strconv.FormatUint(node, 10) }

// Answer answers the questions of a topic. answer must not block.
func (b *Bus) Answer(topic string, answer func(from uint64, question []byte) []byte) {
	b.Subscribe(topic, func(from uint64, message []byte) {
		if len(message) >= 8 {
			b.Publish(answersTo(from), append(message[:8:8], answer(from, message[8:])...))
		}
	})
}

// Ask puts a question to the other nodes and returns the answers of those that are
// named, when they are all there, or when ctx ends: those that came until then.
func (b *Bus) Ask(ctx context.Context, topic string, text []byte, of []uint64) map[uint64][]byte {
	number, q := b.asked.begin(of)
	if q == nil {
		return nil
	}
	if b.Publish(topic, append(binary.BigEndian.AppendUint64(nil, number), text...)) {
		select {
		case <-q.done:
		case <-ctx.Done():
		case <-b.ctx.Done():
		}
	}
	return b.asked.end(number)
}

// begin takes note of a question; nil if there is nobody to ask, or too much to answer.
func (a *asked) begin(of []uint64) (uint64, *question) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(of) == 0 || len(a.open) >= maxAsked {
		return 0, nil
	}
	if a.open == nil {
		a.open = map[uint64]*question{}
	}
	q := &question{of: map[uint64]bool{}, answers: map[uint64][]byte{}, done: make(chan struct{})}
	for _, node := range of {
		q.of[node] = true
	}
	a.last++
	a.open[a.last] = q
	return a.last, q
}

func (a *asked) end(number uint64) map[uint64][]byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	answers := a.open[number].answers
	delete(a.open, number)
	return answers
}

// answered takes an answer. One that comes late, or from a node that was not asked,
// is of no use.
func (a *asked) answered(from uint64, message []byte) {
	if len(message) < 8 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	q := a.open[binary.BigEndian.Uint64(message)]
	if q == nil || !q.of[from] {
		return
	}
	delete(q.of, from)
	q.answers[from] = message[8:]
	if len(q.of) == 0 {
		close(q.done)
	}
}
