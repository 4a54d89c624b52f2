package desk

import (
	"bytes"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// TestRefound: a desk that goes on without the other nodes keeps what they did, and
// ends what was going on at them.
func TestRefound(t *testing.T) {
	f := newFixture(t)
	f.must(evenkeel.System(), &evenkeel.NodeUp{Node: "n1", Boot: "a"})
	for number := range 2 {
		hash := "h" + itoa(number)
		f.must(evenkeel.System(), &evenkeel.NodeInvite{Hash: hash, Life: evenkeel.Hour})
		f.must(evenkeel.System(), &evenkeel.NodeJoin{Hash: hash, Key: bytes.Repeat([]byte{byte(number)}, publicKeySize)})
	}
	f.must(evenkeel.System(), &evenkeel.NodeUp{Node: "n2", Boot: "b"})
	there := f.must(evenkeel.System(), &evenkeel.NodeUp{Node: "n3", Boot: "c"}).Incarnation
	f.must(evenkeel.System(), &evenkeel.ArchiveReport{Node: "n1", Copy: "k1", State: evenkeel.CopyLive})
	f.must(evenkeel.System(), &evenkeel.ArchiveReport{Node: "n2", Copy: "k2", State: evenkeel.CopyFilling})
	admin := evenkeel.Principal{Kind: evenkeel.PrincipalAgent, Workspace: evenkeel.DefaultWorkspace, ID: "admin"}
	f.must(evenkeel.System(), &evenkeel.SessionOpen{Session: evenkeel.SessionID{Incarnation: there, Number: 1}, Principal: admin})

	for _, bad := range []Refounding{{Node: 2}, {Generation: f.d.cell.Generation, Node: 2}, {Generation: "g2"}, {Generation: "g2", Node: 4}} {
		if f.d.Refound(bad) == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
	if err := f.d.Refound(Refounding{Generation: "g2", Node: 2, Authority: []byte("certificate"), AuthorityKey: []byte("key")}); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := f.d.WriteSnapshot(&b); err != nil {
		t.Fatal(err)
	}
	d, err := Restore(&b)
	if err != nil {
		t.Fatal(err)
	}
	certificate, sealed := d.Authority()
	if nodes := d.Nodes(); len(nodes) != 1 || nodes[0].ID != "n2" || d.Status().Generation != "g2" || string(certificate) != "certificate" || string(sealed) != "key" {
		t.Errorf("left are %+v in generation %s, under %q", nodes, d.Status().Generation, certificate)
	}
	if state := d.ArchiveState(); len(state.Copies) != 1 || state.Copies[0].Node != "n2" {
		t.Errorf("the copies are %+v", state.Copies)
	}
	entry := AppendEntry(nil, EntryHeader{Time: f.time + 1, Resume: true, Gap: evenkeel.Minute}, nil)
	if _, err := d.Apply(uint64(len(f.log)+1), entry, nil); err != nil {
		t.Fatal(err)
	}
	if d.agents.get(key{admin.Workspace, admin.ID}).connected() {
		t.Error("a session at a node that is gone goes on")
	}
	if err := invariants(d); err != nil {
		t.Fatal(err)
	}
}
