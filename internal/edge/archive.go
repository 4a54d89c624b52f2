//evenkeel:shell

package edge

import (
	"context"
	"math"

	"github.com/evenkeel/evenkeel"
)

// Archive finds copies of the archive, which has the chats that have left the desk.
type Archive interface {
	// At returns what reads a copy that has done an operation: without that,
	// nothing that is not found is known to be missing. It waits for a while for one
	// to come so far. Errors are *evenkeel.Error.
	At(ctx context.Context, operation uint64) (Past, error)
}

// Past reads archived chats, from one copy or another. Its errors are
// *evenkeel.Error, or wrap one.
type Past interface {
	Chat(ctx context.Context, workspace, id string) (*evenkeel.Chat, error)
	Transcript(ctx context.Context, workspace, id string, r evenkeel.MessageRange, notes bool) (*evenkeel.Transcript, error)
	Search(ctx context.Context, q evenkeel.ArchiveQuery) (*evenkeel.ArchivePage, error)
	Walk(ctx context.Context, q evenkeel.ArchiveQuery, fn func(*evenkeel.ArchiveRecord) error) error
	// Lacks says what the copy that was read last has not; empty: it is whole.
	Lacks() string
}

// past reads the archive as it is after an operation.
func (e *Edge) past(ctx context.Context, operation uint64) (Past, *evenkeel.Error) {
	past, err := e.cfg.Archive.At(ctx, operation)
	return past, asError(err)
}

// archives tells whether closed chats leave the desk for an archive.
func (e *Edge) archives() (on bool) {
	if e.cfg.Archive != nil {
		e.cfg.Cell.View(func(r Reader) { on = r.ArchiveState().On })
	}
	return on
}

func archiveBehind(format string, args ...any) *evenkeel.Error {
	e := evenkeel.Errorf(evenkeel.CodeArchiveUnavailable, format, args...)
	e.RetryAfter = evenkeel.Second
	return e
}

// spot is where a chat was found: in the desk, or in the archive.
type spot struct {
	chat     *evenkeel.Chat
	archived bool
	past     Past   // of an archived one: where it was found
	index    uint64 // of the desk when it was looked at
}

// find looks a chat up where it is. What the caller may read of the one he may
// read of the other.
func (e *Edge) find(ctx context.Context, by evenkeel.Principal, id string) (spot, *evenkeel.Error) {
	var p spot
	var err error
	gone, state := false, evenkeel.ArchiveState{}
	e.cfg.Cell.View(func(r Reader) {
		p.index = r.Index()
		p.chat, err = r.Chat(by, id)
		gone, state = r.Archived(id), r.ArchiveState()
	})
	if err == nil || !gone || e.cfg.Archive == nil || !state.On || evenkeel.ErrorCode(err) != evenkeel.CodeNotFound {
		return p, asError(err)
	}
	refusal := e.archivedChat(ctx, &p, by, id, state.Dropped)
	return p, refusal
}

func (e *Edge) archivedChat(ctx context.Context, p *spot, by evenkeel.Principal, id string, operation uint64) *evenkeel.Error {
	past, refusal := e.past(ctx, operation)
	if refusal != nil {
		return refusal
	}
	chat, err := past.Chat(ctx, by.Workspace, id)
	if err != nil {
		return judgeAbsence(past, err)
	}
	e.cfg.Cell.View(func(r Reader) { err = r.MayReadArchived(by, chat) })
	p.chat, p.archived, p.past = chat, true, past
	return asError(err)
}

// judgeAbsence judges a chat that was not found: a copy that lacks something proves
// nothing by it.
func judgeAbsence(past Past, err error) *evenkeel.Error {
	if evenkeel.ErrorCode(err) == evenkeel.CodeNotFound {
		if lacks := past.Lacks(); lacks != "" {
			return archiveBehind("the chat is not in the archive that was asked, which is not whole: %s", lacks)
		}
	}
	return asError(err)
}

// transcript reads a part of the talk of a chat that was found.
func (e *Edge) transcript(ctx context.Context, by evenkeel.Principal, p *spot, span evenkeel.MessageRange, notes bool) (t *evenkeel.Transcript, refusal *evenkeel.Error) {
	var err error
	if !p.archived {
		e.cfg.Cell.View(func(r Reader) { t, err = r.Transcript(by, p.chat.ID, span, notes) })
		if evenkeel.ErrorCode(err) != evenkeel.CodeNotFound {
			return t, asError(err)
		}
		// It may have left since it was found.
		again, refusal := e.find(ctx, by, p.chat.ID)
		if refusal != nil || !again.archived {
			return nil, asError(err)
		}
		*p = again
	}
	t, err = p.past.Transcript(ctx, by.Workspace, p.chat.ID, span, notes)
	if err != nil {
		return nil, judgeAbsence(p.past, err)
	}
	return t, nil
}

// wholeTalk selects all that was said.
func wholeTalk() evenkeel.MessageRange { return evenkeel.MessageRange{Limit: math.MaxInt32} }
