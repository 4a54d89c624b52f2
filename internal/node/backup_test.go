package node

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/evenkeel/evenkeel/internal/backup"
)

const testPhrase = "correct horse battery"

// backUp makes a backup of a running node.
func backUp(t *testing.T, n *Node) []byte {
	t.Helper()
	write, err := n.Backup(t.Context(), testPhrase)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := write(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestBackupWhileChatsGoOn: chats are started, closed and archived all the time.
// What was acknowledged before a backup began is in it, live or archived, and
// what is restored goes on archiving.
func TestBackupWhileChatsGoOn(t *testing.T) {
	w := newTown(t)
	cat, _ := w.visitor()
	old := w.closed(cat, "Archived long before")
	w.left(old)

	var mu sync.Mutex
	var told []string // chats that were acknowledged
	ctx, stop := context.WithCancel(t.Context())
	var talk sync.WaitGroup
	talk.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			chat := w.closed(cat, fmt.Sprintf("Chat %d", i))
			mu.Lock()
			told = append(told, chat)
			mu.Unlock()
		}
	})
	var before []string
	var saved []byte
	for range 3 {
		w.until("something was archived", func() bool { mu.Lock(); defer mu.Unlock(); return len(told) > len(before) })
		mu.Lock()
		before = append([]string(nil), told...)
		mu.Unlock()
		saved = backUp(t, w.n)
	}
	stop()
	talk.Wait()
	stopNode(t, w.n)

	w.cfg.Data = filepath.Join(t.TempDir(), "restored")
	r, err := Restore(t.Context(), bytes.NewReader(saved), testPhrase, w.cfg.Data, rand.Reader)
	if err != nil || r.Fresh == r.Generation {
		t.Fatalf("restored %+v: %v", r, err)
	}
	w.n = startNode(t, w.cfg)
	defer func() { stopNode(t, w.n) }()
	if got := w.n.identity; got.Cell != r.Cell || got.Generation != r.Fresh {
		t.Errorf("the restored node is %+v", got)
	}
	// Tokens of before are good: keys and logins are state of the cell.
	w.ask("GET", "/v1/auth/me", w.admin, 200, nil)
	for _, chat := range append(before, old) {
		if c := w.ask("GET", "/v1/chats/"+chat, cat, 200, nil); c["state"] != "closed" {
			t.Errorf("chat %s is %v after the restore", chat, c["state"])
		}
	}
	// The archive takes what comes, and has no chat twice.
	dog, _ := w.visitor() // the cat may have been in a chat
	later := w.closed(dog, "After the restore")
	w.left(later)
	for _, chat := range before {
		w.left(chat)
	}
	seen := map[string]bool{}
	for cursor := ""; ; {
		page := w.ask("GET", "/v1/archive/chats?limit=200"+cursor, w.admin, 200, nil)
		for _, item := range page["items"].([]any) {
			chat := item.(map[string]any)["chat"].(map[string]any)["id"].(string)
			if seen[chat] {
				t.Errorf("chat %s is in the archive twice", chat)
			}
			seen[chat] = true
		}
		next, more := page["next"].(string)
		if !more {
			break
		}
		cursor = "&cursor=" + url.QueryEscape(next)
	}
	if !seen[later] || !seen[old] {
		t.Errorf("the archive has neither %s nor %s: %v", later, old, seen)
	}
}

// TestRestoreIsRefused: what is not whole, or not empty, changes nothing.
func TestRestoreIsRefused(t *testing.T) {
	cfg := testConfig(t)
	n := startNode(t, cfg)
	saved := backUp(t, n)
	if _, err := n.Backup(t.Context(), "short"); err == nil || !strings.Contains(err.Error(), "at least 12 bytes") {
		t.Errorf("a short passphrase: %v", err)
	}
	n.backingUp.Store(true)
	if _, err := n.Backup(t.Context(), testPhrase); err == nil || !strings.Contains(err.Error(), "being made already") {
		t.Errorf("a second backup: %v", err)
	}
	stopNode(t, n)
	parent := t.TempDir()
	try := func(b []byte, passphrase, dir string) error {
		_, err := Restore(t.Context(), bytes.NewReader(b), passphrase, dir, rand.Reader)
		return err
	}
	dir := filepath.Join(parent, "data")
	flipped := bytes.Clone(saved)
	flipped[len(flipped)/2] ^= 1
	for name, err := range map[string]error{
		"cut":     try(saved[:len(saved)-1], testPhrase, dir),
		"flipped": try(flipped, testPhrase, dir),
		"empty":   try(nil, testPhrase, dir),
	} {
		if !errors.Is(err, backup.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := try(saved, "another horse", dir); !errors.Is(err, backup.ErrPassphrase) {
		t.Errorf("another passphrase: %v", err)
	}
	if entries, err := os.ReadDir(parent); err != nil || len(entries) != 0 {
		t.Errorf("something was left: %v, %v", entries, err)
	}
	if err := try(saved, testPhrase, cfg.Data); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("over data that is there: %v", err)
	}
}

// TestBackupFails: the archive cannot be read, and whoever reads the backup is
// told why.
func TestBackupFails(t *testing.T) {
	cfg := testConfig(t)
	n := startNode(t, cfg)
	defer func() { stopNode(t, n) }()
	// A directory stands where the copy is to be.
	if err := os.MkdirAll(filepath.Join(cfg.Data, archiveDir, archiveCopyFile, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	write, err := n.Backup(t.Context(), testPhrase)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := write(t.Context(), &b); err == nil {
		t.Error("the backup was made")
	}
	if _, err := backup.Verify(&b, testPhrase); err == nil || !strings.Contains(err.Error(), "the backup was not finished: ") {
		t.Errorf("what was written says: %v", err)
	}
	if n.backingUp.Load() || n.archiveUntil.Load() != math.MaxUint64 {
		t.Error("the failed backup still holds something")
	}
}
