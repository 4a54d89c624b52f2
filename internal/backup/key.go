package backup

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/argon2"
)

// MinPassphrase is the least length of a passphrase, in bytes.
const MinPassphrase = 12

// What wrapping a key takes, and what a file may ask for at most.
const (
	memoryKiB  = 64 << 10
	passes     = 3
	maxMemory  = 256 << 10
	maxPasses  = 16
	keyBytes   = 32
	saltBytes  = 16
	nonceBytes = 12
)

// ErrPassphrase is a passphrase that does not open the key.
var ErrPassphrase = errors.New("the passphrase is not the one that the backup was made with")

// Key is a cell key under a passphrase.
type Key struct {
	Memory uint32 `json:"argon2id_kib"`
	Passes uint32 `json:"passes"`
	Salt   []byte `json:"salt"`
	Nonce  []byte `json:"nonce"`
	Sealed []byte `json:"sealed"`
}

// Wrap puts a cell key under a passphrase.
func Wrap(cellKey []byte, passphrase string, random io.Reader) (*Key, error) {
	if len(passphrase) < MinPassphrase {
		return nil, fmt.Errorf("the passphrase must have at least %d bytes: it is all that keeps the cell's secrets in a backup", MinPassphrase)
	}
	fresh := make([]byte, saltBytes+nonceBytes)
	if _, err := io.ReadFull(random, fresh); err != nil {
		return nil, fmt.Errorf("wrap the cell key: %w", err)
	}
	k := &Key{Memory: memoryKiB, Passes: passes, Salt: fresh[:saltBytes], Nonce: fresh[saltBytes:]}
	aead, err := k.aead(passphrase)
	if err != nil {
		return nil, err
	}
	k.Sealed = aead.Seal(nil, k.Nonce, cellKey, []byte(magic))
	return k, nil
}

// Open returns the cell key; ErrPassphrase.
func (k *Key) Open(passphrase string) ([]byte, error) {
	if k.Memory < 8 || k.Memory > maxMemory || k.Passes < 1 || k.Passes > maxPasses || len(k.Salt) != saltBytes || len(k.Nonce) != nonceBytes {
		return nil, damaged("its key was not wrapped by this program")
	}
	aead, err := k.aead(passphrase)
	if err != nil {
		return nil, err
	}
	cellKey, err := aead.Open(nil, k.Nonce, k.Sealed, []byte(magic))
	if err != nil || len(cellKey) != keyBytes {
		return nil, ErrPassphrase
	}
	return cellKey, nil
}

func (k *Key) aead(passphrase string) (cipher.AEAD, error) {
	block, err := aes.NewCipher(argon2.IDKey([]byte(passphrase), k.Salt, k.Passes, k.Memory, 1, keyBytes))
	if err != nil {
		return nil, fmt.Errorf("wrap the cell key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("wrap the cell key: %w", err)
	}
	return aead, nil
}
