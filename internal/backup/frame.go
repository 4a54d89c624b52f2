package backup

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
)

const magic = "EKBACK01"

// Version is of what this program writes. It reads this one only.
const Version = 1

// The kinds of frames, in their order. They are append-only.
const (
	kindHeader  = 1
	kindKey     = 2
	kindDesk    = 3
	kindArchive = 4
	kindEnd     = 5
	kindFailed  = 6
)

const (
	frameHead = 5
	frameSum  = 4
	// maxPayload bounds what a reader holds of a frame that lies about its length.
	maxPayload = 256 << 10
	maxSmall   = 16 << 10 // of a header, a key or a reason
)

// ErrDamaged is a file that is not as it was written.
var ErrDamaged = errors.New("the backup is damaged")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

func sumOf(number uint64, head, payload []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Checksum(binary.LittleEndian.AppendUint64(nil, number), table)
	return crc32.Update(crc32.Update(sum, table, head), table, payload)
}

// sealWith makes the HMAC of a cell's backups.
func sealWith(cellKey []byte) hash.Hash {
	own := hmac.New(sha256.New, cellKey)
	own.Write([]byte("evenkeel: the seal of a backup"))
	return hmac.New(sha256.New, own.Sum(nil))
}

// frameWriter writes frames and seals them.
type frameWriter struct {
	w      io.Writer
	seal   hash.Hash
	number uint64
}

func (f *frameWriter) write(kind byte, payload []byte) error {
	frame := make([]byte, 0, frameHead+len(payload)+frameSum)
	frame = binary.LittleEndian.AppendUint32(append(frame, kind), uint32(len(payload)))
	frame = append(frame, payload...)
	frame = binary.LittleEndian.AppendUint32(frame, sumOf(f.number, frame[:frameHead], payload))
	f.number++
	f.seal.Write(frame)
	_, err := f.w.Write(frame)
	return err
}

// frameReader reads frames. What it reads before the key is known it keeps, to
// seal it then.
type frameReader struct {
	r      io.Reader
	seal   hash.Hash // nil: not known yet
	early  []byte
	number uint64
	buf    []byte
	kind   byte // of the frame that was read last
}

// next reads a frame. The payload is good until the next call.
func (f *frameReader) next() (payload []byte, err error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(f.r, head[:]); err != nil {
		return nil, cut(err)
	}
	f.kind = head[0]
	length := binary.LittleEndian.Uint32(head[1:])
	if length > maxPayload || f.seal == nil && length > maxSmall {
		return nil, damaged("frame %d says that it has %d bytes", f.number, length)
	}
	f.buf = append(f.buf[:0], make([]byte, int(length)+frameSum)...)
	if _, err := io.ReadFull(f.r, f.buf); err != nil {
		return nil, cut(err)
	}
	payload = f.buf[:length]
	if binary.LittleEndian.Uint32(f.buf[length:]) != sumOf(f.number, head[:], payload) {
		return nil, damaged("frame %d has changed", f.number)
	}
	f.number++
	if f.kind != kindEnd && f.kind != kindFailed {
		f.take(head[:])
		f.take(f.buf)
	}
	return payload, nil
}

func (f *frameReader) take(b []byte) {
	if f.seal == nil {
		f.early = append(f.early, b...)
		return
	}
	f.seal.Write(b)
}

func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return damaged("it ends early")
	}
	return fmt.Errorf("read the backup: %w", err)
}
