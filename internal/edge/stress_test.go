package edge

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// TestManyAtOnce has clients talk at the same time, over RPC and HTTP, while
// results are lost now and then: with the race detector it is about the
// shell's locks, without about its promises.
func TestManyAtOnce(t *testing.T) {
	f := newFixture(t)
	const clients, messages = 10, 30
	chats := make([]string, clients)
	var all sync.WaitGroup
	for i := range clients {
		token := f.call("POST", "/v1/visitors", "", "").str("token")
		all.Go(func() {
			dice := rand.New(rand.NewPCG(uint64(i), 1))
			p := f.dial(token)
			chats[i] = p.call("chat.start", `{"id":"s"}`).want(200).str("chat.id")
			var sent sync.WaitGroup
			for n := range messages {
				if dice.IntN(10) == 0 {
					f.cell.set(func() { f.cell.lose = 2 })
				}
				text := fmt.Sprintf(`{"id":"m%d","chat":%q,"text":"x"}`, n, chats[i])
				sent.Add(1)
				f.edge.Call(p.id, "chat.send", []byte(text), func(_ []byte, err *evenkeel.Error) {
					if err != nil {
						t.Errorf("client %d, message %d: %v", i, n, err)
					}
					sent.Done()
				})
				if dice.IntN(5) == 0 {
					f.call("GET", "/v1/chats/"+chats[i], token, "").want(200)
				}
			}
			sent.Wait()
			f.edge.Disconnected(p.id)
		})
	}
	all.Wait()
	for i, id := range chats {
		transcript := &evenkeel.Transcript{}
		f.cell.View(func(r Reader) {
			var err error
			if transcript, err = r.Transcript(principalNamed("agent", "supervisor"), id, evenkeel.MessageRange{Limit: 1000}, false); err != nil {
				t.Fatal(err)
			}
		})
		if len(transcript.Messages) != messages {
			t.Fatalf("client %d: %d messages, want %d", i, len(transcript.Messages), messages)
		}
		for n, m := range transcript.Messages {
			if m.ID != fmt.Sprint("m", n) {
				t.Fatalf("client %d: message %d is %s", i, n+1, m.ID)
			}
		}
	}
}

// BenchmarkCall is a chat.send on its whole way through the edge and a desk
// without a log, 32 at a time.
func BenchmarkCall(b *testing.B) {
	cell := newTestCell(b)
	edge, err := New(Config{
		Cell: cell, Random: &countingReader{}, VisitorKey: func() ([]byte, error) { return make([]byte, 32), nil }, Seal: sealed, Open: opened, Ephemeral: func(string, []byte) {}, Spread: func(string, []byte) {}, Listened: func(string) bool { return false },
	})
	if err != nil {
		b.Fatal(err)
	}
	limits := evenkeel.DefaultLimits()
	limits.ChatMessages = 1 << 40
	cell.apply(&evenkeel.Command{By: evenkeel.System(), Body: &evenkeel.CellForm{
		CellID: "c", Generation: "g", Limits: limits, Password: "x", Admin: evenkeel.Agent{ID: "admin", Role: evenkeel.RoleAdmin},
	}})
	edge.Incarnation(cell.apply(&evenkeel.Command{By: evenkeel.System(), Body: &evenkeel.NodeUp{Node: "n", Boot: "b"}})[0].Incarnation)
	edge.Start()
	defer edge.Stop()
	const flows = 32
	chats := make([]string, flows)
	for i := range flows {
		who := principalNamed("visitor", fmt.Sprint("v", i))
		edge.Connected(ClientID(i+1), Identity{Principal: who, Role: evenkeel.RoleCustomer}, func(uint32, string) {})
		chats[i] = cell.apply(&evenkeel.Command{By: who, Body: &evenkeel.ChatStart{}})[0].Chat.ID
	}
	b.ReportAllocs()
	b.ResetTimer()
	var flow sync.WaitGroup
	for i := range flows {
		flow.Go(func() {
			answered := make(chan *evenkeel.Error, 1)
			for n := 0; n < b.N/flows+1; n++ {
				text := fmt.Sprintf(`{"id":"m%d","chat":%q,"text":"Good morning, what can I do for you?"}`, n, chats[i])
				edge.Call(ClientID(i+1), "chat.send", []byte(text), func(_ []byte, err *evenkeel.Error) { answered <- err })
				if err := <-answered; err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	flow.Wait()
}
