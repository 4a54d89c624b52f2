//evenkeel:pure

package realtime

import (
	"bytes"
	"encoding/json"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// field is one field of a Protobuf message.
type field struct {
	num   protowire.Number
	typ   protowire.Type
	value uint64 // of a varint
	bytes []byte // of what has a length; in the message's memory
}

// settable is a message that takes its fields one by one. Numbers that it does
// not know it passes over.
type settable interface {
	set(f *field) error
}

func decodeFields(b []byte, m settable) error {
	for len(b) > 0 {
		f, n := nextField(b)
		if n < 0 {
			return errMalformed
		}
		b = b[n:]
		if err := m.set(&f); err != nil {
			return err
		}
	}
	return nil
}

// nextField reads a field and returns the bytes that it takes; negative if it
// is none. Groups, which nest without end, are none.
func nextField(b []byte) (f field, n int) {
	num, typ, tag := protowire.ConsumeTag(b)
	if tag < 0 {
		return f, tag
	}
	f = field{num: num, typ: typ}
	switch typ {
	case protowire.VarintType:
		f.value, n = protowire.ConsumeVarint(b[tag:])
	case protowire.BytesType:
		f.bytes, n = protowire.ConsumeBytes(b[tag:])
	case protowire.Fixed32Type:
		_, n = protowire.ConsumeFixed32(b[tag:])
	case protowire.Fixed64Type:
		_, n = protowire.ConsumeFixed64(b[tag:])
	default:
		return f, -1
	}
	if n < 0 {
		return f, n
	}
	return f, tag + n
}

func (f *field) text(to *string) error {
	if f.typ != protowire.BytesType || !utf8.Valid(f.bytes) {
		return errMalformed
	}
	*to = string(f.bytes)
	return nil
}

func (f *field) data(to *json.RawMessage) error {
	if f.typ != protowire.BytesType {
		return errMalformed
	}
	*to = bytes.Clone(f.bytes)
	return nil
}

func (f *field) flag(to *bool) error {
	*to = protowire.DecodeBool(f.value)
	return f.varint(1)
}

func (f *field) uint64(to *uint64) error {
	*to = f.value
	return f.varint(math.MaxUint64)
}

func (f *field) uint32(to *uint32) error {
	*to = uint32(f.value)
	return f.varint(math.MaxUint32)
}

// int32 takes what has a sign, which Protobuf stretches to 64 bits.
func (f *field) int32(to *int32) error {
	*to = int32(f.value)
	if int64(*to) != int64(f.value) {
		return errMalformed
	}
	return f.varint(math.MaxUint64)
}

func (f *field) int64(to *int64) error {
	*to = int64(f.value)
	return f.varint(math.MaxUint64)
}

func (f *field) varint(most uint64) error {
	if f.typ != protowire.VarintType || f.value > most {
		return errMalformed
	}
	return nil
}

// message decodes a field that is a message itself. What comes in several
// parts is one message, as everywhere in Protobuf.
func message[T any, P interface {
	*T
	settable
}](f *field, to *P) error {
	if f.typ != protowire.BytesType {
		return errMalformed
	}
	if *to == nil {
		*to = new(T)
	}
	return decodeFields(f.bytes, *to)
}

func (w *wireCommand) set(f *field) error {
	switch f.num {
	case 1:
		return f.uint32(&w.ID)
	case 4:
		return message(f, &w.Connect)
	case 5:
		return message(f, &w.Subscribe)
	case 6:
		return message(f, &w.Unsubscribe)
	case 7:
		return message(f, &w.Publish)
	case 8:
		return message(f, &w.Presence)
	case 9:
		return message(f, &w.Stats)
	case 10:
		return message(f, &w.History)
	case 11:
		return message(f, &w.Ping)
	case 12:
		return message(f, &w.Send)
	case 13:
		return message(f, &w.RPC)
	case 14:
		return message(f, &w.Refresh)
	case 15:
		return message(f, &w.SubRefresh)
	}
	return nil
}

func (w *wireConnect) set(f *field) error {
	switch f.num {
	case 1:
		return f.text(&w.Token)
	case 2:
		return f.data(&w.Data)
	case 3:
		var sub *wireSub
		if err := message(f, &sub); err != nil {
			return err
		}
		if w.Subs == nil {
			w.Subs = map[string]wireSubscribe{}
		}
		w.Subs[sub.channel] = sub.from
	case 4:
		return f.text(&w.Name)
	case 5:
		return f.text(&w.Version)
	}
	return nil
}

// wireSub is an entry of the subs of a connect command.
type wireSub struct {
	channel string
	from    wireSubscribe
}

func (w *wireSub) set(f *field) error {
	switch f.num {
	case 1:
		return f.text(&w.channel)
	case 2:
		var from *wireSubscribe
		if err := message(f, &from); err != nil {
			return err
		}
		w.from = *from
	}
	return nil
}

func (w *wireSubscribe) set(f *field) error {
	switch f.num {
	case 1:
		return f.text(&w.Channel)
	case 2:
		return f.text(&w.Token)
	case 3:
		return f.flag(&w.Recover)
	case 6:
		return f.text(&w.Epoch)
	case 7:
		return f.uint64(&w.Offset)
	case 11:
		return f.flag(&w.Joins)
	case 14:
		return f.int64(&w.Flag)
	}
	return nil
}

func (w *wireChannel) set(f *field) error {
	if f.num == 1 {
		return f.text(&w.Channel)
	}
	return nil
}

func (w *wirePublish) set(f *field) error {
	switch f.num {
	case 1:
		return f.text(&w.Channel)
	case 2:
		return f.data(&w.Data)
	}
	return nil
}

func (w *wireSubRefresh) set(f *field) error {
	switch f.num {
	case 1:
		return f.text(&w.Channel)
	case 2:
		return f.text(&w.Token)
	}
	return nil
}

func (w *wireHistory) set(f *field) error {
	switch f.num {
	case 1:
		return f.text(&w.Channel)
	case 7:
		return f.int32(&w.Limit)
	case 8:
		return message(f, &w.Since)
	case 9:
		return f.flag(&w.Reverse)
	}
	return nil
}

func (w *wirePosition) set(f *field) error {
	switch f.num {
	case 1:
		return f.uint64(&w.Offset)
	case 2:
		return f.text(&w.Epoch)
	}
	return nil
}

func (w *wireRPC) set(f *field) error {
	switch f.num {
	case 1:
		return f.data(&w.Data)
	case 2:
		return f.text(&w.Method)
	}
	return nil
}

func (w *wireRefresh) set(f *field) error {
	if f.num == 1 {
		return f.text(&w.Token)
	}
	return nil
}

func (*wireEmpty) set(*field) error { return nil }
