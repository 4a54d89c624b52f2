// Package archive keeps a node's copy of the archive: the closed chats, in one
// SQLite file, and the runner that feeds it from the desk.
//
//	desk --> Source.Ops --> Runner --> Store.Apply --> archive.db
//	  ^                        |                           |
//	  +------ Report(cursor) --+       Chat, Transcript, Search, Walk
//	                           |                           |
//	            Peers.Fetch ---+                           +--- Send ---> a peer
//
// The desk numbers what has to happen to the archive. A copy does it in that
// order and remembers the number of the last thing done, the cursor, in the
// same transaction: after any crash the two agree, and what is done twice is
// done once. Only a synced cursor is reported; the desk keeps an operation
// until enough copies have reported it.
//
// What it promises:
//
//   - Nothing here can hold up a chat. The file may be locked, slow, full,
//     read-only, damaged or deleted: the runner waits, says so in its status,
//     and catches up when it can.
//   - Nothing is deleted that is not understood. A damaged file is set aside
//     under another name and a new copy is made.
//   - A copy that lacks what the desk no longer has is filled from a peer's: the
//     file as it is at one moment, proven before it takes the old one's place.
//     What comes after is done by operations, erasures too.
//   - What a person types is never a syntax error, and what is found is what is
//     marked: index, queries and highlights cut texts into words by the same code.
//   - Newest first without sorting, filters without scanning: the cost of a
//     page does not grow with what it does not show.
//   - What was erased is overwritten in the file, not only unlinked.
//   - Bounded memory: batches, caches and connections have limits.
//
// What it leaves to others: what is archived and when it may leave the desk
// (desk), who may read (edge), where the file lies (node).
//
// DESIGN.md draws the tables and has the figures they were chosen by.
package archive
