package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/evenkeel/evenkeel/internal/auth"
	"github.com/evenkeel/evenkeel/internal/journal"
)

// firstNode is the replica's id of the node that forms a cell.
const firstNode = 1

// identity is the node's own record in its journal, written once when the
// directory is fresh. It is the same before and after the cell is formed, so a
// start that was interrupted in between goes on where it was.
type identity struct {
	Cell       string `json:"cell"`
	Generation string `json:"generation"`
	Node       string `json:"node"` // its id in the cell
}

func newIdentity(random io.Reader) (identity, error) {
	cell, err := auth.NewID(random, "cell-")
	if err != nil {
		return identity{}, err
	}
	generation, err := auth.NewID(random, "")
	if err != nil {
		return identity{}, err
	}
	return identity{Cell: cell, Generation: generation[:12], Node: "n" + strconv.Itoa(firstNode)}, nil
}

func (i identity) encode() []byte {
	b, err := json.Marshal(i)
	if err != nil {
		panic(err) // three strings
	}
	return b
}

func decodeIdentity(b []byte) (identity, error) {
	var i identity
	if err := json.Unmarshal(b, &i); err != nil || i.Cell == "" || i.Generation == "" || i.Node == "" {
		return i, errors.New("the journal does not say which node of which cell it belongs to: it was not written by this program")
	}
	return i, nil
}

// nodeName is the configured name, or the machine's.
func nodeName(cfg Config) (string, error) {
	if cfg.Name != "" {
		return cfg.Name, nil
	}
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("find the machine's name (--name gives another): %w", err)
	}
	host, _, _ = strings.Cut(host, ".")
	return host, nil
}

// dataError says what to do when the data cannot be used.
func dataError(data string, err error) error {
	var damage *journal.DamageError
	switch {
	case errors.Is(err, journal.ErrLocked):
		return fmt.Errorf("the data directory %s is in use by another process: stop that one, or give this one its own with --data", data)
	case errors.As(err, &damage), errors.Is(err, journal.ErrDoubt):
		return fmt.Errorf("%w.\nThe data in %s was left as it is. Make a copy of it before anything else. "+
			"A disk that returned wrong bytes once should be replaced; with a backup, restore it into a fresh --data", err, data)
	case errors.Is(err, journal.ErrNoSpace):
		return fmt.Errorf("the disk of %s has no room for the journal: make some, or give another place with --data (%w)", data, err)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("the disk of %s is mounted read-only: look into the machine's log why (a disk that fails is mounted so), mount it for writing, and start again (%w)", data, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the data directory %s may not be written by this user: change its owner, or give another with --data (%w)", data, err)
	}
	return fmt.Errorf("use the data directory %s: %w", data, err)
}
