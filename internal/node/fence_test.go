package node

import (
	"testing"
	"time"
)

// TestFence: once in each time without a leader, and not before it is long.
func TestFence(t *testing.T) {
	now := time.Now()
	f := fence{at: now}
	for i, c := range []struct {
		after  time.Duration
		led    bool
		closes bool
	}{
		{fenceAfter, false, false},
		{fenceAfter + time.Millisecond, false, true},
		{time.Minute, false, false},
		{time.Minute, true, false},
		{time.Minute + fenceAfter, false, false},
		{time.Minute + fenceAfter + time.Millisecond, false, true},
	} {
		if got := f.closes(now.Add(c.after), c.led); got != c.closes {
			t.Errorf("%d: closes %v", i, got)
		}
	}
}

// TestStandbyCutOffSendsItsClientsAway: a node that stands by never campaigns, and
// yet notices that nobody leads it any more.
func TestStandbyCutOffSendsItsClientsAway(t *testing.T) {
	nodes, _ := threeNodes(t)
	standby := joinNode(t, nodes[0], "keel-4")
	eventually(t, "the fourth to stand by", func() bool { return standby.notReady() == "" && standby.hearsLeader() })
	_, got := ask(t, standby, "POST", "/v1/visitors", "", map[string]any{})
	s := openStream(t, standby, got["token"].(string))
	for _, n := range nodes {
		stopNode(t, n)
	}
	eventually(t, "its client to be sent away", func() bool { return standby.realtime.Stats().Connections == 0 })
	if standby.hearsLeader() {
		t.Error("it believes in a leader")
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
	stopNode(t, standby)
}
