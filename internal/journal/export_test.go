package journal

// HeaderOfVersion returns a segment file of another format version.
func HeaderOfVersion(version byte, size int64) []byte {
	b := make([]byte, size)
	putHeader(b, 1, 1, size)
	b[12] = version
	sum := headerSum(b)
	b[8], b[9], b[10], b[11] = byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24)
	return b
}

// SegmentWithBody returns a segment of one batch with a body of any bytes.
func SegmentWithBody(body []byte, size int64) []byte {
	b := make([]byte, size)
	putHeader(b, 1, 1, size)
	seed := seedOf(1)
	i := info{number: 1, offset: headSize, length: uint32(len(body)), bodyCRC: crcOf(seed, body), flags: flagOpens}
	i.put(b[headSize:], magicPayload, seed)
	i.put(b[slotOffset(1):], magicDescriptor, seed)
	copy(b[headSize+infoSize:], body)
	return b
}
