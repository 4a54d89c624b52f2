package desk

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"

	"github.com/evenkeel/evenkeel"
)

// caller is what is known of the idempotency ids of one principal.
type caller struct {
	timed    int // keys that expire by time: bounded
	sessions int // that hold on to this caller
	keys     lookup[string, keyRef]
}

// keyRef is where the result of a command is: in a timed key, or in the record
// of the message or note that it made.
type keyRef struct {
	timed *keyRow
	pub   *evenkeel.Publication
	sum   *[digestSize]byte
}

// digestSize is how many bytes of a SHA-256 tell commands apart.
const digestSize = 16

// digest identifies what a command asks for, apart from when and by which
// session.
func digest(c *call) []byte {
	var buf [512]byte
	b := append(buf[:0], byte(c.kind), byte(c.kind>>8))
	b = appendPrincipal(b, c.onBehalfOf)
	if c.ifVersion != 0 {
		b = binary.AppendUvarint(b, c.ifVersion)
	}
	b = append(b, c.body...)
	sum := sha256.Sum256(b)
	return append(make([]byte, 0, digestSize), sum[:digestSize]...)
}

// recall looks the caller's id up. known is true if it was used before: then
// the result is the earlier command's, or the refusal says that the id was
// used for something else.
func (d *Desk) recall(c *call) (result evenkeel.Result, refusal *evenkeel.Error, known bool) {
	if c.who == nil {
		c.who = d.callers.get(c.by)
	}
	var ref keyRef
	ok := false
	if c.who != nil {
		ref, ok = c.who.keys.find(c.id)
	}
	if !ok {
		if ref, ok = d.recallAlias(c); !ok {
			return result, nil, false
		}
	}
	if !bytes.Equal(ref.sum[:], c.digest) {
		return result, evenkeel.Errorf(evenkeel.CodeKeyReused, "the id %q was used before for another request; use a new one", c.id), true
	}
	result.Repeated = true
	if k := ref.timed; k != nil {
		result.Existing, result.Created, result.Operation, result.Number = k.Existing, k.Created, k.Operation, k.Number
		if k.Chat != "" {
			result.Chat = d.viewOrID(&c.actor, k.Chat)
		}
		if k.Missed != "" {
			result.Missed = d.missedOrID(k.Missed)
		}
		if k.Agent != "" {
			if a := d.agents.get(key{k.Principal.Workspace, k.Agent}); a != nil {
				result.Agent = d.agentState(a)
			}
		}
		return result, nil, true
	}
	if m := ref.pub.Message; m != nil {
		result.Number, result.Time = m.Number, m.Time
	} else if n := ref.pub.Note; n != nil {
		result.Number, result.Time = n.Number, n.Time
	}
	return result, nil, true
}

// recallAlias looks the id up among those of the visitors who became this
// customer: what was asked for before he gave his name, and is asked again under
// it, is the same request. An id that stood for another one is no hindrance:
// then it was another device's.
func (d *Desk) recallAlias(c *call) (keyRef, bool) {
	if c.by.Kind != evenkeel.PrincipalVisitor {
		return keyRef{}, false
	}
	cu := d.customers.get(key{c.by.Workspace, c.by.ID})
	if cu == nil {
		return keyRef{}, false
	}
	for _, alias := range cu.Aliases {
		who := d.callers.get(evenkeel.Principal{Workspace: c.by.Workspace, Kind: evenkeel.PrincipalVisitor, ID: alias})
		if who == nil {
			continue
		}
		if ref, ok := who.keys.find(c.id); ok && bytes.Equal(ref.sum[:], c.digest) {
			return ref, true
		}
	}
	return keyRef{}, false
}

// viewOrID returns the chat as it is now, or its id and state alone if it has
// left, or is not for the actor to know of any more.
func (d *Desk) viewOrID(a *actor, id string) *evenkeel.Chat {
	c := d.chats.get(id)
	switch {
	case c == nil:
		return &evenkeel.Chat{ID: id, State: evenkeel.ChatClosed}
	case c.leaving() || !a.knows(c):
		return &evenkeel.Chat{ID: id, State: c.State}
	}
	return d.view(c)
}

// checkKeys refuses a command whose timed key would be one too many. Keys of
// messages are bounded by the messages of their chat.
func (d *Desk) checkKeys(c *call) *evenkeel.Error {
	if c.kind == evenkeel.KindChatSend || c.kind == evenkeel.KindChatNote {
		return nil
	}
	system := c.by.Kind == evenkeel.PrincipalSystem
	if c.who != nil && int64(c.who.timed) >= d.cell.Limits.LiveKeys && !system {
		e := evenkeel.Errorf(evenkeel.CodeTooManyRequests, "%d requests of the last %s are still remembered; wait for the oldest to be forgotten",
			c.who.timed, d.cell.Limits.KeyLife)
		e.RetryAfter = max(evenkeel.Second, evenkeel.Duration(d.keyQueue.peek().Expires-d.cell.Now))
		return e
	}
	return d.room(keyBytes)
}

func (d *Desk) callerOf(p evenkeel.Principal) *caller {
	who := d.callers.get(p)
	if who == nil {
		who = &caller{keys: newLookup[string, keyRef]()}
		d.callers.set(p, who)
	}
	return who
}

// remember keeps a result under the caller's id for the life of timed keys.
func (d *Desk) remember(c *call, r *evenkeel.Result) {
	d.cell.KeySeq++
	k := &keyRow{Seq: d.cell.KeySeq, Principal: c.by, ID: c.id, Digest: c.digest,
		Expires:  d.cell.Now + evenkeel.DeskTime(d.cell.Limits.KeyLife),
		Existing: r.Existing, Created: r.Created, Operation: r.Operation, Number: r.Number}
	if r.Chat != nil {
		k.Chat = r.Chat.ID
	}
	if r.Agent != nil {
		k.Agent = r.Agent.ID
	}
	if r.Missed != nil {
		k.Missed = r.Missed.ID
	}
	d.keys.add(k)
	d.account(keyBytes)
	d.linkKey(k)
	d.armSweep()
}

func (d *Desk) linkKey(k *keyRow) {
	who := d.callerOf(k.Principal)
	who.timed++
	who.keys.set(k.ID, keyRef{timed: k, sum: (*[digestSize]byte)(k.Digest)})
	d.keyQueue.push(k)
}

// rememberRecord keeps the key of a message or a note with its record.
func (who *caller) rememberRecord(id string, rec *record) {
	who.keys.set(id, keyRef{pub: rec.Pub, sum: (*[digestSize]byte)(rec.Digest)})
}

// forget drops a key; callers without keys and sessions go too.
func (d *Desk) forget(by evenkeel.Principal, id string, timed bool) {
	who := d.callers.get(by)
	if who == nil {
		return
	}
	if timed {
		who.timed--
	}
	who.keys.remove(id)
	d.dropCaller(by, who)
}

func (d *Desk) dropCaller(by evenkeel.Principal, who *caller) {
	if len(who.keys.m) == 0 && who.sessions == 0 {
		d.callers.remove(by)
	}
}

// sweepEvery rounds the expiry of keys up, so that a quiet cell does not write
// a tick for each of them.
const sweepEvery = evenkeel.DeskTime(10 * evenkeel.Second)

// sweepBatch is how many keys one unit of work forgets.
const sweepBatch = 16

func (d *Desk) armSweep() {
	if d.cell.Sweep == 0 && d.keyQueue.len() > 0 {
		at := d.keyQueue.peek().Expires
		at += sweepEvery - 1 - (at+sweepEvery-1)%sweepEvery
		d.cell.Sweep = d.setTimer(timerSweep, "", "", at)
	}
}

// sweepKeys forgets keys whose time is over, oldest first.
func (d *Desk) sweepKeys() {
	d.cell.Sweep = 0
	for n := 0; d.keyQueue.len() > 0 && d.keyQueue.peek().Expires <= d.cell.Now; n++ {
		if n == sweepBatch {
			d.cell.Sweep = d.setTimer(timerSweep, "", "", d.cell.Now)
			return
		}
		k := d.keyQueue.pop()
		d.forget(k.Principal, k.ID, true)
		d.keys.remove(k)
		d.account(-keyBytes)
	}
	d.armSweep()
}
