package node

import (
	"net"
	"net/http"
	"sync/atomic"
)

// Connections that are open at a time.
const (
	maxConnections = 100000
	// ownFiles are left to the journal and the rest of the process: one that
	// cannot open its next file stops.
	ownFiles = 256
)

// doorman counts the connections of the HTTP server and turns away what would
// be too many, before it costs more than a socket.
type doorman struct {
	most   int64
	others func() int64 // connections that have become something else than HTTP
	open   atomic.Int64
}

// newDoorman makes a doorman for a process that may have so many files open; 0:
// as many as it likes.
func newDoorman(files int64, others func() int64) *doorman {
	most := int64(maxConnections)
	if files > 0 {
		most = min(most, files-min(ownFiles, files/2))
	}
	return &doorman{most: most, others: others}
}

// watch is the http.Server's ConnState.
func (d *doorman) watch(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if d.open.Add(1)+d.others() > d.most {
			_ = c.Close() // the server finds it closed and forgets it
		}
	case http.StateHijacked, http.StateClosed:
		d.open.Add(-1)
	case http.StateActive, http.StateIdle:
	}
}
