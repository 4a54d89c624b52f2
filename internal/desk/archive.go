package desk

import (
	"math"
	"sort"

	"github.com/evenkeel/evenkeel"
)

// The archive's side of the desk. A chat that is closed for good gets a put, an
// operation with the next number; copies of the archive ask for operations in
// order and report how far they have come. Operations leave the desk in that
// order too, each when enough copies have it, and a put takes its chat along:
//
//	settle -> put -> held by min(2, nodes with a copy), and lingered -> dropped
//
// So one number, ArchiveDropped, tells what a copy must have to answer for all
// that the desk has not. While a copy is being filled, from another node's, what
// comes after its cursor stays, up to half of the state's limit. An operation is small: what a put archives is read
// from the chat when a copy asks, and a chat that changes while its put may have
// been read is put again, once, when that put is held.

// lingerRef is a chat's place among those that have lingered. A chat that has
// left, or has another place, is not there any more.
type lingerRef struct {
	seq uint64
	c   *chatRow
}

func (r lingerRef) stale() bool { return r.c.Lingered != r.seq }

// weighCopies counts how far enough copies have come, and what one that is being
// filled will ask for.
func (d *Desk) weighCopies() {
	var cursors []uint64
	d.awaited = math.MaxUint64
	for _, n := range d.nodes.list { // any order gives the same answer
		if n.Copy == nil {
			continue
		}
		cursors = append(cursors, n.Copy.Cursor)
		if n.Copy.State == evenkeel.CopyFilling && n.Incarnation != 0 {
			d.awaited = min(d.awaited, n.Copy.Cursor)
		}
	}
	sort.Slice(cursors, func(i, j int) bool { return cursors[i] > cursors[j] })
	d.archiving, d.held = len(cursors) > 0, 0
	if d.archiving {
		d.held = cursors[min(2, len(cursors))-1]
	}
}

// archiveReport moves a node's copy forward.
func (d *Desk) archiveReport(b *evenkeel.ArchiveReport) (evenkeel.Result, *evenkeel.Error) {
	n := d.nodes.get(b.Node)
	switch {
	case n == nil:
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no node %q", b.Node)
	case b.State > evenkeel.CopyFailed:
		return evenkeel.Result{}, evenkeel.FieldErrorf("state", "the state of the copy is unknown")
	case b.State == evenkeel.CopyNone:
		if n.Copy != nil {
			d.nodes.touch(n)
			n.Copy = nil
			d.weighCopies()
		}
		return evenkeel.Result{}, nil
	case b.Copy == "" || len(b.Copy) > maxName:
		return evenkeel.Result{}, evenkeel.FieldErrorf("copy", "a copy has an id of 1 to %d bytes", maxName)
	case b.Cursor > d.cell.ArchiveSeq:
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeConflict, "the copy is at operation %d, the cell has made %d: it is not a copy of this cell's archive", b.Cursor, d.cell.ArchiveSeq)
	case n.Copy != nil && n.Copy.ID == b.Copy && b.Cursor < n.Copy.Cursor:
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeConflict, "the copy %s was at operation %d already", b.Copy, n.Copy.Cursor)
	}
	began := !d.archiving
	d.nodes.touch(n)
	n.Copy = &archiveCopy{ID: b.Copy, Cursor: b.Cursor, State: b.State}
	d.weighCopies()
	if began {
		d.cell.ArchiveAdopted = 0 // what was closed before goes to it too
	}
	return evenkeel.Result{}, nil
}

// addOp appends an operation.
func (d *Desk) addOp(o opRow) uint64 {
	d.cell.ArchiveSeq++
	o.Seq = d.cell.ArchiveSeq
	d.ops.add(&o)
	d.opQueue.push(&o)
	d.account(opSize(&o))
	return o.Seq
}

// opAt returns an operation that has not been dropped.
func (d *Desk) opAt(seq uint64) *opRow {
	return d.opQueue.list[d.opQueue.head+int(seq-d.cell.ArchiveDropped)-1]
}

// put lets a touched chat be archived as it is when a copy asks.
func (d *Desk) put(c *chatRow) {
	c.Op = d.addOp(opRow{Kind: evenkeel.ArchivePut, Workspace: c.Workspace, Chat: c.ID})
	c.Dirty = false
}

// reput lets a touched chat that changed after its close be archived anew, if
// its put may have been read.
func (d *Desk) reput(c *chatRow) {
	switch {
	case c.State != evenkeel.ChatClosed || c.Op <= d.cell.ArchiveDropped:
	case !d.archiving:
		c.Op, c.Dirty = 0, false // if there is a copy again it asks anew
	case c.Op > max(d.held, d.cell.ArchiveSwept):
		c.Dirty = true
	default:
		d.put(c)
	}
}

// linger marks a closed chat as one that may leave the desk. Where nobody
// archives, the oldest such chats leave for good while there are more than the
// limit says.
func (d *Desk) linger(c *chatRow) {
	d.cell.LingerSeq++
	c.Lingered = d.cell.LingerSeq
	d.lingered.push(lingerRef{c.Lingered, c})
	d.overdue++
	if d.archiving {
		if d.cell.ArchiveAdopted == c.Lingered-1 {
			d.adopt(c)
		}
		return
	}
	// Two for one, so that a lower limit is reached in the end.
	for n := 0; n < 2 && d.overdue > 0; n++ {
		full := d.cell.Bytes > d.cell.Limits.MaxState/4*3
		if d.overdue <= d.cell.Limits.ClosedChats && !full {
			return
		}
		d.trimLingered()
		oldest := d.lingered.peek().c
		d.chats.touch(oldest)
		d.leave(oldest)
	}
}

func (d *Desk) trimLingered() {
	for d.lingered.len() > 0 && d.lingered.peek().stale() {
		d.lingered.pop()
	}
}

// leave lets a touched chat go: its history is dropped in parts.
func (d *Desk) leave(c *chatRow) {
	c.Lingered = 0
	d.overdue--
	d.trimLingered()
	d.addWork(workDropChat, c.ID, 0)
}

// adopt sees to it that a touched chat that has lingered has a put.
func (d *Desk) adopt(c *chatRow) {
	d.cell.ArchiveAdopted = c.Lingered
	if c.Op <= d.cell.ArchiveDropped {
		d.put(c)
	}
}

// mayDrop tells whether an operation, the oldest one, may leave.
func (d *Desk) mayDrop(o *opRow) bool {
	if !d.archiving {
		return true
	}
	c := d.chats.get(o.Chat)
	switch {
	case o.Seq > d.held, o.Seq > d.awaited && d.cell.Bytes <= d.cell.Limits.MaxState/2:
		return false
	case o.Kind != evenkeel.ArchivePut || c == nil || c.Op != o.Seq:
		return true
	default:
		return c.Lingered != 0 && !c.Dirty
	}
}

// archiveDue tells whether archiveStep has something to do.
func (d *Desk) archiveDue() bool {
	if d.archiving && (d.cell.ArchiveSwept < d.held || d.cell.ArchiveAdopted < d.cell.LingerSeq) {
		return true
	}
	return d.opQueue.len() > 0 && d.mayDrop(d.opQueue.peek())
}

// archiveStep does one unit of what the copies' progress allows.
func (d *Desk) archiveStep() {
	skipped := d.skipped()
	switch {
	case d.archiving && d.cell.ArchiveSwept < d.held:
		d.sweepOp(skipped)
	case d.archiving && d.cell.ArchiveAdopted < d.cell.LingerSeq:
		d.adoptNext(skipped)
	default:
		d.dropOp(skipped)
	}
}

// sweepOp looks at the next operation that became held: a chat that changed
// since is put again.
func (d *Desk) sweepOp(skipped bool) {
	d.cell.ArchiveSwept = max(d.cell.ArchiveSwept, d.cell.ArchiveDropped) + 1
	if d.cell.ArchiveSwept > d.cell.ArchiveSeq || skipped {
		d.cell.ArchiveSwept = min(d.cell.ArchiveSwept, d.cell.ArchiveSeq)
		return
	}
	o := d.opAt(d.cell.ArchiveSwept)
	if c := d.chats.get(o.Chat); o.Kind == evenkeel.ArchivePut && c != nil && c.Op == o.Seq && c.Dirty {
		d.chats.touch(c)
		d.put(c)
	}
}

// adoptNext puts the next chat that lingered before there was a copy.
func (d *Desk) adoptNext(skipped bool) {
	list := d.lingered.list[d.lingered.head:]
	i := sort.Search(len(list), func(i int) bool { return list[i].seq > d.cell.ArchiveAdopted })
	for i < len(list) && list[i].stale() {
		i++
	}
	switch {
	case i == len(list):
		d.cell.ArchiveAdopted = d.cell.LingerSeq
	case skipped:
		d.cell.ArchiveAdopted = list[i].seq
	default:
		d.chats.touch(list[i].c)
		d.adopt(list[i].c)
	}
}

// dropOp drops the oldest operation, and lets the chat go that it put away.
func (d *Desk) dropOp(skipped bool) {
	o := d.opQueue.pop()
	d.cell.ArchiveDropped = o.Seq
	d.ops.remove(o)
	d.account(-opSize(o))
	if !d.archiving || skipped || o.Kind != evenkeel.ArchivePut {
		return
	}
	if c := d.chats.get(o.Chat); c != nil && c.Op == o.Seq {
		d.chats.touch(c)
		d.leave(c)
	}
}

// roomToArchive refuses a new chat while chats that should have left wait for a
// copy and take up the budget: what is live goes on, what is closed is kept.
func (d *Desk) roomToArchive(n int64) *evenkeel.Error {
	if d.archiving && d.overdue > 0 && d.cell.Bytes+n > d.cell.Limits.MaxState/4*3 {
		return evenkeel.Errorf(evenkeel.CodeLimitReached,
			"%d closed chats wait for the archive and fill the cell's state: chats that are live go on, new ones are taken when the archive works again", d.overdue)
	}
	return nil
}

func (d *Desk) relinkArchive() error {
	rows := append([]*opRow(nil), d.ops.list...)
	sort.Slice(rows, func(i, j int) bool { return rows[i].Seq < rows[j].Seq })
	if uint64(len(rows)) != d.cell.ArchiveSeq-d.cell.ArchiveDropped {
		return errOps
	}
	for i, o := range rows {
		if o.Seq != d.cell.ArchiveDropped+1+uint64(i) {
			return errOps
		}
		d.opQueue.push(o)
	}
	d.weighCopies()
	return nil
}
