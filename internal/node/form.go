package node

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/auth"
	"github.com/evenkeel/evenkeel/internal/desk"
	"github.com/evenkeel/evenkeel/internal/transport"
)

// What is sealed with the cell key, by purpose.
const (
	purposeVisitors  = "visitors' tokens"
	purposeAuthority = "the authority's key"
)

// adminEmail is the first admin's address.
const adminEmail = "admin@localhost"

// FirstRun is how the operator of a new cell gets in. It is told until somebody
// has: an output that was lost, or a process that died before it could say it,
// must lock nobody out.
type FirstRun struct {
	StartToken string // of the link; one use, 15 minutes
	Email      string
	Password   string // one-time; empty if the operator had chosen one
}

// FirstRun returns what there is to tell about a cell that is new; nil if
// somebody has signed in, or could have for 15 minutes.
func (n *Node) FirstRun() *FirstRun { return n.firstRun }

// firstSecrets derives the link's token and the one-time password from the cell
// key, so that they lie nowhere and can still be told again.
func (n *Node) firstSecrets() (*FirstRun, error) {
	token, err := auth.NewToken(n.derive("first-run link"), auth.StartTokenPrefix)
	if err != nil {
		return nil, err
	}
	password, err := auth.NewPassword(n.derive("one-time password"))
	if err != nil {
		return nil, err
	}
	return &FirstRun{StartToken: token, Email: adminEmail, Password: password}, nil
}

// derive returns 32 bytes that only who has the cell key can know.
func (n *Node) derive(purpose string) io.Reader {
	mac := hmac.New(sha256.New, n.cellKey)
	mac.Write([]byte(purpose + " of " + n.identity.Cell))
	return bytes.NewReader(mac.Sum(nil))
}

// recallFirstRun finds out whether nobody has come in yet: neither the link nor
// the one-time password was used.
func (n *Node) recallFirstRun() error {
	first, err := n.firstSecrets()
	if err != nil {
		return err
	}
	n.replica.View(func(d *desk.Desk) {
		hash, _, good := d.StartLink()
		admin, _ := d.Credentials(evenkeel.DefaultWorkspace, adminEmail)
		if good && hash == auth.Hash(first.StartToken) && admin.MustChange {
			n.firstRun = first
		}
	})
	return nil
}

// form makes the cell: its ids, its key for visitors' tokens, and its admin.
func (n *Node) form(ctx context.Context) error {
	first, err := n.firstSecrets()
	if err != nil {
		return err
	}
	password := first.Password
	if n.host.AdminPassword != "" {
		password, first.Password = n.host.AdminPassword, ""
	}
	passwords, err := auth.NewPasswords(n.host.Random, n.host.PasswordCost, 1)
	if err != nil {
		return err
	}
	hash, err := passwords.Hash(ctx, password)
	if evenkeel.ErrorCode(err) == evenkeel.CodeBadRequest {
		return settingError("EVENKEEL_ADMIN_PASSWORD", "%v", err)
	} else if err != nil {
		return fmt.Errorf("hash the admin's password: %w", err)
	}
	debug.FreeOSMemory() // a hash takes as much as all else, and none follows for a while
	key := make([]byte, 32)
	if _, err := io.ReadFull(n.host.Random, key); err != nil {
		return fmt.Errorf("make the key of visitors' tokens: %w", err)
	}
	sealed, err := n.keys.seal(purposeVisitors, key)
	if err != nil {
		return err
	}
	authority, err := transport.NewAuthority(n.host.Random, n.identity.Cell, n.host.wall())
	if err != nil {
		return err
	}
	authorityKey, err := n.keys.seal(purposeAuthority, authority.Key())
	if err != nil {
		return err
	}
	_, err = n.do(ctx, &evenkeel.CellForm{
		CellID: n.identity.Cell, Generation: n.identity.Generation, Wall: evenkeel.TimeOf(n.host.wall()), Limits: evenkeel.DefaultLimits(),
		Admin:    evenkeel.Agent{ID: "admin", Name: "Admin", Email: adminEmail, Role: evenkeel.RoleOperator, Capacity: evenkeel.DefaultCapacity},
		Password: hash, OneTime: first.Password != "", StartHash: auth.Hash(first.StartToken), VisitorKey: sealed,
		Authority: authority.Certificate(), AuthorityKey: authorityKey,
	})
	if err != nil {
		return fmt.Errorf("form the cell: %w", err)
	}
	n.firstRun = first
	return nil
}
