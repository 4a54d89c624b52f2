//evenkeel:pure

package archive

import (
	"slices"

	"github.com/evenkeel/evenkeel"
)

// border is a word that nobody can type. It stands between two texts, so that a
// phrase is never found across them.
const border = " \ue000"

// document is what the full-text index holds of a chat. The index keeps no
// copy: to take a chat out of it, its document is made again, to the byte.
type document struct {
	talk, notes, facets string
}

func documentOf(rec *evenkeel.ArchiveRecord) document {
	talk := words(nil, rec.Chat.Subject)
	for _, m := range rec.Messages {
		talk = words(append(talk, border...), m.Text)
	}
	var notes []byte
	for _, n := range rec.Notes {
		notes = words(append(notes, border...), n.Text)
	}
	var facets []byte
	for _, f := range chatFacets(rec.Chat) {
		facets = append(append(facets, ' '), f...)
	}
	return document{string(talk), string(notes), string(facets)}
}

// amend does to a chat what a rate, tag or note asks for.
func amend(rec *evenkeel.ArchiveRecord, op *evenkeel.ArchiveOp) {
	switch op.Kind {
	case evenkeel.ArchiveRate:
		rec.Chat.Rating = op.Rating
	case evenkeel.ArchiveTag:
		rec.Chat.Tags = op.Tags
	case evenkeel.ArchiveNote:
		note := *op.Note
		note.Number = 1
		if n := len(rec.Notes); n > 0 {
			note.Number = rec.Notes[n-1].Number + 1
		}
		rec.Notes = append(slices.Clip(rec.Notes), &note)
	}
}

// erase takes away what was said and what was known. What can be counted stays.
func erase(rec *evenkeel.ArchiveRecord) {
	rec.Chat.Subject, rec.Chat.Attributes, rec.Chat.LastMessage = "", nil, nil
	if r := rec.Chat.Rating; r != nil {
		rec.Chat.Rating = &evenkeel.Rating{Score: r.Score}
	}
	rec.Messages, rec.Notes = nil, nil
}

// wellFormed refuses an operation that lacks what its kind needs.
func wellFormed(op *evenkeel.ArchiveOp) bool {
	switch op.Kind {
	case evenkeel.ArchivePut:
		return op.Record == nil || op.Record.Chat != nil && op.Record.Chat.ID == op.Chat && op.Record.Chat.Workspace == op.Workspace &&
			!slices.Contains(op.Record.Messages, nil) && !slices.Contains(op.Record.Notes, nil)
	case evenkeel.ArchiveRate:
		return op.Rating != nil
	case evenkeel.ArchiveNote:
		return op.Note != nil
	case evenkeel.ArchiveTag, evenkeel.ArchiveErase, evenkeel.ArchiveExpire, evenkeel.ArchiveMerge, evenkeel.ArchiveLeave:
		return true
	}
	return false
}
