package desk

import (
	"errors"

	"github.com/evenkeel/evenkeel"
)

var errOps = errors.New("the archive's operations have a gap")

// archiveAmend turns a change of a chat that has left into operations of the
// archive. The edge has judged the caller by the archived record.
func (d *Desk) archiveAmend(c *call, b *evenkeel.ArchiveAmend) (evenkeel.Result, *evenkeel.Error) {
	a := &c.actor
	switch {
	case !d.archiving || !d.Archived(b.Chat):
		if d.chats.get(b.Chat) != nil {
			return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeConflict, "the chat %s has not left the desk", b.Chat)
		}
		return evenkeel.Result{}, errNoChat(b.Chat)
	case a.customer == "" && a.agent == nil && a.service == nil:
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeForbidden, "an archived chat is changed by somebody")
	case a.customer != "" && b.Customer != a.customer:
		return evenkeel.Result{}, errNoChat(b.Chat)
	case a.customer != "" && (b.Note != "" || b.Tags != nil):
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeForbidden, "notes and tags are for staff")
	case a.customer == "" && b.Rating != nil:
		return evenkeel.Result{}, evenkeel.FieldErrorf("on_behalf_of", "a chat is rated by its customer, or by a service on his behalf")
	case b.Rating == nil && b.Tags == nil && b.Note == "":
		return evenkeel.Result{}, evenkeel.FieldErrorf("chat", "nothing is to be changed")
	}
	if refusal := d.checkAmend(b); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if b.Rating != nil {
		d.addOp(opRow{Kind: evenkeel.ArchiveRate, Workspace: a.ws, Chat: b.Chat, Rating: b.Rating})
	}
	if b.Tags != nil {
		d.addOp(opRow{Kind: evenkeel.ArchiveTag, Workspace: a.ws, Chat: b.Chat, Tags: b.Tags})
	}
	if b.Note != "" {
		note := &evenkeel.Note{After: b.Messages, ID: b.NoteID, Author: a.signature(), Text: b.Note, Time: d.Wall()}
		d.addOp(opRow{Kind: evenkeel.ArchiveNote, Workspace: a.ws, Chat: b.Chat, Note: note})
	}
	return evenkeel.Result{Operation: d.cell.ArchiveSeq}, nil
}

func (d *Desk) checkAmend(b *evenkeel.ArchiveAmend) *evenkeel.Error {
	if r := b.Rating; r != nil {
		if r.Score < 1 || r.Score > 5 {
			return evenkeel.FieldErrorf("score", "the score must be from 1 to 5")
		}
		if r.Comment != "" {
			if refusal := d.checkText("comment", r.Comment); refusal != nil {
				return refusal
			}
		}
	}
	if refusal := d.checkTags(b.Tags); refusal != nil {
		return refusal
	}
	if b.Note != "" {
		if refusal := d.checkText("text", b.Note); refusal != nil {
			return refusal
		}
	}
	if len(b.NoteID) > maxName {
		return evenkeel.FieldErrorf("id", "an id has at most %d bytes", maxName)
	}
	const rows = 3
	return d.room(rows*rowBytes + tagsSize(b.Tags) + ratingSize(b.Rating) + int64(len(b.Note)+len(b.NoteID)))
}

// expireEvery is how often the desk looks for chats to expire.
const expireEvery = evenkeel.DeskTime(24 * evenkeel.Hour)

// How long wall time is not trusted with what is removed for good after it was
// corrected by more than maxStep. A machine that was off finds its clock ahead of
// desk time, which stood still. That looks like a step, but costs a day's wait
// only if no stop is so long: one that is off every night would never remove
// anything. An hour is for the clock to be set right after the start.
const (
	maxStep   = evenkeel.Minute
	afterStep = expireEvery
	afterStop = evenkeel.DeskTime(evenkeel.Hour)
	maxStop   = 7 * 24 * evenkeel.Hour
)

// armRetention sets the next look, if any queue wants it: the daily one, or as soon
// as wall time is trusted again.
func (d *Desk) armRetention(q *evenkeel.Queue) {
	if q.Retention > 0 && d.cell.Retention == 0 {
		next := d.cell.Now + expireEvery
		if d.cell.Now < d.cell.Trusted {
			next = d.cell.Trusted
		}
		d.cell.Retention = d.setTimer(timerRetention, "", "", next)
	}
}

// expireChats tells the archive what is too old to be kept, as soon as wall time
// is trusted: a wrong clock must not remove what is not.
func (d *Desk) expireChats() {
	d.cell.Retention = 0
	trusted := d.cell.Now >= d.cell.Trusted
	for _, q := range pageRows(d.queues.list, d.queues.len(),
		func(q *queueRow) bool { return q.Config.Retention > 0 },
		func(x, y *queueRow) bool { return x.floorID < y.floorID }) {
		d.armRetention(&q.Config)
		if trusted && d.archiving {
			before := d.Wall() - evenkeel.Time(q.Config.Retention)
			d.addOp(opRow{Kind: evenkeel.ArchiveExpire, Workspace: q.Workspace, Queue: q.Config.ID, Before: before})
		}
	}
}

// stepped notes that wall time was corrected by so much; started, by the first
// report of a process.
func (d *Desk) stepped(by evenkeel.Duration, started bool) {
	wait := afterStep
	switch {
	case by <= maxStep && by >= -maxStep:
		return
	case started && by > 0 && by <= maxStop:
		wait = afterStop
	}
	d.cell.Trusted = max(d.cell.Trusted, d.cell.Now+wait)
}
