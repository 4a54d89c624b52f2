package realtime

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel"
)

// runLive does what a session wants done on channels of namespaces.
func (s *stage) runLive(e Effect) {
	switch e := e.(type) {
	case Admit:
		fmt.Fprintf(&s.log, "! admit %s %q\n", e.Request.Channel, e.Request.Token)
		s.admits = append(s.admits, e)
		if !s.slow {
			s.answerAdmits()
		}
	case Publish:
		s.live(e.Request.Channel, e.Request.Data, e.Request.Info)
		s.step(&Published{ID: e.ID})
	case Enter:
		s.arrival(e.Channel, e.Who, false, e.Tell)
	case Exit:
		s.arrival(e.Channel, e.Who, true, e.Tell)
	case Count:
		s.step(s.crowds.Count(e))
	}
}

func (s *stage) answerAdmits() {
	for len(s.admits) > 0 {
		a := s.admits[0]
		s.admits = s.admits[1:]
		terms, ok := s.terms[a.Request.Channel]
		in := &Admitted{Tag: a.Tag, Terms: terms}
		switch {
		case a.Request.Token == "old":
			in.Err = evenkeel.Errorf(evenkeel.CodeTokenExpired, "it was yesterday's")
		case !ok || a.Request.Token == "forged":
			in.Err = evenkeel.Errorf(evenkeel.CodeForbidden, "no")
		}
		s.step(in)
	}
}

// live is a publication on its way, as the server hands it out.
func (s *stage) live(channel string, data []byte, who *ClientInfo) {
	d := &Delivery{channel: channel, data: oneLine(data), info: who}
	if s.keep.Size > 0 {
		d.position = s.shelf.put(channel, Item{Data: d.data, Info: who}, s.keep, s.epoch(channel), s.now)
	}
	s.hand(channel, d.encode([]Encoding{s.enc}))
}

// epoch is one that was never used.
func (s *stage) epoch(channel string) string {
	if s.shelf.rings[channel] == nil {
		s.epochs++
	}
	return "k" + strconv.Itoa(s.epochs)
}

func (s *stage) hand(channel string, in Input) {
	for _, session := range append([]*Session(nil), s.hub.Listeners(channel)...) {
		s.run(session.Step(in, s.now))
	}
}

func (s *stage) arrival(channel string, who *ClientInfo, gone, tell bool) {
	var told bool
	if gone {
		told = s.crowds.Exit(channel, who.Client)
	} else {
		told = s.crowds.Enter(channel, who)
	}
	if told && tell {
		s.hand(channel, newArrival(channel, who, gone, []Encoding{s.enc}))
	}
}

// playLive obeys what concerns channels of namespaces.
func (s *stage) playLive(f []string) (ok bool, err error) {
	switch f[0] {
	case "terms": // CHANNEL JSON: on which the client may have the channel
		terms := evenkeel.Terms{Kept: true}
		err = json.Unmarshal([]byte(strings.Join(f[2:], " ")), &terms)
		s.terms[f[1]] = terms
	case "keep": // SIZE AGE: what is kept
		s.keep.Bytes = 1000
		if s.keep.Size, err = strconv.Atoi(f[1]); err == nil {
			s.keep.Age, err = time.ParseDuration(f[2])
		}
	case "live": // CHANNEL JSON: somebody publishes
		s.live(f[1], []byte(f[2]), &ClientInfo{User: "eve", Client: "9"})
	case "enter", "exit": // CHANNEL USER CLIENT
		s.arrival(f[1], &ClientInfo{User: f[2], Client: f[3]}, f[0] == "exit", true)
	case "admission": // slow|fast
		s.slow = f[1] == "slow"
		if !s.slow {
			s.answerAdmits()
		}
	case "forget": // CHANNEL: the node keeps nothing of it any more
		s.shelf.forgetAll(f[1])
	case "dropped": // CHANNEL: its namespace is gone
		s.hand(f[1], Dropped{Channel: f[1]})
	default:
		return false, nil
	}
	return true, err
}

// TestShelfBudget: what is kept keeps to its budget, and what is forgotten is not
// taken for what was there before.
func TestShelfBudget(t *testing.T) {
	s := &shelf{budget: 20 << 10}
	keep := Keep{Size: 10, Bytes: 4 << 10, Age: time.Minute}
	at := s.put("n:first", Item{Data: make([]byte, 100)}, keep, "e0", 1)
	for i := range 1000 {
		s.put("n:"+strconv.Itoa(i%50), Item{Data: make([]byte, 500)}, keep, "e"+strconv.Itoa(i+1), time.Duration(i))
		if s.bytes > s.budget {
			t.Fatalf("%d bytes are kept", s.bytes)
		}
	}
	done := s.read(Read{Request: ReadRequest{Channel: "n:first", Since: at, Limit: 10, Bytes: 1000}}, 1000)
	if done.Err == nil || done.Err.Code != evenkeel.CodeUnrecoverablePosition {
		t.Fatalf("%+v", done)
	}
	if again := s.put("n:first", Item{Data: []byte("1")}, keep, "e9999", 1000); again.Epoch == at.Epoch || again.Offset != 1 {
		t.Fatalf("%v after %v", again, at)
	}
	s.put("n:big", Item{Data: make([]byte, 5<<10)}, keep, "b", 1000)
	if done := s.read(Read{Request: ReadRequest{Channel: "n:big", Limit: 1, Bytes: 1}}, 1000); len(done.Items) != 0 || done.Top.Offset != 1 {
		t.Fatalf("%+v", done)
	}
	s.forgetAll("n:")
	if s.bytes != 0 || len(s.rings) != 0 || s.order.Len() != 0 {
		t.Fatalf("%d bytes of %d channels are left", s.bytes, len(s.rings))
	}
}

// TestCrowds: who is there is listed up to a bound, and counted exactly.
func TestCrowds(t *testing.T) {
	var c Crowds
	for i := range MaxPresent + 10 {
		who := &ClientInfo{User: "u" + strconv.Itoa(i/2), Client: strconv.Itoa(i)}
		if !c.Enter("n:a", who) || c.Enter("n:a", who) {
			t.Fatal("a client enters once")
		}
	}
	if got := c.Count(Count{Channel: "n:a"}); len(got.People) != MaxPresent || got.Clients != MaxPresent+10 || got.Users != (MaxPresent+10)/2 {
		t.Fatalf("%d listed, %d clients, %d users", len(got.People), got.Clients, got.Users)
	}
	for i := range MaxPresent + 10 {
		if !c.Exit("n:a", strconv.Itoa(i)) || c.Exit("n:a", strconv.Itoa(i)) {
			t.Fatal("a client leaves once")
		}
	}
	if len(c.channels) != 0 {
		t.Fatal("an empty channel is remembered")
	}
}
