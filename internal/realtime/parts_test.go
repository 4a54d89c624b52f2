package realtime

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/evenkeel/evenkeel"
)

// TestHub compares a hub with sets, for few listeners of a key and for many.
func TestHub(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var hub Hub[int]
		want := map[string]map[int]bool{"a": {}, "b": {}}
		number := rapid.IntRange(1, 3*longList)
		for range rapid.IntRange(0, 300).Draw(rt, "steps") {
			key := rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "key")
			n := number.Draw(rt, "session")
			if rapid.IntRange(0, 2).Draw(rt, "leave") == 0 {
				hub.Leave(key, n)
				delete(want[key], n)
			} else {
				hub.Join(key, n)
				want[key][n] = true
			}
			keys := 0
			for key, set := range want {
				got := slices.Sorted(slices.Values(hub.Listeners(key)))
				if len(got) != len(set) || slices.ContainsFunc(got, func(n int) bool { return !set[n] }) || len(slices.Compact(got)) != len(set) {
					rt.Fatalf("%s: %v, want %v", key, got, set)
				}
				keys += min(len(set), 1)
			}
			if hub.Keys() != keys {
				rt.Fatalf("%d keys, want %d", hub.Keys(), keys)
			}
		}
	})
}

// TestOutbox compares an outbox with a plain list.
func TestOutbox(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var out outbox
		var want []string
		for i := range rapid.IntRange(0, 200).Draw(rt, "steps") {
			if rapid.IntRange(0, 2).Draw(rt, "take") > 0 {
				frame := strings.Repeat(string(rune('a'+i%26)), 1+i%7)
				out.push([]byte(frame), rapid.Bool().Draw(rt, "publication"))
				want = append(want, frame)
				continue
			}
			limit := rapid.IntRange(1, 30).Draw(rt, "limit")
			got := strings.Split(string(out.take(nil, limit, JSON())), "\n")
			if got[0] == "" {
				got = nil
			}
			if len(got) > len(want) || !slices.Equal(got, want[:len(got)]) || len(got) == 0 && len(want) > 0 {
				rt.Fatalf("took %v of %v", got, want)
			}
			if len(got) > 1 && len(strings.Join(got, "\n")) > limit {
				rt.Fatalf("%v is more than %d bytes", got, limit)
			}
			want = want[len(got):]
		}
		if out.bytes != len(strings.Join(want, "")) || out.pubs > out.bytes || len(want) == 0 && !(out.head == 0 && out.pubs == 0) {
			rt.Fatalf("%d bytes wait, %d of publications; %v", out.bytes, out.pubs, want)
		}
	})
}

// TestFramesAreLines: whatever a backend hands over, a frame is one line.
func TestFramesAreLines(t *testing.T) {
	for in, want := range map[string]string{
		"": "{}", `{"a":1}`: `{"a":1}`, "{\n \"a\": 1\n}": `{"a":1}`, "{\nnonsense": "null",
	} {
		if got := string(oneLine([]byte(in))); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	// What cannot be shown takes its place all the same.
	if got := string(dataOf(&evenkeel.Publication{Type: 99})); got != `{"type":"unreadable"}` {
		t.Errorf("unreadable: %s", got)
	}
	d := NewDelivery("a\nb", evenkeel.Position{Epoch: "e", Offset: 3}, []byte("{\n}"))
	if got := string(d.frame(JSON())); got != `{"push":{"channel":"a\nb","pub":{"data":{},"offset":3}}}` {
		t.Errorf("not prepared: %s", got)
	}
}

// TestRoutesOnlyWhatClientsAreTold: the end of a session is the edge's affair.
func TestRoutesOnlyWhatClientsAreTold(t *testing.T) {
	var hub Hub[int]
	hub.Join("", 1)
	e := evenkeel.Event{Kind: evenkeel.EventSessionEnded, Session: evenkeel.SessionID{Incarnation: 1, Number: 1}}
	if in := InputOf(&e); in != nil || KeyOf(&e) != "" {
		t.Errorf("it became %v", in)
	}
	e = evenkeel.Event{Kind: evenkeel.EventPublication, Channel: "chat:1", Pub: fakePub(1)}
	if to, in := hub.Route(&e, JSON()); to != nil || in != nil {
		t.Errorf("nobody listens, but %v get %v", to, in)
	}
}

// TestTooMuchBeforeTheReply: commands behind a connect command wait for its
// reply, but not without bound.
func TestTooMuchBeforeTheReply(t *testing.T) {
	s := newStage(DefaultSettings())
	s.slowAuth = true
	s.step(&Command{ID: 1, Connect: &ConnectCommand{Token: "visitor"}})
	for i := range maxCommands {
		s.step(&Command{ID: uint32(i) + 2, Ping: true})
	}
	if s.session.Closed() {
		t.Fatal("closed too early")
	}
	s.step(&Command{ID: 9999, Ping: true})
	if got := s.heard(); !strings.HasPrefix(got, "! close 3501 ") {
		t.Errorf("it says %s", got)
	}
}
