//evenkeel:shell

package edge

import (
	"context"
	"math"
	"time"

	"github.com/evenkeel/evenkeel"
)

// Archive is this node's copy of the archive: the chats that have left the
// desk. Its errors are *evenkeel.Error, or wrap one.
type Archive interface {
	Chat(ctx context.Context, workspace, id string) (*evenkeel.Chat, error)
	Transcript(ctx context.Context, workspace, id string, r evenkeel.MessageRange, notes bool) (*evenkeel.Transcript, error)
	Search(ctx context.Context, q evenkeel.ArchiveQuery) (*evenkeel.ArchivePage, error)
	Walk(ctx context.Context, q evenkeel.ArchiveQuery, fn func(*evenkeel.ArchiveRecord) error) error
	Status() evenkeel.ArchiveStatus
}

// How long a reader waits for the copy to have what the desk no longer has, and
// how often it looks.
const (
	archiveWait = 2 * time.Second
	archiveLook = 10 * time.Millisecond
)

// archiveReaches waits until the copy has done an operation. Without that,
// nothing that is not found in it is known to be missing.
func (e *Edge) archiveReaches(ctx context.Context, operation uint64) *evenkeel.Error {
	deadline := time.NewTimer(archiveWait)
	defer deadline.Stop()
	look := time.NewTicker(archiveLook)
	defer look.Stop()
	for {
		status := e.cfg.Archive.Status()
		if status.Cursor >= operation {
			return nil
		}
		select {
		case <-look.C:
		case <-deadline.C:
			return archiveBehind("this node's archive is at operation %d of %d (%s %s)", status.Cursor, operation, status.State, status.Detail)
		case <-ctx.Done():
			return archiveBehind("the caller did not wait for the archive")
		}
	}
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
	index    uint64 // of the desk when it was looked at
}

// find looks a chat up where it is. What the caller may read of the one he may
// read of the other.
func (e *Edge) find(ctx context.Context, by evenkeel.Principal, id string) (spot, *evenkeel.Error) {
	var p spot
	var err error
	gone, dropped := false, uint64(0)
	e.cfg.Cell.View(func(r Reader) {
		p.index = r.Index()
		p.chat, err = r.Chat(by, id)
		gone, dropped = r.Archived(id), r.ArchiveState().Dropped
	})
	if err == nil || !gone || e.cfg.Archive == nil || evenkeel.ErrorCode(err) != evenkeel.CodeNotFound {
		return p, asError(err)
	}
	refusal := e.archivedChat(ctx, &p, by, id, dropped)
	return p, refusal
}

func (e *Edge) archivedChat(ctx context.Context, p *spot, by evenkeel.Principal, id string, operation uint64) *evenkeel.Error {
	if err := e.archiveReaches(ctx, operation); err != nil {
		return err
	}
	chat, err := e.cfg.Archive.Chat(ctx, by.Workspace, id)
	if err != nil {
		return e.absent(err)
	}
	e.cfg.Cell.View(func(r Reader) { err = r.MayReadArchived(by, chat) })
	p.chat, p.archived = chat, true
	return asError(err)
}

// absent judges a chat that was not found: a copy that lacks something proves
// nothing by it.
func (e *Edge) absent(err error) *evenkeel.Error {
	if evenkeel.ErrorCode(err) == evenkeel.CodeNotFound {
		if status := e.cfg.Archive.Status(); status.Detail != "" {
			return archiveBehind("the chat is not in this node's archive, which is not whole: %s", status.Detail)
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
	t, err = e.cfg.Archive.Transcript(ctx, by.Workspace, p.chat.ID, span, notes)
	if err != nil {
		return nil, e.absent(err)
	}
	return t, nil
}

// wholeTalk selects all that was said.
func wholeTalk() evenkeel.MessageRange { return evenkeel.MessageRange{Limit: math.MaxInt32} }
