//evenkeel:pure

package replica

import (
	"fmt"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
)

const (
	// outageAfter is how long a cell may be without a leader, or its leader without
	// being able to acknowledge anything, before the next entry says so. What is
	// shorter, a client waits for.
	outageAfter = 5 * time.Second
	// pulse is how often a leader that has something to do looks at the clock, so
	// that a pause of its own is seen. The pulse that was due is not counted in: a
	// machine that stops again and again cannot hold an offer for ever.
	pulse = time.Second
)

// deskClock is desk time: it goes on from the stamp of the last entry by this
// replica's monotonic clock. It stands still while no replica runs.
//
// Invariant: last is at or past the stamp of every entry in this replica's log.
type deskClock struct {
	base evenkeel.DeskTime // desk time when the monotonic clock showed at
	at   time.Duration
	last evenkeel.DeskTime

	// heard is when somebody was last known to lead: of this replica's own
	// leadership, when it could last acknowledge.
	heard time.Duration

	// outage: the cell was without a leader for long, or this replica's process
	// started, and no stamped entry of a term from healed on has been applied since.
	// The first entry of each leadership until then carries Resume and gap.
	outage bool
	gap    evenkeel.Duration
	healed uint64
	said   bool // in this leadership

	// pause is how long this leader itself stood still, not yet told in an entry. It
	// ends with the leadership: the next leader knows better how long there was none.
	pause evenkeel.Duration
}

func (k *deskClock) start(cfg CoreConfig) error {
	k.last = cfg.Time
	k.outage = cfg.Snapshot != nil || len(cfg.Entries) > 0
	if k.outage {
		k.healed = cfg.Snapshot.GetTerm() + 1
	}
	for i := len(cfg.Entries) - 1; i >= 0; i-- {
		k.healed = max(k.healed, cfg.Entries[i].GetTerm()+1)
		if !stamped(cfg.Entries[i]) {
			continue
		}
		header, _, err := desk.ParseEntry(cfg.Entries[i].GetData())
		if err != nil {
			return fmt.Errorf("replica: entry %d: %w", cfg.Entries[i].GetIndex(), err)
		}
		k.last = max(k.last, header.Time)
		break
	}
	k.base, k.at, k.heard = k.last, cfg.Now, cfg.Now
	return nil
}

// now returns desk time.
func (k *deskClock) now(now time.Duration) evenkeel.DeskTime {
	return max(k.last, k.base+evenkeel.DeskTime(max(0, now-k.at)/time.Millisecond))
}

// when returns when it will be t.
func (k *deskClock) when(t evenkeel.DeskTime) time.Duration {
	return k.at + time.Duration(t-k.base)*time.Millisecond
}

// saw takes the stamp of another leader's entry. One that cannot be read stops
// the replica when it is applied, not here.
func (k *deskClock) saw(e *raftpb.Entry, now time.Duration) {
	if header, _, err := desk.ParseEntry(e.GetData()); err == nil && header.Time >= k.last {
		k.base, k.at, k.last = header.Time, now, header.Time
	}
}

// restored takes the machine's time from a snapshot of another replica.
func (k *deskClock) restored(t evenkeel.DeskTime, now time.Duration) {
	if t > k.last {
		k.base, k.at, k.last = t, now, t
	}
}

func (k *deskClock) heardLeader(now time.Duration) { k.heard = now }

// served notes that this replica leads, and could have acknowledged all that came
// before a time. What it could not for long, though it had something to do, is
// an outage as well: its process was stopped, or its disk hung.
func (k *deskClock) served(until time.Duration, busy bool) {
	if pause := until - k.heard; busy && pause > outageAfter {
		k.pause += evenkeel.DurationOf(pause - pulse)
	}
	k.heard = max(k.heard, until)
}

// lead begins a leadership, resign ends it.
func (k *deskClock) lead(now time.Duration, term uint64) {
	k.said = false
	if pause := now - k.heard; pause > outageAfter {
		k.outage, k.healed = true, term
		k.gap = max(k.gap, evenkeel.DurationOf(pause))
	}
	k.heard = now
}

func (k *deskClock) resign(now time.Duration) {
	k.heard, k.pause = now, 0
}

// header is that of an entry proposed now.
func (k *deskClock) header(now time.Duration) desk.EntryHeader {
	h := desk.EntryHeader{Time: k.now(now)}
	if k.outage && !k.said {
		h.Resume, h.Gap = true, k.gap
	}
	if k.pause > 0 {
		h.Resume, h.Gap = true, h.Gap+k.pause
	}
	return h
}

func (k *deskClock) proposed(h desk.EntryHeader) {
	k.last, k.said, k.pause = h.Time, true, 0
}

// applied notes that a stamped entry of a term took effect: if its leader knew of
// the outage, so does the desk now.
func (k *deskClock) applied(term uint64) {
	if k.outage && term >= k.healed {
		k.outage, k.gap = false, 0
	}
}
