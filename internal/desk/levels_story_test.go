package desk

import (
	"fmt"
	"strings"

	"github.com/evenkeel/evenkeel"
)

// levels tells all that is counted of a queue, or of "agent ID": a line for each
// tally, with its interval counted from the first one of the story.
func (s *story) levels(of string) {
	f := evenkeel.TallyFilter{ID: of, From: minInterval, To: -minInterval, Limit: 1000}
	if id, ok := strings.CutPrefix(of, "agent "); ok {
		f.Agents, f.ID = true, id
	}
	page, _, err := s.d.Tallies(agent("admin"), f)
	s.check(err)
	origin := evenkeel.IntervalOf(1_700_000_000_000)
	for _, t := range page {
		when := fmt.Sprintf("interval %d", t.From-origin)
		if t.Intervals > 1 {
			when += fmt.Sprintf(" to %d, each", t.From-origin+t.Intervals-1)
		}
		fmt.Fprintf(&s.out, "  = %s: %s\n", when, strings.Join(tellCounts(&t), ", "))
	}
}

func tellCounts(t *evenkeel.Tally) (parts []string) {
	number := func(name string, n int64) {
		if n != 0 {
			parts = append(parts, fmt.Sprintf("%s %d", name, n))
		}
	}
	span := func(name string, d evenkeel.Duration) {
		if d != 0 {
			parts = append(parts, fmt.Sprintf("%s %s", name, d))
		}
	}
	if c := t.Queue; c != nil {
		number("offered", c.Offered)
		number("answered", c.Answered)
		span("after", c.AnswerWait)
		number("abandoned", c.Abandoned)
		span("after", c.AbandonWait)
		number("flowed out", c.FlowedOut)
		number("refused", c.Refused)
		span("longest", c.LongestWait)
		number("handled", c.Handled)
		span("in", c.HandleTime)
		span("wrap-up", c.WrapTime)
		number("responded", c.Responded)
		span("after", c.ResponseTime)
		number("transferred", c.Transferred)
		number("missed", c.Missed)
		number("declined", c.Declined)
		span("slots", c.Slots)
		span("busy", c.Busy)
		for _, w := range c.Waits {
			parts = append(parts, fmt.Sprintf("within %d: %d/%d/%d", w.Up, w.Answered, w.Abandoned, w.FlowedOut))
		}
		return parts
	}
	c := t.Agent
	number("handled", c.Handled)
	span("in", c.HandleTime)
	span("wrap-up", c.WrapTime)
	number("transferred", c.Transferred)
	number("missed", c.Missed)
	number("declined", c.Declined)
	span("online", c.Online)
	span("away", c.Away)
	span("slots", c.Slots)
	span("busy", c.Busy)
	span("held", c.Held)
	return parts
}

// figures tells a queue's live figures.
func (s *story) figures(queue string) {
	f, ok := s.d.QueueFigures("default", queue)
	if !ok {
		s.t.Fatalf("there is no queue %s", queue)
	}
	fmt.Fprintf(&s.out, "  = waiting %d, offered %d, active %d, longest wait %s; online %d, away %d, offline %d, connected %d, free slots %d; today %s\n",
		f.Waiting, f.Offered, f.Active, f.LongestWait, f.Agents.Online, f.Agents.Away, f.Agents.Offline, f.Agents.Connected, f.Agents.FreeSlots,
		strings.Join(tellCounts(&evenkeel.Tally{Queue: &f.Today}), ", "))
}
