package routing

import (
	"math"
	"strings"
	"testing"
)

// available is an agent who may take any chat of the queue q.
func available(id string) Agent {
	return Agent{ID: id, Status: Online, Connected: true, Capacity: 4, Memberships: []Membership{{Queue: "q", Level: 1}}}
}

func with(a Agent, change func(a *Agent, m *Membership)) Agent {
	change(&a, &a.Memberships[0])
	return a
}

func TestStrategies(t *testing.T) {
	type change = func(a *Agent, m *Membership)
	required := []Skill{{"german", 1}, {"law", 2}}
	tests := []struct {
		name     string
		strategy Strategy
		skills   []Skill
		agents   map[string]change
		want     string // the agents in the order in which they are asked
	}{
		{"balanced: the smallest share of capacity in use", Balanced, nil, map[string]change{
			"a": func(a *Agent, _ *Membership) { a.Capacity, a.Used = 4, 2 },
			"b": func(a *Agent, _ *Membership) { a.Capacity, a.Used = 10, 4 },
			"c": func(a *Agent, _ *Membership) { a.Capacity, a.Used = 3, 1 },
			"d": func(a *Agent, _ *Membership) { a.Capacity, a.Used = 1, 0 },
		}, "d c b a"},
		{"balanced: shares that no rounding tells apart", Balanced, nil, map[string]change{
			"a": func(a *Agent, _ *Membership) { a.Capacity, a.Used = MaxCapacity, MaxCapacity-1 },
			"b": func(a *Agent, _ *Membership) { a.Capacity, a.Used = MaxCapacity-1, MaxCapacity-2 },
			"c": func(a *Agent, _ *Membership) { a.Capacity, a.Used = MaxCapacity-2, MaxCapacity-3 },
		}, "c b a"},
		{"balanced: equal fractions are equal", Balanced, nil, map[string]change{
			"a": func(a *Agent, _ *Membership) { a.Capacity, a.Used, a.LastAssigned = 3, 1, 8 },
			"b": func(a *Agent, _ *Membership) { a.Capacity, a.Used, a.LastAssigned = 9, 3, 7 },
			"c": func(a *Agent, _ *Membership) { a.Capacity, a.Used, a.LastAssigned = 27, 9, 9 },
		}, "b a c"},
		{"balanced: then the longest since the last assignment, then the id", Balanced, nil, map[string]change{
			"a": func(a *Agent, _ *Membership) { a.LastAssigned = 20 },
			"b": func(a *Agent, _ *Membership) { a.LastAssigned = 10 },
			"c": func(a *Agent, _ *Membership) { a.LastAssigned = 10 },
			"d": func(*Agent, *Membership) {},
		}, "d b c a"},
		{"longest idle: whatever is in use", LongestIdle, nil, map[string]change{
			"a": func(a *Agent, _ *Membership) { a.IdleSince = 30 },
			"b": func(a *Agent, _ *Membership) { a.IdleSince, a.Used = 10, 3 },
			"c": func(a *Agent, _ *Membership) { a.IdleSince, a.LastAssigned = 20, 1 },
			"d": func(a *Agent, _ *Membership) { a.IdleSince = 20 },
		}, "b c d a"},
		{"round robin: the least recent turn in this queue", RoundRobin, nil, map[string]change{
			"a": func(_ *Agent, m *Membership) { m.Turn = 7 },
			"b": func(a *Agent, m *Membership) { m.Turn, a.LastAssigned = 5, 99 },
			"c": func(_ *Agent, m *Membership) { m.Turn = math.MaxUint64 },
			"d": func(*Agent, *Membership) {},
		}, "d b a c"},
		{"tiers: level, then position in the list", Tiers, nil, map[string]change{
			"a": func(_ *Agent, m *Membership) { m.Level, m.Position = 2, 1 },
			"b": func(a *Agent, m *Membership) { m.Level, m.Position, a.Used = 1, 2, 3 },
			"c": func(_ *Agent, m *Membership) { m.Level, m.Position = 1, 1 },
			"d": func(_ *Agent, m *Membership) { m.Level, m.Position = 1, 2 },
		}, "c b d a"},
		{"most skilled: the levels of the required skills", MostSkilled, required, map[string]change{
			"a": func(a *Agent, _ *Membership) { a.Skills = []Skill{{"german", 1}, {"law", 3}} },
			"b": func(a *Agent, _ *Membership) { a.Skills = []Skill{{"english", 9}, {"german", 1}, {"law", 2}} },
			"c": func(a *Agent, _ *Membership) { a.Skills, a.Used = []Skill{{"german", 5}, {"law", 2}}, 3 },
		}, "c a b"},
		{"most skilled: all skills where none is required", MostSkilled, nil, map[string]change{
			"a": func(a *Agent, _ *Membership) { a.Skills = []Skill{{"german", 1}, {"law", 3}} },
			"b": func(a *Agent, _ *Membership) { a.Skills = []Skill{{"english", 9}, {"german", 1}, {"law", 2}} },
			"c": func(*Agent, *Membership) {},
		}, "b a c"},
		{"most skilled: then as balanced", MostSkilled, required, map[string]change{
			"a": func(a *Agent, _ *Membership) { a.Skills, a.Used = []Skill{{"german", 1}, {"law", 3}}, 1 },
			"b": func(a *Agent, _ *Membership) { a.Skills, a.LastAssigned = []Skill{{"german", 2}, {"law", 2}}, 5 },
			"c": func(a *Agent, _ *Membership) { a.Skills, a.LastAssigned = []Skill{{"german", 2}, {"law", 2}}, 4 },
		}, "c b a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := New()
			f.PutQueue(Queue{ID: "q", Strategy: tt.strategy, Skills: tt.skills})
			for id, change := range tt.agents {
				f.PutAgent(with(available(id), change))
			}
			f.PutChat(Chat{ID: "c", Queue: "q"})
			why, _ := f.Why("c", 0)
			var order []string
			for i, c := range why {
				if c.Rank != int64(i+1) {
					t.Errorf("%s has rank %d, want %d", c.Agent, c.Rank, i+1)
				}
				order = append(order, c.Agent)
			}
			if got := strings.Join(order, " "); got != tt.want {
				t.Errorf("asked %s, want %s", got, tt.want)
			}
			if d, _ := f.Next(0); d.Agent != order[0] {
				t.Errorf("decided for %q", d.Agent)
			}
		})
	}
}

// A queue put again with another strategy, weight or skills ranks anew.
func TestQueueChanges(t *testing.T) {
	f := New()
	f.PutAgent(with(available("ann"), func(a *Agent, m *Membership) { a.Used, m.Level = 1, 1 }))
	f.PutAgent(with(available("bob"), func(a *Agent, m *Membership) { m.Level, a.Capacity, a.Skills = 2, 2, []Skill{{"law", 3}} }))
	f.PutChat(Chat{ID: "c", Queue: "q"})
	for _, step := range []struct {
		q    Queue
		want string
	}{
		{Queue{ID: "q"}, "bob"},
		{Queue{ID: "q", Strategy: Tiers}, "ann"},
		{Queue{ID: "q", Strategy: Tiers, Skills: []Skill{{"law", 3}}}, "bob"},
		{Queue{ID: "q", Strategy: Tiers, Skills: []Skill{{"law", 4}}}, ""},
		{Queue{ID: "q", Weight: 2}, "bob"},
		{Queue{ID: "q", Weight: 3}, "ann"},
		{Queue{ID: "q", Weight: 4}, ""},
		{Queue{ID: "q", Manual: true}, ""},
		{Queue{ID: "q", Paused: true}, ""},
		{Queue{ID: "q"}, "bob"},
	} {
		f.PutQueue(step.q)
		if d, _ := f.Next(0); d.Agent != step.want {
			t.Errorf("%+v: decided for %q, want %q", step.q, d.Agent, step.want)
		}
	}
	f.DeleteQueue("q")
	if d, ok := f.Next(0); ok {
		t.Errorf("decided %+v in a queue that is gone", d)
	}
}
