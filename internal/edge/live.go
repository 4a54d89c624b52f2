//evenkeel:shell

package edge

import (
	"sync"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/auth"
)

const (
	liveEvery = time.Second
	liveSoon  = 20 * time.Millisecond // after a subscription, so that it hears it
	// deskAgents bounds the agents that the channel of a workspace lists.
	deskAgents = 500
)

// live is what is published once a second of the local replica: figures to
// whoever follows them here, positions to customers who wait here. None of it is
// in the log.
type live struct {
	mu      sync.Mutex
	watched map[string]*watch // by channel
	places  places
	refused map[lineName]int64 // starts, not told to the desk yet
	telling []*evenkeel.Command

	wake  chan struct{} // holds one token when a channel has a new subscriber
	ended chan struct{}
}

// watch is a channel of figures that somebody follows.
type watch struct {
	workspace, queue string // no queue: the workspace's own
	last             []byte // what was published, without its time
	fresh            int    // how often it is still published though nothing changed
}

func (l *live) init() {
	l.watched, l.places, l.refused = map[string]*watch{}, newPlaces(), map[lineName]int64{}
	l.wake, l.ended = make(chan struct{}, 1), make(chan struct{})
}

// Watched tells that somebody subscribes to a channel here. One of live figures
// is told the present ones at once: they have no history.
func (e *Edge) Watched(channel string) {
	workspace, kind, id, ok := evenkeel.ParseChannel(channel)
	if !ok || kind != evenkeel.ChannelQueue && kind != evenkeel.ChannelDesk {
		return
	}
	l := &e.live
	l.mu.Lock()
	w := l.watched[channel]
	if w == nil {
		w = &watch{workspace: workspace, queue: id}
		l.watched[channel] = w
	}
	w.fresh = 2 // should the first one come before the client listens, there is a second
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// tell publishes once a second until the edge stops.
func (e *Edge) tell() {
	defer close(e.live.ended)
	tick := time.NewTicker(liveEvery)
	defer tick.Stop()
	soon := time.NewTimer(time.Hour)
	defer soon.Stop()
	for {
		select {
		case <-tick.C:
			e.tellFigures(false)
			e.tellPositions()
			e.tellRefused()
		case <-e.live.wake:
			soon.Reset(liveSoon)
		case <-soon.C:
			e.tellFigures(true)
		case <-e.stop:
			return
		}
	}
}

// tellFigures publishes the figures that changed, or those alone that somebody
// has just subscribed to. What nobody follows any more is forgotten.
func (e *Edge) tellFigures(freshOnly bool) {
	l := &e.live
	l.mu.Lock()
	due := map[string]*watch{}
	for channel, w := range l.watched {
		if w.fresh > 0 || !freshOnly {
			due[channel] = w
		}
	}
	l.mu.Unlock()
	for channel, w := range due {
		if !e.cfg.Listened(channel) {
			l.mu.Lock()
			if w.fresh--; w.fresh < 0 {
				delete(l.watched, channel)
			}
			l.mu.Unlock()
			continue
		}
		if data := e.figures(w); data != nil {
			e.cfg.Ephemeral(channel, data)
		}
	}
}

// figures returns what is to be published on a channel; nil: nothing.
func (e *Edge) figures(w *watch) []byte {
	e.live.mu.Lock()
	last, anyway := w.last, w.fresh > 0
	w.fresh = max(0, w.fresh-1)
	e.live.mu.Unlock()
	var data, kept []byte
	var err error
	if w.queue == "" {
		var f *evenkeel.DeskFigures
		e.cfg.Cell.View(func(r Reader) { f = r.DeskFigures(w.workspace, deskAgents) })
		data, kept, err = deskNews(f, last, anyway)
	} else {
		var f *evenkeel.QueueFigures
		e.cfg.Cell.View(func(r Reader) { f, _ = r.QueueFigures(w.workspace, w.queue) })
		if f == nil {
			return nil // it was removed: its subscribers are told by an event
		}
		data, kept, err = queueNews(f, last, anyway)
	}
	if err != nil {
		e.cfg.Log.Error("cannot write live figures", "error", err)
		return nil
	}
	w.last = kept // this goroutine's alone
	return data
}

// tellPositions tells customers who wait where they stand, if that changed. The
// desk is read queue by queue, the head of each.
func (e *Edge) tellPositions() {
	l := &e.live
	l.mu.Lock()
	wanted := l.places.wanted()
	l.mu.Unlock()
	for _, name := range wanted {
		var head evenkeel.LineHead
		var ok bool
		e.cfg.Cell.View(func(r Reader) { head, ok = r.LineHead(name.workspace, name.queue, placesShown) })
		if !ok {
			continue
		}
		l.mu.Lock()
		notices := l.places.moved(name, &head, e.since())
		l.mu.Unlock()
		for _, n := range notices {
			e.cfg.Ephemeral(n.channel, n.data)
		}
	}
}

// follow takes note of a customer's chat that changed, if he is connected here.
func (e *Edge) follow(channel string, c *evenkeel.Chat) {
	e.mu.Lock()
	_, here := e.visitors[channel]
	e.mu.Unlock()
	if here {
		e.live.mu.Lock()
		e.live.places.see(channel, c, e.since())
		e.live.mu.Unlock()
	}
}

// greet has a customer told of his places to whom another client has come.
func (e *Edge) greet(channel string, chats []*evenkeel.Chat) {
	e.live.mu.Lock()
	defer e.live.mu.Unlock()
	for _, c := range chats {
		e.live.places.see(channel, c, e.since())
		e.live.places.again(c, e.since())
	}
}

// submit hands a command to the courier, and counts the start that a queue
// refuses: a refusal leaves no trace in the desk, so the edge tells it of how
// many there were.
func (e *Edge) submit(client ClientID, c *evenkeel.Command, size int, reply func(*evenkeel.Result, *evenkeel.Error)) {
	start, ok := c.Body.(*evenkeel.ChatStart)
	if !ok {
		e.mail.submit(client, c, size, reply)
		return
	}
	e.mail.submit(client, c, size, func(r *evenkeel.Result, err *evenkeel.Error) {
		if err != nil && (err.Code == evenkeel.CodeQueueClosed || err.Code == evenkeel.CodeQueueFull) {
			e.live.mu.Lock()
			e.live.refused[lineName{c.By.Workspace, start.Queue}]++
			e.live.mu.Unlock()
		}
		reply(r, err)
	})
}

// tellRefused tells the desk of the starts that were refused since the last
// time. What finds no leader is told again, under the same id.
func (e *Edge) tellRefused() {
	l := &e.live
	l.mu.Lock()
	commands := l.telling
	l.telling = nil
	for name, n := range l.refused {
		id, err := auth.NewID(e.cfg.Random, "refused-")
		if err != nil {
			e.cfg.Log.Error("cannot make an id", "error", err)
			break
		}
		commands = append(commands, &evenkeel.Command{
			By: evenkeel.System(), OnBehalfOf: evenkeel.Principal{Workspace: name.workspace}, ID: id,
			Body: &evenkeel.QueueRefused{Queue: name.queue, Number: n},
		})
		delete(l.refused, name)
	}
	l.mu.Unlock()
	for _, c := range commands {
		e.mail.submit(0, c, maxIDBytes, func(_ *evenkeel.Result, err *evenkeel.Error) {
			if err != nil && err.Code.Info().Temporary {
				l.mu.Lock()
				l.telling = append(l.telling, c)
				l.mu.Unlock()
			}
		})
	}
}
