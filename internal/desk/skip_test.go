package desk

import (
	"testing"

	"github.com/evenkeel/evenkeel"
)

// entryOf encodes commands as the entry behind the fixture's log.
func (f *fixture) entryOf(commands ...*evenkeel.Command) (index uint64, entry []byte) {
	var raw [][]byte
	for _, c := range commands {
		b, err := EncodeCommand(nil, c)
		if err != nil {
			f.t.Fatal(err)
		}
		raw = append(raw, b)
	}
	return uint64(len(f.log) + 1), AppendEntry(nil, EntryHeader{Time: f.time}, raw)
}

// TestSkippedCommand leaves one command of an entry out: it is answered
// internal and has no effect, its neighbours are applied, and the skip is in
// the output hash.
func TestSkippedCommand(t *testing.T) {
	plain, skipping := newFixture(t), newFixture(t)
	send := func(who string) *evenkeel.Command {
		return &evenkeel.Command{By: visitor(who), ID: "s", Body: &evenkeel.ChatStart{}}
	}
	index, entry := plain.entryOf(send("a"), send("b"), send("c"))
	if _, err := plain.d.Apply(index, entry, nil); err != nil {
		t.Fatal(err)
	}
	out, err := skipping.d.Apply(index, entry, []int{1})
	if err != nil {
		t.Fatal(err)
	}
	if evenkeel.ErrorCode(out.Results[1].Err) != evenkeel.CodeInternal || out.Results[0].Err != nil || out.Results[2].Err != nil {
		t.Fatalf("results: %+v", out.Results)
	}
	if n := skipping.d.chats.len(); n != 2 {
		t.Fatalf("%d chats instead of 2", n)
	}
	if plain.d.Hash() == skipping.d.Hash() {
		t.Fatal("the skip is not in the output hash")
	}
}

// TestSkippedFollowUp leaves follow-up work out, as a replica does whose
// deadline, continuation or decision panicked. The entry then ends.
func TestSkippedFollowUp(t *testing.T) {
	ready := func() *fixture {
		f := newFixture(t)
		inc := f.must(evenkeel.System(), &evenkeel.NodeUp{Node: "n", Boot: "b"}).Incarnation
		f.must(evenkeel.System(), &evenkeel.SessionOpen{Session: evenkeel.SessionID{Incarnation: inc, Number: 1}, Principal: agent("admin")})
		f.must(agent("admin"), &evenkeel.SetAgentStatus{Status: evenkeel.StatusOnline})
		return f
	}
	t.Run("decision", func(t *testing.T) {
		f := ready()
		index, entry := f.entryOf(&evenkeel.Command{By: visitor("v"), ID: "s", Body: &evenkeel.ChatStart{}})
		if _, err := f.d.Apply(index, entry, []int{1}); err != nil {
			t.Fatal(err)
		}
		if c := f.d.chats.get("c1"); c.State != evenkeel.ChatQueued {
			t.Fatalf("the chat is %s", c.State)
		}
	})
	t.Run("deadline", func(t *testing.T) {
		f := ready()
		f.must(visitor("v"), &evenkeel.ChatStart{})
		f.time += evenkeel.DeskTime(evenkeel.Minute)
		index, entry := f.entryOf()
		if _, err := f.d.Apply(index, entry, []int{0}); err != nil {
			t.Fatal(err)
		}
		if c := f.d.chats.get("c1"); c.State != evenkeel.ChatOffered || f.d.Step() != 1 {
			t.Fatalf("the chat is %s after %d steps", c.State, f.d.Step())
		}
	})
	t.Run("continuation", func(t *testing.T) {
		f := ready()
		index, entry := f.entryOf(&evenkeel.Command{By: evenkeel.System(), Body: &evenkeel.NodeUp{Node: "n", Boot: "b2"}})
		if _, err := f.d.Apply(index, entry, []int{1}); err != nil {
			t.Fatal(err)
		}
		if f.d.work.len() != 0 || f.d.sessions.len() != 1 {
			t.Fatalf("%d work, %d sessions", f.d.work.len(), f.d.sessions.len())
		}
	})
}

// TestUnknownStopsTheReplica shows that what this program does not understand is
// an error, not a skip.
func TestUnknownStopsTheReplica(t *testing.T) {
	f := newFixture(t)
	known, err := EncodeCommand(nil, &evenkeel.Command{By: visitor("v"), ID: "i", Body: &evenkeel.ChatTake{Chat: "c1"}})
	if err != nil {
		t.Fatal(err)
	}
	unknownKind := append([]byte{0xff, 0x7f}, known[1:]...)
	unknownField := append(append([]byte(nil), known[:len(known)-5]...), 0xa1, 0x18, 0x63, 0x01) // {99: 1}
	for name, raw := range map[string][]byte{"kind": unknownKind, "field": unknownField} {
		entry := AppendEntry(nil, EntryHeader{Time: f.time}, [][]byte{raw})
		if _, err := f.d.Apply(uint64(len(f.log)+1), entry, nil); err == nil {
			t.Errorf("an unknown %s was applied", name)
		} else {
			t.Log(err)
		}
		f = newFixture(t)
	}
	if _, err := f.d.Apply(1, AppendEntry(nil, EntryHeader{}, nil), nil); err == nil {
		t.Error("an entry was applied twice")
	}
}

// TestSkippedCommandOfASession: the number of a command that is left out is used
// up, or all that its client sent behind it would be refused.
func TestSkippedCommandOfASession(t *testing.T) {
	f := newFixture(t)
	inc := f.must(evenkeel.System(), &evenkeel.NodeUp{Node: "n", Boot: "b"}).Incarnation
	id := evenkeel.SessionID{Incarnation: inc, Number: 1}
	f.must(evenkeel.System(), &evenkeel.SessionOpen{Session: id, Principal: visitor("v")})
	start := func(seq uint64) *evenkeel.Command {
		return &evenkeel.Command{By: visitor("v"), ID: "s" + itoa(int(seq)), Session: id, Seq: seq, Body: &evenkeel.ChatStart{}}
	}
	index, entry := f.entryOf(start(1), start(2))
	out, err := f.d.Apply(index, entry, []int{0})
	if err != nil {
		t.Fatal(err)
	}
	if evenkeel.ErrorCode(out.Results[0].Err) != evenkeel.CodeInternal || out.Results[1].Err != nil {
		t.Fatalf("results: %+v", out.Results)
	}
}
