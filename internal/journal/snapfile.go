package journal

import (
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// The shape of a snapshot file: a page with the header, then the stream in
// blocks of blockSize bytes, each beginning with its checksum. The header is
// written last, once all blocks are synced: a file whose header is still blank
// was never finished.
const (
	snapPrefix    = "snap-"
	magicSnapshot = "EKSNAP01"

	blockSize = 64 << 10
	blockHead = 8 // length of the data, CRC32C of the data
	blockData = blockSize - blockHead

	snapFixed   = 64 // bytes of the header before ConfState and DeskHash
	maxDeskHash = 64

	// syncEvery is how much of a snapshot may be unsynced, in bytes, so that a
	// sync of the log never waits for more.
	syncEvery = 4 << 20
)

// snapName names a file; try tells apart several attempts at one snapshot.
func snapName(index, term, try uint64) string {
	return fmt.Sprintf("%s%016x-%016x-%016x", snapPrefix, index, term, try)
}

// blockSeed ties a block to its snapshot and its place.
func blockSeed(index, term, block uint64) uint32 {
	var b [24]byte
	binary.LittleEndian.PutUint64(b[0:], index)
	binary.LittleEndian.PutUint64(b[8:], term)
	binary.LittleEndian.PutUint64(b[16:], block)
	return crcOf(0, b[:])
}

// encodeSnapHeader returns the header page.
func encodeSnapHeader(m *SnapshotMeta) ([]byte, error) {
	conf, err := proto.MarshalOptions{Deterministic: true}.Marshal(m.ConfState)
	if err != nil {
		return nil, fmt.Errorf("encode the configuration: %w", err)
	}
	if len(conf) > maxConf || len(m.DeskHash) > maxDeskHash {
		return nil, fmt.Errorf("snapshot at %d: %w: configuration of %d bytes, hash of %d", m.Index, ErrTooLarge, len(conf), len(m.DeskHash))
	}
	le := binary.LittleEndian
	b := make([]byte, pageSize)
	copy(b, magicSnapshot)
	le.PutUint32(b[12:], formatVersion)
	le.PutUint64(b[16:], m.Index)
	le.PutUint64(b[24:], m.Term)
	le.PutUint64(b[32:], uint64(m.Size))
	le.PutUint64(b[40:], m.Hash)
	le.PutUint32(b[48:], blockSize)
	le.PutUint32(b[52:], uint32(len(conf)))
	le.PutUint32(b[56:], uint32(len(m.DeskHash)))
	copy(b[snapFixed:], conf)
	copy(b[snapFixed+len(conf):], m.DeskHash)
	le.PutUint32(b[8:], snapSum(b))
	return b, nil
}

func snapSum(b []byte) uint32 { return crcOf(crcOf(0, b[:8]), b[12:pageSize]) }

// decodeSnapHeader reads a header page of a file of the given size; why tells
// what is wrong with it, "" if nothing is.
func decodeSnapHeader(b []byte, fileSize int64) (m SnapshotMeta, why string) {
	le := binary.LittleEndian
	if string(b[:8]) != magicSnapshot || le.Uint32(b[8:]) != snapSum(b) {
		return m, "its header is not valid"
	}
	if v := le.Uint32(b[12:]); v != formatVersion || le.Uint32(b[48:]) != blockSize {
		return m, fmt.Sprintf("its format version %d is not known", v)
	}
	m = SnapshotMeta{
		Index: le.Uint64(b[16:]),
		Term:  le.Uint64(b[24:]),
		Size:  int64(le.Uint64(b[32:])),
		Hash:  le.Uint64(b[40:]),
	}
	conf, hash := int64(le.Uint32(b[52:])), int64(le.Uint32(b[56:]))
	if conf > maxConf || hash > maxDeskHash || m.Index == 0 || m.Size < 0 || m.Size > fileSize || snapFileSize(m.Size) > fileSize {
		return m, "its header does not make sense"
	}
	m.ConfState = new(raftpb.ConfState)
	if err := proto.Unmarshal(b[snapFixed:snapFixed+conf], m.ConfState); err != nil {
		return m, "its configuration cannot be read"
	}
	m.DeskHash = append([]byte(nil), b[snapFixed+conf:snapFixed+conf+hash]...)
	return m, ""
}

// snapFileSize is the length of a file with a stream of n bytes.
func snapFileSize(n int64) int64 {
	blocks := (n + blockData - 1) / blockData
	return pageSize + n + blocks*blockHead
}

// newHash begins the hash of a stream.
func newHash() *xxhash.Digest { return xxhash.New() }
