package node

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// TestThrift: a node at rest looks after a while, and then now and again.
func TestThrift(t *testing.T) {
	var it thrift
	now := time.Unix(0, 0)
	for i, step := range []struct {
		after    time.Duration
		commands uint64
		due      bool
	}{
		{0, 7, false}, {thriftAfter - 1, 7, false}, {1, 7, true}, {1, 7, false}, {thriftEvery - 2, 7, false}, {1, 7, true},
		{thriftEvery, 8, false}, {thriftAfter - 1, 9, false}, {1, 9, false}, {thriftAfter, 9, true},
	} {
		now = now.Add(step.after)
		if got := it.due(step.commands, now); got != step.due {
			t.Errorf("step %d: %v", i, got)
		}
	}
}

// TestSpare: what is in use is not spare, what was freed is, until it is given
// back.
func TestSpare(t *testing.T) {
	used := make([]byte, 64<<20)
	runtime.GC()
	before := spare()
	runtime.KeepAlive(used)
	used = nil //nolint:ineffassign,wastedassign // for the collector
	runtime.GC()
	if grown := spare() - before; grown < 32<<20 {
		t.Errorf("64 MiB that were freed are %d spare bytes", grown)
	}
	debug.FreeOSMemory()
	if grown := spare() - before; grown > 8<<20 {
		t.Errorf("after they were given back they are %d spare bytes", grown)
	}
}
