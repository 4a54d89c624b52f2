package transport

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// MaxFrame is the most that one frame holds, in bytes.
const MaxFrame = 4 << 20

// Kind tells the receiver of a frame what it holds. Kinds below 8 are the
// transport's own.
type Kind uint8

const (
	kindPing    Kind = 0 // nothing: the connection is alive
	kindGoodbye Kind = 1 // this process ends now
	firstKind   Kind = 8
)

const frameHead = 5 // length of what follows, then the kind

func appendHead(b []byte, kind Kind, size int) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(size)), byte(kind))
}

// readFrame reads the next frame. The payload is the caller's.
func readFrame(r *bufio.Reader) (Kind, []byte, error) {
	head, err := r.Peek(frameHead)
	if err != nil {
		return 0, nil, err
	}
	size, kind := binary.BigEndian.Uint32(head), Kind(head[4])
	if size > MaxFrame {
		return 0, nil, fmt.Errorf("a frame of %d bytes: at most %d are allowed", size, MaxFrame)
	}
	_, _ = r.Discard(frameHead) // it was peeked
	// What was announced is believed as it arrives, not before.
	payload := make([]byte, 0, min(size, 64<<10))
	for len(payload) < int(size) {
		if len(payload) == cap(payload) {
			payload = append(payload, 0)[:len(payload)]
		}
		n, err := io.ReadFull(r, payload[len(payload):min(cap(payload), int(size))])
		payload = payload[:len(payload)+n]
		if err != nil {
			return 0, nil, err
		}
	}
	return kind, payload, nil
}
