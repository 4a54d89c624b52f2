package desk

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// cellOf is a row of the oracle: a queue or an agent in an interval.
type cellOf struct {
	id       string
	interval int64
}

// watched is a chat as the oracle follows it by its events.
type watched struct {
	queue, agent           string
	state                  evenkeel.ChatState
	waits, taken, closed   evenkeel.DeskTime
	started                evenkeel.DeskTime
	contact, handed, spoke bool
}

// oracle counts service levels anew from what everybody can see: the events of
// each entry with its time, and how agents stand between entries. It shares
// nothing with the desk's own counting but the vocabulary.
type oracle struct {
	t      *testing.T
	d      *Desk
	now    evenkeel.DeskTime
	chats  map[string]*watched
	queues map[cellOf]*evenkeel.QueueCounts
	agents map[cellOf]*evenkeel.AgentCounts

	staff  []*evenkeel.AgentState // after the entry before
	exists map[string]bool        // queues then
}

func newOracle(t *testing.T, d *Desk) *oracle {
	o := &oracle{
		t: t, d: d, chats: map[string]*watched{},
		queues: map[cellOf]*evenkeel.QueueCounts{}, agents: map[cellOf]*evenkeel.AgentCounts{},
	}
	o.sample()
	return o
}

func (o *oracle) queue(id string, interval int64) *evenkeel.QueueCounts {
	k := cellOf{id, interval}
	if o.queues[k] == nil {
		o.queues[k] = &evenkeel.QueueCounts{}
	}
	return o.queues[k]
}

func (o *oracle) agent(id string, interval int64) *evenkeel.AgentCounts {
	k := cellOf{id, interval}
	if o.agents[k] == nil {
		o.agents[k] = &evenkeel.AgentCounts{}
	}
	return o.agents[k]
}

func (o *oracle) present() int64 { return evenkeel.IntervalOf(o.d.Wall()) }

// sample looks at all agents and queues.
func (o *oracle) sample() {
	var err error
	if o.staff, err = o.d.Agents(agent("admin"), "", 1000); err != nil {
		o.t.Fatal(err)
	}
	states, err := o.d.Queues(agent("admin"), "", 1000)
	if err != nil {
		o.t.Fatal(err)
	}
	o.exists = map[string]bool{}
	for _, q := range states {
		o.exists[q.ID] = true
	}
	o.now = o.d.Now()
}

// pass lets the time since the last entry count, in steps that cross no border.
func (o *oracle) pass() {
	for at := o.now; at < o.d.Now(); {
		wall := o.d.wallOf(at)
		interval := evenkeel.IntervalOf(wall)
		step := min(evenkeel.Duration(o.d.Now()-at), evenkeel.Duration(evenkeel.IntervalStart(interval+1)-wall))
		for _, a := range o.staff {
			c := o.agent(a.ID, interval)
			on := a.Status == evenkeel.StatusOnline && a.Connected
			used := step * evenkeel.Duration(a.Used)
			switch {
			case on:
				c.Online += step
				c.Slots += step * evenkeel.Duration(a.Capacity)
				c.Busy += used
			default:
				c.Held += used
				if a.Status == evenkeel.StatusAway && a.Connected {
					c.Away += step
				}
			}
			for _, m := range a.Queues {
				if on && o.exists[m.Queue] {
					q := o.queue(m.Queue, interval)
					q.Slots += step * evenkeel.Duration(a.Capacity)
					q.Busy += used
				}
			}
		}
		at += evenkeel.DeskTime(step)
	}
}

// entry takes what an entry came to.
func (o *oracle) entry(out Output) {
	o.pass()
	for i := range out.Events {
		e := &out.Events[i]
		if e.Kind != evenkeel.EventPublication {
			continue
		}
		_, kind, id, _ := evenkeel.ParseChannel(e.Channel)
		switch {
		case kind == evenkeel.ChannelStaff && e.Pub.Type == evenkeel.PubDetails:
			o.details(e.Pub.Chat)
		case kind == evenkeel.ChannelAgent:
			o.assignment(id, e.Pub)
		case e.Pub.Type == evenkeel.PubMessage && e.Pub.Message.Author.Kind == evenkeel.AuthorAgent && kind == evenkeel.ChannelChat:
			if c := o.chats[id]; !c.spoke {
				c.spoke = true
				q := o.queue(c.queue, o.present())
				q.Responded++
				q.ResponseTime += evenkeel.Duration(o.d.Now() - c.started)
			}
		}
	}
	o.sample()
}

// details follows a chat from one state to the next.
func (o *oracle) details(next *evenkeel.Chat) {
	now, at := o.d.Now(), o.present()
	c := o.chats[next.ID]
	if c == nil {
		c = &watched{waits: now, started: now}
		o.chats[next.ID] = c
		c.contact, c.queue = true, next.Queue
		o.queue(c.queue, at).Offered++
	}
	waited := c.state == evenkeel.ChatQueued || c.state == evenkeel.ChatOffered
	if next.Queue != c.queue {
		if waited && c.contact {
			o.end(c, func(q *evenkeel.QueueCounts, b *evenkeel.WaitBucket, _ evenkeel.Duration) {
				q.FlowedOut++
				b.FlowedOut++
			})
		}
		c.queue, c.contact = next.Queue, true
		o.queue(c.queue, at).Offered++
	} else if c.handed && next.State == evenkeel.ChatQueued {
		c.contact = true
		o.queue(c.queue, at).Offered++
	}
	c.handed = false
	switch {
	case next.State == evenkeel.ChatActive && c.agent != next.Agent.ID:
		if c.contact {
			o.end(c, func(q *evenkeel.QueueCounts, b *evenkeel.WaitBucket, w evenkeel.Duration) {
				q.Answered++
				b.Answered++
				q.AnswerWait += w
			})
		}
		c.agent, c.taken = next.Agent.ID, now
	case next.State == evenkeel.ChatWrapping && c.state == evenkeel.ChatActive:
		c.closed = now
	case next.State == evenkeel.ChatClosed && waited && c.contact:
		o.end(c, func(q *evenkeel.QueueCounts, b *evenkeel.WaitBucket, w evenkeel.Duration) {
			if next.Reason == evenkeel.ClosedAbandoned || next.Reason == evenkeel.ClosedByCustomer {
				q.Abandoned++
				b.Abandoned++
				q.AbandonWait += w
				return
			}
			q.FlowedOut++
			b.FlowedOut++
		})
	}
	c.state = next.State
}

// end ends a contact's wait.
func (o *oracle) end(c *watched, count func(*evenkeel.QueueCounts, *evenkeel.WaitBucket, evenkeel.Duration)) {
	wait := evenkeel.Duration(o.d.Now() - c.waits)
	b := evenkeel.WaitBucket{Up: evenkeel.WaitEdge(wait)}
	q := o.queue(c.queue, o.present())
	count(q, &b, wait)
	q.LongestWait = max(q.LongestWait, wait)
	q.Add(&evenkeel.QueueCounts{Waits: []evenkeel.WaitBucket{b}})
	c.contact = false
}

// assignment takes what an agent's channel tells.
func (o *oracle) assignment(id string, p *evenkeel.Publication) {
	now, at := o.d.Now(), o.present()
	switch {
	case p.Type == evenkeel.PubOfferEnd && p.Reason == evenkeel.EndTimeout:
		o.queue(o.chats[p.ChatID].queue, at).Missed++
		o.agent(id, at).Missed++
	case p.Type == evenkeel.PubOfferEnd && p.Reason == evenkeel.EndDeclined:
		o.queue(o.chats[p.ChatID].queue, at).Declined++
		o.agent(id, at).Declined++
	case p.Type == evenkeel.PubUnassigned && o.chats[p.ChatID].agent == id:
		c := o.chats[p.ChatID]
		time, wrap := evenkeel.Duration(now-c.taken), evenkeel.Duration(0)
		if c.state == evenkeel.ChatWrapping {
			wrap = evenkeel.Duration(now - c.closed)
		}
		q, a := o.queue(c.queue, at), o.agent(id, at)
		q.Handled, q.HandleTime, q.WrapTime = q.Handled+1, q.HandleTime+time, q.WrapTime+wrap
		a.Handled, a.HandleTime, a.WrapTime = a.Handled+1, a.HandleTime+time, a.WrapTime+wrap
		c.handed = p.Reason == evenkeel.EndTransferred
		if c.handed {
			q.Transferred++
			a.Transferred++
		}
		c.agent, c.waits = "", now
	}
}

// counted are the desk's own counts, by interval.
func (o *oracle) counted() (map[cellOf]*evenkeel.QueueCounts, map[cellOf]*evenkeel.AgentCounts) {
	queues, agents := map[cellOf]*evenkeel.QueueCounts{}, map[cellOf]*evenkeel.AgentCounts{}
	for _, of := range []bool{false, true} {
		f := evenkeel.TallyFilter{Agents: of, From: minInterval, To: -minInterval, Limit: 7}
		for more := true; more; {
			var page []evenkeel.Tally
			var err error
			if page, more, err = o.d.Tallies(agent("admin"), f); err != nil {
				o.t.Fatal(err)
			}
			for _, t := range page {
				for i := range t.Intervals {
					k := cellOf{t.ID, t.From + i}
					if of {
						if agents[k] == nil {
							agents[k] = &evenkeel.AgentCounts{}
						}
						agents[k].Add(t.Agent)
						continue
					}
					if queues[k] == nil {
						queues[k] = &evenkeel.QueueCounts{}
					}
					queues[k].Add(t.Queue)
				}
			}
			if n := len(page); n > 0 { // in some histories no agent has done anything
				f.After = page[n-1]
			}
		}
	}
	return queues, agents
}

// compare holds the desk's counts against the oracle's. With a wall clock that
// steps, a span of time may be counted on the other side of a border: then the
// sums over all intervals are compared.
func (o *oracle) compare(steady bool) error {
	queues, agents := o.counted()
	if !steady {
		queues, agents = overall(queues, (*evenkeel.QueueCounts).Add), overall(agents, (*evenkeel.AgentCounts).Add)
		o.queues, o.agents = overall(o.queues, (*evenkeel.QueueCounts).Add), overall(o.agents, (*evenkeel.AgentCounts).Add)
	}
	wantQueues, gotQueues := tell(o.queues), tell(queues)
	wantAgents, gotAgents := tell(o.agents), tell(agents)
	if !reflect.DeepEqual(wantQueues, gotQueues) {
		return fmt.Errorf("queues:\n%s", firstDifference(strings.Join(wantQueues, "\n"), strings.Join(gotQueues, "\n")))
	}
	if !reflect.DeepEqual(wantAgents, gotAgents) {
		return fmt.Errorf("agents:\n%s", firstDifference(strings.Join(wantAgents, "\n"), strings.Join(gotAgents, "\n")))
	}
	return nil
}

func overall[C any](rows map[cellOf]*C, add func(*C, *C)) map[cellOf]*C {
	out := map[cellOf]*C{}
	for k, c := range rows {
		sum := out[cellOf{id: k.id}]
		if sum == nil {
			sum = new(C)
			out[cellOf{id: k.id}] = sum
		}
		add(sum, c)
	}
	return out
}

// tell writes rows down, without those that say nothing.
func tell[C any](rows map[cellOf]*C) (out []string) {
	for _, k := range slices.SortedFunc(maps.Keys(rows), func(a, b cellOf) int {
		return strings.Compare(fmt.Sprintf("%s %d", a.id, a.interval), fmt.Sprintf("%s %d", b.id, b.interval))
	}) {
		if text := fmt.Sprintf("%+v", *rows[k]); text != fmt.Sprintf("%+v", *new(C)) {
			out = append(out, fmt.Sprintf("%s %d %s", k.id, k.interval, text))
		}
	}
	return out
}

// TestLevelsOfRandomHistories holds the counters of random histories against the
// oracle.
func TestLevelsOfRandomHistories(t *testing.T) {
	var queues evenkeel.QueueCounts
	var agents evenkeel.AgentCounts
	for seed := range *seeds {
		for _, steady := range []bool{true, false} {
			t.Run(fmt.Sprintf("%d steady %v", seed, steady), func(t *testing.T) {
				w := newCrowd(t, 5000+seed)
				o := newOracle(t, w.f.d)
				for range 400 {
					w.f.time += evenkeel.DeskTime(w.r.IntN(4000))
					if w.r.IntN(25) == 0 {
						w.f.time += evenkeel.DeskTime(w.r.IntN(4_000_000))
					}
					c := w.command()
					if _, clock := c.Body.(*evenkeel.ClockSet); clock && steady {
						c.Body = &evenkeel.Checkpoint{}
					}
					out := w.f.apply(c)
					o.entry(out)
					for out.More {
						out = w.f.apply()
						o.entry(out)
					}
				}
				if err := o.compare(steady); err != nil {
					t.Fatal(err)
				}
				for _, c := range o.queues { //order: a sum
					queues.Add(c)
				}
				for _, c := range o.agents { //order: a sum
					agents.Add(c)
				}
			})
		}
	}
	queues.Refused = 1 // no command of the crowd's
	for _, counts := range []any{queues, agents} {
		for i, v := 0, reflect.ValueOf(counts); i < v.NumField(); i++ {
			if v.Field(i).IsZero() {
				t.Errorf("%s was never counted in any history", v.Type().Field(i).Name)
			}
		}
	}
}
