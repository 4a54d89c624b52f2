package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/client"
)

// figures is what the demo's people measure: what was acknowledged to those who
// write against what the customers hear.
type figures struct {
	threshold time.Duration
	began0    time.Time

	mu    sync.Mutex
	total demoFigures
	score int64
	took  latencies
	chats map[string]*ear
	owned map[string]*owners // by chat
	last  struct {
		at    time.Time
		heard uint64
	}
	errs []error
}

// ear is one customer's side of one chat.
type ear struct {
	answered bool
	said     map[string]time.Time // texts that were or may be sent, and when
	acked    map[string]uint64    // number of each text that was acknowledged
	heard    map[string]uint64
	top      uint64 // the highest number heard
}

// owners are the agents who have been told, and not otherwise since, that a chat is
// theirs.
type owners struct {
	agents map[string]struct{}
	since  time.Time // when they became several
	told   bool      // counted
}

// ownersSettle is how long the news that a chat is somebody else's may be on its way,
// over a lost connection too.
const ownersSettle = 15 * time.Second

// demoFigures is one line of the figures.
type demoFigures struct {
	Seconds     float64     `json:"seconds"`
	Waiting     int         `json:"waiting"`
	Talking     int         `json:"talking"`
	InTime      float64     `json:"answered_in_time"` // percent of answered and abandoned
	Rate        float64     `json:"messages_per_second"`
	Lost        int         `json:"lost"`
	Doubled     int         `json:"doubled"`
	Reordered   int         `json:"reordered"`
	TwoOwners   int         `json:"two_owners"` // chats that two agents had for theirs
	P50         float64     `json:"p50_ms"`     // from sending to hearing
	P99         float64     `json:"p99_ms"`
	Started     int         `json:"chats_started"`
	Answered    int         `json:"answered"`
	Soon        int         `json:"answered_within_threshold"`
	Abandoned   int         `json:"abandoned"`
	Transferred int         `json:"transferred"`
	Ended       int         `json:"ended"`
	Rated       int         `json:"rated"`
	Score       float64     `json:"average_rating"`
	Sent        uint64      `json:"messages_acknowledged"`
	Heard       uint64      `json:"messages_heard"`
	Summary     bool        `json:"summary,omitempty"`
	Soak        *soakReport `json:"soak,omitempty"`
}

func (f *demoFigures) String() string {
	return fmt.Sprintf("%4.0f s  waiting %d  talking %d  in time %.0f %%  %.1f messages/s  lost %d  doubled %d  reordered %d  two owners %d  p99 %.1f ms",
		f.Seconds, f.Waiting, f.Talking, f.InTime, f.Rate, f.Lost, f.Doubled, f.Reordered, f.TwoOwners, f.P99)
}

func newFigures(threshold time.Duration) *figures {
	return &figures{threshold: threshold, began0: time.Now(), chats: map[string]*ear{}, owned: map[string]*owners{}}
}

// began notes a chat with its first message.
func (f *figures) began(chat, text string, at time.Time) *ear {
	f.mu.Lock()
	defer f.mu.Unlock()
	e := &ear{said: map[string]time.Time{text: at}, acked: map[string]uint64{text: 1}, heard: map[string]uint64{}}
	f.chats[chat] = e
	f.total.Started++
	f.total.Sent++
	f.total.Waiting++
	return e
}

func (f *figures) answered(chat string, after time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e := f.chats[chat]; e != nil && !e.answered {
		e.answered = true
		f.total.Waiting--
		f.total.Talking++
		f.total.Answered++
		if after <= f.threshold {
			f.total.Soon++
		}
	}
}

func (f *figures) abandoned() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.total.Abandoned++
}

func (f *figures) transferred() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.total.Transferred++
}

func (f *figures) rated(score int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.total.Rated++
	f.score += score
}

// ended settles a chat: what was acknowledged and not heard by now is lost.
func (f *figures) ended(chat string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e := f.chats[chat]
	delete(f.chats, chat)
	for text, n := range e.acked {
		if e.heard[text] == 0 {
			f.total.Lost++
			f.wrong(fmt.Errorf("chat %s: message %d, %q, was acknowledged and not heard; the last one heard is %d", chat, n, text, e.top))
		}
	}
	f.total.Ended++
	if e.answered {
		f.total.Talking--
	} else {
		f.total.Waiting--
	}
}

// owns notes that an agent was told that a chat is his, or not his any more.
func (f *figures) owns(agent, chat string, yes bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o := f.owned[chat]
	if o == nil {
		o = &owners{agents: map[string]struct{}{}}
		f.owned[chat] = o
	}
	if yes {
		o.agents[agent] = struct{}{}
	} else {
		delete(o.agents, agent)
	}
	switch {
	case len(o.agents) == 0:
		delete(f.owned, chat)
	case len(o.agents) == 1:
		o.since = time.Time{}
	case o.since.IsZero():
		o.since = time.Now()
	}
}

// judgeOwners counts chats that have been two agents' for too long. Called under the
// lock.
func (f *figures) judgeOwners(now time.Time) {
	for chat, o := range f.owned {
		if len(o.agents) > 1 && !o.told && now.Sub(o.since) > ownersSettle {
			o.told = true
			f.total.TwoOwners++
			f.wrong(fmt.Errorf("chat %s: %v have it for theirs", chat, slices.Sorted(maps.Keys(o.agents))))
		}
	}
}

// say sends a message and notes what was promised about it.
func (f *figures) say(ctx context.Context, t client.Talk, chat, text string) error {
	f.mu.Lock()
	e := f.chats[chat]
	if e != nil {
		e.said[text] = time.Now()
	}
	f.mu.Unlock()
	sent, err := t.Send(ctx, chat, text)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.total.Sent++
	if e != nil {
		e.acked[text] = sent.Number
		if n := e.heard[text]; n != 0 && n != sent.Number {
			f.total.Reordered++
		}
	}
	return nil
}

// heard takes a message that a customer was shown.
func (f *figures) heard(e *ear, m *evenkeel.Message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.total.Heard++
	switch {
	case m.Kind != evenkeel.MessageText:
	case e.heard[m.Text] != 0:
		f.total.Doubled++
	default:
		e.heard[m.Text] = m.Number
		if at, ok := e.said[m.Text]; ok {
			f.took.add(time.Since(at))
		}
		if n := e.acked[m.Text]; n != 0 && n != m.Number {
			f.total.Reordered++
		}
	}
	switch {
	case m.Number <= e.top:
		f.total.Reordered++
	case m.Number > e.top+1:
		f.total.Lost += int(m.Number - e.top - 1)
	}
	e.top = max(e.top, m.Number)
}

// complete tells whether a customer has heard all that was acknowledged.
func (f *figures) complete(e *ear) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for text := range e.acked {
		if e.heard[text] == 0 {
			return false
		}
	}
	return true
}

// failed notes an error of one of the people.
func (f *figures) failed(err error) {
	if err == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wrong(err)
}

// wrong is called under the lock.
func (f *figures) wrong(err error) {
	if len(f.errs) < 10 {
		f.errs = append(f.errs, err)
	}
}

// now are the figures at this moment; the rate is since the call before.
func (f *figures) now() *demoFigures {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	f.judgeOwners(now)
	r := f.total
	r.Seconds = now.Sub(f.began0).Round(time.Millisecond).Seconds()
	if f.last.at.IsZero() {
		f.last.at = f.began0
	}
	if span := now.Sub(f.last.at).Seconds(); span > 0 {
		r.Rate = float64(f.total.Heard-f.last.heard) / span
	}
	f.last.at, f.last.heard = now, f.total.Heard
	if all := r.Answered + r.Abandoned; all > 0 {
		r.InTime = 100 * float64(r.Soon) / float64(all)
	}
	if r.Rated > 0 {
		r.Score = float64(f.score) / float64(r.Rated)
	}
	r.P50, r.P99 = ms(f.took.at(0.5)), ms(f.took.at(0.99))
	return &r
}

// verdict is what was wrong; nil: nothing.
func (f *figures) verdict() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := errors.Join(f.errs...)
	if f.total.Lost+f.total.Doubled+f.total.Reordered > 0 {
		err = errors.Join(err, fmt.Errorf("%d messages were lost, %d doubled, %d reordered", f.total.Lost, f.total.Doubled, f.total.Reordered))
	}
	if f.total.TwoOwners > 0 {
		err = errors.Join(err, fmt.Errorf("%d chats had two owners", f.total.TwoOwners))
	}
	return err
}
