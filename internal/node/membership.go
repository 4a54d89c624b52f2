package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
)

// membershipFile says inside the data directory which node of which cell this is, and
// who the others are: for the day on which the journal cannot say it any more.
const membershipFile = "member.json"

type membership struct {
	Cell       string          `json:"cell"`
	Generation string          `json:"generation"`
	Number     uint64          `json:"number"`
	Authority  []byte          `json:"authority"` // the certificate
	Others     []evenkeel.Node `json:"others"`
}

// noteMembership writes down who the others are, if that is news.
func (n *Node) noteMembership(nodes []evenkeel.Node) {
	m := membership{Cell: n.identity.Cell, Generation: n.identity.Generation, Number: n.replica.ID()}
	for _, other := range nodes {
		if other.Number != m.Number && other.Address != "" {
			m.Others = append(m.Others, evenkeel.Node{ID: other.ID, Number: other.Number, Address: other.Address})
		}
	}
	n.replica.View(func(d *desk.Desk) { m.Authority, _ = d.Authority() })
	b, err := json.Marshal(m)
	if err != nil {
		n.log.Error("the members of the cell cannot be written down", "error", err)
		return
	}
	if bytes.Equal(b, n.membership) {
		return
	}
	if err := replaceDurably(filepath.Join(n.cfg.Data, membershipFile), b); err != nil {
		n.log.Warn("the members of the cell could not be written down; it is tried again", "error", err)
		return
	}
	n.membership = b
}

// recallMembership reads what noteMembership wrote; nil: this node was never one of
// several.
func (n *Node) recallMembership() (*membership, error) {
	path := filepath.Join(n.cfg.Data, membershipFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	var m membership
	if err := json.Unmarshal(b, &m); err != nil || m.Number == 0 {
		return nil, fmt.Errorf("%s cannot be read, so nobody knows whom to ask: join the cell anew with a fresh --data and a token of `evenkeel node invite`", path)
	}
	if len(m.Others) == 0 {
		return nil, nil
	}
	return &m, nil
}

// replaceDurably writes a file so that a crash leaves the old content or the new.
func replaceDurably(path string, content []byte) error {
	fresh := path + ".new"
	if err := writeDurably(fresh, content); err != nil {
		return err
	}
	if err := os.Rename(fresh, path); err != nil {
		return err
	}
	return syncParent(path)
}
