package edge

import (
	"testing"

	"github.com/evenkeel/evenkeel"
)

// TestConnectSpreads: whoever asks is sent to any node that is up and can be
// reached, and learns of the others; a drained one and one of another scheme are
// not offered.
func TestConnectSpreads(t *testing.T) {
	f := newFixture(t)
	f.edge.cfg.Transports = []Transport{{"websocket", "/connection/websocket"}, {"sse", "/connection/sse"}}
	f.cell.set(func() {
		f.cell.status = CellStatus{Leader: "n1", Self: "n1", Nodes: []NodeStatus{
			{ID: "n1", State: "up", Sessions: 90, URL: "http://10.0.0.1:8080"}, {ID: "n2", State: "up", URL: "http://10.0.0.2:8080", Sessions: 10},
			{ID: "n3", State: "up", URL: "https://chat.example"}, {ID: "n4", State: "drained", URL: "http://10.0.0.4:8080"},
		}}
	})
	seen, asked := map[string]int{}, 0
	for ; asked < 200 || seen["n1"] == 0 && asked < 10000; asked++ { // one in 82 is sent to the fuller one
		r := f.call("POST", "/v1/connect", "", `{}`).want(200)
		node := r.str("node")
		seen[node]++
		if node == "n2" {
			r.equal("endpoint.url", "ws://10.0.0.2:8080/connection/websocket", "decide.0", "http://10.0.0.2:8080/v1/connect", "fallbacks.1.node", "n1")
		}
	}
	if seen["n1"] == 0 || seen["n2"] < 5*seen["n1"] || seen["n3"]+seen["n4"] > 0 {
		t.Errorf("%d callers were sent to %v", asked, seen)
	}
	f.cell.set(func() { f.cell.status.Leader = "" })
	f.call("POST", "/v1/connect", "", `{}`).refused(evenkeel.CodeNoLeader, "")
}
