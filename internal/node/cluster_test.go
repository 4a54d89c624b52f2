package node

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
)

// joinNode starts a node that joins the cell of another.
func joinNode(t *testing.T, to *Node, name string, change ...func(*Config)) *Node {
	t.Helper()
	invitation, err := to.Invite(t.Context(), evenkeel.System(), evenkeel.Hour)
	if err != nil {
		t.Fatal(err)
	}
	cfg := testConfig(t)
	cfg.Name, cfg.Cluster, cfg.Join, cfg.Token = name, "127.0.0.1:0", invitation.Join, invitation.Token
	for _, c := range change {
		c(&cfg)
	}
	return startNode(t, cfg)
}

// eventually waits for something that other processes bring about.
func eventually(t *testing.T, what string, met func() bool) {
	t.Helper()
	limit, look := time.After(time.Minute), time.NewTicker(5*time.Millisecond)
	defer look.Stop()
	for !met() {
		select {
		case <-look.C:
		case <-limit:
			t.Fatalf("waited for %s", what)
		}
	}
}

func threeNodes(t *testing.T) (nodes []*Node, token string) {
	t.Helper()
	return threeNodesOn(t, func(*Host) {})
}

// threeNodesOn starts the first of them on a host of the test's own making.
func threeNodesOn(t *testing.T, change func(*Host)) (nodes []*Node, token string) {
	t.Helper()
	cfg, host := testConfig(t), testHost(t)
	cfg.Cluster = "127.0.0.1:0"
	change(&host)
	first, err := Start(t.Context(), cfg, host)
	if err != nil {
		t.Fatal(err)
	}
	token = signIn(t, first)
	nodes = []*Node{first, joinNode(t, first, "keel-2"), joinNode(t, first, "keel-3")}
	for _, n := range nodes {
		eventually(t, "three voters at "+n.identity.Node, func() bool {
			return len(n.replica.Status().Members.GetVoters()) == 3 && cellOf{n}.Status().State == "healthy" && n.notReady() == ""
		})
	}
	return nodes, token
}

func signIn(t *testing.T, n *Node) string {
	t.Helper()
	_, got := ask(t, n, "POST", "/v1/auth/login", "", map[string]any{"email": adminEmail, "password": n.FirstRun().Password})
	token, _ := got["token"].(string)
	if token == "" {
		t.Fatalf("no login: %v", got)
	}
	return token
}

// TestThreeNodesServeAndLoseTheirLeader is a cell's life through its API: it grows
// from one to three while it serves, each node answers and takes commands, and
// the loss of the leader is a pause.
func TestThreeNodesServeAndLoseTheirLeader(t *testing.T) {
	nodes, token := threeNodes(t)
	for i, n := range nodes {
		status, got := ask(t, n, "PUT", fmt.Sprintf("/v1/queues/q%d", i), token, map[string]any{"name": fmt.Sprint("Queue ", i)})
		if status != 201 {
			t.Fatalf("%s answers %d %v", n.identity.Node, status, got)
		}
		// Whoever was answered finds what he did at the same node.
		if status, got := ask(t, n, "GET", fmt.Sprintf("/v1/queues/q%d", i), token, nil); status != 200 {
			t.Fatalf("%s does not find its own: %d %v", n.identity.Node, status, got)
		}
	}
	_, got := ask(t, nodes[1], "GET", "/v1/cell", token, nil)
	if got["voters"] != 3.0 || got["tolerates"] != 1.0 || len(got["nodes"].([]any)) != 3 {
		t.Fatalf("the cell is %v", got)
	}

	stopNode(t, nodes[0])
	status, got := ask(t, nodes[2], "PUT", "/v1/queues/q9", token, map[string]any{"name": "After"})
	if status != 201 {
		t.Fatalf("without the first leader: %d %v", status, got)
	}
	eventually(t, "the other to have it, too", func() bool {
		status, _ := ask(t, nodes[1], "GET", "/v1/queues/q9", token, nil)
		return status == 200
	})
	again := startNode(t, nodes[0].cfg)
	eventually(t, "the first to be back", func() bool {
		status, _ := ask(t, again, "GET", "/v1/queues/q9", token, nil)
		return status == 200 && again.notReady() == ""
	})
	sameHashes(t, again, nodes[1], nodes[2])
	for _, n := range []*Node{again, nodes[1], nodes[2]} {
		stopNode(t, n)
	}
}

// sameHashes waits until all have applied the same, and compares what it came to.
func sameHashes(t *testing.T, nodes ...*Node) {
	t.Helper()
	type sum struct{ index, hash uint64 }
	var last []sum
	eventually(t, "all to have applied the same", func() bool {
		last = last[:0]
		for _, n := range nodes {
			n.replica.View(func(d *desk.Desk) { last = append(last, sum{d.Index(), d.Status().Hash}) })
		}
		for _, s := range last {
			if s.index != last[0].index {
				return false
			}
		}
		return true
	})
	for _, s := range last {
		if s.hash != last[0].hash {
			t.Fatalf("the nodes differ: %v", last)
		}
	}
}

// TestJoinIsRefusedWithAReason: whoever may not join is told why.
func TestJoinIsRefusedWithAReason(t *testing.T) {
	cfg := testConfig(t)
	cfg.Cluster = "127.0.0.1:0"
	n := startNode(t, cfg)
	defer func() { stopNode(t, n) }()
	invitation, err := n.Invite(t.Context(), evenkeel.System(), evenkeel.Hour)
	if err != nil {
		t.Fatal(err)
	}
	other := startNode(t, func() Config { c := testConfig(t); c.Cluster = "127.0.0.1:0"; return c }())
	defer func() { stopNode(t, other) }()
	forged := invitation.Token[:6] + "AAAAAAAA" + invitation.Token[14:]
	for _, c := range []struct{ join, token, want string }{
		{invitation.Join, "ekj_short", "copied whole"},
		{invitation.Join, forged, "the token is not good"},
		{other.clusterAddress(), invitation.Token, "another cell answers there"},
		{"127.0.0.1:1", invitation.Token, "no node of a cell answers there"},
	} {
		cfg := testConfig(t)
		cfg.Cluster, cfg.Join, cfg.Token = "127.0.0.1:0", c.join, c.token
		joined, err := Start(t.Context(), cfg, testHost(t))
		if err == nil {
			stopNode(t, joined)
			t.Fatalf("%s with %s was let in", c.join, c.token)
		}
		if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q does not say %q", err, c.want)
		}
	}
}

// TestEveryNodeKnowsAtOnce: what one node has acknowledged no other denies, though
// the caller does not say what he has seen.
func TestEveryNodeKnowsAtOnce(t *testing.T) {
	nodes, token := threeNodes(t)
	for i := range 20 {
		id := fmt.Sprintf("agent-%d", i)
		at, other, third := nodes[i%3], nodes[(i+1)%3], nodes[(i+2)%3]
		if status, got := ask(t, at, "PUT", "/v1/agents/"+id, token, map[string]any{
			"name": id, "email": id + "@localhost", "password": "correct horse battery", "capacity": 2,
		}); status != 201 {
			t.Fatalf("%d %v", status, got)
		}
		status, got := ask(t, other, "POST", "/v1/auth/login", "", map[string]any{"email": id + "@localhost", "password": "correct horse battery"})
		if status != 200 {
			t.Fatalf("round %d: %s does not know the agent that %s has made: %d %v", i, other.identity.Node, at.identity.Node, status, got)
		}
		if status, got := ask(t, third, "GET", "/v1/auth/me", got["token"].(string), nil); status != 200 {
			t.Fatalf("round %d: %s does not know the login of %s: %d %v", i, third.identity.Node, other.identity.Node, status, got)
		}
	}
	for _, n := range nodes {
		stopNode(t, n)
	}
}

// TestNineNodesLoseTwoForGood: of nine nodes five vote. When two of them are gone two
// that stand by have their votes, with nobody at the keyboard; when they are back they
// stand by.
func TestNineNodesLoseTwoForGood(t *testing.T) {
	cfg := testConfig(t)
	cfg.Cluster = "127.0.0.1:0"
	first := startNode(t, cfg)
	token := signIn(t, first)
	limits := evenkeel.DefaultLimits()
	limits.ReplaceAfter = 10 * evenkeel.Second
	_, key := localKey(t, cfg.Data)
	if status, got := ask(t, first, "PUT", "/v1/cell/limits", key, limits); status != 200 {
		t.Fatalf("%d %v", status, got)
	}
	nodes := []*Node{first}
	for i := range 8 {
		nodes = append(nodes, joinNode(t, first, fmt.Sprint("keel-", i+2)))
	}
	votes := func(n *Node) []uint64 { return n.replica.Status().Members.GetVoters() }
	eventually(t, "five voters", func() bool { return len(votes(first)) == 5 && cellOf{first}.Status().State == "healthy" })

	var lost, left []*Node // two voters, but not the node that is asked
	for _, n := range nodes {
		if n != first && len(lost) < 2 && slices.Contains(votes(first), n.replica.ID()) {
			lost = append(lost, n)
			stopNode(t, n)
			continue
		}
		left = append(left, n)
	}
	eventually(t, "five voters that live", func() bool {
		now := votes(first)
		return len(now) == 5 && !slices.Contains(now, lost[0].replica.ID()) && !slices.Contains(now, lost[1].replica.ID())
	})
	if status, got := ask(t, left[len(left)-1], "PUT", "/v1/queues/after", token, map[string]any{"name": "After"}); status != 201 {
		t.Fatalf("%d %v", status, got)
	}
	for _, n := range lost {
		back := startNode(t, n.cfg)
		left = append(left, back)
		eventually(t, "the lost one to stand by", func() bool {
			return back.notReady() == "" && !slices.Contains(votes(first), back.replica.ID()) &&
				slices.Contains(first.replica.Status().Members.GetLearners(), back.replica.ID())
		})
	}
	if now := votes(first); len(now) != 5 {
		t.Errorf("voters %v", now)
	}
	sameHashes(t, left...)
	for _, n := range left {
		stopNode(t, n)
	}
}
