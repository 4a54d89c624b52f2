package desk

import (
	"encoding/json"
	"strings"

	"github.com/evenkeel/evenkeel"
)

// What a queue says by itself: a greeting when a chat starts, a word when an agent
// gets it. They are the system's words, under the queue's name: nobody's turn in
// the talk, and no answer by which anybody is measured.

// checkSayings judges a queue's texts.
func (d *Desk) checkSayings(q *evenkeel.Queue) *evenkeel.Error {
	for _, s := range []struct {
		field, text string
		known       []string
	}{
		{"greeting", q.Greeting, evenkeel.GreetingVariables()},
		{"offline_message", q.OfflineMessage, evenkeel.OfflineVariables()},
		{"accept_message", q.AcceptMessage, evenkeel.ReplyVariables()},
	} {
		if s.text == "" {
			continue
		}
		if refusal := d.checkText(s.field, s.text); refusal != nil {
			return refusal
		}
		if refusal := evenkeel.CheckTemplate(s.field, s.text, s.known); refusal != nil {
			return refusal
		}
	}
	return nil
}

// facts are what the variables of a text stand for.
type facts struct {
	customer, queue, agent string       // names
	of                     *customerRow // nil: nothing is known of him yet
	subject                string
	attributes             json.RawMessage // of the chat
}

func (f *facts) value(name string) string {
	switch name {
	case "customer.name":
		return f.customer
	case "queue.name":
		return f.queue
	case "agent.name":
		return f.agent
	case "chat.subject":
		return f.subject
	}
	if path, ok := strings.CutPrefix(name, "customer.attributes."); ok {
		return f.of.attribute(path)
	}
	if path, ok := strings.CutPrefix(name, "chat.attributes."); ok {
		return evenkeel.Attribute(f.attributes, path)
	}
	return ""
}

// attribute is what staff keeps of a customer or, else, what was signed of him.
// What he claims himself is not said as if it were known.
func (c *customerRow) attribute(path string) string {
	if c == nil {
		return ""
	}
	value := evenkeel.Attribute(c.Attributes, path)
	if value == "" && c.Signed != nil {
		value = evenkeel.Attribute(c.Signed.Attributes, path)
	}
	return value
}

// render fills a text in: as long as a message may be.
func (d *Desk) render(text string, f *facts) string {
	return evenkeel.RenderTemplate(text, d.cell.Limits.MessageChars, f.value)
}

// factsOf collects what a chat's texts may tell, and the name of an agent.
func (d *Desk) factsOf(c *chatRow, agent string) *facts {
	f := &facts{customer: c.customer.Name, of: c.customer, subject: c.Subject, attributes: c.Attributes, agent: agent}
	if q := d.queues.get(key{c.Workspace, c.Queue}); q != nil {
		f.queue = q.Config.Name
	}
	return f
}

// greeting is what a queue says to a customer whose chat is about to start.
func (d *Desk) greeting(a *actor, b *evenkeel.ChatStart, q *queueRow) string {
	if q.Config.Greeting == "" {
		return ""
	}
	f := &facts{customer: b.Name, queue: q.Config.Name, subject: b.Subject, attributes: b.Attributes}
	if cu := d.customers.get(key{a.ws, a.customer}); cu != nil {
		f.of, f.customer = cu, cu.nameAs(a, b.Name)
	}
	return d.render(q.Config.Greeting, f)
}

// sayAccepted says in a touched chat that it has an owner now.
func (d *Desk) sayAccepted(c *chatRow) {
	q := &c.queue.Config
	if q.AcceptMessage == "" {
		return
	}
	if text := d.render(q.AcceptMessage, d.factsOf(c, c.agent.Config.Name)); text != "" {
		d.sayAs(c, q.Name, text)
	}
}

// Widget returns what anybody may know of a queue before he has a chat: its texts,
// filled in without a customer. An empty id is the workspace's default queue.
func (d *Desk) Widget(workspace, queue string) (*evenkeel.Widget, error) {
	ws := d.workspaces.get(workspace)
	if ws == nil {
		return nil, &evenkeel.Error{Code: evenkeel.CodeNotFound, Field: "workspace", Detail: "there is no such workspace"}
	}
	if ws.Suspended {
		return nil, evenkeel.Errorf(evenkeel.CodeForbidden, "the workspace %s is suspended", ws.ID)
	}
	q, refusal := d.startQueue(&actor{ws: workspace}, queue)
	if refusal != nil {
		return nil, refusal
	}
	_, refused := d.overflowByLength(q)
	f := &facts{queue: q.Config.Name}
	return &evenkeel.Widget{
		Queue: q.Config.ID, Name: q.Config.Name, Open: refused == nil,
		Greeting: d.render(q.Config.Greeting, f), OfflineMessage: d.render(q.Config.OfflineMessage, f), OfflineForm: q.Config.OfflineForm,
	}, nil
}
