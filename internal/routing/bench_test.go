package routing

import (
	"fmt"
	"testing"
)

// hall is a busy floor: every agent is full, many chats wait. One turn of its
// steady state: an agent gets rid of a chat, the next one is decided and
// assigned to him, and another customer comes.
type hall struct {
	floor  *Floor
	agents []Agent
	byID   map[string]int
	queues []string
	now    int64
	seq    uint64
	excl   []Exclusion // for the chats that come at the front
	random uint64
}

const capacity = 4

// draw is a small generator of numbers, so that the benchmark measures the Floor.
func (h *hall) draw(n int) int {
	h.random = h.random*6364136223846793005 + 1442695040888963407
	return int((h.random >> 33) % uint64(n))
}

func newHall(strategy Strategy, queues, chats, agents, memberships int) *hall {
	h := &hall{floor: New(), byID: map[string]int{}, random: 7}
	for i := range queues {
		id := fmt.Sprintf("default/queue-%03d", i)
		h.queues = append(h.queues, id)
		h.floor.PutQueue(Queue{ID: id, Strategy: strategy})
	}
	for i := range agents {
		a := Agent{ID: fmt.Sprintf("default/agent-%05d", i), Status: Online, Connected: true, Capacity: capacity, Used: capacity}
		for k := range memberships {
			a.Memberships = append(a.Memberships, Membership{Queue: h.queues[(i+k*7)%queues], Level: 1, Position: int64(i)})
		}
		h.agents = append(h.agents, a)
		h.byID[a.ID] = i
		h.floor.PutAgent(a)
	}
	for i := range chats {
		h.arrive(fmt.Sprintf("default/chat-%06d", i))
	}
	return h
}

func (h *hall) arrive(id string) {
	h.seq++
	h.floor.PutChat(Chat{ID: id, Queue: h.queues[h.draw(len(h.queues))], QueuedAt: h.now, Seq: h.seq, Excluded: h.excl})
}

func (h *hall) turn(b *testing.B, agent int) {
	h.now++
	a := &h.agents[agent]
	a.Used--
	a.IdleSince = h.now
	h.floor.PutAgent(*a)
	d, ok := h.floor.Next(h.now)
	if !ok || d.Agent != a.ID {
		b.Fatalf("got %+v, want agent %s", d, a.ID)
	}
	a.Used++
	a.LastAssigned = h.now
	for i := range a.Memberships {
		if a.Memberships[i].Queue == d.Queue {
			a.Memberships[i].Turn = h.seq
		}
	}
	h.floor.DeleteChat(d.Chat)
	h.floor.PutAgent(*a)
	h.arrive(d.Chat)
}

var sizes = []struct{ chats, agents int }{{1_000, 100}, {1_000, 10_000}, {100_000, 100}, {100_000, 10_000}}

// BenchmarkNext is one assignment and one release.
func BenchmarkNext(b *testing.B) {
	for _, s := range sizes {
		b.Run(fmt.Sprintf("waiting=%d/agents=%d", s.chats, s.agents), func(b *testing.B) {
			h := newHall(Balanced, 20, s.chats, s.agents, 3)
			b.ReportAllocs()
			for b.Loop() {
				h.turn(b, h.draw(len(h.agents)))
			}
		})
	}
}

// BenchmarkNextIdle is the same where half of the agents are free: ranking them
// is the work, and a chat comes and is assigned at once.
func BenchmarkNextIdle(b *testing.B) {
	for strategy := Balanced; strategy <= MostSkilled; strategy++ {
		for _, agents := range []int{100, 10_000} {
			b.Run(fmt.Sprintf("strategy=%d/agents=%d", strategy, agents), func(b *testing.B) {
				h := newHall(strategy, 20, 0, agents, 3)
				for i := range h.agents {
					h.agents[i].Used = int64(h.draw(capacity))
					h.floor.PutAgent(h.agents[i])
				}
				b.ReportAllocs()
				for b.Loop() {
					h.now++
					h.arrive("default/chat")
					d, ok := h.floor.Next(h.now)
					if !ok {
						b.Fatal("nobody is free")
					}
					h.floor.DeleteChat(d.Chat)
					given := &h.agents[h.byID[d.Agent]]
					given.Used++
					given.LastAssigned = h.now
					h.floor.PutAgent(*given)
					for { // somebody gets rid of a chat
						if a := &h.agents[h.draw(len(h.agents))]; a.Used > 0 {
							a.Used--
							a.IdleSince = h.now
							h.floor.PutAgent(*a)
							break
						}
					}
				}
			})
		}
	}
}

// BenchmarkNextExcluded frees only agents whom the first half of the line
// excludes, so that every decision passes over that half.
func BenchmarkNextExcluded(b *testing.B) {
	for _, s := range sizes {
		b.Run(fmt.Sprintf("waiting=%d/agents=%d", s.chats, s.agents), func(b *testing.B) {
			h := newHall(Balanced, 1, 0, s.agents, 1)
			decliners := 3
			for i := range decliners {
				h.excl = append(h.excl, Exclusion{h.agents[i].ID, 1 << 60})
			}
			for i := range s.chats {
				if i == s.chats/2 {
					h.excl = nil
				}
				h.arrive(fmt.Sprintf("default/chat-%06d", i))
			}
			b.ReportAllocs()
			for b.Loop() {
				h.turn(b, h.draw(decliners))
			}
		})
	}
}

// BenchmarkPutAgentSame tells again what is known.
func BenchmarkPutAgentSame(b *testing.B) {
	h := newHall(Balanced, 20, 1_000, 10_000, 5)
	b.ReportAllocs()
	for b.Loop() {
		h.floor.PutAgent(h.agents[h.draw(len(h.agents))])
	}
}

// BenchmarkDuty takes an agent off duty and back whom many chats exclude: the
// one thing that costs more the more chats name somebody.
func BenchmarkDuty(b *testing.B) {
	for _, chats := range []int{100, 10_000, 100_000} {
		b.Run(fmt.Sprintf("excluding=%d", chats), func(b *testing.B) {
			h := newHall(Balanced, 1, 0, 100, 1)
			h.excl = []Exclusion{{h.agents[0].ID, 1 << 60}}
			for i := range chats {
				h.arrive(fmt.Sprintf("default/chat-%06d", i))
			}
			a := h.agents[0]
			for b.Loop() {
				a.Connected = !a.Connected
				h.floor.PutAgent(a)
			}
		})
	}
}

// BenchmarkPosition asks for the place of any chat in a line of 100,000.
func BenchmarkPosition(b *testing.B) {
	h := newHall(Balanced, 1, 100_000, 1, 1)
	b.ReportAllocs()
	for b.Loop() {
		h.floor.Position(fmt.Sprintf("default/chat-%06d", h.draw(100_000)))
	}
}

// BenchmarkRebuild tells an empty Floor 100,000 chats and 10,000 agents, as
// after a restore.
func BenchmarkRebuild(b *testing.B) {
	for b.Loop() {
		newHall(Balanced, 20, 100_000, 10_000, 3)
	}
}
