package desk

import (
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel"
)

// Customer returns a customer whom the caller may know: a supervisor any, an
// agent those whose chats he reads.
func (d *Desk) Customer(by evenkeel.Principal, id string) (*evenkeel.CustomerState, error) {
	a, err := d.staffReader(by)
	if err != nil {
		return nil, err
	}
	cu := d.customers.get(key{a.ws, id})
	if cu == nil || !a.supervises() && !d.serves(&a, cu) {
		return nil, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no customer %q", id)
	}
	return d.customerState(&a, cu), nil
}

// serves tells whether an agent works in a live chat of the customer.
func (d *Desk) serves(a *actor, cu *customerRow) bool {
	for _, c := range cu.live {
		if a.knows(c) {
			return true
		}
	}
	return false
}

// maxPast is how many chats that are over a customer's state lists.
const maxPast = 20

// customerState returns what the actor may know of a customer: of his chats
// those that he may know of.
func (d *Desk) customerState(a *actor, cu *customerRow) *evenkeel.CustomerState {
	s := &evenkeel.CustomerState{
		ID: cu.ID, Name: cu.Name, Attributes: cu.Attributes, Identity: cu.Signed, Claimed: cu.Claimed, Context: cu.Version,
		Connected: cu.connected(), Chats: []string{}, Past: []*evenkeel.Chat{}, Last: cu.Last.Chat,
	}
	if len(s.Attributes) == 0 {
		s.Attributes = []byte("{}")
	}
	for _, c := range cu.live {
		s.Chats = append(s.Chats, c.ID)
	}
	for i := len(cu.kept) - 1; i >= 0 && len(s.Past) < maxPast; i-- {
		if c := cu.kept[i]; !c.leaving() && a.knows(c) {
			s.Past = append(s.Past, d.view(c))
		}
	}
	return s
}

// Customers lists the customers whom the caller may know, by id, behind after:
// those whose id, name or signed e-mail address begins with the text, in any
// case of its ASCII letters. An empty text selects all.
func (d *Desk) Customers(by evenkeel.Principal, text, after string, limit int) ([]*evenkeel.CustomerState, error) {
	a, err := d.staffReader(by)
	if err != nil {
		return nil, err
	}
	rows := pageRows(d.customers.list, limit, func(cu *customerRow) bool {
		return cu.Workspace == a.ws && cu.ID > after && cu.begins(text) && (a.supervises() || d.serves(&a, cu))
	}, func(x, y *customerRow) bool { return x.ID < y.ID })
	out := make([]*evenkeel.CustomerState, 0, len(rows))
	for _, cu := range rows {
		out = append(out, d.customerState(&a, cu))
	}
	return out, nil
}

func (c *customerRow) begins(text string) bool {
	return beginsFold(c.ID, text) || beginsFold(strings.TrimPrefix(c.ID, evenkeel.IdentifiedPrefix), text) || beginsFold(c.Name, text) ||
		c.Signed != nil && beginsFold(c.Signed.Email, text)
}

// beginsFold compares as ASCII: Unicode's tables differ between versions.
func beginsFold(s, prefix string) bool {
	if len(s) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if lower(s[i]) != lower(prefix[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// Context returns the context of a customer whom the caller may know. A customer
// of whom nothing is known has none yet.
func (d *Desk) Context(by evenkeel.Principal, customer, chat string) (*evenkeel.Context, error) {
	a, err := d.staffReader(by)
	if err != nil {
		return nil, err
	}
	ws, id, refusal := d.contextOf(&a, customer, chat)
	if refusal != nil {
		return nil, refusal
	}
	v := &evenkeel.Context{Customer: id, Data: []byte("{}")}
	if cu := d.customers.get(key{ws, id}); cu != nil && cu.Version != 0 {
		v.Version, v.Data, v.Changed = cu.Version, cu.Context, cu.Changed
	}
	return v, nil
}

// Signing returns the tokens that a workspace trusts, with the secret sealed;
// ok is false if it trusts none.
func (d *Desk) Signing(workspace string, use evenkeel.SigningUse) (s evenkeel.Signing, ok bool) {
	ws := d.workspaces.get(workspace)
	if ws == nil {
		return s, false
	}
	row := ws.signing(use)
	if *row == nil {
		return s, false
	}
	return **row, true
}

// HasQueue tells whether a workspace has a queue.
func (d *Desk) HasQueue(workspace, id string) bool { return d.queues.get(key{workspace, id}) != nil }

// IdentityDue tells whether customer.identify would change anything that
// matters: if not, it need not be asked for.
func (d *Desk) IdentityDue(workspace string, b *evenkeel.CustomerIdentify) bool {
	cu := d.customers.get(key{workspace, b.Customer})
	if cu == nil || !sameProfile(cu.Signed, &b.Profile) || d.cell.Now+evenkeel.DeskTime(b.Life/2) > cu.SignedUntil {
		return true
	}
	if b.Visitor == "" {
		return false
	}
	return d.customers.get(key{workspace, b.Visitor}) != nil || d.archiving && !slices.Contains(cu.Aliases, b.Visitor)
}
