package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/url"
	"strconv"

	"github.com/evenkeel/evenkeel"
)

// Chats walks over the live chats that the filter selects and the caller may
// see.
func (c *Client) Chats(ctx context.Context, f evenkeel.ChatFilter) iter.Seq2[*evenkeel.Chat, error] {
	query := url.Values{}
	for name, value := range map[string]string{"queue": f.Queue, "agent": f.Agent, "customer": f.Customer} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if f.State != 0 {
		query.Set("state", f.State.String())
	}
	return List[*evenkeel.Chat](ctx, c, "/v1/chats", query)
}

// Chat reads one chat.
func (c *Client) Chat(ctx context.Context, id string) (*evenkeel.Chat, error) {
	return get[evenkeel.Chat](ctx, c, "/v1/chats/"+url.PathEscape(id))
}

// Why explains why a chat is where it is.
func (c *Client) Why(ctx context.Context, id string) (*evenkeel.Why, error) {
	return get[evenkeel.Why](ctx, c, "/v1/chats/"+url.PathEscape(id)+"/why")
}

// Line is one line of a transcript: a message or a note.
type Line struct {
	Message *evenkeel.Message
	Note    *evenkeel.Note
}

// UnmarshalJSON tells notes, which have the field note, from messages.
func (l *Line) UnmarshalJSON(b []byte) error {
	var kind struct {
		Note *uint64 `json:"note"`
	}
	if err := json.Unmarshal(b, &kind); err != nil {
		return err
	}
	*l = Line{}
	if kind.Note != nil {
		return json.Unmarshal(b, &l.Note)
	}
	return json.Unmarshal(b, &l.Message)
}

// Transcript walks over a chat's messages behind number after, and over its
// notes unless they are unwanted or the caller is the customer.
func (c *Client) Transcript(ctx context.Context, chat string, after uint64, notes bool) iter.Seq2[Line, error] {
	query := url.Values{}
	if after > 0 {
		query.Set("after", strconv.FormatUint(after, 10))
	}
	if !notes {
		query.Set("notes", "false")
	}
	return List[Line](ctx, c, "/v1/chats/"+url.PathEscape(chat)+"/messages", query)
}
