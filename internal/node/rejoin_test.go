package node

import (
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel"
)

// votersOf returns those of a node's cell, by their numbers.
func votersOf(n *Node) []uint64 {
	return slices.Sorted(slices.Values(n.replica.Status().Members.GetVoters()))
}

// restart starts a node again on its data, where the others know it, and without what
// it joined with.
func restart(t *testing.T, n *Node) *Node {
	t.Helper()
	cfg := n.cfg
	cfg.Join, cfg.Token, cfg.Cluster = "", "", n.clusterAddress()
	return startNode(t, cfg)
}

// endedBy waits until a node comes to its end by itself.
func endedBy(t *testing.T, n *Node) error {
	t.Helper()
	select {
	case <-n.Done():
	case <-t.Context().Done():
		t.Fatal("the node goes on")
	}
	err := n.Err()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if stopped := n.Stop(ctx); stopped != nil {
		t.Errorf("stop: %v", stopped)
	}
	return err
}

func putQueue(t *testing.T, n *Node, token, id string) {
	t.Helper()
	if status, got := ask(t, n, "PUT", "/v1/queues/"+id, token, map[string]any{"name": id}); status != 201 && status != 200 {
		t.Fatalf("%s answers %d %v", n.identity.Node, status, got)
	}
}

// isVoterAgain waits until a node goes on under another number, and is one of three voters.
func isVoterAgain(t *testing.T, n *Node, number uint64, token, queue string) {
	t.Helper()
	if n.replica.ID() != number || n.identity.Node != nodeID(number) {
		t.Fatalf("it is %d (%s), want %d", n.replica.ID(), n.identity.Node, number)
	}
	eventually(t, "three voters, with the new number", func() bool {
		voters := votersOf(n)
		return len(voters) == 3 && slices.Contains(voters, number) && n.notReady() == ""
	})
	if status, got := ask(t, n, "GET", "/v1/queues/"+queue, token, nil); status != 200 {
		t.Fatalf("it has not got what was acknowledged: %d %v", status, got)
	}
	aside, err := filepath.Glob(filepath.Join(n.cfg.Data, journalDir+".n*"))
	if err != nil || len(aside) == 0 {
		t.Errorf("nothing was set aside (%v)", err)
	}
	for _, left := range []string{joinFile, outcastFile} {
		if _, err := os.Stat(filepath.Join(n.cfg.Data, left)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left: %v", left, err)
		}
	}
	_, got := ask(t, n, "GET", "/v1/incidents?state=open", token, nil)
	open := slices.ContainsFunc(got["items"].([]any), func(i any) bool {
		m := i.(map[string]any)
		return m["kind"] == evenkeel.IncidentNodeRejoined && m["subject"] == n.identity.Node
	})
	if !open {
		t.Error("the operator was not told")
	}
}

// TestDamagedMemberComesBackAsAnother: a byte of a member's journal flips while it is
// down, or all of the journal is gone. It is a voter again with nobody at the keyboard.
func TestDamagedMemberComesBackAsAnother(t *testing.T) {
	nodes, token := threeNodes(t)
	putQueue(t, nodes[0], token, "q1")
	sameHashes(t, nodes...)
	stopNode(t, nodes[2])
	damage(t, nodes[2])
	third := restart(t, nodes[2])
	isVoterAgain(t, third, 4, token, "q1")

	putQueue(t, third, token, "q2")
	sameHashes(t, nodes[0], nodes[1], third)
	stopNode(t, nodes[0]) // the founder, who led
	if err := os.RemoveAll(filepath.Join(nodes[0].cfg.Data, journalDir)); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(nodes[0].cfg.Data, journalDir+".n1.before"), 0o700); err != nil {
		t.Fatal(err)
	}
	first := restart(t, nodes[0])
	isVoterAgain(t, first, 5, token, "q2")
	sameHashes(t, first, nodes[1], third)
	third = again(t, third)
	if third.replica.ID() != 4 {
		t.Errorf("a start later it is %d", third.replica.ID())
	}
	sameHashes(t, first, nodes[1], third)
	for _, n := range []*Node{first, nodes[1], third} {
		stopNode(t, n)
	}
}

func again(t *testing.T, n *Node) *Node {
	t.Helper()
	stopNode(t, n)
	return restart(t, n)
}

// damage flips a bit in the first batch of a stopped node's journal.
func damage(t *testing.T, n *Node) {
	t.Helper()
	path, content := firstSegment(t, n)
	content[payloads(content)[0]+110] ^= 4
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func firstSegment(t *testing.T, n *Node) (path string, content []byte) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(n.cfg.Data, journalDir, "log-*"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("no segments: %v", err)
	}
	slices.Sort(logs)
	if content, err = os.ReadFile(logs[0]); err != nil {
		t.Fatal(err)
	}
	return logs[0], content
}

// payloads are where batches begin in a segment, which has them on whole sectors.
func payloads(segment []byte) []int {
	var at []int
	for i := 8192; i < len(segment); i += 512 {
		if string(segment[i:i+4]) == "EKBP" {
			at = append(at, i)
		}
	}
	return at
}

// TestMemberThatWentBackComesBackAsAnother: an old copy of a member's data was put back
// while the leader lives, who knows what it had acknowledged.
func TestMemberThatWentBackComesBackAsAnother(t *testing.T) {
	nodes, token := threeNodes(t)
	putQueue(t, nodes[0], token, "q1")
	sameHashes(t, nodes...)
	stopNode(t, nodes[2])
	data := filepath.Join(nodes[2].cfg.Data, journalDir)
	old := filepath.Join(t.TempDir(), "old")
	if err := os.CopyFS(old, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	third := restart(t, nodes[2])
	putQueue(t, nodes[0], token, "q2")
	sameHashes(t, nodes[0], nodes[1], third)
	stopNode(t, third)
	if err := errors.Join(os.RemoveAll(data), os.CopyFS(data, os.DirFS(old))); err != nil {
		t.Fatal(err)
	}
	back := restart(t, third)
	if err := endedBy(t, back); !errors.Is(err, ErrOutcast) {
		t.Fatalf("it ended with %v, want %v", err, ErrOutcast)
	}
	third = restart(t, back)
	isVoterAgain(t, third, 4, token, "q2")
	for _, n := range []*Node{nodes[0], nodes[1], third} {
		stopNode(t, n)
	}
}

// TestTornLastWriteOfAMember: all machines lose power, and one of them tears its last
// write. It starts, and has what the others have.
func TestTornLastWriteOfAMember(t *testing.T) {
	nodes, token := threeNodes(t)
	sameHashes(t, nodes...)
	for i := 0; ; i++ {
		putQueue(t, nodes[0], token, "q1")
		sameHashes(t, nodes...)
		for _, n := range nodes {
			stopNode(t, n)
		}
		torn := tearLast(t, nodes[2])
		for k := range nodes {
			nodes[k] = restart(t, nodes[k])
		}
		if torn {
			break
		}
		if i == 20 {
			t.Fatal("the last write never has an entry")
		}
	}
	for _, n := range nodes {
		eventually(t, "the cell to serve", func() bool { return n.notReady() == "" && len(votersOf(n)) == 3 })
	}
	putQueue(t, nodes[2], token, "q2")
	sameHashes(t, nodes...)
	if got := votersOf(nodes[2]); !slices.Equal(got, []uint64{1, 2, 3}) || nodes[2].replica.Status().Doubting {
		t.Errorf("the voters are %v, in doubt %t", got, nodes[2].replica.Status().Doubting)
	}
	for _, n := range nodes {
		stopNode(t, n)
	}
}

// tearLast blanks the last batch of a stopped node's journal but for its descriptor, if
// it has entries.
func tearLast(t *testing.T, n *Node) bool {
	t.Helper()
	path, content := firstSegment(t, n)
	all := payloads(content)
	last := all[len(all)-1]
	if binary.LittleEndian.Uint64(content[last+16:]) == 0 {
		return false
	}
	clear(content[last : last+512])
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return true
}

// TestRemovedNodeSaysSo: who was removed by the operator is told, and ends.
func TestRemovedNodeSaysSo(t *testing.T) {
	nodes, token := threeNodes(t)
	if status, got := ask(t, nodes[0], "POST", "/v1/cell/nodes/n3/remove", token, nil); status != 204 {
		t.Fatalf("remove: %d %v", status, got)
	}
	if err := endedBy(t, nodes[2]); err == nil || !strings.Contains(err.Error(), "n3 was removed from the cell by its operator") {
		t.Fatalf("it ended with %v", err)
	}
	cfg := nodes[2].cfg
	cfg.Join, cfg.Token = "", ""
	back, err := Start(t.Context(), cfg, testHost(t))
	if err == nil {
		err = endedBy(t, back)
	}
	if err == nil || !strings.Contains(err.Error(), "n3 was removed from the cell by its operator") {
		t.Fatalf("started again it ended with %v", err)
	}
	eventually(t, "two voters", func() bool { return slices.Equal(votersOf(nodes[0]), []uint64{1, 2}) })
	for _, n := range nodes[:2] {
		stopNode(t, n)
	}
}
