package desk

import (
	"bytes"
	"testing"

	"github.com/evenkeel/evenkeel"
)

func (f *fixture) incidents(open bool) []*evenkeel.Incident {
	f.t.Helper()
	list, err := f.d.Incidents(agent("admin"), open, "", 100)
	if err != nil {
		f.t.Fatal(err)
	}
	return list
}

func raise(kind string) *evenkeel.IncidentRaise {
	return &evenkeel.IncidentRaise{Incident: kind, Subject: "n1", Severity: evenkeel.SeverityWarning, Summary: kind + " seen", Advice: "look"}
}

// TestIncidents opens, counts and ends; ended ones are remembered up to the
// limit, open ones are never forgotten.
func TestIncidents(t *testing.T) {
	f := newFixture(t)
	limits := evenkeel.DefaultLimits()
	limits.Incidents = 2
	f.must(evenkeel.System(), &evenkeel.LimitsSet{Limits: limits})

	if r := f.must(evenkeel.System(), raise("a")); !r.Created {
		t.Error("the first is not new")
	}
	if r := f.must(evenkeel.System(), raise("a")); r.Created {
		t.Error("the second is new")
	}
	if open := f.incidents(true); len(open) != 1 || open[0].Count != 2 || open[0].Closed != 0 {
		t.Fatalf("open: %+v", open)
	}
	f.must(evenkeel.System(), raise("b"))
	if r := f.do(evenkeel.System(), raise("c")); evenkeel.ErrorCode(r.Err) != evenkeel.CodeLimitReached {
		t.Fatalf("a third open one: %v", r.Err)
	}
	f.must(evenkeel.System(), &evenkeel.IncidentEnd{Incident: "a", Subject: "n1"})
	f.must(evenkeel.System(), &evenkeel.IncidentEnd{Incident: "a", Subject: "n1"}) // over already
	f.must(evenkeel.System(), raise("c"))
	if all := f.incidents(false); len(all) != 2 || all[0].Kind != "c" || all[1].Kind != "b" {
		t.Fatalf("the one that was over is not the one that went: %+v", all)
	}
	for _, incident := range f.incidents(true) {
		f.must(agent("admin"), &evenkeel.IncidentEnd{ID: incident.ID})
	}
	if r := f.do(agent("admin"), &evenkeel.IncidentEnd{ID: "i999"}); evenkeel.ErrorCode(r.Err) != evenkeel.CodeNotFound {
		t.Errorf("an unknown one: %v", r.Err)
	}
	if open := f.d.Status().Incidents; open != 0 {
		t.Errorf("%d are open", open)
	}

	stream, _, err := f.d.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	restored, err := Restore(bytes.NewReader(stream))
	if err != nil {
		t.Fatal(err)
	}
	f.d = restored
	f.must(evenkeel.System(), raise("d"))
	if all := f.incidents(false); len(all) != 2 || all[0].Kind != "d" || all[1].Kind != "b" {
		t.Errorf("after a restore another one went: %+v", all)
	}
	if err := invariants(f.d); err != nil {
		t.Error(err)
	}
}

func TestIncidentsAreForTheCell(t *testing.T) {
	f := newFixture(t)
	f.must(agent("admin"), &evenkeel.AgentPut{Agent: evenkeel.Agent{ID: "ann", Role: evenkeel.RoleSupervisor}})
	if _, err := f.d.Incidents(agent("ann"), false, "", 1); evenkeel.ErrorCode(err) != evenkeel.CodeForbidden {
		t.Errorf("a supervisor reads them: %v", err)
	}
	f.must(evenkeel.System(), raise("a"))
	if r := f.do(agent("ann"), &evenkeel.IncidentEnd{ID: "i1"}); evenkeel.ErrorCode(r.Err) != evenkeel.CodeForbidden {
		t.Errorf("a supervisor ends one: %v", r.Err)
	}
	for _, bad := range []*evenkeel.IncidentRaise{{}, {Incident: "a"}, {Incident: "a", Summary: "s", Severity: 9}} {
		if r := f.do(evenkeel.System(), bad); evenkeel.ErrorCode(r.Err) != evenkeel.CodeBadRequest {
			t.Errorf("%+v: %v", bad, r.Err)
		}
	}
}

// TestFullStateIsAnIncident fills the state to four fifths of its budget and
// gives it more.
func TestFullStateIsAnIncident(t *testing.T) {
	f := newFixture(t)
	limits := evenkeel.DefaultLimits()
	limits.MaxState = f.d.cell.Bytes + 100
	f.must(evenkeel.System(), &evenkeel.LimitsSet{Limits: limits})
	if open := f.incidents(true); len(open) != 1 || open[0].Kind != evenkeel.IncidentState {
		t.Fatalf("open: %+v", open)
	}
	limits.MaxState = 2 * f.d.cell.Bytes
	f.must(evenkeel.System(), &evenkeel.LimitsSet{Limits: limits})
	if open := f.incidents(true); len(open) != 0 {
		t.Errorf("still open: %+v", open)
	}
}

// TestSkipIsAnIncident: the operator hears of a command that panicked.
func TestSkipIsAnIncident(t *testing.T) {
	f := newFixture(t)
	index, entry := f.entryOf(&evenkeel.Command{By: visitor("a"), ID: "s", Body: &evenkeel.ChatStart{}})
	if _, err := f.d.Apply(index, entry, []int{0}); err != nil {
		t.Fatal(err)
	}
	if open := f.incidents(true); len(open) != 1 || open[0].Kind != evenkeel.IncidentPanic {
		t.Errorf("open: %+v", open)
	}
}
