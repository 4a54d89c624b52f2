//evenkeel:shell

package edge

import (
	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/auth"
)

// identifiedLife is how long the token of an identified customer is good for:
// long enough for a day's work, and short enough that his own site, which signs
// anew whenever he comes, has the last word.
const identifiedLife = 24 * evenkeel.Hour

// identify turns a signed identity into its customer. A caller who is an
// anonymous visitor becomes the customer, with all his chats.
func (q *request) identify(v *auth.Visitor, identity string) *evenkeel.Error {
	check, now, refusal := q.edge.jwtCheck(v.Workspace, evenkeel.SigningCustomers)
	if refusal != nil {
		return inField("identity", refusal)
	}
	claims, refusal := check.Customer(q.Context(), identity, now)
	if refusal != nil {
		return inField("identity", refusal)
	}
	attributes, refusal := checkDocument("identity.attributes", claims.Attributes)
	refusal = firstError(refusal, tooLong("identity.name", claims.Name, maxSignedName), tooLong("identity.email", claims.Email, maxEmailRunes))
	if refusal != nil {
		return refusal
	}
	body := &evenkeel.CustomerIdentify{
		Customer: evenkeel.IdentifiedPrefix + claims.Subject, Life: identifiedLife,
		Profile: evenkeel.SignedProfile{Name: claims.Name, Email: claims.Email, Attributes: attributes, Priority: claims.Priority},
	}
	if old := q.who.Principal; old.Kind == evenkeel.PrincipalVisitor && old.Workspace == v.Workspace && !evenkeel.Identified(old.ID) {
		body.Visitor = old.ID
	}
	v.ID = body.Customer
	v.Expires = v.Issued + evenkeel.Time(identifiedLife)
	due := false
	q.edge.cfg.Cell.View(func(r Reader) { due = r.IdentityDue(v.Workspace, body) })
	if !due {
		return nil
	}
	result, refusal := q.system(v.Workspace, body)
	if refusal != nil {
		return refusal
	}
	return q.waitFor(result.Index)
}

// maxSignedName bounds a signed name, in characters, as the desk does.
const maxSignedName = 100

// inField names the field that a refusal is about.
func inField(field string, err *evenkeel.Error) *evenkeel.Error {
	if err.Field == "" {
		named := *err
		named.Field = field
		return &named
	}
	return err
}

// claim keeps what a visitor says of himself.
func (q *request) claim(v *auth.Visitor, raw []byte) *evenkeel.Error {
	attributes, err := checkDocument("attributes", raw)
	if err != nil || attributes == nil {
		return err
	}
	who := Identity{Principal: evenkeel.Principal{Workspace: v.Workspace, Kind: evenkeel.PrincipalVisitor, ID: v.ID}, Loopback: q.who.Loopback}
	if err := q.edge.mayWrite(who, evenkeel.KindCustomerClaim, len(attributes)); err != nil {
		return err
	}
	_, err = q.edge.do(q.Context(), &evenkeel.Command{By: who.Principal, Body: &evenkeel.CustomerClaim{Attributes: attributes}}, len(attributes)+maxIDBytes)
	return err
}
