// Package journal keeps what a replica must not forget: Raft's hard state and
// log, and the snapshots of the desk. It is a write-ahead log in preallocated
// segments and a few snapshot files, over an interface of a dozen disk
// operations (FS), so that the code that ships can be run on a simulated disk
// that tears writes, loses what was not synced, flips bits and fills up.
//
//	Append(Batch) --> payload, in sequence ---+
//	             \--> descriptor, in a ring --+--> one fdatasync --> durable
//
// What it promises:
//
//   - A batch whose Append returned nil is there after any crash, whole and in
//     order. One whose Append did not return is there whole or not at all.
//   - Every batch is described twice, so that after a crash a write that was
//     never acknowledged (neither description valid: cut) is told from one that
//     rotted (a description too many: doubt or damage, reported, never cut
//     silently).
//   - Nothing is ever deleted or changed in a damaged journal: Open fails with
//     a *DamageError that names the file and the place.
//   - After a failed write or sync nothing is appended any more: what the disk
//     holds is unknown until the journal is opened anew.
//   - Room for two whole segments is held ready. A disk that fills up refuses
//     entries (ErrFull) while a vote can still be written.
//   - Nothing is written when nothing is appended.
//
// What it leaves to others: what to do about doubt and damage (the replica),
// when to snapshot and compact, how long a write may take, keeping the entries
// in memory. It starts no goroutine and reads no clock.
//
// DESIGN.md draws the formats and has the table of recovery.
package journal
