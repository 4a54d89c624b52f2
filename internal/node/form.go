package node

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/auth"
)

// What is sealed with the cell key, by purpose.
const purposeVisitors = "visitors' tokens"

// adminEmail is the first admin's address.
const adminEmail = "admin@localhost"

// FirstRun is what only the process that formed the cell knows, and has to
// tell its operator.
type FirstRun struct {
	StartToken string // of the link; one use, 15 minutes
	Email      string
	Password   string // one-time; empty if the operator had chosen one
}

// FirstRun returns what there is to tell after forming the cell; nil if the cell
// was there before.
func (n *Node) FirstRun() *FirstRun { return n.firstRun }

// form makes the cell: its ids, its key for visitors' tokens, and its admin.
func (n *Node) form(ctx context.Context) error {
	first := &FirstRun{Email: adminEmail}
	password := n.host.AdminPassword
	var err error
	if password == "" {
		if first.Password, err = newPassword(n.host.Random); err != nil {
			return err
		}
		password = first.Password
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
	if first.StartToken, err = auth.NewToken(n.host.Random, auth.StartTokenPrefix); err != nil {
		return err
	}
	key := make([]byte, 32)
	if _, err := io.ReadFull(n.host.Random, key); err != nil {
		return fmt.Errorf("make the key of visitors' tokens: %w", err)
	}
	sealed, err := n.keys.seal(purposeVisitors, key)
	if err != nil {
		return err
	}
	_, err = n.do(ctx, &evenkeel.CellForm{
		CellID: n.identity.Cell, Generation: n.identity.Generation, Wall: evenkeel.TimeOf(time.Now()), Limits: evenkeel.DefaultLimits(),
		Admin:    evenkeel.Agent{ID: "admin", Name: "Admin", Email: adminEmail, Role: evenkeel.RoleAdmin, Capacity: evenkeel.DefaultCapacity},
		Password: hash, OneTime: first.Password != "", StartHash: auth.Hash(first.StartToken), VisitorKey: sealed,
	})
	if err != nil {
		return fmt.Errorf("form the cell: %w", err)
	}
	n.firstRun = first
	return nil
}

// newPassword returns 80 random bits as somebody can type them.
func newPassword(random io.Reader) (string, error) {
	id, err := auth.NewID(random, "")
	if err != nil {
		return "", err
	}
	return strings.Join([]string{id[0:4], id[4:8], id[8:12], id[12:16]}, "-"), nil
}
