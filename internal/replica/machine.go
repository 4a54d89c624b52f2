//evenkeel:pure

package replica

import (
	"fmt"
	"io"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
)

// Machine is the state machine as a replica needs it: the desk, and in tests
// something smaller.
type Machine interface {
	// Apply applies an entry but for the steps in skip. An error stops the replica.
	Apply(index uint64, entry []byte, skip []int) (desk.Output, error)
	// Step is the ordinal of what Apply was doing when it panicked.
	Step() int
	NextDeadline() (evenkeel.DeskTime, bool)
	Now() evenkeel.DeskTime
	Hash() uint64
	Size() int64 // in bytes, about that of a snapshot
	// Freeze begins a snapshot of the present state; one at a time.
	Freeze() Frozen
}

// Frozen is a snapshot being taken while the machine goes on.
type Frozen interface {
	// Slice returns the next part of the stream, of about so many bytes, for the
	// caller to keep. It is called between entries. After an error the snapshot is
	// of no use.
	Slice(limit int) (part []byte, done bool, err error)
	Hash() uint64 // when done
	Abandon()
}

// Machines makes machines.
type Machines struct {
	New     func() Machine
	Restore func(io.Reader) (Machine, error)
	// Check refuses a command that the machine could not read; nil: none is. One
	// in the log would stop every replica for good.
	Check func(command []byte) error
	// Stack tells where the program is, for the report of a panic; nil: unknown.
	Stack func() string
}

// Desks makes desks.
func Desks() Machines {
	return Machines{
		New: func() Machine { return deskMachine{desk.New()} },
		Restore: func(r io.Reader) (Machine, error) {
			d, err := desk.Restore(r)
			if err != nil {
				return nil, fmt.Errorf("replica: restore the desk: %w", err)
			}
			return deskMachine{d}, nil
		},
		Check: func(command []byte) error {
			_, err := desk.DecodeCommand(command)
			return err
		},
	}
}

type deskMachine struct{ *desk.Desk }

func (m deskMachine) Freeze() Frozen { return m.Desk.Freeze() }

// Desk returns the desk of a machine made by Desks.
func (m deskMachine) desk() *desk.Desk { return m.Desk }

// DeskOf returns the desk that a machine is, or nil.
func DeskOf(m Machine) *desk.Desk {
	if d, ok := m.(interface{ desk() *desk.Desk }); ok {
		return d.desk()
	}
	return nil
}
