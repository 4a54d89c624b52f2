package desk

import (
	"github.com/evenkeel/evenkeel"
)

// contextOf finds whose context is meant: a customer's, or that of a chat's
// customer. Agents reach the customers whom they serve; whoever supervises
// reaches all, also one of whom nothing is known yet.
func (d *Desk) contextOf(a *actor, customer, chat string) (ws, id string, refusal *evenkeel.Error) {
	if (customer == "") == (chat == "") {
		return "", "", evenkeel.FieldErrorf("customer", "name a customer or a chat, one of the two")
	}
	if chat != "" {
		c, refusal := d.knownChat(a, chat)
		if refusal != nil {
			return "", "", refusal
		}
		return c.Workspace, c.Customer, nil
	}
	if len(customer) > maxName {
		return "", "", evenkeel.FieldErrorf("customer", "a customer's id has 1 to %d bytes", maxName)
	}
	if !a.supervises() && a.by.Kind != evenkeel.PrincipalSystem {
		cu := d.customers.get(key{a.ws, customer})
		if cu == nil || !d.serves(a, cu) {
			return "", "", evenkeel.Errorf(evenkeel.CodeNotFound, "there is no customer %q", customer)
		}
	}
	return a.ws, customer, nil
}

// contextSet replaces a context if it is still what the caller has seen. Versions
// are never given twice, not even to a context that was removed and made anew.
func (d *Desk) contextSet(c *call, b *evenkeel.ContextSet) (evenkeel.Result, *evenkeel.Error) {
	ws, id, refusal := d.contextOf(&c.actor, b.Customer, b.Chat)
	if refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if refusal := d.checkContext(ws, id, b); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	cu := d.customers.get(key{ws, id})
	if len(b.Data) == 0 && (cu == nil || cu.Version == 0) {
		return evenkeel.Result{}, nil
	}
	cu = d.customerFor(ws, id)
	d.customers.touch(cu)
	d.account(int64(len(b.Data) - len(cu.Context)))
	cu.Context, cu.Version, cu.Changed = b.Data, 0, d.Wall()
	if len(b.Data) > 0 {
		d.cell.ContextSeq++
		cu.Version = d.cell.ContextSeq
	}
	for _, chat := range cu.live {
		if chat.staff.Next <= tellLimit { // a bot that writes without end fills no history
			d.publish(chat.staff, &evenkeel.Publication{Type: evenkeel.PubContext, Customer: cu.ID, Number: cu.Version})
		}
	}
	result := evenkeel.Result{Number: cu.Version}
	d.forgetCustomer(cu)
	return result, nil
}

func (d *Desk) checkContext(ws, id string, b *evenkeel.ContextSet) *evenkeel.Error {
	if d.workspaces.get(ws) == nil {
		return evenkeel.Errorf(evenkeel.CodeNotFound, "there is no workspace %q", ws)
	}
	if int64(len(b.Data)) > d.cell.Limits.Context {
		return &evenkeel.Error{Code: evenkeel.CodeTooLarge, Field: "data",
			Detail: "the context is longer than " + itoa(int(d.cell.Limits.Context)) + " bytes"}
	}
	var version uint64
	var size int
	live := 0
	if cu := d.customers.get(key{ws, id}); cu != nil {
		version, size, live = cu.Version, len(cu.Context), len(cu.live)
	}
	if b.Version != nil && *b.Version != version {
		return &evenkeel.Error{Code: evenkeel.CodeVersionConflict, Field: "version",
			Detail: "the context has the version " + base10(version) + " now, not " + base10(*b.Version) + "; read it, change it and set it again"}
	}
	if len(b.Data) == 0 {
		return nil // removing makes room
	}
	if refusal := d.roomForCustomer(ws, id); refusal != nil {
		return refusal
	}
	return d.room(2*rowBytes + int64(live)*recordBytes + int64(max(0, len(b.Data)-size)))
}
