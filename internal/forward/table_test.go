package forward

import (
	"strconv"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel"
)

// told collects how proposals end.
type told []string

func (l *told) done(name string) Done {
	return func(results []evenkeel.Result, err error) {
		end := name + " " + string(evenkeel.ErrorCode(err))
		if err == nil {
			end = name + " at " + strconv.FormatUint(results[len(results)-1].Index, 10)
		}
		*l = append(*l, end)
	}
}

func (l *told) expect(t *testing.T, table *Table, want ...string) {
	t.Helper()
	for _, tell := range table.Take() {
		tell()
	}
	if len(*l) != len(want) {
		t.Fatalf("ended: %q, want %q", *l, want)
	}
	for i := range want {
		if (*l)[i] != want[i] {
			t.Fatalf("ended: %q, want %q", *l, want)
		}
	}
	*l = nil
}

func at(index uint64) []evenkeel.Result { return []evenkeel.Result{{Index: index}} }

func TestAnswersWaitForTheReplica(t *testing.T) {
	var l told
	table := New(100)
	a, b := table.Ask(0, 2, 1, l.done("a")), table.Ask(0, 2, 1, l.done("b"))
	table.Answered(2, a, at(7), nil)
	table.Answered(2, b, at(8), nil)
	table.Applied(6)
	l.expect(t, table)
	table.Applied(7)
	l.expect(t, table, "a at 7")
	table.Applied(9)
	l.expect(t, table, "b at 8")
	table.Answered(2, table.Ask(0, 2, 1, l.done("c")), at(9), nil)
	l.expect(t, table, "c at 9")
}

func TestForeignAnswersAreIgnored(t *testing.T) {
	var l told
	table := New(100)
	a := table.Ask(0, 2, 1, l.done("a"))
	table.Answered(3, a, at(1), nil)                                                  // another node
	table.Answered(2, a, append(at(1), at(1)...), nil)                                // of another size
	table.Answered(2, New(7).Ask(0, 2, 1, l.done("of an older process")), at(1), nil) // to the process before
	table.Applied(5)
	l.expect(t, table)
	table.Answered(2, a, nil, evenkeel.Errorf(evenkeel.CodeDiskFull, "full"))
	table.Answered(2, a, at(2), nil) // twice
	l.expect(t, table, "a disk_full")
}

func TestEachEndsOnce(t *testing.T) {
	var l told
	table := New(0)
	a := table.Ask(0, 2, 1, l.done("a"))
	table.Ask(0, 3, 1, l.done("b"))
	table.Unsent(table.Ask(0, 3, 1, l.done("c")))
	l.expect(t, table, "c no_leader")
	table.Leads(0)
	table.Leads(2)
	l.expect(t, table, "b no_leader")
	table.Ask(0, 3, 1, l.done("b"))
	table.Lost(2)
	table.Answered(2, a, at(3), nil)
	l.expect(t, table, "a no_leader")
	table.Sweep(AnswerLimit)
	l.expect(t, table)
	table.Sweep(AnswerLimit + time.Millisecond)
	l.expect(t, table, "b no_leader")
	table.Answered(2, table.Ask(0, 2, 1, l.done("d")), at(3), nil)
	table.Ask(0, 2, 1, l.done("e"))
	table.Close()
	l.expect(t, table, "e no_leader", "d no_leader")
}
