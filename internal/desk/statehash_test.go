package desk

import (
	"bytes"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// TestStateHash: what is refused leaves it as it was, what is done does not, and a
// replica that was restored has the same.
func TestStateHash(t *testing.T) {
	f := newFixture(t)
	hash := func(d *Desk) uint64 {
		sum, err := d.StateHash()
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	inc := f.must(evenkeel.System(), &evenkeel.NodeUp{Node: "n1", Boot: "b"}).Incarnation
	session := evenkeel.SessionID{Incarnation: inc, Number: 1}
	f.must(evenkeel.System(), &evenkeel.SessionOpen{Session: session, Principal: visitor("v")})
	before := hash(f.d)
	f.time += 10
	send := &evenkeel.Command{By: visitor("v"), Session: session, Seq: 1, ID: "a", Body: &evenkeel.ChatSend{Chat: "c9", Text: "x"}}
	if r := f.apply(send).Results[0]; evenkeel.ErrorCode(r.Err) != evenkeel.CodeNotFound {
		t.Fatalf("it was answered %+v", r)
	}
	if now := hash(f.d); now != before {
		t.Errorf("a refused command made %x of %x", now, before)
	}
	f.must(visitor("v"), &evenkeel.ChatStart{Message: "hello"})
	after := hash(f.d)
	if after == before {
		t.Error("a chat changes nothing")
	}
	stream, _, err := f.d.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	restored, err := Restore(bytes.NewReader(stream))
	if err != nil {
		t.Fatal(err)
	}
	if now := hash(restored); now != after {
		t.Errorf("restored, %x is %x", after, now)
	}
}
