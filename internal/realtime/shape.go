//evenkeel:pure

package realtime

import (
	"slices"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/evenkeel/evenkeel"
)

// shape writes a message of the protocol in one of its two forms. Each message
// is described once (shapes.go), field by field, with its name for JSON and its
// number for Protobuf, so that no encoding can lack what the other has.
//
// Fields with zero values are left out, as readers of both forms expect.
type shape struct {
	dst    []byte
	binary bool
	comma  bool // JSON: this object has a field already
}

// key begins a field of a JSON object.
func (w *shape) key(name string) {
	if w.comma {
		w.dst = append(w.dst, ',')
	}
	w.comma = true
	w.dst = append(w.dst, '"')
	w.dst = append(w.dst, name...)
	w.dst = append(w.dst, '"', ':')
}

// open begins a message in a field; close, with what open returned, ends it.
func (w *shape) open(name string, num protowire.Number) (start int) {
	if w.binary {
		w.dst = protowire.AppendTag(w.dst, num, protowire.BytesType)
		return w.measure()
	}
	w.key(name)
	return w.object()
}

func (w *shape) object() int {
	w.dst = append(w.dst, '{')
	w.comma = false
	return 0
}

// measure leaves room for the length of what follows.
func (w *shape) measure() int {
	w.dst = append(w.dst, 0)
	return len(w.dst)
}

func (w *shape) close(start int) {
	if !w.binary {
		w.dst = append(w.dst, '}')
		w.comma = true
		return
	}
	length := uint64(len(w.dst) - start)
	if more := protowire.SizeVarint(length) - 1; more > 0 {
		var room [9]byte
		w.dst = slices.Insert(w.dst, start, room[:more]...)
	}
	protowire.AppendVarint(w.dst[:start-1], length)
}

// list begins a field of several messages; element begins each, and close ends
// it.
func (w *shape) list(name string) {
	if !w.binary {
		w.key(name)
		w.dst = append(w.dst, '[')
		w.comma = false
	}
}

func (w *shape) element(num protowire.Number) (start int) {
	if w.binary {
		w.dst = protowire.AppendTag(w.dst, num, protowire.BytesType)
		return w.measure()
	}
	if w.comma {
		w.dst = append(w.dst, ',')
	}
	return w.object()
}

func (w *shape) endList() {
	if !w.binary {
		w.dst = append(w.dst, ']')
		w.comma = true
	}
}

// table begins a field that maps names to messages; entry begins each of them,
// and endEntry ends it.
func (w *shape) table(name string) {
	if !w.binary {
		w.key(name)
		w.object()
	}
}

func (w *shape) entry(num protowire.Number, key string) (starts [2]int) {
	if !w.binary {
		if w.comma {
			w.dst = append(w.dst, ',')
		}
		w.dst = evenkeel.AppendJSONString(w.dst, key)
		w.dst = append(w.dst, ':')
		w.object()
		return starts
	}
	starts[0] = w.element(num)
	w.text("", 1, key)
	starts[1] = w.element(2)
	return starts
}

func (w *shape) endEntry(starts [2]int) {
	w.close(starts[1])
	if w.binary {
		w.close(starts[0])
	}
}

func (w *shape) endTable() {
	if !w.binary {
		w.close(0)
	}
}

func (w *shape) uint(name string, num protowire.Number, v uint64) {
	if v != 0 {
		w.number(name, num, v)
	}
}

// number is uint for fields that JSON always has.
func (w *shape) number(name string, num protowire.Number, v uint64) {
	if !w.binary {
		w.key(name)
		w.dst = strconv.AppendUint(w.dst, v, 10)
	} else if v != 0 {
		w.dst = protowire.AppendVarint(protowire.AppendTag(w.dst, num, protowire.VarintType), v)
	}
}

func (w *shape) flag(name string, num protowire.Number, v bool) {
	switch {
	case !v:
	case w.binary:
		w.dst = append(protowire.AppendTag(w.dst, num, protowire.VarintType), 1)
	default:
		w.key(name)
		w.dst = append(w.dst, "true"...)
	}
}

func (w *shape) text(name string, num protowire.Number, v string) {
	if v != "" {
		w.word(name, num, v)
	}
}

// word is text for fields that JSON always has.
func (w *shape) word(name string, num protowire.Number, v string) {
	if !w.binary {
		w.key(name)
		w.dst = evenkeel.AppendJSONString(w.dst, v)
	} else if v != "" {
		w.dst = protowire.AppendString(protowire.AppendTag(w.dst, num, protowire.BytesType), v)
	}
}

// data is a payload: JSON on one line, which Protobuf carries as it is.
func (w *shape) data(name string, num protowire.Number, v []byte) {
	switch {
	case len(v) == 0:
	case w.binary:
		w.dst = protowire.AppendBytes(protowire.AppendTag(w.dst, num, protowire.BytesType), v)
	default:
		w.key(name)
		w.dst = append(w.dst, v...)
	}
}
