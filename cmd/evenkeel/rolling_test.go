package main

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"
)

// rollingPause is how long a client may be without a connection.
const rollingPause = 2 * time.Second

// TestRollingRestart restarts every node of a cell, one after the other, while
// people chat: nothing is lost, doubled or reordered, and no client is without a
// connection for long.
func TestRollingRestart(t *testing.T) {
	binary := buildBinary(t)
	s, err := raise(t.Context(), "127.0.0.1:0", fleetConfig{childConfig: childConfig{program: binary}, nodes: 3})
	if err != nil {
		t.Fatal(err)
	}
	town := startTown(t, s, 30, 6, 8)
	for _, n := range s.nodes {
		wait(t.Context(), time.Second) // how long people are served in peace
		if err := s.restart(t.Context(), n); err != nil {
			t.Error(err)
		}
	}
	town.finish(t)
	if longest := town.roll.longest; longest > rollingPause {
		t.Errorf("a client was without a connection for %s, want at most %s", longest, rollingPause)
	}
	t.Logf("%+v; the longest that a client was away: %s", *town.figures.now(), town.roll.longest)
	if err := s.lower(); err != nil {
		t.Error(err)
	}
}

// restart takes a node out of service, restarts it and takes it back.
func (s *stage) restart(ctx context.Context, n *fleetNode) error {
	if err := s.drain(ctx, n, true); err != nil {
		return fmt.Errorf("drain node %d: %w", n.number, err)
	}
	if err := waitUntil(ctx, 50*time.Millisecond, time.Minute, fmt.Sprintf("node %d does not become empty", n.number), func() (bool, error) {
		cell, err := s.ask(ctx, n)
		if err != nil || cell.Leader == n.id() {
			return false, ctx.Err()
		}
		for _, m := range cell.Nodes {
			if m.ID == n.id() {
				return m.State == "drained" || m.Sessions <= 1, nil // the probe stays
			}
		}
		return false, nil
	}); err != nil {
		return err
	}
	n.killed.Store(true)
	n.end()
	if err := n.start(ctx); err != nil {
		return err
	}
	if err := s.drain(ctx, n, false); err != nil {
		return fmt.Errorf("take node %d back: %w", n.number, err)
	}
	return s.healthy(ctx)
}

// testTown is people who use a stage.
type testTown struct {
	*demoTown
	people sync.WaitGroup
	close  context.CancelFunc
	leave  func()
}

// startTown lets people in.
func startTown(t *testing.T, s *stage, customers, agents int, pace float64) *testTown {
	t.Helper()
	town := &testTown{demoTown: &demoTown{url: s.url, seed: 1, pace: pace, figures: newFigures(demoThreshold)}}
	s.town = town.demoTown
	if err := town.build(t.Context(), s.admin, agents); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	town.close = cancel
	town.leave = town.demoTown.people(ctx, &town.people, customers)
	return town
}

// finish sends all home and judges what they saw.
func (town *testTown) finish(t *testing.T) {
	t.Helper()
	town.close()
	town.leave()
	town.people.Wait()
	if err := town.figures.verdict(); err != nil {
		t.Error(err)
	}
	if f := town.figures.now(); f.Sent == 0 || f.Ended == 0 {
		t.Errorf("nobody has talked: %+v", *f)
	}
}
