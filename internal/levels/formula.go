//evenkeel:pure

package levels

import (
	"fmt"
	"math"
	"strings"

	"github.com/evenkeel/evenkeel"
)

// Variant says which contacts a service level is a share of.
type Variant uint8

// The variants, of a threshold T and, for IgnoreShort, a second one S.
const (
	Answered    Variant = iota // answered within T / (answered + abandoned)
	AnsweredAll                // answered within T / offered
	IgnoreShort                // answered within T / (answered + abandoned after more than S)
	Removed                    // (answered + abandoned + flowed out) within T / offered
)

var variantNames = []string{"answered", "answered_all", "ignore_short", "removed"}

func (v Variant) String() string { return variantNames[v] }

// ParseVariant reads a variant's name; the empty one is Answered.
func ParseVariant(name string) (Variant, error) {
	if name == "" {
		return Answered, nil
	}
	for i, n := range variantNames {
		if n == name {
			return Variant(i), nil
		}
	}
	return 0, fmt.Errorf("must be one of %s", strings.Join(variantNames, ", "))
}

// Rule is how a service level is to be judged.
type Rule struct {
	Variant   Variant
	Threshold evenkeel.Duration // T
	Short     evenkeel.Duration // S
}

// Figure is a number that may be unknown: NaN.
type Figure float64

// unknown is a figure of which nothing is known.
func unknown() Figure { return Figure(math.NaN()) }

// Known tells whether there is a number.
func (f Figure) Known() bool { return !math.IsNaN(float64(f)) }

func ratio(a, b float64) Figure {
	if b == 0 {
		return unknown()
	}
	return Figure(a / b)
}

// average is the mean of a sum of times, in seconds.
func average(sum evenkeel.Duration, n int64) Figure { return ratio(seconds(sum), float64(n)) }

func seconds(d evenkeel.Duration) float64 { return float64(d) / float64(evenkeel.Second) }

func share(part, whole int64) Figure { return Figure(100 * ratio(float64(part), float64(whole))) }

// within adds up the waits that were not longer than an edge.
func within(c *evenkeel.QueueCounts, edge int64) (sum evenkeel.WaitBucket) {
	for _, b := range c.Waits {
		if b.Up <= edge {
			sum.Answered += b.Answered
			sum.Abandoned += b.Abandoned
			sum.FlowedOut += b.FlowedOut
		}
	}
	return sum
}

// ServiceLevel returns the share of contacts that were served in time, in
// percent. Contacts are counted as offered when they come and as answered when
// that happens, so a range may have more answers than offers; its level is 100
// at most.
func ServiceLevel(c *evenkeel.QueueCounts, r Rule) Figure {
	in := within(c, evenkeel.ThresholdEdge(r.Threshold))
	level := unknown()
	switch r.Variant {
	case Answered:
		level = share(in.Answered, c.Answered+c.Abandoned)
	case AnsweredAll:
		level = share(in.Answered, c.Offered)
	case IgnoreShort:
		level = share(in.Answered, c.Answered+c.Abandoned-within(c, evenkeel.ThresholdEdge(r.Short)).Abandoned)
	case Removed:
		level = share(in.Answered+in.Abandoned+in.FlowedOut, c.Offered)
	}
	if !level.Known() {
		return level
	}
	return min(level, 100)
}

// SpeedOfAnswer is the average speed of answer (ASA), in seconds.
func SpeedOfAnswer(c *evenkeel.QueueCounts) Figure { return average(c.AnswerWait, c.Answered) }

// HandleTime is the average handle time (AHT), wrap-up included, in seconds.
func HandleTime(c *evenkeel.QueueCounts) Figure { return average(c.HandleTime, c.Handled) }

// FirstResponse is the average time from a chat's start to the first message of
// an agent, in seconds.
func FirstResponse(c *evenkeel.QueueCounts) Figure { return average(c.ResponseTime, c.Responded) }

// Abandonment is the share of contacts that left while they waited, of those
// that left or were answered, in percent.
func Abandonment(c *evenkeel.QueueCounts) Figure { return share(c.Abandoned, c.Answered+c.Abandoned) }

// Patience is the average time for which a customer is willing to wait, in
// seconds: all time waited by those who were answered or gave up, for each who
// gave up. It is the estimate of Mandelbaum and Zeltyn for exponential patience.
func Patience(c *evenkeel.QueueCounts) Figure {
	return average(c.AnswerWait+c.AbandonWait, c.Abandoned)
}

// QueueOccupancy is the share of their slots that the members of a queue had
// taken while they were there, in percent.
func QueueOccupancy(c *evenkeel.QueueCounts) Figure { return share(int64(c.Busy), int64(c.Slots)) }

// AgentOccupancy is the same of one agent. Slots that he held while he was not
// there to take chats count on both sides.
func AgentOccupancy(c *evenkeel.AgentCounts) Figure {
	return share(int64(c.Busy+c.Held), int64(c.Slots+c.Held))
}

// minAnswers is of how many answers a rate can be told.
const minAnswers = 3

// EstimatedWait tells how long the chat at a place in the line will wait, from
// how fast the line has moved lately. It is false if that cannot be told: nobody
// is there, or too few were answered.
func EstimatedWait(h *evenkeel.LineHead, position int) (evenkeel.Duration, bool) {
	if !h.Staffed || h.Answered < minAnswers || position < 1 {
		return 0, false
	}
	const step = 10 * evenkeel.Second // finer it would only seem exact
	wait := h.Over * evenkeel.Duration(position) / evenkeel.Duration(h.Answered)
	return (wait + step - 1) / step * step, true
}
