package replica

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
)

// tally is a state machine small enough to read a trace of. Its commands:
//
//	NAME          note it; the result's number counts the notes so far
//	panic!NAME    panic, after half of the work
//	in:MS         a deadline so many milliseconds from now, which notes "due";
//	              an outage extends it, as it does the desk's offers
//	work:N        N units of follow-up work, two for each entry
//	refuse        a refusal
//	unknown!      an error that stops the replica
type tally struct {
	state tallyState
	step  int

	frozen *tallyFrozen
}

type tallyState struct {
	Index     uint64
	Time      evenkeel.DeskTime
	Notes     []string
	Deadlines []evenkeel.DeskTime // sorted
	Work      int
	Resumes   int
	Gap       evenkeel.Duration
	Sum       uint64
}

func tallies() Machines {
	return Machines{
		New: func() Machine { return &tally{} },
		Restore: func(r io.Reader) (Machine, error) {
			m := &tally{}
			return m, json.NewDecoder(r).Decode(&m.state)
		},
	}
}

func (m *tally) Apply(index uint64, entry []byte, skip []int) (desk.Output, error) {
	if !slices.IsSorted(skip) {
		return desk.Output{}, errors.New("skips out of order")
	}
	header, commands, err := desk.ParseEntry(entry)
	if err != nil {
		return desk.Output{}, err
	}
	if header.Time < m.state.Time || index <= m.state.Index {
		return desk.Output{}, fmt.Errorf("entry %d at %d behind entry %d at %d", index, header.Time, m.state.Index, m.state.Time)
	}
	if header.Resume {
		m.state.Resumes++
		m.state.Gap += header.Gap
		for i := range m.state.Deadlines {
			m.state.Deadlines[i] += min(evenkeel.DeskTime(header.Gap), header.Time-m.state.Time)
		}
	}
	m.state.Index, m.state.Time = index, header.Time
	out := desk.Output{Index: index}
	m.step = 0
	for _, c := range commands {
		var result evenkeel.Result
		if slices.Contains(skip, m.step) {
			result.Err = evenkeel.Errorf(evenkeel.CodeInternal, "skipped")
			m.sum("skip")
		} else if result, err = m.command(string(c)); err != nil {
			return out, err
		}
		result.Index = index
		out.Results = append(out.Results, result)
		m.sum(fmt.Sprint(result.Number, result.Err))
		m.step++
	}
	m.followUp(skip)
	out.More = m.state.Work > 0
	return out, nil
}

func (m *tally) command(c string) (evenkeel.Result, error) {
	verb, arg, _ := strings.Cut(c, ":")
	switch {
	case strings.HasPrefix(c, "panic!"):
		m.state.Notes = append(m.state.Notes, "half")
		panic(c)
	case verb == "in":
		ms, err := strconv.Atoi(arg)
		if err != nil {
			return evenkeel.Result{}, err
		}
		at := m.state.Time + evenkeel.DeskTime(ms)
		place, _ := slices.BinarySearch(m.state.Deadlines, at)
		m.state.Deadlines = slices.Insert(m.state.Deadlines, place, at)
	case verb == "work":
		n, err := strconv.Atoi(arg)
		if err != nil {
			return evenkeel.Result{}, err
		}
		m.state.Work += n
	case c == "refuse":
		return evenkeel.Result{Err: evenkeel.Errorf(evenkeel.CodeConflict, "as asked")}, nil
	case c == "unknown!":
		return evenkeel.Result{}, errors.New("a command of an unknown kind")
	default:
		m.note(c)
	}
	return evenkeel.Result{Number: uint64(len(m.state.Notes))}, nil
}

func (m *tally) followUp(skip []int) {
	for range 2 {
		if m.state.Work == 0 {
			break
		}
		m.state.Work--
		if !slices.Contains(skip, m.step) {
			m.note("work")
		}
		m.step++
	}
	for len(m.state.Deadlines) > 0 && m.state.Deadlines[0] <= m.state.Time {
		m.state.Deadlines = m.state.Deadlines[1:]
		m.note("due")
	}
}

func (m *tally) note(s string) {
	m.state.Notes = append(m.state.Notes, s)
	m.sum(s)
}

func (m *tally) sum(s string) {
	h := fnv.New64a()
	fmt.Fprint(h, m.state.Sum, s)
	m.state.Sum = h.Sum64()
}

func (m *tally) Step() int              { return m.step }
func (m *tally) Now() evenkeel.DeskTime { return m.state.Time }
func (m *tally) Hash() uint64           { return m.state.Sum }
func (m *tally) Size() int64            { return int64(8 * len(m.state.Notes)) } // much less than its snapshot

func (m *tally) NextDeadline() (evenkeel.DeskTime, bool) {
	if len(m.state.Deadlines) == 0 {
		return 0, false
	}
	return m.state.Deadlines[0], true
}

// Freeze copies everything at once: what matters here is who calls it when.
func (m *tally) Freeze() Frozen {
	if m.frozen != nil {
		panic("two snapshots at once")
	}
	b, err := json.Marshal(m.state)
	if err != nil {
		panic(err)
	}
	m.frozen = &tallyFrozen{of: m, rest: bytes.NewBuffer(b), sum: m.state.Sum}
	return m.frozen
}

type tallyFrozen struct {
	of   *tally
	rest *bytes.Buffer
	sum  uint64
}

func (f *tallyFrozen) Slice(limit int) ([]byte, bool, error) {
	part := bytes.Clone(f.rest.Next(limit))
	done := f.rest.Len() == 0
	if done {
		f.of.frozen = nil
	}
	return part, done, nil
}

func (f *tallyFrozen) Hash() uint64 { return f.sum }
func (f *tallyFrozen) Abandon()     { f.of.frozen = nil }
