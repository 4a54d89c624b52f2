// Package transport carries bytes between the nodes of a cell: mutual TLS under
// the cell's own authority, one connection for each direction of a pair.
//
//	            Send                    dials, keeps, redials
//	node 1 ----------> queue ----> link ===== frames =====> Frame() at node 2
//	       ----------> Stream ==== a connection of its own, an answer at its end
//	       <---------- Fetch  ==== likewise, the other way round
//
// What it promises:
//
//   - Frames from one node to another arrive in order or not at all. What does not
//     fit into a bounded queue is dropped, and the sender is told by Send: Raft
//     and the edges send again.
//   - Both sides say who they are before anything else (Hello), and each may
//     refuse the other with a sentence that the other's operator gets to read.
//   - A process that has ended is told from one that is silent: its connection
//     broke and a new one is refused or is answered by another process, or it said
//     goodbye. Silence alone is never told as death.
//   - A node whose address changes keeps its connections' ends: peers learn the new
//     address from its Hello.
//
// It knows nothing of what the frames hold, of who should be a member, or of
// time beyond its own timeouts.
package transport
