package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/evenkeel/evenkeel/client"
)

// probe is a client of one node that never leaves it: it writes one message after
// the other, and sends one until it is acknowledged, however long that takes. It
// tells for how long nothing could be written there.
type probe struct {
	node  *fleetNode
	token string                                // of a supervisor
	chat  func(context.Context) (string, error) // makes a chat to write in

	rush atomic.Bool   // write without pauses
	wake chan struct{} // has room for one

	mu      sync.Mutex
	waiting []probeWait
}

// probeWait is somebody who wants to know when it works again.
type probeWait struct {
	since time.Time
	came  chan time.Time
}

const (
	probeEvery   = 20 * time.Millisecond // between two messages, unless it rushes
	probeRedial  = 10 * time.Millisecond
	probePatient = 7 * time.Second // with a node that does not answer
)

func newProbe(n *fleetNode, token string, chat func(context.Context) (string, error)) *probe {
	return &probe{node: n, token: token, chat: chat, wake: make(chan struct{}, 1)}
}

// after returns when the first message that was begun at a time or later was
// acknowledged.
func (p *probe) after(since time.Time) <-chan time.Time {
	came := make(chan time.Time, 1)
	p.mu.Lock()
	p.waiting = append(p.waiting, probeWait{since, came})
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return came
}

// acknowledged notes a message.
func (p *probe) acknowledged(begun, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := p.waiting[:0]
	for _, w := range p.waiting {
		if begun.Before(w.since) {
			kept = append(kept, w)
			continue
		}
		w.came <- now
	}
	p.waiting = kept
}

// probeWrite is a message under way.
type probeWrite struct {
	chat  string
	left  int // messages that the chat takes yet
	id    string
	begun time.Time
}

// run writes until ctx ends.
func (p *probe) run(ctx context.Context) {
	var w probeWrite
	for ctx.Err() == nil {
		line, err := dialPhone(ctx, websocketOf(p.node.url), p.token, 4<<10)
		if err == nil {
			stop := context.AfterFunc(ctx, func() { _ = line.ws.Close() }) // ends a read
			p.write(ctx, line, &w)
			stop()
			_ = line.ws.Close() // it is of no use any more
		}
		nap(ctx, probeRedial)
	}
}

// write writes on one connection, until it fails.
func (p *probe) write(ctx context.Context, line *phone, w *probeWrite) {
	for {
		if w.left == 0 {
			chat, err := p.chat(ctx)
			if err != nil {
				return
			}
			*w = probeWrite{chat: chat, left: perChat}
		}
		if w.id == "" {
			w.id, w.begun = client.NewID(), time.Now()
		}
		message := map[string]string{"id": w.id, "chat": w.chat, "text": "is anybody there?"}
		if line.ws.SetReadDeadline(time.Now().Add(probePatient)) != nil || line.call("chat.send", message, nil) != nil {
			return
		}
		p.acknowledged(w.begun, time.Now())
		w.id = ""
		w.left--
		if p.rush.Load() {
			continue
		}
		timer := time.NewTimer(probeEvery)
		select {
		case <-timer.C:
		case <-p.wake:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}
