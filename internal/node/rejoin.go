package node

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/journal"
	"github.com/evenkeel/evenkeel/internal/replica"
	"github.com/evenkeel/evenkeel/internal/transport"
)

// ErrOutcast says that a node cannot go on under its number, and will find itself
// another place in the cell when it is started again.
var ErrOutcast = errors.New("the node is to be started again, and joins the cell anew")

// outcastFile holds, inside the data directory, why this node must not act under its
// number any more, though its journal can be read.
const outcastFile = "outcast.txt"

const rejoinPause = time.Second // between two rounds of asking the others

// damaged tells whether an error of the journal means that what this node has
// acknowledged is not there any more.
func damaged(err error) bool {
	var damage *journal.DamageError
	return errors.As(err, &damage) || errors.Is(err, journal.ErrDoubt) || errors.Is(err, replica.ErrAmnesia)
}

// openMember opens the replica under the number that this node has, or gets it another
// one if it must not act under that any more.
func (n *Node) openMember(ctx context.Context) error {
	if err := n.recallAnswer(); err != nil {
		return err
	}
	why, err := os.ReadFile(filepath.Join(n.cfg.Data, outcastFile))
	switch {
	case err == nil:
		return n.rejoin(ctx, errors.New(string(why)))
	case !errors.Is(err, fs.ErrNotExist):
		return dataError(n.cfg.Data, err)
	}
	if !n.hasJournal() && n.joined.Number == 0 {
		if m, err := n.recallMembership(); m != nil || err != nil {
			return n.rejoin(ctx, errors.New("the journal is missing"))
		}
	}
	err = n.openReplica()
	switch {
	case damaged(err):
		return n.rejoin(ctx, err)
	case err != nil:
		return err
	case n.joined.Number != 0 && n.joined.Number != n.replica.ID():
		// The answer was kept, and then the process ended before the old data were set aside.
		return errors.Join(n.closeReplica(), n.rejoin(ctx, errors.New("the node has another number by now")))
	}
	return nil
}

// hasJournal tells whether there is anything where the journal should be.
func (n *Node) hasJournal() bool {
	entries, err := os.ReadDir(filepath.Join(n.cfg.Data, journalDir))
	return len(entries) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist)
}

func (n *Node) closeReplica() error {
	r := n.replica
	n.replica = nil
	return r.Stop()
}

// recallAnswer reads the cell's answer to a request to join that is not carried out yet.
func (n *Node) recallAnswer() error {
	if n.joined.Number != 0 {
		return nil
	}
	b, err := os.ReadFile(filepath.Join(n.cfg.Data, joinFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return dataError(n.cfg.Data, err)
	}
	return n.recallJoin(b)
}

// rejoin has the cell give this node another number, sets aside what it had under the
// old one, and opens a fresh replica. A node without others has nobody to ask.
func (n *Node) rejoin(ctx context.Context, why error) error {
	m, err := n.recallMembership()
	if m == nil || err != nil {
		return errors.Join(dataError(n.cfg.Data, why), err)
	}
	if n.joined.Number == 0 {
		if err := n.askAgain(ctx, m, why); err != nil {
			return err
		}
	}
	if err := n.setAside(m.Number); err != nil {
		return err
	}
	if err := removeFile(filepath.Join(n.cfg.Data, outcastFile)); err != nil {
		return err
	}
	return n.openReplica()
}

// askAgain asks the others until one answers. They need a majority without this node.
func (n *Node) askAgain(ctx context.Context, m *membership, why error) (err error) {
	if n.clusterListener == nil {
		n.outward = outwardTo(m.Others[0].Address)
		if n.clusterListener, err = n.listenCluster(ctx); err != nil {
			return err
		}
	}
	if n.cellKey, err = loadCellKey(n.cfg.Data, false, n.host.Random); err != nil {
		return err
	}
	if n.joinKey, err = loadKey(n.rejoinKey(m.Number), n.host.Random); err != nil {
		return err
	}
	public := n.joinKey.Public().(ed25519.PublicKey)
	request, err := json.Marshal(joinRequest{
		Key: public, Facts: n.facts(),
		Again: &joinAgain{Number: m.Number, Proof: n.proofOf(m.Generation, m.Number, public), Why: brief(why)},
	})
	if err != nil {
		return err
	}
	n.log.Error("this node cannot go on with its data and asks the others for another place in the cell", "node", nodeID(m.Number), "why", why)
	for round := 0; ; round++ {
		for _, other := range m.Others {
			door := transport.Door{Address: other.Address, Fingerprint: transport.Fingerprint(m.Authority), Source: n.clusterSource()}
			b, err := transport.Join(ctx, door, n.host.Version, request)
			if err == nil {
				return n.keepAnswer(b, m.Number)
			}
			if refused := new(transport.RefusedError); errors.As(err, &refused) && refused.Cause == causeRemoved {
				return removedError(n.cfg.Data, m.Number)
			}
			n.log.Debug("another node did not answer a request to join again", "node", other.ID, "address", other.Address, "error", err)
		}
		if round%30 == 0 {
			n.log.Warn("no majority of the other nodes answers yet; it is tried again. If they are gone for good, stop this node and run `evenkeel recover --force-new-cell` on the one whose data are best",
				"data", n.cfg.Data)
		}
		select {
		case <-time.After(rejoinPause):
		case <-ctx.Done():
			return errors.Join(dataError(n.cfg.Data, why), ctx.Err())
		}
	}
}

// keepAnswer makes the cell's answer durable, before anything is made of it.
func (n *Node) keepAnswer(b []byte, old uint64) error {
	if err := json.Unmarshal(b, &n.joined); err != nil {
		return fmt.Errorf("join the cell again: the answer cannot be read: %w", err)
	}
	n.joined.CellKey, n.joined.Old = nil, old
	b, err := json.Marshal(n.joined)
	if err != nil {
		return err
	}
	n.log.Info("the cell has given this node another number", "node", nodeID(n.joined.Number), "before", nodeID(old))
	return replaceDurably(filepath.Join(n.cfg.Data, joinFile), b)
}

// rejoinKey is where the key lies with which the node of a number asks for another.
func (n *Node) rejoinKey(old uint64) string {
	return filepath.Join(n.cfg.Data, "rejoin-"+strconv.FormatUint(old, 10)+".key")
}

// setAside puts the journal of a number away. Nothing of it is deleted.
func (n *Node) setAside(number uint64) error {
	if !n.hasJournal() {
		return nil
	}
	dir := filepath.Join(n.cfg.Data, journalDir)
	if err := n.unused(dir); err != nil {
		return dataError(n.cfg.Data, err)
	}
	aside := dir + "." + nodeID(number) + "." + n.host.wall().UTC().Format("20060102T150405")
	for try := 2; ; try++ {
		if _, err := os.Stat(aside); errors.Is(err, fs.ErrNotExist) {
			break
		}
		aside = fmt.Sprintf("%s-%d", aside, try)
	}
	err := os.Rename(dir, aside)
	if err == nil {
		err = syncParent(dir)
	}
	if err != nil {
		return fmt.Errorf("set the journal of %s aside: %w", nodeID(number), err)
	}
	n.log.Warn("the journal was set aside", "to", aside)
	return nil
}

// unused makes sure that no other process has a journal open.
func (n *Node) unused(dir string) error {
	fs, err := n.host.openDir(dir)
	if err != nil {
		return err
	}
	lock, err := fs.Lock()
	if err != nil {
		return err
	}
	return lock.Close()
}

// joinAgain is how a member asks that cannot act under its number any more.
type joinAgain struct {
	Number uint64 `json:"number"`
	Proof  []byte `json:"proof"`
	Why    string `json:"why"`
}

// proofOf shows that who asks has the cell's key, which members alone have. It is of no
// use to anybody without the key that is to be certified. (A certificate would say the
// same, but lies in the memory of a process that is gone, and ends.)
func (n *Node) proofOf(generation string, number uint64, public []byte) []byte {
	mac := hmac.New(sha256.New, n.cellKey)
	mac.Write([]byte("rejoin " + generation))
	mac.Write(binary.BigEndian.AppendUint64(nil, number))
	mac.Write(public)
	return mac.Sum(nil)
}

// admitAgain answers a member that asks for another number.
func (n *Node) admitAgain(ctx context.Context, r *joinRequest) (evenkeel.Result, error) {
	if !hmac.Equal(r.Again.Proof, n.proofOf(n.identity.Generation, r.Again.Number, r.Key)) {
		return evenkeel.Result{}, errors.New("the proof of membership is not good: the node that asks has another cell key, or is of another generation of the cell; join it anew with a token of `evenkeel node invite` and a fresh --data")
	}
	result, err := n.do(ctx, &evenkeel.NodeRejoin{Number: r.Again.Number, Key: r.Key, Facts: r.Facts, Why: r.Again.Why})
	if evenkeel.ErrorCode(err) == evenkeel.CodeForbidden {
		return result, &transport.Refusal{Reason: sentence(err).Error(), Cause: causeRemoved}
	}
	return result, err
}

// Why a connection is refused, as far as the other side must tell it apart.
const (
	causeRemoved  = "removed"  // by the operator
	causeReplaced = "replaced" // it may join again by itself
)

func removedError(data string, number uint64) error {
	return fmt.Errorf("%s was removed from the cell by its operator, and its certificate is not good any more. To have this machine in the cell again, make a token with `evenkeel node invite` and start it with another --data (what is in %s is left as it is)", nodeID(number), data)
}

// castOut ends this process: the node must not act under its number any more. When it
// is started again it asks for another.
func (n *Node) castOut(why string) {
	if err := replaceDurably(filepath.Join(n.cfg.Data, outcastFile), []byte(why)); err != nil {
		n.end(fmt.Errorf("this node must not go on (%s), and that cannot be written down: %w", why, err))
		return
	}
	n.log.Error("this node must not act under its number any more", "why", why)
	n.end(fmt.Errorf("%w: %s", ErrOutcast, why))
}

// brief is an error as a part of a sentence for the operator.
func brief(err error) string {
	text := err.Error()
	if len(text) > 400 {
		text = text[:400]
	}
	return text
}
