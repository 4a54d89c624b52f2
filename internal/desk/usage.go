package desk

import (
	"cmp"

	"github.com/evenkeel/evenkeel"
)

// What one tenant uses is counted beside what all of them use, so that a limit
// of his own can stop him before he fills what the others need.

// store counts bytes of a channel's history: for the cell, and for the
// workspace that it belongs to.
func (d *Desk) store(ch *channelRow, n int64) {
	d.account(n)
	ch.ws.stored += n
}

// storedIn returns the bytes of a channel as store has counted them.
func storedIn(ch *channelRow) int64 {
	n := rowBytes + int64(len(ch.Name))
	for _, chunk := range ch.chunks {
		n += rowBytes
		for i := range chunk.Records {
			n += recordSize(&chunk.Records[i])
		}
	}
	return n
}

// roomIn refuses what would let a workspace, or the cell, grow over its budget.
func (d *Desk) roomIn(ws *workspaceRow, n int64) *evenkeel.Error {
	if most := ws.Limits.Storage; most > 0 && ws.stored+n > most {
		return evenkeel.Errorf(evenkeel.CodeLimitReached, "the workspace %s has reached its limit of %d bytes (storage)", ws.ID, most)
	}
	return d.room(n)
}

// most returns a limit of a workspace: its own if it has one, but never more
// than the cell's.
func most(own, cell int64) int64 { return min(cmp.Or(own, cell), cell) }

// ownerOf returns the workspace of a channel's name.
func (d *Desk) ownerOf(channel string) *workspaceRow {
	ws, _, _, _ := evenkeel.ParseChannel(channel)
	return d.workspaces.get(ws)
}

// Usage returns what a workspace uses.
func (d *Desk) Usage(by evenkeel.Principal, id string) (*evenkeel.WorkspaceUsage, error) {
	ws, err := d.knownWorkspace(by, id)
	if err != nil {
		return nil, err
	}
	return &evenkeel.WorkspaceUsage{
		Workspace: ws.ID, Agents: ws.agents, Queues: ws.queues, LiveChats: ws.chats, Storage: ws.stored,
		Started: ws.Started, Messages: ws.Sent,
	}, nil
}

// Workspaces lists the workspaces that the caller may know of, by id: all for
// an operator, his own for everybody else of the staff.
func (d *Desk) Workspaces(by evenkeel.Principal, after string, limit int) ([]*evenkeel.Workspace, error) {
	a, err := d.staffReader(by)
	if err != nil {
		return nil, err
	}
	rows := pageRows(d.workspaces.list, limit, func(ws *workspaceRow) bool {
		return ws.ID > after && (ws.ID == a.ws || a.role == evenkeel.RoleOperator)
	}, func(x, y *workspaceRow) bool { return x.ID < y.ID })
	out := make([]*evenkeel.Workspace, 0, len(rows))
	for _, ws := range rows {
		config := ws.Workspace
		out = append(out, &config)
	}
	return out, nil
}

func (d *Desk) knownWorkspace(by evenkeel.Principal, id string) (*workspaceRow, error) {
	a, err := d.staffReader(by)
	if err != nil {
		return nil, err
	}
	ws := d.workspaces.get(id)
	if ws == nil || id != a.ws && a.role != evenkeel.RoleOperator {
		return nil, evenkeel.Errorf(evenkeel.CodeNotFound, "there is no workspace %q", id)
	}
	return ws, nil
}

// WorkspaceAt returns the workspace that a host name belongs to.
func (d *Desk) WorkspaceAt(host string) (id string, ok bool) {
	id, ok = d.hosts[host]
	return id, ok
}
