package desk

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestGolden applies the logs in testdata/golden and compares the hashes that
// were written down with them: on every architecture and in every version at
// the same feature level they must come out the same, and a snapshot that this
// version wrote must be read by every later one. -desk.update makes new ones;
// files of a released version are never made anew.
func TestGolden(t *testing.T) {
	dir := filepath.Join("testdata", "golden")
	if *update {
		writeGolden(t, dir)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(files) < 3 {
		t.Fatal("no golden logs", err)
	}
	for _, file := range files {
		base := strings.TrimSuffix(file, ".log")
		log, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(base + ".hash")
		if err != nil {
			t.Fatal(err)
		}
		d := New()
		applyLog(t, d, log)
		got := hashes(t, d)
		t.Logf("%s: %s", filepath.Base(base), got)
		if got != strings.TrimSpace(string(want)) {
			t.Errorf("%s comes to %s instead of %s", file, got, want)
		}
		snap, err := os.ReadFile(base + ".snap")
		if err != nil {
			t.Fatal(err)
		}
		restored, err := Restore(bytes.NewReader(snap))
		if err != nil {
			t.Fatal(err)
		}
		if got := hashes(t, restored); got != strings.TrimSpace(string(want)) {
			t.Errorf("%s.snap restores to %s instead of %s", base, got, want)
		}
	}
}

func hashes(t *testing.T, d *Desk) string {
	_, sum, err := d.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("index %d output %016x snapshot %016x", d.Index(), d.Hash(), sum)
}

func applyLog(t *testing.T, d *Desk, log []byte) {
	for index := uint64(1); len(log) > 0; index++ {
		n, size := binary.Uvarint(log)
		entry := log[size : size+int(n)]
		log = log[size+int(n):]
		if _, err := d.Apply(index, entry, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// writeGolden makes logs of random histories.
func writeGolden(t *testing.T, dir string) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(3) {
		w := newCrowd(t, 1000+seed)
		for range 400 {
			w.f.time += 1500
			w.f.apply(w.command(), w.command())
		}
		var log []byte
		for _, e := range w.f.log {
			log = binary.AppendUvarint(log, uint64(len(e)))
			log = append(log, e...)
		}
		snap, _, err := w.f.d.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		base := filepath.Join(dir, fmt.Sprintf("level1-%d", seed))
		for name, data := range map[string][]byte{".log": log, ".snap": snap, ".hash": []byte(hashes(t, w.f.d) + "\n")} {
			if err := os.WriteFile(base+name, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
