//evenkeel:shell

package edge

import (
	"context"

	"github.com/evenkeel/evenkeel"
)

// Cell is what the edge asks of the node that it runs on.
type Cell interface {
	// View calls fn with the local replica, which does not change until fn
	// returns. fn must not block and must not call the Cell.
	View(fn func(Reader))

	// Propose hands commands to the leader. It does not block; done is called
	// exactly once, on any goroutine, possibly before Propose returns.
	//
	// With err nil there is one result for each command. An error of the codes
	// too_many_requests, disk_full, too_large or bad_request says that none of
	// the commands was or will be applied. Any other error, no_leader above
	// all, leaves that open for each of them. Calls are applied in their order,
	// unless one fails.
	Propose(commands []*evenkeel.Command, done func(results []evenkeel.Result, err error))

	// Wall is the cell's time of day: that of the last entry, and what has passed
	// since. A cell in which nothing happens makes no entries.
	Wall() evenkeel.Time

	// WaitApplied returns when the local replica reflects the index.
	WaitApplied(ctx context.Context, index uint64) error

	// Fresh returns when the local replica reflects all that was acknowledged
	// anywhere before the call. Without a leader it fails when ctx ends.
	Fresh(ctx context.Context) error

	// Status is the cell as this node sees it.
	Status() CellStatus
}

// CellStatus is the answer of GET /v1/cell. The node fills it in.
type CellStatus struct {
	ID            string       `json:"id"`
	Name          string       `json:"name"`
	Generation    string       `json:"generation"`
	Leader        string       `json:"leader"` // a node's id, empty for none
	Term          uint64       `json:"term"`
	Index         uint64       `json:"index"`
	FeatureLevel  uint64       `json:"feature_level"`
	State         string       `json:"state"` // healthy, degraded, no_quorum
	Voters        int          `json:"voters"`
	Tolerates     int          `json:"tolerates"` // voters that may be lost at a time
	Nodes         []NodeStatus `json:"nodes"`
	IncidentsOpen int          `json:"incidents_open"`

	// Self is the id of the node that answers.
	Self string `json:"-"`
	// NotReady says why this node cannot serve; empty: it can.
	NotReady string `json:"-"`
}

// NodeStatus is one node of a cell.
type NodeStatus struct {
	ID        string         `json:"id"`
	Name      string         `json:"name"`
	Roles     []string       `json:"roles"`
	State     string         `json:"state"`    // up, suspect, down, draining, drained, quarantined
	Suffrage  string         `json:"suffrage"` // voter, learner, standby
	Version   string         `json:"version"`
	URL       string         `json:"url,omitempty"`
	Applied   uint64         `json:"applied"`
	Hash      string         `json:"hash,omitempty"` // of all that it came to, up to applied: equal where applied is
	Lag       uint64         `json:"lag"`            // entries behind the leader
	Sessions  int64          `json:"sessions"`
	Memory    int64          `json:"memory,omitempty"`    // bytes in use by the process
	DiskFree  int64          `json:"disk_free,omitempty"` // bytes
	ClockSkew int64          `json:"clock_skew_ms"`
	Started   *evenkeel.Time `json:"started,omitempty"`
	Archive   ArchiveStatus  `json:"archive"`
}

// ArchiveStatus is a node's copy of the archive.
type ArchiveStatus struct {
	State  string `json:"state"`            // live, filling, stale, failed, none
	Behind uint64 `json:"behind"`           // operations that it has not done yet
	Chats  int64  `json:"chats,omitempty"`  // archived ones
	Bytes  int64  `json:"bytes,omitempty"`  // on the disk
	Detail string `json:"detail,omitempty"` // what is wrong, and what to do
}
