package desk

import (
	"testing"

	"github.com/evenkeel/evenkeel"
)

// threeNodes is a cell whose desk knows n1, n2 and n3.
func threeNodes(t *testing.T) *fixture {
	f := newFixture(t)
	f.must(evenkeel.System(), &evenkeel.NodeUp{Node: "n1", Boot: "b"})
	for i, hash := range []string{"a", "b"} {
		f.must(evenkeel.System(), &evenkeel.NodeInvite{Hash: hash, Life: evenkeel.Hour})
		key := make([]byte, publicKeySize)
		key[0] = byte(i)
		f.must(evenkeel.System(), &evenkeel.NodeJoin{Hash: hash, Key: key})
	}
	return f
}

// says has nodes tell what they have come to at an entry, in order, and returns who is in
// quarantine then.
func (f *fixture) says(at uint64, hashes ...uint64) (quarantined []string) {
	for i, hash := range hashes {
		if hash != 0 {
			f.must(evenkeel.System(), &evenkeel.NodeHash{Node: "n" + itoa(i+1), At: at, Hash: hash})
		}
	}
	for _, n := range f.d.Nodes() {
		if n.Quarantined != 0 {
			quarantined = append(quarantined, n.ID)
		}
	}
	return quarantined
}

func TestWhoDiffersFromMostIsQuarantined(t *testing.T) {
	f := threeNodes(t)
	if got := f.says(1, 7, 8, 0); got != nil {
		t.Errorf("%v are in quarantine by one word against another", got)
	}
	if got := f.says(1, 0, 0, 7); len(got) != 1 || got[0] != "n2" {
		t.Errorf("%v are in quarantine, want n2", got)
	}
	if f.d.openIncident(evenkeel.IncidentNodeDiffers, "n2") == nil {
		t.Error("the operator was not told")
	}
	// Whoever is late is judged all the same; and who agrees again later is sound.
	if got := f.says(2, 5, 5, 6); len(got) != 1 || got[0] != "n3" {
		t.Errorf("%v are in quarantine, want n3", got)
	}
	if f.d.openIncident(evenkeel.IncidentNodeDiffers, "n2") != nil {
		t.Error("the incident is not over")
	}
	f.replay()
}

func TestNobodyIsRightIfNodesDiffer(t *testing.T) {
	f := threeNodes(t)
	if got := f.says(1, 7, 8, 9); got != nil {
		t.Errorf("%v are in quarantine, and nobody can say who is right", got)
	}
	if f.d.openIncident(evenkeel.IncidentNodesDiffer, "") == nil {
		t.Error("the operator was not told")
	}
}

func TestWhatWasSaidIsBounded(t *testing.T) {
	f := threeNodes(t)
	for at := uint64(1); at < 10; at++ {
		f.must(evenkeel.System(), &evenkeel.Checkpoint{})
		f.says(at, 7, 7, 7)
		f.says(at, 7, 7, 7)
	}
	if n := len(f.d.cell.Hashes); n != maxCompared*3 {
		t.Errorf("%d reports are remembered, want %d", n, maxCompared*3)
	}
	f.must(evenkeel.System(), &evenkeel.NodeRemove{Node: "n3"})
	f.says(9, 7)
	if n := len(f.d.cell.Hashes); n != maxCompared*2 {
		t.Errorf("%d reports are remembered without n3, want %d", n, maxCompared*2)
	}
}
