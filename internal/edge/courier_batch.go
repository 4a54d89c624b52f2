//evenkeel:pure

package edge

import (
	"errors"
	"time"

	"github.com/evenkeel/evenkeel"
)

// batch is a proposal in flight.
type batch struct {
	pieces []piece
	size   int // bytes, about
	count  int // commands
}

// piece is what one client has in a batch: SessionOpen, if the desk does not
// know the session yet, the first parcels of its queue, and SessionClose, if
// the client is gone.
type piece struct {
	owner   *client
	opens   bool
	parcels int
	closes  bool
}

func (p *piece) commands() int {
	n := p.parcels
	if p.opens {
		n++
	}
	if p.closes {
		n++
	}
	return n
}

// rouse puts a client into the line of those who have something to send.
func (c *Courier) rouse(cl *client) {
	if cl.ready || cl.awaiting || cl.phase == phaseVoid || !cl.hasWork() {
		return
	}
	if cl.need != SessionNever && c.incarnation == 0 {
		return // roused again when it is known
	}
	cl.ready = true
	c.ready = append(c.ready, cl)
}

func (cl *client) hasWork() bool {
	switch cl.phase {
	case phaseOpening, phaseOpen:
		return len(cl.queue) > 0 || cl.gone || cl.phase == phaseOpening
	default:
		return len(cl.queue) > 0 || cl.need == SessionAtOnce && !cl.gone
	}
}

// send makes proposals of what is ready.
func (c *Courier) send() {
	if c.failing && c.now < c.pause {
		return
	}
	limit := maxBatches
	if c.failing {
		limit = 1
	}
	for len(c.batches) < limit && len(c.ready) > 0 {
		b, commands := c.pack()
		if b.count == 0 {
			continue
		}
		c.lastBatch++
		c.batches[c.lastBatch] = b
		c.out = append(c.out, Proposal{c.lastBatch, commands})
	}
}

// pack takes clients off the line until the batch is full.
func (c *Courier) pack() (*batch, []*evenkeel.Command) {
	b := &batch{}
	var commands []*evenkeel.Command
	for len(c.ready) > 0 && b.count < maxBatch && b.size < maxBatchBytes {
		cl := c.ready[0]
		c.ready = c.ready[1:]
		cl.ready = false
		if cl.phase == phaseVoid || !cl.hasWork() {
			continue
		}
		var p piece
		p, commands = c.wrap(b, cl, commands)
		b.pieces = append(b.pieces, p)
		b.count += p.commands()
	}
	return b, commands
}

// wrap adds a client's piece to a batch, giving numbers where there are none.
func (c *Courier) wrap(b *batch, cl *client, commands []*evenkeel.Command) (piece, []*evenkeel.Command) {
	p := piece{owner: cl}
	cl.awaiting = true
	if cl.need != SessionNever && cl.phase != phaseOpen {
		if cl.phase == phaseNone {
			c.lastSession++
			cl.session = evenkeel.SessionID{Incarnation: c.incarnation, Number: c.lastSession}
			cl.phase = phaseOpening
			c.sessions[cl.session] = cl
		}
		p.opens = true
		commands = append(commands, cellCommand(cl, &evenkeel.SessionOpen{Session: cl.session, Principal: cl.principal, Token: cl.login}))
	}
	for _, parcel := range cl.queue {
		if p.parcels >= maxPiece || b.size >= maxBatchBytes {
			break
		}
		if !parcel.sent && cl.need != SessionNever {
			cl.seq++
			parcel.command.Session, parcel.command.Seq = cl.session, cl.seq
		}
		parcel.sent = true
		p.parcels++
		b.size += parcel.size
		commands = append(commands, parcel.command)
	}
	if cl.gone && p.parcels == len(cl.queue) && cl.phase != phaseNone {
		p.closes = true
		commands = append(commands, cellCommand(cl, &evenkeel.SessionClose{Session: cl.session}))
	}
	return p, commands
}

// cellCommand is one that the cell itself gives, about a client.
func cellCommand(cl *client, body evenkeel.Body) *evenkeel.Command {
	by := evenkeel.System()
	by.Workspace = cl.principal.Workspace
	return &evenkeel.Command{By: by, Body: body}
}

// done takes the outcome of a batch.
func (c *Courier) done(in ProposalDone) {
	b := c.batches[in.Batch]
	if b == nil {
		return
	}
	delete(c.batches, in.Batch)
	if in.Err == nil && len(in.Results) != b.count {
		in.Err = evenkeel.Errorf(evenkeel.CodeInternal, "%d results for %d commands", len(in.Results), b.count)
	}
	switch {
	case in.Err == nil:
		c.failing = false
	case evenkeel.ErrorCode(in.Err) == evenkeel.CodeTooManyRequests:
		c.fails(crowdedPause)
	default:
		c.fails(resendPause)
	}
	for i := range b.pieces {
		p := &b.pieces[i]
		p.owner.awaiting = false
		switch {
		case in.Err == nil:
			n := p.commands()
			c.settle(p, in.Results[:n:n])
			in.Results = in.Results[n:]
		case neverApplied(in.Err):
			c.refused(p, in.Err)
		default:
			p.fateOpen()
		}
		c.settled(p.owner)
	}
}

// fails begins a pause, after which one batch at a time is tried.
func (c *Courier) fails(pause time.Duration) {
	c.failing = true
	c.pause = c.now + pause
}

// neverApplied tells whether a failed proposal is sure not to be applied.
func neverApplied(err error) bool {
	switch evenkeel.ErrorCode(err) {
	case evenkeel.CodeTooManyRequests, evenkeel.CodeDiskFull, evenkeel.CodeTooLarge, evenkeel.CodeBadRequest:
		return true
	default:
		return false
	}
}

// fateOpen marks the parcels of a piece that are not settled.
func (p *piece) fateOpen() {
	for _, parcel := range p.owner.queue[:min(p.parcels, len(p.owner.queue))] {
		parcel.open = true
	}
}

// settle takes the results of one client's piece.
func (c *Courier) settle(p *piece, results []evenkeel.Result) {
	cl := p.owner
	if cl.phase == phaseVoid {
		return // the client lost its session meanwhile
	}
	if p.opens {
		err := results[0].Err
		switch {
		case err == nil:
			cl.phase = phaseOpen
		case err.Code == evenkeel.CodeNoLeader:
			p.fateOpen()
			c.fails(resendPause)
			return
		default:
			c.unwelcome(cl, err)
			return
		}
		results = results[1:]
	}
	for i := range p.parcels {
		r, parcel := &results[i], cl.queue[0]
		switch {
		case r.Err == nil:
			c.answer(cl, parcel, r, nil)
		case r.Err.Code == evenkeel.CodeNoLeader:
			// What was settled is out of the queue, so the rest begins at 0.
			p.parcels -= i
			p.fateOpen()
			c.fails(resendPause)
			return
		case r.Err.Field == "session":
			c.void(cl, closeLost, "session lost")
			return
		case isVoidSession(r.Err):
			c.part(cl)
			return
		case r.Err.Code == evenkeel.CodeInternal && cl.need != SessionNever:
			// The desk was made to leave it out, with its number.
			c.answer(cl, parcel, nil, r.Err)
			c.part(cl)
			return
		default:
			c.answer(cl, parcel, nil, r.Err)
		}
		parcel.command = nil
		cl.queue = cl.queue[1:]
	}
	if p.closes {
		if err := results[p.parcels].Err; err != nil && err.Code == evenkeel.CodeNoLeader {
			c.fails(resendPause)
			return
		}
		delete(c.sessions, cl.session)
		cl.phase = phaseVoid
	}
}

// isVoidSession recognizes the desk's answers to a command of a session that it
// has ended, or whose numbers it counts otherwise.
func isVoidSession(err *evenkeel.Error) bool {
	return err.Field == "session" || err.Field == "seq" && err.Code == evenkeel.CodeConflict
}

// unwelcome ends a client whose session the desk refused to open.
func (c *Courier) unwelcome(cl *client, err *evenkeel.Error) {
	delete(c.sessions, cl.session)
	cl.phase = phaseVoid
	code, told := closeForbidden, err
	switch err.Code {
	case evenkeel.CodeLimitReached, evenkeel.CodeTooManyRequests:
		code = closeTooMany
	case evenkeel.CodeConflict:
		// The node was given up, and not the client: what he asks for may have been
		// done on an earlier session.
		code, told = closeLost, sessionLost()
	case evenkeel.CodeInternal:
		code = closeLost
	default:
	}
	c.dismiss(cl, told)
	if !cl.gone {
		c.out = append(c.out, Closure{cl.id, code, string(err.Code)})
	}
}

// refused takes back what is sure not to be applied: those who were sent for
// the first time are told, and their numbers are free again. What was sent
// before may have been applied then, and stays.
func (c *Courier) refused(p *piece, err error) {
	var told *evenkeel.Error
	if !errors.As(err, &told) {
		return
	}
	cl := p.owner
	kept := cl.queue[:0:0]
	for i, parcel := range cl.queue {
		if i >= p.parcels || parcel.open {
			kept = append(kept, parcel)
			continue
		}
		if cl.need != SessionNever {
			cl.seq--
		}
		c.answer(cl, parcel, nil, told)
		parcel.command = nil
	}
	cl.queue = kept
}

// settled puts a client back into the line, or forgets it.
func (c *Courier) settled(cl *client) {
	cl.dropExpired()
	if cl.id == 0 && len(cl.queue) == 0 && cl.phase != phaseVoid {
		cl.phase = phaseVoid
		c.loose--
		return
	}
	c.rouse(cl)
	c.forget(cl)
}

// forget drops what is kept of a session that never came to be.
func (c *Courier) forget(cl *client) {
	if cl.gone && cl.phase == phaseNone && len(cl.queue) == 0 {
		cl.phase = phaseVoid
	}
}

// Load tells how much the courier holds: clients, sessions, commands without a
// client, and batches in flight.
func (c *Courier) Load() (clients, sessions, loose, batches int) {
	return len(c.clients), len(c.sessions), c.loose, len(c.batches)
}
