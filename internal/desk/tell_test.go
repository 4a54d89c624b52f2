package desk

import (
	"fmt"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel"
)

// How results and events stand in the transcripts.

func tellResult(c *evenkeel.Command, r *evenkeel.Result) string {
	if r.Err != nil {
		line := string(r.Err.Code)
		if r.Err.Field != "" {
			line += " (" + r.Err.Field + ")"
		}
		line += ": " + r.Err.Detail
		if r.Err.RetryAfter > 0 {
			line += "; again in " + r.Err.RetryAfter.String()
		}
		return line
	}
	var parts []string
	if r.Chat != nil {
		parts = append(parts, tellChat(r.Chat))
	}
	if r.Missed != nil {
		parts = append(parts, tellMissed(r.Missed))
	}
	if r.Number > 0 {
		parts = append(parts, fmt.Sprintf("number %d", r.Number))
	}
	for _, f := range []struct {
		on   bool
		name string
	}{{r.Existing, "existing"}, {r.Created, "created"}, {r.Repeated, "repeated"}} {
		if f.on {
			parts = append(parts, f.name)
		}
	}
	if r.Operation > 0 {
		parts = append(parts, fmt.Sprintf("operation %d", r.Operation))
	}
	if r.Incarnation > 0 {
		parts = append(parts, fmt.Sprintf("incarnation %d", r.Incarnation))
	}
	if len(parts) == 0 && c.By.Kind != evenkeel.PrincipalSystem {
		return "ok"
	}
	return strings.Join(parts, ", ")
}

func tellChat(c *evenkeel.Chat) string {
	line := c.ID + " " + c.State.String()
	if c.Reason != 0 {
		line += " " + c.Reason.String()
	}
	line += " in " + c.Queue
	if c.Agent != nil {
		line += " of " + c.Agent.ID
	}
	for _, p := range c.Participants {
		line += " with " + p.ID
	}
	if c.Priority != 0 {
		line += fmt.Sprintf(" priority %d", c.Priority)
	}
	if c.CustomerGone {
		line += ", customer gone"
	}
	if len(c.Tags) > 0 {
		line += " tags " + strings.Join(c.Tags, ",")
	}
	if c.Previous != "" {
		line += " after " + c.Previous
	}
	if c.Rating != nil {
		line += fmt.Sprintf(" rated %d", c.Rating.Score)
	}
	return line
}

func tellMissed(m *evenkeel.Missed) string {
	line := fmt.Sprintf("%s %s %s in %s: %s", m.ID, m.State, m.Kind, m.Queue, m.Customer)
	for _, f := range []struct{ name, value string }{
		{"name", m.Name}, {"email", m.Email}, {"text", m.Text}, {"chat", m.Chat}, {"refused", string(m.Refused)}, {"answer", m.Answer},
		{"note", m.Note}, {"served", m.Served},
	} {
		if f.value != "" {
			line += fmt.Sprintf(" %s %q", f.name, f.value)
		}
	}
	if m.Agent != nil {
		line += " of " + m.Agent.ID
	}
	if m.Reason != 0 {
		line += " " + m.Reason.String()
	}
	if m.Times > 1 {
		line += fmt.Sprintf(" %d times", m.Times)
	}
	return line
}

// signedBy is who wrote a message; of the system the name that it took.
func signedBy(a evenkeel.Author) string {
	if a.Kind == evenkeel.AuthorSystem {
		return a.Name
	}
	return a.ID
}

func tellEvent(e *evenkeel.Event) string {
	switch e.Kind {
	case evenkeel.EventRevoked:
		return e.Channel + " revoked from " + e.Principal.ID
	case evenkeel.EventDropped:
		return e.Channel + " dropped"
	case evenkeel.EventLoggedOut:
		return e.Principal.ID + " logged out " + e.Token
	case evenkeel.EventSessionEnded:
		return e.Principal.ID + " session ended"
	case evenkeel.EventSuspended:
		return e.Principal.Workspace + " suspended"
	}
	p := e.Pub
	line := fmt.Sprintf("%s#%d %s ", e.Channel, e.Position.Offset, p.Type)
	switch p.Type {
	case evenkeel.PubMessage:
		return line + fmt.Sprintf("%d %s %s: %s", p.Message.Number, p.Message.Author.Kind, signedBy(p.Message.Author), p.Message.Text)
	case evenkeel.PubNote:
		return line + fmt.Sprintf("%d after %d %s %s: %s", p.Note.Number, p.Note.After, p.Note.Author.Kind, p.Note.Author.ID, p.Note.Text)
	case evenkeel.PubState, evenkeel.PubDetails, evenkeel.PubAssigned:
		return line + tellChat(p.Chat)
	case evenkeel.PubOffer:
		return line + fmt.Sprintf("%s of %s for %s %q", p.Offer, p.Chat.ID, time.Duration(p.Deadline-p.Time)*time.Millisecond, p.Preview)
	case evenkeel.PubOfferEnd:
		return line + p.Offer + " of " + p.ChatID + " " + p.Reason.String()
	case evenkeel.PubUnassigned:
		return line + p.ChatID + " " + p.Reason.String()
	case evenkeel.PubMissed:
		return line + tellMissed(p.Missed)
	case evenkeel.PubStatus:
		return strings.TrimSpace(line+p.Status.String()+" "+p.Away) + connectedMark(p.Online)
	case evenkeel.PubContext:
		return line + fmt.Sprintf("%s version %d", p.Customer, p.Number)
	default:
		return line + fmt.Sprintf("%s %d", p.Side, p.Number)
	}
}

func connectedMark(on bool) string {
	if on {
		return ", connected"
	}
	return ", not connected"
}
