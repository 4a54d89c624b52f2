package realtime

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel"
)

// wires connect a server to those of other nodes, without a loss.
type wires struct{ to []*Server }

func (w *wires) Tell(message []byte) {
	for _, s := range w.to {
		if err := s.Heard(message); err != nil {
			panic(err) // what a server tells, it can read
		}
	}
}

func (w *wires) Ask(question []byte, done func([][]byte)) {
	var answers [][]byte
	for _, s := range w.to {
		answer, err := s.Asked(question)
		if err != nil {
			panic(err) // likewise
		}
		answers = append(answers, answer)
	}
	done(answers)
}

// twoSites are servers of two nodes of a cell.
func twoSites(t *testing.T) (a, b *site) {
	t.Helper()
	var lines [2]wires
	var sites [2]*site
	for i := range sites {
		sites[i] = newSite(t, func(cfg *Config) {
			cfg.Settings.ClientPrefix = fmt.Sprintf("n%d-", i+1)
			cfg.Others = &lines[i]
		})
	}
	lines[0].to, lines[1].to = []*Server{sites[1].server}, []*Server{sites[0].server}
	return sites[0], sites[1]
}

// hears reads on until a frame has all that is wanted.
func (p *peer) hears(wants ...string) *frame {
	p.t.Helper()
next:
	for {
		f := p.next()
		for _, want := range wants {
			if !strings.Contains(f.raw, want) {
				continue next
			}
		}
		return f
	}
}

// TestOtherNodes: who is on a channel, who comes and goes, and what is published, is
// the same to clients of two nodes.
func TestOtherNodes(t *testing.T) {
	a, b := twoSites(t)
	here := a.enterRoom("open:1")
	there := b.enterRoom("open:1")
	here.hears(`"join"`, `"n2-1"`)

	here.send(`{"id":3,"presence":{"channel":"open:1"}}`)
	here.hears(`"id":3`, `"n1-1"`, `"n2-1"`)
	there.send(`{"id":3,"presence_stats":{"channel":"open:1"}}`)
	there.hears(`{"num_clients":2,"num_users":1}`) // bob is on both

	// What was published is heard once by everybody, in one order for each node.
	here.send(`{"id":4,"publish":{"channel":"open:1","data":{"by":"a"}}}`)
	there.hears(`"offset":1`, `{"by":"a"}`, `"n1-1"`)
	there.send(`{"id":4,"publish":{"channel":"open:1","data":{"by":"b"}}}`)
	there.hears(`"offset":2`, `{"by":"b"}`)
	here.hears(`"offset":1`, `{"by":"a"}`)
	here.hears(`"offset":2`, `{"by":"b"}`)
	a.server.Spread("open:1", []byte(`"typing"`))
	here.hears(`"typing"`)
	if f := there.hears(`"typing"`); strings.Contains(f.raw, "offset") {
		t.Errorf("what is ephemeral has a position: %s", f.raw)
	}

	there.close()
	here.hears(`"leave"`, `"n2-1"`)
	here.send(`{"id":5,"presence_stats":{"channel":"open:1"}}`)
	here.hears(`{"num_clients":1,"num_users":1}`)
}

// TestKeptByEachNode: a node keeps what others publish, too, and a client that comes
// from another node is told plainly that its position is not known here.
func TestKeptByEachNode(t *testing.T) {
	a, b := twoSites(t)
	for i := range 3 {
		a.server.Live("open:1", []byte(strconv.Itoa(i)), nil, Keep{Size: 10, Bytes: 1000, Age: time.Hour})
	}
	first := a.connect("bob").subscribe("open:1", evenkeel.Position{}).Subscribe
	if len(first.Publications) != 3 || first.Epoch == "" {
		t.Fatalf("the channel is %+v", first)
	}
	moved := b.connect("bob").subscribe("open:1", evenkeel.Position{Epoch: first.Epoch, Offset: 3}).Subscribe
	if moved.Recovered || moved.Epoch == first.Epoch || moved.Offset != 3 {
		t.Errorf("at another node: %+v", moved)
	}
	b.server.Live("open:1", []byte("3"), nil, Keep{Size: 10, Bytes: 1000, Age: time.Hour})
	if back := b.connect("bob").subscribe("open:1", moved.Position).Subscribe; !back.Recovered || len(back.Publications) != 1 {
		t.Errorf("back at the same node: %+v", back)
	}
}

// TestNobodyAnswers: what cannot be read is told, and counts for nothing.
func TestNobodyAnswers(t *testing.T) {
	s := newSite(t, nil)
	if s.server.Heard([]byte("x")) == nil {
		t.Error("a message that cannot be read is taken")
	}
	if _, err := s.server.Asked([]byte("x")); err == nil {
		t.Error("a question that cannot be read is answered")
	}
	for _, later := range []*told{{What: 99, Channel: "open:1"}, {What: toldJoined, Channel: "open:1"}} {
		if err := s.server.Heard(encode(later)); err != nil {
			t.Errorf("%+v: %v", later, err)
		}
	}
}

// TestLargeCrowds: what a node tells of a channel is bounded, and clients are counted
// exactly all the same.
func TestLargeCrowds(t *testing.T) {
	var c Crowds
	const many = maxPartUsers + 100
	for i := range many {
		c.Enter("n:a", &ClientInfo{User: "u" + strconv.Itoa(i), Client: strconv.Itoa(i), Conn: make([]byte, 1000)})
	}
	list, stats := c.part("n:a", false), c.part("n:a", true)
	bytes := 0
	for _, who := range list.People {
		bytes += who.size()
	}
	if bytes > maxPartBytes || len(list.People) < 100 {
		t.Errorf("%d people with %d bytes are told", len(list.People), bytes)
	}
	if len(stats.Users) != maxPartUsers*userBytes || stats.More != 100 || len(encode(stats)) > 1<<20-64<<10 {
		t.Errorf("%d bytes of users are told, and %d more", len(stats.Users), stats.More)
	}
	q := Count{Channel: "n:a", Stats: true}
	if got := merge(q, []part{stats, {Clients: 2, Users: stats.Users[:userBytes]}}); got.Clients != many+2 || got.Users != many {
		t.Errorf("%d clients, %d users", got.Clients, got.Users)
	}
	q.Stats = false
	if got := merge(q, []part{list, list, list}); len(got.People) > MaxPresent {
		t.Errorf("%d people are listed", len(got.People))
	}
	if got := merge(q, []part{{}, (&Crowds{}).part("n:a", false)}); got.Clients != 0 || got.Users != 0 {
		t.Errorf("nobody counts as %+v", got)
	}
}
