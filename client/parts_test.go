package client

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel"
)

func TestPausesGrowAndAreRandom(t *testing.T) {
	b := newBackoff(100*time.Millisecond, time.Second)
	bounds := []int{100, 200, 400, 800, 1000, 1000}
	different := map[time.Duration]bool{}
	for _, bound := range bounds {
		p := b.next()
		if p <= 0 || p > time.Duration(bound)*time.Millisecond+1 {
			t.Errorf("a pause of %s, at most %d ms", p, bound)
		}
		different[p] = true
	}
	if len(different) < 3 {
		t.Errorf("the pauses are not random: %v", different)
	}
	b.reset()
	if p := b.next(); p > 100*time.Millisecond+1 {
		t.Errorf("after a success the pause is %s", p)
	}
}

func TestMessagesAreCutBetweenFrames(t *testing.T) {
	frame := strings.Repeat("x", 5000) + "\n"
	frames := []byte(strings.Repeat(frame, 7) + strings.Repeat("y", 40000) + "\n" + frame)
	var all []string
	for len(frames) > 0 {
		var message []byte
		message, frames = cutMessage(frames)
		if len(message) > maxWrite && bytes.IndexByte(message, '\n') >= 0 {
			t.Errorf("a message of several frames has %d bytes", len(message))
		}
		all = append(all, strings.Split(string(message), "\n")...)
	}
	if len(all) != 9 || len(all[7]) != 40000 {
		t.Errorf("%d frames came out", len(all))
	}
}

func TestWireErrors(t *testing.T) {
	for text, want := range map[string]evenkeel.Code{
		`{"code":1004,"message":"chat_closed: it is over"}`:         evenkeel.CodeChatClosed,
		`{"code":101,"message":"invalid_credentials"}`:              evenkeel.CodeInvalidCredentials,
		`{"code":102,"message":"unknown channel"}`:                  evenkeel.CodeNotFound,
		`{"code":112,"message":"the position is of another"}`:       evenkeel.CodeUnrecoverablePosition,
		`{"code":999,"message":"something","temporary":true}`:       evenkeel.CodeInternal,
		`{"code":105,"message":"already subscribed"}`:               evenkeel.CodeBadRequest,
		`{"code":108,"message":"no_leader: wait","temporary":true}`: evenkeel.CodeNoLeader,
	} {
		var e wireError
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			t.Fatal(err)
		}
		if got := evenkeel.ErrorCode(e.err()); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
	if (*wireError)(nil).err() != nil {
		t.Error("no error is an error")
	}
}

func TestInboxKeepsOrderAndBounds(t *testing.T) {
	q := newInbox(3)
	for i := range 10 {
		if q.room() > 0 {
			q.push(Event{Kind: Published, Position: evenkeel.Position{Offset: uint64(i)}})
		}
		if i%4 == 3 {
			if e, ok := q.pop(); !ok || e.Kind != Published {
				t.Fatalf("popped %+v", e)
			}
		}
	}
	q.push(Event{Kind: Gap, Channel: "chat:c1"})
	q.push(Event{Kind: Gap, Channel: "chat:c1"})
	q.push(Event{Kind: Gap, Channel: "chat:c2"})
	last, gaps := uint64(0), 0
	for e, ok := q.pop(); ok; e, ok = q.pop() {
		if e.Kind == Gap {
			gaps++
		} else if e.Position.Offset <= last {
			t.Errorf("%d came behind %d", e.Position.Offset, last)
		}
		last = max(last, e.Position.Offset)
	}
	if gaps != 2 {
		t.Errorf("%d gaps are told, want one of each channel", gaps)
	}
}

func TestDecisionsAreFollowed(t *testing.T) {
	c, err := New(Config{URL: "https://chat.example/"})
	if err != nil {
		t.Fatal(err)
	}
	p := places{client: c}
	first := p.decided(&Decision{
		Endpoint:  Endpoint{Transport: "websocket", URL: "wss://one/connection/websocket"},
		Fallbacks: []Endpoint{{Transport: "sse", URL: "https://one/connection/sse"}, {Transport: "websocket", URL: "wss://two/connection/websocket"}},
		Decide:    []string{"https://chat.example/v1/connect", "https://two/v1/connect"},
	}, c.base)
	if first != "wss://one/connection/websocket" {
		t.Errorf("first %s", first)
	}
	p.failed()
	if second, err := p.next(t.Context()); err != nil || second != "wss://two/connection/websocket" {
		t.Errorf("second %s, %v", second, err)
	}
	p.failed() // nothing of the decision is left: the same question to the other node
	p.plain = true
	if third, err := p.next(t.Context()); err != nil || third != "wss://two/connection/websocket" {
		t.Errorf("third %s, %v", third, err)
	}
	p.connected()
	if again, err := p.next(t.Context()); err != nil || again != "wss://chat.example/connection/websocket" {
		t.Errorf("after a success %s, %v", again, err)
	}
}
