package backup

import (
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Reader reads a backup in its order: Desk to its end, Archive to its end, End.
// Nothing that it gives may be relied on before End has returned nil.
type Reader struct {
	frames  frameReader
	header  Header
	key     Key
	cellKey []byte

	rest []byte // of the frame that was read last
	have bool   // it is of a section, and not used up
}

// NewReader reads the header and opens the key. Errors: ErrDamaged,
// ErrPassphrase.
func NewReader(r io.Reader, passphrase string) (*Reader, error) {
	b := &Reader{frames: frameReader{r: r}}
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(r, head); err != nil || string(head) != magic {
		return nil, damaged("this is no backup of Evenkeel")
	}
	b.frames.take(head)
	if err := b.small(kindHeader, &b.header); err != nil {
		return nil, err
	}
	if b.header.Version != Version {
		return nil, fmt.Errorf("the backup is of version %d, this program reads version %d: use the program that made it", b.header.Version, Version)
	}
	if err := b.small(kindKey, &b.key); err != nil {
		return nil, err
	}
	var err error
	if b.cellKey, err = b.key.Open(passphrase); err != nil {
		return nil, err
	}
	b.frames.seal = sealWith(b.cellKey)
	b.frames.seal.Write(b.frames.early)
	b.frames.early = nil
	return b, nil
}

func (b *Reader) small(kind byte, into any) error {
	payload, err := b.frames.next()
	if err == nil && b.frames.kind != kind {
		err = damaged("a frame of kind %d stands where one of kind %d should", b.frames.kind, kind)
	}
	if err == nil && json.Unmarshal(payload, into) != nil {
		err = damaged("its head cannot be read")
	}
	return err
}

// Verify reads a backup whole and says what it is of, or what is wrong with it.
func Verify(r io.Reader, passphrase string) (Header, error) {
	b, err := NewReader(r, passphrase)
	if err != nil {
		return Header{}, err
	}
	_, err = io.Copy(io.Discard, b.Desk())
	if err == nil {
		_, err = io.Copy(io.Discard, b.Archive())
	}
	if err == nil {
		err = b.End()
	}
	return b.header, err
}

// Header says what the backup is of.
func (b *Reader) Header() Header { return b.header }

// CellKey is the key that the backup was sealed with.
func (b *Reader) CellKey() []byte { return b.cellKey }

// Desk reads the desk's snapshot, to io.EOF.
func (b *Reader) Desk() io.Reader { return section{b, kindDesk} }

// Archive reads the archive's file, to io.EOF.
func (b *Reader) Archive() io.Reader { return section{b, kindArchive} }

type section struct {
	b    *Reader
	kind byte
}

func (s section) Read(p []byte) (int, error) {
	b := s.b
	for len(b.rest) == 0 {
		if !b.have {
			payload, err := b.frames.next()
			if err != nil {
				return 0, err
			}
			b.rest, b.have = payload, true
		}
		if b.frames.kind != s.kind {
			return 0, io.EOF // the next section's
		}
		if len(b.rest) == 0 {
			b.have = false
		}
	}
	if b.frames.kind != s.kind {
		return 0, io.EOF
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	b.have = len(b.rest) > 0
	return n, nil
}

// End checks the seal, and that nothing follows. The sections have been read.
func (b *Reader) End() error {
	if !b.have {
		payload, err := b.frames.next()
		if err != nil {
			return err
		}
		b.rest = payload
	}
	switch b.frames.kind {
	case kindEnd:
	case kindFailed:
		return fmt.Errorf("the backup was not finished: %s", b.rest)
	default:
		return damaged("a frame of kind %d stands where its end should", b.frames.kind)
	}
	if !hmac.Equal(b.rest, b.frames.seal.Sum(nil)) {
		return damaged("its seal does not fit")
	}
	if n, err := b.frames.r.Read(make([]byte, 1)); n > 0 || err != nil && !errors.Is(err, io.EOF) {
		return damaged("something follows its end")
	}
	return nil
}
