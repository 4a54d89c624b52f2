package node

import (
	"errors"
	"slices"
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

// TestConcernThatWasOverBeforeItWasTold: a full disk takes no commands, so the
// cell learns of it when there is room again, and that it is over.
func TestConcernThatWasOverBeforeItWasTold(t *testing.T) {
	c := newConcerns()
	var told []string
	refuse := func(evenkeel.Body) error { return errors.New("disk_full") }
	do := func(body evenkeel.Body) error {
		told = append(told, body.Kind().String())
		return nil
	}
	full := raiseIf(true, evenkeel.SeverityCritical, "full", "free")
	c.set("disk_full", full)
	c.tell("n1", refuse)
	c.set("disk_full", nil)
	c.tell("n1", refuse)
	c.set("disk_full", full) // and again, before anything was told
	c.set("disk_full", nil)
	if c.open("disk_full") {
		t.Error("it is open")
	}
	for range 3 {
		c.tell("n1", do)
	}
	if want := []string{"incident.raise", "incident.end"}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}
