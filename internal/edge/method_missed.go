//evenkeel:pure

package edge

import "github.com/evenkeel/evenkeel"

// offlineParams are the offline form.
type offlineParams struct {
	commonParams
	Queue   string `json:"queue"`
	Name    string `json:"name"`
	Email   string `json:"email"`
	Text    string `json:"text"`
	Refused string `json:"refused"` // the code with which a start was refused just before
}

func (p *offlineParams) body() (evenkeel.Body, *evenkeel.Error) {
	err := firstError(checkOptionalID("queue", p.Queue), tooLong("name", p.Name, maxNameRunes), tooLong("email", p.Email, maxEmailRunes),
		tooLong("text", p.Text, maxTextRunes), tooLong("refused", p.Refused, maxNameRunes))
	if err == nil && p.Text == "" {
		err = badField("text", "is missing")
	}
	return &evenkeel.ChatOffline{Queue: p.Queue, Name: p.Name, Email: p.Email, Text: p.Text, Refused: evenkeel.Code(p.Refused)}, err
}

// missedParams are those of a method about one missed item.
type missedParams struct {
	commonParams
	Missed string `json:"missed"`
}

func (p *missedParams) aim(missed string) *evenkeel.Error {
	if p.Missed != "" && p.Missed != missed {
		return badField("missed", "is not the item of the address")
	}
	p.Missed = missed
	return nil
}

type claimParams struct{ missedParams }

func (p *claimParams) body() (evenkeel.Body, *evenkeel.Error) {
	return &evenkeel.MissedClaim{Missed: p.Missed}, checkID("missed", p.Missed)
}

type releaseParams struct{ missedParams }

func (p *releaseParams) body() (evenkeel.Body, *evenkeel.Error) {
	return &evenkeel.MissedRelease{Missed: p.Missed}, checkID("missed", p.Missed)
}

type answerParams struct {
	missedParams
	Text string `json:"text"`
}

func (p *answerParams) body() (evenkeel.Body, *evenkeel.Error) {
	err := firstError(checkID("missed", p.Missed), tooLong("text", p.Text, maxTextRunes))
	if err == nil && p.Text == "" {
		err = badField("text", "is missing: write what the customer was answered, and how")
	}
	return &evenkeel.MissedAnswer{Missed: p.Missed, Text: p.Text}, err
}

type dismissParams struct {
	missedParams
	Note string `json:"note"`
}

func (p *dismissParams) body() (evenkeel.Body, *evenkeel.Error) {
	return &evenkeel.MissedClose{Missed: p.Missed, Note: p.Note}, firstError(checkID("missed", p.Missed), tooLong("note", p.Note, maxTextRunes))
}

// missedView is an item as the role may see it.
func missedView(role evenkeel.Role, m *evenkeel.Missed) any {
	if role == evenkeel.RoleCustomer {
		return m.ForCustomer()
	}
	return m
}
