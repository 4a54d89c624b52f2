package node

import (
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// A node that has come to rest gives back what it took in busy hours. The runtime
// does so too, but keeps what the next collection may need, which is as much again
// as is in use, and collects only every two minutes when nothing happens.

const (
	thriftAfter = 20 * time.Second // without a command
	thriftEvery = time.Minute
	thriftWorth = 8 << 20 // bytes
)

// thrift decides when. It is watchSelf's.
type thrift struct {
	commands uint64    // proposed so far
	since    time.Time // when so many were first seen
	next     time.Time
}

// due tells whether it is time to look, at a node that has proposed so many
// commands.
func (t *thrift) due(commands uint64, now time.Time) bool {
	if commands != t.commands || t.since.IsZero() {
		t.commands, t.since = commands, now
	}
	if now.Sub(t.since) < thriftAfter || now.Before(t.next) {
		return false
	}
	t.next = now.Add(thriftEvery)
	return true
}

// giveBack gives memory back to the system, if it is worth a collection.
func (n *Node) giveBack() {
	if n.thrift.due(n.meters.proposals.Load(), time.Now()) && spare() >= thriftWorth {
		debug.FreeOSMemory()
	}
}

// spare is the memory that the runtime holds beyond what was in use at the last
// collection, in bytes.
func spare() int64 {
	read := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}, {Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/stacks:bytes"}, {Name: "/memory/classes/metadata/other:bytes"},
	}
	metrics.Read(read)
	held := int64(read[0].Value.Uint64())
	for _, s := range read[1:] {
		held -= int64(s.Value.Uint64())
	}
	return held
}
