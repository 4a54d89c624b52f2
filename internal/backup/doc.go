// Package backup is the form of a backup's file: a header, the wrapped cell key,
// the desk's snapshot, the archive's file, and a seal over all of it. It writes
// and reads streams; nothing is held in memory but one frame.
//
//	"EKBACK01"  frame...
//
//	frame = kind(1) length(4) payload(length) sum(4)
//	kinds in order: header, key, desk..., archive..., end | failed
//
// Numbers are little-endian. The sum is the CRC32C of the frame's number (from
// 0, 8 bytes), kind, length and payload, so a frame is valid in its place only.
// The payload of end is an HMAC-SHA256, keyed from the cell key, over every byte
// before that frame: a file that was cut, changed or put together out of others
// does not pass, and neither does one that somebody without the cell key made.
// A backup that could not be finished ends with failed, which says why.
//
// The cell key opens the cell's secrets, so it is in the file only under a key
// made of a passphrase by argon2id, with AES-256-GCM. What was said in the chats
// is in the file as it is.
package backup
