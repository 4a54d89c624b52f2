package desk

import (
	"github.com/tidwall/btree"

	"github.com/evenkeel/evenkeel"
)

// workKind says what is left to do. Append-only.
type workKind uint8

const (
	workEndSessions workKind = iota + 1 // of the incarnation N
	workDropChat                        // Ref: chat
	workDropTallies
	workEraseChat     // Ref: chat; N: the next chunk
	workEraseAgent    // Ref: customer, as a channel; N: the last agent done
	workMerge         // Ref: workspace, visitor, customer; see merge.go
	workDropWorkspace // Ref: a workspace that leaves
)

// crew is the sessions of one incarnation of a node, by number.
type crew = btree.Map[uint64, *sessionRow]

func (d *Desk) addWork(kind workKind, ref string, n uint64) {
	d.cell.WorkSeq++
	w := &workRow{Seq: d.cell.WorkSeq, Kind: kind, Ref: ref, N: n}
	d.work.add(w)
	d.workQueue.push(w)
	d.account(rowBytes)
}

// workStep does one unit of the oldest left-over work.
func (d *Desk) workStep() {
	w := d.workQueue.peek()
	done := true
	if !d.skipped() {
		switch w.Kind {
		case workEndSessions:
			done = d.endOneSession(w.N)
		case workDropChat:
			done = d.dropSome(w.Ref)
		case workDropTallies:
			done = d.dropTallies(d.surplus)
		case workEraseChat:
			done = d.eraseSome(w)
		case workEraseAgent:
			done = d.eraseFromAgent(w)
		case workMerge:
			done = d.mergeSome(w.Ref)
		case workDropWorkspace:
			done = d.dropFromWorkspace(w.Ref)
		}
	}
	if done {
		if w.Kind == workDropTallies {
			d.cell.Tidying = false
		}
		d.workQueue.pop()
		d.work.remove(w)
		d.account(-rowBytes)
	}
}

// endOneSession ends the first session of an incarnation that is void.
func (d *Desk) endOneSession(incarnation uint64) (done bool) {
	crew := d.crews[incarnation]
	if crew == nil {
		return true
	}
	_, s, ok := crew.Min()
	if ok {
		d.endSession(s)
	}
	return d.crews[incarnation] == nil
}

// dropSome removes one chunk of a chat that leaves the desk, or the chat itself
// when nothing else is left of it.
func (d *Desk) dropSome(id string) (done bool) {
	c := d.chats.get(id)
	if c == nil {
		return true
	}
	for _, ch := range []*channelRow{c.talk, c.staff} {
		if len(ch.chunks) > 0 {
			d.forgetRecords(c, ch.chunks[0])
			d.channels.touch(ch)
			d.dropChunk(ch)
			return false
		}
	}
	d.closeChannel(c.talk)
	d.closeChannel(c.staff)
	d.account(-chatSize(c))
	d.chats.remove(c)
	ws := d.workspaces.get(c.Workspace)
	ws.chats--
	ws.rooms.Delete(c.Seq)
	if c.customer != nil {
		c.customer.kept = removeChat(c.customer.kept, c)
		d.forgetCustomer(c.customer)
	}
	return true
}

// forgetRecords forgets the idempotency keys of a chunk's messages.
func (d *Desk) forgetRecords(c *chatRow, chunk *chunkRow) {
	for i := range chunk.Records {
		if by, id, ok := recordKey(c, &chunk.Records[i]); ok {
			d.forget(by, id, false)
		}
	}
}

// recordKey returns the idempotency key under which a record was sent.
func recordKey(c *chatRow, r *record) (by evenkeel.Principal, id string, ok bool) {
	if len(r.Digest) == 0 {
		return by, "", false
	}
	var author evenkeel.Author
	if m := r.Pub.Message; m != nil {
		author, id = m.Author, m.ID
	} else {
		author, id = r.Pub.Note.Author, r.Pub.Note.ID
	}
	if r.By != nil {
		return *r.By, id, true
	}
	kind := evenkeel.PrincipalVisitor
	switch author.Kind {
	case evenkeel.AuthorAgent:
		kind = evenkeel.PrincipalAgent
	case evenkeel.AuthorBot:
		kind = evenkeel.PrincipalService
	}
	return evenkeel.Principal{Workspace: c.Workspace, Kind: kind, ID: author.ID}, id, true
}
