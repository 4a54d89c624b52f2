package node

import (
	"testing"

	"github.com/evenkeel/evenkeel"
)

func TestClockReport(t *testing.T) {
	var r clockReport
	for _, step := range []struct {
		what string
		wall evenkeel.Time
		desk evenkeel.DeskTime
		due  bool
	}{
		{"the first time it is always told", 1000000, 0, true},
		{"steady", 1010000, 10000, false},
		{"a little drift", 1020100, 20000, false},
		{"the drift adds up", 1030101, 30000, true},
		{"told, and steady from there", 1040101, 40000, false},
		{"a step back", 1040000, 50000, true},
		{"steady again", 1050000, 60000, false},
	} {
		offset, due := r.due(step.wall, step.desk)
		if due != step.due {
			t.Errorf("%s: due %v at offset %v", step.what, due, offset)
		}
		if due {
			r.said(offset)
		}
	}
}
