package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// other is another node with its copy, and what happens on the way from there.
type other struct {
	mu      sync.Mutex
	from    *Runner
	away    bool                      // its node does not answer
	gone    bool                      // the cell knows of no such copy
	boast   bool                      // its node says that it is whole
	room    error                     // of this node's disk
	begun   func()                    // once, when the image's state is fixed
	spoil   func([]byte, int64) error // what becomes of bytes, and where they stand; once
	fetched int
}

func (o *other) Exist() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.gone
}

func (o *other) Whole(missing uint64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.gone && !o.away && (o.boast || o.from.Status().Missing < missing)
}

func (o *other) Room(int64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.room
}

func (o *other) set(change func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change()
}

func (o *other) Fetch(ctx context.Context, least uint64) (io.ReadCloser, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.away || o.gone {
		return nil, errors.New("it does not answer")
	}
	o.fetched++
	begun, spoil := o.begun, o.spoil
	o.begun, o.spoil = nil, nil
	r, w := io.Pipe()
	go func() {
		out := &way{w: w, begun: begun, spoil: spoil}
		err := o.from.Send(ctx, least, out)
		_ = w.CloseWithError(err)
	}()
	return r, nil
}

// way is the line between two nodes.
type way struct {
	w     io.Writer
	at    int64
	begun func()
	spoil func([]byte, int64) error
}

func (y *way) Write(p []byte) (int, error) {
	if y.begun != nil {
		y.begun()
		y.begun = nil
	}
	if y.spoil != nil {
		p = slices.Clone(p)
		if err := y.spoil(p, y.at); err != nil {
			return 0, err
		}
	}
	y.at += int64(len(p))
	return y.w.Write(p)
}

// fellow is the desk as the second node sees it: the same operations, its own
// reports.
type fellow struct {
	*outbox
	own *outbox
}

func (f fellow) Changed() <-chan struct{} { return nil }
func (f fellow) Report(ctx context.Context, cursor uint64, state evenkeel.CopyState) error {
	return f.own.Report(ctx, cursor, state)
}

// pair is a live copy of 40 chats, of which the desk has the last ten, and a node
// whose copy is still to come.
func pair(t *testing.T) (a, b *bench, o *other) {
	a = newBench(t, nil)
	a.put(40, "")
	a.r.Start()
	a.live(40)
	a.drop(30)
	o = &other{from: a.r}
	b = newBench(t, func(c *Config) {
		c.Source, c.Peers = fellow{a.outbox, newOutbox()}, o
	})
	b.outbox = b.r.cfg.Source.(fellow).own
	return a, b, o
}

// has waits until a copy is live and whole, and looks into it.
func (b *bench) has(cursor uint64, chats int64) {
	b.Helper()
	b.until("whole", func() bool { return b.r.Status().Missing == 0 })
	b.live(cursor)
	st := b.r.Status()
	if st.Chats != chats || st.Detail != "" {
		b.Fatalf("%+v, want %d chats", st, chats)
	}
	if err := b.r.Check(b.Context()); err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{b.r.fetchPath(), b.path + ".old", b.r.fetchPath() + "-wal"} {
		if _, err := os.Lstat(name); err == nil {
			b.Errorf("%s is left", name)
		}
	}
}

// TestRefillOfANewNode: a node that joins after chats have left the desk gets them
// from another, and what comes meanwhile from the desk.
func TestRefillOfANewNode(t *testing.T) {
	a, b, o := pair(t)
	o.begun = func() { a.put(3, "meanwhile") }
	b.r.Start()
	b.has(43, 43)
	b.finds("number7", "c7")
	b.finds("meanwhile", "c43 c42 c41")
	if want := []evenkeel.CopyState{evenkeel.CopyFilling, evenkeel.CopyLive}; !slices.Equal(b.states, want) {
		t.Errorf("the desk was told %v", b.states)
	}
	a.put(1, "later")
	b.has(44, 44)
}

// TestRefillOfALostCopy deletes or spoils the file of a live copy: it comes again
// with nobody at the keyboard, and only what is damaged is kept.
func TestRefillOfALostCopy(t *testing.T) {
	for _, damaged := range []bool{false, true} {
		_, b, _ := pair(t)
		var losses []string
		b.r.cfg.Refilled = func(loss string) { losses = append(losses, loss) }
		b.r.Start()
		b.has(40, 40)
		if damaged {
			b.sql("PRAGMA wal_checkpoint(TRUNCATE)")
			b.r.Stop()
			spoil(t, b.path)
			b.r = NewRunner(b.r.cfg)
			b.r.Start()
		} else if err := os.Remove(b.path); err != nil {
			t.Fatal(err)
		}
		b.until("lost", func() bool { return b.r.Status().Cursor < 40 })
		b.has(40, 40)
		if _, err := os.Stat(b.path + ".damaged-1"); (err == nil) != damaged {
			t.Errorf("set aside: %v", err)
		}
		b.r.Stop()
		if len(losses) != 1 || strings.Contains(losses[0], "damaged") != damaged {
			t.Errorf("told was %q", losses)
		}
	}
}

// TestRefillOfAnOldCopy gives an old file back. It answers until the new one is
// there, and is not kept: it has what was erased since.
func TestRefillOfAnOldCopy(t *testing.T) {
	a, b, o := pair(t)
	b.r.Start()
	b.has(40, 40)
	b.r.Stop()
	a.put(10, "")
	a.live(50)
	a.drop(45)
	o.away = true
	b.r = NewRunner(b.r.cfg)
	b.r.Start()
	b.state(stateStale, "it does not answer")
	b.finds("number5", "c5")
	o.set(func() { o.away = false })
	b.has(50, 50)
	if names, _ := os.ReadDir(strings.TrimSuffix(b.path, "/archive.db")); len(names) > 3 {
		t.Errorf("left are %v", names)
	}
}

// TestRefillBreaks: the other node dies in the middle, or bytes change on the way.
// What has come is worth nothing, and the next try is a new one.
func TestRefillBreaks(t *testing.T) {
	for name, spoil := range map[string]func([]byte, int64) error{
		"its node dies": func(_ []byte, at int64) error {
			if at > 20000 {
				return io.ErrUnexpectedEOF
			}
			return nil
		},
		"a byte of the file changes": func(p []byte, at int64) error {
			if at > 1000 {
				p[len(p)/2] ^= 1
			}
			return nil
		},
		"a byte of the head changes": func(p []byte, at int64) error {
			if at == 0 {
				p[imageHead-20] ^= 1
			}
			return nil
		},
	} {
		_, b, o := pair(t)
		o.spoil = spoil
		b.r.Start()
		b.has(40, 40)
		if o.fetched != 2 {
			t.Errorf("%s: %d tries", name, o.fetched)
		}
		if !slices.Contains(b.states, evenkeel.CopyStale) && name != "a byte of the head changes" {
			t.Errorf("%s: the desk was told %v", name, b.states)
		}
	}
}

// TestRefillOfADamagedCopy: what cannot be read at the other node is not taken, and
// what is here stays.
func TestRefillOfADamagedCopy(t *testing.T) {
	a, b, o := pair(t)
	b.r.Start()
	b.has(40, 40)
	b.r.Stop()
	a.put(10, "")
	a.live(50)
	a.drop(45)
	sent := o.from
	o.set(func() { o.from = badly(t, sent) })
	b.r = NewRunner(b.r.cfg)
	b.r.Start()
	b.state(stateStale, "the file is damaged")
	b.finds("number5", "c5")
	o.set(func() { o.from = sent })
	b.has(50, 50)
}

// badly is a copy whose pages are spoilt, and which has not noticed.
func badly(t *testing.T, from *Runner) *Runner {
	t.Helper()
	b := &bench{T: t, path: t.TempDir() + "/archive.db"}
	if err := from.Backup(t.Context(), b.path); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), b.path, ours())
	if err != nil {
		t.Fatal(err)
	}
	b.sql("PRAGMA wal_checkpoint(TRUNCATE)")
	f, err := os.OpenFile(b.path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	for at := int64(5 * 4096); at < info.Size(); at += 4096 {
		if _, err := f.WriteAt(make([]byte, 512), at); err != nil {
			t.Fatal(err)
		}
	}
	r := NewRunner(Config{Path: b.path, Source: newOutbox(), Log: from.cfg.Log})
	r.store.Store(s)
	t.Cleanup(func() { _ = errors.Join(s.Close(), f.Close()) })
	return r
}

// TestRefillRepeatsErasures: what is erased while a copy is on its way is not in
// what comes of it.
func TestRefillRepeatsErasures(t *testing.T) {
	a, b, o := pair(t)
	o.begun = func() {
		a.mu.Lock()
		customer := a.ops[0].Record.Chat.Customer
		a.ops = append(a.ops, evenkeel.ArchiveOp{Seq: 41, Kind: evenkeel.ArchiveErase, Workspace: "default", Customer: customer})
		a.mu.Unlock()
		a.put(1, "last")
		a.live(42)
	}
	b.r.Start()
	b.live(42)
	b.finds("number7", "")
	b.finds("last", "c42")
	if tr, err := b.r.Transcript(t.Context(), "default", "c7", evenkeel.MessageRange{Limit: 9}, true); err != nil || len(tr.Messages) != 0 {
		t.Errorf("%+v, %v", tr, err)
	}
}

// TestRefillOfADeskThatGoesOn drops what the copy would need before the desk can
// know of the refill.
func TestRefillOfADeskThatGoesOn(t *testing.T) {
	a, b, o := pair(t)
	o.begun = func() {
		a.put(5, "")
		a.live(45)
		a.drop(43)
	}
	b.r.Start()
	b.has(45, 45)
	if o.fetched != 2 || slices.Contains(b.states, evenkeel.CopyStale) {
		t.Errorf("%d tries, and the desk was told %v", o.fetched, b.states)
	}
}

// TestRefillWithoutRoom: a full disk stops nothing but the refill.
func TestRefillWithoutRoom(t *testing.T) {
	_, b, o := pair(t)
	o.room = fmt.Errorf("%w: 3 MiB are needed", ErrFull)
	b.r.Start()
	b.state(stateStale, "the disk is full: 3 MiB are needed")
	o.set(func() { o.room = nil })
	b.has(40, 40)
}

// TestRefillWithoutPeers: where no other copy is left, an empty one begins with
// what the desk still has, and says so; one that is whole and comes back later
// fills it.
func TestRefillWithoutPeers(t *testing.T) {
	_, b, o := pair(t)
	o.gone = true
	b.r.Start()
	b.state(stateLive, "operations 1 to 30 are not in this copy")
	b.finds("chat", chats(40, 31))
	o.set(func() { o.gone = false })
	b.has(40, 40)
}

// TestRefillForNothing: a copy that turns out to be no better is not taken.
func TestRefillForNothing(t *testing.T) {
	_, b, o := pair(t)
	o.gone = true
	b.r.Start()
	b.state(stateLive, "operations 1 to 30 are not in this copy")
	worse := newBench(t, func(c *Config) { c.Source = b.r.cfg.Source })
	worse.r.Start()
	worse.until("it follows", func() bool { return worse.r.Status().Cursor == 40 })
	o.set(func() { o.gone, o.boast, o.from = false, true, worse.r })
	b.until("it is tried", func() bool { return strings.Contains(b.r.trouble(), "no less than this copy") })
	b.finds("chat", chats(40, 31))
}

// TestRefillKeepsWhatTheOtherLacks: an old file may have what nobody else has.
func TestRefillKeepsWhatTheOtherLacks(t *testing.T) {
	a, b, o := pair(t)
	b.r.Start()
	b.has(40, 40)
	b.r.Stop()
	a.drop(40)
	if err := os.Remove(a.path); err != nil {
		t.Fatal(err)
	}
	a.put(10, "")
	a.state(stateLive, "operations 1 to 40 are not in this copy")
	a.live(50)
	a.drop(45)
	o.set(func() { o.from = a.r })
	b.r = NewRunner(b.r.cfg)
	b.r.Start()
	b.state(stateLive, "operations 1 to 40 are not in this copy")
	b.finds("chat", chats(50, 41))
	if _, err := os.Stat(b.path + ".replaced-1"); err != nil {
		t.Error(err)
	}
}

// chats lists ids downwards.
func chats(from, to int) string {
	var ids []string
	for n := from; n >= to; n-- {
		ids = append(ids, fmt.Sprint("c", n))
	}
	return strings.Join(ids, " ")
}
