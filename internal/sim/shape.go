package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/replica"
)

// Shape is what a seed draws before anything happens: how large the cell is, how
// it is configured, and what will break how often.
type Shape struct {
	Nodes    int           // at most
	Voters   int           // at most
	Duration time.Duration // until it gets calm
	Visitors int
	Agents   []evenkeel.Agent // the first one supervises
	Queues   []evenkeel.Queue // the first one is the default queue
	Calm     int              // seconds that pass when all is well again
	Pace     time.Duration    // between two wishes of a client, about

	Limits  evenkeel.Limits
	Core    replica.Limits
	Segment int64 // bytes of a segment of the journal
	Slice   int   // bytes of a snapshot cut at once
	Filler  int   // the longest text, characters
	Window  int   // commands of a client under way at once
	// Bounds of realtime sessions.
	Read      time.Duration // of a channel's history, about
	Behind    int           // publications that wait for a reading of the history
	Recovered int           // publications in a reply

	Latency time.Duration // of the network, about
	Write   time.Duration // of a write to the disk, about

	// Mean times between faults; 0: never.
	Crash time.Duration // power fails, at any moment
	Tear  time.Duration // power fails in the middle of a write
	Kill  time.Duration // the process dies
	Stop  time.Duration // the process is stopped in good order
	Cut   time.Duration // of one client's connection
	Stall time.Duration // the disk hangs for a while
	Full  time.Duration // somebody fills the disk
	Error time.Duration // an operation of the disk fails
	Rot   time.Duration // a bit flips
	Halt  time.Duration // the process is halted for a while

	// Between nodes.
	Part     time.Duration // the network between nodes is cut somewhere
	Transfer time.Duration // leadership is to go elsewhere
	Replace  time.Duration // a node is removed, and another joins
	Outage   time.Duration // power fails everywhere
	Loss     int           // of 1,000 messages between nodes: those that are lost, and doubled, and late
	Drift    int64         // of clocks, parts of a million

	Down   time.Duration // between death and start, about
	Lost   int           // of 1,000 batches of the edge: those whose fate it is not told
	Poison int           // of 1,000 messages: those that make the desk panic
}

func (s *Shape) String() string {
	return fmt.Sprintf("%d nodes, %s with %d visitors, %d agents, %d queues, pace %s, window %d, snapshots every %d entries, segments of %d",
		s.Nodes, s.Duration, s.Visitors, len(s.Agents), len(s.Queues), s.Pace, s.Window, s.Core.SnapshotEntries, s.Segment)
}

func drawShape(rng *rand.Rand) *Shape {
	s := &Shape{
		Duration: time.Minute + time.Duration(rng.Int64N(int64(4*time.Minute))),
		Visitors: 1 + rng.IntN(8),
		Slice:    pick(rng, 64, 128, 256, 1024, 8192),
		Window:   1 + rng.IntN(5),
		Read:     time.Duration(1+rng.IntN(40)) * time.Millisecond,
		Behind:   pick(rng, 256, 1+rng.IntN(4)), Recovered: pick(rng, 2000, 5+rng.IntN(60)),
		Latency: time.Duration(1+rng.IntN(60)) * time.Millisecond,
		Write:   time.Duration(50+rng.IntN(8000)) * time.Microsecond,
		Down:    time.Duration(20+rng.IntN(4000)) * time.Millisecond,
	}
	if rng.IntN(4) == 0 {
		s.Duration = time.Minute + time.Duration(rng.Int64N(int64(29*time.Minute)))
	}
	if rng.IntN(5) == 0 {
		s.Visitors = 8 + rng.IntN(18)
	}
	s.drawQueues(rng)
	s.drawAgents(rng)
	s.drawLimits(rng)
	s.drawFaults(rng)
	s.drawNodes(rng)
	if s.Full > 0 { // small segments, which are soon used up
		s.Visitors, s.Window = min(s.Visitors, 4), 1+rng.IntN(2)
		s.Limits.MessageChars, s.Filler = 200, 150
	}
	// An entry must fit into a segment: all that can wait at once, and some more.
	waiting := int64(s.Visitors+len(s.Agents)) * int64(s.Window+1) * 2 * (s.Limits.MessageChars + 300)
	s.Segment = (min(waiting, 448<<10) + int64(16<<10+rng.IntN(48<<10))) &^ 4095
	wishes := 100 + rng.IntN(400)
	if s.Nodes > 1 {
		wishes = 50 + rng.IntN(150)
	}
	s.Pace = s.Duration * time.Duration(s.Visitors+len(s.Agents)) / time.Duration(wishes)
	return s
}

func pick[T any](rng *rand.Rand, list ...T) T { return list[rng.IntN(len(list))] }

func seconds(rng *rand.Rand, low, high int) evenkeel.Duration {
	return evenkeel.Duration(low+rng.IntN(high-low+1)) * evenkeel.Second
}

func (s *Shape) drawQueues(rng *rand.Rand) {
	for i := range 1 + rng.IntN(3) {
		q := evenkeel.NewQueue([]string{"general", "sales", "tech"}[i])
		q.Strategy = evenkeel.Strategy(rng.IntN(5))
		q.OfferTimeout = seconds(rng, 2, 20)
		q.AutoAccept = rng.IntN(4) == 0
		q.Pick = rng.IntN(6) == 0
		q.WrapUp = pick(rng, 0, seconds(rng, 1, 30), seconds(rng, 5, 10))
		q.Weight = int64(1 + rng.IntN(2))
		q.MaxLength = pick[int64](rng, 500, 500, int64(1+rng.IntN(4)))
		q.AgentGrace = seconds(rng, 1, 30)
		q.CustomerGrace = seconds(rng, 1, 120)
		q.OnAgentLost = evenkeel.AgentLost(rng.IntN(3))
		q.ReopenWithin = pick(rng, 24*evenkeel.Hour, seconds(rng, 1, 60))
		q.AbandonedResume = pick(rng, 10*evenkeel.Minute, seconds(rng, 1, 60))
		q.Sticky = pick(rng, 0, 0, seconds(rng, 1, 20))
		q.CustomerGoneClose = pick(rng, 0, seconds(rng, 5, 60))
		q.CustomerIdle = pick(rng, evenkeel.CustomerIdle{}, evenkeel.CustomerIdle{Warn: seconds(rng, 5, 30), Close: seconds(rng, 31, 60)})
		if i > 0 && rng.IntN(2) == 0 {
			q.Overflow, q.MaxWait = "general", pick(rng, 0, seconds(rng, 2, 60))
		}
		if i > 0 && rng.IntN(3) == 0 {
			q.Skills = evenkeel.Skills{{Name: "german", Level: int64(1 + rng.IntN(3))}}
		}
		s.Queues = append(s.Queues, q)
	}
}

func (s *Shape) drawAgents(rng *rand.Rand) {
	n := 1 + rng.IntN(4)
	if rng.IntN(6) == 0 {
		n = 4 + rng.IntN(4)
	}
	for i := range n {
		a := evenkeel.Agent{ID: fmt.Sprintf("a%d", i), Name: fmt.Sprintf("Agent %d", i), Role: evenkeel.RoleAgent, Capacity: int64(rng.IntN(5))}
		if i == 0 {
			a.Role = pick(rng, evenkeel.RoleSupervisor, evenkeel.RoleAdmin)
			a.Capacity = max(1, a.Capacity)
		}
		for _, q := range s.Queues {
			if i == 0 || rng.IntN(3) > 0 {
				a.Queues = append(a.Queues, evenkeel.Membership{Queue: q.ID, Level: int64(1 + rng.IntN(3))})
			}
		}
		if rng.IntN(2) == 0 {
			a.Skills = evenkeel.Skills{{Name: "german", Level: int64(1 + rng.IntN(3))}}
		}
		s.Agents = append(s.Agents, a)
	}
}

// drawLimits makes most tables small enough to be filled.
func (s *Shape) drawLimits(rng *rand.Rand) {
	l := evenkeel.DefaultLimits()
	l.Linger = seconds(rng, 1, 60)
	l.ClosedChats = int64(rng.IntN(6))
	l.KeyLife = 6*evenkeel.Minute + seconds(rng, 0, 60)
	l.ReOffer = seconds(rng, 1, 10)
	l.FollowUp = pick[int64](rng, 1000, 1000, int64(1+rng.IntN(4)))
	l.ChatMessages = pick[int64](rng, 10000, int64(3+rng.IntN(40)))
	l.LiveKeys = pick[int64](rng, 1024, 1024, int64(5+rng.IntN(40)))
	l.LiveChats = pick[int64](rng, 1000, int64(2+rng.IntN(20)))
	l.VisitorSessions = int64(1 + rng.IntN(3))
	l.AgentSessions = int64(1 + rng.IntN(3))
	l.Participants = int64(rng.IntN(3))
	l.MissedOffers = int64(1 + rng.IntN(4))
	l.MaxState = pick[int64](rng, 512<<20, 512<<20, int64(60000+rng.IntN(400000)))
	l.MessageChars = pick[int64](rng, 200, 1000, 10000)
	s.Filler = int(min(l.MessageChars, pick[int64](rng, 20, 100, 600, 3000)))
	s.Limits = l
	s.Core = replica.Limits{
		SnapshotEntries: pick[int64](rng, 1000000, int64(5+rng.IntN(30)), int64(20+rng.IntN(200))),
		SnapshotBytes:   pick[int64](rng, 32<<20, int64(2000+rng.IntN(60000))),
		TailBytes:       int64(rng.IntN(8000)),
		QuietBytes:      pick[int64](rng, 4<<20, int64(200+rng.IntN(5000))),
		QuietAfter:      seconds(rng, 1, 20).Std(),
		QueuedCommands:  300 + rng.IntN(50), // a batch of the courier must fit
		Stall:           time.Duration(2+rng.IntN(28)) * time.Second,
	}
}

// drawFaults chooses which faults this run has, and how often.
func (s *Shape) drawFaults(rng *rand.Rand) {
	often := func(odds int, low, high time.Duration) time.Duration {
		if rng.IntN(odds) > 0 {
			return 0
		}
		return low + time.Duration(rng.Int64N(int64(high-low)))
	}
	span := s.Duration
	s.Crash = often(2, span/8, span)
	s.Tear = often(2, span/10, span)
	s.Kill = often(3, span/8, span)
	s.Stop = often(4, span/8, span)
	s.Cut = often(1, 3*time.Second, span/2)
	s.Stall = often(3, span/8, span)
	s.Full = often(4, span/6, span)
	s.Error = often(4, span/6, span)
	s.Rot = often(8, span/4, span)
	if rng.IntN(3) == 0 {
		s.Lost = rng.IntN(200)
	}
	if rng.IntN(3) == 0 {
		s.Poison = rng.IntN(30)
	}
	s.Halt = often(3, span/8, span)
}

// drawNodes chooses how many nodes there are, and what breaks between them. Several
// nodes have more to do in each second, so they get fewer of them.
func (s *Shape) drawNodes(rng *rand.Rand) {
	s.Nodes, s.Voters, s.Calm = 1, 5, 60
	switch k := rng.IntN(100); {
	case k < 50:
		return
	case k < 86:
		s.Nodes = 3
	case k < 97:
		s.Nodes = 5
	default:
		s.Nodes = 9
	}
	s.Voters = pick(rng, 3, 5)
	s.Duration = 15*time.Second + time.Duration(rng.Int64N(int64(150*time.Second)/int64(s.Nodes)))
	s.Visitors, s.Calm = min(s.Visitors, 6), 15
	s.drawFaults(rng)
	often := func(odds int) time.Duration {
		if rng.IntN(odds) > 0 {
			return 0
		}
		return s.Duration/10 + time.Duration(rng.Int64N(int64(s.Duration)))
	}
	s.Part, s.Transfer, s.Replace, s.Outage, s.Rot = often(2), often(3), often(3), often(6), often(4)
	s.Down = time.Duration(20+rng.IntN(4000)) * time.Millisecond
	if rng.IntN(2) == 0 {
		s.Loss = 1 + rng.IntN(60)
	}
	if rng.IntN(2) == 0 {
		s.Drift = 1 + rng.Int64N(20000)
	}
	s.Core.Stall = 0
}
