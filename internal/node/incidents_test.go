package node

import (
	"errors"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// TestConcerns: what the cell could not be told is told later, once, and as it
// stands then.
func TestConcerns(t *testing.T) {
	c := newConcerns()
	var told []evenkeel.Body
	fail := true
	do := func(body evenkeel.Body) error {
		if fail {
			return errors.New("no leader")
		}
		told = append(told, body)
		return nil
	}
	full := raiseIf(true, evenkeel.SeverityCritical, "full", "free")
	c.set("disk_full", full)
	c.tell("n1", do)
	c.set("disk_full", full)
	fail = false
	c.tell("n1", do)
	c.tell("n1", do)
	if len(told) != 1 {
		t.Fatalf("told %d times", len(told))
	}
	if r, ok := told[0].(*evenkeel.IncidentRaise); !ok || r.Incident != "disk_full" || r.Subject != "n1" || r.Summary != "full" {
		t.Errorf("told %+v", told[0])
	}
	c.set("disk_full", nil)
	c.set("disk_full", nil)
	c.tell("n1", do)
	if len(told) != 2 || c.open("disk_full") {
		t.Fatalf("the end was told %d times", len(told)-1)
	}
	if end, ok := told[1].(*evenkeel.IncidentEnd); !ok || end.Incident != "disk_full" || end.Subject != "n1" {
		t.Errorf("told %+v", told[1])
	}
}
