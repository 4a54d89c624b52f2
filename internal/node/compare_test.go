package node

import (
	"errors"
	"testing"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
)

// TestNodeThatDiffersIsReplaced: the state of one node, the leader, comes to something
// else than that of the others. It stops leading and serving, and comes back under
// another number.
func TestNodeThatDiffersIsReplaced(t *testing.T) {
	twist := func(node string, hash uint64) uint64 {
		if node == "n1" {
			return hash + 1
		}
		return hash
	}
	nodes, token := threeNodesOn(t, func(h *Host) { h.twist = twist })
	putQueue(t, nodes[0], token, "q1")
	for i := uint64(0); i <= desk.CompareEvery; i++ {
		if _, err := nodes[1].do(t.Context(), &evenkeel.Checkpoint{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := endedBy(t, nodes[0]); !errors.Is(err, ErrOutcast) {
		t.Fatalf("it ended with %v, want %v", err, ErrOutcast)
	}
	if n := countIncidents(t, nodes[1], evenkeel.IncidentNodeDiffers, false); n != 1 {
		t.Errorf("%d incidents tell of it", n)
	}
	first := restart(t, nodes[0])
	isVoterAgain(t, first, 4, token, "q1")
	sameHashes(t, first, nodes[1], nodes[2])
	for _, n := range []*Node{first, nodes[1], nodes[2]} {
		stopNode(t, n)
	}
}
