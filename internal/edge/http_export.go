//evenkeel:shell

package edge

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/evenkeel/evenkeel"
)

// Content types of exports.
const (
	ndjsonKind = "application/x-ndjson"
	textKind   = "text/plain; charset=utf-8"
)

// exported is a chat with all that was said, notes in their places.
type exported struct {
	Chat     any   `json:"chat"`
	Messages []any `json:"messages"`
}

func exportChat(q *request) (*answer, *evenkeel.Error) {
	format := q.URL.Query().Get("format")
	if format != "" && format != "text" && format != "json" && format != "ndjson" {
		return nil, badQuery("format", "must be one of text, json, ndjson")
	}
	p, err := q.edge.find(q.Context(), q.who.Principal, q.PathValue("id"))
	if err != nil {
		return nil, err
	}
	t, err := q.edge.transcript(q.Context(), q.who.Principal, &p, wholeTalk(), q.who.Role != evenkeel.RoleCustomer)
	if err != nil {
		return nil, err
	}
	a := &answer{index: p.index}
	var b bytes.Buffer
	var failure error
	switch format {
	case "json":
		a.value = exported{chatView(q.who.Role, p.chat), interleave(t)}
		return a, nil
	case "ndjson":
		a.kind = ndjsonKind
		failure = json.NewEncoder(&b).Encode(exported{chatView(q.who.Role, p.chat), interleave(t)})
	default:
		a.kind = textKind
		writeTalk(&b, p.chat, t)
	}
	a.raw = b.Bytes()
	return a, asError(failure)
}

// writeTalk writes a chat as people read it.
func writeTalk(w *bytes.Buffer, c *evenkeel.Chat, t *evenkeel.Transcript) {
	fmt.Fprintf(w, "Chat %s in %s, %s\n", c.ID, c.Queue, c.State)
	fmt.Fprintf(w, "Queued %s\n", c.QueuedAt)
	if c.AnsweredAt != 0 {
		fmt.Fprintf(w, "Answered %s\n", c.AnsweredAt)
	}
	if c.ClosedAt != 0 {
		fmt.Fprintf(w, "Closed %s, %s\n", c.ClosedAt, c.Reason)
	}
	if c.Rating != nil {
		fmt.Fprintf(w, "Rated %d of 5\n", c.Rating.Score)
	}
	w.WriteByte('\n')
	for _, item := range interleave(t) {
		switch m := item.(type) {
		case *evenkeel.Message:
			fmt.Fprintf(w, "%s %s: %s\n", m.Time, signature(m.Author), m.Text)
		case *evenkeel.Note:
			fmt.Fprintf(w, "%s (note) %s: %s\n", m.Time, signature(m.Author), m.Text)
		}
	}
}

func signature(a evenkeel.Author) string {
	return cmp.Or(a.Name, a.ID, a.Kind.String())
}

// exportPace is how long one chat of an export may take to be sent: a reader who
// is slower is cut off.
const exportPace = 30 * time.Second

// exportArchive streams every chat that the filters select. One chat at a time is
// in memory. An export that cannot be finished is cut off, so that it does not
// look like a whole one.
func exportArchive(q *request) (*answer, *evenkeel.Error) {
	if f := q.URL.Query().Get("format"); f != "" && f != "ndjson" {
		return nil, badQuery("format", "must be ndjson")
	}
	query, err := q.archiveQuery()
	if err != nil {
		return nil, err
	}
	past, index, err := q.past()
	if err != nil {
		return nil, err
	}
	return &answer{index: index, kind: ndjsonKind, stream: func(w http.ResponseWriter) error {
		control := http.NewResponseController(w)
		// Else the server would take the caller for gone when the time is over in
		// which a request must have been read.
		if err := control.SetReadDeadline(time.Time{}); err != nil {
			return err
		}
		return past.Walk(q.Context(), query, func(rec *evenkeel.ArchiveRecord) error {
			if err := control.SetWriteDeadline(time.Now().Add(exportPace)); err != nil {
				return err
			}
			return writeRecord(w, rec)
		})
	}}, nil
}

func writeRecord(w io.Writer, rec *evenkeel.ArchiveRecord) error {
	t := &evenkeel.Transcript{Messages: rec.Messages, Notes: rec.Notes}
	return json.NewEncoder(w).Encode(exported{rec.Chat, interleave(t)})
}
