package node

import (
	"testing"

	"github.com/evenkeel/evenkeel"
)

// TestOneBadCommand: what no log can hold is refused alone, not with what other
// people asked for in the same batch.
func TestOneBadCommand(t *testing.T) {
	n := startNode(t, testConfig(t))
	defer stopNode(t, n)
	visitor := func(id string) evenkeel.Principal {
		return evenkeel.Principal{Workspace: evenkeel.DefaultWorkspace, Kind: evenkeel.PrincipalVisitor, ID: id}
	}
	start := func(id, subject string) *evenkeel.Command {
		return &evenkeel.Command{By: visitor(id), Body: &evenkeel.ChatStart{Subject: subject}}
	}
	for _, batch := range [][]*evenkeel.Command{
		{start("v1", "fine"), start("v2", "\xff"), start("v3", "fine")},
		{start("v4", "\xff")},
	} {
		type outcome struct {
			results []evenkeel.Result
			err     error
		}
		came := make(chan outcome, 1)
		cellOf{n}.Propose(batch, func(results []evenkeel.Result, err error) { came <- outcome{results, err} })
		o := <-came
		if o.err != nil || len(o.results) != len(batch) {
			t.Fatalf("%d results of %d commands, %v", len(o.results), len(batch), o.err)
		}
		for i, r := range o.results {
			bad := batch[i].Body.(*evenkeel.ChatStart).Subject != "fine"
			if got := evenkeel.ErrorCode(errorOf(r)) == evenkeel.CodeBadRequest; got != bad {
				t.Errorf("the command of %s was refused: %v (%v), want %v", batch[i].By.ID, got, r.Err, bad)
			}
		}
	}
}

func errorOf(r evenkeel.Result) error {
	if r.Err == nil {
		return nil
	}
	return r.Err
}
