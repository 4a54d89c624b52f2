package client

import (
	"context"
	"net/http"
	"time"

	"github.com/evenkeel/evenkeel"
)

// Cell is the cell as the node that answers sees it.
type Cell struct {
	ID            string `json:"id"`
	Name          string `json:"name"`
	Generation    string `json:"generation"`
	Leader        string `json:"leader"` // a node's id, empty for none
	Term          uint64 `json:"term"`
	Index         uint64 `json:"index"`
	FeatureLevel  uint64 `json:"feature_level"`
	State         string `json:"state"` // healthy, degraded, no_quorum
	Voters        int    `json:"voters"`
	Tolerates     int    `json:"tolerates"` // voters that may be lost at a time
	Nodes         []Node `json:"nodes"`
	IncidentsOpen int    `json:"incidents_open"`
}

// Node is one node of a cell.
type Node struct {
	ID        string         `json:"id"`
	Name      string         `json:"name"`
	Roles     []string       `json:"roles"`
	State     string         `json:"state"`    // up, suspect, down, draining, drained, quarantined
	Suffrage  string         `json:"suffrage"` // voter, learner, standby
	Version   string         `json:"version"`
	URL       string         `json:"url"`
	Applied   uint64         `json:"applied"`
	Hash      string         `json:"hash"` // of all that it came to, up to Applied: equal where that is
	Lag       uint64         `json:"lag"`  // entries behind the leader
	Sessions  int64          `json:"sessions"`
	Memory    int64          `json:"memory"`    // bytes in use by the process
	DiskFree  int64          `json:"disk_free"` // bytes
	ClockSkew int64          `json:"clock_skew_ms"`
	Started   *evenkeel.Time `json:"started"`
}

// Cell reads the cell's state.
func (c *Client) Cell(ctx context.Context) (*Cell, error) { return get[Cell](ctx, c, "/v1/cell") }

// Limits reads what bounds the cell's state; for operators.
func (c *Client) Limits(ctx context.Context) (*evenkeel.Limits, error) {
	return get[evenkeel.Limits](ctx, c, "/v1/cell/limits")
}

// SetLimits replaces what bounds the cell's state; for operators. Change what
// Limits returned: what is zero is taken as it is.
func (c *Client) SetLimits(ctx context.Context, limits *evenkeel.Limits) error {
	_, err := c.Do(ctx, Request{Method: http.MethodPut, Path: "/v1/cell/limits", Body: limits}, nil)
	return err
}

// Ready returns nil if the node that answers can serve, and why not otherwise.
// It asks once.
func (c *Client) Ready(ctx context.Context) error {
	response, err := c.try(ctx, &Request{Method: http.MethodGet, Path: "/readyz"}, nil)
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// Invitation is a way for one more node to join the cell.
type Invitation struct {
	Token   string        `json:"token"`
	Join    string        `json:"join"` // HOST:PORT of a node
	Expires evenkeel.Time `json:"expires"`
	Command string        `json:"command"` // to be run on the new machine
}

// InviteNode makes a token by which one more node may join; for operators.
func (c *Client) InviteNode(ctx context.Context, life time.Duration) (*Invitation, error) {
	var got Invitation
	_, err := c.Do(ctx, Request{Method: http.MethodPost, Path: "/v1/cell/invites", Body: map[string]any{"life": life.Seconds()}}, &got)
	if err != nil {
		return nil, err
	}
	return &got, nil
}
