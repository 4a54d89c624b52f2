package edge

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evenkeel/evenkeel"
)

// take returns what was published on a channel since the last time.
func (f *fixture) take(channel string) (got []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var rest []string
	for _, line := range f.typed {
		if text, ok := strings.CutPrefix(line, channel+" "); ok {
			got = append(got, text)
		} else {
			rest = append(rest, line)
		}
	}
	f.typed = rest
	return got
}

func (f *fixture) listens(channel string, on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.listened[channel] = on
}

// quiet is a fixture without a server, in virtual time. stop ends it.
func quiet(t *testing.T) (f *fixture, stop func()) {
	f = &fixture{T: t, cell: newTestCell(t), tokens: map[evenkeel.Role]string{}}
	f.assemble()
	return f, func() { f.edge.Stop() }
}

// TestLiveFigures: whoever follows a queue is told the present figures at once,
// then once a second as long as they change, and nothing when nobody listens.
func TestLiveFigures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, stop := quiet(t)
		defer stop()
		f.must(principalNamed("visitor", "v1"), &evenkeel.ChatStart{})
		wait(3100 * time.Millisecond) // nothing here happens at the moment of a tick
		if got := f.take("queue:general"); len(got) != 0 {
			t.Fatalf("nobody follows: %q", got)
		}
		f.listens("queue:general", true)
		f.edge.Watched("queue:general")
		f.edge.Watched("chat:c1") // has a history: nobody is told anything here
		wait(30 * time.Millisecond)
		got := f.take("queue:general")
		if len(got) != 1 {
			t.Fatalf("a new subscriber gets %q", got)
		}
		var figures struct {
			Time    string
			Queue   string
			Waiting int
			Agents  map[string]int
			Today   map[string]any
		}
		if err := json.Unmarshal([]byte(got[0]), &figures); err != nil || figures.Queue != "general" || figures.Waiting != 1 ||
			figures.Time == "" || figures.Agents["offline"] != 4 || figures.Today["offered"] != 1.0 || figures.Today["asa"] != nil {
			t.Fatalf("%s, %v", got[0], err)
		}
		wait(5 * time.Second)
		if got := f.take("queue:general"); len(got) != 1 {
			t.Fatalf("once more, for it may not have listened, and then no more: %q", got)
		}
		f.must(principalNamed("visitor", "v2"), &evenkeel.ChatStart{})
		wait(time.Second)
		if got := f.take("queue:general"); len(got) != 1 || !strings.Contains(got[0], `"waiting":2`) {
			t.Fatalf("a change: %q", got)
		}
		f.listens("queue:general", false)
		wait(3 * time.Second)
		f.edge.live.mu.Lock()
		left := len(f.edge.live.watched)
		f.edge.live.mu.Unlock()
		if left != 0 {
			t.Fatalf("%d channels are still watched", left)
		}
		f.listens("desk", true)
		f.edge.Watched("desk")
		wait(30 * time.Millisecond)
		if got := f.take("desk"); len(got) != 1 || !strings.Contains(got[0], `"queues":[{"queue":"general"`) || !strings.Contains(got[0], `{"id":"agent","status":"offline"`) {
			t.Fatalf("%q", got)
		}
	})
}

// wait lets virtual time go by.
func wait(d time.Duration) { <-time.After(d) }

// TestPositions: a customer who waits is told where he stands, when that changes
// and at most every two seconds.
func TestPositions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, stop := quiet(t)
		defer stop()
		for i := range 4 {
			f.must(principalNamed("visitor", fmt.Sprintf("v%d", i)), &evenkeel.ChatStart{})
		}
		last := principalNamed("visitor", "v3")
		wait(100 * time.Millisecond) // so that nothing here happens at the moment of a tick
		f.edge.Connected(1, Identity{Principal: last, Role: evenkeel.RoleCustomer}, func(uint32, string) {})
		wait(2 * time.Second)
		if got := f.take("visitor:v3"); len(got) != 1 || got[0] != `{"type":"position","chat":"c4","position":4}` {
			t.Fatalf("%q", got)
		}
		wait(5 * time.Second)
		if got := f.take("visitor:v3"); len(got) != 0 {
			t.Fatalf("nothing changed: %q", got)
		}
		for i := range 2 { // two changes within two seconds
			f.must(principalNamed("visitor", fmt.Sprintf("v%d", i)), &evenkeel.ChatClose{Chat: fmt.Sprintf("c%d", i+1)})
			wait(time.Second)
		}
		wait(2 * time.Second)
		if got := f.take("visitor:v3"); len(got) != 2 || !strings.Contains(got[0], `"position":3`) || !strings.Contains(got[1], `"position":2`) {
			t.Fatalf("%q", got)
		}
		f.edge.Connected(2, Identity{Principal: last, Role: evenkeel.RoleCustomer}, func(uint32, string) {})
		wait(2 * time.Second)
		if got := f.take("visitor:v3"); len(got) != 1 {
			t.Fatalf("a second window is not told: %q", got)
		}
		f.must(principalNamed("agent", "admin"), &evenkeel.ChatTake{Chat: "c4"})
		f.must(principalNamed("visitor", "v2"), &evenkeel.ChatClose{Chat: "c3"})
		wait(3 * time.Second)
		if got := f.take("visitor:v3"); len(got) != 0 {
			t.Fatalf("he does not wait any more: %q", got)
		}
		f.edge.Disconnected(1)
		f.edge.Disconnected(2)
		f.edge.live.mu.Lock()
		defer f.edge.live.mu.Unlock()
		if n := len(f.edge.live.places.byChat) + len(f.edge.live.places.lines) + len(f.edge.live.places.ofCustomer); n != 0 {
			t.Fatalf("%d places are remembered of nobody", n)
		}
	})
}

// TestPlacesBeyondTheHead: exact to 100, then more than that, and an estimate only
// where something is known.
func TestPlacesBeyondTheHead(t *testing.T) {
	p := newPlaces()
	head := evenkeel.LineHead{Waiting: 150, Answered: 20, Over: 10 * evenkeel.Minute, Staffed: true}
	for i := range 150 {
		id := fmt.Sprintf("c%d", i+1)
		p.see("visitor:"+id, &evenkeel.Chat{ID: id, Workspace: "default", Queue: "general", State: evenkeel.ChatQueued}, 0)
		if i < placesShown {
			head.Chats = append(head.Chats, id)
		}
	}
	told := map[string]string{}
	for _, n := range p.moved(lineName{"default", "general"}, &head, time.Second) {
		told[n.channel] = string(n.data)
	}
	for chat, want := range map[string]string{
		"c1":   `{"type":"position","chat":"c1","position":1,"estimated_wait":30}`,
		"c100": `{"type":"position","chat":"c100","position":100,"estimated_wait":3000}`,
		"c101": `{"type":"position","chat":"c101","position":100,"more":true}`,
		"c150": `{"type":"position","chat":"c150","position":100,"more":true}`,
	} {
		if got := told["visitor:"+chat]; got != want {
			t.Errorf("%s instead of %s", got, want)
		}
	}
	if again := p.moved(lineName{"default", "general"}, &head, 10*time.Second); len(told) != 150 || len(again) != 0 {
		t.Errorf("%d are told, then %d", len(told), len(again))
	}
}

// TestRefusedStarts: the edge counts the starts that a queue refuses and tells
// the desk, which a refusal leaves no trace in; over a lost leader as well.
func TestRefusedStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, stop := quiet(t)
		defer stop()
		closed := evenkeel.NewQueue("general")
		closed.Closed = true
		f.must(principalNamed("agent", "admin"), &evenkeel.QueuePut{Queue: closed})
		for i := range 3 {
			c := &evenkeel.Command{By: principalNamed("visitor", "v"), ID: fmt.Sprint(i), Body: &evenkeel.ChatStart{}}
			if _, err := f.edge.do(t.Context(), c, 10); err == nil || err.Code != evenkeel.CodeQueueClosed {
				t.Fatalf("%v", err)
			}
		}
		f.cell.set(func() { f.cell.lose = 1 }) // applied, but nobody is told so
		wait(30 * time.Second)
		var refused int64
		f.cell.View(func(r Reader) {
			q, _ := r.QueueFigures("default", "general")
			refused = q.Today.Refused
		})
		if refused != 3 {
			t.Fatalf("%d refused starts are counted", refused)
		}
	})
}

// BenchmarkPositions is a second's work for 10,000 customers who wait in one
// queue and are all connected here: reading the head, and finding out who moved.
func BenchmarkPositions(b *testing.B) {
	cell := newTestCell(b)
	cell.apply(&evenkeel.Command{By: evenkeel.System(), Body: &evenkeel.CellForm{
		CellID: "c", Generation: "g", Limits: evenkeel.DefaultLimits(), Password: "x",
		Admin: evenkeel.Agent{ID: "admin", Role: evenkeel.RoleAdmin},
	}})
	admin := principalNamed("agent", "admin")
	long := evenkeel.NewQueue("general")
	long.MaxLength = 20000
	cell.apply(&evenkeel.Command{By: admin, ID: "q", Body: &evenkeel.QueuePut{Queue: long}})
	p := newPlaces()
	for i := range 10000 {
		who := fmt.Sprintf("v%d", i)
		r := cell.apply(&evenkeel.Command{By: principalNamed("visitor", who), Body: &evenkeel.ChatStart{}})[0]
		if r.Err != nil {
			b.Fatal(r.Err)
		}
		p.see("visitor:"+who, r.Chat, 0)
	}
	var locked time.Duration
	b.ResetTimer()
	for i := range b.N {
		for _, name := range p.wanted() {
			var head evenkeel.LineHead
			start := time.Now()
			cell.View(func(r Reader) { head, _ = r.LineHead(name.workspace, name.queue, placesShown) })
			locked += time.Since(start)
			p.moved(name, &head, time.Duration(i+2)*time.Second)
		}
	}
	b.ReportMetric(float64(locked.Microseconds())/float64(b.N), "us-locked/op")
}
