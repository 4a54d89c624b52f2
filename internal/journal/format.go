package journal

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// The shape of a segment file. Numbers are little-endian. A segment's head is
// two pages; each has a copy of the header and every other slot of the ring, so
// that no page holds all that is known of the last batch.
const (
	sectorSize = 512
	pageSize   = 4096
	headSize   = 2 * pageSize

	// ringSlots is how many descriptors a segment keeps: one a sector, seven a
	// page.
	ringSlots = 14

	headerSize = 40 // of a segment, at the start of each page of the head
	infoSize   = 96 // of a batch, at the start of its payload and in its slot

	formatVersion = 1
)

const (
	magicSegment    = "EKLOG001"
	magicPayload    = uint32(0x50424b45) // "EKBP"
	magicDescriptor = uint32(0x44424b45) // "EKBD"
)

// Flags of a batch.
const (
	// flagOpens: the first batch of its segment. It restates all records that
	// are still in force, so that the segments before it can be dropped.
	flagOpens = uint32(1 << iota)
	// flagResolves: this batch was written in the place of one in doubt, whose
	// descriptor it overrules.
	flagResolves
)

func crcTable() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// crcOf continues seed over b. Seeds differ between segments, so bytes of one
// file are never valid in another.
func crcOf(seed uint32, b []byte) uint32 { return crc32.Update(seed, crcTable(), b) }

// align rounds up to whole sectors: no sector belongs to two batches, so an
// unsynced write never touches a synced one.
func align(n int64) int64 { return (n + sectorSize - 1) &^ (sectorSize - 1) }

// slotOffset is where batch n has its descriptor. Neighbours lie in different
// pages.
func slotOffset(n uint64) int64 {
	slot := int64(n % ringSlots)
	return slot%2*pageSize + (1+slot/2)*sectorSize
}

// info describes one batch. It is stored twice: before the batch's body, and in
// the segment's ring.
type info struct {
	number   uint64 // 1 for the first batch of a journal, then without holes
	first    uint64 // index of the first entry, 0 if there is none
	last     uint64 // index of the last entry, 0 if there is none
	lastTerm uint64 // term of the last entry

	// The hard state after this batch. It is here and not in the body so that
	// either copy alone is enough to know how this node voted.
	term, vote, commit uint64

	offset  int64  // of the payload in the segment
	length  uint32 // of the body
	bodyCRC uint32
	prev    uint32 // sum of the batch before
	blank   uint32 // sectors of the payload that hold nothing but zeros
	flags   uint32
}

// end is where the next payload may begin.
func (i *info) end() int64 { return i.offset + align(infoSize+int64(i.length)) }

func (i *info) put(b []byte, magic, seed uint32) {
	le := binary.LittleEndian
	le.PutUint32(b[0:], magic)
	le.PutUint64(b[8:], i.number)
	le.PutUint64(b[16:], i.first)
	le.PutUint64(b[24:], i.last)
	le.PutUint64(b[32:], i.lastTerm)
	le.PutUint64(b[40:], i.term)
	le.PutUint64(b[48:], i.vote)
	le.PutUint64(b[56:], i.commit)
	le.PutUint64(b[64:], uint64(i.offset))
	le.PutUint32(b[72:], i.length)
	le.PutUint32(b[76:], i.bodyCRC)
	le.PutUint32(b[80:], i.prev)
	le.PutUint32(b[84:], i.blank)
	le.PutUint32(b[88:], i.flags)
	le.PutUint32(b[92:], 0)
	le.PutUint32(b[4:], infoSum(b, seed))
}

// infoSum is the checksum of an info in its stored form, the field of the sum
// itself left out.
func infoSum(b []byte, seed uint32) uint32 {
	return crcOf(crcOf(seed, b[0:4]), b[8:infoSize])
}

// getInfo reads an info; false if it is not valid.
func getInfo(b []byte, magic, seed uint32) (info, bool) {
	le := binary.LittleEndian
	if len(b) < infoSize || le.Uint32(b[0:]) != magic || le.Uint32(b[4:]) != infoSum(b, seed) {
		return info{}, false
	}
	i := info{
		number:   le.Uint64(b[8:]),
		first:    le.Uint64(b[16:]),
		last:     le.Uint64(b[24:]),
		lastTerm: le.Uint64(b[32:]),
		term:     le.Uint64(b[40:]),
		vote:     le.Uint64(b[48:]),
		commit:   le.Uint64(b[56:]),
		offset:   int64(le.Uint64(b[64:])),
		length:   le.Uint32(b[72:]),
		bodyCRC:  le.Uint32(b[76:]),
		prev:     le.Uint32(b[80:]),
		blank:    le.Uint32(b[84:]),
		flags:    le.Uint32(b[88:]),
	}
	ok := i.number > 0 && i.offset >= headSize && i.offset%sectorSize == 0 && i.offset <= MaxSegmentSize
	return i, ok
}

// sum is the checksum that the next batch names as prev: that of this info as it
// stands before the payload.
func (i *info) sum(seed uint32) uint32 {
	var b [infoSize]byte
	i.put(b[:], magicPayload, seed)
	return binary.LittleEndian.Uint32(b[4:])
}

// putHeader writes the segment's header into the first headerSize bytes of b.
func putHeader(b []byte, seq, salt uint64, size int64) {
	le := binary.LittleEndian
	copy(b, magicSegment)
	le.PutUint32(b[12:], formatVersion)
	le.PutUint64(b[16:], seq)
	le.PutUint64(b[24:], salt)
	le.PutUint64(b[32:], uint64(size))
	le.PutUint32(b[8:], headerSum(b))
}

func headerSum(b []byte) uint32 { return crcOf(crcOf(0, b[:8]), b[12:headerSize]) }

// header is what a segment says of itself.
type header struct {
	version uint32
	seq     uint64
	salt    uint64
	size    int64
}

func getHeader(b []byte) (header, bool) {
	le := binary.LittleEndian
	if len(b) < headerSize || string(b[:8]) != magicSegment || le.Uint32(b[8:]) != headerSum(b) {
		return header{}, false
	}
	return header{
		version: le.Uint32(b[12:]),
		seq:     le.Uint64(b[16:]),
		salt:    le.Uint64(b[24:]),
		size:    int64(le.Uint64(b[32:])),
	}, true
}

// seedOf turns a segment's salt into the seed of its checksums.
func seedOf(salt uint64) uint32 {
	return crcOf(0, binary.LittleEndian.AppendUint64(nil, salt))
}

func isZero(b []byte) bool {
	for len(b) >= sectorSize {
		if !bytes.Equal(b[:sectorSize], zeroSector[:]) {
			return false
		}
		b = b[sectorSize:]
	}
	return bytes.Equal(b, zeroSector[:len(b)])
}

var zeroSector [sectorSize]byte

// blankSectors counts the sectors of b that hold nothing but zeros. b is whole
// sectors.
func blankSectors(b []byte) uint32 {
	var n uint32
	for ; len(b) >= sectorSize; b = b[sectorSize:] {
		if b[0] == 0 && isZero(b[:sectorSize]) {
			n++
		}
	}
	return n
}
