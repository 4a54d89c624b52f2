package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/archive"
	"github.com/evenkeel/evenkeel/internal/edge"
)

// How long a reader of the archive waits.
const (
	copyWait    = 2 * time.Second        // for a copy to come to an operation
	ownCopyWait = 200 * time.Millisecond // for this node's own, where others could answer
	copyLook    = 10 * time.Millisecond
	pastAnswer  = 10 * time.Second // of another node, to anything but an export
)

// pastOf finds copies of the archive for who reads at this node: its own, if that
// has come far enough and lacks nothing, else those of others.
type pastOf struct{ *Node }

// At implements edge.Archive.
func (p pastOf) At(ctx context.Context, operation uint64) (edge.Past, error) {
	others := copiesOf(p)
	distant := &distantPast{copies: others, operation: operation}
	began := time.Now()
	look := time.NewTicker(copyLook)
	defer look.Stop()
	for {
		own, reached := p.own(operation)
		if reached {
			return &past{sources: []source{own, distant}}, nil
		}
		waited := time.Since(began)
		if (p.archive == nil || waited >= ownCopyWait) && others.answer() {
			return &past{sources: []source{distant}}, nil
		}
		if waited >= copyWait {
			return nil, p.behind(operation)
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return nil, unavailable("the caller did not wait for the archive")
		}
	}
}

// own returns this node's copy, and whether it answers for all up to an operation.
func (p pastOf) own(operation uint64) (*archive.Runner, bool) {
	if p.archive == nil {
		return nil, false
	}
	s := p.archive.Status()
	return p.archive, s.Cursor >= operation && (s.Missing == 0 || !copiesOf(p).Whole(s.Missing))
}

// answer tells whether any other node with a copy does.
func (c copiesOf) answer() bool {
	copies, _ := c.all(0)
	return len(copies) > 0 && !copies[0].silent
}

func (p pastOf) behind(operation uint64) error {
	if p.archive == nil {
		return unavailable("this node has no copy of the archive, and no node that has one answers")
	}
	s := p.archive.Status()
	return unavailable("this node's archive is at operation %d of %d (%s %s)", s.Cursor, operation, s.State, s.Detail)
}

func unavailable(format string, args ...any) *evenkeel.Error {
	e := evenkeel.Errorf(evenkeel.CodeArchiveUnavailable, format, args...)
	e.RetryAfter = evenkeel.Second
	return e
}

// source is what reads one copy, or one of several.
type source interface {
	Chat(ctx context.Context, workspace, id string) (*evenkeel.Chat, error)
	Transcript(ctx context.Context, workspace, id string, r evenkeel.MessageRange, notes bool) (*evenkeel.Transcript, error)
	Search(ctx context.Context, q evenkeel.ArchiveQuery) (*evenkeel.ArchivePage, error)
	Walk(ctx context.Context, q evenkeel.ArchiveQuery, fn func(*evenkeel.ArchiveRecord) error) error
	Lacks() string
}

// past implements edge.Past: it asks the next source where one cannot be read.
type past struct {
	sources []source
	last    source
}

func (p *past) try(do func(source) error) (err error) {
	for _, p.last = range p.sources {
		if err = do(p.last); evenkeel.ErrorCode(err) != evenkeel.CodeArchiveUnavailable {
			break
		}
	}
	return err
}

func (p *past) Lacks() string { return p.last.Lacks() }

func (p *past) Chat(ctx context.Context, workspace, id string) (c *evenkeel.Chat, err error) {
	err = p.try(func(s source) error { c, err = s.Chat(ctx, workspace, id); return err })
	return c, err
}

func (p *past) Transcript(ctx context.Context, workspace, id string, span evenkeel.MessageRange, notes bool) (t *evenkeel.Transcript, err error) {
	err = p.try(func(s source) error { t, err = s.Transcript(ctx, workspace, id, span, notes); return err })
	return t, err
}

func (p *past) Search(ctx context.Context, q evenkeel.ArchiveQuery) (found *evenkeel.ArchivePage, err error) {
	err = p.try(func(s source) error { found, err = s.Search(ctx, q); return err })
	return found, err
}

// Walk asks another source only if the first has given nothing yet.
func (p *past) Walk(ctx context.Context, q evenkeel.ArchiveQuery, fn func(*evenkeel.ArchiveRecord) error) error {
	var begun bool
	var result error
	err := p.try(func(s source) error {
		result = s.Walk(ctx, q, func(rec *evenkeel.ArchiveRecord) error { begun = true; return fn(rec) })
		if begun {
			return nil // it is not tried again
		}
		return result
	})
	if begun {
		return result
	}
	return err
}

// distantPast reads the copies of other nodes.
type distantPast struct {
	copies    copiesOf
	operation uint64
	lacks     string
}

func (d *distantPast) Lacks() string { return d.lacks }

// ask has the best copy answer, and takes what it sends until take has enough.
func (d *distantPast) ask(ctx context.Context, q pastQuestion, take func(*pastAnswerPart) error) error {
	body, err := d.copies.fetch(ctx, d.operation, fetchRequest{What: fetchPast, Least: d.operation, Past: &q})
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return unavailable("no copy of the archive could be read: %v", err)
	}
	in := d.copies.cluster.wire.NewDecoder(body)
	for {
		var part pastAnswerPart
		switch err = in.Decode(&part); {
		case errors.Is(err, io.EOF) && q.Walk:
			err = nil
		case err != nil:
			err = unavailable("another node's copy of the archive could not be read to the end: %v", err)
		case part.Err != nil:
			err = part.Err
		default:
			d.lacks = part.Lacks
			if err = take(&part); err == nil && q.Walk {
				continue
			}
		}
		return errors.Join(err, body.Close())
	}
}

func (d *distantPast) one(ctx context.Context, q pastQuestion) (part pastAnswerPart, err error) {
	ctx, cancel := context.WithTimeout(ctx, pastAnswer)
	defer cancel()
	err = d.ask(ctx, q, func(p *pastAnswerPart) error { part = *p; return nil })
	return part, err
}

func (d *distantPast) Chat(ctx context.Context, workspace, id string) (*evenkeel.Chat, error) {
	part, err := d.one(ctx, pastQuestion{Workspace: workspace, Chat: id})
	return part.Chat, err
}

func (d *distantPast) Transcript(ctx context.Context, workspace, id string, span evenkeel.MessageRange, notes bool) (*evenkeel.Transcript, error) {
	part, err := d.one(ctx, pastQuestion{Workspace: workspace, Chat: id, Talk: true, Span: span, Notes: notes})
	return part.Talk, err
}

func (d *distantPast) Search(ctx context.Context, q evenkeel.ArchiveQuery) (*evenkeel.ArchivePage, error) {
	part, err := d.one(ctx, pastQuestion{Query: &q})
	return part.Page, err
}

func (d *distantPast) Walk(ctx context.Context, q evenkeel.ArchiveQuery, fn func(*evenkeel.ArchiveRecord) error) error {
	return d.ask(ctx, pastQuestion{Query: &q, Walk: true}, func(p *pastAnswerPart) error { return fn(p.Record) })
}

// givePast lets another node read this one's copy, when that has come far enough.
func (c *cluster) givePast(ctx context.Context, r *fetchRequest, w io.Writer) error {
	if c.node.archive == nil || r.Past == nil {
		return errors.New("this node has no copy of the archive")
	}
	if err := c.node.reach(ctx, r.Least); err != nil {
		return err
	}
	own, q := c.node.archive, r.Past
	out := cbor.NewEncoder(w)
	part := pastAnswerPart{Lacks: own.Lacks()}
	var err error
	switch {
	case q.Walk && q.Query != nil:
		return own.Walk(ctx, *q.Query, func(rec *evenkeel.ArchiveRecord) error {
			part.Record = rec
			return out.Encode(&part)
		})
	case q.Query != nil:
		part.Page, err = own.Search(ctx, *q.Query)
	case q.Talk:
		part.Talk, err = own.Transcript(ctx, q.Workspace, q.Chat, q.Span, q.Notes)
	default:
		part.Chat, err = own.Chat(ctx, q.Workspace, q.Chat)
	}
	if evenkeel.ErrorCode(err) == evenkeel.CodeArchiveUnavailable {
		return sentence(err) // the asker asks another
	}
	part.Err = asRefusal(err)
	return out.Encode(&part)
}

// reach waits for this node's copy to come to an operation.
func (n *Node) reach(ctx context.Context, operation uint64) error {
	limit := time.NewTimer(copyWait)
	defer limit.Stop()
	look := time.NewTicker(copyLook)
	defer look.Stop()
	for {
		s := n.archive.Status()
		if s.Cursor >= operation {
			return nil
		}
		select {
		case <-look.C:
		case <-limit.C:
			return fmt.Errorf("its archive is at operation %d of %d (%s)", s.Cursor, operation, s.State)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
