package bus

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// A message on the wire: a byte for the version; the number of the node, the
// beginning of the boot's name and the count, of 8 bytes each (big-endian); and the
// payload under AES-256-GCM. What is in front, and the subject, are authenticated
// with it.
//
// The key is derived (HKDF, SHA-256) from the cell key for the cell, its generation
// and the boot: 16 random bytes of the sending process. A boot counts its messages
// from 1 and so never uses a nonce twice.
const (
	sealVersion = 1
	headBytes   = 1 + 8 + markBytes + 8
	bootBytes   = 16
	markBytes   = 8 // of the boot
)

// sealer seals or opens the messages of one boot.
type sealer struct {
	boot []byte
	aead cipher.AEAD
}

func newSealer(cfg *Config, boot []byte) (*sealer, error) {
	if len(boot) != bootBytes {
		return nil, fmt.Errorf("a boot has %d bytes, not %d", bootBytes, len(boot))
	}
	key, err := hkdf.Key(sha256.New, cfg.Key, boot, "evenkeel bus\x00"+cfg.Cell+"\x00"+cfg.Generation, 32)
	if err != nil {
		return nil, fmt.Errorf("derive the key of messages: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("use the key of messages: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("use the key of messages: %w", err)
	}
	return &sealer{boot: bytes.Clone(boot), aead: aead}, nil
}

// seal makes a message of a payload. No count may be used twice.
func (s *sealer) seal(subject string, node, count uint64, payload []byte) []byte {
	message := make([]byte, 0, headBytes+len(payload)+s.aead.Overhead())
	message = append(message, sealVersion)
	message = binary.BigEndian.AppendUint64(message, node)
	message = append(message, s.boot[:markBytes]...)
	message = binary.BigEndian.AppendUint64(message, count)
	return s.aead.Seal(message, nonce(count), payload, bound(subject, message))
}

var errForged = errors.New("the message was not sealed by this process for this subject")

// open returns the payload of a message.
func (s *sealer) open(subject string, count uint64, message []byte) ([]byte, error) {
	payload, err := s.aead.Open(nil, nonce(count), message[headBytes:], bound(subject, message[:headBytes]))
	if err != nil {
		return nil, errForged
	}
	return payload, nil
}

// head is what stands in front of a payload.
type head struct {
	node  uint64
	boot  []byte // its beginning
	count uint64
}

func readHead(message []byte) (h head, ok bool) {
	if len(message) < headBytes || message[0] != sealVersion {
		return h, false
	}
	return head{
		node: binary.BigEndian.Uint64(message[1:]), boot: message[9 : 9+markBytes], count: binary.BigEndian.Uint64(message[9+markBytes:]),
	}, true
}

func nonce(count uint64) []byte { return binary.BigEndian.AppendUint64(make([]byte, 4, 12), count) }

// bound is what is authenticated beside the payload.
func bound(subject string, head []byte) []byte {
	return append(append(make([]byte, 0, len(head)+len(subject)), head...), subject...)
}
