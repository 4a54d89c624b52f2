package bus

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestConformance holds every kind of bus to the same promises.
func TestConformance(t *testing.T) {
	for _, of := range []func(*testing.T) kind{embeddedKind, outsideKind} {
		k := of(t)
		t.Run(k.name, func(t *testing.T) {
			for name, promise := range map[string]func(*testing.T, kind){
				"once":     everybodyElseHearsOnce,
				"order":    publishersKeepTheirOrder,
				"slow":     theSlowHoldUpNobody,
				"restart":  usersOutliveTheBus,
				"ask":      questionsAreAnswered,
				"replayed": nothingIsTakenTwice,
				"reborn":   processesAreTold,
				"alone":    theLastOneClosesUp,
				"large":    largeMessages,
			} {
				t.Run(name, func(t *testing.T) { promise(t, k) })
			}
		})
	}
}

// everybodyElseHearsOnce: a message reaches the subscribers of its topic on all other
// nodes, once, and nobody else.
func everybodyElseHearsOnce(t *testing.T, k kind) {
	c := newCell(t, k, 3)
	var on, off []*ear
	for _, b := range c.buses {
		on, off = append(on, listen(b, "a")), append(off, listen(b, "b"))
	}
	c.meet()
	for i, b := range c.buses {
		if !b.Publish("a", fmt.Appendf(nil, "x%d", i)) {
			t.Fatal("dropped")
		}
	}
	for i := range c.buses {
		eventually(t, "the others", func() bool { return len(on[i].all()) >= 2 })
	}
	c.meet() // what comes twice has come by now
	for i, e := range on {
		for j := range c.buses {
			want := 1
			if i == j {
				want = 0
			}
			if n := e.count(fmt.Sprintf("%d:x%d", j+1, j)); n != want {
				t.Errorf("node %d hears node %d %d times", i+1, j+1, n)
			}
		}
		if heard := off[i].all(); len(heard) != 0 {
			t.Errorf("another topic hears %v", heard)
		}
	}
	s := c.buses[0].State()
	if !s.Open || !s.Connected || s.Since.IsZero() || s.In == 0 || s.Out == 0 || s.Dropped != (Dropped{Unknown: s.Dropped.Unknown}) {
		t.Errorf("the state is %+v", s)
	}
}

// publishersKeepTheirOrder: what all publish at once arrives from each in its order.
func publishersKeepTheirOrder(t *testing.T, k kind) {
	const each = 1500
	c := newCell(t, k, 3)
	var ears []*ear
	for _, b := range c.buses {
		ears = append(ears, listen(b, "a"))
	}
	c.meet()
	var publishing sync.WaitGroup
	for _, b := range c.buses {
		publishing.Go(func() {
			for i := range each {
				if !b.Publish("a", fmt.Appendf(nil, "%06d", i)) {
					t.Errorf("message %d was dropped", i)
				}
			}
		})
	}
	publishing.Wait()
	for i, e := range ears {
		eventually(t, "all to arrive", func() bool { return len(e.all()) >= 2*each })
		last := map[string]string{}
		for _, h := range e.all() {
			from, message, _ := strings.Cut(h, ":")
			if message <= last[from] {
				t.Fatalf("node %d hears %s of node %s after %s", i+1, message, from, last[from])
			}
			last[from] = message
		}
	}
}

// theSlowHoldUpNobody: where a handler stands still its topic loses messages; other
// topics, nodes and those who publish notice nothing.
func theSlowHoldUpNobody(t *testing.T, k kind) {
	c := newCell(t, k, 3)
	still := make(chan struct{})
	c.buses[1].Subscribe("slow", func(uint64, []byte) { <-still })
	defer close(still)
	quick, else3 := listen(c.buses[1], "quick"), listen(c.buses[2], "slow")
	c.meet()
	const many = pendingMessages + 2000
	for sent := 0; sent < many; {
		if c.buses[0].Publish("slow", []byte("s")) {
			sent++
			continue
		}
		done := c.buses[0].State().Out
		eventually(t, "room in the queue", func() bool { return c.buses[0].State().Out > done })
	}
	c.buses[0].Publish("quick", []byte("q"))
	eventually(t, "the other topic", func() bool { return quick.count("1:q") == 1 })
	eventually(t, "the other node", func() bool { return else3.count("1:s") == many })
	eventually(t, "the loss to be counted", func() bool { return c.buses[1].State().Dropped.Slow > 0 })
}

// usersOutliveTheBus: what carries the bus may end at any time. Publishing goes on
// without a wait, and what was subscribed to is heard again afterwards.
func usersOutliveTheBus(t *testing.T, k kind) {
	c := newCell(t, k, 3)
	e := listen(c.buses[2], "a")
	c.meet()
	k.restart(c, func() {
		began := time.Now()
		for range 100 {
			c.buses[0].Publish("a", []byte("lost"))
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("publishing without a bus took %v", took)
		}
		eventually(t, "the loss of the connection to be told", func() bool { return !c.buses[0].State().Connected })
	})
	c.meet()
	eventually(t, "the bus to be back", func() bool {
		c.gossip()
		c.buses[0].Publish("a", []byte("again"))
		return e.count("1:again") > 0
	})
	if e.count("1:lost") != 0 {
		t.Error("what was published without a bus came late")
	}
}

// questionsAreAnswered: by all who are asked; who does not answer is not waited for
// beyond the given time.
func questionsAreAnswered(t *testing.T, k kind) {
	c := newCell(t, k, 3)
	for _, b := range c.buses[1:] {
		b.Answer("who", func(from uint64, question []byte) []byte {
			return fmt.Appendf(nil, "%d asks %d %s", from, b.cfg.Node, question)
		})
	}
	c.meet()
	answers := c.buses[0].Ask(t.Context(), "who", []byte("you"), []uint64{2, 3})
	if len(answers) != 2 || string(answers[2]) != "1 asks 2 you" || string(answers[3]) != "1 asks 3 you" {
		t.Errorf("answers: %v", answers)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if answers := c.buses[0].Ask(ctx, "who", []byte("all"), []uint64{2, 3, 9}); len(answers) != 2 || ctx.Err() == nil {
		t.Errorf("with one who is silent: %v", answers)
	}
	if answers := c.buses[0].Ask(t.Context(), "who", nil, nil); answers != nil {
		t.Errorf("nobody answers %v", answers)
	}
}

// nothingIsTakenTwice: who repeats what he heard on the way is counted, and has no
// other effect; nor has one whose messages are older than what is known of him.
func nothingIsTakenTwice(t *testing.T, k kind) {
	c := newCell(t, k, 2)
	e := listen(c.buses[1], "a")
	c.meet()
	c.buses[0].Publish("a", []byte("once"))
	eventually(t, "the message", func() bool { return e.count("1:once") == 1 })
	again := c.buses[0].own.seal(c.buses[0].subject("a"), 1, 1, []byte("once"))
	before := c.buses[1].State().Dropped.Replayed
	conn := c.buses[0].conn.Load()
	if err := conn.Publish(c.buses[0].subject("a"), again); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the replay to be counted", func() bool { return c.buses[1].State().Dropped.Replayed == before+1 })

	late := c.add(k, 3) // knows nothing of what was before
	l := listen(late, "a")
	c.meet()
	before = late.State().Dropped.Replayed
	if err := conn.Publish(c.buses[0].subject("a"), again); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the replay to be counted by who has just come", func() bool { return late.State().Dropped.Replayed == before+1 })
	if e.count("1:once") != 1 || l.count("1:once") != 0 {
		t.Error("a message was taken twice")
	}
}

// processesAreTold: another process of a node is heard as soon as it is known, and
// the earlier one not any more.
func processesAreTold(t *testing.T, k kind) {
	c := newCell(t, k, 2)
	e := listen(c.buses[0], "a")
	c.meet()
	old := c.buses[1]
	c.buses = c.buses[:1]
	c.add(k, 2)
	c.meet()
	c.buses[1].Publish("a", []byte("new"))
	eventually(t, "the new process", func() bool { return e.count("2:new") == 1 })
	stale := old.own.seal(old.subject("a"), 2, 1<<40, []byte("old"))
	unknown := c.buses[0].State().Dropped.Unknown
	if err := c.buses[1].conn.Load().Publish(old.subject("a"), stale); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the old one to be counted", func() bool { return c.buses[0].State().Dropped.Unknown > unknown })
	if e.count("2:old") != 0 {
		t.Error("an earlier process is heard")
	}
}

// theLastOneClosesUp: without another node nothing is open, and nothing is counted
// as lost.
func theLastOneClosesUp(t *testing.T, k kind) {
	c := newCell(t, k, 2)
	if s := c.buses[0].State(); s.Open || s.Connected || c.buses[0].Self().Address != "" || c.buses[0].conn.Load() != nil {
		t.Fatalf("a bus without others is %+v", s)
	}
	c.meet()
	for _, b := range c.buses {
		b.Follow(nil)
		eventually(t, "the bus to close", func() bool { return b.conn.Load() == nil && b.Self().Address == "" && !b.State().Connected })
	}
	lost := c.buses[0].State().Dropped
	if c.buses[0].Publish("a", []byte("x")) || c.buses[0].State().Dropped != lost {
		t.Error("what nobody could hear is told as a loss")
	}
}

// largeMessages: the longest arrives, a longer one is dropped and counted.
func largeMessages(t *testing.T, k kind) {
	c := newCell(t, k, 2)
	got := make(chan int, 1)
	c.buses[1].Subscribe("a", func(_ uint64, payload []byte) { got <- len(payload) })
	c.meet()
	if c.buses[0].Publish("a", make([]byte, MaxMessage+1)) || c.buses[0].State().Dropped.Large != 1 {
		t.Error("a message that is too long is not dropped")
	}
	if !c.buses[0].Publish("a", make([]byte, MaxMessage)) {
		t.Error("the longest message is dropped")
	}
	select {
	case n := <-got:
		if n != MaxMessage {
			t.Errorf("%d bytes arrive", n)
		}
	case <-time.After(30 * time.Second):
		t.Error("the longest message does not arrive")
	}
}
