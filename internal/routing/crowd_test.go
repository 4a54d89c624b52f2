package routing

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
)

// A crowd is large enough for trees of several levels, and most of it is
// blocked: few agents, who refuse a lot, and holds for those who are busy. The
// Floor must find the pairs that are left as the model does.
func TestCrowd(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			w := &world{floor: New(), model: newModel()}
			for _, q := range queueIDs {
				w.putQueue(Queue{ID: q, Strategy: Strategy(r.IntN(5))})
			}
			for i := range 10 {
				a := Agent{ID: fmt.Sprintf("a%d", i), Status: Online, Connected: true, Capacity: 3}
				for _, q := range queueIDs[r.IntN(3):] {
					a.Memberships = append(a.Memberships, Membership{Queue: q})
				}
				w.putAgent(a)
			}
			for i := range 200 {
				w.putChat(w.crowdChat(r, fmt.Sprintf("c%d", i)))
			}
			assigned := 0
			for range 200 {
				w.now += int64(r.IntN(4))
				assigned += w.crowdTurn(t, r)
			}
			if assigned < 30 {
				t.Errorf("only %d chats were assigned", assigned)
			}
		})
	}
}

func (w *world) crowdChat(r *rand.Rand, id string) Chat {
	w.seq++
	c := Chat{ID: id, Queue: queueIDs[r.IntN(len(queueIDs))], QueuedAt: int64(r.IntN(100)), Seq: w.seq}
	for i := range 10 {
		if r.IntN(100) < 80 { // most agents have refused it
			c.Excluded = append(c.Excluded, Exclusion{fmt.Sprintf("a%d", i), w.now + int64(r.IntN(1000))})
		}
	}
	if r.IntN(3) == 0 {
		c.Prefer, c.HoldUntil = fmt.Sprintf("a%d", r.IntN(10)), w.now+int64(r.IntN(300))
	}
	return c
}

// crowdTurn compares the next decision, carries it out, and lets something happen.
func (w *world) crowdTurn(t *testing.T, r *rand.Rand) (assigned int) {
	got, ok := w.floor.Next(w.now)
	want, wantOK := w.model.next(w.now)
	if ok != wantOK || !reflect.DeepEqual(got, want) {
		t.Fatalf("at %d decides %+v %v, want %+v %v", w.now, got, ok, want, wantOK)
	}
	if ok {
		assigned = 1
		w.deleteChat(got.Chat)
		w.putAgent(assign(w.model.agents, w.model.queues, got, w.now))
		if r.IntN(3) > 0 {
			w.putChat(w.crowdChat(r, got.Chat))
		}
		return assigned
	}
	a := w.model.agents[fmt.Sprintf("a%d", r.IntN(10))]
	switch r.IntN(3) {
	case 0:
		a.Connected = !a.Connected
	default:
		a.Used = int64(r.IntN(4))
	}
	w.putAgent(a)
	return 0
}
