package desk

import (
	"slices"
	"strconv"

	"github.com/evenkeel/evenkeel"
)

// CompareEvery is how many entries lie between two at which nodes compare what their
// desks have come to.
const CompareEvery = 1000

// maxCompared is for how many entries what was said is remembered: a node may be late.
const maxCompared = 4

// hashReport is what one node's desk had come to at an entry.
type hashReport struct {
	At     uint64 `cbor:"1,keyasint"`
	Number uint64 `cbor:"2,keyasint"`
	Hash   uint64 `cbor:"3,keyasint"`
}

// nodeHash takes what a node's desk has come to, and judges what all have said of that
// entry.
func (d *Desk) nodeHash(b *evenkeel.NodeHash) (evenkeel.Result, *evenkeel.Error) {
	n := d.nodes.get(b.Node)
	switch {
	case n == nil:
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no node %q", b.Node)
	case b.At == 0 || b.At >= d.cell.Index:
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeBadRequest, "the entry %d has not been applied", b.At)
	}
	d.cell.Hashes = append(d.recentHashes(b.At, n.Number), hashReport{At: b.At, Number: n.Number, Hash: b.Hash})
	d.judgeHashes(b.At)
	return evenkeel.Result{}, nil
}

// recentHashes returns a new list of what other nodes, or this one of other entries, have
// said of the last entries, that at included.
func (d *Desk) recentHashes(at, number uint64) []hashReport {
	entries := []uint64{at}
	for _, r := range d.cell.Hashes {
		if !slices.Contains(entries, r.At) {
			entries = append(entries, r.At)
		}
	}
	slices.Sort(entries)
	oldest := entries[max(0, len(entries)-maxCompared)]
	var kept []hashReport
	for _, r := range d.cell.Hashes {
		if r.At >= oldest && (r.At != at || r.Number != number) && d.hasNode(r.Number) {
			kept = append(kept, r)
		}
	}
	return kept
}

// judgeHashes finds what more than half of the nodes have come to at an entry: who says
// otherwise is quarantined. If all have spoken and there is no such thing, nobody can
// say who is right.
func (d *Desk) judgeHashes(at uint64) {
	var said []hashReport
	for _, r := range d.cell.Hashes {
		if r.At == at {
			said = append(said, r)
		}
	}
	right, found := uint64(0), false
	for _, r := range said {
		same := 0
		for _, other := range said {
			if other.Hash == r.Hash {
				same++
			}
		}
		if 2*same > d.nodes.len() {
			right, found = r.Hash, true
		}
	}
	switch {
	case found:
		for _, r := range said {
			d.judgeNode(r, right)
		}
	case len(said) == d.nodes.len():
		_, _ = d.raise(&evenkeel.IncidentRaise{ // when there is no room for one more, there are others to see to
			Incident: evenkeel.IncidentNodesDiffer, Severity: evenkeel.SeverityCritical,
			Summary: "At entry " + strconv.FormatUint(at, 10) + " the nodes have come to different states, and no state is that of most.",
			Advice:  "Nothing is repaired by itself, for nobody can say who is right. Make a backup of each node's data directory before anything else, and report it with them.",
		})
	}
}

// judgeNode holds what a node said against what is right. One that was quarantined and
// says what is right again is sound.
func (d *Desk) judgeNode(r hashReport, right uint64) {
	for _, n := range d.nodes.list { // at most one has the number
		switch {
		case n.Number != r.Number:
		case r.Hash == right && n.Quarantined != 0 && r.At > n.Quarantined:
			d.nodes.touch(n)
			n.Quarantined = 0
			d.end(d.openIncident(evenkeel.IncidentNodeDiffers, n.ID))
		case r.Hash != right && n.Quarantined == 0:
			d.nodes.touch(n)
			n.Quarantined = r.At
			_, _ = d.raise(&evenkeel.IncidentRaise{ // likewise
				Incident: evenkeel.IncidentNodeDiffers, Subject: n.ID, Severity: evenkeel.SeverityCritical,
				Summary: "At entry " + strconv.FormatUint(r.At, 10) + " the state of " + n.ID + " was another than that of most nodes.",
				Advice:  "It neither leads nor serves, sets its data aside and joins again by itself as soon as the others are a majority without it. Keep what it has set aside and report it: its memory is faulty, or the program is.",
			})
		}
	}
}
