package replica

import (
	"testing"
	"time"
)

// TestQuietIsDue: at rest, with enough log or a machine that has become small.
func TestQuietIsDue(t *testing.T) {
	for name, c := range map[string]struct {
		bytes, entries, most, size int64
		due                        bool
	}{
		"nothing":                   {},
		"a little log":              {bytes: 4<<20 - 1, entries: 9},
		"enough log":                {bytes: 4 << 20, entries: 9, due: true},
		"a large machine":           {bytes: 4 << 20, entries: 9, most: 9 << 20, size: 9 << 20},
		"half of it":                {bytes: 5 << 20, entries: 9, most: 10 << 20, size: 10 << 20, due: true},
		"it was large":              {bytes: 100, entries: 1, most: 10 << 20, size: 1 << 20, due: true},
		"not so large":              {bytes: 100, entries: 1, most: 10<<20 - 1, size: 1 << 20},
		"large, but no entry since": {most: 12 << 20, size: 1 << 20},
	} {
		core := &Core{limits: Limits{}.withDefaults()}
		core.snapshot.bytes, core.snapshot.entries, core.snapshot.most = c.bytes, c.entries, c.most
		core.snapshot.since, core.applied.state.Size = time.Second, c.size
		if at, due := core.quietAt(); due != c.due || at != 11*time.Second {
			t.Errorf("%s: %v at %v", name, due, at)
		}
	}
}
