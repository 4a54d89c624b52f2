//evenkeel:pure

package edge

import (
	"encoding/json"

	"github.com/evenkeel/evenkeel"
)

// Method is one RPC method that becomes a command. The HTTP route of the same
// action uses it too, so both read the same fields and give the same answer.
type Method struct {
	Name string
	// NeedsID is set where the caller must name the request, so that it can be
	// asked again.
	NeedsID bool
	// View says what the answer holds beside the index.
	View View

	shape *shape
	fresh func() params
}

// View is the form of an answer.
type View uint8

// The forms.
const (
	ViewIndex   View = iota // {index}
	ViewStart               // {chat, existing?, index}
	ViewChat                // {chat, index}
	ViewNumber              // {number, time, index}
	ViewStatus              // {agent, status, reason?, connected, index}
	ViewMissed              // {missed, index}
	ViewVersion             // {version, index}
)

// params are the parameters of one method.
type params interface {
	common() *commonParams
	// aim sets what an HTTP path names.
	aim(target string) *evenkeel.Error
	body() (evenkeel.Body, *evenkeel.Error)
}

// commonParams are those of every method.
type commonParams struct {
	ID         string  `json:"id"`
	OnBehalfOf *behalf `json:"on_behalf_of"`
}

// behalf names whom a service acts for: one of the two.
type behalf struct {
	Customer string `json:"customer"`
	Agent    string `json:"agent"`
}

func (p *commonParams) common() *commonParams { return p }

func (p *commonParams) aim(string) *evenkeel.Error { return nil }

// chatParams are those of a method about one chat.
type chatParams struct {
	commonParams
	Chat string `json:"chat"`
}

func (p *chatParams) aim(chat string) *evenkeel.Error {
	if p.Chat != "" && p.Chat != chat {
		return badField("chat", "is not the chat of the address")
	}
	p.Chat = chat
	return nil
}

// Methods returns the table of methods that become commands, by their names.
func Methods() map[string]*Method {
	table := map[string]*Method{}
	for _, m := range []*Method{
		method[startParams]("chat.start", true, ViewStart),
		method[sendParams]("chat.send", true, ViewNumber),
		method[acceptParams]("chat.accept", true, ViewChat),
		method[declineParams]("chat.decline", true, ViewIndex),
		method[takeParams]("chat.take", true, ViewChat),
		method[transferParams]("chat.transfer", true, ViewIndex),
		method[inviteParams]("chat.invite", true, ViewChat),
		method[leaveParams]("chat.leave", true, ViewIndex),
		method[closeParams]("chat.close", true, ViewChat),
		method[wrapupParams]("chat.wrapup", true, ViewChat),
		method[rateParams]("chat.rate", true, ViewChat),
		method[deliveredParams]("chat.delivered", false, ViewIndex),
		method[seenParams]("chat.seen", false, ViewIndex),
		method[updateParams]("chat.update", true, ViewChat),
		method[statusParams]("agent.status", true, ViewStatus),
		method[offlineParams]("chat.offline", true, ViewMissed),
		method[claimParams]("missed.claim", true, ViewMissed),
		method[releaseParams]("missed.release", true, ViewMissed),
		method[answerParams]("missed.answer", true, ViewMissed),
		method[dismissParams]("missed.close", true, ViewMissed),
		method[contextParams]("context.set", true, ViewVersion),
	} {
		table[m.Name] = m
	}
	return table
}

func method[T any, P interface {
	*T
	params
}](name string, needsID bool, view View) *Method {
	return &Method{
		Name: name, NeedsID: needsID, View: view, shape: shapeFor[T](),
		fresh: func() params { return P(new(T)) },
	}
}

// Read turns the parameters of an RPC into a command. It checks the caller's
// role; whether the chat is his to touch, the desk decides.
func (m *Method) Read(by evenkeel.Principal, role evenkeel.Role, raw []byte) (*evenkeel.Command, *evenkeel.Error) {
	p, err := m.parse(raw)
	if err != nil {
		return nil, err
	}
	if s, ok := p.(*statusParams); ok && s.Agent == "" {
		s.Agent = by.ID
	}
	if m.NeedsID && p.common().ID == "" {
		return nil, badField("id", "is missing: give each request an id of its own, so that it can be asked again")
	}
	return m.command(by, role, p)
}

// parse reads parameters strictly.
func (m *Method) parse(raw []byte) (params, *evenkeel.Error) {
	p := m.fresh()
	return p, m.shape.decode(raw, p)
}

// command makes the command that the parameters ask for.
func (m *Method) command(by evenkeel.Principal, role evenkeel.Role, p params) (*evenkeel.Command, *evenkeel.Error) {
	body, err := p.body()
	if err != nil {
		return nil, err
	}
	if err := mayAsk(role, body.Kind()); err != nil {
		return nil, err
	}
	c := p.common()
	if err := checkOptionalID("id", c.ID); err != nil {
		return nil, err
	}
	command := &evenkeel.Command{By: by, ID: c.ID, Body: body}
	if c.OnBehalfOf != nil {
		if command.OnBehalfOf, err = c.OnBehalfOf.principal(by, role); err != nil {
			return nil, err
		}
	}
	return command, nil
}

func mayAsk(role evenkeel.Role, kind evenkeel.Kind) *evenkeel.Error {
	if evenkeel.Allowed(role, kind) {
		return nil
	}
	return evenkeel.Errorf(evenkeel.CodeForbidden, "the role %s may not ask for %s", role, kind)
}

func (b *behalf) principal(by evenkeel.Principal, role evenkeel.Role) (evenkeel.Principal, *evenkeel.Error) {
	p := evenkeel.Principal{Workspace: by.Workspace}
	switch {
	case role != evenkeel.RoleService:
		return p, &evenkeel.Error{
			Code: evenkeel.CodeForbidden, Field: "on_behalf_of", Detail: "only a service may act on behalf of somebody",
		}
	case b.Customer != "" && b.Agent == "":
		p.Kind, p.ID = evenkeel.PrincipalVisitor, b.Customer
	case b.Agent != "" && b.Customer == "":
		p.Kind, p.ID = evenkeel.PrincipalAgent, b.Agent
	default:
		return p, badField("on_behalf_of", "must name a customer or an agent")
	}
	return p, checkID("on_behalf_of", p.ID)
}

type startParams struct {
	commonParams
	Queue      string          `json:"queue"`
	Subject    string          `json:"subject"`
	Message    string          `json:"message"`
	Attributes json.RawMessage `json:"attributes"`
	Priority   int64           `json:"priority"`
	Name       string          `json:"name"`
}

func (p *startParams) body() (evenkeel.Body, *evenkeel.Error) {
	attributes, err := checkDocument("attributes", p.Attributes)
	err = firstError(err, checkOptionalID("queue", p.Queue), tooLong("subject", p.Subject, maxNameRunes),
		tooLong("message", p.Message, maxTextRunes), tooLong("name", p.Name, maxNameRunes))
	return &evenkeel.ChatStart{
		Queue: p.Queue, Subject: p.Subject, Message: p.Message, Attributes: attributes, Priority: p.Priority, Name: p.Name,
	}, err
}

type sendParams struct {
	chatParams
	Text string `json:"text"`
	Kind string `json:"kind"` // text (default) or note
}

func (p *sendParams) body() (evenkeel.Body, *evenkeel.Error) {
	if err := firstError(checkID("chat", p.Chat), tooLong("text", p.Text, maxTextRunes)); err != nil {
		return nil, err
	}
	if p.Text == "" {
		return nil, badField("text", "is missing")
	}
	switch p.Kind {
	case "", "text":
		return &evenkeel.ChatSend{Chat: p.Chat, Text: p.Text, Type: evenkeel.MessageText}, nil
	case "note":
		return &evenkeel.ChatNote{Chat: p.Chat, Text: p.Text}, nil
	default:
		return nil, badField("kind", "must be one of text, note")
	}
}
