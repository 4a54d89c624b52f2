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
