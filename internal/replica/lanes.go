//evenkeel:pure

package replica

import (
	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
)

// Lane is one of two queues before the log. What waits in Control goes first.
type Lane uint8

// The lanes.
const (
	Control Lane = iota // configuration, sessions, chats
	Push                // the operator's own messages
	laneCount
)

// Proposal is a group of encoded commands that go into the same entry, in their
// order. They are not changed once proposed.
type Proposal struct {
	Lane     Lane
	Commands [][]byte
	// Done takes the results, one a command, or the reason why there are none. The
	// core only carries it.
	Done func([]evenkeel.Result, error)

	bytes int64
}

// lanes hold proposals that are not yet in the log.
//
// Invariant: queued[l] is the bytes and commands of lane[l]; pushBytes counts
// the push lane and all pushes proposed but not yet committed.
type lanes struct {
	limits    Limits
	lane      [laneCount]line
	pushBytes int64
}

// line is a queue of proposals: those of list from head on.
type line struct {
	list     []*Proposal
	head     int
	bytes    int64
	commands int
}

func (l *line) waiting() []*Proposal { return l.list[l.head:] }

func (l *line) add(p *Proposal) {
	l.list = append(l.list, p)
	l.bytes += p.bytes
	l.commands += len(p.Commands)
}

func (l *line) take(n int) {
	for i := range n {
		p := l.list[l.head+i]
		l.list[l.head+i] = nil
		l.bytes -= p.bytes
		l.commands -= len(p.Commands)
	}
	l.head += n
	if l.head == len(l.list) {
		l.list, l.head = l.list[:0], 0
	} else if l.head > 1024 && l.head > len(l.list)/2 {
		n := copy(l.list, l.list[l.head:])
		clear(l.list[n:])
		l.list, l.head = l.list[:n], 0
	}
}

func (l *lanes) empty() bool {
	return len(l.lane[Control].waiting()) == 0 && len(l.lane[Push].waiting()) == 0
}

// put queues a proposal or refuses it.
func (l *lanes) put(p *Proposal) *evenkeel.Error {
	if p.Lane >= laneCount || len(p.Commands) == 0 {
		return evenkeel.Errorf(evenkeel.CodeInternal, "a proposal needs a lane and commands")
	}
	p.bytes = 0
	for _, command := range p.Commands {
		if len(command) > desk.MaxCommandBytes {
			return evenkeel.Errorf(evenkeel.CodeTooLarge, "a command has at most %d bytes", desk.MaxCommandBytes)
		}
		p.bytes += int64(len(command))
	}
	if len(p.Commands) > desk.MaxEntryCommands || (p.bytes > desk.MaxEntryBytes && len(p.Commands) > 1) {
		return evenkeel.Errorf(evenkeel.CodeTooLarge, "a proposal has at most %d commands and %d bytes", desk.MaxEntryCommands, desk.MaxEntryBytes)
	}
	line := &l.lane[p.Lane]
	if line.commands+len(p.Commands) > l.limits.QueuedCommands || line.bytes+p.bytes > l.limits.QueuedBytes {
		return busy("the cell has more to do than it can")
	}
	if p.Lane == Push {
		if l.pushBytes+p.bytes > l.limits.PushBytes && l.pushBytes > 0 {
			return busy("too many pushes are on their way to the log")
		}
		l.pushBytes += p.bytes
	}
	line.add(p)
	return nil
}

func busy(detail string) *evenkeel.Error {
	return &evenkeel.Error{Code: evenkeel.CodeTooManyRequests, Detail: detail, RetryAfter: evenkeel.Second}
}

// gather returns how many proposals of each lane fit into one entry.
func (l *lanes) gather() (counts [laneCount]int) {
	var bytes int64
	var commands int
	for lane := range l.lane {
		for _, p := range l.lane[lane].waiting() {
			if commands > 0 && (bytes+p.bytes > desk.MaxEntryBytes || commands+len(p.Commands) > desk.MaxEntryCommands) {
				return counts // order within a lane is kept: nobody overtakes
			}
			bytes += p.bytes
			commands += len(p.Commands)
			counts[lane]++
		}
	}
	return counts
}

// clear takes everything out.
func (l *lanes) clear() []*Proposal {
	var all []*Proposal
	for i := range l.lane {
		all = append(all, l.lane[i].waiting()...)
		if Lane(i) == Push {
			l.pushBytes -= l.lane[i].bytes
		}
		l.lane[i] = line{}
	}
	return all
}
