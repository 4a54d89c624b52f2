package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/evenkeel/evenkeel"
)

// Talk is what can be done with chats. A Client does it over HTTP, a Conn over
// its realtime connection; fields and answers are the same. Every call carries
// an id of its own, so none is carried out twice.
type Talk struct {
	call   func(ctx context.Context, method, chat string, params map[string]any, result any) error
	behalf *Behalf
}

// Behalf names whom a service acts for: one of the two.
type Behalf struct {
	Customer string `json:"customer,omitempty"`
	Agent    string `json:"agent,omitempty"`
}

// For returns the same for a service that acts on somebody's behalf.
func (t Talk) For(b Behalf) Talk {
	t.behalf = &b
	return t
}

// ChatStart is what a new chat begins with; all of it may be left out.
type ChatStart struct {
	ID         string          // names the request; empty: one is made
	Queue      string          // empty: the workspace's default queue
	Subject    string          //
	Message    string          // the first message
	Name       string          // the customer's
	Attributes json.RawMessage // a JSON object
	Priority   int64           // not for customers
}

// Started is the answer to a start.
type Started struct {
	Chat     *evenkeel.Chat `json:"chat"`     // a customer is shown less of it
	Existing bool           `json:"existing"` // the customer had this live chat already
	Index    uint64         `json:"index"`
}

// Sent is the answer to a message or a note.
type Sent struct {
	Number uint64        `json:"number"`
	Time   evenkeel.Time `json:"time"`
	Index  uint64        `json:"index"`
}

// StartChat starts a chat, or finds the customer's live one in that queue.
func (t Talk) StartChat(ctx context.Context, s ChatStart) (*Started, error) {
	params := map[string]any{"id": s.ID}
	put(params, "queue", s.Queue)
	put(params, "subject", s.Subject)
	put(params, "message", s.Message)
	put(params, "name", s.Name)
	if len(s.Attributes) > 0 {
		params["attributes"] = s.Attributes
	}
	if s.Priority != 0 {
		params["priority"] = s.Priority
	}
	var answer Started
	return &answer, t.do(ctx, "chat.start", "", params, &answer)
}

// Send adds a message. When it returns without an error the message is on the
// disk of a majority.
func (t Talk) Send(ctx context.Context, chat, text string) (Sent, error) {
	return t.SendID(ctx, chat, "", text)
}

// SendID is Send with a message id of the caller's own. Sent again with the
// same id and text, also by another process, it is the same message.
func (t Talk) SendID(ctx context.Context, chat, id, text string) (Sent, error) {
	var answer Sent
	err := t.do(ctx, "chat.send", chat, map[string]any{"id": id, "text": text}, &answer)
	return answer, err
}

// Note adds a note that only staff sees.
func (t Talk) Note(ctx context.Context, chat, text string) (Sent, error) {
	var answer Sent
	err := t.do(ctx, "chat.send", chat, map[string]any{"text": text, "kind": "note"}, &answer)
	return answer, err
}

// Accept takes a chat that is offered to the caller. offer may be empty.
func (t Talk) Accept(ctx context.Context, chat, offer string) (*evenkeel.Chat, error) {
	params := map[string]any{}
	put(params, "offer", offer)
	return t.chat(ctx, "chat.accept", chat, params)
}

// Decline refuses a chat that is offered to the caller.
func (t Talk) Decline(ctx context.Context, chat, offer string) error {
	params := map[string]any{}
	put(params, "offer", offer)
	return t.do(ctx, "chat.decline", chat, params, nil)
}

// Take takes a waiting chat, or one over from another agent.
func (t Talk) Take(ctx context.Context, chat string) (*evenkeel.Chat, error) {
	return t.chat(ctx, "chat.take", chat, nil)
}

// TransferToQueue hands a chat to a queue, with a note if there is one.
func (t Talk) TransferToQueue(ctx context.Context, chat, queue, note string) error {
	params := map[string]any{"queue": queue}
	put(params, "note", note)
	return t.do(ctx, "chat.transfer", chat, params, nil)
}

// TransferToAgent hands a chat to an agent, with a note if there is one.
func (t Talk) TransferToAgent(ctx context.Context, chat, agent, note string) error {
	params := map[string]any{"agent": agent}
	put(params, "note", note)
	return t.do(ctx, "chat.transfer", chat, params, nil)
}

// Invite adds an agent to a chat.
func (t Talk) Invite(ctx context.Context, chat, agent string) (*evenkeel.Chat, error) {
	return t.chat(ctx, "chat.invite", chat, map[string]any{"agent": agent})
}

// Leave ends the caller's part in a chat that he was invited to.
func (t Talk) Leave(ctx context.Context, chat string) error {
	return t.do(ctx, "chat.leave", chat, nil, nil)
}

// CloseChat ends a chat.
func (t Talk) CloseChat(ctx context.Context, chat string) (*evenkeel.Chat, error) {
	return t.chat(ctx, "chat.close", chat, nil)
}

// Wrapup is what an agent writes after the talk.
type Wrapup struct {
	Notes string
	Tags  []string // replace the chat's; nil: they stay
	Done  bool     // frees the slot now
}

// WrapUp writes notes and tags after the talk.
func (t Talk) WrapUp(ctx context.Context, chat string, w Wrapup) (*evenkeel.Chat, error) {
	params := map[string]any{"done": w.Done}
	put(params, "notes", w.Notes)
	if w.Tags != nil {
		params["tags"] = w.Tags
	}
	return t.chat(ctx, "chat.wrapup", chat, params)
}

// Rate is the customer's judgement: a score from 1 to 5.
func (t Talk) Rate(ctx context.Context, chat string, r evenkeel.Rating) (*evenkeel.Chat, error) {
	params := map[string]any{"score": r.Score}
	put(params, "comment", r.Comment)
	return t.chat(ctx, "chat.rate", chat, params)
}

// Change is what may be changed of a chat; nil fields stay.
type Change struct {
	Priority   *int64
	Tags       []string
	Attributes json.RawMessage
}

// Update changes priority, tags or attributes.
func (t Talk) Update(ctx context.Context, chat string, c Change) (*evenkeel.Chat, error) {
	params := map[string]any{}
	if c.Priority != nil {
		params["priority"] = *c.Priority
	}
	if c.Tags != nil {
		params["tags"] = c.Tags
	}
	if len(c.Attributes) > 0 {
		params["attributes"] = c.Attributes
	}
	return t.chat(ctx, "chat.update", chat, params)
}

// chat is do for methods that answer with the chat.
func (t Talk) chat(ctx context.Context, method, chat string, params map[string]any) (*evenkeel.Chat, error) {
	var answer struct {
		Chat *evenkeel.Chat `json:"chat"`
	}
	err := t.do(ctx, method, chat, params, &answer)
	return answer.Chat, err
}

// do gives the request its id and sends it.
func (t Talk) do(ctx context.Context, method, chat string, params map[string]any, result any) error {
	if params == nil {
		params = map[string]any{}
	}
	if id, _ := params["id"].(string); id == "" {
		params["id"] = NewID()
	}
	put(params, "chat", chat)
	if t.behalf != nil {
		params["on_behalf_of"] = t.behalf
	}
	return t.call(ctx, method, chat, params, result)
}

// put sets a parameter that is not empty.
func put(params map[string]any, name, value string) {
	if value != "" {
		params[name] = value
	}
}

// talk is Talk's way over HTTP: the routes are named like the methods.
func (c *Client) talk(ctx context.Context, method, chat string, params map[string]any, result any) error {
	r := Request{Method: http.MethodPost, Path: "/v1/chats", Body: params}
	if chat != "" {
		r.Path += "/" + url.PathEscape(chat)
	}
	switch action := strings.TrimPrefix(method, "chat."); action {
	case "start":
	case "send":
		r.Path += "/messages"
	case "rate":
		r.Path += "/rating"
	case "update":
		r.Method = http.MethodPatch
	default:
		r.Path += "/" + action
	}
	_, err := c.Do(ctx, r, result)
	return err
}
