package node

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/auth"
	"github.com/evenkeel/evenkeel/internal/desk"
	"github.com/evenkeel/evenkeel/internal/edge"
	"github.com/evenkeel/evenkeel/internal/replica"
	"github.com/evenkeel/evenkeel/internal/steward"
	"github.com/evenkeel/evenkeel/internal/transport"
)

// What a node that joins keeps of it, inside the data directory: the key with
// which it asks, and the answer.
const (
	joinKeyFile = "join.key"
	joinFile    = "join.json"
)

// JoinTokenPrefix begins every token by which a node may join.
const JoinTokenPrefix = "ekj_"

// joinRequest is what a node says that wants to be a member.
type joinRequest struct {
	Token string             `json:"token"`
	Key   []byte             `json:"key"` // public
	Facts evenkeel.NodeFacts `json:"facts"`
	// Again, in place of a token, is how a member asks for another number.
	Again *joinAgain `json:"again,omitempty"`
}

// joinAnswer makes it one. It holds the cell's key, so it goes over a connection
// to the cell that the token names, and lies where the key lies.
type joinAnswer struct {
	Cell        string          `json:"cell"`
	Generation  string          `json:"generation"`
	Number      uint64          `json:"number"`
	CellKey     []byte          `json:"cell_key,omitempty"` // not in the file: it has one of its own
	Authority   []byte          `json:"authority"`
	Certificate []byte          `json:"certificate"`
	Time        evenkeel.Time   `json:"time"` // the cell's
	Nodes       []evenkeel.Node `json:"nodes"`
	Old         uint64          `json:"old,omitempty"` // in the file: the number that it had before
}

// newJoinToken makes a token for a cell whose authority has a fingerprint.
func newJoinToken(random io.Reader, fingerprint string) (string, error) {
	secret := make([]byte, 16)
	if _, err := io.ReadFull(random, secret); err != nil {
		return "", fmt.Errorf("make a token: %w", err)
	}
	known, err := hex.DecodeString(fingerprint)
	if err != nil {
		return "", fmt.Errorf("make a token: %w", err)
	}
	return JoinTokenPrefix + base64.RawURLEncoding.EncodeToString(slices.Concat(secret, known)), nil
}

// fingerprintOf returns the cell that a token is for.
func fingerprintOf(token string) (string, error) {
	rest, ok := strings.CutPrefix(token, JoinTokenPrefix)
	b, err := base64.RawURLEncoding.DecodeString(rest)
	if !ok || err != nil || len(b) != 16+32 {
		return "", settingError("token", "is not one that `evenkeel node invite` has printed: it begins with %s and is copied whole", JoinTokenPrefix)
	}
	return hex.EncodeToString(b[16:]), nil
}

// Invite implements edge.Nodes.
func (n *Node) Invite(ctx context.Context, by evenkeel.Principal, life evenkeel.Duration) (edge.Invitation, error) {
	var authority []byte
	var wall evenkeel.Time
	n.replica.View(func(d *desk.Desk) { authority, _ = d.Authority(); wall = d.Wall() })
	token, err := newJoinToken(n.host.Random, transport.Fingerprint(authority))
	if err != nil {
		return edge.Invitation{}, err
	}
	if _, err := n.doCommand(ctx, &evenkeel.Command{By: by, Body: &evenkeel.NodeInvite{Hash: auth.Hash(token), Life: life}}); err != nil {
		return edge.Invitation{}, err
	}
	join := n.clusterAddress()
	return edge.Invitation{
		Token: token, Join: join, Expires: wall + evenkeel.Time(life), Command: "evenkeel serve --join " + join + " --token " + token,
	}, nil
}

// HandOver implements edge.Nodes. It returns when another node leads.
func (n *Node) HandOver(ctx context.Context, to string) error {
	if !n.replica.Status().Leads {
		return evenkeel.Errorf(evenkeel.CodeConflict, "this node does not lead the cell: ask %s", nodeID(n.replica.Status().Leader))
	}
	nodes, _ := n.nodes()
	progress, err := n.replica.Progress(ctx)
	if err != nil {
		return err
	}
	best := uint64(0)
	for _, m := range nodes {
		votes := steward.SuffrageOf(n.replica.Status().Members, m.Number) == steward.Voter
		_, silence, heard := n.cluster.hears(m.Number)
		if m.Number == n.replica.ID() || !votes || to != "" && to != m.ID || !heard || silence > suspectAfter || m.Drained && to == "" {
			continue
		}
		if best == 0 || progress[m.Number] > progress[best] {
			best = m.Number
		}
	}
	if best == 0 {
		return evenkeel.Errorf(evenkeel.CodeConflict, "there is no other voter that answers and could lead")
	}
	n.replica.TransferLeader(best)
	return n.replica.Await(ctx, func(s replica.Status) bool { return s.Leader == best })
}

// Removable implements edge.Nodes: without its only voter a cell decides nothing any
// more. (The last node of all is kept by the desk.)
func (n *Node) Removable(node string) error {
	voters := n.replica.Status().Members.GetVoters()
	nodes, _ := n.nodes()
	if len(nodes) > 1 && len(voters) == 1 && nodeID(voters[0]) == node {
		return evenkeel.Errorf(evenkeel.CodeConflict, "%s is the only voter of the cell, which could decide nothing without it: wait until another node votes "+
			"(`evenkeel node list`), or take one back into service (`evenkeel node undrain`)", node)
	}
	return nil
}

// admit answers a node that wants to join.
func (n *Node) admit(ctx context.Context, body []byte) ([]byte, error) {
	var r joinRequest
	if err := json.Unmarshal(body, &r); err != nil {
		return nil, fmt.Errorf("the request to join cannot be read: %w", err)
	}
	var result evenkeel.Result
	var err error
	if r.Again != nil {
		result, err = n.admitAgain(ctx, &r)
	} else {
		result, err = n.do(ctx, &evenkeel.NodeJoin{Hash: auth.Hash(r.Token), Key: r.Key, Facts: r.Facts})
	}
	if err != nil {
		return nil, sentence(err)
	}
	certificate, authority, err := n.certify(result.Number, r.Key)
	if err != nil {
		return nil, err
	}
	answer := joinAnswer{
		Cell: n.identity.Cell, Generation: n.identity.Generation, Number: result.Number, CellKey: n.cellKey,
		Authority: authority, Certificate: certificate, Time: evenkeel.TimeOf(n.cellTime()),
	}
	n.replica.View(func(d *desk.Desk) { answer.Nodes = d.Nodes() })
	n.log.Info("a node joins", "node", "n"+strconv.FormatUint(result.Number, 10), "name", r.Facts.Name, "address", r.Facts.Address)
	return json.Marshal(answer)
}

// sentence is what an error says to people.
func sentence(err error) error {
	var e *evenkeel.Error
	if errors.As(err, &e) && e.Detail != "" {
		return errors.New(e.Detail)
	}
	return err
}

// certify issues a certificate for a node's public key.
func (n *Node) certify(number uint64, public []byte) (certificate, authority []byte, err error) {
	var sealed []byte
	n.replica.View(func(d *desk.Desk) { authority, sealed = d.Authority() })
	key, err := n.keys.open(purposeAuthority, sealed)
	if err != nil {
		return nil, nil, err
	}
	a, err := transport.ParseAuthority(authority, key)
	if err != nil {
		return nil, nil, err
	}
	certificate, err = a.Issue(n.host.Random, n.identity.Cell, number, ed25519.PublicKey(public), n.cellTime(), certificateLife)
	return certificate, authority, err
}

// Certificates are renewed when a third of their life is left.
const (
	certificateLife = 90 * 24 * time.Hour
	renewEvery      = time.Hour
)

// credentials are what this process shows to other nodes. Who has the cell's state
// and key certifies himself; who has just joined shows what he was given.
func (n *Node) credentials() (transport.Identity, error) {
	if !n.formed() {
		return transport.NewIdentity(n.joined.Certificate, n.joined.Authority, n.joinKey, n.cellTime)
	}
	public, key, err := ed25519.GenerateKey(n.host.Random)
	if err != nil {
		return transport.Identity{}, fmt.Errorf("make this process's key: %w", err)
	}
	certificate, authority, err := n.certify(n.replica.ID(), public)
	if err != nil {
		return transport.Identity{}, err
	}
	return transport.NewIdentity(certificate, authority, key, n.cellTime)
}

// renew replaces the certificate before it ends.
func (n *Node) renew(identity transport.Identity) {
	ticker := time.NewTicker(renewEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-n.quit:
			return
		}
		if identity.Expires().Sub(n.cellTime()) > certificateLife/3 || !n.formed() {
			continue
		}
		public, key, err := ed25519.GenerateKey(n.host.Random)
		if err == nil {
			var certificate, authority []byte
			if certificate, authority, err = n.certify(n.replica.ID(), public); err == nil {
				err = identity.Renew(certificate, authority, key, n.cellTime)
			}
		}
		if err != nil {
			n.log.Error("this node's certificate could not be renewed; it is tried again", "ends", identity.Expires(), "error", err)
		}
	}
}

// cellTime is the time of day as the cell has it, by which certificates are
// judged: machines without a clock of their own are members, too.
func (n *Node) cellTime() time.Time {
	if !n.formed() {
		return n.joined.Time.Std().Add(time.Since(n.started))
	}
	return n.cellWall().Std()
}

// enlist asks a cell for membership, if this node is told to join one and is no
// member of any. The answer is kept before anything is made of it.
func (n *Node) enlist(ctx context.Context) error {
	if n.cfg.Join == "" {
		return nil
	}
	entries, err := os.ReadDir(filepath.Join(n.cfg.Data, journalDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return dataError(n.cfg.Data, err)
	}
	kept := filepath.Join(n.cfg.Data, joinFile)
	if b, err := os.ReadFile(kept); err == nil {
		return n.recallJoin(b)
	} else if len(entries) > 0 {
		n.log.Info("this node is a member of a cell already: --join is not looked at", "data", n.cfg.Data)
		return nil
	}
	fingerprint, err := fingerprintOf(n.cfg.Token)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(n.cfg.Data, 0o700); err != nil {
		return dataError(n.cfg.Data, err)
	}
	n.outward = outwardTo(n.cfg.Join)
	if n.joinKey, err = loadKey(filepath.Join(n.cfg.Data, joinKeyFile), n.host.Random); err != nil {
		return err
	}
	request, err := json.Marshal(joinRequest{
		Token: n.cfg.Token, Key: n.joinKey.Public().(ed25519.PublicKey),
		Facts: n.facts(),
	})
	if err != nil {
		return err
	}
	b, err := transport.Join(ctx, transport.Door{Address: withPort(n.cfg.Join), Fingerprint: fingerprint, Source: n.clusterSource()}, n.host.Version, request)
	if err != nil {
		return joinError(n.cfg.Join, err)
	}
	if err := json.Unmarshal(b, &n.joined); err != nil {
		return fmt.Errorf("join %s: its answer cannot be read: %w", n.cfg.Join, err)
	}
	if err := writeDurably(filepath.Join(n.cfg.Data, cellKeyFile), n.joined.CellKey); err != nil {
		return fmt.Errorf("write the cell key: %w", err)
	}
	n.joined.CellKey = nil
	if b, err = json.Marshal(n.joined); err != nil {
		return err
	}
	return writeDurably(kept, b)
}

func (n *Node) recallJoin(b []byte) (err error) {
	if err := json.Unmarshal(b, &n.joined); err != nil {
		return fmt.Errorf("%s cannot be read: remove the data directory and join anew (%w)", filepath.Join(n.cfg.Data, joinFile), err)
	}
	path := filepath.Join(n.cfg.Data, joinKeyFile)
	if n.joined.Old != 0 {
		path = n.rejoinKey(n.joined.Old)
	}
	n.joinKey, err = loadKey(path, n.host.Random)
	return err
}

// loadKey reads the key with which this node asks to join, or makes it.
func loadKey(path string, random io.Reader) (ed25519.PrivateKey, error) {
	seed, err := os.ReadFile(path)
	switch {
	case err == nil && len(seed) == ed25519.SeedSize:
		return ed25519.NewKeyFromSeed(seed), nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("read this node's key: %w", err)
	}
	seed = make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return nil, fmt.Errorf("make this node's key: %w", err)
	}
	if err := writeDurably(path, seed); err != nil {
		return nil, fmt.Errorf("write this node's key: %w", err)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// joinError says what to do when a cell does not let this node in.
func joinError(address string, err error) error {
	var refused *transport.RefusedError
	switch {
	case errors.As(err, &refused):
		return fmt.Errorf("join %s: the cell says: %s", address, refused.Reason)
	case errors.Is(err, transport.ErrWrongCell):
		return fmt.Errorf("join %s: another cell answers there than the one that the token is for: check the address, or make a token there with `evenkeel node invite`", address)
	}
	return fmt.Errorf("join %s: no node of a cell answers there: is it the address that `evenkeel node invite` printed, and does a firewall let this machine through? (%w)", address, err)
}
