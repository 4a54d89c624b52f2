package sim

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
	"github.com/evenkeel/evenkeel/internal/replica"
)

// poison is in the text of messages at which the machine panics, as a fault in
// the desk would.
const (
	poison     = "(poison)"
	panicValue = "a command that the desk cannot bear"
)

// machine is the desk of a node, watched: every entry that it applies is compared
// with what the same entry came to before.
type machine struct {
	*desk.Desk
	w    *World
	n    *node
	step int // of a panic that was caused here; -1: the desk's own
}

func (n *node) machines() replica.Machines {
	w := n.w
	return replica.Machines{
		New: func() replica.Machine { return &machine{Desk: desk.New(), w: w, n: n, step: -1} },
		Restore: func(r io.Reader) (replica.Machine, error) {
			d, err := desk.Restore(r)
			if err != nil {
				return nil, fmt.Errorf("restore the desk: %w", err)
			}
			w.history.restored(d)
			return &machine{Desk: d, w: w, n: n, step: -1}, nil
		},
	}
}

// Apply implements replica.Machine.
func (m *machine) Apply(index uint64, entry []byte, skip []int) (desk.Output, error) {
	m.step = -1
	if at := poisoned(entry, skip); at >= 0 {
		m.w.history.skipped(m.n, index, at)
		m.half(index, entry, at)
		m.step = at
		panic(panicValue)
	}
	before := m.Now()
	out, err := m.Desk.Apply(index, entry, skip)
	if err != nil {
		return out, err
	}
	m.w.check(m.Now() >= before, "desk time never goes back", "entry %d: from %d to %d", index, before, m.Now())
	m.w.history.applied(index, entry, skip, m.Desk, &out)
	m.n.reached = max(m.n.reached, index)
	return out, nil
}

// half changes the desk by what comes before the panic, so that a replica which
// went on with it would be found out.
func (m *machine) half(index uint64, entry []byte, at int) {
	header, commands, err := desk.ParseEntry(entry)
	if err != nil {
		panic(err) // it was parsed a moment ago
	}
	if _, err := m.Desk.Apply(index, desk.AppendEntry(nil, header, commands[:at]), nil); err != nil {
		panic(err)
	}
}

// Step implements replica.Machine.
func (m *machine) Step() int {
	if m.step >= 0 {
		return m.step
	}
	return m.Desk.Step()
}

// poisoned returns the first command of an entry that makes the machine panic,
// -1 if there is none.
func poisoned(entry []byte, skip []int) int {
	if !bytes.Contains(entry, []byte(poison)) {
		return -1
	}
	_, commands, err := desk.ParseEntry(entry)
	if err != nil {
		return -1 // the desk will say so
	}
	for i, c := range commands {
		if bytes.Contains(c, []byte(poison)) && !slices.Contains(skip, i) {
			return i
		}
	}
	return -1
}

// Freeze implements replica.Machine. What the snapshot must come to is found out
// at once, from a state that stands still.
func (m *machine) Freeze() replica.Frozen {
	_, sum, err := m.Snapshot()
	m.w.check(err == nil, "a snapshot can be taken", "%v", err)
	m.w.history.freeze(m.Index(), sum)
	return &frozen{Frozen: m.Desk.Freeze(), w: m.w, index: m.Index(), want: sum}
}

// frozen is a snapshot being taken while the desk goes on.
type frozen struct {
	*desk.Frozen
	w     *World
	index uint64
	want  uint64
}

// Slice implements replica.Frozen.
func (f *frozen) Slice(limit int) (part []byte, done bool, err error) {
	part, done, err = f.Frozen.Slice(limit)
	if done && err == nil {
		f.w.check(f.Hash() == f.want, "a snapshot taken while the desk goes on equals one of the desk at rest",
			"at entry %d: %x, not %x", f.index, f.Hash(), f.want)
	}
	return part, done, err
}

// admin is the principal by whom the checks read: the cell's first admin.
func admin() evenkeel.Principal {
	return evenkeel.Principal{Workspace: evenkeel.DefaultWorkspace, Kind: evenkeel.PrincipalAgent, ID: "admin"}
}
