package transport

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Protocol is the version of what goes over a connection. Both sides must have
// the same.
const Protocol = 1

// Hello is what each side of a connection says first.
type Hello struct {
	Protocol   int    `json:"protocol"`
	Cell       string `json:"cell"`
	Generation string `json:"generation"`
	Node       uint64 `json:"node"`
	Boot       string `json:"boot"`    // another for each process
	Version    string `json:"version"` // of the program
	Level      uint64 `json:"level"`   // the highest feature level it understands
	Last       uint64 `json:"last"`    // index of the last log entry on its disk
	Address    string `json:"address"` // where others reach it; empty: as before

	// Purpose, of the side that dials, is what the connection is for.
	Purpose purpose `json:"purpose,omitempty"`
	// Refusal, of the side that answers, says why there is no connection.
	Refusal string `json:"refusal,omitempty"`
	Cause   string `json:"cause,omitempty"` // of a RefusedError
}

type purpose string

const (
	forFrames purpose = "frames"
	forStream purpose = "stream"
	forFetch  purpose = "fetch"
	forJoin   purpose = "join"
)

// RefusedError is the other side's no to a connection or a request, in its words, and
// the cause, if it gave one.
type RefusedError struct{ Reason, Cause string }

func (e *RefusedError) Error() string { return "the other node refuses: " + e.Reason }

// foreignError is a node that shows itself to be none that this one could talk to.
type foreignError struct{ reason string }

func (e *foreignError) Error() string { return e.reason }

// Refusal is this side's no, with a cause by which the other can tell it from another.
type Refusal struct{ Reason, Cause string }

func (e *Refusal) Error() string { return e.Reason }

// refusalOf is what the other side is told of an error.
func refusalOf(err error) (reason, cause string) {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal.Reason, refusal.Cause
	}
	return err.Error(), ""
}

const maxHello = 64 << 10

// writeMessage writes a JSON message with its length before it.
func writeMessage(w io.Writer, message any) error {
	b, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("encode %T: %w", message, err)
	}
	if len(b) > maxHello {
		return fmt.Errorf("a message has at most %d bytes, this one %d", maxHello, len(b))
	}
	if _, err := w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// readMessage reads what writeMessage wrote.
func readMessage(r io.Reader, message any) error {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxHello {
		return errors.New("the other side does not speak this protocol")
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if err := json.Unmarshal(b, message); err != nil {
		return fmt.Errorf("the other side does not speak this protocol: %w", err)
	}
	return nil
}
