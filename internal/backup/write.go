package backup

import (
	"encoding/json"
	"fmt"
	"io"
)

// Header says what a backup is of.
type Header struct {
	Version    int    `json:"version"`
	Made       string `json:"made"`    // by the node's clock, RFC 3339
	Program    string `json:"program"` // its version
	Cell       string `json:"cell"`
	Name       string `json:"name"` // of the node
	Generation string `json:"generation"`
	Index      uint64 `json:"index"` // the last entry that is in it
	Term       uint64 `json:"term"`
	Level      uint64 `json:"feature_level"`
	Archive    bool   `json:"archive"` // the node's copy of the archive is in it
}

// Writer writes a backup: the desk first, then the archive, then End.
type Writer struct {
	frames frameWriter
}

// NewWriter writes the header and the key.
func NewWriter(w io.Writer, h Header, key *Key, cellKey []byte) (*Writer, error) {
	h.Version = Version
	b := &Writer{frames: frameWriter{w: w, seal: sealWith(cellKey)}}
	b.frames.seal.Write([]byte(magic))
	if _, err := io.WriteString(w, magic); err != nil {
		return nil, err
	}
	for kind, v := range []any{kindHeader: h, kindKey: key} {
		if v == nil {
			continue
		}
		text, err := json.Marshal(v)
		if err == nil {
			err = b.frames.write(byte(kind), text)
		}
		if err != nil {
			return nil, fmt.Errorf("write the backup's head: %w", err)
		}
	}
	return b, nil
}

// Desk takes the desk's snapshot, whole.
func (b *Writer) Desk(from io.Reader) error { return b.section(kindDesk, from) }

// Archive takes the archive's file, whole.
func (b *Writer) Archive(from io.Reader) error { return b.section(kindArchive, from) }

func (b *Writer) section(kind byte, from io.Reader) error {
	buf := make([]byte, maxPayload)
	for {
		n, err := io.ReadFull(from, buf)
		if n > 0 {
			if err := b.frames.write(kind, buf[:n]); err != nil {
				return err
			}
		}
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return nil
		default:
			return err
		}
	}
}

// End seals the backup.
func (b *Writer) End() error { return b.frames.write(kindEnd, b.frames.seal.Sum(nil)) }

// Fail ends one that cannot be finished, and says why to who reads it.
func (b *Writer) Fail(why string) error {
	return b.frames.write(kindFailed, []byte(why[:min(len(why), maxSmall)]))
}
