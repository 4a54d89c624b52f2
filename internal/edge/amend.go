//evenkeel:shell

package edge

import (
	"context"
	"time"

	"github.com/evenkeel/evenkeel"
)

// amendable returns the chat that a command is about if the command can also be
// carried out when the chat has left the desk.
func amendable(c *evenkeel.Command) string {
	switch b := c.Body.(type) {
	case *evenkeel.ChatRate:
		return b.Chat
	case *evenkeel.ChatNote:
		return b.Chat
	case *evenkeel.ChatWrapup:
		return b.Chat
	case *evenkeel.ChatUpdate:
		return b.Chat
	default:
		return ""
	}
}

// hasLeft tells whether a refused command is about a chat in the archive.
func (e *Edge) hasLeft(c *evenkeel.Command, refusal *evenkeel.Error) (gone bool) {
	chat := amendable(c)
	if chat == "" || e.cfg.Archive == nil || evenkeel.ErrorCode(refusal) != evenkeel.CodeNotFound {
		return false
	}
	e.cfg.Cell.View(func(r Reader) { gone = r.Archived(chat) && r.ArchiveState().On })
	return gone
}

// amend carries out a command about a chat that has left: it judges the caller by
// the archived record, lets the desk number the change, and waits until a
// copy has it, so that the caller reads what he wrote.
func (e *Edge) amend(ctx context.Context, c *evenkeel.Command, size int) (evenkeel.Result, *evenkeel.Error) {
	who := c.By
	if c.OnBehalfOf != (evenkeel.Principal{}) {
		who = c.OnBehalfOf
	}
	p, err := e.find(ctx, who, amendable(c))
	if err != nil {
		return evenkeel.Result{}, err
	}
	body := &evenkeel.ArchiveAmend{Chat: p.chat.ID, Customer: p.chat.Customer, Messages: p.chat.Messages}
	if err := e.fillAmend(ctx, body, who, c, &p); err != nil {
		return evenkeel.Result{}, err
	}
	if body.Note != "" {
		if note, err := e.noteOf(ctx, who, &p, body.NoteID); err != nil || note != nil {
			return noteResult(note, p.index), err
		}
	}
	if body.Rating == nil && body.Tags == nil && body.Note == "" {
		return evenkeel.Result{Index: p.index, Chat: p.chat}, nil
	}
	amend := &evenkeel.Command{By: c.By, OnBehalfOf: c.OnBehalfOf, Body: body}
	if c.ID != "" {
		amend.ID = "amend-" + c.ID
	}
	result, err := e.do(ctx, amend, size+maxIDBytes)
	if err != nil {
		return evenkeel.Result{}, err
	}
	if p.past, err = e.past(ctx, result.Operation); err != nil {
		err.Detail = "it was taken down and will be done, but cannot be shown yet; ask again with the same id: " + err.Detail
		return evenkeel.Result{}, err
	}
	return e.amended(ctx, who, c, &p, result.Index)
}

// fillAmend turns what was asked for into a change of an archived chat.
func (e *Edge) fillAmend(ctx context.Context, body *evenkeel.ArchiveAmend, who evenkeel.Principal, c *evenkeel.Command, p *spot) *evenkeel.Error {
	if rate, ok := c.Body.(*evenkeel.ChatRate); ok {
		if who.Kind != evenkeel.PrincipalVisitor {
			return evenkeel.FieldErrorf("on_behalf_of", "a chat is rated by its customer, or by a service on his behalf")
		}
		body.Rating = &evenkeel.Rating{Score: rate.Score, Comment: rate.Comment}
		return nil
	}
	var err error
	e.cfg.Cell.View(func(r Reader) { err = r.MayAmendArchived(who, p.chat) })
	if err != nil {
		return asError(err)
	}
	switch b := c.Body.(type) {
	case *evenkeel.ChatNote:
		body.Note, body.NoteID = b.Text, c.ID
	case *evenkeel.ChatWrapup:
		body.Note, body.NoteID, body.Tags = b.Notes, c.ID, b.Tags
	case *evenkeel.ChatUpdate:
		if b.Priority != nil || b.Attributes != nil {
			return evenkeel.Errorf(evenkeel.CodeChatClosed, "the chat %s is closed and archived: its tags can be changed, nothing else", p.chat.ID)
		}
		body.Tags = b.Tags
	default:
		return evenkeel.Errorf(evenkeel.CodeChatClosed, "the chat %s is closed and archived", p.chat.ID)
	}
	return nil
}

// amended answers as the command would have been in the desk.
func (e *Edge) amended(ctx context.Context, who evenkeel.Principal, c *evenkeel.Command, p *spot, index uint64) (evenkeel.Result, *evenkeel.Error) {
	if _, ok := c.Body.(*evenkeel.ChatNote); ok {
		note, err := e.noteOf(ctx, who, p, c.ID)
		return noteResult(note, index), err
	}
	chat, err := p.past.Chat(ctx, who.Workspace, p.chat.ID)
	if err != nil {
		return evenkeel.Result{}, judgeAbsence(p.past, err)
	}
	return evenkeel.Result{Index: index, Chat: chat}, nil
}

// noteOf finds the caller's note by its id: one that he sent while the chat was in
// the desk is not written again.
func (e *Edge) noteOf(ctx context.Context, who evenkeel.Principal, p *spot, id string) (*evenkeel.Note, *evenkeel.Error) {
	if id == "" {
		return nil, nil
	}
	t, err := e.transcript(ctx, who, p, wholeTalk(), true)
	if err != nil {
		return nil, err
	}
	for _, n := range t.Notes {
		if n.ID == id && n.Author.ID == who.ID {
			return n, nil
		}
	}
	return nil, nil
}

func noteResult(n *evenkeel.Note, index uint64) evenkeel.Result {
	if n == nil {
		return evenkeel.Result{Index: index}
	}
	return evenkeel.Result{Index: index, Number: n.Number, Time: n.Time, Repeated: true}
}

// Amendments by RPC wait for the archive, each in a goroutine of its own.
const (
	maxAmends   = 64
	amendAnswer = 10 * time.Second
)

// callAmend carries an RPC about a chat that has left out, without holding up the
// courier.
func (e *Edge) callAmend(c *evenkeel.Command, size int, done func(*evenkeel.Result, *evenkeel.Error)) {
	select {
	case e.amends <- struct{}{}:
	default:
		done(nil, &evenkeel.Error{Code: evenkeel.CodeTooManyRequests, RetryAfter: evenkeel.Second, Detail: "too many changes of archived chats are waiting"})
		return
	}
	e.tasks.Go(func() {
		defer func() { <-e.amends }()
		ctx, cancel := context.WithTimeout(context.Background(), amendAnswer)
		defer cancel()
		stop := context.AfterFunc(e.ending, cancel)
		defer stop()
		result, err := e.amend(ctx, c, size)
		if err != nil {
			done(nil, err)
			return
		}
		done(&result, nil)
	})
}
