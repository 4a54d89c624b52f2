package archive

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// childFile names the file that a test's child process writes to.
const childFile = "EVENKEEL_TEST_ARCHIVE"

// crashOp is the operation of a number, the same in parent and child.
func crashOp(seq uint64) evenkeel.ArchiveOp {
	op := evenkeel.ArchiveOp{Seq: seq, Workspace: "default"}
	switch {
	case seq%10 == 9:
		op.Kind, op.Chat, op.Tags = evenkeel.ArchiveTag, fmt.Sprintf("c%d", seq-4), []string{"late"}
	case seq%50 == 0:
		op.Kind, op.Customer = evenkeel.ArchiveErase, fmt.Sprintf("v%d", seq%7)
	case seq%50 == 1 && seq > 100:
		op.Kind, op.Queue, op.Before = evenkeel.ArchiveExpire, "general", evenkeel.Time(1000+seq-100)
	default:
		op.Kind, op.Chat = evenkeel.ArchivePut, fmt.Sprintf("c%d", seq)
		op.Record = talk(op.Chat, evenkeel.Time(1000+seq), fmt.Sprintf("number%d red", seq), "green blue")
		op.Record.Chat.Customer = fmt.Sprintf("v%d", seq%7)
	}
	return op
}

// writeUntilKilled is the child: it says each cursor that it was promised.
func writeUntilKilled(path string) error {
	s, err := Open(background(), path, ours())
	if err != nil {
		return err
	}
	for {
		next := s.Cursor() + 1
		var ops []evenkeel.ArchiveOp
		for i := range next%5 + 1 {
			ops = append(ops, crashOp(next+i))
		}
		if err := s.Apply(background(), ops); err != nil {
			return err
		}
		fmt.Println(s.Cursor())
	}
}

// TestKilled kills a process that writes, at any moment, again and again: what it
// was promised is there, and contents and cursor agree.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "archive.db")
	promised := uint64(0)
	for round := range 12 {
		promised = max(promised, killed(t, path, 3+round*2))
		s, err := Open(t.Context(), path, ours())
		if err != nil {
			t.Fatal(err)
		}
		if s.Cursor() < promised {
			t.Fatalf("operation %d was promised, and the copy has come to %d", promised, s.Cursor())
		}
		m := newModel()
		for seq := uint64(1); seq <= s.Cursor(); seq++ {
			op := crashOp(seq)
			m.apply(&op)
		}
		compare(t, s, m)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// killed starts a writer, kills it after some promises, and returns the last.
func killed(t *testing.T, path string, after int) (promised uint64) {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childFile+"="+path)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		if promised, err = strconv.ParseUint(lines.Text(), 10, 64); err != nil {
			t.Fatal(err)
		}
		if n == after {
			if err := cmd.Process.Kill(); err != nil { // it goes on writing until it is hit
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the writer ended by itself")
	}
	return promised
}

// compare holds a store against a model.
func compare(t *testing.T, s *Store, m *model) {
	t.Helper()
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := s.Status().Chats; n != int64(len(m.chats)) {
		t.Fatalf("%d chats are counted, there are %d", n, len(m.chats))
	}
	walked := 0
	err := s.Walk(t.Context(), evenkeel.ArchiveQuery{Workspace: "default"}, func(rec *evenkeel.ArchiveRecord) error {
		walked++
		want := m.chats[chatKey{"default", rec.Chat.ID}]
		if want == nil || fmt.Sprint(texts(want)) != fmt.Sprint(texts(rec)) || fmt.Sprint(want.Chat.Tags) != fmt.Sprint(rec.Chat.Tags) {
			return fmt.Errorf("%s is %+v", rec.Chat.ID, rec)
		}
		return nil
	})
	if err != nil || walked != len(m.chats) {
		t.Fatalf("walked %d of %d: %v", walked, len(m.chats), err)
	}
	for _, text := range []string{"red", "green", "number7"} {
		q := evenkeel.ArchiveQuery{Workspace: "default", Text: text}
		found := 0
		if err := s.Walk(t.Context(), q, func(*evenkeel.ArchiveRecord) error { found++; return nil }); err != nil {
			t.Fatal(err)
		}
		if want := len(m.search(q)); found != want {
			t.Fatalf("%q finds %d, want %d", text, found, want)
		}
	}
}
