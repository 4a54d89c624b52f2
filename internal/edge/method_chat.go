//evenkeel:pure

package edge

import (
	"encoding/json"

	"github.com/evenkeel/evenkeel"
)

type acceptParams struct {
	chatParams
	Offer string `json:"offer"`
}

func (p *acceptParams) body() (evenkeel.Body, *evenkeel.Error) {
	err := firstError(checkID("chat", p.Chat), checkOptionalID("offer", p.Offer))
	return &evenkeel.ChatAccept{Chat: p.Chat, Offer: p.Offer}, err
}

type declineParams struct {
	chatParams
	Offer string `json:"offer"`
}

func (p *declineParams) body() (evenkeel.Body, *evenkeel.Error) {
	err := firstError(checkID("chat", p.Chat), checkOptionalID("offer", p.Offer))
	return &evenkeel.ChatDecline{Chat: p.Chat, Offer: p.Offer}, err
}

type takeParams struct{ chatParams }

func (p *takeParams) body() (evenkeel.Body, *evenkeel.Error) {
	return &evenkeel.ChatTake{Chat: p.Chat}, checkID("chat", p.Chat)
}

type transferParams struct {
	chatParams
	Queue string `json:"queue"`
	Agent string `json:"agent"`
	Note  string `json:"note"`
}

func (p *transferParams) body() (evenkeel.Body, *evenkeel.Error) {
	if (p.Queue == "") == (p.Agent == "") {
		return nil, badField("queue", "name a queue or an agent, and not both")
	}
	err := firstError(checkID("chat", p.Chat), checkOptionalID("queue", p.Queue), checkOptionalID("agent", p.Agent),
		tooLong("note", p.Note, maxTextRunes))
	return &evenkeel.ChatTransfer{Chat: p.Chat, Queue: p.Queue, Agent: p.Agent, Note: p.Note}, err
}

type inviteParams struct {
	chatParams
	Agent string `json:"agent"`
}

func (p *inviteParams) body() (evenkeel.Body, *evenkeel.Error) {
	return &evenkeel.ChatInvite{Chat: p.Chat, Agent: p.Agent}, firstError(checkID("chat", p.Chat), checkID("agent", p.Agent))
}

type leaveParams struct{ chatParams }

func (p *leaveParams) body() (evenkeel.Body, *evenkeel.Error) {
	return &evenkeel.ChatLeave{Chat: p.Chat}, checkID("chat", p.Chat)
}

type closeParams struct {
	chatParams
	Reason string `json:"reason"`
}

func (p *closeParams) body() (evenkeel.Body, *evenkeel.Error) {
	var reason evenkeel.CloseReason
	if p.Reason != "" {
		if err := reason.UnmarshalText([]byte(p.Reason)); err != nil || reason == 0 {
			return nil, badField("reason", "is no reason of a closed chat; leave it out to have it filled in")
		}
	}
	return &evenkeel.ChatClose{Chat: p.Chat, Reason: reason}, checkID("chat", p.Chat)
}

type wrapupParams struct {
	chatParams
	Notes string   `json:"notes"`
	Tags  []string `json:"tags"`
	Done  bool     `json:"done"`
}

func (p *wrapupParams) body() (evenkeel.Body, *evenkeel.Error) {
	err := firstError(checkID("chat", p.Chat), tooLong("notes", p.Notes, maxTextRunes), checkTags("tags", p.Tags))
	return &evenkeel.ChatWrapup{Chat: p.Chat, Notes: p.Notes, Tags: p.Tags, Done: p.Done}, err
}

type rateParams struct {
	chatParams
	Score   int64  `json:"score"`
	Comment string `json:"comment"`
}

func (p *rateParams) body() (evenkeel.Body, *evenkeel.Error) {
	if p.Score < 1 || p.Score > 5 {
		return nil, badField("score", "must be a whole number from 1 to 5")
	}
	err := firstError(checkID("chat", p.Chat), tooLong("comment", p.Comment, maxTextRunes))
	return &evenkeel.ChatRate{Chat: p.Chat, Score: p.Score, Comment: p.Comment}, err
}

type deliveredParams struct {
	chatParams
	Number uint64 `json:"number"`
}

func (p *deliveredParams) body() (evenkeel.Body, *evenkeel.Error) {
	return &evenkeel.ChatDelivered{Chat: p.Chat, Number: p.Number}, checkMark(p.Chat, p.Number)
}

type seenParams struct {
	chatParams
	Number uint64 `json:"number"`
}

func (p *seenParams) body() (evenkeel.Body, *evenkeel.Error) {
	return &evenkeel.ChatSeen{Chat: p.Chat, Number: p.Number}, checkMark(p.Chat, p.Number)
}

func checkMark(chat string, number uint64) *evenkeel.Error {
	if number == 0 {
		return badField("number", "must be the number of a message, from 1")
	}
	return checkID("chat", chat)
}

type updateParams struct {
	chatParams
	Priority   *int64          `json:"priority"`
	Tags       []string        `json:"tags"`
	Attributes json.RawMessage `json:"attributes"`
}

func (p *updateParams) body() (evenkeel.Body, *evenkeel.Error) {
	attributes, err := checkDocument("attributes", p.Attributes)
	err = firstError(err, checkID("chat", p.Chat), checkTags("tags", p.Tags))
	return &evenkeel.ChatUpdate{Chat: p.Chat, Priority: p.Priority, Tags: p.Tags, Attributes: attributes}, err
}

// statusParams change what an agent wants to be: his own over RPC, that of the
// address over HTTP.
type statusParams struct {
	commonParams
	Status *evenkeel.AgentStatus `json:"status"`
	Reason string                `json:"reason"`
	Agent  string                `json:"-"`
}

func (p *statusParams) aim(agent string) *evenkeel.Error {
	p.Agent = agent
	return nil
}

func (p *statusParams) body() (evenkeel.Body, *evenkeel.Error) {
	if p.Status == nil {
		return nil, badField("status", "is missing")
	}
	err := firstError(checkID("agent", p.Agent), tooLong("reason", p.Reason, maxNameRunes))
	return &evenkeel.SetAgentStatus{Agent: p.Agent, Status: *p.Status, Reason: p.Reason}, err
}
