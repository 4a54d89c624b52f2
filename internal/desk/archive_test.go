package desk

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/evenkeel/evenkeel"
)

// ops tells what a copy that is at an operation is given.
func (s *story) ops(after uint64) {
	ops, first, last := s.d.ArchiveOps(after, 100, 1<<20)
	fmt.Fprintf(&s.out, "  = %d to %d\n", first, last)
	for _, op := range ops {
		fmt.Fprintf(&s.out, "    %s\n", tellOp(&op))
	}
}

func tellOp(op *evenkeel.ArchiveOp) string {
	line := fmt.Sprintf("%d %s", op.Seq, op.Kind)
	switch op.Kind {
	case evenkeel.ArchivePut:
		line += " " + tellChat(op.Record.Chat)
		for _, m := range op.Record.Messages {
			line += fmt.Sprintf(" [%d %s: %s]", m.Number, m.Author.ID, m.Text)
		}
		for _, n := range op.Record.Notes {
			line += fmt.Sprintf(" (note %d %s: %s)", n.Number, n.Author.ID, n.Text)
		}
	case evenkeel.ArchiveRate:
		line += fmt.Sprintf(" %s %d %q", op.Chat, op.Rating.Score, op.Rating.Comment)
	case evenkeel.ArchiveTag:
		line += fmt.Sprintf(" %s %q", op.Chat, op.Tags)
	case evenkeel.ArchiveNote:
		line += fmt.Sprintf(" %s after %d %s %s: %s", op.Chat, op.Note.After, op.Note.ID, op.Note.Author.ID, op.Note.Text)
	case evenkeel.ArchiveExpire:
		line += fmt.Sprintf(" %s before %s", op.Queue, op.Before)
	default:
		line += " " + op.Customer
	}
	return line
}

// fakeCopy is a copy of the archive that applies what it is given in parts,
// forgets what it did not report, and is lost now and then.
type fakeCopy struct {
	id     string
	cursor uint64
	chats  map[string]*evenkeel.ArchiveRecord
}

func (k *fakeCopy) pull(d *Desk, most int) {
	ops, _, _ := d.ArchiveOps(k.cursor, most, 1<<20)
	for _, op := range ops {
		if op.Kind == evenkeel.ArchivePut {
			k.chats[op.Chat] = op.Record
		}
		k.cursor = op.Seq
	}
}

// lateCopy is a node that joins in the middle of a history, with a copy that is filled
// from another: that is asked for at one time and here at a later one.
type lateCopy struct {
	f    *fixture
	r    *rand.Rand
	way  *fakeCopy // what was asked for
	own  *fakeCopy // what is here
	live bool
}

func (l *lateCopy) turn(at int, other *fakeCopy) {
	report := func(cursor uint64, state evenkeel.CopyState) {
		l.f.must(evenkeel.System(), &evenkeel.ArchiveReport{Node: "n3", Copy: "late", Cursor: cursor, State: state})
	}
	switch {
	case at < 300:
	case at == 300:
		l.f.must(evenkeel.System(), &evenkeel.NodeInvite{Hash: "h3", Life: evenkeel.Hour})
		l.f.must(evenkeel.System(), &evenkeel.NodeJoin{Hash: "h3", Key: make([]byte, publicKeySize)})
		l.f.must(evenkeel.System(), &evenkeel.NodeUp{Node: "n3", Boot: "b"})
		report(0, evenkeel.CopyFilling)
	case l.way == nil:
		if l.r.IntN(20) == 0 {
			l.way = &fakeCopy{cursor: other.cursor, chats: maps.Clone(other.chats)}
		}
	case l.own == nil:
		if l.r.IntN(20) == 0 {
			l.own = l.way
		}
	default:
		if _, first, _ := l.f.d.ArchiveOps(l.own.cursor, 0, 0); first > l.own.cursor+1 {
			l.f.t.Fatalf("the desk has nothing before %d, and the copy that was filled is at %d", first, l.own.cursor)
		}
		l.own.pull(l.f.d, 4)
		l.live = true
		report(l.own.cursor, evenkeel.CopyFilling)
	}
}

// archiveInvariants: operations are dense, and no chat is lost sight of.
func archiveInvariants(d *Desk) error {
	for i := range d.opQueue.len() {
		seq := d.cell.ArchiveDropped + 1 + uint64(i)
		if o := d.opAt(seq); o.Seq != seq || d.ops.get(seq) != o {
			return fmt.Errorf("operation %d stands in the place of %d", o.Seq, seq)
		}
	}
	if n := d.cell.ArchiveSeq - d.cell.ArchiveDropped; uint64(d.opQueue.len()) != n || uint64(d.ops.len()) != n {
		return fmt.Errorf("%d operations are kept instead of %d", d.opQueue.len(), n)
	}
	var overdue int64
	for _, c := range d.chats.list {
		if c.Lingered > 0 {
			overdue++
		}
		pending := c.Op > d.cell.ArchiveDropped
		switch {
		case pending && (d.opAt(c.Op).Kind != evenkeel.ArchivePut || d.opAt(c.Op).Chat != c.ID):
			return fmt.Errorf("operation %d does not put %s", c.Op, c.ID)
		case c.Dirty && !pending:
			return fmt.Errorf("%s changed and will not be put", c.ID)
		case d.archiving && c.Lingered > 0 && c.Lingered <= d.cell.ArchiveAdopted && !pending:
			return fmt.Errorf("%s has lingered and is not put", c.ID)
		}
	}
	if overdue != d.overdue {
		return fmt.Errorf("%d chats are overdue instead of %d", d.overdue, overdue)
	}
	return nil
}

// TestNothingIsLostOnTheWay: over random histories with two copies that lag, and
// are made anew before anything left, every chat is in the desk or in both
// copies, with all its messages, in order. A third copy that comes late is filled from
// the first, and finds in the desk all that comes after it.
func TestNothingIsLostOnTheWay(t *testing.T) {
	for seed := range *seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { archivedHistory(t, seed) })
	}
}

func archivedHistory(t *testing.T, seed uint64) {
	w := newCrowd(t, 5000+seed)
	f, r := w.f, rand.New(rand.NewPCG(seed, 2))
	f.must(evenkeel.System(), &evenkeel.NodeInvite{Hash: "h", Life: evenkeel.Hour})
	f.must(evenkeel.System(), &evenkeel.NodeJoin{Hash: "h", Key: make([]byte, publicKeySize)})
	f.must(evenkeel.System(), &evenkeel.NodeUp{Node: "n2", Boot: "b"})
	f.limit(func(l *evenkeel.Limits) { l.ClosedChats = 1000 }) // until there is a copy nothing leaves
	copies := map[string]*fakeCopy{}
	said := map[string]uint64{}
	late := lateCopy{f: f, r: r}
	for at := range 600 {
		late.turn(at, copies["n1"])
		f.time += evenkeel.DeskTime(r.IntN(4000))
		for range 2 {
			if c := w.command(); c.Body.Kind() != evenkeel.KindArchiveReport { // the copies tell of themselves
				f.apply(c)
			}
		}
		for at, node := range []string{"n1", "n2"} {
			k := copies[node]
			fresh := k == nil || r.IntN(80) == 0 && f.d.cell.ArchiveDropped == 0
			if fresh {
				k = &fakeCopy{id: itoa(r.IntN(1 << 30)), chats: map[string]*evenkeel.ArchiveRecord{}}
				copies[node] = k
			}
			k.pull(f.d, r.IntN(4*at+4))
			if fresh || r.IntN(3) == 0 {
				f.must(evenkeel.System(), &evenkeel.ArchiveReport{Node: node, Copy: k.id, Cursor: k.cursor, State: evenkeel.CopyLive})
			}
		}
		for _, c := range f.d.chats.list {
			if !c.leaving() {
				said[c.ID] = c.Messages
			}
		}
		if err := invariants(f.d); err != nil {
			t.Fatal(err)
		}
		for seq := uint64(1); seq <= f.d.cell.ChatSeq; seq++ {
			id := "c" + base36(seq)
			if !f.d.Archived(id) {
				continue
			}
			if late.live {
				copies["n3"] = late.own
			}
			for node, k := range copies {
				if rec := k.chats[id]; rec == nil || uint64(len(rec.Messages)) != said[id] {
					t.Fatalf("%s left before %s had all of it", id, node)
				}
			}
		}
	}
	if f.d.cell.ArchiveDropped == 0 {
		t.Fatal("nothing was archived: the history is not one")
	}
	f.replay()
}
