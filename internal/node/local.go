package node

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/auth"
)

// What a running node leaves in its data directory for the command line beside
// it: its address, and a key with an operator's rights that is good from this
// machine only. Whoever may read the directory could take the cell key as well,
// so they give away nothing that was not his.
const (
	LocalURLFile = "local.url"
	LocalKeyFile = "local.key"
)

// localKeyID is the key's id in the cell: one for each node.
func (n *Node) localKeyID() string { return "local-" + n.identity.Node }

// offerLocalKey makes this process's key and writes it down. A node serves
// without one: the command line then has to be told --api-key.
func (n *Node) offerLocalKey(ctx context.Context) {
	if err := n.makeLocalKey(ctx); err != nil {
		n.log.Warn("the command line beside this node will need --url and --api-key: the node's own key could not be made", "error", err)
	}
}

func (n *Node) makeLocalKey(ctx context.Context) error {
	token, err := auth.NewToken(n.host.Random, auth.ServiceKeyPrefix)
	if err != nil {
		return err
	}
	c := &evenkeel.Command{
		By: evenkeel.System(), OnBehalfOf: evenkeel.Principal{Workspace: evenkeel.DefaultWorkspace},
		Body: &evenkeel.APIKeyPut{
			Key:  evenkeel.APIKey{ID: n.localKeyID(), Name: "Command line beside node " + n.name, Role: evenkeel.RoleOperator},
			Hash: auth.Hash(token),
		},
	}
	if _, err := n.doCommand(ctx, c); err != nil {
		return err
	}
	if err := n.writeLocal(LocalKeyFile, token); err != nil {
		return err
	}
	return n.writeLocal(LocalURLFile, n.URL())
}

// writeLocal writes a file that only this user may read, whatever one of that
// name that a crash has left may have allowed.
func (n *Node) writeLocal(name, text string) error {
	path := filepath.Join(n.cfg.Data, name)
	if err := removeFile(path); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text+"\n"), 0o600)
}

// withdrawLocalKey removes the files. The key itself is forgotten with them: the
// cell has its hash only, and the next process makes another.
func (n *Node) withdrawLocalKey() error {
	return errors.Join(removeFile(filepath.Join(n.cfg.Data, LocalKeyFile)), removeFile(filepath.Join(n.cfg.Data, LocalURLFile)))
}

func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
