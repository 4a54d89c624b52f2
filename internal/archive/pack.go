//evenkeel:pure

package archive

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/fxamacker/cbor/v2"

	"github.com/evenkeel/evenkeel"
)

// A part of a talk holds at most this much; a page of a long talk is read
// without the rest of it.
const (
	partMessages = 64
	partBytes    = 32 << 10
	maxUnpacked  = 8 << 20 // one message may be larger than a part, a part never than this
)

var (
	encMode = func() cbor.EncMode {
		m, err := cbor.EncOptions{Sort: cbor.SortCanonical}.EncMode()
		if err != nil {
			panic(err) // the options are constants
		}
		return m
	}()
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// part is some messages or notes of a chat that follow each other.
type part struct {
	notes bool
	first uint64 // number of the first one
	body  []byte // packed
}

// packer makes and reads the bytes of the rows. SQLite does not notice a
// changed byte inside of a row, so each carries a checksum of its own.
type packer struct {
	w   *flate.Writer // heavy, so it is kept
	buf bytes.Buffer
}

func (p *packer) pack(v any) ([]byte, error) {
	raw, err := encMode.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	p.buf.Reset()
	if p.w == nil {
		if p.w, err = flate.NewWriter(&p.buf, flate.DefaultCompression); err != nil {
			return nil, err
		}
	} else {
		p.w.Reset(&p.buf)
	}
	if _, err := p.w.Write(raw); err != nil {
		return nil, err
	}
	if err := p.w.Close(); err != nil {
		return nil, err
	}
	out := binary.LittleEndian.AppendUint32(make([]byte, 0, 4+p.buf.Len()), crc32.Checksum(p.buf.Bytes(), castagnoli))
	return append(out, p.buf.Bytes()...), nil
}

// unpacker keeps what reading a packed row takes, for the next one.
type unpacker struct {
	in  bytes.Reader
	r   io.ReadCloser
	raw bytes.Buffer
}

// intact tells whether the bytes are as they were packed.
func intact(b []byte) error {
	if len(b) < 4 || crc32.Checksum(b[4:], castagnoli) != binary.LittleEndian.Uint32(b) {
		return fmt.Errorf("%w: the checksum is wrong", ErrRow)
	}
	return nil
}

func (u *unpacker) unpack(b []byte, v any) error {
	if err := intact(b); err != nil {
		return err
	}
	u.in.Reset(b[4:])
	if u.r == nil {
		u.r = flate.NewReader(&u.in)
	} else if err := u.r.(flate.Resetter).Reset(&u.in, nil); err != nil {
		return err
	}
	u.raw.Reset()
	_, err := u.raw.ReadFrom(io.LimitReader(u.r, maxUnpacked))
	if err == nil {
		err = cbor.Unmarshal(u.raw.Bytes(), v)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRow, err)
	}
	return nil
}

// head is the chat without its last message, which its talk has.
func (p *packer) head(c *evenkeel.Chat) ([]byte, error) {
	without := *c
	without.LastMessage = nil
	return p.pack(&without)
}

// talk cuts messages and notes into parts.
func (p *packer) talk(rec *evenkeel.ArchiveRecord) ([]part, error) {
	var parts []part
	add := func(notes bool, first uint64, v any) error {
		body, err := p.pack(v)
		parts = append(parts, part{notes, first, body})
		return err
	}
	err := inParts(rec.Messages, func(m *evenkeel.Message) int { return len(m.Text) }, func(some []*evenkeel.Message) error {
		return add(false, some[0].Number, some)
	})
	if err != nil {
		return nil, err
	}
	err = inParts(rec.Notes, func(n *evenkeel.Note) int { return len(n.Text) }, func(some []*evenkeel.Note) error {
		return add(true, some[0].Number, some)
	})
	return parts, err
}

func inParts[T any](all []T, size func(T) int, add func([]T) error) error {
	start, total := 0, 0
	for i, v := range all {
		if i > start && (i-start >= partMessages || total+size(v) > partBytes) {
			if err := add(all[start:i]); err != nil {
				return err
			}
			start, total = i, 0
		}
		total += size(v)
	}
	if start < len(all) {
		return add(all[start:])
	}
	return nil
}
