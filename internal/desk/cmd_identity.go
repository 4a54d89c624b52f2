package desk

import (
	"bytes"
	"strings"

	"github.com/evenkeel/evenkeel"
)

// maxSigningText bounds each of a workspace's signing settings, in bytes; a
// secret grows by its sealing.
const maxSigningText = 1100

// signing returns where a workspace keeps what it trusts for a use.
func (r *workspaceRow) signing(use evenkeel.SigningUse) **evenkeel.Signing {
	if use == evenkeel.SigningUsers {
		return &r.Tokens
	}
	return &r.Identity
}

func (d *Desk) signingPut(c *call, b *evenkeel.SigningPut) (evenkeel.Result, *evenkeel.Error) {
	ws := d.workspaces.get(b.Workspace)
	own := b.Workspace == c.actor.ws
	if ws == nil || !own && c.actor.role != evenkeel.RoleOperator && c.by.Kind != evenkeel.PrincipalSystem {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no workspace %q", b.Workspace)
	}
	if b.Use != evenkeel.SigningCustomers && b.Use != evenkeel.SigningUsers {
		return evenkeel.Result{}, evenkeel.FieldErrorf("use", "the use must be identity or tokens")
	}
	put := b.Signing
	for _, f := range []struct {
		name string
		size int
	}{{"hmac_secret", len(put.Secret)}, {"jwks_url", len(put.JWKSURL)}, {"issuer", len(put.Issuer)}, {"audience", len(put.Audience)}} {
		if f.size > maxSigningText {
			return evenkeel.Result{}, &evenkeel.Error{Code: evenkeel.CodeTooLarge, Field: f.name, Detail: f.name + " is longer than 1000 bytes"}
		}
	}
	row := ws.signing(b.Use)
	if b.Keep && *row != nil {
		put.Secret = (*row).Secret
	}
	var to *evenkeel.Signing
	if len(put.Secret) > 0 || put.JWKSURL != "" {
		to = &put
	}
	if refusal := d.resize(signingSize(*row), signingSize(to)); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	d.workspaces.touch(ws)
	created := *row == nil && to != nil
	*row = to
	return evenkeel.Result{Created: created}, nil
}

// customerIdentify is asked for by an edge that has checked the signature.
func (d *Desk) customerIdentify(c *call, b *evenkeel.CustomerIdentify) (evenkeel.Result, *evenkeel.Error) {
	ws := c.actor.ws
	if d.workspaces.get(ws) == nil {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no workspace %q", ws)
	}
	if refusal := d.checkIdentify(b); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if refusal := d.roomForCustomer(ws, b.Customer); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if refusal := d.room(4*rowBytes + profileSize(&b.Profile) + nameBytes + int64(len(b.Visitor))); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	cu := d.customerFor(ws, b.Customer)
	d.customers.touch(cu)
	d.account(profileSize(&b.Profile) - profileSize(cu.Signed))
	profile := b.Profile
	cu.Signed = &profile
	cu.SignedUntil = max(cu.SignedUntil, d.cell.Now+evenkeel.DeskTime(b.Life))
	if profile.Name != "" {
		cu.Name = profile.Name
	}
	visitor := d.customers.get(key{ws, b.Visitor})
	d.mergeArchived(b.Visitor, visitor, cu)
	if visitor != nil {
		d.merge(visitor, cu)
	}
	for _, chat := range cu.live {
		d.prefer(chat, profile.Priority)
	}
	d.forgetCustomer(cu) // not now: it sets the time when it may be
	return evenkeel.Result{}, nil
}

// prefer raises the priority of a chat that began before its customer gave his
// name. It lowers none: whoever set it had a reason.
func (d *Desk) prefer(c *chatRow, priority int64) {
	if priority <= c.Priority || priority == 0 {
		return
	}
	d.chats.touch(c)
	c.Priority = priority
	if c.State == evenkeel.ChatQueued {
		d.floorChat(c)
	}
	d.detailsChanged(c)
}

func (d *Desk) checkIdentify(b *evenkeel.CustomerIdentify) *evenkeel.Error {
	p := &b.Profile
	switch {
	case !evenkeel.Identified(b.Customer) || len(b.Customer) > maxName || strings.Contains(b.Customer, mergeSeparator):
		return evenkeel.FieldErrorf("customer", "an identified customer's id begins with %s and has at most %d bytes", evenkeel.IdentifiedPrefix, maxName)
	case evenkeel.Identified(b.Visitor) || len(b.Visitor) > maxName || strings.Contains(b.Visitor, mergeSeparator):
		return evenkeel.FieldErrorf("visitor", "only an anonymous visitor can turn out to be somebody")
	case p.Priority < -maxPriority || p.Priority > maxPriority:
		return evenkeel.FieldErrorf("priority", "the priority must be from -%d to %d", maxPriority, maxPriority)
	case b.Life < 0 || b.Life > maxDuration:
		return evenkeel.FieldErrorf("life", "the life must be from 0 to 366 days")
	}
	if refusal := checkLabel("name", p.Name, maxLabel); refusal != nil {
		return refusal
	}
	if refusal := checkLabel("email", p.Email, maxEmail); refusal != nil {
		return refusal
	}
	return d.checkAttributes(p.Attributes)
}

func sameProfile(a, b *evenkeel.SignedProfile) bool {
	return a != nil && a.Name == b.Name && a.Email == b.Email && a.Priority == b.Priority && bytes.Equal(a.Attributes, b.Attributes)
}

// customerClaim keeps what a customer says of himself, apart from all that is
// proven. It is kept of customers who are known: a stranger leaves nothing
// behind before his first chat.
func (d *Desk) customerClaim(c *call, b *evenkeel.CustomerClaim) (evenkeel.Result, *evenkeel.Error) {
	if c.actor.customer == "" {
		return evenkeel.Result{}, evenkeel.FieldErrorf("on_behalf_of", "attributes are claimed by a customer, or by a service on behalf of one")
	}
	cu := d.customers.get(key{c.actor.ws, c.actor.customer})
	if cu == nil {
		return evenkeel.Result{}, &evenkeel.Error{Code: evenkeel.CodeConflict, Field: "attributes",
			Detail: "nothing is kept of a visitor before his first chat; give the attributes with chat.start"}
	}
	if refusal := d.checkAttributes(b.Attributes); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if refusal := d.resize(int64(len(cu.Claimed)), int64(len(b.Attributes))); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	d.customers.touch(cu)
	cu.Claimed = b.Attributes
	return evenkeel.Result{}, nil
}
