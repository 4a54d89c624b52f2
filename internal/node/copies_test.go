package node

import (
	"bytes"
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/auth"
	"github.com/evenkeel/evenkeel/internal/backup"
	"github.com/evenkeel/evenkeel/internal/desk"
)

// atLoopback lets other nodes reach a node of a test.
func atLoopback(c *Config) { c.Cluster = "127.0.0.1:0" }

// at is the town as its people meet it at another node.
func (w *town) at(n *Node) *town {
	o := *w
	o.n, o.cfg = n, n.cfg
	return &o
}

// copied waits until a node's copy is whole, live and of so many chats.
func (w *town) copied(chats int64) {
	w.t.Helper()
	w.until("a whole copy at "+w.n.identity.Node, func() bool {
		s := w.n.archive.Status()
		return s.State == evenkeel.CopyLive.String() && s.Chats == chats && s.Missing == 0 && s.Behind == 0
	})
}

// finds waits until a search gives a chat.
func (w *town) finds(words, chat string) {
	w.t.Helper()
	w.until(chat+" is found by "+words, func() bool {
		status, got := w.get("/v1/archive/chats?q="+words, w.admin)
		return status == 200 && strings.Contains(got, `"`+chat+`"`)
	})
}

// TestCopiesOfAnArchive is the life of an archive on three nodes: those that join
// late get what has left the desk long before, one that loses its file or finds it
// spoilt gets it again, what was erased stays erased, a node that keeps none reads
// those of others, and so does a backup.
func TestCopiesOfAnArchive(t *testing.T) {
	w := newTown(t, atLoopback)
	cat, id := w.visitor()
	old := w.closed(cat, "An antique parcel")
	w.left(old)
	nodes := []*Node{w.n, joinNode(t, w.n, "keel-2"), joinNode(t, w.n, "keel-3"), joinNode(t, w.n, "keel-4", func(c *Config) { c.Archive = archiveNone })}
	defer func() {
		for _, n := range nodes {
			stopNode(t, n)
		}
	}()
	for _, n := range nodes[:3] {
		w.at(n).copied(1)
		w.at(n).finds("antique", old)
	}
	dog, _ := w.visitor()
	later := w.at(nodes[1]).closed(dog, "A modern parcel")
	w.left(later)

	// The file of one is deleted, that of another is spoilt.
	gone, spoilt := w.at(nodes[1]), w.at(nodes[2])
	gone.copied(2)
	spoilt.copied(2)
	if err := os.Remove(gone.file()); err != nil {
		t.Fatal(err)
	}
	gone.until("its loss is noticed", func() bool { return gone.n.archive.Status().Chats < 2 })
	gone.copied(2)
	spoil(t, spoilt)
	spoilt.until("it is set aside", func() bool {
		_ = spoilt.n.archive.Check(t.Context()) // it meets the damage
		_, err := os.Stat(spoilt.file() + ".damaged-1")
		return err == nil
	})
	spoilt.copied(2)
	spoilt.finds("antique", old)

	// A node without a copy: read, find, judge, export.
	none := w.at(nodes[3])
	if none.n.archive != nil {
		t.Fatal("it has a copy")
	}
	none.finds("antique", old)
	none.ask("GET", "/v1/chats/"+old, cat, 200, nil)
	none.ask("POST", "/v1/chats/"+old+"/rating", cat, 200, map[string]any{"score": 4})
	note := none.ask("POST", "/v1/chats/"+old+"/messages", none.admin, 201, map[string]any{"text": "sent again", "kind": "note", "id": "note-1"})
	if note["number"] != 1.0 {
		t.Errorf("the note is %v", note)
	}
	if status, text := none.get("/v1/chats/"+old+"/export?format=text", none.admin); status != 200 || !strings.Contains(text, "antique") || !strings.Contains(text, "sent again") {
		t.Errorf("the export of one is %d %q", status, text)
	}
	if status, text := none.get("/v1/archive/export", none.admin); status != 200 || strings.Count(text, "\n") != 2 || !strings.Contains(text, "modern") {
		t.Errorf("the export is %d %q", status, text)
	}
	none.ask("GET", "/v1/chats/c9", none.admin, 404, nil)

	// A backup made there has the archive of another.
	saved := backUp(t, none.n)
	header, err := backup.Verify(bytes.NewReader(saved), testPhrase)
	if err != nil || !header.Archive {
		t.Fatalf("%+v, %v", header, err)
	}
	r, err := Restore(t.Context(), bytes.NewReader(saved), testPhrase, filepath.Join(t.TempDir(), "restored"), rand.Reader)
	if err != nil {
		t.Fatal(r, err)
	}

	none.ask("DELETE", "/v1/customers/"+id, none.admin, 200, nil)
	for _, n := range nodes[:3] {
		copied := w.at(n)
		copied.until("the erasure", func() bool {
			_, got := copied.get("/v1/archive/chats?q=antique", copied.admin)
			return !strings.Contains(got, old)
		})
	}
	sameHashes(t, nodes...)

	// Who is removed is not counted any more, and the last voter stays.
	w.ask("POST", "/v1/cell/nodes/"+nodes[2].identity.Node+"/remove", w.admin, 204, nil)
	w.until("it is not counted", func() bool { return len(w.state().Copies) == 2 })
}

// spoil overwrites pages of a node's archive.
func spoil(t *testing.T, w *town) {
	t.Helper()
	if err := w.n.archive.Backup(t.Context(), w.file()+".probe"); err != nil { // so that there are pages to be read again
		t.Fatal(err)
	}
	f, err := os.OpenFile(w.file(), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	for at := int64(4096); at < 20*4096; at += 4096 {
		if _, err := f.WriteAt(bytes.Repeat([]byte{0xff}, 4096), at); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestTheOnlyVoterStays: without it a cell could decide nothing, not even this.
func TestTheOnlyVoterStays(t *testing.T) {
	w := newTown(t, atLoopback)
	w.ask("POST", "/v1/cell/nodes/n1/remove", w.admin, 409, nil)
	invitation, err := w.n.Invite(t.Context(), evenkeel.System(), evenkeel.Hour)
	if err != nil {
		t.Fatal(err)
	}
	// It has joined, and is never seen: it gets no vote.
	w.do(&evenkeel.NodeJoin{Hash: auth.Hash(invitation.Token), Key: make([]byte, 32)})
	defer stopNode(t, w.n)
	refused := w.ask("POST", "/v1/cell/nodes/n1/remove", w.admin, 409, nil)
	if detail, _ := refused["detail"].(string); !strings.Contains(detail, "n1 is the only voter of the cell") {
		t.Errorf("the refusal is %v", refused)
	}
	w.ask("POST", "/v1/cell/nodes/n2/remove", w.admin, 204, nil)
}

// TestNoCopyAnswers: where all copies but this one's are away, and this one is not
// whole, nobody is told that a chat does not exist.
func TestNoCopyAnswers(t *testing.T) {
	w := newTown(t, atLoopback)
	cat, _ := w.visitor()
	old := w.closed(cat, "An antique parcel")
	w.left(old)
	none := joinNode(t, w.n, "keel-2", func(c *Config) { c.Archive = archiveNone })
	defer stopNode(t, none)
	w.at(none).finds("antique", old)
	stopNode(t, w.n)
	away := w.at(none)
	away.until("it is told", func() bool {
		status, got := away.get("/v1/chats/"+old, cat)
		return status == 503 && strings.Contains(got, "no node that has one answers")
	})
	if _, err := none.Backup(t.Context(), testPhrase); evenkeel.ErrorCode(err) != evenkeel.CodeNoLeader {
		t.Errorf("a backup without a leader: %v", err)
	}
	var there bool
	none.replica.View(func(d *desk.Desk) { there = d.Archived(old) })
	if !there {
		t.Error("the chat has not left")
	}
}

// TestRestoreLeavesTheOthersBehind: a cell that was restored is one node, and a node of
// the cell as it was before is told what to do.
func TestRestoreLeavesTheOthersBehind(t *testing.T) {
	w := newTown(t, atLoopback)
	cat, _ := w.visitor()
	old := w.closed(cat, "An antique parcel")
	w.left(old)
	other := joinNode(t, w.n, "keel-2")
	defer stopNode(t, other)
	w.at(other).copied(1)
	saved := backUp(t, other)
	cfg := w.cfg
	cfg.Cluster, cfg.Data = w.n.clusterListener.Addr().String(), filepath.Join(t.TempDir(), "restored")
	stopNode(t, w.n)
	r, err := Restore(t.Context(), bytes.NewReader(saved), testPhrase, cfg.Data, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	again := startNode(t, cfg)
	defer stopNode(t, again)
	w.at(again).finds("antique", old)
	eventually(t, "the other is told", func() bool {
		other.cluster.mu.Lock()
		defer other.cluster.mu.Unlock()
		return strings.Contains(other.cluster.others[1].told, "the cell goes on as generation "+r.Fresh)
	})
	if nodes, _ := again.nodes(); len(nodes) != 1 || again.identity.Node != "n1" {
		t.Errorf("the restored cell has the nodes %+v", nodes)
	}
}

// TestRefillWhileChatsGoOn: nodes join and lose their files while chats are closed and
// leave all the time. In the end every copy has every chat.
func TestRefillWhileChatsGoOn(t *testing.T) {
	w := newTown(t, atLoopback)
	cat, _ := w.visitor()
	w.left(w.closed(cat, "The first"))
	ctx, stop := context.WithCancel(t.Context())
	var talk sync.WaitGroup
	var closed atomic.Int64
	closed.Store(1)
	talk.Go(func() {
		for ctx.Err() == nil {
			w.closed(cat, "One more")
			closed.Add(1)
		}
	})
	nodes := []*Node{w.n, joinNode(t, w.n, "keel-2"), joinNode(t, w.n, "keel-3")}
	whole := func(n *Node) bool {
		s := n.archive.Status()
		return s.State == evenkeel.CopyLive.String() && s.Missing == 0 && s.Chats > 1
	}
	for _, n := range nodes {
		w.until(n.identity.Node+" has a copy", func() bool { return whole(n) })
	}
	for _, n := range nodes[1:] {
		had := n.archive.Status().Chats
		if err := os.Remove(w.at(n).file()); err != nil {
			t.Fatal(err)
		}
		w.until(n.identity.Node+" has it again", func() bool { return whole(n) && n.archive.Status().Chats > had })
	}
	stop()
	talk.Wait()
	for _, n := range nodes {
		w.at(n).copied(closed.Load())
		if err := n.archive.Check(t.Context()); err != nil {
			t.Errorf("%s: %v", n.identity.Node, err)
		}
	}
	sameHashes(t, nodes...)
	for _, n := range nodes {
		stopNode(t, n)
	}
}
