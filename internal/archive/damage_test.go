package archive

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// TestRunnerDamaged spoils pages of the file, while it is in use and while it is
// not. The file is set aside as it was, and the copy made anew.
func TestRunnerDamaged(t *testing.T) {
	for _, running := range []bool{false, true} {
		b := newBench(t, func(c *Config) { c.Options.CacheKiB = 64 }) // so that pages are read again
		b.put(300, "some words")
		b.r.Start()
		b.live(300)
		b.drop(100)
		if running {
			b.sql("PRAGMA wal_checkpoint(TRUNCATE)") // or the log would have the pages as they were
			spoil(t, b.path)
			if err := b.r.Check(t.Context()); !errors.Is(err, ErrDamaged) || evenkeel.ErrorCode(err) != evenkeel.CodeArchiveUnavailable {
				t.Errorf("the check says %v", err)
			}
		} else {
			b.r.Stop()
			spoil(t, b.path)
			b.r = NewRunner(b.r.cfg)
			b.r.Start()
		}
		b.put(1, "")
		b.state(stateLive, "operations 1 to 100 are not in this copy")
		b.live(301)
		b.finds("number300", "c300")
		if err := b.r.Check(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(b.path + ".damaged-1"); err != nil {
			t.Error("nothing was set aside:", err)
		}
		if st := b.r.Status(); st.Chats != 201 {
			t.Errorf("%+v", st)
		}
		b.r.Stop()
	}
}

// spoil overwrites every third page, from the one with the tables' roots on.
func spoil(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	for at := int64(4096); at+4096 <= info.Size(); at += 3 * 4096 {
		if _, err := f.WriteAt(bytes.Repeat([]byte{0xa5}, 4096), at); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestFlippedBytes changes single bytes all over the file: whatever is read
// after that is what was written, or an error, and never a crash.
func TestFlippedBytes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "archive.db")
	s, err := Open(t.Context(), path, ours())
	if err != nil {
		t.Fatal(err)
	}
	a := assistant{t, s, 0}
	for i := range 40 {
		a.put("c"+string(rune('a'+i%26))+string(rune('a'+i/26)), "words of a chat", "and an answer")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(7, 7))
	noticed := 0
	for range 150 {
		spoilt := bytes.Clone(sound)
		at := rng.IntN(len(spoilt))
		spoilt[at] ^= 1 << rng.IntN(8)
		copied := filepath.Join(t.TempDir(), "archive.db")
		if err := os.WriteFile(copied, spoilt, 0o600); err != nil {
			t.Fatal(err)
		}
		if readAll(t, copied) {
			noticed++
		}
	}
	if noticed == 0 {
		t.Error("no change was noticed: the test looks in the wrong place")
	}
}

// readAll reads what can be read and tells whether an error was met.
func readAll(t *testing.T, path string) (met bool) {
	s, err := Open(t.Context(), path, ours())
	if err != nil {
		return true
	}
	err = s.Check(t.Context())
	met = err != nil
	err = s.Walk(t.Context(), evenkeel.ArchiveQuery{Workspace: "default"}, func(rec *evenkeel.ArchiveRecord) error {
		if len(rec.Messages) > 0 && (len(rec.Messages) != 2 || rec.Messages[0].Text != "words of a chat") {
			t.Errorf("%s has become %+v", rec.Chat.ID, rec.Messages)
		}
		return nil
	})
	met = met || err != nil
	if _, err := s.Search(t.Context(), evenkeel.ArchiveQuery{Workspace: "default", Text: "answ"}); err != nil {
		met = true
	}
	err = s.Apply(t.Context(), []evenkeel.ArchiveOp{{Seq: s.Cursor() + 1, Kind: evenkeel.ArchiveErase, Workspace: "default", Customer: "v1"}})
	met = met || err != nil
	if err := s.Close(); err != nil {
		met = true
	}
	return met
}

// TestRowDamaged spoils the bytes of one chat inside of a sound file: it alone is
// lost, and holds up nothing.
func TestRowDamaged(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "archive.db"), ours())
	if err != nil {
		t.Fatal(err)
	}
	a := assistant{t, s, 0}
	a.put("c1", "hello one")
	a.put("c2", "hello two")
	a.put("c3", "hello three")
	if _, err := s.conn.ExecContext(t.Context(), "UPDATE talk SET body = zeroblob(40) WHERE chat = (SELECT row FROM chats WHERE id = 'c2')"); err != nil {
		t.Fatal(err)
	}
	if got := a.find(evenkeel.ArchiveQuery{Text: "hello"}); got != "c3 c1" {
		t.Errorf("found %q", got)
	}
	if _, err := s.Transcript(t.Context(), "default", "c2", evenkeel.MessageRange{Limit: 5}, false); !errors.Is(err, ErrRow) {
		t.Errorf("its transcript: %v", err)
	}
	walked := 0
	err = s.Walk(t.Context(), evenkeel.ArchiveQuery{Workspace: "default"}, func(*evenkeel.ArchiveRecord) error { walked++; return nil })
	if !errors.Is(err, ErrRow) || walked != 2 {
		t.Errorf("walked %d: %v", walked, err)
	}
	if err := s.Check(t.Context()); !errors.Is(err, ErrRow) {
		t.Errorf("check: %v", err)
	}
	a.do(evenkeel.ArchiveOp{Kind: evenkeel.ArchiveRate, Chat: "c2", Rating: &evenkeel.Rating{Score: 1}})
	a.put("c2", "hello again")
	if got := a.find(evenkeel.ArchiveQuery{Text: "hello"}); got != "c2 c3 c1" {
		t.Errorf("found %q after it was put again", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestErasedBytesAreGone looks for a word and a name in the files themselves.
func TestErasedBytesAreGone(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), filepath.Join(dir, "archive.db"), ours())
	if err != nil {
		t.Fatal(err)
	}
	a := assistant{t, s, 0}
	for i := range 50 {
		a.put("a"+string(rune('a'+i%26))+string(rune('a'+i/26)), "plain talk")
	}
	rec := talk("secret", 900, "my password is Xyzzyplugh")
	rec.Chat.Customer, rec.Chat.Attributes, rec.Chat.Subject = "ann", []byte(`{"name":"Annabella"}`), "Grimoire"
	a.do(evenkeel.ArchiveOp{Kind: evenkeel.ArchivePut, Chat: "secret", Record: rec})
	in := func(word string) (found bool) {
		for _, suffix := range []string{"", "-wal"} {
			b, err := os.ReadFile(filepath.Join(dir, "archive.db"+suffix))
			if err != nil {
				t.Fatal(err)
			}
			found = found || bytes.Contains(bytes.ToLower(b), []byte(word))
		}
		return found
	}
	if !in("xyzzyplugh") || !in("grimoire") {
		t.Fatal("the words are not in the file: the test looks in the wrong place")
	}
	body := packedBytes(t, s, "secret")
	a.do(evenkeel.ArchiveOp{Kind: evenkeel.ArchiveErase, Customer: "ann"})
	for _, word := range append([]string{"xyzzyplugh", "grimoire", "annabella"}, body...) {
		if in(strings.ToLower(word)) {
			t.Errorf("%q is still in the file", word)
		}
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// packedBytes are pieces of a chat's rows, long enough not to stand elsewhere.
func packedBytes(t *testing.T, s *Store, id string) []string {
	var head, body []byte
	err := s.conn.QueryRowContext(t.Context(), "SELECT head, body FROM chats JOIN talk ON chat = row WHERE id = ?", id).Scan(&head, &body)
	if err != nil {
		t.Fatal(err)
	}
	return []string{string(bytes.ToLower(head[4:24])), string(bytes.ToLower(body[4:24]))}
}
