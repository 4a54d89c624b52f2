package routing

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// world puts the same facts into a Floor and into the model.
type world struct {
	floor *Floor
	model *model
	seq   uint64
	now   int64
}

var (
	queueIDs = []string{"q1", "q2", "q3"}
	agentIDs = []string{"ann", "bob", "cid", "dee", "eve", "fay"}
	chatIDs  = []string{"c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9"}
	skillIDs = []string{"english", "german", "law"}
)

func (w *world) putQueue(q Queue) { w.floor.PutQueue(q); w.model.queues[q.ID] = q }
func (w *world) putAgent(a Agent) { w.floor.PutAgent(a); w.model.agents[a.ID] = a }
func (w *world) putChat(c Chat)   { w.floor.PutChat(c); w.model.chats[c.ID] = c }

func (w *world) deleteChat(id string) {
	w.floor.DeleteChat(id)
	delete(w.model.chats, id)
}

// seldom is true once in a while: rapid prefers the ends of a range.
func seldom(t *rapid.T, label string) bool { return rapid.IntRange(0, 20).Draw(t, label) == 13 }

// existing draws one of the keys of a map, which has some.
func existing[T any](t *rapid.T, m map[string]T, label string) string {
	return rapid.SampledFrom(slices.Sorted(maps.Keys(m))).Draw(t, label)
}

func drawSkills(t *rapid.T, most int64) (skills []Skill) {
	for _, name := range skillIDs {
		if n := rapid.Int64Range(0, 9).Draw(t, name) - 9 + most; n > 0 {
			skills = append(skills, Skill{name, n})
		}
	}
	return skills
}

func drawQueue(t *rapid.T) Queue {
	return Queue{
		ID:       rapid.SampledFrom(queueIDs).Draw(t, "queue"),
		Strategy: Strategy(rapid.IntRange(0, 4).Draw(t, "strategy")),
		Weight:   rapid.Int64Range(0, 2).Draw(t, "weight"),
		Skills:   drawSkills(t, 1),
		Manual:   seldom(t, "manual"),
		Paused:   seldom(t, "paused"),
	}
}

func drawAgent(t *rapid.T) Agent {
	a := Agent{
		ID:           rapid.SampledFrom(agentIDs).Draw(t, "agent"),
		Status:       Online,
		Connected:    !seldom(t, "unconnected"),
		Capacity:     rapid.Int64Range(1, 5).Draw(t, "capacity"),
		LastAssigned: rapid.Int64Range(0, 3).Draw(t, "lastAssigned"),
		IdleSince:    rapid.Int64Range(0, 3).Draw(t, "idleSince"),
		Skills:       drawSkills(t, 2),
	}
	if seldom(t, "absent") {
		a.Status = rapid.SampledFrom([]Status{Offline, Away}).Draw(t, "status")
	}
	a.Used = rapid.Int64Range(0, a.Capacity).Draw(t, "used")
	for _, q := range rapid.Permutation(queueIDs).Draw(t, "queues")[:rapid.IntRange(1, 3).Draw(t, "memberships")] {
		a.Memberships = append(a.Memberships, Membership{
			Queue:    q,
			Level:    rapid.Int64Range(1, 2).Draw(t, "level"),
			Position: rapid.Int64Range(0, 2).Draw(t, "position"),
			Turn:     rapid.Uint64Range(0, 3).Draw(t, "turn"),
		})
	}
	return a
}

// drawTime draws a time in the past or the near future, or Never.
func (w *world) drawTime(t *rapid.T, label string) int64 {
	if by := rapid.Int64Range(-2, 6).Draw(t, label); by < 6 {
		return w.now + by
	}
	return Never
}

func (w *world) drawChat(t *rapid.T) Chat {
	w.seq++
	c := Chat{
		ID:       rapid.SampledFrom(chatIDs).Draw(t, "chat"),
		Queue:    rapid.SampledFrom(queueIDs).Draw(t, "queue"),
		Priority: max(0, rapid.Int64Range(-4, 2).Draw(t, "priority")),
		QueuedAt: rapid.Int64Range(0, 2).Draw(t, "queuedAt"),
		Seq:      w.seq,
	}
	if rapid.IntRange(0, 1).Draw(t, "excluding") == 1 {
		n := rapid.IntRange(1, len(agentIDs)).Draw(t, "exclusions")
		for _, id := range rapid.Permutation(agentIDs).Draw(t, "excluded")[:n] {
			c.Excluded = append(c.Excluded, Exclusion{id, w.drawTime(t, "retry")})
		}
	}
	if rapid.IntRange(0, 2).Draw(t, "preferring") == 0 {
		c.Prefer = rapid.SampledFrom(agentIDs).Draw(t, "prefer")
		c.HoldUntil = w.drawTime(t, "hold")
	}
	return c
}

// check compares every answer of the Floor with the model's.
func (w *world) check(t *rapid.T) {
	same := func(what string, got, want any) {
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%s at %d:\n got %+v\nwant %+v", what, w.now, got, want)
		}
	}
	d, ok := w.floor.Next(w.now)
	wantD, wantOK := w.model.next(w.now)
	same("Next", fmt.Sprint(d, ok), fmt.Sprint(wantD, wantOK))
	at, ok := w.floor.Due()
	wantAt, wantOK := w.model.due()
	same("Due", fmt.Sprint(at, ok), fmt.Sprint(wantAt, wantOK))
	for _, id := range queueIDs {
		var line []string
		var oldest Chat
		for i, c := range w.model.line(id) {
			line = append(line, c.ID)
			pos, _ := w.floor.Position(c.ID)
			same("Position of "+c.ID, pos, i+1)
			if i == 0 || c.QueuedAt < oldest.QueuedAt {
				oldest = c
			}
		}
		same("Line of "+id, slices.Collect(w.floor.Line(id)), line)
		same("Waiting in "+id, w.floor.Waiting(id), len(line))
		chat, queuedAt, ok := w.floor.Oldest(id)
		same("Oldest in "+id, fmt.Sprint(chat, queuedAt, ok), fmt.Sprint(oldest.ID, oldest.QueuedAt, len(line) > 0))
		on, free := w.model.onDuty(id), 0
		for _, a := range on {
			if w.model.hasSlot(a, id) {
				free++
			}
		}
		onDuty, gotFree := w.floor.Staff(id)
		same("Staff of "+id, []int{onDuty, gotFree}, []int{len(on), free})
	}
	for id, c := range w.model.chats {
		if _, known := w.model.queues[c.Queue]; !known {
			continue
		}
		for _, now := range []int64{w.now, w.now + 3} {
			why, _ := w.floor.Why(id, now)
			same("Why of "+id, why, w.model.considered(c, now))
		}
	}
	w.invariants(t)
}

// drain assigns until nothing is left and returns the decisions.
func drain(f *Floor, m *model, now int64) (all []Decision) {
	agents := maps.Clone(m.agents)
	for d, ok := f.Next(now); ok; d, ok = f.Next(now) {
		d.Why = slices.Clone(d.Why)
		all = append(all, d)
		f.DeleteChat(d.Chat)
		agents[d.Agent] = assign(agents, m.queues, d, now)
		f.PutAgent(agents[d.Agent])
	}
	return all
}

// rebuilt is a Floor told the model's facts in random order.
func rebuilt(t *rapid.T, m *model) *Floor {
	f := New()
	var puts []func()
	for _, id := range slices.Sorted(maps.Keys(m.queues)) {
		puts = append(puts, func() { f.PutQueue(m.queues[id]) })
	}
	for _, id := range slices.Sorted(maps.Keys(m.agents)) {
		puts = append(puts, func() { f.PutAgent(m.agents[id]) })
	}
	for _, id := range slices.Sorted(maps.Keys(m.chats)) {
		puts = append(puts, func() { f.PutChat(m.chats[id]) })
	}
	if len(puts) > 0 {
		order := make([]int, len(puts))
		for i := range order {
			order[i] = i
		}
		for _, i := range rapid.Permutation(order).Draw(t, "order") {
			puts[i]()
		}
	}
	return f
}

func (w *world) changeAgent(t *rapid.T) {
	a := w.model.agents[existing(t, w.model.agents, "agent")]
	switch rapid.IntRange(0, 4).Draw(t, "what") {
	case 0:
		a.IdleSince = w.now
	case 1:
		a.Connected = !a.Connected
	case 2:
		a.Status = Away + Online - max(Away, a.Status)
	case 3:
		a.Skills = drawSkills(t, 2)
	case 4:
		b := drawAgent(t)
		b.ID = a.ID
		a = b
	}
	w.putAgent(a)
}

func (w *world) useAgent(t *rapid.T) {
	a := w.model.agents[existing(t, w.model.agents, "agent")]
	a.Used = rapid.Int64Range(0, a.Capacity).Draw(t, "used")
	w.putAgent(a)
}

// newWorld begins with queues and agents: without them nothing happens.
func newWorld(t *rapid.T) *world {
	w := &world{floor: New(), model: newModel()}
	for _, id := range queueIDs {
		q := drawQueue(t)
		q.ID = id
		w.putQueue(q)
	}
	for _, id := range agentIDs[:rapid.IntRange(1, 4).Draw(t, "agents")] {
		a := drawAgent(t)
		a.ID = id
		w.putAgent(a)
	}
	return w
}

func actions(w *world) map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"":          w.check,
		"put queue": func(t *rapid.T) { w.putQueue(drawQueue(t)) },
		"delete queue": func(t *rapid.T) {
			if id := rapid.SampledFrom(queueIDs).Draw(t, "queue"); seldom(t, "sure") {
				w.floor.DeleteQueue(id)
				delete(w.model.queues, id)
			}
		},
		"put agent":    func(t *rapid.T) { w.putAgent(drawAgent(t)) },
		"change agent": func(t *rapid.T) { w.changeAgent(t) },
		"use agent":    func(t *rapid.T) { w.useAgent(t) },
		"use agent 2":  func(t *rapid.T) { w.useAgent(t) },
		"delete agent": func(t *rapid.T) {
			if id := existing(t, w.model.agents, "agent"); len(w.model.agents) > 1 && seldom(t, "sure") {
				w.floor.DeleteAgent(id)
				delete(w.model.agents, id)
			}
		},
		"put chat":    func(t *rapid.T) { w.putChat(w.drawChat(t)) },
		"put chat 2":  func(t *rapid.T) { w.putChat(w.drawChat(t)) },
		"put chat 3":  func(t *rapid.T) { w.putChat(w.drawChat(t)) },
		"delete chat": func(t *rapid.T) { w.deleteChat(rapid.SampledFrom(chatIDs).Draw(t, "chat")) },
		"time":        func(t *rapid.T) { w.now += rapid.Int64Range(0, 3).Draw(t, "by") },
		"assign": func(t *rapid.T) {
			d, ok := w.floor.Next(w.now)
			if !ok {
				return
			}
			c := w.model.chats[d.Chat]
			w.deleteChat(d.Chat)
			w.model.now = w.now
			if rapid.Bool().Draw(t, "declined") {
				c.Excluded = slices.DeleteFunc(slices.Clone(c.Excluded), func(x Exclusion) bool { return x.Agent == d.Agent })
				c.Excluded = append(c.Excluded, Exclusion{d.Agent, w.now + rapid.Int64Range(1, 4).Draw(t, "retry")})
				w.putChat(c)
				return
			}
			w.putAgent(assign(w.model.agents, w.model.queues, d, w.now))
		},
	}
}

// The Floor answers as the model does, whatever happened before.
func TestFloorIsTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		t.Repeat(actions(w))
	})
}

// A Floor that is told the facts in any order decides as one that saw them come
// about, to the last reason; and draining leaves no pair that could be matched.
func TestRebuiltFloorDecidesTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		acts := actions(w)
		delete(acts, "")
		t.Repeat(acts)
		again := rebuilt(t, w.model)
		got, want := drain(again, w.model, w.now), drain(w.floor, w.model, w.now)
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("rebuilt decides %+v\noriginal decides %+v", got, want)
		}
		for _, d := range want {
			if next, ok := w.model.next(w.now); !ok || !reflect.DeepEqual(next, d) {
				t.Fatalf("decided %+v, want %+v %v", d, next, ok)
			}
			delete(w.model.chats, d.Chat)
			w.model.agents[d.Agent] = assign(w.model.agents, w.model.queues, d, w.now)
		}
		if d, ok := w.model.next(w.now); ok {
			t.Fatalf("drained, but %+v is left", d)
		}
	})
}

// invariants checks what the index keeps about itself.
func (w *world) invariants(t *rapid.T) {
	f := w.floor
	if len(f.dirty) != 0 {
		t.Fatalf("queues left dirty after Next")
	}
	if len(f.chats) != len(w.model.chats) || len(f.agents) != len(w.model.agents) {
		t.Fatalf("%d chats and %d agents, want %d and %d", len(f.chats), len(f.agents), len(w.model.chats), len(w.model.agents))
	}
	for id, q := range f.queues {
		if !q.known && q.len() == 0 && q.members.Len() == 0 {
			t.Fatalf("queue %s outlives all that named it", id)
		}
		named := 0
		for agent, d := range q.named {
			if d.named == 0 {
				t.Fatalf("dossier %s/%s outlives the chats that name it", id, agent)
			}
			named += d.named
			if d.member != nil && (d.member.dossier != d || d.member.agent.id != agent || d.member.queue != q) {
				t.Fatalf("dossier %s/%s has a wrong member", id, agent)
			}
		}
		naming := 0
		for _, c := range f.chats {
			if c.queue == q {
				naming += len(c.refusals)
				if c.prefer != nil {
					naming++
				}
			}
		}
		q.members.Scan(func(m *member) bool {
			if m.dossier != q.named[m.agent.id] {
				t.Fatalf("member %s/%s has a wrong dossier", id, m.agent.id)
			}
			return true
		})
		if named != naming {
			t.Fatalf("queue %s: dossiers count %d, chats name %d", id, named, naming)
		}
	}
}
