package sim

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/evenkeel/evenkeel/internal/sim/simdisk"
)

// tail is how many lines of a trace are kept for the report of a failure.
const tail = 60

// trace is the record of a run. All that happens goes into its hash, so that two
// runs with equal hashes did the same.
type trace struct {
	hash  xxhash.Digest
	lines [tail][]byte // a ring
	count int
	out   io.Writer // nil: nobody reads along
	buf   []byte
}

func newTrace(out io.Writer) *trace {
	t := &trace{out: out}
	t.hash.Reset()
	return t
}

// line records what happened at a time.
func (t *trace) line(now time.Duration, format string, args ...any) {
	slot := &t.lines[t.count%tail]
	t.count++
	b := fmt.Appendf((*slot)[:0], "%11.6f ", now.Seconds())
	b = fmt.Appendf(b, format, args...)
	b = append(b, '\n')
	*slot = b
	_, _ = t.hash.Write(b) // never fails
	if t.out != nil {
		_, _ = t.out.Write(b) // whoever reads along is not worth a failure
	}
}

// op records an operation of the disk, without a line of its own.
func (t *trace) op(now time.Duration, op simdisk.Op) {
	b := binary.LittleEndian.AppendUint64(t.buf[:0], uint64(now))
	b = append(b, op.Kind...)
	b = append(b, op.Name...)
	b = binary.LittleEndian.AppendUint64(b, uint64(op.At))
	b = binary.LittleEndian.AppendUint64(b, uint64(op.Len))
	t.buf = b
	_, _ = t.hash.Write(b)
	if t.out != nil {
		fmt.Fprintf(t.out, "%11.6f   disk %s %s at %d, %d bytes\n", now.Seconds(), op.Kind, op.Name, op.At, op.Len)
	}
}

// last returns the newest lines, oldest first.
func (t *trace) last() []string {
	var out []string
	for i := max(0, t.count-tail); i < t.count; i++ {
		out = append(out, string(t.lines[i%tail]))
	}
	return out
}

func (t *trace) sum() uint64 { return t.hash.Sum64() }
