package levels_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
	"github.com/evenkeel/evenkeel/internal/levels"
)

// TestReplay: the reports of the desk that lived through a history, as its
// snapshot has it, are to the byte those of a replay of the log, in rows of any
// length.
func TestReplay(t *testing.T) {
	logs, err := filepath.Glob("../desk/testdata/golden/*.log")
	if err != nil || len(logs) == 0 {
		t.Fatal("no histories", err)
	}
	for _, file := range logs {
		snapshot, err := os.ReadFile(strings.TrimSuffix(file, ".log") + ".snap")
		if err != nil {
			t.Fatal(err)
		}
		lived, err := desk.Restore(bytes.NewReader(snapshot))
		if err != nil {
			t.Fatal(err)
		}
		replayed := replay(t, file)
		if lived.Index() != replayed.Index() {
			t.Fatalf("%s: the snapshot is of entry %d, the log ends at %d", file, lived.Index(), replayed.Index())
		}
		rows := 0
		for _, length := range []levels.Interval{levels.Total, levels.Quarter, levels.Hourly, levels.Daily} {
			for variant := range levels.Removed + 1 {
				rule := levels.Rule{Variant: variant, Threshold: 20 * evenkeel.Second, Short: 5 * evenkeel.Second}
				a, b := reports(t, lived, length, rule), reports(t, replayed, length, rule)
				if !bytes.Equal(a, b) {
					t.Fatalf("%s: a replay reports\n%s\ninstead of\n%s", file, b, a)
				}
				rows += bytes.Count(a, []byte("\r\n"))
			}
		}
		if rows < 100 {
			t.Fatalf("%s: only %d rows", file, rows)
		}
	}
}

func replay(t *testing.T, file string) *desk.Desk {
	log, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d := desk.New()
	for index := uint64(1); len(log) > 0; index++ {
		n, size := binary.Uvarint(log)
		entry := log[size : size+int(n)]
		log = log[size+int(n):]
		if _, err := d.Apply(index, entry, nil); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func reports(t *testing.T, d *desk.Desk, length levels.Interval, rule levels.Rule) []byte {
	admin := evenkeel.Principal{Workspace: evenkeel.DefaultWorkspace, Kind: evenkeel.PrincipalAgent, ID: "admin"}
	now := evenkeel.IntervalOf(d.Wall())
	queues, agents, err := levels.Whole(d, admin, levels.Range{From: now - 96, To: now + 96, Rows: length}, rule)
	if err != nil {
		t.Fatal(err)
	}
	a, err := levels.CSV(queues)
	if err != nil {
		t.Fatal(err)
	}
	b, err := levels.CSV(agents)
	if err != nil {
		t.Fatal(err)
	}
	return append(a, b...)
}
