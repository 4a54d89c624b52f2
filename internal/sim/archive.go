package sim

import (
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
)

// archiveCopy stands for the node's copy of the archive and its runner: it asks
// for operations now and then, loses what it had not synced, reports late or not
// at all, and is made anew while nothing depends on it.
type archiveCopy struct {
	w      *World
	rng    *rand.Rand
	pause  time.Duration // between two looks, about; 0: the cell has no archive
	frail  int           // of 1,000 looks: those after which it was not synced
	lost   int           // of 1,000 looks: those at which the file is gone
	made   int           // names the file
	cursor uint64
	chats  map[string]*evenkeel.ArchiveRecord

	// known says that the cell has heard of a copy. What left before that, by
	// the rule of a cell without an archive, is nowhere.
	known  bool
	unkept map[string]bool
}

func newArchiveCopy(w *World, seed uint64) *archiveCopy {
	rng := rand.New(rand.NewPCG(seed, 4))
	a := &archiveCopy{w: w, rng: rng, frail: rng.IntN(300), lost: rng.IntN(30)}
	if rng.IntN(4) > 0 && !w.several() {
		a.pause = pick(rng, 50*time.Millisecond, time.Second, 20*time.Second)
	}
	a.renew()
	return a
}

func (a *archiveCopy) renew() {
	a.made++
	a.cursor, a.chats = 0, map[string]*evenkeel.ArchiveRecord{}
}

func (a *archiveCopy) name() string { return "copy " + strconv.Itoa(a.made) }

// work is one look, and sets the time of the next.
func (a *archiveCopy) work() {
	if a.pause == 0 {
		return
	}
	a.w.after(a.pause/2+time.Duration(a.rng.Int64N(int64(a.pause))), a.work)
	n := a.w.nodes[0]
	if !n.reachable() || !n.desk().Formed() {
		return
	}
	state := n.desk().ArchiveState()
	if state.Dropped == 0 && len(state.Copies) > 0 && a.rng.IntN(1000) < a.lost {
		a.w.stats.add("archives lost", 1)
		a.renew()
	}
	a.apply()
	if len(state.Copies) > 0 && state.Copies[0].Copy == a.name() && state.Copies[0].Cursor == a.cursor {
		return // the cell knows
	}
	report := &evenkeel.ArchiveReport{Node: "n1", Copy: a.name(), Cursor: a.cursor, State: evenkeel.CopyLive}
	n.propose([]*evenkeel.Command{{By: evenkeel.System(), Body: report}}, func([]evenkeel.Result, error) {})
}

// observe looks at the desk behind each entry.
func (a *archiveCopy) observe(d *desk.Desk, chats []*chat) {
	if a.known || len(d.ArchiveState().Copies) == 0 {
		return
	}
	a.known, a.unkept = true, map[string]bool{}
	for _, c := range chats {
		if d.Archived(c.id) {
			a.unkept[c.id] = true
		}
	}
}

// apply does some operations; all of them are synced, or none.
func (a *archiveCopy) apply() {
	ops, first, last := a.w.nodes[0].desk().ArchiveOps(a.cursor, 1+a.rng.IntN(20), 1<<16)
	a.w.check(first <= a.cursor+1 && a.cursor <= last, "an operation stays until the archive has it", "the copy is at %d, the desk has %d to %d", a.cursor, first, last)
	if a.rng.IntN(1000) < a.frail {
		a.w.stats.add("archive batches not synced", 1)
		return
	}
	for _, op := range ops {
		a.w.check(op.Seq == a.cursor+1, "operations are numbered without holes", "%d behind %d", op.Seq, a.cursor)
		a.cursor = op.Seq
		if op.Kind == evenkeel.ArchivePut {
			a.chats[op.Chat] = op.Record
			a.w.stats.add("chats archived", 1)
		}
	}
}

// whole checks that a chat that has left the desk is in the archive, with all that
// was said, once and in order.
func (a *archiveCopy) whole(c *chat) {
	if !a.known || a.unkept[c.id] {
		return
	}
	rec := a.chats[c.id]
	if rec == nil {
		a.w.fail("what has left the desk is in the archive", "%s is not", c.id)
	}
	a.w.check(uint64(len(rec.Messages)) == c.messages && uint64(len(rec.Notes)) == c.notes, "an archived chat is whole",
		"%s has %d of %d messages and %d of %d notes", c.id, len(rec.Messages), c.messages, len(rec.Notes), c.notes)
	a.w.spoken(c.id, rec.Messages)
	if v := c.view; v.Rating != nil {
		a.w.check(rec.Chat.Rating != nil && *rec.Chat.Rating == *v.Rating, "an archived chat is whole", "%s is rated %v, and was %v", c.id, rec.Chat.Rating, v.Rating)
	}
}
