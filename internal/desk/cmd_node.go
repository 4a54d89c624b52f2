package desk

import (
	"bytes"
	"slices"
	"sort"
	"strconv"

	"github.com/evenkeel/evenkeel"
)

// Bounds of what is kept of those who are to join, and of those who went.
const (
	maxInvites     = 64
	maxInviteLife  = 7 * 24 * evenkeel.Hour
	maxRemoved     = 256
	maxNodeAddress = 300 // bytes of an address or URL
	publicKeySize  = 32
)

// invitation lets one node join. It is replaced, never changed.
type invitation struct {
	Hash  string            `cbor:"1,keyasint"`
	Until evenkeel.DeskTime `cbor:"2,keyasint"`
}

// removedNode is what is remembered of a node that is no member any more.
type removedNode struct {
	Number   uint64 `cbor:"1,keyasint"`
	Replaced bool   `cbor:"2,keyasint,omitempty"`
}

// nodeUp issues the incarnation of a process that started. Whatever sessions an
// earlier process of the node had are over. The first node of all is the founder.
func (d *Desk) nodeUp(b *evenkeel.NodeUp) (evenkeel.Result, *evenkeel.Error) {
	n := d.nodes.get(b.Node)
	switch {
	case b.Node == "" || b.Boot == "":
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeBadRequest, "a node needs a name and a boot id")
	case n == nil && d.cell.NodeSeq > 0:
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no node %q", b.Node)
	case n != nil && n.Boot == b.Boot && n.Incarnation != 0:
		return evenkeel.Result{Incarnation: n.Incarnation, Repeated: true}, nil
	}
	if refusal := d.checkFacts(&b.Facts); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if n == nil {
		n = d.addNode(b.Node)
	}
	d.nodes.touch(n)
	d.voidIncarnation(n)
	d.cell.Incarnation++
	n.Boot, n.Incarnation, n.Facts = b.Boot, d.cell.Incarnation, b.Facts
	d.weighCopies()
	d.level()
	return evenkeel.Result{Incarnation: n.Incarnation}, nil
}

func (d *Desk) addNode(id string) *nodeRow {
	d.cell.NodeSeq++
	n := &nodeRow{ID: id, Number: d.cell.NodeSeq, Joined: d.cell.Now}
	d.nodes.add(n)
	d.account(rowBytes)
	return n
}

func (d *Desk) checkFacts(f *evenkeel.NodeFacts) *evenkeel.Error {
	switch {
	case len(f.Name) > maxName:
		return evenkeel.FieldErrorf("name", "a node's name has at most %d bytes", maxName)
	case len(f.Version) > maxName:
		return evenkeel.FieldErrorf("version", "a version has at most %d bytes", maxName)
	case len(f.Address) > maxNodeAddress:
		return evenkeel.FieldErrorf("address", "an address has at most %d bytes", maxNodeAddress)
	case len(f.URL) > maxNodeAddress:
		return evenkeel.FieldErrorf("url", "a URL has at most %d bytes", maxNodeAddress)
	case len(f.Roles) > 3:
		return evenkeel.FieldErrorf("roles", "there are three roles")
	case f.Level != 0 && f.Level < d.cell.Level:
		return evenkeel.FieldErrorf("level", "the cell is at feature level %d, version %s of the program understands %d at most: update it", d.cell.Level, f.Version, f.Level)
	}
	for i, role := range f.Roles {
		if role != "core" && role != "edge" && role != "worker" || slices.Contains(f.Roles[:i], role) {
			return evenkeel.FieldErrorf("roles", "the roles are core, edge and worker, each at most once")
		}
	}
	return nil
}

// level raises the feature level to what every node understands. It never falls.
func (d *Desk) level() {
	lowest := uint64(0)
	for _, n := range d.nodes.list { // few, and any order gives the same answer
		if lowest == 0 || n.Facts.Level < lowest {
			lowest = n.Facts.Level
		}
	}
	d.cell.Level = max(d.cell.Level, min(lowest, FeatureLevel))
}

// nodeLost ends the sessions of a process that is gone.
func (d *Desk) nodeLost(b *evenkeel.NodeLost) (evenkeel.Result, *evenkeel.Error) {
	n := d.nodes.get(b.Node)
	if n == nil || n.Incarnation != b.Incarnation || n.Incarnation == 0 {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeConflict, "node %q does not run as incarnation %d", b.Node, b.Incarnation)
	}
	d.nodes.touch(n)
	d.voidIncarnation(n)
	d.weighCopies() // nothing waits for its copy
	return evenkeel.Result{}, nil
}

// voidIncarnation makes a touched node's incarnation void at once; its sessions
// end as follow-up work.
func (d *Desk) voidIncarnation(n *nodeRow) {
	if n.Incarnation != 0 && d.crews[n.Incarnation] != nil {
		d.addWork(workEndSessions, "", n.Incarnation)
	}
	n.Incarnation, n.HasOffset = 0, false // its clock may be set before it comes again
}

// liveIncarnation tells whether an incarnation is that of a running process.
func (d *Desk) liveIncarnation(incarnation uint64) bool {
	for _, n := range d.nodes.list { // few, and any order gives the same answer
		if n.Incarnation == incarnation {
			return true
		}
	}
	return false
}

// nodeInvite remembers the hash of a token by which one node may join.
func (d *Desk) nodeInvite(b *evenkeel.NodeInvite) (evenkeel.Result, *evenkeel.Error) {
	good := d.goodInvites()
	switch {
	case b.Hash == "" || len(b.Hash) > maxName:
		return evenkeel.Result{}, evenkeel.FieldErrorf("hash", "an invitation needs the hash of its token")
	case b.Life <= 0 || b.Life > maxInviteLife:
		return evenkeel.Result{}, evenkeel.FieldErrorf("life", "an invitation is good for at most 7 days")
	case len(good) >= maxInvites:
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeLimitReached, "there are %d invitations that nobody has used; they expire", len(good))
	}
	d.cell.Invites = append(good, &invitation{Hash: b.Hash, Until: d.cell.Now + evenkeel.DeskTime(b.Life)})
	return evenkeel.Result{}, nil
}

// goodInvites returns a new list of those that have not expired.
func (d *Desk) goodInvites() []*invitation {
	var good []*invitation
	for _, i := range d.cell.Invites {
		if i.Until > d.cell.Now {
			good = append(good, i)
		}
	}
	return good
}

// nodeJoin makes a new member, or finds the one that asks again.
func (d *Desk) nodeJoin(b *evenkeel.NodeJoin) (evenkeel.Result, *evenkeel.Error) {
	if b.Hash == "" || len(b.Key) != publicKeySize {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeBadRequest, "to join takes the hash of a token and a public key")
	}
	for _, n := range d.nodes.list { // at most one has it
		if n.Token == b.Hash && bytes.Equal(n.Key, b.Key) {
			return evenkeel.Result{Number: n.Number, Repeated: true}, nil
		}
	}
	good := d.goodInvites()
	at := -1
	for i := range good {
		if good[i].Hash == b.Hash {
			at = i
		}
	}
	switch {
	case at < 0:
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeForbidden, "the token is not good: it was used, it has expired, or it is of another cell. `evenkeel node invite` on a node of the cell makes another")
	case int64(d.nodes.len()) >= d.cell.Limits.Nodes:
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeLimitReached, "the cell has %d nodes, which is its limit", d.nodes.len())
	}
	if refusal := d.checkFacts(&b.Facts); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	d.cell.Invites = append(good[:at], good[at+1:]...)
	n := d.addNode("n" + strconv.FormatUint(d.cell.NodeSeq+1, 10))
	d.nodes.touch(n)
	n.Facts, n.Token, n.Key = b.Facts, b.Hash, b.Key
	d.level()
	return evenkeel.Result{Number: n.Number}, nil
}

// nodeRemove ends a node's membership. The last one stays.
func (d *Desk) nodeRemove(b *evenkeel.NodeRemove) (evenkeel.Result, *evenkeel.Error) {
	n := d.nodes.get(b.Node)
	switch {
	case n == nil:
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no node %q", b.Node)
	case d.nodes.len() == 1:
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeConflict, "%s is the only node of the cell", b.Node)
	}
	d.dropNode(n, b.Replaced)
	d.level()
	return evenkeel.Result{Number: n.Number}, nil
}

// dropNode forgets a member but for its number.
func (d *Desk) dropNode(n *nodeRow, replaced bool) {
	d.nodes.touch(n)
	d.voidIncarnation(n)
	d.nodes.remove(n)
	d.account(-rowBytes)
	removed := append([]removedNode(nil), d.cell.Removed...)
	removed = append(removed, removedNode{n.Number, replaced})
	d.cell.Removed = removed[max(0, len(removed)-maxRemoved):]
	d.weighCopies()
}

// nodeRejoin gives a member another number in place of its own, or finds the one that
// asks again. Whom the operator has removed gets none.
func (d *Desk) nodeRejoin(b *evenkeel.NodeRejoin) (evenkeel.Result, *evenkeel.Error) {
	if len(b.Key) != publicKeySize || b.Number == 0 || b.Number > d.cell.NodeSeq {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeBadRequest, "to join again takes the number that the node had, and a public key")
	}
	var old *nodeRow
	for _, n := range d.nodes.list { // at most one has the number, and one the key
		if bytes.Equal(n.Key, b.Key) && n.Number != b.Number {
			return evenkeel.Result{Number: n.Number, Repeated: true}, nil
		}
		if n.Number == b.Number {
			old = n
		}
	}
	_, replaced := d.NodeRemoved(b.Number)
	switch {
	case old == nil && !replaced:
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeForbidden, "node %d was removed from the cell", b.Number)
	case old != nil && d.nodes.len() == 1:
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeConflict, "%s is the only node of the cell", old.ID)
	case old == nil && int64(d.nodes.len()) >= d.cell.Limits.Nodes:
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeLimitReached, "the cell has %d nodes, which is its limit", d.nodes.len())
	}
	if refusal := d.checkFacts(&b.Facts); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	if refusal := checkLabel("why", b.Why, maxIncidentText/2); refusal != nil {
		return evenkeel.Result{}, refusal
	}
	drained := old != nil && old.Drained
	if old != nil {
		d.dropNode(old, true)
	}
	n := d.addNode("n" + strconv.FormatUint(d.cell.NodeSeq+1, 10))
	d.nodes.touch(n)
	n.Facts, n.Key, n.Drained = b.Facts, b.Key, drained
	d.level()
	if old != nil {
		d.tellRejoined(n, old, b.Why)
	}
	return evenkeel.Result{Number: n.Number}, nil
}

// tellRejoined tells the operator why a node has another number. When there is no room
// for one more incident, the node's own log has it.
func (d *Desk) tellRejoined(n, old *nodeRow, why string) {
	_, _ = d.raise(&evenkeel.IncidentRaise{
		Incident: evenkeel.IncidentNodeRejoined, Subject: n.ID, Severity: evenkeel.SeverityWarning,
		Summary: n.ID + " was " + old.ID + ", which could not go on with its data: " + why,
		Advice:  "The cell has seen to it. Look at the disk of that machine; what the node had is set aside in its data directory, and may be removed when it is not wanted any more.",
	})
}

// nodeDrain takes a node out of service, or back.
func (d *Desk) nodeDrain(b *evenkeel.NodeDrain) (evenkeel.Result, *evenkeel.Error) {
	n := d.nodes.get(b.Node)
	if n == nil {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no node %q", b.Node)
	}
	d.nodes.touch(n)
	n.Drained = b.Drain
	return evenkeel.Result{Number: n.Number}, nil
}

// Nodes returns the members, by their numbers.
func (d *Desk) Nodes() []evenkeel.Node {
	all := make([]evenkeel.Node, 0, d.nodes.len())
	for _, n := range d.nodes.list {
		all = append(all, evenkeel.Node{
			ID: n.ID, Number: n.Number, Name: n.Facts.Name, Address: n.Facts.Address, URL: n.Facts.URL, Roles: n.Facts.Roles,
			Version: n.Facts.Version, Level: n.Facts.Level, Drained: n.Drained, Joined: n.Joined, Quarantined: n.Quarantined,
		})
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Number < all[j].Number })
	return all
}

// Incarnation returns that of a node's running process; 0: none.
func (d *Desk) Incarnation(node string) uint64 {
	if n := d.nodes.get(node); n != nil {
		return n.Incarnation
	}
	return 0
}

// Drained tells whether a node is out of service.
func (d *Desk) Drained(node string) bool {
	n := d.nodes.get(node)
	return n != nil && n.Drained
}

// NodeRemoved tells whether a number was that of a member that is none any more;
// replaced: it may join again by itself.
func (d *Desk) NodeRemoved(number uint64) (removed, replaced bool) {
	for _, r := range d.cell.Removed {
		if r.Number == number {
			return true, r.Replaced
		}
	}
	return number != 0 && number <= d.cell.NodeSeq && !d.hasNode(number), false
}

func (d *Desk) hasNode(number uint64) bool {
	for _, n := range d.nodes.list { // at most one has it
		if n.Number == number {
			return true
		}
	}
	return false
}

// Authority returns the certificate of the authority over the nodes' certificates
// and its key, which is sealed with the cell key.
func (d *Desk) Authority() (certificate, key []byte) { return d.cell.Authority, d.cell.AuthorityKey }

// clockSet notes a voter's wall clock; wall time follows the median.
func (d *Desk) clockSet(b *evenkeel.ClockSet) (evenkeel.Result, *evenkeel.Error) {
	n := d.nodes.get(b.Node)
	if n == nil || n.Incarnation == 0 {
		return evenkeel.Result{}, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no node %q", b.Node)
	}
	d.nodes.touch(n)
	started := !n.HasOffset
	n.Offset, n.HasOffset = b.Offset, true
	var offsets []evenkeel.Duration
	for _, n := range d.nodes.list {
		if n.HasOffset && n.Incarnation != 0 {
			offsets = append(offsets, n.Offset)
		}
	}
	sort.Slice(offsets, func(i, j int) bool { return offsets[i] < offsets[j] })
	offset := offsets[(len(offsets)-1)/2]
	d.stepped(offset-d.cell.Offset, started && len(offsets) == 1)
	d.cell.Offset = offset
	return evenkeel.Result{}, nil
}

// standAlone leaves one node, in a desk that goes on without the others, in a new
// generation.
func (d *Desk) standAlone(number uint64) {
	for _, n := range append([]*nodeRow(nil), d.nodes.list...) { // each for itself
		if n.Number != number {
			d.nodes.touch(n)
			d.voidIncarnation(n)
			d.nodes.remove(n)
			d.account(-rowBytes)
		}
	}
	if d.nodes.len() == 0 && d.cell.NodeSeq > 0 {
		n := &nodeRow{ID: "n" + strconv.FormatUint(number, 10), Number: number, Joined: d.cell.Now}
		d.nodes.add(n)
		d.account(rowBytes)
	}
	d.cell.Invites, d.cell.Removed = nil, nil
	d.weighCopies()
}
