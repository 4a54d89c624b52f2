package node

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/internal/desk"
)

// TestRecoverTheLastSurvivor: two nodes of three are gone for good. The third goes on
// as a cell of its own with all that it had; an old one that comes back is told so, and
// two new ones make three again.
func TestRecoverTheLastSurvivor(t *testing.T) {
	w := newTown(t, atLoopback)
	first := w.n
	second, third := joinNode(t, first, "keel-2"), joinNode(t, first, "keel-3")
	cat, _ := w.visitor()
	old := w.closed(cat, "An antique parcel")
	w.left(old)
	live := w.ask("POST", "/v1/chats", cat, 201, map[string]any{"message": "Where is it?"})["chat"].(map[string]any)["id"].(string)
	left := w.at(third)
	left.copied(1)
	sameHashes(t, first, second, third)
	voters(t, first, 3)
	generation := third.identity.Generation

	data := third.cfg.Data
	if _, err := OpenSurvivor(data); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Fatalf("of a running node: %v", err)
	}
	cfg := third.cfg
	cfg.Cluster = third.clusterListener.Addr().String()
	for _, n := range []*Node{first, second, third} {
		stopNode(t, n)
	}
	s, err := OpenSurvivor(data)
	if err != nil {
		t.Fatal(err)
	}
	if s.Node != "n3" || s.Generation != generation || s.Chats != 1 || len(s.Others) != 2 || s.Others[0].ID != "n1" || s.Torn {
		t.Errorf("the survivor is %+v", s)
	}
	if _, err := Start(t.Context(), cfg, testHost(t)); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("a start while it is recovered: %v", err)
	}
	made, err := s.Recover(t.Context(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(data, made.Aside, "LOCK")); err != nil {
		t.Error("the old journal is not kept:", err)
	}
	// The last step was cut off: the start does it.
	if err := os.Rename(filepath.Join(data, journalDir), filepath.Join(data, newJournalDir)); err != nil {
		t.Fatal(err)
	}

	again := startNode(t, cfg)
	left = w.at(again)
	if got := again.identity; got.Generation != made.Generation || got.Generation == generation || got.Node != "n3" {
		t.Errorf("the new cell is %+v", got)
	}
	left.ask("GET", "/v1/chats/"+live, cat, 200, nil)
	left.finds("antique", old)
	dog, _ := left.visitor()
	closed := left.closed(dog, "A chat of the new cell")
	left.left(closed)
	status := left.ask("GET", "/v1/cell", left.admin, 200, nil)
	if status["state"] != "healthy" || status["voters"] != 1.0 || len(status["nodes"].([]any)) != 1 {
		t.Errorf("the new cell is %v", status)
	}

	// One of the old generation comes back, and can do nothing.
	back := startNode(t, first.cfg)
	eventually(t, "it is told", func() bool {
		back.cluster.mu.Lock()
		defer back.cluster.mu.Unlock()
		return strings.Contains(back.cluster.others[3].told, "under another authority of the cell")
	})
	if back.replica.Status().Leader != 0 || len(again.replica.Status().Members.GetVoters()) != 1 {
		t.Error("the old node takes part in something")
	}
	stopNode(t, back)

	nodes := []*Node{again, joinNode(t, again, "keel-4"), joinNode(t, again, "keel-5")}
	voters(t, again, 3)
	for _, n := range nodes[1:] {
		w.at(n).copied(2)
		w.at(n).finds("antique", old)
	}
	if nodes[1].identity.Node != "n4" || nodes[1].identity.Generation != made.Generation {
		t.Errorf("the first to join is %+v", nodes[1].identity)
	}
	sameHashes(t, nodes...)
	for _, n := range nodes {
		stopNode(t, n)
	}
}

// voters waits until a cell has so many.
func voters(t *testing.T, n *Node, count int) {
	t.Helper()
	eventually(t, "the voters", func() bool { return len(n.replica.Status().Members.GetVoters()) == count && n.notReady() == "" })
}

// TestRecoverIsRefused where there is nothing to recover, or nothing to do it with.
func TestRecoverIsRefused(t *testing.T) {
	if _, err := OpenSurvivor(t.TempDir()); err == nil || !strings.Contains(err.Error(), "there is no node's data") {
		t.Errorf("an empty directory: %v", err)
	}
	cfg := testConfig(t)
	n := startNode(t, cfg)
	var formed bool
	n.replica.View(func(d *desk.Desk) { formed = d.Formed() })
	stopNode(t, n)
	s, err := OpenSurvivor(cfg.Data)
	if err != nil || !formed || len(s.Others) != 0 {
		t.Fatalf("a cell of one: %+v, %v", s, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(cfg.Data, cellKeyFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenSurvivor(cfg.Data); err == nil || !strings.Contains(err.Error(), "is missing") {
		t.Errorf("without the cell key: %v", err)
	}
}
